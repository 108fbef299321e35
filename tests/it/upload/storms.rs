//! Uploads by many at a time: on one path, cut off at any byte, and with the server killed under them.
//!
//! What a response confirmed is there, and every file is whole.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;

use super::{head, put, sized};
use crate::harness::{Finish, Server, WAIT_MAX, names_in, pattern};

/// One byte, as often as it says: a mix of two contents shows.
fn content(tag: u8) -> Vec<u8> {
    vec![tag; 1_000 + usize::from(tag) * 500]
}

#[test]
fn readers_and_writers_64_each_on_one_path_see_whole_files() {
    let server = Server::with(&[("a", &content(255))], &["--upload", "--workers", "2"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut reader = server.connect();
                while !over.load(Ordering::Relaxed) {
                    let reply = reader.get("/a");
                    assert_eq!(reply.status, 200);
                    assert!(reply.body == content(reply.body[0]), "a mix of {}", reply.body.len());
                }
            });
        }
        let _finish = Finish(&over);
        let writers: Vec<_> = (0..64)
            .map(|tag| {
                let server = &server;
                scope.spawn(move || {
                    (0..3).map(|_| put(&mut server.connect(), "/a", &content(tag)).status).collect()
                })
            })
            .collect();
        for writer in writers {
            let statuses: Vec<u16> = writer.join().expect("the statuses");
            assert_eq!(statuses, [204; 3]);
        }
    });
    let last = server.get("/a").body;
    assert!(last == content(last[0]));
    assert_eq!(names_in(&server.root()), ["a"]);
}

#[test]
fn uploads_cut_off_at_200_places_leave_nothing() {
    let server = Server::with(&[("a", b"old")], &["--upload", "--workers", "2"]);
    let request = [sized("/a", 90_000).into_bytes(), pattern(90_000)].concat();
    let chunked =
        [head("/b", "Transfer-Encoding: chunked").into_bytes(), b"9000\r\n".to_vec(), pattern(0x9000)]
            .concat();
    for cut in 0..100 {
        for request in [&request, &chunked] {
            // Dense in the head and at the start of the body.
            let len = (cut * cut * request.len() / 10_000).min(request.len() - 1);
            let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
            stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
            stream.write_all(&request[..len]).expect("the server reads");
            if cut % 2 == 0 {
                stream.shutdown(std::net::Shutdown::Write).expect("shutdown");
                let mut reply = String::new();
                stream.read_to_string(&mut reply).expect("the end");
                assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400 "), "{len}: {reply}");
            }
        }
    }
    assert_eq!(names_in(&server.root()), ["a"]);
    assert_eq!((server.get("/a").text(), server.get("/b").status), ("old", 404));
}

#[test]
fn server_killed_in_10_storms_keeps_confirmed_files_whole() {
    for round in 0..10 {
        let server = Server::with(&[], &["--upload", "--workers", "2"]);
        let confirmed = AtomicUsize::new(0);
        let writers: Vec<_> = thread::scope(|scope| {
            let (server, confirmed) = (&server, &confirmed);
            let writers: Vec<_> = (0..8)
                .map(|writer| {
                    scope.spawn(move || write_until_killed(server, writer, round * 20 + writer, confirmed))
                })
                .collect();
            while confirmed.load(Ordering::Relaxed) < 20 {
                thread::yield_now();
            }
            server.signal(Signal::KILL);
            writers.into_iter().map(|writer| writer.join().expect("the tags")).collect()
        });
        let root = server.root();
        for name in names_in(&root) {
            let found = fs::read(root.join(&name)).expect("the file");
            assert!(found == content(found[0]), "{name} is a mix");
        }
        for (writer, (confirmed, tried)) in writers.into_iter().enumerate() {
            let found = fs::read(root.join(writer.to_string())).ok().map(|bytes| bytes[0]);
            assert!(
                found == confirmed || found == Some(tried),
                "{writer}: {confirmed:?}, {tried}, {found:?}"
            );
        }
    }
}

/// Stores one content after the other: that of the last response, and that of the last request.
fn write_until_killed(server: &Server, writer: u8, first: u8, count: &AtomicUsize) -> (Option<u8>, u8) {
    let (mut confirmed, mut tag) = (None, first);
    let Ok(mut stream) = TcpStream::connect(server.address()) else { return (confirmed, tag) };
    stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
    loop {
        let request = [sized(&format!("/{writer}"), content(tag).len()).into_bytes(), content(tag)].concat();
        let mut status = [0; 12];
        if stream.write_all(&request).is_err() || stream.read_exact(&mut status).is_err() {
            return (confirmed, tag);
        }
        assert!(status.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&status));
        confirmed = Some(tag);
        count.fetch_add(1, Ordering::Relaxed);
        tag = tag.wrapping_add(8);
        read_head(&mut stream);
    }
}

/// Reads on to the end of a head.
fn read_head(stream: &mut TcpStream) {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last.rotate_left(1);
        if stream.read_exact(&mut last[3..]).is_err() {
            return;
        }
    }
}
