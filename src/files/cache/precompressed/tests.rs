//! Tests of sidecar choice, and that every change shows at the next lookup.
//!
//! Each lookup is its own tick, on a real directory; loads are counted.

use super::*;
use crate::files::testing::CacheFixture;
use crate::files::{CacheLimits, Content, EncodingPreferences, FileCache, RelativePath};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use Coding::{Brotli, Gzip, Zstd};

const ALL: [Coding; 3] = [Brotli, Zstd, Gzip];

#[test]
fn first_accepted_sidecar_is_found_and_cached() {
    let mut fixture = CacheFixture::new();
    for name in ["a.css", "a.css.zst", "a.css.gz"] {
        fixture.write(name, name);
    }
    fixture.check(&ALL, Some(Zstd), "a.css.zst");
    fixture.check(&[Gzip, Brotli, Zstd], Some(Gzip), "a.css.gz");
    fixture.check(&[Brotli], None, "a.css");
    fixture.check(&[], None, "a.css");
    let loads: Vec<u32> = [&ALL[..], &[Gzip], &[Brotli], &[]].map(|codings| fixture.loads_of(codings)).into();
    assert_eq!(loads, [0; 4], "all is at hand");
    let sidecar = fixture.get("/a.css", &EncodingPreferences::new(ALL, None));
    let original = fixture.get("/a.css", &EncodingPreferences::PLAIN);
    assert_eq!(sidecar.resource.media_type, "text/css; charset=utf-8");
    assert_ne!(sidecar.resource.version, original.resource.version);
    assert!(
        sidecar.resource.is_negotiable && original.resource.is_negotiable && !sidecar.resource.is_generated()
    );
}

#[test]
fn sidecar_requested_by_name_is_a_plain_file() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.css", "plain");
    fixture.write("a.css.gz", "twin");
    for _ in 0..2 {
        let entry = fixture.get("/a.css.gz", &EncodingPreferences::new(ALL, None));
        assert_eq!((&*entry.resource.media_type, entry.resource.coding), ("application/gzip", None));
        assert!(!entry.resource.is_negotiable);
        fixture.check(&[Gzip], Some(Gzip), "twin");
    }
}

#[test]
fn incompressible_type_ignores_sidecar() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.png", "plain");
    fixture.write("a.png.gz", "twin");
    assert_eq!(fixture.found("/a.png", &ALL), (None, "plain".to_owned()));
}

#[test]
fn index_and_nested_file_use_their_sidecars() {
    let mut fixture = CacheFixture::new();
    fs::create_dir(fixture.path("docs")).expect("docs");
    for name in ["index.html", "index.html.br", "docs/index.html", "docs/index.html.gz"] {
        fixture.write(name, name);
    }
    for _ in 0..2 {
        assert_eq!(fixture.found("/", &ALL), (Some(Brotli), "index.html.br".to_owned()));
        assert_eq!(fixture.found("/docs/", &ALL), (Some(Gzip), "docs/index.html.gz".to_owned()));
        assert_eq!(fixture.found("/docs/index.html", &[Brotli]), (None, "docs/index.html".to_owned()));
    }
}

#[test]
fn sidecar_changed_before_watched_shows_at_next_lookup() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.css", "plain");
    fixture.write("a.css.gz", "twin");
    assert_eq!(fixture.found("/a.css", &ALL), (Some(Gzip), "twin".to_owned()));
    fixture.wait_for_fs_clock();
    fixture.write("a.css.gz", "niwt");
    fixture.check(&ALL, Some(Gzip), "niwt");
}

#[test]
fn every_sidecar_change_shows_at_next_lookup() {
    changes_show(CacheFixture::new());
    let mut unwatched = CacheFixture::new();
    unwatched.cache = FileCache::new(CacheLimits::DEFAULT).unwatched();
    changes_show(unwatched);
}

