//! Upload errors that a client must distinguish.
//!
//! Each has its own status or sentence.

use std::io;

use rustix::io::Errno;

use crate::files::file_version::FileVersion;

/// Upload error.
#[derive(Debug)]
pub enum UploadError {
    /// Outside the upload directory.
    Outside,
    /// Missing parent directory, or a symlink leads out.
    NoParent,
    /// Directory.
    Directory,
    /// No file or directory to remove.
    Absent,
    /// Directory that is not empty.
    NotEmpty,
    /// File that must not be replaced: length and version, if it is readable.
    Taken(Option<(u64, Option<FileVersion>)>),
    /// Symlink, FIFO, socket or device.
    NotRegular,
    /// Embedded page, which would hide the file.
    Embedded,
    /// The client's condition fails.
    PreconditionFailed,
    /// No write permission.
    Forbidden,
    /// Read-only file system.
    ReadOnly,
    /// Disk full.
    Full,
    /// Quota used up.
    OverQuota,
    /// Too little would stay free.
    BelowMinFree,
    /// File too long for the file system or process.
    TooLarge,
    /// Name too long for the file system.
    NameTooLong,
    /// Mount point, swap file or running program.
    InUse,
    /// Temporary: retry later.
    Busy,
    /// The root is missing, or the directory was replaced by one of another file system.
    Stale,
    /// No such partial upload.
    NoUpload,
    /// Too many partial uploads.
    TooMany,
    /// The partial upload is on another file system than its target.
    OtherFileSystem,
    /// The root was replaced since the upload began.
    RootReplaced,
    /// Named, but the directory was not synced.
    DirectoryNotSynced(io::Error),
    /// Other error, such as a disk write error.
    Failed(io::Error),
}

impl From<Errno> for UploadError {
    fn from(errno: Errno) -> Self {
        match errno {
            // EXDEV: the path leaves the root or upload directory.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV => UploadError::NoParent,
            Errno::NAMETOOLONG => UploadError::NameTooLong,
            Errno::NOTEMPTY => UploadError::NotEmpty,
            Errno::ISDIR => UploadError::Directory,
            Errno::ACCESS | Errno::PERM => UploadError::Forbidden,
            Errno::ROFS => UploadError::ReadOnly,
            Errno::NOSPC => UploadError::Full,
            Errno::DQUOT => UploadError::OverQuota,
            Errno::FBIG => UploadError::TooLarge,
            Errno::TXTBSY | Errno::BUSY => UploadError::InUse,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => UploadError::Busy,
            Errno::STALE => UploadError::Stale,
            other => UploadError::Failed(other.into()),
        }
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => UploadError::Failed(error),
        }
    }
}
