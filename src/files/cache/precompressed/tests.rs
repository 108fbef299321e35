//! Which twin is found, and that every change of one shows at the next look.
//!
//! Each look is a turn of its own, on a real directory; what is loaded is counted.

use super::*;
use crate::files::testing::CacheFixture;
use crate::files::{CacheLimits, Content, EncodingPreferences, FileCache, RACY_WINDOW, RelativePath};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use Coding::{Brotli, Gzip, Zstd};

const ALL: [Coding; 3] = [Brotli, Zstd, Gzip];

#[test]
fn first_accepted_sidecar_is_found_and_cached() {
    let mut bench = CacheFixture::new();
    for name in ["a.css", "a.css.zst", "a.css.gz"] {
        bench.write(name, name);
    }
    bench.check(&ALL, Some(Zstd), "a.css.zst");
    bench.check(&[Gzip, Brotli, Zstd], Some(Gzip), "a.css.gz");
    bench.check(&[Brotli], None, "a.css");
    bench.check(&[], None, "a.css");
    let loads: Vec<u32> = [&ALL[..], &[Gzip], &[Brotli], &[]].map(|codings| bench.loads_of(codings)).into();
    assert_eq!(loads, [0; 4], "all is at hand");
    let twin = bench.get("/a.css", &EncodingPreferences::new(ALL, None));
    let original = bench.get("/a.css", &EncodingPreferences::PLAIN);
    assert_eq!(twin.resource.media_type, "text/css; charset=utf-8");
    assert_ne!(twin.resource.version, original.resource.version);
    assert!(twin.resource.is_negotiable && original.resource.is_negotiable && !twin.resource.is_generated());
}

#[test]
fn sidecar_requested_by_name_is_a_plain_file() {
    let mut bench = CacheFixture::new();
    bench.write("a.css", "plain");
    bench.write("a.css.gz", "twin");
    for _ in 0..2 {
        let entry = bench.get("/a.css.gz", &EncodingPreferences::new(ALL, None));
        assert_eq!((&*entry.resource.media_type, entry.resource.coding), ("application/gzip", None));
        assert!(!entry.resource.is_negotiable);
        bench.check(&[Gzip], Some(Gzip), "twin");
    }
}

#[test]
fn incompressible_type_ignores_sidecar() {
    let mut bench = CacheFixture::new();
    bench.write("a.png", "plain");
    bench.write("a.png.gz", "twin");
    assert_eq!(bench.found("/a.png", &ALL), (None, "plain".to_owned()));
}

#[test]
fn index_and_nested_file_use_their_sidecars() {
    let mut bench = CacheFixture::new();
    fs::create_dir(bench.path("docs")).expect("docs");
    for name in ["index.html", "index.html.br", "docs/index.html", "docs/index.html.gz"] {
        bench.write(name, name);
    }
    for _ in 0..2 {
        assert_eq!(bench.found("/", &ALL), (Some(Brotli), "index.html.br".to_owned()));
        assert_eq!(bench.found("/docs/", &ALL), (Some(Gzip), "docs/index.html.gz".to_owned()));
        assert_eq!(bench.found("/docs/index.html", &[Brotli]), (None, "docs/index.html".to_owned()));
    }
}

#[test]
fn sidecar_changed_before_watched_shows_at_next_lookup() {
    let mut bench = CacheFixture::new();
    bench.write("a.css", "plain");
    bench.write("a.css.gz", "twin");
    assert_eq!(bench.found("/a.css", &ALL), (Some(Gzip), "twin".to_owned()));
    bench.wait_for_fs_clock();
    bench.write("a.css.gz", "niwt");
    bench.check(&ALL, Some(Gzip), "niwt");
}

#[test]
fn every_sidecar_change_shows_at_next_lookup() {
    changes_show(CacheFixture::new());
    let mut unwatched = CacheFixture::new();
    unwatched.cache = FileCache::new(CacheLimits::DEFAULT).unwatched();
    changes_show(unwatched);
}