fn changes_show(mut fixture: CacheFixture) {
    fixture.write("a.css", "plain");
    fixture.check(&ALL, None, "plain");
    fixture.write("a.css.gz", "twin 1");
    fixture.check(&ALL, Some(Gzip), "twin 1");
    fixture.write("a.css.gz", "another twin");
    fixture.check(&ALL, Some(Gzip), "another twin");
    fixture.write("new", "renamed here");
    fs::rename(fixture.path("new"), fixture.path("a.css.br")).expect("renames");
    fixture.check(&ALL, Some(Brotli), "renamed here");
    fixture.set_mtime("a.css.br", 0);
    fixture.check(&ALL, Some(Gzip), "another twin");
    fs::remove_file(fixture.path("a.css.gz")).expect("removes");
    fixture.check(&ALL, None, "plain");
    fixture.write("a.css.br", "new again");
    fixture.check(&ALL, Some(Brotli), "new again");
    fixture.write("a.css.br", "");
    fixture.check(&ALL, None, "plain");
    fixture.write("a.css.br", "and full");
    fixture.check(&ALL, Some(Brotli), "and full");
    fs::remove_file(fixture.path("a.css.br")).expect("removes");
    fs::create_dir(fixture.path("a.css.br")).expect("a directory");
    fixture.check(&ALL, None, "plain");
    fs::remove_dir(fixture.path("a.css.br")).expect("removes");
    fixture.write("a.css.br", "a file again");
    fixture.check(&ALL, Some(Brotli), "a file again");
}

#[test]
fn sidecar_opened_for_writing_is_reloaded_once() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.css", "plain");
    fixture.write("a.css.gz", "twin");
    fixture.check(&[Gzip], Some(Gzip), "twin");
    assert_eq!(fixture.loads_of(&[Gzip]), 0);
    drop(fs::File::options().write(true).open(fixture.path("a.css.gz")).expect("opens"));
    assert_eq!([1, 0], [(); 2].map(|()| fixture.loads_of(&[Gzip])));
}

#[test]
fn sidecar_older_than_original_by_one_ns_is_stale() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.css", "plain");
    fixture.write("a.css.gz", "twin");
    for (original, sidecar, is_good) in
        [(5, 5, true), (6, 5, false), (6, 7, true), (8, 7, false), (7, 7, true)]
    {
        fixture.set_mtime("a.css", original);
        fixture.set_mtime("a.css.gz", sidecar);
        let (coding, text) = if is_good { (Some(Gzip), "twin") } else { (None, "plain") };
        fixture.check(&ALL, coding, text);
    }
    fixture.write("a.css", "changed");
    fixture.check(&ALL, None, "changed");
}

#[test]
fn sidecar_without_original_is_not_found() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.css", "plain");
    fixture.write("a.css.gz", "twin");
    fixture.check(&ALL, Some(Gzip), "twin");
    fs::remove_file(fixture.path("a.css")).expect("removes");
    let path = RelativePath::parse(b"/a.css").expect("a path");
    let accepted = EncodingPreferences::new(ALL, None);
    fixture.cache.mark_events_pending();
    assert!(fixture.cache.find(&fixture.store, &path, "index.html", &accepted, fixture.now, |_| 0).is_err());
    fixture.write("a.css", "back");
    fixture.check(&ALL, None, "back");
}

#[test]
fn sidecar_symlink_stays_in_root_and_changes_show() {
    let mut fixture = CacheFixture::new();
    let outside = tempfile::tempdir().expect("a directory");
    fs::write(outside.path().join("secret"), "secret").expect("writes");
    fixture.write("a.css", "plain");
    let link = fixture.path("a.css.gz");
    let relink = |target: &str| {
        let _ = fs::remove_file(&link);
        symlink(target, &link).expect("a link");
    };
    relink(outside.path().join("secret").to_str().expect("text"));
    fixture.check(&ALL, None, "plain");
    fs::create_dir(fixture.path("twins")).expect("a directory");
    // The directory of the symlink does not change when the target appears, changes or disappears.
    relink("twins/one");
    fixture.check(&ALL, None, "plain");
    fixture.write("twins/one", "twin 1");
    fixture.check(&ALL, Some(Gzip), "twin 1");
    fixture.write("twins/one", "another twin");
    fixture.check(&ALL, Some(Gzip), "another twin");
    fixture.write("twins/two", "the other");
    relink("twins/two");
    fixture.check(&ALL, Some(Gzip), "the other");
    fs::remove_file(fixture.path("twins/two")).expect("removes");
    fixture.check(&ALL, None, "plain");
    relink("a.css.gz");
    fixture.check(&ALL, None, "plain");
}

