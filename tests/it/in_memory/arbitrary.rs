//! Whatever comes, the server's protocol takes it calmly: it never panics, its recv_buf never fills up
//! with what it does not understand, and every wait has an end.
//!
//! Noise finds little, so half of what is made here are pieces of real requests in a wrong order.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use reactor_http::reactor::Now;

use super::pair::{Alone, ServedDirectory};
use super::wire::Pace;

/// More than all the deadlines that one connection can go through in a row.
pub(super) const AN_AGE: Duration = Duration::from_secs(3600);

const PIECES: [&str; 24] = [
    "GET / HTTP/1.1\r\n",
    "GET /index.html HTTP/1.0\r\n",
    "HEAD /nothing HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "BREW /%2e%2e/pot HTTP/1.1\r\n",
    "GET http://test/ HTTP/1.1\r\n",
    "GET / HTTP/2.0\r\n",
    "Host: test\r\n",
    "Host : test\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n",
    "\n",
    "hello",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "+5;x=\"\r\n",
    " folded\r\n",
    "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => (0..PIECES.len()).prop_map(|i| PIECES[i].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0..2000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..400), vec(prop::sample::select(&b"GET /: \r\n10aHost;"[..]), 0..400)]
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// All that is answered to these bytes when they come in pieces of this length.
fn conversation(directory: &ServedDirectory, now: Now, bytes: &[u8], pace: Pace) -> Vec<u8> {
    let mut server = Alone::at(now, directory, usize::MAX, pace);
    server.send(bytes).finish();
    let response = server.take_all();
    assert!(server.ended().is_some(), "all has come and all has been taken, so it is over");
    response
}

#[test]
pub(super) fn arbitrary_input_connection_ends_by_a_deadline() {
    let directory = ServedDirectory::with(&[("index.html", b"<p>hello")]);
    let script = prop_oneof![3 => pieces(), 1 => noise()];
    proptest!(config(400), |(bytes in script, most in 1..500_usize)| {
        let mut server = Alone::new(&directory, usize::MAX, Pace::AtMost(most));
        for part in bytes.chunks(most) {
            server.send(part);
        }
        server.pass(AN_AGE);
        prop_assert!(server.ended().is_some(), "it waits for ever");
    });
}

#[test]
fn arbitrary_input_any_chunking_same_responses() {
    let directory = ServedDirectory::with(&[("index.html", b"<p>hello")]);
    let now = Now::read();
    proptest!(config(400), |(bytes in pieces(), most in 2..300_usize)| {
        let whole = conversation(&directory, now, &bytes, Pace::Whole);
        for pace in [Pace::AtMost(1), Pace::AtMost(most)] {
            let response = conversation(&directory, now, &bytes, pace);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            prop_assert_eq!(text(&whole), text(&response), "{:?}", pace);
        }
    });
}

#[test]
fn rejected_line_before_head_request_keeps_error_body() {
    let directory = ServedDirectory::with(&[]);
    let now = Now::read();
    for script in ["\nHEAD / HTTP/1.1\r\nHost: test\r\n\r\n", "x\nHEAD / HTTP/1.1\r\n\r\n"] {
        let whole = conversation(&directory, now, script.as_bytes(), Pace::Whole);
        assert!(whole.starts_with(b"HTTP/1.1 400 ") && !whole.ends_with(b"\r\n\r\n"), "{script:?}");
        assert_eq!(whole, conversation(&directory, now, script.as_bytes(), Pace::AtMost(1)), "{script:?}");
    }
}

#[test]
fn unterminated_head_is_rejected_before_recv_buf_is_full() {
    let directory = ServedDirectory::with(&[]);
    let heads = [
        ("GET /", "x", 414),
        ("GET / HTTP/1.1\r\nHost: test\r\nX: ", "x", 431),
        ("GET / HTTP/1.1\r\nHost: test\r\n", "X: y\r\n", 431),
        ("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", 400),
        ("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", 431),
    ];
    for (start, more, status) in heads {
        for most in [1, 1000, usize::MAX] {
            let mut server = Alone::new(&directory, usize::MAX, Pace::AtMost(most));
            server.send(start);
            for _ in 0..40 {
                server.send(more.repeat(1000 / more.len()));
            }
            let response = String::from_utf8(server.take_all()).expect("text");
            let expected = format!("HTTP/1.1 {status} ");
            assert!(response.starts_with(&expected), "{start:?} in pieces of {most}: {response}");
            assert!(server.ended().is_some(), "{start:?} in pieces of {most}");
        }
    }
}
