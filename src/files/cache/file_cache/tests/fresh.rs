//! Tests that every kind of change shows at the next lookup.
//!
//! The times of the files do not help: recently changed files are cached only because they are watched.

use std::os::unix::fs::{FileExt, PermissionsExt};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;

/// Change of the site.
type Change = (&'static str, fn(&FileCacheFixture));

/// File behind two symlinks, one of them to a directory, and other files of equal length.
fn linked_site(fixture: &FileCacheFixture) {
    for directory in ["v1/deep", "v2/deep", "spare"] {
        fs::create_dir_all(fixture.path(directory)).expect(directory);
    }
    fixture.write("v1/deep/real.txt", "one");
    fixture.write("v2/deep/real.txt", "two");
    fixture.write("spare/real.txt", "new");
    symlink("v1", fixture.path("now")).expect("a link");
    symlink("real.txt", fixture.path("v1/deep/a.txt")).expect("a link");
    symlink("../deep/real.txt", fixture.path("v2/deep/a.txt")).expect("a link");
    fs::hard_link(fixture.path("v1/deep/real.txt"), fixture.path("spare/other-name.txt")).expect("a link");
}

/// Changes a file but keeps its mtime.
fn preserving_mtime(fixture: &FileCacheFixture, name: &str, act: impl FnOnce(&fs::File)) {
    let file = fs::File::options().write(true).open(fixture.path(name)).expect(name);
    let modified = file.metadata().and_then(|stat| stat.modified()).expect("a time");
    act(&file);
    file.set_modified(modified).expect("sets the time");
}

fn swap(fixture: &FileCacheFixture, new: &str, old: &str) {
    fs::rename(fixture.path(old), fixture.path("gone")).expect(old);
    fs::rename(fixture.path(new), fixture.path(old)).expect(new);
}

fn relink(fixture: &FileCacheFixture, target: &str, link: &str) {
    symlink(target, fixture.path("next")).expect(target);
    fs::rename(fixture.path("next"), fixture.path(link)).expect(link);
}

/// Changes that replace, remove or keep `/now/deep/a.txt`.
const CHANGES: &[Change] = &[
    ("nothing", |_| ()),
    ("written", |fixture| {
        preserving_mtime(fixture, "v1/deep/real.txt", |file| file.write_all_at(b"new", 0).expect("writes"));
    }),
    ("written by another name", |fixture| {
        preserving_mtime(fixture, "spare/other-name.txt", |file| {
            file.write_all_at(b"new", 0).expect("writes")
        });
    }),
    ("truncated", |fixture| {
        preserving_mtime(fixture, "v1/deep/real.txt", |file| file.set_len(2).expect("cuts"));
    }),
    ("truncated and grown", |fixture| {
        preserving_mtime(fixture, "v1/deep/real.txt", |file| {
            file.set_len(0).expect("cuts");
            file.set_len(3).expect("grows");
        });
    }),
    ("touched", |fixture| {
        let file = fs::File::options().write(true).open(fixture.path("v1/deep/real.txt")).expect("opens");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000)).expect("sets the time");
    }),
    ("touched by another name", |fixture| {
        let file = fs::File::options().write(true).open(fixture.path("spare/other-name.txt")).expect("opens");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000)).expect("sets the time");
    }),
    ("closed to all by another name", |fixture| {
        let nobody = fs::Permissions::from_mode(0o0);
        fs::set_permissions(fixture.path("spare/other-name.txt"), nobody).expect("closes");
    }),
    ("renamed over", |fixture| {
        fs::rename(fixture.path("spare/real.txt"), fixture.path("v1/deep/real.txt")).expect("renames");
    }),
    ("removed", |fixture| fs::remove_file(fixture.path("v1/deep/real.txt")).expect("removes")),
    ("removed and made again", |fixture| {
        fs::remove_file(fixture.path("v1/deep/real.txt")).expect("removes");
        fixture.write("v1/deep/real.txt", "new");
    }),
    ("the last link turned", |fixture| {
        fs::rename(fixture.path("spare/real.txt"), fixture.path("v1/deep/new.txt")).expect("renames");
        relink(fixture, "new.txt", "v1/deep/a.txt");
    }),
    ("the last link replaced", |fixture| {
        fs::rename(fixture.path("spare/real.txt"), fixture.path("v1/deep/a.txt")).expect("renames");
    }),
    ("the first link turned", |fixture| relink(fixture, "v2", "now")),
    ("the first link turned nowhere", |fixture| relink(fixture, "v3", "now")),
    ("the first link moved away", |fixture| {
        fs::rename(fixture.path("now"), fixture.path("then")).expect("renames");
    }),
    ("the last link moved away", |fixture| {
        fs::rename(fixture.path("v1/deep/a.txt"), fixture.path("a.txt")).expect("renames");
    }),
    ("the first link removed", |fixture| fs::remove_file(fixture.path("now")).expect("removes")),
    ("the deep directory replaced", |fixture| swap(fixture, "v2/deep", "v1/deep")),
    ("the upper directory replaced", |fixture| swap(fixture, "v2", "v1")),
    ("the upper directory moved away", |fixture| {
        fs::rename(fixture.path("v1"), fixture.path("v3")).expect("renames");
    }),
    ("the upper directory exchanged", |fixture| {
        let flags = RenameFlags::EXCHANGE;
        renameat_with(CWD, fixture.path("v1"), CWD, fixture.path("v2"), flags).expect("exchanges");
    }),
    ("all removed", |fixture| fs::remove_dir_all(fixture.path("v1")).expect("removes")),
    ("made a directory", |fixture| {
        fs::remove_file(fixture.path("v1/deep/real.txt")).expect("removes");
        fs::create_dir(fixture.path("v1/deep/real.txt")).expect("a directory");
    }),
    ("closed to all", |fixture| {
        fs::set_permissions(fixture.path("v1/deep/real.txt"), fs::Permissions::from_mode(0o0))
            .expect("closes");
    }),
    ("its directory closed to all", |fixture| {
        fs::set_permissions(fixture.path("v1/deep"), fs::Permissions::from_mode(0o0)).expect("closes");
    }),
];

