//! How the server ends, and what does not end it: signals, vanished clients, half-closed ones.
//!
//! "In flight" is made certain by files larger than what all socket buffers hold, and that shutting
//! down has begun is told by the end of an idle connection.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;
use rustix::process::Signal;

use crate::harness::{Raw, Server, expect_shut, pattern};

/// More than the socket buffers of both sides hold.
const LARGE_LEN: usize = 32 * 1024 * 1024;
/// A sparse file that no client here ever reads to its end.
const ENDLESS_LEN: u64 = 4 << 30;
/// How long a lingering connection waits for a peer that says nothing.
const LINGER_SILENCE: Duration = Duration::from_secs(5);

fn ask(server: &Server, path: &str) -> Raw {
    let mut client = server.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    client
}

/// A server of one endless file and one small one.
fn serving_endless(options: &[&str]) -> Server {
    let server = Server::with(&[("small", b"small")], options);
    let endless = File::create(server.root().join("endless")).expect("a file");
    endless.set_len(ENDLESS_LEN).expect("a sparse file");
    server
}

/// A client of the endless file that has read the head of the answer and reads no further.
fn stalled(server: &Server) -> Raw {
    let mut client = ask(server, "/endless");
    assert!(client.head().contains(&format!("Content-Length: {ENDLESS_LEN}\r\n")));
    client
}

fn kept_alive(server: &Server) -> Raw {
    let mut client = server.connect();
    assert_eq!(client.get("/small").status, 200);
    client
}

fn vanish(client: &Raw) {
    set_socket_linger(client.socket(), Some(Duration::ZERO)).expect("a reset at the end");
}

/// The bytes that the access log tells of for this path.
pub(crate) fn logged_len(log: &str, path: &str) -> u64 {
    let line = log.lines().find(|line| line.contains(&format!("\"GET {path} HTTP/1.1\" 200 ")));
    let line = line.unwrap_or_else(|| panic!("no line for {path} in {log:?}"));
    let (_, rest) = line.split_once("HTTP/1.1\" 200 ").expect("a status");
    rest.split(' ').next().and_then(|len| len.parse().ok()).expect("a length")
}

#[test]
pub(crate) fn signal_finishes_in_flight_and_accepts_no_more() {
    for signal in [Signal::INT, Signal::TERM] {
        let large = pattern(LARGE_LEN);
        let server = Server::serving(&[("large", &large), ("small", b"small")]);
        let mut idle = kept_alive(&server);
        let mut fresh = server.connect();
        let mut asking = kept_alive(&server);
        asking.send("GET /small HTTP/1.1\r\nHo");
        let mut download = ask(&server, "/large");
        download.head();
        assert!(download.bytes(LARGE_LEN / 2) == large[..LARGE_LEN / 2]);

        server.signal(signal);
        idle.expect_end();
        // Who has not said anything yet was never let in, and is told so at the first word.
        let mut response = Vec::new();
        let _ = fresh.try_send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
        let end = fresh.socket().read_to_end(&mut response);
        let is_closed = end.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true);
        assert!(is_closed && response.is_empty(), "{signal:?}: {}", response.escape_ascii());
        expect_shut(server.address(), b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
        let reply = asking.send("st: test\r\n\r\n").reply();
        assert_eq!((reply.status, reply.text(), reply.field("connection")), (200, "small", Some("close")));
        asking.expect_end();
        assert!(download.bytes(LARGE_LEN - LARGE_LEN / 2) == large[LARGE_LEN / 2..]);
        download.expect_end();

        drop((idle, fresh, asking, download));
        let stopped = server.wait();
        assert_eq!(stopped.status.code(), Some(0), "{signal:?}: {}", stopped.stderr);
        assert_eq!(stopped.log.lines().count(), 4, "{}", stopped.log);
        assert_eq!(logged_len(&stopped.log, "/large"), LARGE_LEN as u64);
    }
}

#[test]
pub(crate) fn signal_with_nothing_in_flight_exits_at_once() {
    let server = Server::with(&[("small", b"small")], &["--grace", "24h"]);
    let mut idle: Vec<Raw> = (0..10).map(|_| kept_alive(&server)).collect();
    server.signal(Signal::TERM);
    let begun = Instant::now();
    for client in &mut idle {
        client.expect_end();
    }
    // The clients hold on to their ends: nobody lingers for those who were promised nothing.
    let stopped = server.wait();
    assert!(begun.elapsed() < LINGER_SILENCE, "it waited for clients that had nothing to wait for");
    assert_eq!(stopped.status.code(), Some(0));
    assert_eq!(stopped.log.lines().count(), 10, "{}", stopped.log);
}

#[test]
pub(crate) fn request_arrived_before_signal_gets_response() {
    let server = Server::with(&[("small", b"small")], &["--grace", "24h"]);
    let mut client = kept_alive(&server);
    client.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
    server.signal(Signal::TERM);
    assert_eq!(client.reply().text(), "small");
    client.expect_end();
    drop(client);
    let stopped = server.wait();
    assert_eq!(stopped.status.code(), Some(0));
    assert_eq!(stopped.log.lines().count(), 2, "{}", stopped.log);
}

