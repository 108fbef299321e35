//! Strictness where laxness would let a request be smuggled past somebody else's reading of it.
//!
//! Whatever could be understood in two ways is refused with one answer, nothing behind it is ever
//! answered, and the answer surely arrives: the connection ends in order even though the client
//! goes on sending.

mod ambiguous;
mod chunks;
mod fields;
mod lines;

use crate::harness::{Raw, Server};

/// What a lax server would answer after the refused request.
const SMUGGLED: &[u8] = b"GET /smuggled.txt HTTP/1.1\r\nHost: test\r\n\r\n";
/// How much more a client sends that does not look at answers: more than one socket takes unread.
const FLOOD_LEN: usize = 1024 * 1024;
/// Requests of up to this length are also sent byte by byte.
const BYTEWISE_LEN_MAX: usize = 300;

/// The beginning of a request that is fine up to there.
const GET: &[u8] = b"GET /hello.txt HTTP/1.1\r\nHost: test\r\n";

fn serve() -> Server {
    Server::serving(&[("hello.txt", b"hello"), ("smuggled.txt", b"smuggled")])
}

/// Asserts that a request is answered with this status and nothing else, in whatever pieces it
/// comes and whatever comes behind it.
fn assert_refused(server: &Server, request: &[u8], status: u16) {
    let about = request.get(..120).unwrap_or(request).escape_ascii().to_string();
    let mut whole = server.connect();
    whole.send([request, SMUGGLED].concat()).send(vec![b'x'; FLOOD_LEN]);
    assert_one_answer(&mut whole, status, &about);
    if request.len() <= BYTEWISE_LEN_MAX {
        let mut bytewise = server.connect();
        for byte in [request, SMUGGLED].concat() {
            bytewise.send([byte]);
        }
        assert_one_answer(&mut bytewise, status, &format!("{about}, byte by byte"));
    }
}

fn assert_one_answer(client: &mut Raw, status: u16, about: &str) {
    let reply = client.reply();
    assert_eq!(reply.status, status, "{about}: {}", reply.head);
    assert_eq!(reply.field("Connection"), Some("close"), "{about}");
    assert!(!reply.body.is_empty(), "{about}: an error says why");
    let rest = client.rest();
    assert!(rest.is_empty(), "{about}: a second answer: {}", rest.escape_ascii());
}

#[test]
pub(crate) fn requests_before_rejected_one_get_responses_first() {
    let server = serve();
    let mut client = server.connect();
    let good = [GET, b"\r\n"].concat();
    client.send([&good.repeat(20)[..], b"GET / HTTP/1.1\nHost: test\r\n\r\n", SMUGGLED].concat());
    client.send(vec![b'x'; FLOOD_LEN]);
    for _ in 0..20 {
        assert_eq!(client.reply().text(), "hello");
    }
    assert_one_answer(&mut client, 400, "after twenty good ones");
}

#[test]
pub(crate) fn head_truncated_by_client_gets_400() {
    let server = serve();
    for start in
        [&b"G"[..], b"GET /hello.txt HTTP/1.1", GET, b"\r\nGET /hello.txt HTTP/1.1\r\nHost: test\r\n\r"]
    {
        let mut client = server.connect();
        client.send(start).finish();
        assert_one_answer(&mut client, 400, &start.escape_ascii().to_string());
    }
}

#[test]
pub(crate) fn rejected_flooding_client_still_reads_response() {
    let server = serve();
    let mut clients: Vec<Raw> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("BAD\r\n\r\n");
    }
    for _ in 0..8 {
        for client in &mut clients {
            client.send(vec![b'x'; FLOOD_LEN / 8]);
        }
    }
    for client in &mut clients {
        assert_one_answer(client, 400, "after the flood");
    }
}
