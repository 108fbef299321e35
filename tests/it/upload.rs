//! Uploads: a file is there when it is whole, in the place that it was asked for, or not at all.
//!
//! `names` is about DELETE, MKCOL and the directories of a PUT, `rules` about what an option or a field asks for,
//! `origins` what pages of other sites may not change, `forms` about files that a browser posts, `drop_box` about what takes files and shows none, `model` compares random requests with a map, `storms` is about many at a time,
//! `refused` promises what is not stored, `whole` that nobody ever sees a part of anything,
//! `digest` what has another digest than its sender gave, `disk` what happens when there is no room, `durable` what is synced and when, and `power_loss` what is there after one.

pub(crate) mod digest;
mod disk;
mod drop_box;
mod durable;
mod forms;
mod model;
mod names;
mod origins;
mod power_loss;
pub(crate) mod refused;
mod resumable;
mod rules;
mod storms;
pub(crate) mod whole;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::harness::{Raw, Reply, Server, names_in, pattern};

/// A server that takes uploads anywhere, with these files.
fn serve(files: &[(&str, &[u8])]) -> Server {
    Server::with(files, &["--upload"])
}

fn head(path: &str, fields: &str) -> String {
    format!("PUT {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n")
}

fn sized(path: &str, len: usize) -> String {
    head(path, &format!("Content-Length: {len}"))
}

/// Stores these bytes, all in one piece.
fn put(client: &mut Raw, path: &str, bytes: &[u8]) -> Reply {
    client.send([sized(path, bytes.len()).as_bytes(), bytes].concat()).reply()
}

#[test]
pub(crate) fn put_creates_201_or_replaces_204_with_etag_of_get() {
    let server = serve(&[("d/x", b"")]);
    let mut client = server.connect();
    for len in [0, 1, 5, 16_384, 65_535, 65_536, 3_000_000] {
        for (path, location) in
            [("/a.txt", "/a.txt"), ("/d/./b%20c?q", "/d/b%20c"), ("http://test/d/%41", "/d/A")]
        {
            let name = location[1..].replace("%20", " ");
            let _ = fs::remove_file(server.root().join(&name));
            for (status, bytes) in [(201, pattern(len)), (204, pattern(len + 1))] {
                let reply = put(&mut client, path, &bytes);
                assert_eq!((reply.status, reply.field("Connection")), (status, None), "{path} {len}");
                assert_eq!(reply.field("Location"), (status == 201).then_some(location));
                assert_eq!(reply.field("Content-Length"), (status == 201).then_some("0"));
                assert!(fs::read(server.root().join(&name)).expect("the file") == bytes, "{path} {len}");
                let got = client.get(location);
                assert!((got.status, &got.body) == (200, &bytes), "{path} {len}");
                // A large file that has just been written cannot be told from its next version.
                let is_small = bytes.len() <= 65_536;
                assert_eq!(reply.field("ETag").is_some(), is_small, "{path} {len}");
                assert!(!is_small || got.field("ETag") == reply.field("ETag"), "{path} {len}");
                assert_eq!(reply.field("Last-Modified"), None, "it may change in the same second");
            }
        }
    }
    assert_eq!(names_in(&server.root()), ["a.txt", "d"]);
}

#[test]
pub(crate) fn chunked_put_stores_decoded_body() {
    let server = serve(&[]);
    let chunked = head("/a", "Transfer-Encoding: chunked");
    let mut client = server.connect();
    for (body, expected) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1;x=y\r\na\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n", "a0123456789"),
        ("14\r\nGET / HTTP/1.1\r\n\r\nxx\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n\r\nxx"),
    ] {
        client.send(&chunked);
        for byte in body.bytes() {
            client.send([byte]);
        }
        assert!(matches!(client.reply().status, 201 | 204), "{body}");
        assert_eq!(client.get("/a").text(), expected);
    }
    let many = "1\r\nx\r\n".repeat(50_000) + "0\r\n\r\n";
    assert_eq!(client.send(chunked + &many).reply().status, 204);
    assert_eq!(client.get("/a").text(), "x".repeat(50_000));
}

