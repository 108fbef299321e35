//! Deadlines in virtual time: hours go by in no time, and each deadline is kept to the tenth of a
//! second, neither sooner nor later.
//!
//! The server's default settings are what is promised: idle 60 s, head 10 s, stall 30 s, and a
//! least rate of 1 KiB/s.

use std::fs::File;
use std::time::Duration;

use reactor_http::client::connection::{FetchError, FetchPhase};
use reactor_http::net::CloseReason;
use reactor_http::reactor::Now;

use super::pair::{Alone, Ear, ServedDirectory, client};
use super::wire::{Pace, Pipe, Port};
use super::{answers, request};

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);
/// The answer to a POST that has been read to its end.
const METHOD_NOT_ALLOWED: u16 = 405;

fn small() -> ServedDirectory {
    ServedDirectory::with(&[("index.html", b"<p>hello")])
}

/// A server that is sending 16 MiB through a wire of 64 KiB.
fn sending() -> (ServedDirectory, Alone) {
    let directory = ServedDirectory::with(&[]);
    let file = File::create(directory.path().join("big.bin")).expect("a file");
    file.set_len(16 << 20).expect("a length");
    let mut server = Alone::new(&directory, 64 * 1024, Pace::Whole);
    server.send(request("/big.bin"));
    (directory, server)
}

fn status(server: &mut Alone) -> Vec<u16> {
    answers(&server.take_all()).iter().map(|(status, _)| *status).collect()
}

#[test]
pub(super) fn idle_connection_closes_after_60_s_without_response() {
    let directory = small();
    let mut server = Alone::new(&directory, 1000, Pace::Whole);
    server.pass(60 * SECOND - TENTH);
    assert_eq!(server.ended(), None);
    server.pass(TENTH);
    assert_eq!(server.ended(), Some(CloseReason::TimedOut("a request")));
    assert!(server.take_all().is_empty(), "there is nothing to answer");
}

#[test]
pub(super) fn idle_timeout_restarts_after_each_response() {
    let directory = small();
    let mut server = Alone::new(&directory, 1000, Pace::Whole);
    for _ in 0..100 {
        server.pass(59 * SECOND);
        assert_eq!(status(server.send(request("/"))), [200]);
    }
    server.pass(60 * SECOND - TENTH);
    assert_eq!(server.ended(), None);
    server.pass(TENTH);
    assert_eq!(server.ended(), Some(CloseReason::TimedOut("a request")));
}

#[test]
pub(super) fn dripped_head_gets_408_after_10_s_at_any_rate() {
    let directory = small();
    let head = format!("GET / HTTP/1.1\r\nHost: test\r\nX-Long: {}\r\n\r\n", "x".repeat(2000));
    for (first_after, answered_before) in [(0, 0), (50, 0), (0, 3), (50, 1)] {
        for drip_millis in [10, 100, 900, 3000, 9900] {
            let mut server = Alone::new(&directory, 1000, Pace::Whole);
            for _ in 0..answered_before {
                assert_eq!(status(server.send(request("/"))), [200]);
            }
            // The time of the head begins with its first byte, not with the connection.
            server.pass(first_after * SECOND);
            let drip = Duration::from_millis(drip_millis);
            let mut bytes = head.bytes();
            let mut passed = Duration::ZERO;
            while passed + drip < 10 * SECOND {
                server.send([bytes.next().expect("a head that is long enough")]);
                server.pass(drip);
                passed += drip;
                assert_eq!(status(&mut server), [0_u16; 0], "after {passed:?} of 10 s");
            }
            server.send([bytes.next().expect("one more byte")]);
            server.pass(10 * SECOND - passed);
            assert_eq!(status(&mut server), [408], "drips of {drip:?}");
            let message = "The request took too long to arrive.";
            assert_eq!(server.ended(), Some(CloseReason::Refused(message)));
        }
    }
}

#[test]
fn head_timeout_excludes_time_of_previous_response() {
    let directory = ServedDirectory::with(&[("index.html", &[b'x'; 10_000])]);
    let mut server = Alone::new(&directory, 1000, Pace::Whole);
    server.send(request("/") + "GET / HTTP/1.1\r\n").pass(20 * SECOND);
    assert_eq!(status(&mut server), [200]);
    server.pass(10 * SECOND - TENTH);
    assert_eq!(status(server.send("Host: test\r\n\r\n")), [200]);
    assert_eq!(server.ended(), None);
}

