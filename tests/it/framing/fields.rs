//! Fields that say where a body ends, or whom a request is for, in more than one way.
//!
//! Each row is the lines behind a good beginning, and the status that refuses them.

use super::{GET, assert_refused, serve};

/// Refuses each of these field lines behind a GET that is fine so far.
fn assert_all_refused(rows: &[(&[u8], u16)]) {
    let server = serve();
    for (lines, status) in rows {
        assert_refused(&server, &[GET, lines, b"\r\n\r\n"].concat(), *status);
    }
}

#[test]
fn invalid_content_length_gets_400() {
    assert_all_refused(&[
        (b"Content-Length: 5\r\nContent-Length: 6", 400),
        (b"Content-Length: 5\r\nContent-Length: 5", 400),
        (b"Content-Length: 0\r\nContent-Length: 0", 400),
        (b"Content-Length: 0\r\nX: y\r\ncontent-length: 44", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: 5, 6", 400),
        (b"Content-Length: 5,", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: -0", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: ", 400),
        (b"Content-Length:", 400),
        (b"Content-Length: 18446744073709551616", 400),
        (b"Content-Length: 99999999999999999999999999", 400),
        (b"Content-Length: 0x5", 400),
        (b"Content-Length: 5 5", 400),
        (b"Content-Length: 5;", 400),
        (b"Content-Length: 5.0", 400),
        (b"Content-Length: 1e1", 400),
        (b"Content-Length: 1_0", 400),
        (b"Content-Length: \"5\"", 400),
        (b"Content-Length: five", 400),
        (b"Content-Length: \xd9\xa5", 400),
    ]);
}

#[test]
fn content_length_with_transfer_encoding_gets_400() {
    assert_all_refused(&[
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: gzip\r\nContent-Length: 5", 400),
        (b"Transfer-Encoding: identity\r\nContent-Length: 5", 400),
        (b"Transfer-Encoding:\r\nContent-Length: 5", 400),
        (b"transfer-encoding: chunked\r\nX: y\r\nCONTENT-LENGTH: x", 400),
    ]);
}

#[test]
fn transfer_encoding_other_than_chunked_gets_400_or_501() {
    assert_all_refused(&[
        (b"Transfer-Encoding: chunked, chunked", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked, identity", 400),
        (b"Transfer-Encoding: chunked, gzip", 400),
        (b"Transfer-Encoding: chunked,", 400),
        (b"Transfer-Encoding: , chunked", 400),
        (b"Transfer-Encoding:", 400),
        (b"Transfer-Encoding: ,", 400),
        (b"Transfer-Encoding: \"chunked\"", 400),
        (b"Transfer-Encoding: chunked;q=1", 400),
        (b"Transfer-Encoding: chunked\x0b", 400),
        (b"Transfer-Encoding: \0chunked", 400),
        (b"Transfer-Encoding: xchunked", 501),
        (b"Transfer-Encoding: chunkedx", 501),
        (b"Transfer-Encoding: gzip", 501),
        (b"Transfer-Encoding: identity", 501),
        (b"Transfer-Encoding: gzip, chunked", 501),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
    ]);
}

#[test]
fn http10_with_transfer_encoding_gets_400() {
    let server = serve();
    for fields in ["Transfer-Encoding: chunked", "Connection: keep-alive\r\nTransfer-Encoding: chunked"] {
        let request = format!("GET /hello.txt HTTP/1.0\r\n{fields}\r\n\r\n0\r\n\r\n");
        assert_refused(&server, request.as_bytes(), 400);
    }
}

#[test]
fn malformed_field_line_gets_400() {
    assert_all_refused(&[
        (b"X : y", 400),
        (b"X\t: y", 400),
        (b"Content-Length : 5", 400),
        (b"Transfer-Encoding : chunked", 400),
        (b" X: y", 400),
        (b"\tX: y", 400),
        (b"X: y\r\n z", 400),
        (b"X: y\r\n\tz", 400),
        (b"X: y\r\n ", 400),
        (b"Transfer-Encoding:\r\n chunked", 400),
        (b"X", 400),
        (b"X y", 400),
        (b": y", 400),
        (b"X Y: z", 400),
        (b"X(Y): z", 400),
        (b"\"X\": y", 400),
        (b"X\0: y", 400),
        (b"\xc3\xa9: y", 400),
    ]);
}

#[test]
fn field_line_with_bare_cr_lf_or_control_gets_400() {
    assert_all_refused(&[
        (b"X: y\nZ: z", 400),
        (b"X: y\n", 400),
        (b"X: y\n\r", 400),
        (b"X: y\r\r\nZ: z", 400),
        (b"X: y\rContent-Length: 5", 400),
        (b"X: \ry", 400),
        (b"X\r: y", 400),
        (b"\rX: y", 400),
        (b"X: y\0", 400),
        (b"X: \0", 400),
        (b"X: y\x01z", 400),
        (b"X: y\x0b", 400),
        (b"X: \x1b[2J", 400),
        (b"X: \x7f", 400),
    ]);
}

#[test]
fn missing_repeated_or_invalid_host_gets_400() {
    let server = serve();
    for fields in [
        "",
        "X: y\r\n",
        "Hosts: test\r\n",
        "Host: test\r\nHost: test\r\n",
        "Host: test\r\nhost: other\r\n",
        "Host:\r\nHost: test\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: user@test\r\n",
        "Host: test/path\r\n",
        "Host: http://test\r\n",
        "Host: test:port\r\n",
        "Host: test:99999\r\n",
        "Host: test:65536\r\n",
        "Host: [::1]:99999\r\n",
        "Host: user:password@test\r\n",
        "Host: user@test:80\r\n",
        "Host: test:80:80\r\n",
        "Host: test#\r\n",
        "Host: test?\r\n",
        "Host: [::1\r\n",
        "Host: ::1]\r\n",
        "Host: \\evil\r\n",
        "Host: <test>\r\n",
    ] {
        for line in ["GET /hello.txt HTTP/1.1", "GET http://test/hello.txt HTTP/1.1"] {
            assert_refused(&server, format!("{line}\r\n{fields}\r\n").as_bytes(), 400);
        }
    }
    for fields in ["Host: a\r\nHost: b\r\n", "Host: a/b\r\n"] {
        assert_refused(&server, format!("GET /hello.txt HTTP/1.0\r\n{fields}\r\n").as_bytes(), 400);
    }
}

#[test]
fn valid_host_forms_get_200() {
    let server = serve();
    let mut client = server.connect();
    for host in
        ["test", "TEST.example.", "127.0.0.1:8080", "[::1]", "[::1]:8080", "a_b", "test:", "test:65535", ""]
    {
        client.send(format!("GET /hello.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.reply().text(), "hello", "{host}");
    }
}
