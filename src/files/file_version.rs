//! File version: input of validators, and when it is reliable.
//!
//! Versions in one clock tick have equal times, and anyone can set mtime. So a small file's version has a
//! content hash. A large file, not read before it is sent, has a version only once its ctime is stable.

use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::fstatfs;

use super::root::FileStat;

/// [`RACY_WINDOW`] of a short file on a file system whose clock ticks at least every 10 ms.
///
/// Since Linux 6.13 even two changes in one tick have different times, if `statx` ran between them.
const SHORT_WINDOW: Duration = Duration::from_millis(250);

/// Slowest copy of a `write`, in bytes per ms, for the window above.
///
/// The kernel stamps before it copies: while one `write` runs, one ctime has two contents. 256 MiB took 0.35
/// to 0.74 s on a busy machine; this is a third of that speed.
const COPIED_PER_MS_MIN: u64 = 128 * 1024;

/// Age at which times distinguish a file from its next version.
///
/// Two changes in one clock tick keep the times, perhaps the length. The coarsest tick in use is FAT's, 2 s.
pub const RACY_WINDOW: Duration = Duration::from_secs(2);

/// Age from which a file counts as one that nobody writes in place.
///
/// Pages that `sendfile` queued change with the file. So a younger file is copied: 42 µs of CPU instead of 20 for
/// 100 KB, and 3.1 ms instead of 0.55 for 10 MiB.
pub const QUIET_AGE: Duration = Duration::from_secs(10);

/// Input of a validator (RFC 9110 section 8.8.3).
///
/// At least one number changes with the content of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// Inode; 0 for embedded pages.
    pub inode: u64,
    /// Length in bytes.
    pub len: u64,
    /// mtime in Unix nanoseconds; 0 for embedded pages.
    pub modified_nanos: u64,
    /// Content hash; for a large file, ctime in Unix nanoseconds.
    ///
    /// The other numbers may stay equal: reproducible builds set one mtime, and inodes are reused.
    pub discriminator: u64,
}

impl FileVersion {
    pub(super) fn of_content(stat: &FileStat, len: u64, hash: u64) -> FileVersion {
        let modified_nanos = unix_nanos(stat.modified_secs, stat.modified_nanos);
        FileVersion { inode: stat.inode, len, modified_nanos, discriminator: hash }
    }

    pub(super) fn of_page(len: u64, hash: u64) -> FileVersion {
        FileVersion { inode: 0, len, modified_nanos: 0, discriminator: hash }
    }