/// Description of a lookup result.
fn describe(found: Result<Lookup<u32>, LookupError>) -> String {
    match found {
        Ok(Lookup::File(entry)) => describe_resource(&entry.resource),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn describe_resource(resource: &Resource) -> String {
    let Content::Memory(bytes) = &resource.content else { panic!("{resource:?}") };
    format!("{:?} {:?} {:?}", String::from_utf8_lossy(bytes), resource.stat, resource.modified_secs)
}

/// Result of a lookup without a cache.
fn describe_on_disk(fixture: &FileCacheFixture, raw: &str) -> String {
    let path = RelativePath::parse(raw.as_bytes()).expect(raw);
    match fixture.store.lookup(&path, "index.html") {
        Ok(resource) => describe_resource(&resource),
        Err(error) => format!("{error:?}"),
    }
}

impl FileCacheFixture {
    /// Fixture at the current time: no file has stable times.
    fn with_current_time() -> FileCacheFixture {
        FileCacheFixture { now: SystemTime::now(), ..FileCacheFixture::new(CacheLimits::DEFAULT) }
    }

    /// True if inotify reports every dependency of `raw`.
    fn is_watched(&mut self, raw: &str) -> bool {
        let path = RelativePath::parse(raw.as_bytes()).expect(raw);
        self.cache.entries.get(path.key()).is_some_and(|entry| !entry.dependencies.is_empty())
    }
}

#[test]
fn every_change_shows_despite_same_mtime() {
    const PATH: &str = "/now/deep/a.txt";
    for (what, change) in CHANGES {
        for looks in [1, 2, 5] {
            let mut fixture = FileCacheFixture::with_current_time();
            linked_site(&fixture);
            for look in 0..looks {
                assert_eq!(
                    describe(fixture.find(PATH)),
                    describe_on_disk(&fixture, PATH),
                    "{what}, look {look}"
                );
            }
            assert_eq!(fixture.is_watched(PATH), looks > 1);
            let loads = fixture.loads.get();
            assert_eq!(loads, looks.min(2), "it is loaded, and again when it is watched");
            change(&fixture);
            for look in 0..3 {
                assert_eq!(
                    describe(fixture.find(PATH)),
                    describe_on_disk(&fixture, PATH),
                    "{what}, then {look}"
                );
            }
            assert!(*what != "nothing" || fixture.loads.get() == loads.max(2));
        }
    }
}

#[test]
fn successive_changes_all_show() {
    let mut fixture = FileCacheFixture::with_current_time();
    linked_site(&fixture);
    let path = "/now/deep/a.txt";
    for round in 0..100 {
        let text = format!("{round:03}");
        match round % 3 {
            0 => preserving_mtime(&fixture, "v1/deep/real.txt", |file| {
                file.write_all_at(text.as_bytes(), 0).expect("writes");
            }),
            1 => {
                fixture.write("spare/next.txt", &text);
                fs::rename(fixture.path("spare/next.txt"), fixture.path("v1/deep/real.txt"))
                    .expect("renames");
            }
            _ => {
                fs::remove_file(fixture.path("v1/deep/real.txt")).expect("removes");
                assert!(matches!(fixture.find(path), Err(LookupError::NotFound)), "{round}");
                fixture.write("v1/deep/real.txt", &text);
            }
        }
        for look in 0..round % 4 + 1 {
            assert_eq!(fixture.text(path), text, "look {look} of {round}");
        }
    }
}

#[test]
fn missing_file_is_found_once_created() {
    let comings: &[(&str, Change)] = &[
        ("/new.txt", ("made", |fixture| fixture.write("new.txt", "new"))),
        (
            "/new.txt",
            ("a link", |fixture| symlink("spare/real.txt", fixture.path("new.txt")).expect("a link")),
        ),
        (
            "/new.txt",
            ("moved", |fixture| {
                fs::rename(fixture.path("spare/real.txt"), fixture.path("new.txt")).expect("renames");
            }),
        ),
        (
            "/v3/deep/a.txt",
            ("moved with its directory", |fixture| {
                fs::rename(fixture.path("v1"), fixture.path("v3")).expect("renames");
            }),
        ),
        (
            "/to/new.txt",
            ("at the end of a link", |fixture| {
                fs::create_dir(fixture.path("v3")).expect("a directory");
                fixture.write("v3/new.txt", "new");
            }),
        ),
        (
            "/v1/deep/real.txt/x",
            ("beneath what was a file", |fixture| {
                fs::remove_file(fixture.path("v1/deep/real.txt")).expect("removes");
                fs::create_dir(fixture.path("v1/deep/real.txt")).expect("a directory");
                fixture.write("v1/deep/real.txt/x", "new");
            }),
        ),
    ];
    for (path, (what, come)) in comings {
        for looks in [1, 2, 5] {
            let mut fixture = FileCacheFixture::with_current_time();
            linked_site(&fixture);
            symlink("v3", fixture.path("to")).expect("a link");
            for _ in 0..looks {
                assert!(matches!(fixture.find(path), Err(LookupError::NotFound)), "{what}");
            }
            assert_eq!(fixture.is_watched(path), looks > 1, "{what}");
            come(&fixture);
            assert_eq!(
                describe(fixture.find(path)),
                describe_on_disk(&fixture, path),
                "{what} after {looks}"
            );
            assert!(matches!(fixture.find(path), Ok(Lookup::File(_))), "{what}");
        }
    }
}

#[test]
fn file_opened_for_writing_is_reloaded_despite_same_times() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.write("a.txt", "one");
    (0..3).for_each(|_| assert_eq!(fixture.text("/a.txt"), "one"));
    assert_eq!(fixture.loads.get(), 1, "it has settled");
    for _ in 0..2 {
        let file = fs::File::options().write(true).open(fixture.path("a.txt")).expect("opens");
        assert!(fixture.is_cached("/a.txt"));
        drop(file);
        assert!(!fixture.is_cached("/a.txt") && fixture.is_cached("/a.txt"));
    }
}

#[test]
fn file_moved_out_of_root_is_not_found_through_symlink() {
    const PATH: &str = "/v1/deep/real.txt";
    for moved in ["v1", "v1/deep", "v1/deep/real.txt"] {
        for (looks, is_watched) in [(1, true), (3, true), (3, false)] {
            // The times are stable: by its attributes, the file is unchanged.
            let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
            if !is_watched {
                fixture.cache = FileCache::new(CacheLimits::DEFAULT).unwatched();
            }
            linked_site(&fixture);
            let outside = watched_dir();
            (0..looks).for_each(|_| assert_eq!(fixture.text(PATH), "one"));
            fs::rename(fixture.path(moved), outside.path().join("moved")).expect("renames");
            symlink(outside.path().join("moved"), fixture.path(moved)).expect("a link");
            assert!(matches!(fixture.find(PATH), Err(LookupError::NotFound)), "{moved} after {looks}");
        }
    }
}

#[test]
fn inotify_queue_overflow_loses_no_change() {
    let queue_len = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("a limit");
    let queue_len: usize = queue_len.trim().parse().expect("a number");
    if queue_len > 1 << 17 {
        eprintln!("skipped: the kernel is told to queue {queue_len} events");
        return;
    }
    let mut fixture = FileCacheFixture::with_current_time();
    linked_site(&fixture);
    let path = "/now/deep/a.txt";
    (0..3).for_each(|_| assert_eq!(fixture.text(path), "one"));
    // Two events per file. Adjacent events differ, so the kernel does not merge them.
    for number in 0..queue_len / 2 + 1 {
        fs::File::create(fixture.path(["x", "y"][number % 2])).expect("a file");
        fs::remove_file(fixture.path(["x", "y"][number % 2])).expect("removes");
    }
    preserving_mtime(&fixture, "v1/deep/real.txt", |file| file.write_all_at(b"new", 0).expect("writes"));
    assert_eq!(fixture.text(path), "new");
    (0..3).for_each(|_| assert_eq!(fixture.text(path), "new"));
    preserving_mtime(&fixture, "v1/deep/real.txt", |file| file.write_all_at(b"end", 0).expect("writes"));
    assert_eq!(fixture.text(path), "end");
}

#[test]
fn watched_file_is_revalidated_once_a_second() {
    let mut fixture = FileCacheFixture::with_current_time();
    fixture.write("a.txt", "one");
    (0..3).for_each(|_| assert_eq!(fixture.text("/a.txt"), "one"));
    assert_eq!(fixture.loads.get(), 2);
    // Without stable times, a due check reloads the file.
    fixture.now += Duration::from_secs(1);
    assert!(!fixture.is_cached("/a.txt") && fixture.is_cached("/a.txt"));
    fixture.now += Duration::from_secs(3600);
    assert!(!fixture.is_cached("/a.txt") && fixture.is_cached("/a.txt"));
    // Once the times are stable, one check is enough.
    fixture.now += Duration::from_secs(1);
    assert!(fixture.is_cached("/a.txt") && fixture.is_watched("/a.txt"));
}

#[test]
fn file_requested_once_a_second_is_not_watched() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.write("a.txt", "one");
    for _ in 0..5 {
        assert_eq!(fixture.text("/a.txt"), "one");
        assert!(!fixture.is_watched("/a.txt"));
        fixture.now += Duration::from_secs(1);
    }
    assert_eq!(fixture.loads.get(), 1);
    (0..2).for_each(|_| assert_eq!(fixture.text("/a.txt"), "one"));
    assert!(fixture.is_watched("/a.txt"));
}

