//! The root as a path: a directory that is removed and made again, a link that is pointed elsewhere.
//!
//! GET and PUT go to what the path leads to now, in every cache mode and every worker. Uploads and archives
//! in flight end in one place.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::statfs;

use crate::harness::{Raw, Reply, Server, WAIT_MAX, lay_out, names_in};

const CACHE_MODES: [&str; 4] = ["--cache=fresh", "--cache=stat", "--cache=off", "--cache-size=1"];

/// Requests before and after each change: the first loads, the second watches, the third is a hit.
const LOOKS: usize = 3;

fn put_head(path: &str, len: usize) -> String {
    format!("PUT {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len}\r\n\r\n")
}

fn put(client: &mut Raw, path: &str, bytes: &str) -> Reply {
    client.send(put_head(path, bytes.len()) + bytes).reply()
}

fn beside(server: &Server, name: &str) -> PathBuf {
    server.root().with_file_name(name)
}

/// Replaces what has the name `path` by a link, in one step.
fn point(path: &Path, target: impl AsRef<Path>) {
    let next = path.with_extension("next");
    symlink(target, &next).expect("a link");
    fs::rename(next, path).expect("the link takes the name");
}

/// Moves the root to `NAME` and leaves a link in its place: the path leads to the same directory.
fn make_link(server: &Server, name: &str) {
    fs::rename(server.root(), beside(server, name)).expect("renames");
    point(&server.root(), name);
}

/// The number of overlay file systems, which containers have (`statfs`): their paths are not watched.
const OVERLAY: u64 = 0x794c_7630;

/// Whether a changed path may show a second late with `--cache=fresh`.
fn may_be_late() -> bool {
    let is_overlay = |path: &Path| statfs(path).is_ok_and(|found| found.f_type as u64 == OVERLAY);
    std::env::temp_dir().ancestors().any(is_overlay)
}

#[track_caller]
fn expect(client: &mut Raw, path: &str, expected: (u16, &str), what: &str) {
    let deadline = Instant::now() + WAIT_MAX;
    let mut seen = || {
        let reply = client.get(path);
        (reply.status, if reply.status == 200 { reply.text().to_owned() } else { String::new() })
    };
    let expected = (expected.0, expected.1.to_owned());
    while may_be_late() && seen() != expected {
        assert!(Instant::now() < deadline, "{path}, {what}");
    }
    for look in 0..LOOKS {
        assert_eq!(seen(), expected, "{path}, look {look}, {what}");
    }
}

#[test]
fn remade_root_is_served_and_missing_one_gets_503() {
    for mode in CACHE_MODES {
        let large = "x".repeat(100_000);
        let server =
            Server::with(&[("a", b"old"), ("d/b", b"old"), ("large", large.as_bytes())], &[mode, "--upload"]);
        let mut client = server.connect();
        for (path, text) in [("/a", "old"), ("/d/b", "old"), ("/large", &large)] {
            expect(&mut client, path, (200, text), mode);
        }
        expect(&mut client, "/none", (404, ""), mode);
        for round in 0..2 {
            fs::remove_dir_all(server.root()).expect("removes");
            for path in ["/a", "/d/b", "/large", "/none", "/d/", "/"] {
                expect(&mut client, path, (503, ""), mode);
            }
            assert_eq!(client.get("/a").field("Retry-After"), Some("1"));
            assert_eq!(put(&mut client, "/new", "x").status, 503);
            let text = format!("new {round}");
            lay_out(&server.root(), &[("a", text.as_bytes())]);
            expect(&mut client, "/a", (200, &text), mode);
            expect(&mut client, "/large", (404, ""), mode);
            assert_eq!(put(&mut client, "/new", "stored").status, 201);
            expect(&mut client, "/new", (200, "stored"), mode);
            assert_eq!(names_in(&server.root()), ["a", "new"]);
        }
        let stderr = server.stop().stderr;
        for line in ["cannot serve '", "was replaced or is back"] {
            assert_eq!(stderr.matches(line).count(), 2, "{mode}: {stderr}");
        }
    }
}

