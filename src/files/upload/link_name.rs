//! Names in one directory: looking at what has one, files that have none yet, and giving them one.
//!
//! Each function is a system call or two, relative to the directory; no link is ever followed. What
//! they make together is the upload's business.

use std::ffi::CString;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, linkat, openat, statx};
use rustix::io::Errno;

use super::UploadError;

/// How often a name is tried for that others make or take away at the same moment.
pub(super) const LINK_ATTEMPTS_MAX: usize = 16;
/// What a new file keeps of the mode of the one whose place it takes: not the bits that give the
/// owner's rights to whoever runs it.
const MODE_MASK: u32 = 0o777;

/// The mode that what has the name now hands on, if anything has it.
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

/// A file without a name, or none where there can be none, or none that could be given one.
pub(super) fn create_tmpfile(dir: &OwnedFd, mode: u32) -> Result<Option<File>, Errno> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(dir, c".", flags, Mode::from_raw_mode(mode)) {
        Ok(file) => {
            let is_linkable = statx(CWD, proc_path(&file), AtFlags::empty(), StatxFlags::TYPE).is_ok();
            Ok(is_linkable.then(|| File::from(file)))
        }
        // The last two are how file systems that have never heard of it put it.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// A file with a hidden name, and that name.
pub(super) fn create_hidden(dir: &OwnedFd, mode: u32) -> Result<(File, CString), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (file, name) = retry_hidden(|name| openat(dir, name, flags, Mode::from_raw_mode(mode)))?;
    Ok((File::from(file), name))
}

/// Gives a file without a name this one.
pub(super) fn link(file: impl AsFd, dir: &OwnedFd, name: &CString) -> Result<(), Errno> {
    linkat(CWD, proc_path(&file.as_fd()), dir, name, AtFlags::SYMLINK_FOLLOW)
}

/// The one path that a file without a name has.
fn proc_path(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Makes something under a hidden name that nothing else has: never served, and told at a glance.
pub(super) fn retry_hidden<T>(
    mut make: impl FnMut(&CString) -> Result<T, Errno>,
) -> Result<(T, CString), Errno> {
    for _ in 0..LINK_ATTEMPTS_MAX {
        // Other processes may be at work in the same directory, and earlier ones may have been killed.
        let random = RandomState::new().build_hasher().finish();
        let name = CString::new(format!(".reactor-upload-{random:016x}")).unwrap_or_default();
        match make(&name) {
            Err(Errno::EXIST) => {}
            result => return result.map(|value| (value, name)),
        }
    }
    Err(Errno::AGAIN)
}

/// The file that has the name, open for reading.
pub(super) fn open_existing(dir: &OwnedFd, name: &CString) -> Result<Option<File>, UploadError> {
    if mode_of(dir, name)?.is_none() {
        return Ok(None);
    }
    // Should it be a FIFO by now, nobody waits for its other end.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
