//! Why an upload comes to nothing: each reason that whoever sends it has to be told apart.
//!
//! It owns what the system's errors mean for an upload. It words nothing for HTTP.

use std::io;

use rustix::io::Errno;

/// Why a file cannot be stored.
#[derive(Debug)]
pub enum UploadError {
    /// Uploads are for another directory.
    Outside,
    /// The directory that it should be in is not there, or a link leads out to it.
    NoParent,
    /// The name is that of a directory.
    Directory,
    /// The name is that of a link, FIFO, socket or device.
    NotRegular,
    /// The name is that of a page inside the binary, which would go on hiding the file.
    Embedded,
    /// Whoever sends it does not want it to replace what has the name now.
    PreconditionFailed,
    /// The system does not let this process write there.
    Forbidden,
    /// The disk, or this user's share of it, is full.
    Full,
    /// Out of descriptors or memory, or the directory is changing too fast: later may do.
    Busy,
    /// Anything else, an output error of the disk for one.
    Failed(io::Error),
}

impl From<Errno> for UploadError {
    fn from(errno: Errno) -> Self {
        match errno {
            // EXDEV: the name leads out of the root, or of the directory for uploads.
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::XDEV => {
                UploadError::NoParent
            }
            Errno::ISDIR => UploadError::Directory,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => UploadError::Forbidden,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => UploadError::Full,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => UploadError::Busy,
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