#[test]
fn retargeted_directory_symlink_changes_sidecar() {
    let mut fixture = CacheFixture::new();
    for name in ["v1", "v2", "v3"] {
        fs::create_dir(fixture.path(name)).expect(name);
    }
    // One file in all three directories, so that the file itself shows no change.
    fixture.write("v1/a.css", "plain");
    for name in ["v2", "v3"] {
        fs::hard_link(fixture.path("v1/a.css"), fixture.path(&format!("{name}/a.css"))).expect("a link");
    }
    fixture.write("v2/a.css.gz", "of v2");
    fixture.write("v3/a.css.br", "of v3");
    symlink("v1", fixture.path("now")).expect("a link");
    for (version, coding, text) in [
        ("v1", None, "plain"),
        ("v2", Some(Gzip), "of v2"),
        ("v3", Some(Brotli), "of v3"),
        ("v1", None, "plain"),
        ("v3", Some(Brotli), "of v3"),
    ] {
        let _ = fs::remove_file(fixture.path("next"));
        symlink(version, fixture.path("next")).expect("a link");
        fs::rename(fixture.path("next"), fixture.path("now")).expect("replaces");
        for _ in 0..3 {
            assert_eq!(fixture.found("/now/a.css", &ALL), (coding, text.to_owned()), "{version}");
        }
    }
}

#[test]
fn recently_changed_sidecar_is_loaded_each_time() {
    let mut fixture = CacheFixture::new();
    fixture.write("a.css", "plain");
    fixture.write("a.css.gz", "twin");
    fixture.now = SystemTime::UNIX_EPOCH;
    fixture.check(&ALL, Some(Gzip), "twin");
    assert_eq!(fixture.loads_of(&ALL), 2, "the file and its twin");
    fixture.now = SystemTime::now() + Duration::from_secs(3600);
    fixture.check(&ALL, Some(Gzip), "twin");
    assert_eq!(fixture.loads_of(&ALL), 0);
    // Anyone can set mtime, so it does not count.
    let settled =
        fixture.get("/a.css", &EncodingPreferences::PLAIN).resource.stat.expect("settled").changed_secs;
    fixture.set_mtime("a.css.gz", u64::MAX >> 2);
    fixture.now = SystemTime::UNIX_EPOCH + Duration::from_secs(settled.unsigned_abs() + 3600);
    fixture.check(&ALL, Some(Gzip), "twin");
    assert_eq!(fixture.loads_of(&ALL), 0, "the twin is dated in the future, but its ctime is old");
}

#[test]
fn absent_sidecars_are_looked_up_once_while_watched() {
    for is_watched in [true, false] {
        let fixture = CacheFixture::new();
        fixture.write("a.css", "plain");
        let mut root = Root::open(&fixture.path("")).expect("opens");
        let Ok((file, stat)) = root.open_file(b"a.css") else { panic!("it does not open") };
        let resource = load(file, stat, b"a.css").expect("loads");
        let accepted = EncodingPreferences::new(ALL, None);
        let request = VariantRequest {
            store: &fixture.store,
            key: b"a.css",
            mtime_is_stable: false,
            is_watched,
            accepted: &accepted,
            now: fixture.now,
            unix_secs: fixture.now.duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs(),
        };
        let (mut sidecars, mut watcher) = (Precompressed::default(), InotifyWatcher::new(true));
        let mut are_known = |root: &Root| {
            let original =
                OriginalFile { root, name: b"a.css", resource: &resource, stat: &stat, request: &request };
            assert!(sidecars.find(&original, &mut watcher, &|_| 0).is_none());
            sidecars.sidecars.iter().all(Option::is_some)
        };
        assert!(are_known(&root));
        // Each lookup fails from now on.
        fs::rename(fixture.path(""), fixture.path("../moved")).expect("renames");
        assert!(root.follow_path().is_err());
        assert_eq!(are_known(&root), is_watched);
    }
}

#[test]
fn name_too_long_for_suffix_has_no_sidecar() {
    let mut fixture = CacheFixture::new();
    let name = format!("{}.css", "x".repeat(251));
    fixture.write(&name, "plain");
    for _ in 0..2 {
        assert_eq!(fixture.found(&format!("/{name}"), &ALL), (None, "plain".to_owned()));
    }
}

#[test]
fn large_sidecar_counts_as_a_descriptor() {
    let mut fixture = CacheFixture::new();
    fixture.cache = FileCache::new(CacheLimits { descriptors_max: 1, ..CacheLimits::DEFAULT });
    for name in ["a.css.gz", "b.css.gz"] {
        fixture.write(name.strip_suffix(".gz").expect(name), "plain");
        fixture.write(name, "x".repeat(100_000));
    }
    for _ in 0..2 {
        for path in ["/a.css", "/b.css"] {
            let entry = fixture.get(path, &EncodingPreferences::new(ALL, None));
            assert!(matches!(entry.resource.content, Content::File(_)));
            assert_eq!((entry.resource.coding, entry.resource.len), (Some(Gzip), 100_000));
        }
    }
    assert_eq!(fixture.loads_of(&[]), 1, "it had to go for the other");
}
