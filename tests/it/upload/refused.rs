//! What is not stored, and what is said of it: outside of the root or of the directory for uploads,
//! under hidden names, over anything but a regular file, or when uploads are off.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{head, put, serve, sized};
use crate::harness::{Raw, Reply, Server, WAIT_MAX, names_in, pattern, reactor_server};

/// Asserts that this PUT is refused with a sentence that has these words, and that the connection goes on.
#[track_caller]
fn refused(client: &mut Raw, path: &str, status: u16, words: &str) -> Reply {
    let reply = put(client, path, b"never stored");
    assert_eq!((reply.status, reply.field("Connection")), (status, None), "{path}");
    assert!(reply.text().contains(words), "{path}: {}", reply.text());
    reply
}

#[test]
fn put_with_uploads_off_gets_403_naming_the_option() {
    let server = Server::serving(&[("a", b"old")]);
    let mut client = server.connect();
    for path in ["/a", "/new", "/none/x", "/", "/.x"] {
        refused(&mut client, path, 403, "--upload");
    }
    assert_eq!(client.get("/a").text(), "old");
    assert_eq!(names_in(&server.root()), ["a"]);
}

#[test]
fn put_to_invalid_path_is_rejected() {
    let server = serve(&[("a", b"old"), ("d/x", b"")]);
    let mut client = server.connect();
    let long = format!("/{}", "n".repeat(256));
    for (path, status, words) in [
        ("/none/x", 409, "does not exist"),
        ("/d/none/x", 409, "does not exist"),
        ("/a/x", 409, "does not exist"),
        ("/d", 409, "directory"),
        ("/d/", 409, "directory"),
        ("/new/", 409, "directory"),
        ("/a/", 409, "directory"),
        ("/", 409, "directory"),
        ("/d/..", 409, "directory"),
        ("/.hidden", 403, "dot"),
        ("/d/.hidden", 403, "dot"),
        ("/%2ehidden", 403, "dot"),
        ("/.d/x", 403, "dot"),
        ("/..", 400, "leaves the served directory"),
        ("/../x", 400, "leaves the served directory"),
        ("/d/%2e%2e/%2e%2e/x", 400, "leaves the served directory"),
        ("/d%2fx", 400, "slash"),
        (long.as_str(), 400, "too long"),
        ("/a%00b", 400, "NUL"),
        ("/a%zz", 400, "%"),
    ] {
        refused(&mut client, path, status, words);
    }
    assert_eq!(names_in(&server.root()), ["a", "d"]);
    assert_eq!(names_in(&server.root().join("d")), ["x"]);
    assert_eq!(names_in(server.root().parent().expect("a parent")), ["access.log", "root"]);
}

#[test]
fn put_leaves_root_by_no_symlink_and_replaces_none() {
    let server = serve(&[("a", b"old"), ("d/x", b"")]);
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret"), "secret").expect("a file");
    let links: [(&str, &Path); 7] = [
        ("out", outside.path()),
        ("up", Path::new("..")),
        ("file", &outside.path().join("secret")),
        ("dangling", &outside.path().join("new")),
        ("inside", Path::new("a")),
        ("loop", Path::new("loop")),
        ("dir", Path::new("d")),
    ];
    for (name, target) in links {
        symlink(target, server.root().join(name)).expect("a link");
    }
    let mut client = server.connect();
    for (path, status, words) in [
        ("/out/new", 409, "does not exist"),
        ("/up/new", 409, "does not exist"),
        ("/up/root/new", 409, "does not exist"),
        ("/loop/new", 409, "does not exist"),
        ("/file", 409, "not a regular file"),
        ("/dangling", 409, "not a regular file"),
        ("/inside", 409, "not a regular file"),
        ("/loop", 409, "not a regular file"),
        ("/dir", 409, "not a regular file"),
        ("/out", 409, "not a regular file"),
    ] {
        refused(&mut client, path, status, words);
    }
    assert_eq!(fs::read_to_string(outside.path().join("secret")).expect("the secret"), "secret");
    assert_eq!(names_in(outside.path()), ["secret"]);
    assert_eq!(client.get("/a").text(), "old");
    // A link to a directory beneath the root is a directory.
    assert_eq!(put(&mut client, "/dir/new", b"new").status, 201);
    assert_eq!(client.get("/d/new").text(), "new");
}

