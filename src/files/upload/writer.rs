//! File of an upload: reserved space, buffered writes, early write-back.
//!
//! It never names the file.

use std::io::{self, BufWriter, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate, fdatasync, fstatfs, fsync};
use rustix::io::Errno;

use super::super::open_file::{FileCloser, OpenFile};
use super::UploadError;
use super::link_name::set_modified;

/// Write buffer: tiny chunks are gathered to save system calls; longer pieces bypass it.
const WRITE_BUFFER_LEN: usize = 16 * 1024;
/// Interval of write-back, which shortens the last sync, and of checks for free space.
const WRITE_BACK_LEN: u64 = 8 * 1024 * 1024;
/// Shorter files are not preallocated: their first write shows as early whether there is space.
const PREALLOCATED_LEN_MIN: u64 = 1024 * 1024;
/// `f_type` of tmpfs, where preallocation takes long: it clears the memory.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Requirements of an upload on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpacePolicy {
    /// Length of the file; 0 if unknown.
    pub len: u64,
    /// Bytes that stay free for other uses.
    pub free_min: u64,
    /// Whether a sync follows, so that early write-back pays.
    pub is_synced: bool,
}

#[derive(Debug)]
struct SharedFile(Arc<OpenFile>);

#[derive(Debug)]
pub(super) struct UploadWriter {
    file: BufWriter<SharedFile>,
    policy: SpacePolicy,
    written_len: u64,
    checked_len: u64,
    closer: FileCloser,
}

impl UploadWriter {
    pub(super) fn new(
        file: OpenFile,
        closer: FileCloser,
        policy: SpacePolicy,
        is_partial: bool,
    ) -> Result<Self, UploadError> {
        reserve(&file, policy)?;
        // Without a buffer, nothing of a partial upload is written when it is dropped, after it has lost its lease.
        let buffer_len = if is_partial { 0 } else { WRITE_BUFFER_LEN };
        let file = BufWriter::with_capacity(buffer_len, SharedFile(Arc::new(file)));
        Ok(Self { file, policy, written_len: 0, checked_len: 0, closer })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.file.write_all(bytes)?;
        self.written_len += bytes.len() as u64;
        if self.written_len - self.checked_len >= WRITE_BACK_LEN {
            reserve(self.as_fd(), SpacePolicy { len: 0, ..self.policy })?;
            self.start_write_back();
        }
        Ok(())
    }

    /// One at a time: if the disk is slow, the next one takes more.
    fn start_write_back(&mut self) {
        let file = Arc::clone(&self.file.get_ref().0);
        let (from, len) = (self.checked_len, NonZeroU64::new(self.written_len - self.checked_len));
        let is_running = Arc::strong_count(&file) > 2;
        if self.policy.is_synced && !is_running {
            // Waits for nothing; rustix has no `sync_file_range`.
            self.closer.run(move || _ = fadvise(file.as_fd(), from, len, Advice::DontNeed));
        }
        if !is_running {
            self.checked_len = self.written_len;
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    pub(super) fn sync(&mut self, modified_secs: Option<i64>) -> Result<(), UploadError> {
        self.flush()?;
        modified_secs.map_or(Ok(()), |secs| set_modified(self.as_fd(), secs))?;
        match (self.policy.is_synced, modified_secs.is_some()) {
            (false, _) => Ok(()),
            // `fdatasync` leaves out times.
            (true, true) => Ok(fsync(self.as_fd())?),
            (true, false) => Ok(fdatasync(self.as_fd())?),
        }
    }
}

impl AsFd for UploadWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.get_ref().0.as_fd()
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A full disk shows before the body comes, unless the file system cannot preallocate.
fn reserve(file: impl AsFd, SpacePolicy { len, free_min, .. }: SpacePolicy) -> Result<(), UploadError> {
    if free_min == 0 && len < PREALLOCATED_LEN_MIN {
        return Ok(());
    }
    let fs = fstatfs(&file)?;
    let is_less = |blocks: u64, len: u64| blocks.saturating_mul(fs.f_bsize as u64) < len;
    match fs.f_blocks {
        // A tmpfs without a limit.
        0 => return Ok(()),
        _ if is_less(fs.f_bfree, len) => return Err(UploadError::Full),
        _ if free_min > 0 && is_less(fs.f_bavail, len.saturating_add(free_min)) => {
            return Err(UploadError::BelowMinFree);
        }
        _ if len < PREALLOCATED_LEN_MIN || fs.f_type as u64 == TMPFS_MAGIC => return Ok(()),
        _ => {}
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, len) {
        Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(errno.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::fs::MetadataExt;
    use std::sync::mpsc;

    fn writer(closer: FileCloser, policy: SpacePolicy) -> Result<UploadWriter, UploadError> {
        UploadWriter::new(tempfile::tempfile().expect("a file").into(), closer, policy, false)
    }

    #[test]
    fn write_back_runs_once_at_a_time_and_only_before_a_sync() {
        for is_synced in [true, false] {
            let (sender, jobs) = mpsc::channel();
            let closer = FileCloser::new(move |job| sender.send(job).expect("a receiver"));
            let mut writer =
                writer(closer, SpacePolicy { is_synced, ..SpacePolicy::default() }).expect("space");
            for _ in 0..5 {
                (0..20).for_each(|_| writer.write(&[1; 1 << 20]).expect("space"));
                let written_back: Vec<_> = jobs.try_iter().collect();
                assert_eq!(written_back.len(), usize::from(is_synced));
                written_back.into_iter().for_each(|job| job());
            }
            writer.sync(None).expect("a disk");
        }
    }

    #[test]
    fn reserve_preallocates_or_tells_why_not() {
        let reserved =
            |len, free_min| writer(FileCloser::default(), SpacePolicy { len, free_min, is_synced: true });
        let file = tempfile::tempfile().expect("a file");
        reserve(&file, SpacePolicy { len: 4 << 20, ..SpacePolicy::default() }).expect("space");
        let stat = file.metadata().expect("its attributes");
        assert_eq!(stat.st_size(), 0);
        assert!(
            stat.st_blocks() >= 8192 || fstatfs(&file).expect("a file system").f_type as u64 == TMPFS_MAGIC
        );
        assert!(matches!(reserved(1 << 60, 0), Err(UploadError::Full)));
        assert!(matches!(reserved(0, 1 << 60), Err(UploadError::BelowMinFree)));
        assert!(reserved(4 << 20, 4096).is_ok());
    }
}
