//! Cache of files and of their encoded variants, which is never stale.
//!
//! Owns which files are kept and which are evicted, the precompressed files beside them, and gzip that is
//! made on request. It never watches the disk itself: `watch` does.

mod clock_cache;
mod entry;
mod file_cache;
mod gzip_jobs;
mod precompressed;
mod variants;

pub use clock_cache::CacheLimits;
pub use entry::{CachedFile, Lookup};
pub use file_cache::{CacheGeneration, CacheLookups, FileCache};