#[test]
fn put_to_fifo_or_socket_gets_409() {
    let server = serve(&[]);
    mknodat(CWD, server.root().join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    let _listener = UnixListener::bind(server.root().join("socket")).expect("a socket");
    let mut client = server.connect();
    refused(&mut client, "/fifo", 409, "not a regular file");
    refused(&mut client, "/socket", 409, "not a regular file");
    let kind = |name: &str| fs::symlink_metadata(server.root().join(name)).expect("it is there").file_type();
    assert!(!kind("fifo").is_file() && !kind("socket").is_file());
}

#[test]
fn put_outside_upload_directory_gets_403() {
    let files: &[(&str, &[u8])] = &[("a", b"old"), ("in/sub/x", b""), ("inside", b"old"), ("other/x", b"")];
    for option in ["--upload=in", "-u=in", "--upload=in/"] {
        let server = Server::with(files, &[option]);
        symlink("../other", server.root().join("in/out")).expect("a link");
        let mut client = server.connect();
        for path in ["/a", "/new", "/inside", "/other/x", "/in/../a", "/inx/a"] {
            refused(&mut client, path, 403, "--upload");
        }
        refused(&mut client, "/in", 409, "directory");
        refused(&mut client, "/in/out/x", 409, "does not exist");
        for path in ["/in/new", "/in/sub/x", "/other/../in/b"] {
            assert!(matches!(put(&mut client, path, b"new").status, 201 | 204), "{path}");
        }
        assert_eq!(client.get("/in/sub/x").text(), "new");
        assert_eq!(client.get("/a").text(), "old");
    }
}

#[test]
fn invalid_upload_option_fails_startup_with_remedy() {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("file"), "").expect("a file");
    let directory = root.path().to_string_lossy();
    for (args, words) in [
        (&["--upload=none", &*directory][..], "create it, or name another with --upload"),
        (&["--upload=file", &*directory], "create it, or name another with --upload"),
        (&["-u", "--welcome"], "--upload needs a directory"),
        (&["--upload=../x", &*directory], "is not a path beneath the root"),
        (&["--max-upload=1k", &*directory], "turn them on with --upload"),
    ] {
        let output = assert_cmd::Command::from_std(reactor_server())
            .args(["-p", "0", "-b", "127.0.0.1"])
            .args(args)
            .current_dir(root.path())
            .timeout(WAIT_MAX)
            .output()
            .expect("the server runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(words), "{args:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
pub(crate) fn put_over_max_upload_gets_413_while_still_sending() {
    let server = Server::with(&[("a", b"old")], &["-u", "--max-upload", "100k"]);
    let piece = pattern(64 * 1024);
    for fields in ["Content-Length: 100001", "Content-Length: 99999999999", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(head("/a", fields));
        for _ in 0..64 {
            if fields.starts_with('T') {
                client.send(format!("{:x}\r\n", piece.len()));
            }
            client.send(&piece);
            if fields.starts_with('T') {
                client.send("\r\n");
            }
            if fields.ends_with("100001") {
                // All that was promised.
                client.send(pattern(100_001 - piece.len()));
                break;
            }
        }
        let reply = client.reply();
        assert_eq!(reply.status, 413, "{fields}");
        assert!(reply.text().contains("--max-upload"), "{}", reply.text());
    }
    let mut client = server.connect();
    assert_eq!(client.get("/a").text(), "old");
    assert_eq!(put(&mut client, "/a", &pattern(100_000)).status, 204, "the largest there may be");
    assert_eq!(names_in(&server.root()), ["a"]);
}

#[test]
pub(crate) fn content_length_over_max_upload_gets_413_before_body() {
    let server = Server::with(&[], &["-u", "--max-upload", "100k"]);
    for len in [100_001_u64, 1 << 20, 1 << 40] {
        let mut client = server.connect();
        let reply = client.send(head("/a", &format!("Content-Length: {len}"))).reply();
        assert_eq!((reply.status, reply.field("Connection")), (413, Some("close")), "{len}");
        client.expect_end();
    }
}

#[test]
fn put_with_content_range_gets_400_without_length_411() {
    let server = serve(&[("a", b"old")]);
    let mut client = server.connect();
    let reply = client.send(head("/a", "Content-Length: 2\r\nContent-Range: bytes 1-2/3") + "xx").reply();
    assert_eq!(reply.status, 400, "a part");
    assert_eq!(client.send("PUT /a HTTP/1.1\r\nHost: test\r\n\r\n").reply().status, 411);
    assert_eq!(server.connect().send("PUT /a HTTP/1.0\r\n\r\n").reply().status, 411);
    assert_eq!(client.get("/a").text(), "old");
}

#[test]
fn put_with_ambiguous_framing_gets_400_and_stores_nothing() {
    let server = serve(&[("a", b"old")]);
    let smuggled = sized("/smuggled", 1) + "x";
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
    ] {
        let mut client = server.connect();
        client.send(head("/a", fields) + "0\r\n\r\n" + &smuggled);
        assert_eq!(client.reply().status, 400, "{fields}");
        client.expect_end();
    }
    for body in
        ["5\r\nhello", "+5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n", "x\r\n"]
    {
        let mut client = server.connect();
        client.send(head("/a", "Transfer-Encoding: chunked") + body + &smuggled).finish();
        assert_eq!(client.reply().status, 400, "{body:?}");
        client.expect_end();
    }
    assert_eq!(names_in(&server.root()), ["a"]);
    assert_eq!(server.get("/a").text(), "old");
}
