//! Servers without an end: the client and the load generator stop at a bound, and say which.
//!
//! The address space of each client is limited, so that a buffer that grows without a bound ends it by a signal.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use crate::harness::{Client, Screen};

/// What such a server sends at most, so that a client without a bound ends the test too.
const SENT_MAX: usize = 64 << 20;
/// In KiB; a client takes a tenth of it.
const ADDRESS_SPACE_KIB: &str = "300000";

/// What is sent first, what is sent again and again, and what the client says in the end.
const ENDLESS: [(&str, &str, &str); 9] = [
    ("HTTP/1.1 200 OK\r\n", "X-A: b\r\n", "the response head is longer than 256 KiB"),
    ("HTTP/1.1 200 ", "O", "the response head is longer than 256 KiB"),
    ("HTTP/1.1 200 OK\r\nX: a", "y", "the response head is longer than 256 KiB"),
    ("HTTP/1.1 200 OK\r\nX: a\r\n", " folded\r\n", "the response head is longer than 256 KiB"),
    ("", "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", "too many interim responses"),
    ("", "\r\n", "is not HTTP"),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        "x",
        "chunk-size line is longer than 256 bytes",
    ),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0", "has more than 16 digits"),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "X: y\r\n",
        "trailer fields are longer than 4 KiB",
    ),
];

/// A server that sends to each client until that closes the connection.
fn serve_endlessly(first: &'static str, again: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = client.read(&mut [0; 4096]);
            let piece = again.repeat(8192 / again.len());
            let mut is_open = client.write_all(first.as_bytes()).is_ok();
            let mut sent = 0;
            while is_open && sent < SENT_MAX {
                is_open = client.write_all(piece.as_bytes()).is_ok();
                sent += piece.len();
            }
        }
    });
    format!("http://127.0.0.1:{port}/")
}

fn start(args: &[&str]) -> Client {
    Client::start(args, Screen::None, |command| {
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$@\""), "sh"]);
        limited.arg(command.get_program()).args(command.get_args());
        limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        *command = limited;
    })
}

#[test]
fn endless_response_ends_client_at_a_bound_with_words() {
    for (first, again, words) in ENDLESS {
        let url = serve_endlessly(first, again);
        let outcome = start(&[&url]).finish().expect(56);
        assert!(outcome.complaint().contains(words), "{first:?} {again:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{first:?} {again:?}");
    }
}

#[test]
fn endless_response_counts_as_failed_request_of_load() {
    for (first, again, _) in ENDLESS {
        let url = serve_endlessly(first, again);
        let outcome = start(&["-n", "3", "-c", "1", "-s", &url]).finish().expect(1);
        assert!(outcome.text().contains("(3 failed,"), "{first:?} {again:?}: {}", outcome.text());
    }
}