#[test]
pub(super) fn stalled_body_gets_408_after_30_s() {
    let directory = small();
    for body in ["", "x", "xxxxxxxxxx"] {
        let mut server = Alone::new(&directory, 1000, Pace::Whole);
        server.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n").send(body);
        server.pass(30 * SECOND - TENTH);
        assert_eq!(server.ended(), None);
        server.pass(TENTH);
        assert_eq!(status(&mut server), [408]);
        assert!(matches!(server.ended(), Some(CloseReason::Refused(_))), "{:?}", server.ended());
    }
}

#[test]
pub(super) fn body_below_min_rate_gets_408_above_it_is_read() {
    const LEN: usize = 1024 * 1024;
    let directory = small();
    let head = format!("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: {LEN}\r\n\r\n");
    // Bytes in a piece, seconds between pieces, what comes of it.
    let cases = [
        (1, 1, 408),
        (1, 29, 408),
        (900, 1, 408),
        (20_000, 25, 408),
        (2048, 1, METHOD_NOT_ALLOWED),
        (55_000, 27, METHOD_NOT_ALLOWED),
    ];
    for (len, secs, expected) in cases {
        let mut server = Alone::new(&directory, 1000, Pace::Whole);
        server.send(&head);
        let mut left = LEN;
        while left > 0 && server.ended().is_none() {
            server.pass(secs * SECOND).send(vec![b'x'; len.min(left)]);
            left -= len.min(left);
        }
        assert_eq!(status(&mut server), [expected], "{len} bytes each {secs} s");
        assert_eq!(server.ended().is_some(), expected == 408, "{len} bytes each {secs} s");
    }
}

#[test]
pub(super) fn peer_reading_nothing_times_out_after_30_s() {
    let (_shelf, mut server) = sending();
    // What the wire has taken counts as taken by the peer, when it is first looked at.
    server.pass(SECOND).pass(30 * SECOND - TENTH);
    assert_eq!(server.ended(), None);
    server.pass(TENTH);
    let given_up = Some(CloseReason::TimedOut("the peer to receive the response"));
    assert_eq!(server.ended(), given_up);

    let directory = ServedDirectory::with(&[("index.html", &[b'x'; 100_000])]);
    let mut server = Alone::new(&directory, 0, Pace::Whole);
    server.send(request("/")).pass(30 * SECOND - TENTH);
    assert_eq!(server.ended(), None);
    server.pass(TENTH);
    assert_eq!(server.ended(), given_up);
}

#[test]
pub(super) fn slow_peer_above_min_rate_is_served_for_an_hour() {
    // Steady, in lumps as a kernel's buffers make them, and in one that is as large as the wire.
    for (len, secs) in [(2048, 1), (20_480, 10), (57_344, 28)] {
        let (_shelf, mut server) = sending();
        for _ in 0..3600 / secs {
            server.pass(secs * SECOND);
            assert_eq!(server.ended(), None, "{len} bytes each {secs} s");
            assert_eq!(server.take(len).len(), len);
        }
    }
}

#[test]
pub(super) fn peer_below_min_rate_times_out_within_15_minutes() {
    for (len, secs) in [(1, 1), (1, 29), (100, 1), (10_000, 20)] {
        let (_shelf, mut server) = sending();
        let mut passed = 0;
        while server.ended().is_none() && passed < 3600 {
            server.pass(secs * SECOND);
            server.take(len);
            passed += secs;
        }
        assert!(passed < 900, "{len} bytes each {secs} s: it was served for {passed} s");
    }
}

#[test]
fn fast_start_then_stall_still_times_out() {
    let (_shelf, mut server) = sending();
    for _ in 0..128 {
        assert_eq!(server.take(64 * 1024).len(), 64 * 1024);
    }
    server.pass(SECOND).pass(30 * SECOND);
    assert_eq!(server.ended(), None, "it may pause");
    server.pass(90 * SECOND - TENTH);
    assert_eq!(server.ended(), None);
    server.pass(TENTH);
    assert_eq!(server.ended(), Some(CloseReason::TimedOut("the peer to receive the response")));
}

