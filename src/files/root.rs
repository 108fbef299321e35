//! One directory, and the files beneath it that may be read.
//!
//! [`Root`] opens names with `openat2` so that the kernel itself keeps every step beneath the
//! directory, links included: there is no moment between a check and an open to slip through.
//! What is not a regular file is never opened: even a non-blocking open of a FIFO releases the
//! writer that waits at its other end. Nothing here reads, lists or writes.

use std::ffi::CStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, makedev, open, openat2, statx};
use rustix::io::Errno;

use super::open_file::{FileCloser, OpenFile};

/// How often an open is tried. The kernel gives up with EAGAIN when a name is renamed while it
/// resolves `..` or a link; a second try nearly always works, and a loop must not be without end.
const OPEN_ATTEMPTS_MAX: usize = 16;

/// Why a name gives no file.
#[derive(Debug)]
pub enum LookupError {
    /// There is no such name beneath the root, or it leads out of it.
    NotFound,
    /// The system does not let this process read it.
    Forbidden,
    /// A FIFO, socket or device.
    NotRegular,
    /// A directory without an index file.
    NoIndex,
    /// Out of descriptors or memory, or the directory is changing too fast: later may do.
    Busy,
    /// Anything else, an input error of the disk for one.
    Failed(io::Error),
}

impl LookupError {
    /// Whether there is nothing here that could ever be served.
    pub(super) fn is_unservable(&self) -> bool {
        matches!(self, LookupError::NotFound | LookupError::Forbidden | LookupError::NotRegular)
    }

    /// The same in the words of the standard library.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            LookupError::NotFound | LookupError::NoIndex => io::ErrorKind::NotFound,
            LookupError::Forbidden => io::ErrorKind::PermissionDenied,
            LookupError::NotRegular => io::ErrorKind::Unsupported,
            LookupError::Busy => io::ErrorKind::ResourceBusy,
            LookupError::Failed(error) => error.kind(),
        }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::NotFound => f.write_str("no such file"),
            LookupError::Forbidden => f.write_str("the file may not be read"),
            LookupError::NotRegular => f.write_str("not a regular file"),
            LookupError::NoIndex => f.write_str("the directory has no index file"),
            LookupError::Busy => f.write_str("out of descriptors or memory for the moment"),
            LookupError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LookupError {}

impl From<Errno> for LookupError {
    fn from(errno: Errno) -> Self {
        match errno {
            // EXDEV: the name leads out of the root.
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::XDEV => {
                LookupError::NotFound
            }
            Errno::ACCESS | Errno::PERM => LookupError::Forbidden,
            // What opening a socket, or a device without a driver, gives.
            Errno::NXIO | Errno::NODEV => LookupError::NotRegular,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => LookupError::Busy,
            other => LookupError::Failed(other.into()),
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A FIFO, socket or device.
    Other,
}

/// What the system knows about a file. As long as all of it stays the same, so does the content,
/// but for the tick of the file system's clock: see [`RACY_WINDOW`](super::RACY_WINDOW).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// The length in bytes.
    pub len: u64,
    /// When the content last changed, as its owner says: seconds since 1970.
    pub modified_secs: i64,
    /// The part of that second.
    pub modified_nanos: u32,
    /// When the content or anything else about the file last changed, as the system says.
    pub changed_secs: i64,
    /// The part of that second.
    pub changed_nanos: u32,
    /// The device that the file system is on.
    pub device: u64,
    /// The number of the file on that device.
    pub inode: u64,
    /// What it is.
    pub kind: FileKind,
    /// Whether its owner may run it.
    pub is_executable: bool,
}

impl FileStat {
    /// The facts of an open file.
    pub(super) fn of(file: impl AsFd) -> Result<FileStat, Errno> {
        FileStat::at(file, c"", AtFlags::EMPTY_PATH)
    }

