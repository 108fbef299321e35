//! What an upload keeps to: `--no-overwrite`, `--require-conditions`, and the time in `X-OC-Mtime`.
//!
//! A rule holds for the file that has the name in the end, whoever was quicker.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Barrier;
use std::thread;

use super::{head, put, serve, sized};
use crate::harness::{Server, names_in};

#[test]
fn no_overwrite_gets_409_telling_what_is_there() {
    let server = Server::with(&[("a", b"old"), ("d/x", b"")], &["-u", "--no-overwrite", "--allow-delete"]);
    let mut client = server.connect();
    let tag = client.get("/a").field("ETag").expect("a tag").to_owned();
    let reply = put(&mut client, "/a", b"new");
    assert_eq!((reply.status, reply.field("Vary")), (409, Some("Accept")));
    let words = format!("--no-overwrite keeps it. It has 3 bytes and the ETag {tag}.");
    assert!(reply.text().contains(&words), "{}", reply.text());
    let fields = format!("Content-Length: 0\r\nAccept: application/problem+json\r\nIf-Match: {tag}");
    let reply = client.ask("PUT /a", &fields);
    assert_eq!((reply.status, reply.field("Content-Type")), (409, Some("application/problem+json")));
    assert!(reply.text().starts_with("{\"type\":\"urn:reactor-http:name-taken\",\"title\":\"Name taken\","));
    assert!(reply.text().contains(&tag.replace('"', "\\\"")), "{}", reply.text());
    let waiting = server.connect().ask("PUT /a", "Content-Length: 3\r\nExpect: 100-continue");
    assert_eq!(waiting.status, 409, "before the body is sent");
    assert_eq!(client.get("/a").text(), "old");
    assert_eq!(client.ask("DELETE /a", "").status, 204);
    assert_eq!(put(&mut client, "/a", b"new").status, 201);
}

#[test]
fn no_overwrite_race_has_one_201_for_each_name() {
    const ROUNDS: usize = 20;
    let server = Server::with(&[], &["-u", "--no-overwrite", "--workers", "2"]);
    let barrier = Barrier::new(8);
    let created: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    let mut try_round = |round: usize| {
                        client.send(sized(&format!("/{round}"), 5) + "he");
                        barrier.wait();
                        let status = client.send("llo").reply().status;
                        assert!(matches!(status, 201 | 409), "{status}");
                        barrier.wait();
                        usize::from(status == 201)
                    };
                    (0..ROUNDS).map(&mut try_round).sum::<usize>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a count")).sum()
    });
    assert_eq!((created, names_in(&server.root()).len()), (ROUNDS, ROUNDS));
}

#[test]
fn required_condition_is_missing_gets_428() {
    let server = Server::with(&[("a", b"old")], &["-u", "--require-conditions", "--allow-delete"]);
    let mut client = server.connect();
    for fields in ["", "\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT", "\r\nRange: bytes=0-0"] {
        for line in ["PUT /a", "PUT /new", "DELETE /a"] {
            let reply = client.ask(line, &format!("Content-Length: 0{fields}"));
            assert_eq!(reply.status, 428, "{line} {fields}");
            assert!(reply.text().contains("send If-Match"), "{}", reply.text());
        }
    }
    let tag = client.get("/a").field("ETag").expect("a tag").to_owned();
    for (line, condition, status) in [
        ("PUT /new", "If-None-Match: *".to_owned(), 201),
        ("PUT /a", "If-None-Match: *".to_owned(), 412),
        ("PUT /a", format!("If-Match: {tag}"), 204),
        ("DELETE /a", format!("If-Match: {tag}"), 412),
        ("DELETE /new", "If-Match: *".to_owned(), 204),
    ] {
        let reply = client.ask(line, &format!("Content-Length: 0\r\n{condition}"));
        assert_eq!(reply.status, status, "{line} {condition}");
    }
    assert_eq!(names_in(&server.root()), ["a"]);
}

#[test]
fn x_oc_mtime_sets_the_time_of_the_file() {
    let server = serve(&[]);
    let mut client = server.connect();
    for (status, secs) in [(201, 1_000_000_000), (204, 1_234_567_890), (204, 0)] {
        let fields = format!("Content-Length: 2\r\nX-OC-Mtime: {secs}");
        let reply = client.send(head("/a", &fields) + "ab").reply();
        assert_eq!((reply.status, reply.field("X-OC-Mtime")), (status, Some("accepted")));
        assert_eq!(fs::metadata(server.root().join("a")).expect("the file").mtime(), secs);
        assert_eq!(client.get("/a").field("ETag"), reply.field("ETag"));
    }
    let reply = client.send(head("/a", "Content-Length: 0\r\nX-OC-Mtime: 1000000000")).reply();
    assert_eq!(reply.status, 204);
    assert_eq!(client.get("/a").field("Last-Modified"), Some("Sun, 09 Sep 2001 01:46:40 GMT"));
    for wrong in ["", "-1", "+1", "1.5", "0x10", "tomorrow", "253402300800", "99999999999999999999"] {
        let reply =
            client.send(head("/a", &format!("Content-Length: 1\r\nX-OC-Mtime: {wrong}")) + "x").reply();
        assert_eq!(reply.status, 400, "{wrong}");
        assert!(reply.text().contains("X-OC-Mtime"), "{}", reply.text());
    }
    let twice = "Content-Length: 0\r\nX-OC-Mtime: 1\r\nX-OC-Mtime: 2";
    assert_eq!(client.send(head("/a", twice)).reply().status, 400);
    // Beyond the range of a file system the time is its last, or kept.
    let far = client.send(head("/a", "Content-Length: 0\r\nX-OC-Mtime: 253402300799")).reply();
    let kept = fs::metadata(server.root().join("a")).expect("the file").mtime() == 253_402_300_799;
    assert_eq!((far.status, far.field("X-OC-Mtime")), (204, kept.then_some("accepted")));
    assert_eq!(client.get("/a").status, 200);
}
