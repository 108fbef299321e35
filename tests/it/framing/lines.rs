//! Request lines that are none, and bytes that were never meant for an HTTP server.
//!
//! Each is refused as soon as its bytes show what it is, and with a word on what to do instead.

use super::{assert_refused, serve};

#[test]
fn malformed_request_line_gets_400() {
    let server = serve();
    for line in [
        " GET /hello.txt HTTP/1.1",
        "\tGET /hello.txt HTTP/1.1",
        "GET  /hello.txt HTTP/1.1",
        "GET /hello.txt  HTTP/1.1",
        "GET /hello.txt HTTP/1.1 ",
        "GET /hello.txt HTTP/1.1 x",
        "GET\t/hello.txt HTTP/1.1",
        "GET /hello.txt\tHTTP/1.1",
        "GET /hello.txt",
        "GET",
        "GET /hello.txt ",
        "GET HTTP/1.1",
        "GET /hello .txt HTTP/1.1",
        "G\u{e9}T /hello.txt HTTP/1.1",
        "GET: /hello.txt HTTP/1.1",
        "G(T /hello.txt HTTP/1.1",
        "GET /hello.txt http/1.1",
        "GET /hello.txt HTTP/1",
        "GET /hello.txt HTTP/1.10",
        "GET /hello.txt HTTP/11",
        "GET /hello.txt HTTP/1.x",
        "GET /hello.txt HTTP/+1.1",
        "GET /hello.txt HTTP 1.1",
        "GET /hello.txt XTTP/1.1",
        "\u{feff}GET /hello.txt HTTP/1.1",
    ] {
        assert_refused(&server, format!("{line}\r\nHost: test\r\n\r\n").as_bytes(), 400);
    }
}

#[test]
fn target_form_wrong_for_method_gets_400() {
    let server = serve();
    for line in [
        "GET hello.txt",
        "GET *",
        "GET ?x",
        "GET test:80",
        "GET ftp://test/hello.txt",
        "GET http:/hello.txt",
        "GET http:///hello.txt",
        "GET http://user@test/hello.txt",
        "GET http://a b/hello.txt",
        "GET http://test:port/hello.txt",
        "GET http://test:99999/hello.txt",
        "GET http://user:password@test/hello.txt",
        "GET http://user@test:80/hello.txt",
        "CONNECT test:65536",
        "GET /hello.txt#fragment",
        "OPTIONS **",
        "CONNECT /hello.txt",
        "CONNECT test",
        "CONNECT http://test:80/",
    ] {
        assert_refused(&server, format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes(), 400);
    }
}

#[test]
fn control_byte_in_request_line_gets_400() {
    let server = serve();
    for byte in (0..0x20).chain([0x7f]) {
        for (before, after) in [("GET /hel", "lo.txt HTTP/1.1"), ("G", "ET /hello.txt HTTP/1.1")] {
            let request = [before.as_bytes(), &[byte], after.as_bytes(), b"\r\nHost: test\r\n\r\n"].concat();
            assert_refused(&server, &request, 400);
        }
    }
}

#[test]
fn request_line_without_crlf_gets_400() {
    let server = serve();
    for request in [
        &b"GET /hello.txt HTTP/1.1\nHost: test\r\n\r\n"[..],
        b"GET /hello.txt HTTP/1.1\nHost: test\n\n",
        b"GET /hello.txt HTTP/1.1\rHost: test\r\n\r\n",
        b"GET /hello.txt HTTP/1.1\r\r\nHost: test\r\n\r\n",
        b"GET /hello.txt HTTP/1.1\r\n\rHost: test\r\n\r\n",
        b"\nGET /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\rGET /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\r\n\nGET /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\r\n GET /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\nGET /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n",
    ] {
        assert_refused(&server, request, 400);
    }
}

#[test]
fn too_long_target_or_head_is_rejected_before_its_end() {
    let server = serve();
    let target = [b"GET /", "a".repeat(10_000).as_bytes()].concat();
    let field = [b"GET / HTTP/1.1\r\nHost: test\r\nX: ", "a".repeat(17_000).as_bytes()].concat();
    let fields = [b"GET / HTTP/1.1\r\nHost: test\r\n", "X: y\r\n".repeat(3000).as_bytes()].concat();
    for (request, status) in [(target, 414), (field, 431), (fields, 431)] {
        assert_refused(&server, &request, status);
        // Without anything behind it: the answer is not waiting for the end of the head.
        let mut client = server.connect();
        assert_eq!(client.send(&request).reply().status, status);
        client.expect_end();
    }
}

#[test]
fn other_protocols_are_rejected_tls_reject_names_http() {
    let server = serve();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xd5\x8a\n\r\n\r\nGET / HTTP/1.1\r\n";
    for (request, status) in [
        (&tls[..], 400),
        (b"\x80\x2e\x01\x00\x02", 400),
        (b"SSH-2.0-OpenSSH_9.9\r\n", 400),
        (b"EHLO test\r\n", 400),
        (b"{\"jsonrpc\": \"2.0\"}\r\n", 400),
        (b"\0\0\0\0", 400),
        (b"\xff\xfe", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
    ] {
        assert_refused(&server, request, status);
    }
    let reply = server.connect().send(tls).reply();
    assert!(reply.text().contains("http:// instead of https://"), "{}", reply.text());
}
