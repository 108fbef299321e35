//! Nobody ever sees a part of a file: readers get the old one or the new one, and what breaks off, for
//! whatever reason, leaves nothing.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;

use super::{head, put, serve, sized};
use crate::harness::{Finish, Server, WAIT_MAX, names_in, pattern};

#[test]
fn readers_get_complete_file_during_200_replacements() {
    // Large ones are sent from the file itself, small ones are read at once.
    for len in [1_000, 300_000] {
        let server = serve(&[("a", &vec![0; len])]);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _finish = Finish(&over);
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut reader = server.connect();
                    while !over.load(Ordering::Relaxed) {
                        let body = reader.get("/a").body;
                        assert!(body.len() == len && body.iter().all(|byte| *byte == body[0]), "a mix");
                    }
                });
            }
            let mut writer = server.connect();
            for round in 1..=200 {
                let bytes = vec![round as u8; len];
                // In two pieces, so that a part of it is there for a while.
                let (first, second) = bytes.split_at(len / 2);
                writer.send(sized("/a", len)).send(first).send(second);
                assert_eq!(writer.reply().status, 204);
            }
        });
        assert_eq!(names_in(&server.root()), ["a"]);
    }
}

#[test]
fn concurrent_puts_to_one_name_last_complete_wins() {
    let server = serve(&[]);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(sized("/a", 100_000)).send(vec![index as u8; 50_000]);
    }
    // The last to begin is the first to be whole.
    let mut created = 0;
    for (index, client) in clients.iter_mut().enumerate().rev() {
        client.send(vec![index as u8; 50_000]);
        let status = client.reply().status;
        assert!(matches!(status, 201 | 204), "{status}");
        created += u32::from(status == 201);
        assert!(server.get("/a").body == vec![index as u8; 100_000], "number {index}");
    }
    assert_eq!(created, 1);
    assert_eq!(names_in(&server.root()), ["a"]);
}

/// Starts of uploads that will not go on.
fn starts() -> Vec<String> {
    let half = "x".repeat(50_000);
    let chunk = format!("{:x}\r\n{half}\r\n", half.len());
    let chunked = |path| head(path, "Transfer-Encoding: chunked");
    vec![
        sized("/a", 100_000),
        sized("/a", 100_000) + &half,
        sized("/new", 100_000) + &half,
        chunked("/a") + &chunk,
        chunked("/new") + &chunk + "0\r\n",
        chunked("/new") + &chunk[..40_000],
    ]
}

#[test]
pub(crate) fn aborted_put_gets_400_and_leaves_no_file() {
    let server = serve(&[("a", b"old")]);
    for start in starts() {
        let mut client = server.connect();
        client.send(&start).finish();
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("Connection")), (400, Some("close")));
        assert!(reply.text().contains("ended early"), "{}", reply.text());
        client.expect_end();
        // The sender is gone altogether.
        server.connect().send(&start);
    }
    assert_eq!(server.get("/a").text(), "old");
    assert_eq!(server.get("/new").status, 404);
    assert_eq!(names_in(&server.root()), ["a"]);
}

#[test]
pub(crate) fn killed_server_leaves_no_partial_upload() {
    for signal in [Signal::KILL, Signal::TERM] {
        let server = Server::with(&[("a", b"old")], &["-u", "--grace", "100ms"]);
        let mut clients: Vec<_> = starts()
            .iter()
            .map(|start| {
                let mut client = server.connect();
                client.send(start);
                client
            })
            .collect();
        // Whoever is asked to go on has its file open already.
        let mut waiting = server.connect();
        waiting.send(head("/new", "Content-Length: 9\r\nExpect: 100-continue"));
        assert_eq!(waiting.head(), "HTTP/1.1 100 Continue\r\n");
        waiting.send("half");
        let directory = tempfile::tempdir().expect("a folder");
        let moved_root = directory.path().join("kept");
        fs::rename(server.root(), &moved_root).expect("the same file system");
        server.signal(signal);
        server.wait();
        for client in &mut clients {
            let _ = client.try_send("x");
        }
        assert_eq!(names_in(&moved_root), ["a"], "{signal:?}");
        assert_eq!(fs::read_to_string(moved_root.join("a")).expect("the file"), "old");
    }
}

#[test]
pub(crate) fn put_in_flight_finishes_after_sigterm() {
    let server = Server::with(&[], &["-u", "--grace", "30s"]);
    let mut client = server.connect();
    client.send(head("/a", "Content-Length: 10\r\nExpect: 100-continue"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    client.send("hello");
    server.signal(Signal::TERM);
    // It no longer listens once it has heard.
    let begun = std::time::Instant::now();
    while std::net::TcpStream::connect(server.address()).is_ok() {
        assert!(begun.elapsed() < WAIT_MAX, "it goes on listening");
        thread::yield_now();
    }
    let reply = client.send("world").reply();
    assert_eq!((reply.status, reply.field("Connection")), (201, Some("close")));
    assert_eq!(fs::read_to_string(server.root().join("a")).expect("the file"), "helloworld");
}

#[test]
pub(crate) fn paused_put_blocks_no_other_client() {
    let server = serve(&[("b", b"other")]);
    let mut paused = server.connect();
    paused.send(sized("/a", 1_000_000)).send(pattern(400_000));
    let mut others = server.connect();
    for _ in 0..50 {
        assert_eq!(others.get("/b").text(), "other");
        assert!(matches!(put(&mut others, "/c", &pattern(100_000)).status, 201 | 204));
        assert_eq!(others.get("/a").status, 404, "what is not whole is not there");
    }
    paused.send(&pattern(1_000_000)[400_000..]);
    assert_eq!(paused.reply().status, 201);
    assert!(server.get("/a").body == pattern(1_000_000));
}
