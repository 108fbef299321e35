//! Tests of dependencies, and of paths that cannot be watched.
//!
//! The tests of the cache check how it uses them.

use super::super::watch_paths;
use super::*;
use crate::files::Root;
use crate::files::testing::watched_dir;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

/// Arbitrary second.
const SECS: u64 = 1_000_000_000;

fn site() -> (TempDir, Root, InotifyWatcher) {
    let dir = watched_dir();
    fs::create_dir(dir.path().join("docs")).expect("docs");
    for name in ["a", "b", "docs/a"] {
        fs::write(dir.path().join(name), name).expect(name);
    }
    symlink("docs", dir.path().join("link")).expect("a link");
    let root = Root::open(dir.path()).expect("opens");
    (dir, root, InotifyWatcher::new(true))
}

fn append_to(path: &Path) -> fs::File {
    fs::File::options().append(true).open(path).expect("opens")
}

fn forbid_access(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o0)).expect("closes");
}

fn standing(dependencies: &mut Dependencies, watcher: &mut InotifyWatcher) -> Freshness {
    watcher.events_pending = true;
    watcher.drain_events();
    dependencies.freshness(watcher, SECS)
}

#[test]
fn dependencies_are_stale_only_after_relevant_changes() {
    type Act = fn(&Path);
    let acts: &[(&str, &str, Act, bool)] = &[
        ("docs/a", "read", |dir| drop(fs::read(dir.join("docs/a")).expect("reads")), false),
        (
            "docs/a",
            "listed",
            |dir| assert!(fs::read_dir(dir.join("docs")).expect("reads").count() > 0),
            false,
        ),
        ("docs/a", "a neighbour", |dir| fs::write(dir.join("b"), "x").expect("writes"), false),
        ("docs/a", "its namesake", |dir| fs::remove_file(dir.join("a")).expect("removes"), false),
        ("docs/a", "a newcomer", |dir| fs::write(dir.join("docs/c"), "x").expect("writes"), false),
        ("docs/a", "open for writing", |dir| drop(append_to(&dir.join("docs/a"))), true),
        ("docs/a", "closed to all", |dir| forbid_access(&dir.join("docs/a")), true),
        ("docs/a", "its folder closed to all", |dir| forbid_access(&dir.join("docs")), true),
        ("docs/a", "the root closed to all", |dir| forbid_access(dir), true),
        ("docs/c", "a neighbour closed to all", |dir| forbid_access(&dir.join("docs/a")), false),
        ("docs/a", "written", |dir| fs::write(dir.join("docs/a"), "x").expect("writes"), true),
        ("docs/a", "moved", |dir| fs::rename(dir.join("docs"), dir.join("d")).expect("renames"), true),
        ("docs/c", "a neighbour", |dir| fs::write(dir.join("docs/b"), "x").expect("writes"), false),
        ("docs/c", "come", |dir| fs::write(dir.join("docs/c"), "x").expect("writes"), true),
        ("d/c", "its directory come", |dir| fs::create_dir(dir.join("d")).expect("makes"), true),
        ("a/c", "no directory", |dir| fs::remove_file(dir.join("a")).expect("removes"), true),
        (
            "link/a",
            "its link moved",
            |dir| fs::rename(dir.join("link"), dir.join("d")).expect("renames"),
            true,
        ),
        ("../c", "outside", |dir| fs::write(dir.join("c"), "x").expect("writes"), false),
    ];
    for (name, what, act, breaks) in acts {
        let survives = || {
            let (dir, root, mut watcher) = site();
            let mut dependencies = watch_paths(&mut watcher, &root, &[name.as_bytes()], SECS);
            assert_eq!(standing(&mut dependencies, &mut watcher), Freshness::Fresh, "{name}");
            act(dir.path());
            standing(&mut dependencies, &mut watcher) == Freshness::Fresh
        };
        // One run in a thousand shares a counter with another name.
        assert_eq!((0..3).any(|_| survives()), !breaks, "{name}: {what}");
    }
}

#[test]
fn dependencies_need_revalidation_after_one_second() {
    let (_dir, root, mut watcher) = site();
    let mut dependencies = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    assert_eq!(dependencies.freshness(&watcher, SECS), Freshness::Fresh);
    assert_eq!(dependencies.freshness(&watcher, SECS + 1), Freshness::Revalidate);
    dependencies.checked_secs = SECS + 1;
    assert_eq!(dependencies.freshness(&watcher, SECS + 1), Freshness::Fresh);
    // A clock that is set back also makes a check due.
    assert_eq!(dependencies.freshness(&watcher, SECS), Freshness::Revalidate);
}

