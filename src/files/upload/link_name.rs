//! Names in one directory: lookup, unnamed files, hard links.
//!
//! Each function makes one or two system calls; no symlink is followed.

use std::ffi::CString;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, Timespec, Timestamps, UTIME_OMIT, futimens, linkat,
    openat, renameat, statx, unlinkat,
};
use rustix::io::Errno;

use super::UploadError;

/// Attempts while others create or remove names.
pub(super) const LINK_ATTEMPTS_MAX: usize = 16;
/// Inherited mode bits. Set-user-ID would give the owner's rights to others.
const MODE_MASK: u32 = 0o777;
static HAS_PROC: OnceLock<bool> = OnceLock::new();

#[derive(Debug)]
pub(super) struct HiddenName {
    pub(super) dir: Arc<OwnedFd>,
    pub(super) name: CString,
    /// If dropped: it has another name by now, or belongs to a partial upload.
    pub(super) is_kept: bool,
}

pub(super) fn mode_of(dir: &OwnedFd, name: &CString) -> Result<Option<u32>, UploadError> {
    let stat = match statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE | StatxFlags::MODE) {
        Err(Errno::NOENT) => return Ok(None),
        result => result?,
    };
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => Ok(Some(u32::from(stat.stx_mode) & MODE_MASK)),
        FileType::Directory => Err(UploadError::Directory),
        _ => Err(UploadError::NotRegular),
    }
}

/// `None` if the file system cannot create or link unnamed files.
pub(super) fn create_tmpfile(dir: &OwnedFd, mode: u32) -> Result<Option<File>, Errno> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(dir, c".", flags, Mode::from_raw_mode(mode)) {
        Ok(file) => {
            let has_path = || statx(CWD, proc_path(&file), AtFlags::empty(), StatxFlags::TYPE).is_ok();
            Ok(HAS_PROC.get_or_init(has_path).then(|| File::from(file)))
        }
        // The last two are from file systems that do not know `O_TMPFILE`.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        // ext4: the directory was removed after it was opened.
        Err(Errno::PERM) if is_removed(dir) => Err(Errno::NOENT),
        Err(errno) => Err(errno),
    }
}

fn is_removed(dir: &OwnedFd) -> bool {
    statx(dir, c"", AtFlags::EMPTY_PATH, StatxFlags::NLINK).is_ok_and(|stat| stat.stx_nlink == 0)
}

pub(super) fn create_hidden(dir: &Arc<OwnedFd>, mode: u32) -> Result<(File, HiddenName), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (file, name) = retry_hidden(dir, |name| openat(dir, name, flags, Mode::from_raw_mode(mode)))?;
    Ok((File::from(file), name))
}

pub(super) fn link(file: impl AsFd, dir: &OwnedFd, name: &CString) -> Result<(), Errno> {
    linkat(CWD, proc_path(&file.as_fd()), dir, name, AtFlags::SYMLINK_FOLLOW).map_err(other_fs_is_stale)
}

pub(super) fn set_modified(file: impl AsFd, unix_secs: i64) -> Result<(), Errno> {
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec { tv_sec: unix_secs, tv_nsec: 0 };
    futimens(file, &Timestamps { last_access, last_modification })
}

/// The directory of an upload was replaced by one of another file system.
pub(super) fn other_fs_is_stale(errno: Errno) -> Errno {
    if errno == Errno::XDEV { Errno::STALE } else { errno }
}

/// The only path of an unnamed file.
fn proc_path(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

pub(super) fn retry_hidden<T>(
    dir: &Arc<OwnedFd>,
    mut make: impl FnMut(&CString) -> Result<T, Errno>,
) -> Result<(T, HiddenName), Errno> {
    for _ in 0..LINK_ATTEMPTS_MAX {
        // Other processes may use the directory, and killed processes leave names.
        let random = RandomState::new().build_hasher().finish();
        let name = CString::new(format!(".reactor-upload-{random:016x}")).unwrap_or_default();
        match make(&name) {
            Err(Errno::EXIST) => {}
            result => {
                let hidden = HiddenName { dir: Arc::clone(dir), name, is_kept: false };
                return result.map(|value| (value, hidden));
            }
        }
    }
    Err(Errno::AGAIN)
}

impl HiddenName {
    pub(super) fn rename(&mut self, dir: &OwnedFd, name: &CString) -> Result<(), Errno> {
        renameat(&self.dir, &self.name, dir, name).map_err(other_fs_is_stale)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for HiddenName {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(errno) = unlinkat(&self.dir, &self.name, AtFlags::empty())
        {
            log::error!("cannot remove the temporary file of an upload, {:?}: {errno}", self.name);
        }
    }
}

pub(super) fn open_existing(dir: &OwnedFd, name: &CString) -> Result<Option<File>, UploadError> {
    if mode_of(dir, name)?.is_none() {
        return Ok(None);
    }
    // If it is a FIFO by now, do not wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
