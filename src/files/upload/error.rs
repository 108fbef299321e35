//! Upload errors that a client must distinguish.
//!
//! The server maps them to statuses.

use std::io;

use rustix::io::Errno;

/// Upload error.
#[derive(Debug)]
pub enum UploadError {
    /// Outside the upload directory.
    Outside,
    /// Missing parent directory, or a symlink leads out.
    NoParent,
    /// Directory.
    Directory,
    /// Symlink, FIFO, socket or device.
    NotRegular,
    /// Embedded page, which would hide the file.
    Embedded,
    /// The client's condition fails.
    PreconditionFailed,
    /// No write permission.
    Forbidden,
    /// Disk or quota full.
    Full,
    /// Temporary: too few descriptors, too little memory, or a quickly changing directory.
    Busy,
    /// The root is missing, or the directory was replaced by one of another file system.
    Stale,
    /// Other error, such as a disk write error.
    Failed(io::Error),
}

impl From<Errno> for UploadError {
    fn from(errno: Errno) -> Self {
        match errno {
            // EXDEV: the path leaves the root or upload directory.
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::XDEV => {
                UploadError::NoParent
            }
            Errno::ISDIR => UploadError::Directory,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => UploadError::Forbidden,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => UploadError::Full,
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
