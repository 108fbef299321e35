//! What the server says to well-behaved clients, over raw sockets and with the real binary.
//!
//! The requests here are fine, or wrong in a way that leaves no doubt about where they end; what
//! could be understood in two ways is in `framing`, and what names a file is in `paths`.

mod bodies;
mod errors;
mod persistence;
mod responses;

use crate::harness::{Raw, Reply};

/// What browsers send as Accept.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Sends a request line and fields, ended properly, and reads the answer.
fn ask(client: &mut Raw, head: &str) -> Reply {
    client.send(head).send("\r\n\r\n");
    if head.starts_with("HEAD ") { client.reply_to_head() } else { client.reply() }
}

/// Asserts that the connection still carries requests.
fn assert_usable(client: &mut Raw, why: &str) {
    let reply = client.get("/hello.txt");
    assert_eq!((reply.status, reply.text()), (200, "hello"), "{why}");
}
