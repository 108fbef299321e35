//! Root directory: opens files below it, never outside.
//!
//! The root is a path: a descriptor would stay with a directory that was moved or mounted over. `openat2` confines
//! every step, symlinks included. Only regular files are opened: even a non-blocking open of a FIFO releases its
//! waiting writer.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::{io, mem};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags, makedev, open, openat2, statx,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::open_file::{FileCloser, OpenFile};

/// Maximum `openat2` attempts. A rename while `..` or a symlink is resolved gives EAGAIN; the second attempt
/// nearly always succeeds.
const OPEN_ATTEMPTS_MAX: usize = 16;

/// Lookup error.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No such path below the root.
    #[error("no such file")]
    NotFound,
    /// No permission.
    #[error("no permission to read the file")]
    Forbidden,
    /// FIFO, socket or device.
    #[error("not a regular file")]
    NotRegular,
    /// Directory in place of a file.
    #[error("it is a directory")]
    Directory,
    /// Directory without index file.
    #[error("the directory has no index file")]
    NoIndex,
    /// Temporary: too few descriptors, too little memory, or a quickly changing directory.
    #[error("out of file descriptors or memory")]
    Busy,
    /// The path of the root leads to no directory, or a network file was replaced (ESTALE).
    #[error("the directory is missing or being replaced")]
    Stale,
    /// Other error, such as a disk read error.
    #[error("{0}")]
    Failed(io::Error),
}

impl LookupError {
    pub(super) fn is_unservable(&self) -> bool {
        matches!(self, LookupError::NotFound | LookupError::Forbidden | LookupError::NotRegular)
    }

    /// Equivalent [`io::ErrorKind`].
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            LookupError::NotFound | LookupError::NoIndex => io::ErrorKind::NotFound,
            LookupError::Forbidden => io::ErrorKind::PermissionDenied,
            LookupError::NotRegular | LookupError::Directory => io::ErrorKind::Unsupported,
            LookupError::Busy => io::ErrorKind::ResourceBusy,
            LookupError::Stale => io::ErrorKind::StaleNetworkFileHandle,
            LookupError::Failed(error) => error.kind(),
        }
    }
}

impl From<Errno> for LookupError {
    fn from(errno: Errno) -> Self {
        match errno {
            // EXDEV: the path leaves the root.
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::XDEV => {
                LookupError::NotFound
            }
            Errno::ACCESS | Errno::PERM => LookupError::Forbidden,
            // Open of a socket, or of a device without driver.
            Errno::NXIO | Errno::NODEV => LookupError::NotRegular,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => LookupError::Busy,
            Errno::STALE => LookupError::Stale,
            other => LookupError::Failed(other.into()),
        }
    }
}

/// File attributes (`statx`).
///
/// Equal attributes mean equal content, except within one clock tick: see
/// [`RACY_WINDOW`](super::RACY_WINDOW).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Length in bytes.
    pub len: u64,
    /// mtime in Unix seconds; the owner can set it.
    pub modified_secs: i64,
    /// Nanoseconds of mtime.
    pub modified_nanos: u32,
    /// ctime in Unix seconds; only the kernel sets it.
    pub changed_secs: i64,
    /// Nanoseconds of ctime.
    pub changed_nanos: u32,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// File type.
    pub kind: FileType,
    /// True if the owner may execute the file.
    pub is_executable: bool,
}

impl FileStat {
    pub(super) fn id(&self) -> RootId {
        Some((self.device, self.inode))
    }

    pub(super) fn of(file: impl AsFd) -> Result<FileStat, Errno> {
        FileStat::at(file, c"", AtFlags::EMPTY_PATH)
    }

    pub(super) fn at(dir: impl AsFd, path: impl Arg, flags: AtFlags) -> Result<FileStat, Errno> {
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
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            is_executable: Mode::from_raw_mode(stat.stx_mode.into()).contains(Mode::XUSR),
        })
    }
}

fn present_id(path: &Path) -> RootId {
    FileStat::at(CWD, path, AtFlags::empty()).ok()?.id()
}

/// Device and inode of a root directory; `None` while its path leads to no directory.
pub type RootId = Option<(u64, u64)>;

/// Served directory. Clones share its descriptor.
#[derive(Clone, Debug)]
pub struct Root {
    dir: Option<Arc<OwnedFd>>,
    id: RootId,
    path: PathBuf,
    pub(super) closer: FileCloser,
}

