//! Tests of single files in the cache, without variants.
//!
//! `fresh` has the tests of changes to watched files. The modules of the variants have their own tests.

mod fresh;

use super::*;
use crate::files::testing::watched_dir;
use crate::files::{QUIET_AGE, RACY_WINDOW, Root, SMALL_FILE_LEN_MAX};
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// Site and cache; each value is the number of the load that made it.
struct FileCacheFixture {
    dir: TempDir,
    store: ContentSource,
    cache: FileCache<u32>,
    loads: Cell<u32>,
    now: SystemTime,
}

impl FileCacheFixture {
    fn new(limits: CacheLimits) -> Self {
        let dir = watched_dir();
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        // In an hour, the times of all files written now are stable.
        let now = SystemTime::now() + Duration::from_secs(3600);
        FileCacheFixture { dir, store, cache: FileCache::new(limits), loads: Cell::new(0), now }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect(name);
    }

    fn find(&mut self, raw: &str) -> Result<Lookup<u32>, LookupError> {
        let path = RelativePath::parse(raw.as_bytes()).expect(raw);
        let loads = &self.loads;
        self.cache.mark_events_pending();
        self.cache.find(&self.store, &path, "index.html", &EncodingPreferences::PLAIN, self.now, |_| {
            loads.set(loads.get() + 1);
            loads.get()
        })
    }

    fn entry(&mut self, raw: &str) -> Rc<CachedFile<u32>> {
        match self.find(raw) {
            Ok(Lookup::File(entry)) => entry,
            other => panic!("{raw} gives {other:?}"),
        }
    }

    fn text(&mut self, raw: &str) -> String {
        match &self.entry(raw).resource.content {
            Content::Memory(bytes) => String::from_utf8(bytes.to_vec()).expect("text"),
            other => panic!("{raw} is {other:?}"),
        }
    }

    /// True if `raw` is found without a load.
    fn is_cached(&mut self, raw: &str) -> bool {
        let before = self.loads.get();
        self.entry(raw);
        self.loads.get() == before
    }
}

#[test]
fn unchanged_file_is_loaded_once() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.write("a.txt", "hello");
    let first = fixture.entry("/a.txt");
    let second = fixture.entry("/a.txt");
    assert!(Rc::ptr_eq(&first, &second));
    assert_eq!((second.value, fixture.loads.get()), (1, 1));
    // Another spelling of the same path.
    assert!(Rc::ptr_eq(&first, &fixture.entry("//x/../%61.txt")));
}

#[test]
fn every_change_shows_at_next_lookup() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.write("a.txt", "one");
    assert_eq!(fixture.text("/a.txt"), "one");

    fixture.write("a.txt", "longer");
    assert_eq!(fixture.text("/a.txt"), "longer");

    fixture.write("b.txt", "LONGER");
    fs::rename(fixture.path("b.txt"), fixture.path("a.txt")).expect("replaces");
    assert_eq!(fixture.text("/a.txt"), "LONGER");

    let file = fs::File::options().write(true).open(fixture.path("a.txt")).expect("opens");
    file.set_len(4).expect("truncates");
    assert_eq!(fixture.text("/a.txt"), "LONG");

    fs::remove_file(fixture.path("a.txt")).expect("removes");
    assert!(matches!(fixture.find("/a.txt"), Err(LookupError::NotFound)));

    fs::create_dir(fixture.path("a.txt")).expect("a directory");
    assert!(matches!(fixture.find("/a.txt"), Err(LookupError::Directory)));
}

#[test]
fn change_with_same_length_and_mtime_shows() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.write("a.txt", "one");
    let path = fixture.path("a.txt");
    let before = fixture.entry("/a.txt").resource.stat.expect("settled");
    let modified = fs::metadata(&path).and_then(|stat| stat.modified()).expect("a time");
    // Until the next tick of the file system clock: some ms at most.
    loop {
        fs::write(&path, "two").expect("writes");
        let file = fs::File::options().write(true).open(&path).expect("opens");
        file.set_modified(modified).expect("sets the time");
        let after = FileStat::of(&file).expect("facts");
        assert_eq!(after.modified_nanos, before.modified_nanos);
        if after != before {
            break;
        }
    }
    assert_eq!(fixture.text("/a.txt"), "two");
}

