//! Chunked bodies that are framed in any way but the one that everybody understands.
//!
//! A decoder that takes an empty size or a bare LF for fine sees another message than its peer.

use super::{GET, assert_refused, serve};

/// Refuses each of these bodies behind a chunked GET.
fn assert_all_refused(rows: &[(&[u8], u16)]) {
    let server = serve();
    for (body, status) in rows {
        assert_refused(&server, &[GET, b"Transfer-Encoding: chunked\r\n\r\n", body].concat(), *status);
    }
}

#[test]
fn invalid_chunk_size_gets_400() {
    assert_all_refused(&[
        (b"\r\nhello\r\n0\r\n\r\n", 400),
        (b";a\r\nhello\r\n0\r\n\r\n", 400),
        (b"+5\r\nhello\r\n0\r\n\r\n", 400),
        (b"-5\r\nhello\r\n0\r\n\r\n", 400),
        (b"-0\r\n\r\n", 400),
        (b"0x5\r\nhello\r\n0\r\n\r\n", 400),
        (b"5h\r\nhello\r\n0\r\n\r\n", 400),
        (b"g\r\n", 400),
        (b" 5\r\nhello\r\n0\r\n\r\n", 400),
        (b"5 \r\nhello\r\n0\r\n\r\n", 400),
        (b"5 5\r\nhello\r\n0\r\n\r\n", 400),
        (b"5,\r\nhello\r\n0\r\n\r\n", 400),
        (b"1_0\r\n", 400),
        (b"\"5\"\r\n", 400),
        (b"5\0\r\n", 400),
        (b"\xd9\xa5\r\n", 400),
        (b"10000000000000000\r\n", 400),
        (b"10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
        (b"00000000000000000\r\n\r\n", 400),
        (b"fffffffffffffffff\r\n", 400),
        (b"5\r\nhello\r\n\r\n", 400),
        (b"5\r\nhello\r\nx\r\n\r\n", 400),
    ]);
}

#[test]
fn malformed_chunk_extension_gets_400() {
    let bad = [
        ";",
        ";;a",
        ";a;",
        ";=b",
        ";a=",
        ";a=;b",
        ";a b",
        ";a=b c",
        ";a ",
        ";a=b ",
        " ",
        ";a=\"b",
        ";a=\"b\"c",
        ";a@b",
    ];
    let bodies = bad.map(|extension| format!("5{extension}\r\nhello\r\n0\r\n\r\n"));
    assert_all_refused(&bodies.each_ref().map(|body| (body.as_bytes(), 400)));
}

#[test]
fn valid_chunk_extension_is_skipped() {
    let server = serve();
    let mut client = server.connect();
    for extension in [";a", ";a=b", " ;\ta = b;c", ";a=\"b; \\\"c\t\"", " ; a = \"\" ; b"] {
        let body = format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n");
        client.send([GET, b"Transfer-Encoding: chunked\r\n\r\n", body.as_bytes()].concat());
        assert_eq!(client.reply().text(), "hello", "{extension}");
    }
}

#[test]
fn chunk_line_without_crlf_gets_400() {
    assert_all_refused(&[
        (b"5\nhello\r\n0\r\n\r\n", 400),
        (b"5\rhello\r\n0\r\n\r\n", 400),
        (b"5\r\r\nhello\r\n0\r\n\r\n", 400),
        (b"5;a\nhello\r\n0\r\n\r\n", 400),
        (b"5;a\rb\r\nhello\r\n0\r\n\r\n", 400),
        (b"5;a\0\r\nhello\r\n0\r\n\r\n", 400),
        (b"0\n\r\n", 400),
        (b"0\n\n", 400),
        (b"0\r\n\n", 400),
        (b"0\r\n\rx", 400),
        (b"\n", 400),
    ]);
}

#[test]
fn chunk_data_not_matching_its_size_gets_400() {
    assert_all_refused(&[
        (b"5\r\nhello0\r\n\r\n", 400),
        (b"5\r\nhello\n0\r\n\r\n", 400),
        (b"5\r\nhello\r0\r\n\r\n", 400),
        (b"5\r\nhello\r\r\n0\r\n\r\n", 400),
        (b"4\r\nhello\r\n0\r\n\r\n", 400),
        (b"6\r\nhello\r\n0\r\n\r\n", 400),
        (b"7\r\nhello\r\n0\r\n\r\n", 400),
    ]);
}

#[test]
fn malformed_trailer_gets_400() {
    assert_all_refused(&[
        (b"0\r\nA : b\r\n\r\n", 400),
        (b"0\r\n A: b\r\n\r\n", 400),
        (b"0\r\nA: b\r\n c\r\n\r\n", 400),
        (b"0\r\nA\r\n\r\n", 400),
        (b"0\r\n: b\r\n\r\n", 400),
        (b"0\r\nA: b\n\r\n", 400),
        (b"0\r\nA: b\rc\r\n\r\n", 400),
        (b"0\r\nA: \0\r\n\r\n", 400),
        // The next request, when the line that ends the trailers was forgotten.
        (b"0\r\n", 400),
    ]);
}

#[test]
fn long_chunk_extension_gets_400_long_trailers_431() {
    let extension = [b"5;", "e".repeat(300).as_bytes(), b"\r\nhello\r\n0\r\n\r\n"].concat();
    let giant = [b"5;", "e".repeat(500_000).as_bytes()].concat();
    let spaces = [b"5", " ".repeat(300).as_bytes()].concat();
    let one = [b"0\r\nA: ", "t".repeat(5000).as_bytes(), b"\r\n\r\n"].concat();
    let many = [b"0\r\n", "A: b\r\n".repeat(1000).as_bytes(), b"\r\n"].concat();
    assert_all_refused(&[(&extension, 400), (&giant, 400), (&spaces, 400), (&one, 431), (&many, 431)]);
}