    /// The facts of what `path` beneath the directory `dir` names.
    pub(super) fn at(dir: impl AsFd, path: &CStr, flags: AtFlags) -> Result<FileStat, Errno> {
        let what = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::INO | StatxFlags::SIZE;
        let stat = statx(dir, path, flags, what | StatxFlags::MTIME | StatxFlags::CTIME)?;
        Ok(FileStat {
            len: stat.stx_size,
            modified_secs: stat.stx_mtime.tv_sec,
            modified_nanos: stat.stx_mtime.tv_nsec,
            changed_secs: stat.stx_ctime.tv_sec,
            changed_nanos: stat.stx_ctime.tv_nsec,
            device: makedev(stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            kind: match FileType::from_raw_mode(stat.stx_mode.into()) {
                FileType::RegularFile => FileKind::File,
                FileType::Directory => FileKind::Directory,
                _ => FileKind::Other,
            },
            is_executable: Mode::from_raw_mode(stat.stx_mode.into()).contains(Mode::XUSR),
        })
    }
}

/// What [`Root::open_file`] found.
#[derive(Debug)]
pub enum OpenedPath {
    /// A regular file, open for reading, and its facts just after it was opened.
    File(OpenFile, FileStat),
    /// A directory, which is not opened.
    Directory,
}

/// The directory that is served.
#[derive(Debug)]
pub struct Root {
    pub(super) dir: OwnedFd,
    path: PathBuf,
    pub(super) closer: FileCloser,
}

impl Root {
    /// Opens the directory at `path`. It stays the same directory when it is renamed.
    ///
    /// # Errors
    /// Of kind `NotFound`, `NotADirectory` or `PermissionDenied` when `path` is not a directory
    /// that can be read; `Unsupported` when the kernel has no `openat2`.
    pub fn open(path: &Path) -> io::Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(path, flags, Mode::empty())?;
        let root = Root { dir, path: path.to_owned(), closer: FileCloser::default() };
        // Also finds out whether the directory may be searched, beside being read.
        open_beneath(&root.dir, b"", OFlags::PATH | OFlags::CLOEXEC).map_err(explain_first_open)?;
        Ok(root)
    }

    /// The path that the root was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the regular file at `path`: relative, without NUL, empty for the root itself.
    ///
    /// Links are followed while they stay beneath the root; absolute ones never do.
    ///
    /// # Errors
    /// All of [`LookupError`] but `NoIndex`.
    pub fn open_file(&self, path: &[u8]) -> Result<OpenedPath, LookupError> {
        match self.stat(path)?.kind {
            FileKind::Directory => return Ok(OpenedPath::Directory),
            FileKind::Other => return Err(LookupError::NotRegular),
            FileKind::File => {}
        }
        // Should the name mean something else by now, these flags let the open neither wait nor
        // take a terminal, and the facts of what was really opened decide.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(open_beneath(&self.dir, path, flags)?);
        let stat = FileStat::of(&file)?;
        match stat.kind {
            FileKind::File => Ok(OpenedPath::File(OpenFile::new(file, stat.len, &self.closer), stat)),
            FileKind::Directory => Ok(OpenedPath::Directory),
            FileKind::Other => Err(LookupError::NotRegular),
        }
    }

    /// The facts of what `path` stands for, links followed as long as they stay beneath the root: what
    /// has been moved out of it is not found by a link that leads there. No allocation, unless the path
    /// is very long.
    pub(super) fn stat(&self, path: &[u8]) -> Result<FileStat, LookupError> {
        Ok(FileStat::of(open_beneath(&self.dir, path, OFlags::PATH | OFlags::CLOEXEC)?)?)
    }

    /// The directory at `path` beneath the directory `within` beneath the root: no link leads out of
    /// either. What was opened so is good for opening, making and renaming what is in it.
    pub(super) fn open_directory(&self, within: &[u8], path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let within = open_beneath(&self.dir, within, flags)?;
        open_beneath(&within, path, flags)
    }

    /// The directory at `path`, open for reading what is in it.
    pub(super) fn open_for_reading(&self, path: &[u8]) -> Result<OwnedFd, LookupError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(open_beneath(&self.dir, path, flags)?)
    }

    /// Whether nothing in `directory` is called `name`, which has no slash in it. A link that leads
    /// nowhere is something; a name that is too long for any file is nothing.
    pub(super) fn is_absent(directory: &OwnedFd, name: &[u8]) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        matches!(statx(directory, name, flags, StatxFlags::TYPE), Err(Errno::NOENT | Errno::NAMETOOLONG))
    }
}

/// Opens `path`, empty for `dir` itself, with every step beneath `dir`.
fn open_beneath(dir: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { b"." } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..OPEN_ATTEMPTS_MAX {
        match openat2(dir, path, flags, Mode::empty(), resolve) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// The first `openat2` of the process tells whether there is such a thing.
fn explain_first_open(errno: Errno) -> io::Error {
    let reason = match errno {
        Errno::NOSYS => "this kernel has no openat2: serving a directory needs Linux 5.6 or later",
        // What sandboxes say that do not know the call; a directory's own refusal is EACCES.
        Errno::PERM => "openat2 is not permitted here: a sandbox (seccomp) must allow it",
        other => return other.into(),
    };
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

#[cfg(test)]
mod tests;