    /// Requires [`times_are_stable`].
    pub(super) fn of_stat(stat: &FileStat) -> FileVersion {
        FileVersion::of_content(stat, stat.len, unix_nanos(stat.changed_secs, stat.changed_nanos))
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ContentHash {
    hash: u64,
    len: u64,
    len_max: u64,
}

impl ContentHash {
    pub(super) fn new(len_max: u64) -> ContentHash {
        ContentHash { hash: HASH_BASIS, len: 0, len_max }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.len = self.len.saturating_add(chunk.len() as u64);
        if self.len <= self.len_max {
            self.hash = hash_update(self.hash, self.len - chunk.len() as u64, chunk);
        }
    }

    /// `None` above `len_max` bytes, or if `stat` has another length.
    pub(super) fn version(self, stat: &FileStat) -> Option<FileVersion> {
        let is_known = self.len <= self.len_max && self.len == stat.len;
        is_known.then(|| FileVersion::of_content(stat, self.len, self.hash))
    }
}

/// Wraps before 1970 and after 2554; different times still differ.
fn unix_nanos(secs: i64, nanos: u32) -> u64 {
    secs.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(nanos.into())
}

/// True if the next change is certain to change ctime.
pub(super) fn times_are_stable(stat: &FileStat, now: SystemTime) -> bool {
    is_older((stat.changed_secs, stat.changed_nanos), RACY_WINDOW, now)
}

/// `time`: seconds and nanoseconds.
pub(super) fn is_older(time: (i64, u32), age: Duration, now: SystemTime) -> bool {
    let limit = now.duration_since(UNIX_EPOCH).ok().and_then(|now| now.checked_sub(age));
    limit.is_some_and(|limit| time <= (limit.as_secs().cast_signed(), limit.subsec_nanos()))
}

/// As [`times_are_stable`], with [`SHORT_WINDOW`] where times have a fraction of a second.
pub(super) fn version_is_stable(file: impl AsFd, stat: &FileStat, now: SystemTime) -> bool {
    let window = SHORT_WINDOW + Duration::from_millis(stat.len / COPIED_PER_MS_MIN);
    let is_over = |window| is_older((stat.changed_secs, stat.changed_nanos), window, now);
    // ext4, xfs, btrfs, tmpfs. Some ext4 and all ext3 store seconds only.
    let is_fine = |magic| matches!(magic, 0xEF53 | 0x5846_5342 | 0x9123_683E | 0x0102_1994);
    let has_short_window = window < RACY_WINDOW && stat.changed_nanos != 0 && is_over(window);
    is_over(RACY_WINDOW) || has_short_window && fstatfs(file).is_ok_and(|found| is_fine(found.f_type as u64))
}

/// Hash of 64-bit words: equal in every build. Guards against accidents, not attackers.
///
/// Words take a fifth of the time of bytes. The shift is for the high bits, which no product moves down.
pub(super) fn content_hash(bytes: &[u8]) -> u64 {
    hash_update(HASH_BASIS, 0, bytes)
}

const HASH_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Adds `bytes`, which follow `len` others. The bytes of a word may come in parts.
fn hash_update(mut hash: u64, mut len: u64, mut bytes: &[u8]) -> u64 {
    let mix = |word: u64| {
        let product = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 32)
    };
    while let [byte, after @ ..] = bytes {
        match (len % 8, bytes.split_first_chunk()) {
            (0, Some((&word, rest))) => {
                (hash, len, bytes) = (mix(hash ^ u64::from_le_bytes(word)), len + 8, rest);
            }
            (at, _) => {
                hash ^= u64::from(*byte) << (8 * at);
                (hash, len, bytes) = (if at == 7 { mix(hash) } else { hash }, len + 1, after);
            }
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::super::{ContentSource, RelativePath, Resource, Root, SMALL_FILE_LEN_MAX};
    use super::*;
    use std::fs::{self, File};

    const LARGE: usize = SMALL_FILE_LEN_MAX as usize + 1;

    fn look_up(store: &ContentSource) -> Resource {
        let path = RelativePath::parse(b"/a").expect("a path");
        match store.lookup(&path, "index.html") {
            Ok(resource) => resource,
            Err(error) => panic!("a is {error:?}"),
        }
    }

    #[test]
    fn small_file_version_changes_with_bytes_despite_same_mtime() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        let path = dir.path().join("a");
        fs::write(&path, "0000").expect("a file");
        let modified = fs::metadata(&path).and_then(|stat| stat.modified()).expect("a time");
        let mut before = look_up(&store).version.expect("it is small");
        for turn in 1..200 {
            fs::write(&path, format!("{turn:04}")).expect("a file");
            File::options().write(true).open(&path).and_then(|f| f.set_modified(modified)).expect("set");
            let after = look_up(&store).version.expect("it is small");
            assert_ne!(after.discriminator, before.discriminator);
            assert_eq!(FileVersion { discriminator: 0, ..after }, FileVersion { discriminator: 0, ..before });
            before = after;
        }
    }

    #[test]
    fn short_window_needs_fine_time_and_grows_with_len() {
        let file = tempfile::tempfile().expect("a file");
        let stat = FileStat::of(&file).expect("its attributes");
        let at = |nanos, len| FileStat { changed_secs: 1000, changed_nanos: nanos, len, ..stat };
        let age = |stat: &FileStat, millis| {
            let changed = Duration::new(stat.changed_secs.unsigned_abs(), stat.changed_nanos);
            UNIX_EPOCH + changed + Duration::from_millis(millis)
        };
        let is_stable = |stat: &FileStat, millis| version_is_stable(&file, stat, age(stat, millis));
        for (nanos, len, millis) in [(0, 1, 2000), (1, 1, 2000), (1, 1 << 40, 2000)] {
            assert!(is_stable(&at(nanos, len), millis) && !is_stable(&at(0, len), millis - 1));
        }
        if !is_stable(&at(1, 0), 250) {
            return eprintln!("skipped: the temporary directory is on another kind of file system");
        }
        for (len, millis) in [(0, 250), (1 << 20, 258), (64 << 20, 762), (200 << 20, 1850), (1 << 30, 2000)] {
            assert!(is_stable(&at(1, len), millis) && !is_stable(&at(1, len), millis - 1), "{len}");
        }
    }

    #[test]
    fn large_file_has_version_once_its_times_are_stable() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        let path = dir.path().join("a");
        fs::write(&path, vec![b'x'; LARGE]).expect("a file");
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().write(true).open(&path).and_then(|f| f.set_modified(long_ago)).expect("set");
        let resource = look_up(&store);
        let stat = resource.stat.expect("it did not change");
        let changed = SystemTime::UNIX_EPOCH + Duration::new(stat.changed_secs as u64, stat.changed_nanos);
        let nano = Duration::from_nanos(1);
        for (now, is_settled, is_known) in [
            (SystemTime::UNIX_EPOCH, false, false),
            (long_ago + RACY_WINDOW - nano, false, false),
            (long_ago + RACY_WINDOW, true, false),
            (changed + SHORT_WINDOW - nano, true, false),
            (changed + RACY_WINDOW, true, true),
        ] {
            let seen = resource.clone().with_validators_at(now);
            assert_eq!((seen.mtime_is_stable, seen.version.is_some()), (is_settled, is_known), "{now:?}");
        }
        let later = changed + RACY_WINDOW;
        let before = resource.with_validators_at(later).version;
        // Changed in place with equal length and mtime: only ctime differs.
        loop {
            fs::write(&path, vec![b'y'; LARGE]).expect("a file");
            File::options().write(true).open(&path).and_then(|f| f.set_modified(long_ago)).expect("set");
            let after = look_up(&store);
            if after.stat != Some(stat) {
                assert_ne!(after.with_validators_at(later + Duration::from_secs(60)).version, before);
                break;
            }
        }
    }

    #[test]
    fn content_hash_in_pieces_equals_version_of_small_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        for (len, is_small) in [(0, true), (1, true), (LARGE - 1, true), (LARGE, false), (2 * LARGE, false)] {
            let bytes = vec![b'x'; len];
            fs::write(dir.path().join("a"), &bytes).expect("a file");
            let stat = FileStat::of(File::open(dir.path().join("a")).expect("opens")).expect("facts");
            let mut hash = ContentHash::new(SMALL_FILE_LEN_MAX);
            bytes.chunks(1000).for_each(|chunk| hash.update(chunk));
            assert_eq!(hash.version(&stat).is_some(), is_small, "{len}");
            assert_eq!(hash.version(&stat), look_up(&store).version, "{len}");
            assert_eq!(hash.version(&FileStat { len: len as u64 + 1, ..stat }), None, "it is not this file");
            assert!(!is_small || hash.hash == content_hash(&bytes));
        }
    }

    #[test]
    fn unix_nanos_before_1970_differ() {
        assert_eq!(unix_nanos(1, 5), 1_000_000_005);
        assert_ne!(unix_nanos(-1, 0), unix_nanos(-2, 0));
    }

    #[test]
    fn content_hash_is_equal_in_parts_and_differs_by_each_bit() {
        let bytes: Vec<u8> = (1..=27).collect();
        let whole = content_hash(&bytes);
        for at in 0..bytes.len() {
            let (one, other) = bytes.split_at(at);
            assert_eq!(hash_update(content_hash(one), at as u64, other), whole, "{at}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(content_hash(&changed), whole, "bit {bit} of {at}");
                // The highest bits of two words must not cancel out.
                changed[(at + 8) % 27] ^= 1 << bit;
                assert_ne!(content_hash(&changed), whole, "bit {bit} of {at} and 8 later");
            }
        }
        assert_ne!(content_hash(&[0; 8]), content_hash(&[0; 16]));
    }
}