#[test]
fn retargeted_symlink_shows_at_next_lookup() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    for name in ["v1", "v2"] {
        fs::create_dir(fixture.path(name)).expect(name);
        fixture.write(&format!("{name}/index.html"), name);
    }
    symlink("v1", fixture.path("now")).expect("a link");
    assert_eq!(fixture.text("/now/"), "v1");
    assert!(fixture.is_cached("/now/"));
    symlink("v2", fixture.path("next")).expect("a link");
    fs::rename(fixture.path("next"), fixture.path("now")).expect("replaces");
    assert_eq!(fixture.text("/now/"), "v2");
}

#[test]
fn index_and_its_directory_are_distinct() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fs::create_dir(fixture.path("docs")).expect("docs");
    fixture.write("docs/index.html", "docs");
    fixture.write("index.html", "home");
    for _ in 0..2 {
        assert_eq!(fixture.text("/docs/"), "docs");
        assert_eq!(fixture.text("/"), "home");
        assert!(matches!(fixture.find("/docs"), Err(LookupError::Directory)));
        assert!(matches!(fixture.find("/docs/index.html/"), Err(LookupError::NotFound)));
    }
    assert_eq!(fixture.loads.get(), 2);
    fs::remove_file(fixture.path("docs/index.html")).expect("removes");
    assert!(matches!(fixture.find("/docs/"), Err(LookupError::NoIndex)));
}

#[test]
fn recently_changed_file_is_served_but_not_cached() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.write("a.txt", "young");
    let changed = fixture.entry("/a.txt").resource.stat.expect("settled");
    let changed_at = UNIX_EPOCH + Duration::new(changed.changed_secs as u64, changed.changed_nanos);
    let nano = Duration::from_nanos(1);
    for (now, is_kept) in [
        (UNIX_EPOCH, false),
        (changed_at, false),
        (changed_at + RACY_WINDOW - nano, false),
        (changed_at + RACY_WINDOW, true),
    ] {
        fixture.cache = FileCache::new(CacheLimits::DEFAULT);
        fixture.now = now;
        assert_eq!(fixture.text("/a.txt"), "young");
        assert_eq!(fixture.is_cached("/a.txt"), is_kept, "{now:?}");
    }
}

#[test]
fn large_file_is_loaded_again_when_it_becomes_quiet() {
    for limits in [CacheLimits::DEFAULT, CacheLimits { entries_max: 0, ..CacheLimits::DEFAULT }] {
        let mut fixture = FileCacheFixture::new(limits);
        fixture.write("large", &"x".repeat(SMALL_FILE_LEN_MAX as usize + 1));
        fixture.write("small", "x");
        let changed = fixture.entry("/large").resource.stat.expect("settled");
        let changed_at = UNIX_EPOCH + Duration::new(changed.changed_secs as u64, changed.changed_nanos);
        fixture.cache = FileCache::new(limits);
        let nano = Duration::from_nanos(1);
        for (age, is_quiet) in
            [(RACY_WINDOW, false), (QUIET_AGE - nano, false), (QUIET_AGE, true), (2 * QUIET_AGE, true)]
        {
            fixture.now = changed_at + age;
            assert_eq!(fixture.entry("/large").resource.is_quiet, is_quiet, "{age:?}");
            assert!(fixture.entry("/small").resource.is_quiet);
        }
        let is_kept = limits.entries_max > 0;
        assert_eq!(fixture.is_cached("/large"), is_kept);
    }
}

#[test]
fn embedded_page_stays_cached() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.store = ContentSource::default();
    fixture.now = UNIX_EPOCH;
    assert!(!fixture.is_cached("/"));
    assert!(fixture.is_cached("/"));
}