fn changes_show(mut bench: CacheFixture) {
    bench.write("a.css", "plain");
    bench.check(&ALL, None, "plain");
    bench.write("a.css.gz", "twin 1");
    bench.check(&ALL, Some(Gzip), "twin 1");
    bench.write("a.css.gz", "another twin");
    bench.check(&ALL, Some(Gzip), "another twin");
    bench.write("new", "renamed here");
    fs::rename(bench.path("new"), bench.path("a.css.br")).expect("renames");
    bench.check(&ALL, Some(Brotli), "renamed here");
    bench.set_mtime("a.css.br", 0);
    bench.check(&ALL, Some(Gzip), "another twin");
    fs::remove_file(bench.path("a.css.gz")).expect("removes");
    bench.check(&ALL, None, "plain");
    bench.write("a.css.br", "new again");
    bench.check(&ALL, Some(Brotli), "new again");
    bench.write("a.css.br", "");
    bench.check(&ALL, None, "plain");
    bench.write("a.css.br", "and full");
    bench.check(&ALL, Some(Brotli), "and full");
    fs::remove_file(bench.path("a.css.br")).expect("removes");
    fs::create_dir(bench.path("a.css.br")).expect("a directory");
    bench.check(&ALL, None, "plain");
    fs::remove_dir(bench.path("a.css.br")).expect("removes");
    bench.write("a.css.br", "a file again");
    bench.check(&ALL, Some(Brotli), "a file again");
}

#[test]
fn sidecar_opened_for_writing_is_reloaded_once() {
    let mut bench = CacheFixture::new();
    bench.write("a.css", "plain");
    bench.write("a.css.gz", "twin");
    bench.check(&[Gzip], Some(Gzip), "twin");
    assert_eq!(bench.loads_of(&[Gzip]), 0);
    drop(fs::File::options().write(true).open(bench.path("a.css.gz")).expect("opens"));
    assert_eq!([1, 0], [(); 2].map(|()| bench.loads_of(&[Gzip])));
}

#[test]
fn sidecar_older_than_original_by_one_ns_is_stale() {
    let mut bench = CacheFixture::new();
    bench.write("a.css", "plain");
    bench.write("a.css.gz", "twin");
    for (original, twin, is_good) in [(5, 5, true), (6, 5, false), (6, 7, true), (8, 7, false), (7, 7, true)]
    {
        bench.set_mtime("a.css", original);
        bench.set_mtime("a.css.gz", twin);
        let (coding, text) = if is_good { (Some(Gzip), "twin") } else { (None, "plain") };
        bench.check(&ALL, coding, text);
    }
    bench.write("a.css", "changed");
    bench.check(&ALL, None, "changed");
}

#[test]
fn sidecar_without_original_is_not_found() {
    let mut bench = CacheFixture::new();
    bench.write("a.css", "plain");
    bench.write("a.css.gz", "twin");
    bench.check(&ALL, Some(Gzip), "twin");
    fs::remove_file(bench.path("a.css")).expect("removes");
    let path = RelativePath::parse(b"/a.css").expect("a path");
    let wanted = EncodingPreferences::new(ALL, None);
    bench.cache.mark_events_pending();
    assert!(bench.cache.find(&bench.store, &path, "index.html", &wanted, bench.now, |_| 0).is_err());
    bench.write("a.css", "back");
    bench.check(&ALL, None, "back");
}

#[test]
fn sidecar_symlink_stays_in_root_and_changes_show() {
    let mut bench = CacheFixture::new();
    let outside = tempfile::tempdir().expect("a directory");
    fs::write(outside.path().join("secret"), "secret").expect("writes");
    bench.write("a.css", "plain");
    let link = bench.path("a.css.gz");
    let relink = |target: &str| {
        let _ = fs::remove_file(&link);
        symlink(target, &link).expect("a link");
    };
    relink(outside.path().join("secret").to_str().expect("text"));
    bench.check(&ALL, None, "plain");
    fs::create_dir(bench.path("twins")).expect("a directory");
    // The directory of the link does not change when what it leads to comes, changes and goes.
    relink("twins/one");
    bench.check(&ALL, None, "plain");
    bench.write("twins/one", "twin 1");
    bench.check(&ALL, Some(Gzip), "twin 1");
    bench.write("twins/one", "another twin");
    bench.check(&ALL, Some(Gzip), "another twin");
    bench.write("twins/two", "the other");
    relink("twins/two");
    bench.check(&ALL, Some(Gzip), "the other");
    fs::remove_file(bench.path("twins/two")).expect("removes");
    bench.check(&ALL, None, "plain");
    relink("a.css.gz");
    bench.check(&ALL, None, "plain");
}

