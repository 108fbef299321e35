//! gzip compression in slices, so that no request waits long.
//!
//! Requests for one file version share a job; a job without requests is dropped.

use std::io::{self, Write};
use std::mem;
use std::rc::Rc;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::files::open_file::OpenFile;
use crate::files::root::FileStat;
use crate::files::source::{Content, Resource, read_up_to};

/// Minimum length: a shorter file and its head fit in one or two packets.
pub(super) const GZIP_LEN_MIN: u64 = 1024;
/// Maximum length, which bounds memory; precompression suits longer files.
pub(super) const GZIP_LEN_MAX: u64 = 8 << 20;
/// Bytes per tick: under 1 ms. A file up to this length starts while any are left: at most twice this per
/// tick.
const SLICE_LEN_MAX: u64 = 64 * 1024;
/// Most jobs: each holds a descriptor and 300 KiB besides its result.
const JOBS_MAX: usize = 8;
/// Bytes of all jobs: no result exceeds its original.
const JOBS_LEN_MAX: u64 = 16 << 20;
/// Compression level with the ratio of the usual 6, to three decimals, in three quarters of the time.
const LEVEL: Compression = Compression::new(5);

pub(super) enum GzipResult {
    Compressed(Rc<[u8]>),
    NotSmaller,
    Pending,
    /// Too many jobs, a changing file, or length out of bounds.
    Refused,
}

#[derive(Debug, Default)]
pub(super) struct GzipJobs {
    jobs: Vec<GzipJob>,
    tick: u64,
    tick_began: Option<Instant>,
    left_len: u64,
}

#[derive(Debug)]
struct GzipJob {
    key: Box<[u8]>,
    stat: Option<FileStat>,
    source: Rc<OpenFile>,
    len: u64,
    done_len: u64,
    encoder: GzEncoder<Vec<u8>>,
    last_asked: u64,
}

impl GzipJobs {
    pub(super) fn gzip(
        &mut self,
        key: &[u8],
        original: &Resource,
        is_settled: bool,
        tick: Instant,
    ) -> GzipResult {
        if !(GZIP_LEN_MIN..=GZIP_LEN_MAX).contains(&original.len) {
            return GzipResult::Refused;
        }
        self.begin_tick(tick);
        match &original.content {
            Content::Memory(bytes) => self.compress_now(bytes),
            Content::Static(bytes) => self.compress_now(bytes),
            // Unseen changes between slices would mix versions.
            Content::File(file) if is_settled => self.compress_slice(key, original, file),
            Content::File(_) | Content::GzipPage(_) => GzipResult::Refused,
        }
    }

    /// Drops jobs without requests: waiting requests ask every tick.
    fn begin_tick(&mut self, tick: Instant) {
        if self.tick_began == Some(tick) {
            return;
        }
        self.tick_began = Some(tick);
        self.tick += 1;
        self.left_len = SLICE_LEN_MAX;
        self.jobs.retain(|job| job.last_asked + 1 >= self.tick);
    }

    fn compress_now(&mut self, bytes: &[u8]) -> GzipResult {
        if self.left_len == 0 {
            return GzipResult::Pending;
        }
        self.left_len = self.left_len.saturating_sub(bytes.len() as u64);
        let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), LEVEL);
        let made = encoder.write_all(bytes).and_then(|()| encoder.finish());
        gzip_result(made, bytes.len() as u64)
    }

    fn compress_slice(&mut self, key: &[u8], original: &Resource, file: &Rc<OpenFile>) -> GzipResult {
        let Some(mut job) = self.take_job(key, original, file) else { return GzipResult::Refused };
        job.last_asked = self.tick;
        match job.advance(mem::take(&mut self.left_len)) {
            Ok(true) => gzip_result(job.encoder.finish(), job.len),
            Ok(false) if job.encoder.get_ref().len() as u64 >= job.len => GzipResult::NotSmaller,
            Ok(false) => {
                self.jobs.push(job);
                GzipResult::Pending
            }
            Err(error) => {
                log::debug!("cannot compress a file: {error}");
                GzipResult::Refused
            }
        }
    }

    fn take_job(&mut self, key: &[u8], original: &Resource, file: &Rc<OpenFile>) -> Option<GzipJob> {
        // Equal attributes mean one version: the times were stable.
        let is_same = |job: &GzipJob| *job.key == *key && job.stat == original.stat;
        if let Some(index) = self.jobs.iter().position(is_same) {
            return Some(self.jobs.swap_remove(index));
        }
        let held_len: u64 = self.jobs.iter().map(|job| job.len).sum();
        if self.jobs.len() >= JOBS_MAX || held_len + original.len > JOBS_LEN_MAX {
            return None;
        }
        Some(GzipJob {
            key: key.into(),
            stat: original.stat,
            source: Rc::clone(file),
            len: original.len,
            done_len: 0,
            encoder: GzEncoder::new(Vec::new(), LEVEL),
            last_asked: self.tick,
        })
    }
}