#[test]
fn source_pages_and_disk_files_are_both_cached() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.store = ContentSource::disk_with_source(Root::open(fixture.dir.path()).expect("opens"));
    fixture.write("a.txt", "one");
    fixture.write("server-code.html", "of another build");
    for path in ["/a.txt", "/server-code.html"] {
        assert!(!fixture.is_cached(path) && fixture.is_cached(path), "{path}");
    }
    let page = fixture.entry("/server-code.html");
    assert!(matches!(page.resource.content, Content::GzipPage(_)));
    fixture.write("a.txt", "longer");
    assert_eq!(fixture.text("/a.txt"), "longer");
}

#[test]
fn descriptor_limit_evicts_large_files_not_small_ones() {
    let mut fixture = FileCacheFixture::new(CacheLimits { descriptors_max: 2, ..CacheLimits::DEFAULT });
    fixture.write("small", "small");
    fixture.entry("/small");
    for number in 0..6 {
        let name = format!("large-{number}");
        fixture.write(&name, "");
        let file = fs::File::options().write(true).open(fixture.path(&name)).expect("opens");
        file.set_len(SMALL_FILE_LEN_MAX + 1).expect("grows");
        let entry = fixture.entry(&format!("/{name}"));
        assert!(matches!(entry.resource.content, Content::File(_)));
    }
    assert!(fixture.is_cached("/small") && fixture.is_cached("/large-5") && !fixture.is_cached("/large-0"));
}

#[test]
fn full_cache_admits_one_in_eight_small_files() {
    const FILES: u64 = 40;
    let mut fixture = FileCacheFixture::new(CacheLimits { entries_max: 4, ..CacheLimits::DEFAULT });
    (0..FILES).for_each(|number| fixture.write(&format!("{number}"), "small"));
    for round in 1..=10 {
        (0..FILES).for_each(|number| drop(fixture.entry(&format!("/{number}"))));
        let CacheLookups { hits, misses } = fixture.cache.lookups;
        assert_eq!(hits + misses, round * FILES);
        let evictions = fixture.cache.entries.evictions_total;
        assert!(evictions.abs_diff((misses - 4) / ADMITTED_ONE_IN) <= 3, "{evictions} of {misses}");
    }
    assert!((0..13).any(|_| fixture.is_cached("/0")), "what is requested often is admitted");
}

#[test]
fn cache_of_size_zero_still_finds_files() {
    let none = CacheLimits::NONE;
    let mut fixture = FileCacheFixture::new(none);
    fixture.write("a.txt", "found");
    assert_eq!(fixture.text("/a.txt"), "found");
    assert!(!fixture.is_cached("/a.txt"));
}

#[test]
fn root_is_looked_at_after_each_event_or_once_a_second() {
    // Each directory of the path is watched, and in the usual one other tests make names: a hashed counter may collide.
    let dir = TempDir::new_in("/dev/shm").expect("a directory in memory");
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    fs::create_dir(&old).expect("a directory");
    symlink(&old, dir.path().join("link")).expect("a link");
    for path in [old.clone(), dir.path().join("link/../link/.")] {
        let mut root = Root::open(&path).expect("opens");
        let watched = FileCache::<u32>::new(CacheLimits::DEFAULT);
        let unwatched = FileCache::new(CacheLimits::DEFAULT).unwatched();
        for (mut cache, is_watched) in [(watched, true), (unwatched, false)] {
            let mut is_current = |root: &Root, secs| {
                cache.mark_events_pending();
                cache.is_root_current(root, secs)
            };
            let looks = [1, 1, 2, 2].map(|secs| is_current(&root, secs));
            assert_eq!(looks, [false, true, false, true], "{path:?}");
            fs::write(dir.path().join("beside"), "x").expect("writes");
            assert!(is_current(&root, 2), "another name is no event of the path");
            fs::rename(&old, &new).expect("renames");
            assert_eq!([2, 2, 3].map(|secs| is_current(&root, secs)), [!is_watched, true, false], "{path:?}");
            assert!(root.follow_path().is_err());
            assert!([3, 3].iter().all(|&secs| !is_current(&root, secs)), "a missing root is looked for");
            fs::rename(&new, &old).expect("renames");
            root.follow_path().expect("it is back");
        }
    }
}
