//! Cache of files and their encoded variants, never stale.
//!
//! Never watches the disk: `watch` does.

mod clock_cache;
mod entry;
mod file_cache;
mod gzip_jobs;
mod precompressed;
mod variants;

pub use clock_cache::CacheLimits;
pub use entry::{CachedFile, Lookup};
pub use file_cache::{CacheGeneration, CacheLookups, FileCache};
pub(super) use precompressed::is_usable;