impl GzipJob {
    /// True when complete.
    fn advance(&mut self, slice_len: u64) -> io::Result<bool> {
        let slice_len = slice_len.min(self.len - self.done_len);
        let bytes = read_up_to(&*self.source, self.done_len, slice_len)?;
        self.encoder.write_all(&bytes)?;
        self.done_len += slice_len;
        let is_whole = self.done_len == self.len;
        // Attributes still equal: all slices have one version.
        if bytes.len() as u64 != slice_len || (is_whole && FileStat::of(&*self.source).ok() != self.stat) {
            return Err(io::Error::other("the file changes while it is read"));
        }
        Ok(is_whole)
    }
}

fn gzip_result(made: io::Result<Vec<u8>>, original_len: u64) -> GzipResult {
    match made {
        Ok(made) if (made.len() as u64) < original_len => GzipResult::Compressed(made.into()),
        Ok(_) => GzipResult::NotSmaller,
        // Writes to memory cannot fail.
        Err(_) => GzipResult::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::source::load;
    use std::fs;
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    const LEN: u64 = 3 * SLICE_LEN_MAX;

    /// Long file, and its resource after the open.
    fn long_file() -> (tempfile::TempDir, File, Resource) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.txt");
        fs::write(&path, "text ".repeat(LEN as usize / 5 + 1)).expect("writes");
        let file = File::options().write(true).open(&path).expect("opens");
        file.set_len(LEN).expect("cuts");
        let opened = File::open(&path).expect("opens");
        let stat = FileStat::of(&opened).expect("facts");
        let resource = load(opened.into(), stat, b"a.txt").expect("loads");
        (dir, file, resource)
    }

    /// Result after three ticks; `change` is called before the last tick.
    fn made(resource: &Resource, change: impl FnOnce()) -> GzipResult {
        let mut gzip_jobs = GzipJobs::default();
        let start = Instant::now();
        let tick = |number: u64| start + Duration::from_nanos(number);
        for number in 0..2 {
            assert!(matches!(gzip_jobs.gzip(b"a.txt", resource, true, tick(number)), GzipResult::Pending));
            assert_eq!(gzip_jobs.jobs.len(), 1);
        }
        change();
        let made = gzip_jobs.gzip(b"a.txt", resource, true, tick(2));
        assert!(gzip_jobs.jobs.is_empty());
        made
    }

    #[test]
    fn gzip_of_file_changed_meanwhile_is_refused() {
        let (_dir, _file, resource) = long_file();
        assert!(matches!(made(&resource, || ()), GzipResult::Compressed(bytes) if !bytes.is_empty()));
        let (_dir, file, resource) = long_file();
        let overwrite = || {
            // Until the file system clock ticks.
            while FileStat::of(&file).ok() == resource.stat {
                file.write_all_at(b"other", 7).expect("writes");
            }
        };
        assert!(matches!(made(&resource, overwrite), GzipResult::Refused));
        let (_dir, file, resource) = long_file();
        assert!(matches!(made(&resource, || file.set_len(LEN - 1).expect("cuts")), GzipResult::Refused));
    }

    #[test]
    fn job_is_per_key_and_stat_and_dropped_when_unrequested() {
        let (_dir, _file, resource) = long_file();
        let mut gzip_jobs = GzipJobs::default();
        let now = Instant::now();
        for (key, count) in [(&b"a.txt"[..], 1), (b"b.txt", 2), (b"a.txt", 2)] {
            assert!(matches!(gzip_jobs.gzip(key, &resource, true, now), GzipResult::Pending));
            assert_eq!(gzip_jobs.jobs.len(), count);
        }
        let mut other = resource.clone();
        other.stat = other.stat.map(|stat| FileStat { changed_secs: stat.changed_secs + 1, ..stat });
        assert!(matches!(gzip_jobs.gzip(b"a.txt", &other, true, now), GzipResult::Pending));
        assert_eq!(gzip_jobs.jobs.len(), 3);
        for (nanos, count) in [(1, 3), (2, 1)] {
            let later = now + Duration::from_nanos(nanos);
            assert!(!matches!(gzip_jobs.gzip(b"b.txt", &resource, true, later), GzipResult::Refused));
            assert_eq!(gzip_jobs.jobs.len(), count, "{nanos}");
        }
        assert!(matches!(gzip_jobs.gzip(b"c.txt", &resource, false, now), GzipResult::Refused));
    }

    #[test]
    fn gzip_beyond_jobs_max_is_refused() {
        let (_dir, _file, resource) = long_file();
        let mut gzip_jobs = GzipJobs::default();
        let tick = Instant::now();
        for number in 0..JOBS_MAX as u8 + 3 {
            let made = gzip_jobs.gzip(&[number], &resource, true, tick);
            assert_eq!(matches!(made, GzipResult::Pending), usize::from(number) < JOBS_MAX);
        }
        assert_eq!(gzip_jobs.jobs.len(), JOBS_MAX);
    }
}
