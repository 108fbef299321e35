//! What the server does with those who keep it waiting: it answers, or closes, and never waits longer.
//!
//! The options make the deadlines short; the tests wait for an answer or an end, and assert no times.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::harness::{Raw, Server, WAIT_MAX};

const FILES: &[(&str, &[u8])] = &[("small", b"small")];
/// A handshake of TLS fits, beside other tests.
const HEADER_SHORT: &[&str] = &["--header-timeout", "800ms", "--idle-timeout", "24h"];
const IDLE_SHORT: &[&str] = &["--header-timeout", "24h", "--idle-timeout", "500ms"];

const BOTH_SHORT: &[&str] = &["--header-timeout", "200ms", "--idle-timeout", "500ms"];

fn expect_408(client: &mut Raw) {
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("connection")), (408, Some("close")), "{}", reply.head);
    assert!(!reply.body.is_empty(), "it says why");
    client.expect_end();
}

#[test]
pub(crate) fn stalled_head_gets_408_and_close() {
    let server = Server::with(FILES, HEADER_SHORT);
    let starts: &[&str] = &[
        "G",
        "GET /small",
        "GET /small HTTP/1.1\r\n",
        "GET /small HTTP/1.1\r\nHost: test\r\nX-Half",
        "GET /small HTTP/1.1\r\nHost: test\r\n",
        "GET /small HTTP/1.1\r\nHost: test\r\n\r",
    ];
    let mut stalled: Vec<Raw> = starts
        .iter()
        .map(|start| {
            let mut client = server.connect();
            client.send(start);
            client
        })
        .collect();
    for client in &mut stalled {
        expect_408(client);
    }
    drop(stalled);
    let stopped = server.stop();
    assert_eq!(stopped.log.matches("\" 408 ").count(), starts.len(), "{}", stopped.log);
}

#[test]
pub(crate) fn stalled_second_head_gets_408_after_first_response() {
    let server = Server::with(FILES, HEADER_SHORT);
    let mut client = server.connect();
    client.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\nGET /sma");
    assert_eq!(client.reply().text(), "small");
    expect_408(&mut client);
}

/// A read with a deadline is also interrupted by a signal of another test.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Sends a byte whenever the server has been silent for a moment, until it says something.
fn drip(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a short deadline");
    let gives_up = Instant::now() + WAIT_MAX;
    let mut response = vec![0; 4096];
    loop {
        assert!(Instant::now() < gives_up, "a dripping head is never cut off");
        match stream.read(&mut response) {
            Ok(len) => {
                response.truncate(len);
                return response;
            }
            Err(error) if is_silence(&error) => {
                stream.write_all(b"a").expect("the server reads");
            }
            Err(error) => panic!("no answer but {error}"),
        }
    }
}

#[test]
fn dripped_head_gets_408() {
    let server = Server::with(FILES, HEADER_SHORT);
    for start in ["", "GET /small HTTP/1.1\r\nHost: test\r\nX-Long: "] {
        let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream.set_nodelay(true).expect("no delay");
        stream.write_all(start.as_bytes()).expect("the server reads");
        let response = drip(&mut stream);
        let response = String::from_utf8_lossy(&response);
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    }
}

#[test]
pub(crate) fn idle_keep_alive_connection_closes_without_response() {
    let server = Server::with(FILES, IDLE_SHORT);
    let mut once = server.connect();
    assert_eq!(once.get("/small").text(), "small");
    // At once: on a busy machine, the next request might come too late.
    let mut twice = server.connect();
    twice.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\nGET /none HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(twice.reply().text(), "small");
    assert_eq!(twice.reply().status, 404);
    once.expect_end();
    twice.expect_end();
    drop((once, twice));
    let log = server.stop().log;
    assert_eq!(log.lines().count(), 3, "silence is nothing to log: {log}");
}

#[test]
fn connection_that_never_sends_closes_without_response() {
    let server = Server::with(FILES, IDLE_SHORT);
    let mut silent: Vec<Raw> = (0..20).map(|_| server.connect()).collect();
    for client in &mut silent {
        client.expect_end();
    }
    assert_eq!(server.stop().log, "");
}