#[test]
fn unwatched_cache_keeps_files_and_no_missing_paths() {
    let mut fixture = FileCacheFixture::new(CacheLimits::DEFAULT);
    fixture.cache = FileCache::new(CacheLimits::DEFAULT).unwatched();
    fixture.write("a.txt", "one");
    (0..3).for_each(|_| assert_eq!(fixture.text("/a.txt"), "one"));
    assert!(fixture.loads.get() == 1 && !fixture.is_watched("/a.txt"));
    (0..3).for_each(|_| assert!(matches!(fixture.find("/b.txt"), Err(LookupError::NotFound))));
    assert_eq!(fixture.cache.entries.len(), 1, "what is not there is not kept");
}

#[test]
fn generation_ends_with_second_change_or_eviction() {
    let mut fixture = FileCacheFixture::with_current_time();
    fixture.cache = FileCache::new(CacheLimits { entries_max: 1, ..CacheLimits::DEFAULT });
    fixture.write("a.txt", "one");
    let generation = |fixture: &mut FileCacheFixture, secs: u64| {
        fixture.cache.mark_events_pending();
        fixture.cache.generation(secs)
    };
    let look = |fixture: &mut FileCacheFixture, raw: &str| {
        let found = (generation(fixture, 1), fixture.find(raw).is_ok());
        (found, fixture.cache.is_validated())
    };
    for (raw, news) in [("/a.txt", "/new"), ("/none", "/newer")] {
        fixture.cache.clear();
        (0..2).for_each(|_| assert!(!look(&mut fixture, raw).1, "{raw} is not watched"));
        let known = look(&mut fixture, raw);
        assert!(
            known.1 && look(&mut fixture, raw) == known && generation(&mut fixture, 2) != known.0.0,
            "{raw}"
        );
        fixture.write(news.trim_start_matches('/'), "");
        let later = look(&mut fixture, raw);
        assert!(later.1 && later != known, "{raw}");
        // The new file is not watched.
        let before = generation(&mut fixture, 1);
        // The cache is full, so not each miss evicts.
        (0..13).for_each(|_| assert!(fixture.find(news).is_ok(), "{news}"));
        assert_ne!(generation(&mut fixture, 1), before, "{raw}");
    }
}

#[test]
fn lookup_without_pending_events_may_be_stale() {
    let mut fixture = FileCacheFixture::with_current_time();
    fixture.write("a.txt", "one");
    (0..3).for_each(|_| assert_eq!(fixture.text("/a.txt"), "one"));
    fixture.write("a.txt", "two");
    let path = RelativePath::parse(b"/a.txt").expect("a path");
    for text in ["one", "two"] {
        let found =
            fixture.cache.find(&fixture.store, &path, "", &EncodingPreferences::PLAIN, fixture.now, |_| 0);
        let Ok(Lookup::File(entry)) = found else { panic!("it is there") };
        assert!(matches!(&entry.resource.content, Content::Memory(bytes) if **bytes == *text.as_bytes()));
        fixture.cache.mark_events_pending();
    }
}