#[test]
fn paused_reader_may_resume_within_two_minutes() {
    let (_shelf, mut server) = sending();
    for _ in 0..70 {
        assert_eq!(server.take(64 * 1024).len(), 64 * 1024);
    }
    for _ in 0..10 {
        server.pass(119 * SECOND);
        assert_eq!(server.ended(), None);
        // As much as earns two minutes at the least rate.
        for _ in 0..2 {
            assert_eq!(server.take(64 * 1024).len(), 64 * 1024);
        }
        server.pass(SECOND);
    }
}

#[test]
pub(super) fn idle_connection_closes_at_once_on_shutdown() {
    let directory = small();
    for answered in [0, 1] {
        let mut server = Alone::new(&directory, 1000, Pace::Whole);
        for _ in 0..answered {
            assert_eq!(status(server.send(request("/"))), [200]);
        }
        server.drain();
        assert_eq!(server.ended(), Some(CloseReason::Shutdown), "after {answered} answers");
    }
}

#[test]
fn started_request_gets_response_and_close_on_shutdown() {
    let directory = small();
    let whole = request("/");
    for sent_len in 1..whole.len() {
        let mut server = Alone::new(&directory, 1000, Pace::Whole);
        server.send(&whole[..sent_len]).drain();
        assert_eq!(server.ended(), None, "a request has begun");
        // The second request is one too many.
        server.send(&whole[sent_len..]).send(&whole);
        let text = String::from_utf8(server.take_all()).expect("text");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
        assert_eq!(answers(text.as_bytes()).len(), 1, "{text}");
        assert_eq!(server.ended(), Some(CloseReason::Shutdown));
    }
}

#[test]
pub(super) fn file_in_flight_at_shutdown_completes() {
    let (_shelf, mut server) = sending();
    let mut bytes = server.take(10_000);
    server.drain();
    assert_eq!(server.ended(), None);
    bytes.extend(server.take_all());
    assert_eq!(answers(&bytes)[0].1.len(), 16 << 20);
    assert_eq!(server.ended(), Some(CloseReason::Shutdown));
}

#[test]
fn fetch_past_deadline_fails_with_timed_out() {
    let now = Now::read();
    let mut waiting = client(Ear::asking(request("/")), now, 5 * SECOND);
    let (mut incoming, mut outgoing, mut pace) = (Pipe::new(0), Pipe::new(1000), Pace::Whole);
    let mut run_tick = |after| {
        let mut port = Port { incoming: &mut incoming, outgoing: &mut outgoing, pace: &mut pace };
        waiting.turn(&mut port, now.after(after));
        (waiting.protocol().phase(), waiting.context.outcome, waiting.ended)
    };
    assert_eq!(run_tick(Duration::ZERO), (FetchPhase::ReadingResponse, None, None));
    assert_eq!(run_tick(5 * SECOND - TENTH), (FetchPhase::ReadingResponse, None, None));
    let over = Some(Err(FetchError::TimedOut));
    let ended = Some(CloseReason::TimedOut("the response"));
    assert_eq!(run_tick(5 * SECOND), (FetchPhase::Closing, over, ended));
}

/// A connection that is made at the very moment at which its time is over: the states on the way.
pub(crate) fn an_attempt_that_is_overdue() -> (FetchPhase, FetchPhase) {
    let now = Now::read();
    let mut late = client(Ear::asking(request("/")), now, SECOND);
    let from = late.protocol().phase();
    let (mut incoming, mut outgoing, mut pace) = (Pipe::new(0), Pipe::new(1000), Pace::Whole);
    let mut port = Port { incoming: &mut incoming, outgoing: &mut outgoing, pace: &mut pace };
    late.turn(&mut port, now.after(SECOND));
    assert_eq!(late.context.outcome, Some(Err(FetchError::TimedOut)));
    assert!(outgoing.take(1000).is_empty(), "the request is never sent");
    (from, late.protocol().phase())
}