#[test]
fn retargeted_directory_symlink_changes_sidecar() {
    let mut bench = CacheFixture::new();
    for name in ["v1", "v2", "v3"] {
        fs::create_dir(bench.path(name)).expect(name);
    }
    // One file in all three, so that it alone shows no change.
    bench.write("v1/a.css", "plain");
    for name in ["v2", "v3"] {
        fs::hard_link(bench.path("v1/a.css"), bench.path(&format!("{name}/a.css"))).expect("a link");
    }
    bench.write("v2/a.css.gz", "of v2");
    bench.write("v3/a.css.br", "of v3");
    symlink("v1", bench.path("now")).expect("a link");
    for (version, coding, text) in [
        ("v1", None, "plain"),
        ("v2", Some(Gzip), "of v2"),
        ("v3", Some(Brotli), "of v3"),
        ("v1", None, "plain"),
        ("v3", Some(Brotli), "of v3"),
    ] {
        let _ = fs::remove_file(bench.path("next"));
        symlink(version, bench.path("next")).expect("a link");
        fs::rename(bench.path("next"), bench.path("now")).expect("replaces");
        for _ in 0..3 {
            assert_eq!(bench.found("/now/a.css", &ALL), (coding, text.to_owned()), "{version}");
        }
    }
}

#[test]
fn recently_changed_sidecar_is_loaded_each_time() {
    let mut bench = CacheFixture::new();
    bench.write("a.css", "plain");
    bench.write("a.css.gz", "twin");
    bench.now = SystemTime::UNIX_EPOCH;
    bench.check(&ALL, Some(Gzip), "twin");
    assert_eq!(bench.loads_of(&ALL), 2, "the file and its twin");
    bench.now = SystemTime::now() + Duration::from_secs(3600);
    bench.check(&ALL, Some(Gzip), "twin");
    assert_eq!(bench.loads_of(&ALL), 0);
    // The original has settled, its twin and its directory have not.
    let settled =
        bench.get("/a.css", &EncodingPreferences::PLAIN).resource.stat.expect("settled").changed_secs;
    bench.set_mtime("a.css.gz", u64::MAX >> 2);
    bench.now = SystemTime::UNIX_EPOCH + Duration::from_secs(settled.unsigned_abs() + 3600);
    bench.check(&ALL, Some(Gzip), "twin");
    assert_eq!(bench.loads_of(&ALL), 1, "the twin alone: it is dated in the future");
}

#[test]
fn sidecar_search_is_cached_once_directory_is_stable() {
    let bench = CacheFixture::new();
    bench.write("a.css", "plain");
    let root = bench.store.root().expect("a disk");
    let Ok(OpenedPath::File(file, facts)) = root.open_file(b"a.css") else { panic!("it does not open") };
    let resource = load(file, facts, b"a.css").expect("loads");
    bench.wait_for_fs_clock();
    bench.write("b.css", "later");
    let changed = |facts: FileStat| {
        let since = Duration::new(facts.changed_secs.unsigned_abs(), facts.changed_nanos);
        SystemTime::UNIX_EPOCH + since + RACY_WINDOW
    };
    let directory = root.stat(b".").expect("facts");
    assert!(times_are_stable(&facts, changed(facts)) && changed(facts) < changed(directory));
    for (now, is_remembered) in [(changed(facts), false), (changed(directory), true)] {
        let mut twins: Precompressed<u32> = Precompressed::new(b"a.css");
        let wanted = EncodingPreferences::new(ALL, None);
        let ask = VariantRequest::new(&bench.store, b"a.css", &wanted, now);
        let original = OriginalFile { root, resource: &resource, stat: &facts, request: &ask };
        assert!(twins.find(&original, &mut InotifyWatcher::new(true), &|_| 0).is_none());
        assert_eq!(twins.directory_stat.is_some(), is_remembered);
        assert_eq!(twins.sidecars.iter().all(|twin| matches!(twin, Sidecar::Absent)), is_remembered);
    }
}

#[test]
fn name_too_long_for_suffix_has_no_sidecar() {
    let mut bench = CacheFixture::new();
    let name = format!("{}.css", "x".repeat(251));
    bench.write(&name, "plain");
    for _ in 0..2 {
        assert_eq!(bench.found(&format!("/{name}"), &ALL), (None, "plain".to_owned()));
    }
}

#[test]
fn large_sidecar_counts_as_a_descriptor() {
    let mut bench = CacheFixture::new();
    bench.cache = FileCache::new(CacheLimits { descriptors_max: 1, ..CacheLimits::DEFAULT });
    for name in ["a.css.gz", "b.css.gz"] {
        bench.write(name.strip_suffix(".gz").expect(name), "plain");
        bench.write(name, "x".repeat(100_000));
    }
    for _ in 0..2 {
        for path in ["/a.css", "/b.css"] {
            let entry = bench.get(path, &EncodingPreferences::new(ALL, None));
            assert!(matches!(entry.resource.content, Content::File(_)));
            assert_eq!((entry.resource.coding, entry.resource.len), (Some(Gzip), 100_000));
        }
    }
    assert_eq!(bench.loads_of(&[]), 1, "it had to go for the other");
}
