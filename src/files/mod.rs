//! Files below a root directory: lookup, cache, uploads, listings and archives.
//!
//! Owns path syntax, file access, file versions and media types. Never uses sockets or HTTP.

mod archive;
mod cache;
mod coding;
mod dir_sync;
pub mod embedded;
mod file_version;
pub mod listing;
mod media_type;
mod open_file;
mod path;
mod root;
mod source;
#[cfg(test)]
mod testing;
mod upload;
mod watch;

pub use archive::{Archive, TarPayload, TarSlice};
pub use cache::{CacheGeneration, CacheLimits, CacheLookups, CachedFile, FileCache, Lookup};
pub use coding::{Coding, EncodingPreferences};
pub use dir_sync::DirSync;
pub use embedded::GzipPage;
pub use file_version::{FileVersion, QUIET_AGE, RACY_WINDOW};
pub use listing::{LISTINGS_LEN_MAX, Listing, ListingBudget, ListingError};
pub use media_type::{MediaTypes, add_charset, media_type};
pub use open_file::{FileCloser, OpenFile};
pub use path::{NAME_LEN_MAX, PATH_LEN_MAX, PathError, RelativePath, normal_form};
pub use root::{FileStat, LookupError, Root, RootId};
pub use source::{Content, ContentSource, Resource, SMALL_FILE_LEN_MAX, file_name};
pub use upload::{
    ExistingFile, Naming, PartialId, PartialLease, PartialLeases, PartialUpload, PartialUploads, SpacePolicy,
    StoredFile, Upload, UploadError, UploadTarget, is_upload_directory, takes_uploads,
};
