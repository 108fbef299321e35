//! Cache of files and of their encoded variants, which is never stale.
//!
//! Owns which files are kept and which are evicted, the precompressed files beside them, and gzip that is
//! made on request. It never watches the disk itself: `watch` does.

pub(super) mod clock_cache;
pub(super) mod file_cache;
mod gzip_jobs;
mod precompressed;
mod variants;

pub use clock_cache::CacheLimits;
pub use file_cache::{Edition, Entry, FileCache, Lookup, RACY_WINDOW};