#[test]
fn repointed_link_moves_get_and_put_at_once() {
    for mode in CACHE_MODES {
        let server = Server::with(&[("a", b"1")], &[mode, "--upload"]);
        let mut client = server.connect();
        expect(&mut client, "/a", (200, "1"), mode);
        // The link of the root leads through a directory, an absolute link and `..`.
        let inner = beside(&server, "inner");
        fs::create_dir(&inner).expect("a directory");
        make_link(&server, "r1");
        expect(&mut client, "/a", (200, "1"), mode);
        point(&inner.join("current"), "../r1");
        point(&inner.join("absolute"), inner.join("current"));
        point(&server.root(), "inner/absolute");
        expect(&mut client, "/a", (200, "1"), mode);
        for release in 2..5 {
            let (name, text) = (format!("r{release}"), release.to_string());
            lay_out(&beside(&server, &name), &[("a", text.as_bytes())]);
            let target = format!("../{name}");
            match release {
                2 => point(&inner.join("current"), target),
                3 => point(&inner.join("absolute"), target),
                _ => point(&server.root(), &name),
            }
            // A PUT is the first request in every other round.
            if release % 2 == 0 {
                expect(&mut client, "/a", (200, &text), mode);
            }
            assert_eq!(put(&mut client, "/new", &text).status, 201, "{release}, {mode}");
            expect(&mut client, "/a", (200, &text), mode);
            expect(&mut client, "/new", (200, &text), mode);
        }
        assert_eq!(names_in(&beside(&server, "r1")), ["a"]);
        // A moved directory on the way, then another one in its place.
        point(&server.root(), "inner/absolute");
        expect(&mut client, "/a", (200, "3"), mode);
        fs::rename(&inner, beside(&server, "outer")).expect("renames");
        expect(&mut client, "/a", (503, ""), mode);
        lay_out(&inner.join("absolute"), &[("a", b"5")]);
        expect(&mut client, "/a", (200, "5"), mode);
        let stderr = server.stop().stderr;
        assert_eq!(stderr.matches("was replaced or is back: serving '").count(), 5, "{mode}: {stderr}");
    }
}

#[test]
fn each_worker_follows_root_and_one_line_tells() {
    let server = Server::with(&[("a", b"1")], &["--workers", "2", "--upload"]);
    let mut clients: Vec<_> = (0..16).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| expect(client, "/a", (200, "1"), "at first"));
    make_link(&server, "r1");
    lay_out(&beside(&server, "r2"), &[("a", b"2")]);
    point(&server.root(), "r2");
    clients.iter_mut().for_each(|client| expect(client, "/a", (200, "2"), "after the change"));
    fs::remove_file(server.root()).expect("removes");
    clients.iter_mut().for_each(|client| expect(client, "/a", (503, ""), "without a root"));
    point(&server.root(), "r1");
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(put(client, &format!("/{index}"), "x").status, 201);
        expect(client, "/a", (200, "1"), "after its return");
    }
    assert_eq!((names_in(&beside(&server, "r1")).len(), names_in(&beside(&server, "r2")).len()), (17, 1));
    let stderr = server.stop().stderr;
    assert_eq!(stderr.matches("cannot serve '").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("was replaced or is back").count(), 2, "{stderr}");
}

#[test]
fn relative_root_is_served_from_remade_working_directory() {
    let server = Server::in_folder(&[("a", b"old"), ("site/a", b"old")], &["--root", "site/../."]);
    let mut client = server.connect();
    expect(&mut client, "/a", (200, "old"), "at first");
    fs::remove_dir_all(server.root()).expect("removes");
    expect(&mut client, "/a", (503, ""), "without a root");
    lay_out(&server.root(), &[("a", b"new"), ("site/a", b"new")]);
    expect(&mut client, "/a", (200, "new"), "after its return");
}

/// Starts an upload of `/d/x`, makes `change`, and sends the rest.
fn put_during(server: &Server, change: impl FnOnce()) -> u16 {
    let mut client = server.connect();
    client.send(put_head("/d/x", 200_000)).send("x".repeat(100_000));
    // The server has begun with it.
    let open_uploads = || {
        let fds = fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).expect("descriptors");
        let targets = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        let is_upload = |name: &str| name.contains("/#") || name.contains("/.reactor-upload-");
        targets.filter(|target| is_upload(&target.to_string_lossy())).count()
    };
    let deadline = Instant::now() + WAIT_MAX;
    while open_uploads() == 0 {
        assert!(Instant::now() < deadline, "the upload does not begin");
        std::thread::yield_now();
    }
    change();
    client.send("x".repeat(100_000)).reply().status
}

