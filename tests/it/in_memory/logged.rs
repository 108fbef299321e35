//! What the log tells of time, where time can be made to pass, and what is in it after a panic.
//!
//! The protocol is driven by hand, a second a turn; nothing here waits, and the wall clock of the
//! protocol that runs this may jump as it likes.

use std::fs;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use reactor_http::access_log::{AccessLog, LogDestination, LogFormat, LogStyle};
use reactor_http::files::{ContentSource, RACY_WINDOW, Root};
use reactor_http::http::HEAD_LEN_MAX;
use reactor_http::net::{Io, Pool, Protocol, RecvBuf, SendQueue, Want};
use reactor_http::reactor::Now;
use reactor_http::server::{HttpServerProtocol, ServerConfig, WorkerState};
use serde_json::Value;

use super::pair::ServedDirectory;

/// So much text takes several turns to be compressed.
const TEXT_LEN: usize = 400_000;

#[test]
fn log_duration_of_compressed_response_starts_at_arrival() {
    let text = b"the same again, ".repeat(TEXT_LEN / 16);
    let directory = ServedDirectory::with(&[("a.txt", &text)]);
    let path = directory.path().join("log.json");
    let style = LogStyle { format: LogFormat::Json, ..LogStyle::default() };
    let log = AccessLog::open_styled(&LogDestination::File(path.clone()), style).expect("a log");
    let store = ContentSource::disk(Root::open(directory.path()).expect("a root"));
    let came = Now::read().after(10 * RACY_WINDOW);
    let mut context = WorkerState::new(ServerConfig::default(), store, log, came);
    let mut protocol =
        HttpServerProtocol::new(([127, 0, 0, 1], 4000).into(), 0, Duration::from_secs(60), came);
    let (mut recv_buf, mut send_queue, mut pool) =
        (RecvBuf::default(), SendQueue::default(), Pool::new(HEAD_LEN_MAX, None));
    let request = b"GET /a.txt HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n";
    recv_buf.spare_capacity(&mut pool)[..request.len()].copy_from_slice(request);
    recv_buf.commit(request.len());
    let mut ticks = 0;
    while protocol.advance(&mut Io {
        recv_buf: &mut recv_buf,
        send_queue: &mut send_queue,
        shared: &mut context,
        now: came.after(Duration::from_secs(ticks)),
    }) == Want::Tick
    {
        ticks += 1;
    }
    assert!((3..60).contains(&ticks), "{ticks} turns");
    let gone = came.after(Duration::from_secs(ticks));
    protocol.closed(reactor_http::net::CloseReason::PeerClosed, &send_queue, &mut context, gone);
    drop(context);
    let log = fs::read_to_string(path).expect("the log");
    let record: Value = serde_json::from_str(&log).expect("one object");
    assert!(record["duration_us"].as_u64() >= Some(ticks * 1_000_000), "{record} after {ticks} s");
}

/// Answers one request, and panics before the log has been written.
fn answer_and_panic(directory: &ServedDirectory, log: &LogDestination) {
    let log = AccessLog::open_styled(log, LogStyle::default()).expect("a log");
    let store = ContentSource::disk(Root::open(directory.path()).expect("a root"));
    let now = Now::read();
    let mut context = WorkerState::new(ServerConfig::default(), store, log, now);
    let mut protocol =
        HttpServerProtocol::new(([127, 0, 0, 1], 4000).into(), 0, Duration::from_secs(60), now);
    let (mut recv_buf, mut send_queue, mut pool) =
        (RecvBuf::default(), SendQueue::default(), Pool::new(HEAD_LEN_MAX, None));
    let request = b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    recv_buf.spare_capacity(&mut pool)[..request.len()].copy_from_slice(request);
    recv_buf.commit(request.len());
    protocol.advance(&mut Io {
        recv_buf: &mut recv_buf,
        send_queue: &mut send_queue,
        shared: &mut context,
        now,
    });
    protocol.closed(reactor_http::net::CloseReason::PeerClosed, &send_queue, &mut context, now);
    resume_unwind(Box::new("on purpose"));
}

#[test]
fn panic_before_log_flush_still_writes_the_record() {
    let directory = ServedDirectory::with(&[("a.txt", b"text")]);
    let path = directory.path().join("access.log");
    let log = LogDestination::File(path.clone());
    let outcome = thread::scope(|scope| scope.spawn(|| answer_and_panic(&directory, &log)).join());
    assert!(outcome.is_err(), "it has panicked");
    let log = fs::read_to_string(path).expect("the log");
    assert!(log.contains("\"GET /a.txt HTTP/1.1\" 200 "), "{log:?}");
    // Tests always unwind; so does what is delivered, or all this would not be so.
    let manifest = include_str!("../../../Cargo.toml");
    assert!(!manifest.lines().any(|line| line.starts_with("panic")), "a profile that does not unwind");
}