#[test]
fn unwatchable_path_is_retried_only_next_second() {
    let (dir, root, mut watcher) = site();
    symlink("loop", dir.path().join("loop")).expect("a link");
    let dependencies = watch_paths(&mut watcher, &root, &[b"loop"], SECS);
    assert!(
        dependencies.is_empty()
            && !dependencies.may_be_recorded(&watcher, SECS)
            && dependencies.may_be_recorded(&watcher, SECS + 1)
    );
    assert!(Dependencies::default().may_be_recorded(&watcher, SECS));
    assert!(!Dependencies::default().may_be_recorded(&InotifyWatcher::new(false), SECS));
}

#[test]
fn unsupported_file_system_turns_watching_off() {
    let root = Root::open(Path::new("/proc")).expect("it is there");
    let mut watcher = InotifyWatcher::new(true);
    let dependencies = watch_paths(&mut watcher, &root, &[b"version"], SECS);
    assert!(dependencies.is_empty() && !watcher.is_on);
}

#[test]
fn unused_watches_are_removed_and_watches_max_holds() {
    let (dir, root, mut watcher) = site();
    let names: Vec<String> = (0..10 * SWEEP_MIN).map(|number| format!("docs/{number}")).collect();
    for name in &names {
        fs::write(dir.path().join(name), "x").expect(name);
        assert!(!watch_paths(&mut watcher, &root, &[name.as_bytes()], SECS).is_empty());
        assert!(watcher.watches.len() <= SWEEP_MIN + 1, "{}", watcher.watches.len());
    }
    let kept: Vec<Dependencies> =
        names.iter().map(|name| watch_paths(&mut watcher, &root, &[name.as_bytes()], SECS)).collect();
    assert!(watcher.watches.len() > names.len() && kept.iter().all(|dependencies| !dependencies.is_empty()));
    (watcher.watches_max, watcher.sweep_at) = (watcher.watches.len(), watcher.watches.len());
    fs::write(dir.path().join("late"), "x").expect("writes");
    assert!(watch_paths(&mut watcher, &root, &[b"late"], SECS).is_empty(), "that is the most");
    drop(kept);
    assert!(watch_paths(&mut watcher, &root, &[b"a"], SECS).is_empty(), "it has been seen in this second");
    assert!(!watch_paths(&mut watcher, &root, &[b"a"], SECS + 1).is_empty());
    assert!(watcher.watches.len() < 4);
}

#[test]
fn removed_file_loses_its_watch_and_successor_gets_another() {
    let (dir, root, mut watcher) = site();
    let mut first = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    let held = watcher.watches.len();
    fs::remove_file(dir.path().join("a")).expect("removes");
    assert_eq!(standing(&mut first, &mut watcher), Freshness::Stale);
    assert_eq!(standing(&mut first, &mut watcher), Freshness::Unwatched, "that is told once");
    assert_eq!(watcher.watches.len(), held - 1);
    fs::write(dir.path().join("a"), "new").expect("writes");
    let mut second = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    assert_eq!(standing(&mut second, &mut watcher), Freshness::Stale, "its own making is yet to be told");
    second = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    assert_eq!(standing(&mut second, &mut watcher), Freshness::Fresh);
}

#[test]
fn events_are_read_only_when_marked_pending() {
    let (dir, root, mut watcher) = site();
    let mut dependencies = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    fs::write(dir.path().join("a"), "new").expect("writes");
    watcher.drain_events();
    assert_eq!(dependencies.freshness(&watcher, SECS), Freshness::Fresh);
    assert_eq!(standing(&mut dependencies, &mut watcher), Freshness::Stale);
}

#[test]
fn changes_beyond_one_read_are_not_missed() {
    let (dir, root, mut watcher) = site();
    let mut dependencies = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    // Two events per file. Adjacent events differ, so the kernel does not merge them.
    for number in 0..EVENTS_MAX * 5 / 8 {
        let path = dir.path().join(["x", "y"][number % 2]);
        fs::File::create(&path).and_then(|_| fs::remove_file(path)).expect("comes and goes");
    }
    fs::write(dir.path().join("a"), "new").expect("writes");
    for _ in 0..2 {
        assert_eq!(
            standing(&mut dependencies, &mut watcher),
            Freshness::Stale,
            "at once, and when it is read"
        );
        dependencies = watch_paths(&mut watcher, &root, &[b"a"], SECS);
    }
    assert_eq!(standing(&mut dependencies, &mut watcher), Freshness::Fresh);
}
