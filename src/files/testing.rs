//! Site on disk and its cache, for unit tests.
//!
//! Each lookup is its own tick, one hour ahead, when all times are stable. Loads are counted; the cache is
//! never inspected.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use super::watch::is_watchable_fs;
use super::{
    CacheLimits, CachedFile, Coding, Content, ContentSource, EncodingPreferences, FileCache, FileStat,
    Lookup, RelativePath, Resource, Root,
};

/// Site and cache; values count the loads.
pub(super) struct CacheFixture {
    dir: TempDir,
    pub(super) store: ContentSource,
    pub(super) cache: FileCache<u32>,
    pub(super) now: SystemTime,
    tick: Instant,
    loads: Cell<u32>,
    /// File outside of the site.
    scratch: PathBuf,
}

/// Directory that inotify covers: the usual one, or `/dev/shm` if that is on overlayfs, as in containers.
pub(super) fn watched_dir() -> TempDir {
    let usual = tempfile::tempdir().expect("a directory");
    match is_watchable_fs(File::open(usual.path()).expect("opens")) {
        Ok(true) => usual,
        _ => TempDir::new_in("/dev/shm").expect("a directory in memory"),
    }
}

impl CacheFixture {
    pub(super) fn new() -> Self {
        let dir = watched_dir();
        let (site, scratch) = (dir.path().join("site"), dir.path().join("scratch"));
        fs::create_dir(&site).expect("the site");
        let store = ContentSource::disk(Root::open(&site).expect("opens"));
        // In an hour, the times of all files written now are stable.
        let now = SystemTime::now() + Duration::from_secs(3600);
        let cache = FileCache::new(CacheLimits::DEFAULT);
        CacheFixture { dir, store, cache, now, tick: Instant::now(), loads: Cell::new(0), scratch }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("site").join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect(name);
    }

    /// Sets mtime to `nanos` after a moment long ago.
    pub(super) fn set_mtime(&self, name: &str, nanos: u64) {
        let file = File::options().write(true).open(self.path(name)).expect(name);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30) + Duration::from_nanos(nanos);
        file.set_modified(time).expect("sets the time");
    }

    /// One lookup in the current tick.
    pub(super) fn lookup(&mut self, raw: &str, accepted: &EncodingPreferences) -> Lookup<u32> {
        let path = RelativePath::parse(raw.as_bytes()).expect(raw);
        let accepted = EncodingPreferences::new(accepted.accepted(), accepted.tick.map(|_| self.tick));
        let loads = &self.loads;
        self.cache.mark_events_pending();
        let count = |_: &Resource| {
            loads.set(loads.get() + 1);
            loads.get()
        };
        self.cache.find(&self.store, &path, "index.html", &accepted, self.now, count).expect(raw)
    }

    pub(super) fn next_tick(&mut self) {
        self.tick += Duration::from_nanos(1);
    }

    /// Repeats the lookup until it is not pending.
    pub(super) fn get(&mut self, raw: &str, accepted: &EncodingPreferences) -> Rc<CachedFile<u32>> {
        for _ in 0..1000 {
            self.next_tick();
            match self.lookup(raw, accepted) {
                Lookup::File(entry) => return entry,
                Lookup::Pending => {}
            }
        }
        panic!("{raw} is never ready");
    }

    /// Coding and content found for `codings`.
    pub(super) fn found(&mut self, raw: &str, codings: &[Coding]) -> (Option<Coding>, String) {
        let entry = self.get(raw, &EncodingPreferences::new(codings.iter().copied(), None));
        let Content::Memory(bytes) = &entry.resource.content else { panic!("{raw} is large") };
        assert_eq!(entry.resource.len, bytes.len() as u64);
        let version = entry.resource.version.expect("it is small");
        assert_eq!(version.len, entry.resource.len, "a twin tells of itself");
        (entry.resource.coding, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[track_caller]
    pub(super) fn check(&mut self, codings: &[Coding], coding: Option<Coding>, text: &str) {
        for look in 0..3 {
            assert_eq!(self.found("/a.css", codings), (coding, text.to_owned()), "look {look}");
        }
        self.wait_for_fs_clock();
    }

    /// Waits for the next tick of the file system clock: some ms at most.
    pub(super) fn wait_for_fs_clock(&self) {
        let changed = || {
            fs::write(&self.scratch, "x").expect("writes");
            let stat = File::open(&self.scratch).ok().and_then(|file| FileStat::of(&file).ok());
            stat.map(|stat| (stat.changed_secs, stat.changed_nanos))
        };
        let before = changed();
        while changed() == before {}
    }

    /// Number of loads by one more equal lookup.
    pub(super) fn loads_of(&mut self, codings: &[Coding]) -> u32 {
        let before = self.loads.get();
        self.found("/a.css", codings);
        self.loads.get() - before
    }
}

/// Site with a directory to archive: guard, root path and store. A secret is beside the root, outside of any
/// archive.
pub(super) fn site_with_directory() -> (TempDir, PathBuf, ContentSource) {
    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("site");
    fs::create_dir_all(root.join("docs/deep/er")).expect("folders");
    for (name, text) in [("a.txt", "a"), ("docs/b.txt", "bb"), ("docs/deep/er/c.txt", "ccc")] {
        fs::write(root.join(name), text).expect(name);
    }
    fs::write(outer.path().join("secret"), "secret").expect("a secret");
    let store = ContentSource::disk(Root::open(&root).expect("opens"));
    (outer, root, store)
}
