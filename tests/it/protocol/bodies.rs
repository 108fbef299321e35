//! Bodies that nobody asked for: read and dropped, or refused in good order; and `Expect`.
//!
//! The next request begins where the body ends, so what a body says is never taken for a request.

use super::{ask, assert_usable};
use crate::harness::{Raw, Server};

/// Up to this length a body is read, so that the connection can be used again.
const DISCARDED_LEN_MAX: usize = 1024 * 1024;

fn serve() -> Server {
    Server::serving(&[("hello.txt", b"hello"), ("secret.txt", b"smuggled")])
}

fn head(method: &str, fields: &str) -> String {
    format!("{method} /hello.txt HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n")
}

/// One chunk of so many bytes, without the last chunk.
fn chunk(len: usize) -> String {
    format!("{len:x}\r\n{}\r\n", "x".repeat(len))
}

/// Framings of small and large bodies that are fine: (what, fields, body).
fn bodies() -> Vec<(&'static str, String, String)> {
    let sized = |body: &str| (format!("Content-Length: {}", body.len()), body.to_owned());
    let smuggled = "GET /secret.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    let (hello_length, hello) = sized("hello");
    let (smuggled_length, smuggled_body) = sized(smuggled);
    let (whole_length, whole) = sized(&"x".repeat(DISCARDED_LEN_MAX));
    let chunked = || "Transfer-Encoding: chunked".to_owned();
    let smuggled_chunk = format!("{:X}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    vec![
        ("nothing", "Content-Length: 0".to_owned(), String::new()),
        ("a length", hello_length, hello),
        ("a length with zeros", "content-length:\t005 ".to_owned(), "hello".to_owned()),
        ("a request in a length", smuggled_length, smuggled_body),
        ("the longest there may be", whole_length, whole),
        ("no chunk", chunked(), "0\r\n\r\n".to_owned()),
        (
            "chunks",
            "transfer-encoding: Chunked".to_owned(),
            "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n".to_owned(),
        ),
        ("extensions and trailers", chunked(), "1;a=\"b\" ;c\r\nx\r\n000;z\r\nA: b\r\nC:\r\n\r\n".to_owned()),
        ("a request in a chunk", chunked(), smuggled_chunk),
        ("many chunks", chunked(), chunk(1000).repeat(1000) + "0\r\n\r\n"),
    ]
}

#[test]
fn unused_body_is_discarded_and_connection_kept() {
    let server = serve();
    for (what, fields, body) in bodies() {
        let mut client = server.connect();
        for (method, status) in [("GET", 200), ("POST", 405), ("BREW", 501), ("OPTIONS", 204)] {
            client.send(head(method, &fields)).send(&body);
            let reply = client.reply();
            assert_eq!((reply.status, reply.field("Connection")), (status, None), "{method} with {what}");
            assert_usable(&mut client, what);
        }
        client.send(head("HEAD", &fields) + &body);
        assert_eq!(client.reply_to_head().status, 200, "HEAD with {what}");
        client.finish().expect_end();
    }
}

#[test]
fn request_after_body_in_same_write_is_served() {
    let server = serve();
    for (what, fields, body) in bodies() {
        let mut client = server.connect();
        client.send((head("GET", &fields) + &body).repeat(2) + &head("GET", "X: y"));
        for _ in 0..3 {
            assert_eq!(client.reply().text(), "hello", "{what}");
        }
        client.finish().expect_end();
    }
}

#[test]
fn body_byte_by_byte_is_discarded() {
    let server = serve();
    for (what, fields, body) in bodies().into_iter().filter(|(_, _, body)| body.len() < 1000) {
        let mut client = server.connect();
        client.send(head("GET", &fields));
        for byte in body.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.reply().text(), "hello", "{what}");
        assert_usable(&mut client, what);
    }
}

/// Sends what a careless client sends on without looking at answers. A refusal must not break it.
fn send_on(client: &mut Raw, piece: &str) {
    for _ in 0..64 {
        client.send(piece);
    }
}

