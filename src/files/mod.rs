//! Names and bytes on disk: which file a request's path means, and what is in it.
//!
//! A [`RelativePath`] is a name that cannot leave the root; a [`Root`] opens such names beneath
//! one directory and refuses all but regular files; a [`ContentSource`] is where files come from, a
//! directory or the pages inside the binary; a [`FileCache`] keeps what was loaded, never stale, and
//! with it the encoded variants of a file, found beside it or made; an [`Upload`] is a file on its way
//! in, which has its name only when it is whole; an [`Archive`] is a folder on its way out, as one tar
//! file; a [`Listing`] is what is in a directory. Both are gathered in slices. A [`FileVersion`] tells one
//! version of a file from all others.
//!
//! Nothing here knows sockets or HTTP: a status or a header is the server's word for what is
//! found, or not found, here. Time comes in as an argument.

mod archive;
mod cache;
mod coding;
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

pub use archive::{Archive, ArchiveError, FileRange, TarPayload, TarSlice};
pub use cache::{CacheGeneration, CacheLimits, CacheLookups, CachedFile, FileCache, Lookup};
pub use coding::{Coding, EncodingPreferences};
pub use embedded::GzipPage;
pub use file_version::{FileVersion, RACY_WINDOW};
pub use listing::{Listing, ListingBudget, ListingError};
pub use media_type::{MediaTypes, media_type};
pub use open_file::{FileCloser, OpenFile};
pub use path::{NAME_LEN_MAX, PATH_LEN_MAX, PathError, RelativePath, normal_form};
pub use root::{FileKind, FileStat, LookupError, OpenedPath, Root};
pub use source::{Content, ContentSource, FoundContent, Resource, SMALL_FILE_LEN_MAX, file_name};
pub use upload::{ExistingFile, StoredFile, Upload, UploadError, is_upload_directory, may_store};