#[test]
fn put_in_flight_is_stored_in_new_root_or_not_at_all() {
    let server = Server::with(&[("d/a", b"1")], &["--upload", "--sandbox=off"]);
    make_link(&server, "r1");
    lay_out(&beside(&server, "r2"), &[("d/a", b"2")]);
    let d = |name: &str| names_in(&beside(&server, name).join("d"));
    assert_eq!(put_during(&server, || point(&server.root(), "r2")), 201);
    assert_eq!((d("r1"), d("r2")), (vec!["a".to_owned()], vec!["a".to_owned(), "x".to_owned()]));
    assert_eq!(server.get("/d/x").body.len(), 200_000);
    // Without the parent directory, and without a root.
    fs::create_dir(beside(&server, "r3")).expect("a directory");
    assert_eq!(put_during(&server, || point(&server.root(), "r3")), 409);
    point(&server.root(), "r1");
    assert_eq!(put_during(&server, || fs::remove_file(server.root()).expect("removes")), 503);
    // On another file system.
    let other = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    lay_out(other.path(), &[("d/a", b"4")]);
    if fs::metadata(other.path()).expect("a directory").dev()
        != fs::metadata(beside(&server, "r1")).expect("r1").dev()
    {
        point(&server.root(), "r1");
        assert_eq!(put_during(&server, || point(&server.root(), other.path())), 503);
        assert_eq!(names_in(&other.path().join("d")), ["a"]);
        assert_eq!(server.get("/d/x").status, 404);
    }
    assert_eq!((d("r1"), names_in(&beside(&server, "r3")).len()), (vec!["a".to_owned()], 0));
}

#[test]
fn put_in_flight_into_moved_directory_is_stored_by_path() {
    let server = Server::with(&[("d/a", b"1"), ("e/a", b"1")], &["--upload"]);
    let (d, gone) = (server.root().join("d"), beside(&server, "gone"));
    assert_eq!(put_during(&server, || fs::rename(&d, &gone).expect("it is moved out")), 409);
    assert_eq!(names_in(&gone), ["a"]);
    fs::rename(&gone, &d).expect("it is moved back");
    let inside = server.root().join("inside");
    assert_eq!(put_during(&server, || fs::rename(&d, &inside).expect("it is moved within")), 409);
    fs::rename(&inside, &d).expect("it is moved back");
    let replace = || {
        fs::rename(&d, &gone).expect("it is moved out");
        fs::rename(server.root().join("e"), &d).expect("another takes its name");
    };
    assert_eq!(put_during(&server, replace), 201);
    assert_eq!((names_in(&gone), names_in(&d)), (vec!["a".to_owned()], vec!["a".to_owned(), "x".to_owned()]));
    assert_eq!(server.get("/d/x").body.len(), 200_000);
}

#[test]
fn archive_in_flight_has_files_of_one_root() {
    const LEN: usize = 8 << 20;
    let files = |byte: u8| ["1", "2", "3"].map(|name| (name, vec![byte; LEN]));
    let lay_out_files = |folder: &Path, byte| {
        files(byte).iter().for_each(|(name, bytes)| lay_out(folder, &[(name, bytes)]));
    };
    let server = Server::with(&[], &[]);
    lay_out_files(&server.root(), b'a');
    make_link(&server, "r1");
    lay_out_files(&beside(&server, "r2"), b'b');
    let mut client = server.connect();
    let head = client.send("GET /?archive=tar HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").head();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    point(&server.root(), "r2");
    assert_eq!(server.get("/1").body[0], b'b');
    let archive = client.rest();
    let counts = [b'a', b'b'].map(|byte| bytecount(&archive, byte));
    assert!(counts[0] >= 3 * LEN && counts[1] < LEN, "{counts:?} in {} bytes", archive.len());
}

fn bytecount(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|&&byte| byte == wanted).count()
}