impl Root {
    /// Opens `path`.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory` or `PermissionDenied`; `Unsupported` without `openat2`.
    pub fn open(path: &Path) -> io::Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(path, flags, Mode::empty())?;
        // Checks search permission; the first open checks only read permission.
        open_beneath(&dir, b"", OFlags::PATH | OFlags::CLOEXEC).map_err(explain_first_open)?;
        let id = FileStat::of(&dir)?.id();
        // The working directory may be replaced too. Its name may be of no use: no search permission.
        let absolute = path::absolute(path).ok().filter(|path| present_id(path) == id);
        let path = absolute.unwrap_or_else(|| path.to_owned());
        Ok(Root { dir: Some(Arc::new(dir)), id, path, closer: FileCloser::default() })
    }

    /// Absolute path, unless that is of no use.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which directory is served.
    pub fn id(&self) -> RootId {
        self.id
    }

    /// Opens the directory that the path leads to now, if it is another. One system call if it is not.
    ///
    /// # Errors
    /// As for [`Root::open`]; look-ups fail with `Stale` until a later call succeeds.
    pub fn follow_path(&mut self) -> io::Result<()> {
        if self.id.is_some() && present_id(&self.path) == self.id {
            return Ok(());
        }
        (self.dir, self.id) = (None, None);
        let root = Root::open(&self.path)?;
        *self = Root { closer: mem::take(&mut self.closer), ..root };
        Ok(())
    }

    pub(super) fn shared_dir(&self) -> Result<Arc<OwnedFd>, Errno> {
        self.dir.clone().ok_or(Errno::STALE)
    }

    pub(super) fn dir(&self) -> Result<&OwnedFd, Errno> {
        self.dir.as_deref().ok_or(Errno::STALE)
    }

    /// Opens the regular file at `path`: relative, NUL-free, empty for the root. Its attributes are those before the
    /// open: `path` may have changed since.
    ///
    /// Follows relative symlinks that stay below the root. Never fails with `NoIndex`.
    pub fn open_file(&self, path: &[u8]) -> Result<(OpenFile, FileStat), LookupError> {
        let stat = self.stat_before_open(path)?;
        match stat.kind {
            FileType::Directory => return Err(LookupError::Directory),
            FileType::RegularFile => {}
            _ => return Err(LookupError::NotRegular),
        }
        // `path` may have changed: never block, never become the controlling terminal.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(open_beneath(self.dir()?, path, flags)?);
        Ok((OpenFile::new(file, stat.len, &self.closer), stat))
    }

    /// One system call for a regular file that no link names.
    ///
    /// Here a link to a directory may lead outside; then the open fails. So only a regular file, and its absence,
    /// count.
    fn stat_before_open(&self, path: &[u8]) -> Result<FileStat, LookupError> {
        match FileStat::at(self.dir()?, path, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT) {
            Ok(stat) if stat.kind == FileType::RegularFile => Ok(stat),
            Err(Errno::NOENT) if !path.is_empty() => Err(LookupError::NotFound),
            _ => self.stat(path),
        }
    }

    /// Follows symlinks below the root: a file moved out is not found.
    pub(super) fn stat(&self, path: &[u8]) -> Result<FileStat, LookupError> {
        Ok(FileStat::of(open_beneath(self.dir()?, path, OFlags::PATH | OFlags::CLOEXEC)?)?)
    }

    /// False if `stat` would not show every change.
    pub(super) fn is_unchanged(&self, path: &[u8], stat: Option<FileStat>) -> bool {
        stat.is_some_and(|stat| self.stat(path).is_ok_and(|present| present == stat))
    }

    /// Opens `path` below `within`; no symlink leads out of either.
    pub(super) fn open_directory(&self, within: &[u8], path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if within.is_empty() {
            return open_beneath(self.dir()?, path, flags);
        }
        let within = open_beneath(self.dir()?, within, flags)?;
        open_beneath(&within, path, flags)
    }

    pub(super) fn open_for_reading(&self, path: &[u8]) -> Result<OwnedFd, LookupError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(open_beneath(self.dir()?, path, flags)?)
    }

    /// A dangling symlink is present. A name too long for any file is absent.
    pub(super) fn is_absent(directory: &OwnedFd, name: &[u8]) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        matches!(statx(directory, name, flags, StatxFlags::TYPE), Err(Errno::NOENT | Errno::NAMETOOLONG))
    }
}

pub(super) fn open_beneath(dir: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
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

fn explain_first_open(errno: Errno) -> io::Error {
    let reason = match errno {
        Errno::NOSYS => "this kernel has no openat2: serving a directory needs Linux 5.6 or later",
        // Sandboxes without this call return EPERM; unreadable directories give EACCES.
        Errno::PERM => "openat2 is not permitted here: a sandbox (seccomp) must allow it",
        other => return other.into(),
    };
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

#[cfg(test)]
mod tests;
