//! Open file whose close may run on another thread.
//!
//! The last close of a deleted file frees its blocks in the caller's time. That takes 0.04 to 0.17 ms per MiB
//! on ext4 and tmpfs, and 0.1 to 0.6 s for 900 MiB.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{CWD, StatVfs, fstat, fstatvfs};

/// Deleted files up to this length, in bytes, are closed where they are dropped: that takes less than
/// 0.1 ms.
const CLOSED_INLINE_LEN_MAX: u64 = 1024 * 1024;
/// A deleted file is closed elsewhere only if the free space is at least this many times as long: on a full disk the
/// next upload needs its blocks at once.
const FREE_SPACE_SHARE: u64 = 4;
/// The unit of `st_blocks`, in bytes.
const BLOCK_LEN: u64 = 512;

type BlockingCall = Box<dyn FnOnce() + Send>;

/// Where blocking calls on large files run: by default in the caller.
#[derive(Clone, Default, derive_more::Debug)]
#[debug("FileCloser({})", _0.is_some())]
pub struct FileCloser(Option<Arc<dyn Fn(BlockingCall) + Send + Sync>>);

/// File that hands its descriptor to the closer if the close may take long.
#[derive(Debug)]
pub struct OpenFile {
    file: Option<File>,
    closer: FileCloser,
}

impl FileCloser {
    /// Calls `submit` with each call.
    pub fn new(submit: impl Fn(BlockingCall) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(submit)))
    }

    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        match &self.0 {
            Some(submit) => submit(Box::new(job)),
            None => job(),
        }
    }

    fn for_len(&self, len: u64) -> Self {
        if len > CLOSED_INLINE_LEN_MAX { self.clone() } else { Self::default() }
    }

    /// Also takes one of `O_PATH`.
    pub(super) fn close(&self, fd: OwnedFd) {
        if let Some(submit) = self.0.as_ref().filter(|_| is_closed_elsewhere(&fd)) {
            submit(Box::new(|| drop(fd)));
        }
    }
}

fn is_closed_elsewhere(fd: &OwnedFd) -> bool {
    let Ok(stat) = fstat(fd) else { return false };
    let len = stat.st_blocks as u64 * BLOCK_LEN;
    if stat.st_nlink != 0 || len <= CLOSED_INLINE_LEN_MAX {
        return false;
    }
    // A tmpfs without a limit tells 0 blocks.
    let has_room = |fs: StatVfs| fs.f_blocks == 0 || fs.f_bavail * fs.f_frsize / FREE_SPACE_SHARE >= len;
    fstatvfs(fd).is_ok_and(has_room)
}

impl OpenFile {
    pub(super) fn new(file: File, len: u64, closer: &FileCloser) -> Self {
        Self { file: Some(file), closer: closer.for_len(len) }
    }

    pub(super) fn for_writing(file: File, closer: FileCloser) -> Self {
        Self { file: Some(file), closer }
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_ref().map_or(CWD, File::as_fd)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.closer.close(file.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc;

    impl From<File> for OpenFile {
        fn from(file: File) -> Self {
            Self::new(file, u64::MAX, &FileCloser::default())
        }
    }

    #[test]
    fn only_large_deleted_file_goes_to_closer() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let large = CLOSED_INLINE_LEN_MAX as usize + 4096;
        for (len, is_deleted, expected) in
            [(large, true, 1), (large, false, 0), (CLOSED_INLINE_LEN_MAX as usize, true, 0), (0, true, 0)]
        {
            let (sender, closed) = mpsc::channel();
            let closer = FileCloser::new(move |close| sender.send(close).expect("a receiver"));
            fs::write(&path, vec![1; len]).expect("a file");
            let file = OpenFile::new(File::open(&path).expect("opens"), len as u64, &closer);
            if is_deleted {
                fs::remove_file(&path).expect("it was there");
            }
            drop((file, closer));
            assert_eq!(closed.iter().count(), expected, "{len} bytes, deleted: {is_deleted}");
        }
    }
}