/// Begins with the first server of a run of all tests: it takes 30 s, and waits nearly all of it.
static SILENT_READER: LazyLock<Mutex<Option<JoinHandle<()>>>> =
    LazyLock::new(|| Mutex::new(Some(thread::spawn(silent_reader))));

/// Begins what takes long, if all tests are run.
pub(crate) fn begin_long_waits() {
    if env::args().len() == 1 {
        LazyLock::force(&SILENT_READER);
    }
}

#[test]
fn silent_reader_is_reset_after_30_s() {
    let reader = SILENT_READER.lock().expect("a lock").take().expect("the test runs once");
    reader.join().expect("its messages are above");
}

fn silent_reader() {
    const SILENCE: Duration = Duration::from_secs(30);
    let server = Server::with(FILES, &[]);
    let large = fs::File::create(server.root().join("large")).expect("a file");
    large.set_len(1 << 30).expect("a sparse file");
    let mut client = server.connect();
    set_socket_recv_buffer_size(client.socket(), 128 * 1024).expect("a window soon full");
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
    let begun = Instant::now();
    // The kernel reports a reset even if nothing is read.
    let mut fds = [PollFd::new(client.socket(), PollFlags::empty())];
    let limit = Timespec::try_from(2 * SILENCE).expect("a time");
    retry_on_intr(|| poll(&mut fds, Some(&limit))).expect("poll");
    assert!(fds[0].revents().contains(PollFlags::ERR), "it is held for a minute");
    assert!(begun.elapsed() >= SILENCE - Duration::from_secs(1), "{:?}", begun.elapsed());
    let stopped = server.stop();
    assert_eq!(stopped.log.lines().count(), 1, "{}", stopped.log);
}

#[test]
pub(crate) fn header_timeout_does_not_apply_to_idle_connection() {
    let server = Server::with(FILES, HEADER_SHORT);
    let mut idle = server.connect();
    assert_eq!(idle.get("/small").text(), "small");
    // Others come and are cut off, so the time has passed: the idle one is there all the same.
    let mut stalled = server.connect();
    stalled.send("GET /");
    expect_408(&mut stalled);
    assert_eq!(idle.get("/small").text(), "small");
}

#[test]
fn idle_timeout_does_not_apply_to_started_request() {
    let server = Server::with(FILES, IDLE_SHORT);
    let mut asking = server.connect();
    asking.send("GET /small HT");
    let mut silent = server.connect();
    silent.expect_end();
    assert_eq!(asking.send("TP/1.1\r\nHost: test\r\n\r\n").reply().text(), "small");
    asking.expect_end();
}

/// Whether it could ask all the time: on a busy machine a test may sleep longer than the server waits.
fn asks_while_another_is_silent(server: &Server, idle_timeout: Duration) -> bool {
    let mut busy = server.connect();
    let mut silent = server.connect();
    silent.socket().set_read_timeout(Some(Duration::from_millis(20))).expect("a short deadline");
    let gives_up = Instant::now() + WAIT_MAX;
    let mut asked = Instant::now();
    // The busy one asks every now and then for as long as the silent one is left open.
    while let Err(error) = silent.socket().read(&mut [0]) {
        assert!(is_silence(&error), "{error}");
        assert!(Instant::now() < gives_up, "the silent one is never closed");
        if asked.elapsed() > idle_timeout / 2 {
            return false;
        }
        assert_eq!(busy.get("/small").text(), "small");
        asked = Instant::now();
    }
    let in_time = asked.elapsed() < idle_timeout / 2;
    if in_time {
        assert_eq!(busy.get("/small").text(), "small");
    }
    silent.expect_end();
    in_time
}

#[test]
fn request_restarts_idle_timeout() {
    const TRIES: usize = 10;
    let server = Server::with(FILES, &["--idle-timeout", "2s"]);
    let asks = |_| asks_while_another_is_silent(&server, Duration::from_secs(2));
    assert!((0..TRIES).any(asks), "the test was never in time");
}

#[test]
pub(crate) fn empty_line_after_request_starts_no_header_timeout() {
    let server = Server::with(FILES, BOTH_SHORT);
    for half_closed in [false, true] {
        let mut client = server.connect();
        client.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n\r\n");
        assert_eq!(client.reply().text(), "small");
        if half_closed {
            client.finish();
        }
        client.expect_end();
    }
    assert_eq!(server.stop().log.lines().count(), 2);
}