#[test]
fn too_large_body_gets_413_and_orderly_close() {
    let server = serve();
    let piece = "x".repeat(64 * 1024);
    for len in [(DISCARDED_LEN_MAX + 1) as u64, 1 << 40, u64::MAX] {
        for (method, status) in [("GET", 413), ("POST", 405), ("BREW", 501)] {
            let mut client = server.connect();
            client.send(head(method, &format!("Content-Length: {len}")));
            send_on(&mut client, &piece);
            let reply = client.reply();
            let expected = (status, Some("close"));
            assert_eq!((reply.status, reply.field("Connection")), expected, "{method} {len}");
            client.expect_end();
        }
    }
}

#[test]
fn too_large_chunked_body_gets_413_and_orderly_close() {
    let server = serve();
    let tiny = chunk(1).repeat(10_000);
    let extended = format!("1;{}\r\nx\r\n", "e".repeat(250)).repeat(256);
    for piece in [chunk(64 * 1024), tiny, extended] {
        let mut client = server.connect();
        client.send(head("GET", "Transfer-Encoding: chunked"));
        send_on(&mut client, &piece);
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("Connection")), (413, Some("close")));
        client.expect_end();
    }
}

#[test]
fn truncated_body_gets_400() {
    let server = serve();
    for (fields, start) in [
        ("Content-Length: 5", ""),
        ("Content-Length: 5", "hell"),
        ("Transfer-Encoding: chunked", ""),
        ("Transfer-Encoding: chunked", "5\r\nhe"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nA: b\r\n"),
    ] {
        let mut client = server.connect();
        client.send(head("GET", fields) + start).finish();
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("Connection")), (400, Some("close")), "{fields} {start:?}");
        client.expect_end();
    }
}

#[test]
fn expect_100_continue_gets_100_then_200() {
    let server = serve();
    let mut client = server.connect();
    for (fields, body) in [
        ("Content-Length: 5\r\nExpect: 100-continue", "hello"),
        ("Transfer-Encoding: chunked\r\nexpect:100-Continue", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        client.send(head("GET", fields));
        assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n", "{fields}");
        let reply = client.send(body).reply();
        assert_eq!((reply.status, reply.text()), (200, "hello"), "{fields}");
        assert_usable(&mut client, fields);
    }
}

#[test]
fn pipelined_responses_come_before_100_continue() {
    let server = serve();
    let mut client = server.connect();
    client.send(head("GET", "X: y") + &head("GET", "Content-Length: 2\r\nExpect: 100-continue"));
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    assert_eq!(client.send("ab").reply().text(), "hello");
}

#[test]
fn expect_100_continue_without_use_for_body_gets_no_100() {
    let server = serve();
    let too_large = format!("{}", DISCARDED_LEN_MAX + 1);
    for (line, len, status) in [
        ("POST /hello.txt", "5", 405),
        ("PUT /new", "5", 403),
        ("BREW /", "5", 501),
        ("GET /missing", "5", 404),
        ("GET /hello.txt", too_large.as_str(), 413),
        ("POST /hello.txt", too_large.as_str(), 405),
    ] {
        for body in ["", "GET /secret.txt HTTP/1.1\r\nHost: test\r\n\r\n"] {
            let mut client = server.connect();
            let fields = format!("Host: test\r\nContent-Length: {len}\r\nExpect: 100-continue");
            client.send(format!("{line} HTTP/1.1\r\n{fields}\r\n\r\n{body}"));
            let reply = client.reply();
            // Whether the body comes or not, nobody can tell where the next request would begin.
            assert_eq!((reply.status, reply.field("Connection")), (status, Some("close")), "{line}");
            client.expect_end();
        }
    }
}

#[test]
fn no_100_continue_without_body_or_for_http10() {
    let server = serve();
    let mut client = server.connect();
    for fields in ["Expect: 100-continue", "Expect: 100-continue\r\nContent-Length: 0"] {
        let reply = ask(&mut client, head("GET", fields).trim_end());
        assert_eq!((reply.status, reply.text()), (200, "hello"), "{fields}");
    }
    client.send("GET /hello.txt HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab");
    assert_eq!(client.reply().text(), "hello");
    client.expect_end();
}