#[test]
fn signal_serves_what_waits_in_the_backlog() {
    /// More than one tick accepts.
    const WAITING: usize = 300;
    for options in [&[][..], &["--workers", "2"], &["--max-connections", "10"]] {
        let server = Server::with(&[("small", b"small")], options);
        server.signal(Signal::STOP);
        let waiting: Vec<Raw> = (0..WAITING).map(|_| ask(&server, "/small")).collect();
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        for mut client in waiting {
            assert_eq!(client.reply().text(), "small", "{options:?}");
            client.expect_end();
        }
        let stopped = server.wait();
        assert_eq!(stopped.status.code(), Some(0), "{options:?}: {}", stopped.stderr);
        assert_eq!(stopped.log.lines().count(), WAITING, "{options:?}");
    }
}

#[test]
pub(crate) fn client_that_never_reads_is_dropped_after_grace() {
    for grace in ["0", "200ms"] {
        let server = serving_endless(&["--grace", grace]);
        let client = stalled(&server);
        server.signal(Signal::TERM);
        let stopped = server.wait();
        assert_eq!(stopped.status.code(), Some(0), "--grace {grace}");
        let logged = logged_len(&stopped.log, "/endless");
        assert!(0 < logged && logged < ENDLESS_LEN, "--grace {grace}: {logged} bytes are logged");
        drop(client);
    }
}

#[test]
pub(crate) fn second_signal_exits_at_once_with_128_plus_signal() {
    for (first, second, code) in [
        (Signal::INT, Signal::INT, 130),
        (Signal::TERM, Signal::TERM, 143),
        (Signal::INT, Signal::TERM, 143),
        (Signal::TERM, Signal::INT, 130),
    ] {
        let server = serving_endless(&["--grace", "24h"]);
        let mut idle = kept_alive(&server);
        let client = stalled(&server);
        server.signal(first);
        idle.expect_end();
        server.signal(second);
        let stopped = server.wait();
        assert_eq!(stopped.status.code(), Some(code), "{first:?}, then {second:?}");
        assert_eq!(logged_len(&stopped.log, "/small"), 5);
        assert!(logged_len(&stopped.log, "/endless") < ENDLESS_LEN);
        drop(client);
    }
}

#[test]
pub(crate) fn clients_gone_mid_download_server_keeps_running() {
    let server = serving_endless(&[]);
    for _ in 0..10 {
        let reset = stalled(&server);
        vanish(&reset);
        drop(reset);
        drop(stalled(&server));
        assert_eq!(server.get("/small").text(), "small");
    }
    assert_eq!(server.stop().status.code(), Some(0));
}

#[test]
fn closed_stdout_server_keeps_running_and_warns_once() {
    let (server, stdout) = Server::spawn_apart(&[("small", b"small")], &["--access-log", "-"], |_| ());
    drop(stdout);
    let mut idle = kept_alive(&server);
    for _ in 0..2000 {
        assert_eq!(idle.get("/small").status, 200);
    }
    drop(idle);
    let stopped = server.stop();
    assert_eq!(stopped.status.code(), Some(0));
    let warnings = stopped.stderr.matches("access log: cannot write").count();
    assert_eq!(warnings, 1, "said once: {}", stopped.stderr);
}

#[test]
pub(crate) fn half_closed_client_gets_every_response() {
    let large = pattern(LARGE_LEN);
    let server = Server::serving(&[("large", &large), ("small", b"small")]);
    for path in ["/small", "/large"] {
        let mut client = ask(&server, path);
        let reply = client.finish().reply();
        let expected = if path == "/small" { b"small" } else { large.as_slice() };
        assert!(reply.status == 200 && reply.body == expected, "{path}: {}", reply.head);
        client.expect_end();
    }
    let mut client = server.connect();
    for path in ["/small", "/large", "/none", "/small"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    }
    client.finish();
    assert_eq!(client.reply().text(), "small");
    assert!(client.reply().body == large);
    assert_eq!(client.reply().status, 404);
    assert_eq!(client.reply().text(), "small");
    client.expect_end();
}

#[test]
pub(crate) fn client_closing_within_head_gets_400() {
    let server = Server::serving(&[("small", b"small")]);
    let mut client = server.connect();
    let reply = client.send("GET /small HTTP/1.1\r\nHo").finish().reply();
    assert_eq!((reply.status, reply.field("connection")), (400, Some("close")));
    client.expect_end();
}

#[test]
pub(crate) fn file_shrinks_while_sent_body_ends_early_unpadded() {
    let large = pattern(2 * LARGE_LEN);
    let server = Server::serving(&[("large", &large), ("small", b"small")]);
    let mut client = ask(&server, "/large");
    let head = client.head();
    assert!(head.contains(&format!("Content-Length: {}\r\n", large.len())), "{head}");
    assert!(client.bytes(1000) == large[..1000]);
    let file = OpenOptions::new().write(true).open(server.root().join("large")).expect("the file");
    file.set_len(LARGE_LEN as u64).expect("it shrinks");

    // In order or by a reset, which destroys what the reader has yet to read.
    let (rest, is_orderly) = client.rest_until_any_end();
    assert!(large[1000..LARGE_LEN].starts_with(&rest), "{} bytes, and only those of the file", rest.len());
    assert!(!is_orderly || rest.len() == LARGE_LEN - 1000, "all of them: {}", rest.len());
    assert_eq!(server.get("/large").body.len(), LARGE_LEN, "the next answer tells the new length");
    let stopped = server.stop();
    assert_eq!(logged_len(&stopped.log, "/large"), LARGE_LEN as u64);
}