#[test]
pub(crate) fn expect_100_continue_is_sent_only_if_upload_is_accepted() {
    let server = serve(&[("d/x", b"")]);
    let fields = "Content-Length: 5\r\nExpect: 100-continue";
    let mut client = server.connect();
    client.send(head("/a", fields));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    assert_eq!(client.send("hello").reply().status, 201);
    assert_eq!(client.get("/a").text(), "hello");
    let too_large = "Content-Length: 99999999999\r\nExpect: 100-continue";
    for (path, fields, status) in [("/d", fields, 409), ("/n/x", fields, 409), ("/a", too_large, 413)] {
        let mut client = server.connect();
        let reply = client.send(head(path, fields)).reply();
        assert_eq!((reply.status, reply.field("Connection")), (status, Some("close")), "{path}");
        client.expect_end();
    }
}

#[test]
pub(crate) fn pipelined_get_after_put_sees_new_content() {
    let server = serve(&[("a", b"old")]);
    let get = "GET /a HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut client = server.connect();
    let chunked = head("/a", "Transfer-Encoding: chunked") + "3\r\nten\r\n0\r\n\r\n";
    client.send([get, &sized("/a", 3), "new", get, &chunked, get, &sized("/a", 0), get].concat());
    for expected in ["old", "new", "ten", ""] {
        assert_eq!(client.reply().text(), expected);
        if !expected.is_empty() {
            assert_eq!(client.reply().status, 204);
        }
    }
}

#[test]
fn get_after_put_never_serves_cached_old_file() {
    let server = serve(&[("a", b"first")]);
    // Long ago, so that it may be kept.
    let path = server.root().join("a");
    let settled = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(settled)).expect("a time");
    let (mut reader, mut writer) = (server.connect(), server.connect());
    for round in 0..100_u32 {
        for _ in 0..3 {
            assert_eq!(reader.get("/a").status, 200);
        }
        let bytes = format!("{round:05}");
        assert_eq!(put(&mut writer, "/a", bytes.as_bytes()).status, 204);
        assert_eq!(reader.get("/a").text(), bytes);
    }
}

#[test]
fn put_uses_umask_for_new_file_and_keeps_mode_of_old() {
    let server = Server::spawn(&[("private", b"x"), ("open", b"x")], &["-u"], |_| ());
    let set = |name: &str, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(server.root().join(name), mode).expect("a mode");
    };
    set("private", 0o600);
    set("open", 0o4777);
    let probe = server.root().join("d");
    fs::write(&probe, "").expect("a file of ours");
    let mut client = server.connect();
    for name in ["/private", "/open", "/new"] {
        assert!(matches!(put(&mut client, name, b"y").status, 201 | 204));
    }
    let mode = |name: &str| fs::metadata(server.root().join(name)).expect("it is there").mode() & 0o7777;
    assert_eq!((mode("private"), mode("open"), mode("new")), (0o600, 0o777, mode("d")));
}

#[test]
fn uploads_are_logged_with_status() {
    let server = serve(&[]);
    put(&mut server.connect(), "/a", b"hello");
    put(&mut server.connect(), "/a", b"hello");
    put(&mut server.connect(), "/none/a", b"hello");
    let log = server.stop().log;
    for text in ["\"PUT /a HTTP/1.1\" 201 0 ", "\"PUT /a HTTP/1.1\" 204 0 ", "\"PUT /none/a HTTP/1.1\" 409 "]
    {
        assert!(log.contains(text), "{text} in {log}");
    }
}

#[test]
fn allow_names_put_only_with_uploads_on() {
    const FETCH: &str = "GET, HEAD, OPTIONS";
    for (options, all, allow) in
        [(&["-u"][..], "GET, HEAD, OPTIONS, PUT, POST", "GET, HEAD, OPTIONS, PUT"), (&[], FETCH, FETCH)]
    {
        let server = Server::with(&[("a", b"")], options);
        for (line, status, allow) in [
            ("OPTIONS * ", 204, all),
            ("OPTIONS /a ", 204, allow),
            ("PATCH /a ", 405, allow),
            ("POST /a ", 405, allow),
        ] {
            let request = format!("{line}HTTP/1.1\r\nHost: test\r\n\r\n");
            let reply = server.connect().send(request).reply();
            assert_eq!((reply.status, reply.field("Allow")), (status, Some(allow)), "{line}");
        }
    }
}
