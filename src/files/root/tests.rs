//! Tests of opening below a root, on a real directory with a secret beside it.
//!
//! A test is skipped if the kernel or the user forbids its symlink, FIFO, socket or mode.

use super::*;
use crate::files::source::read_up_to;
use rustix::fs::{CWD, inotify, mknodat};
use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use tempfile::TempDir;

/// Directory `site` to serve, with a secret beside it.
fn site() -> (TempDir, PathBuf, Root) {
    let outer = tempfile::tempdir().expect("a directory");
    let site = outer.path().join("site");
    fs::create_dir_all(site.join("docs")).expect("docs");
    fs::write(site.join("a.txt"), "inside").expect("a.txt");
    fs::write(site.join("docs/b.txt"), "deeper").expect("b.txt");
    fs::write(outer.path().join("secret"), "secret").expect("secret");
    let root = Root::open(&site).expect("opens");
    (outer, site, root)
}

/// Result of opening `path`, as text.
fn outcome(root: &Root, path: &str) -> String {
    match root.open_file(path.as_bytes()) {
        Ok((file, stat)) => {
            let bytes = read_up_to(&file, 0, u64::from(u16::MAX)).expect("reads");
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            assert_eq!(text.len() as u64, stat.len, "{path}");
            text
        }
        Err(LookupError::Directory) => "directory".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn open_file_finds_only_paths_beneath_root() {
    let (_outer, _site, root) = site();
    let long = "a".repeat(300);
    let cases = [
        ("a.txt", "inside"),
        ("docs/b.txt", "deeper"),
        ("docs/../a.txt", "inside"),
        ("", "directory"),
        ("docs", "directory"),
        ("docs/", "directory"),
        ("a.txt/", "NotFound"),
        ("a.txt/b", "NotFound"),
        ("missing", "NotFound"),
        ("missing/b", "NotFound"),
        ("../secret", "NotFound"),
        ("docs/../../secret", "NotFound"),
        ("..", "NotFound"),
        ("/etc/passwd", "NotFound"),
        ("%2e%2e/secret", "NotFound"),
        ("..\\secret", "NotFound"),
        (long.as_str(), "NotFound"),
    ];
    for (path, expected) in cases {
        assert_eq!(outcome(&root, path), expected, "{path}");
    }
}

#[test]
fn open_file_follows_symlinks_only_inside_root() {
    let (outer, site, root) = site();
    let absolute = site.join("a.txt");
    let secret = outer.path().join("secret");
    let links = [
        ("inside", Path::new("a.txt"), "inside"),
        ("up", Path::new("docs/../a.txt"), "inside"),
        ("dir", Path::new("docs"), "directory"),
        ("chain", Path::new("inside"), "inside"),
        ("outside", Path::new("../secret"), "NotFound"),
        ("outside-dir", Path::new(".."), "NotFound"),
        ("around", Path::new("../site/a.txt"), "NotFound"),
        ("absolute", &absolute, "NotFound"),
        ("absolute-secret", &secret, "NotFound"),
        ("device", Path::new("/dev/null"), "NotFound"),
        ("magic", Path::new("/proc/self/exe"), "NotFound"),
        ("loop", Path::new("loop"), "NotFound"),
        ("dangling", Path::new("missing"), "NotFound"),
    ];
    for (name, target, _) in links {
        symlink(target, site.join(name)).expect(name);
    }
    for (name, _, expected) in links {
        assert_eq!(outcome(&root, name), expected, "{name}");
    }
    assert_eq!(outcome(&root, "dir/b.txt"), "deeper");
    assert_eq!(outcome(&root, "outside-dir/secret"), "NotFound");
}

/// True if a file was opened since the last call.
fn has_seen_an_open(watch: &OwnedFd) -> bool {
    let mut buffer = [MaybeUninit::uninit(); 1024];
    match inotify::Reader::new(watch, &mut buffer).next() {
        Ok(event) => event.events().contains(inotify::ReadFlags::OPEN),
        Err(Errno::AGAIN) => false,
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn fifo_is_rejected_without_being_opened() {
    let (_outer, site, root) = site();
    let fifo = site.join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    symlink("fifo", site.join("link")).expect("a link");
    let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
    let watch = inotify::init(flags).expect("inotify");
    inotify::add_watch(&watch, &fifo, inotify::WatchFlags::OPEN).expect("a watch");

    assert_eq!(outcome(&root, "fifo"), "NotRegular");
    assert_eq!(outcome(&root, "link"), "NotRegular");
    assert!(!has_seen_an_open(&watch));

    // The watch does report an open.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let _reader = open(&fifo, flags, Mode::empty()).expect("opens");
    assert!(has_seen_an_open(&watch));
}

#[test]
fn socket_is_not_regular() {
    let (_outer, site, root) = site();
    let _listener = UnixListener::bind(site.join("socket")).expect("binds");
    assert_eq!(outcome(&root, "socket"), "NotRegular");
}

#[test]
fn unreadable_file_is_forbidden() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let (_outer, site, root) = site();
    let set_mode = |name: &str, mode| {
        fs::set_permissions(site.join(name), fs::Permissions::from_mode(mode)).expect(name);
    };
    set_mode("a.txt", 0o000);
    set_mode("docs", 0o000);
    assert_eq!(outcome(&root, "a.txt"), "Forbidden");
    assert_eq!(outcome(&root, "docs"), "directory");
    assert_eq!(outcome(&root, "docs/b.txt"), "Forbidden");
    set_mode("docs", 0o700);
    set_mode("", 0o000);
    let error = Root::open(&site).expect_err("may not be read");
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    set_mode("", 0o700);
}

#[test]
fn open_of_missing_or_non_directory_root_fails() {
    let (_outer, site, root) = site();
    assert_eq!(root.path(), site);
    for (name, kind) in [("missing", io::ErrorKind::NotFound), ("a.txt", io::ErrorKind::NotADirectory)] {
        let error = Root::open(&site.join(name)).expect_err(name);
        assert_eq!(error.kind(), kind, "{name}");
    }
}

#[test]
fn renamed_root_still_serves_its_files() {
    let (outer, site, root) = site();
    fs::rename(&site, outer.path().join("moved")).expect("renames");
    assert_eq!(outcome(&root, "a.txt"), "inside");
}

#[test]
fn explain_first_open_maps_errno_to_error_kind() {
    for (errno, kind) in [
        (Errno::NOSYS, io::ErrorKind::Unsupported),
        (Errno::PERM, io::ErrorKind::Unsupported),
        (Errno::ACCESS, io::ErrorKind::PermissionDenied),
    ] {
        assert_eq!(explain_first_open(errno).kind(), kind, "{errno:?}");
    }
}

#[test]
fn stat_by_path_equals_stat_of_open_file() {
    let (_outer, site, root) = site();
    symlink("docs/b.txt", site.join("link")).expect("a link");
    for name in ["docs/b.txt", "link"].map(str::as_bytes) {
        let Ok((file, stat)) = root.open_file(name) else {
            panic!("{name:?} does not open");
        };
        assert_eq!(FileStat::of(&file).expect("facts"), stat);
        assert_eq!(root.stat(name).expect("facts"), stat);
        assert_eq!((stat.len, stat.kind), (6, FileType::RegularFile));
    }
    assert!(matches!(root.stat(b"missing"), Err(LookupError::NotFound)));
}

#[test]
fn errno_maps_to_lookup_error() {
    let cases = [
        (Errno::NOENT, "NotFound"),
        (Errno::LOOP, "NotFound"),
        (Errno::XDEV, "NotFound"),
        (Errno::ACCESS, "Forbidden"),
        (Errno::NXIO, "NotRegular"),
        (Errno::MFILE, "Busy"),
        (Errno::NFILE, "Busy"),
        (Errno::NOMEM, "Busy"),
        (Errno::AGAIN, "Busy"),
    ];
    for (errno, expected) in cases {
        assert_eq!(format!("{:?}", LookupError::from(errno)), expected);
    }
    assert!(matches!(LookupError::from(Errno::IO), LookupError::Failed(_)));
}

#[test]
fn follow_path_finds_what_the_path_leads_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    for name in ["1", "2"] {
        fs::create_dir(path(name)).expect(name);
        fs::write(path(name).join("a"), name).expect(name);
    }
    symlink("1", path("current")).expect("a link");
    let mut root = Root::open(&path("current")).expect("opens");
    let inode = |root: &Root| root.stat(b"a").map(|stat| stat.inode).map_err(|error| error.kind());
    let inode_in =
        |name: &str| fs::metadata(path(name).join("a")).map(|file| file.ino()).map_err(|error| error.kind());
    let first = root.id();
    root.follow_path().expect("it is there");
    assert_eq!((root.id(), inode(&root)), (first, inode_in("1")));
    symlink("2", path("next")).expect("a link");
    fs::rename(path("next"), path("current")).expect("renames");
    // A clone keeps its directory.
    let old = root.clone();
    root.follow_path().expect("it is there");
    assert_eq!((inode(&root), inode(&old)), (inode_in("2"), inode_in("1")));
    fs::remove_file(path("current")).expect("removes");
    for make in [(|_| ()) as fn(&Path), |path| fs::write(path, "a file").expect("writes")] {
        make(&path("current"));
        assert!(root.follow_path().is_err());
        assert_eq!((root.id(), inode(&root)), (None, Err(io::ErrorKind::StaleNetworkFileHandle)));
    }
    fs::remove_file(path("current")).expect("removes");
    fs::rename(path("1"), path("current")).expect("renames");
    root.follow_path().expect("it is there");
    assert_eq!((root.id(), inode(&root)), (first, inode_in("current")));
}
