//! Tests of request heads: rejections, their time, and the parsed fields.
//!
//! Each case arrives at once, byte by byte, and with trailing bytes.

use std::fmt::Debug;

use super::*;
use crate::http::limits::{HEAD_LEN_MAX, TARGET_LEN_MAX};
use crate::http::testing::request;

/// Status of the rejection; 200 if valid, 0 if incomplete.
fn status_of(input: &[u8]) -> u16 {
    match request(input, |_, _| ()) {
        Ok(Some(())) => 200,
        Ok(None) => 0,
        Err(reject) => reject.status.code(),
    }
}

fn check_all(cases: &[(&[u8], u16)]) {
    for (input, expected) in cases {
        assert_eq!(status_of(input), *expected, "{}", input.escape_ascii());
    }
}

#[test]
fn plain_get_parses_every_part() {
    let input = b"GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nReferer: r\r\n\
        User-Agent: u\r\nX:\r\n\r\n";
    let seen = request(input, |consumed, head| {
        assert_eq!(consumed, input.len());
        assert_eq!(head.method, Method::Get);
        assert_eq!(head.target.path(), b"/a");
        assert_eq!(head.target.query(), Some(&b"b"[..]));
        assert_eq!(head.version, Version::Http11);
        assert_eq!(head.line, b"GET /a?b HTTP/1.1");
        assert_eq!(head.fields.iter().count(), 5);
        assert_eq!(head.body, RequestBody::None);
        assert_eq!(head.accept, Some(&b"text/html"[..]));
        assert_eq!(head.referer, Some(&b"r"[..]));
        assert_eq!(head.user_agent, Some(&b"u"[..]));
        assert!(head.keep_alive && head.version == Version::Http11 && !head.expects_continue);
    });
    assert_eq!(seen, Ok(Some(())));
}

#[test]
fn head_prefix_needs_more_and_is_searched_once() {
    let input = b"\r\nPUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n";
    let mut searched = 0;
    for len in 0..input.len() {
        let mut space = FieldBuf::new();
        let parsed = parse_request(&input[..len], &mut searched, &mut space);
        assert!(matches!(parsed, Ok(None)), "{parsed:?}");
        assert!(len <= 3 || searched == len, "{len} bytes, searched {searched}");
    }
    let mut space = FieldBuf::new();
    let (consumed, head) = parse_request(input, &mut searched, &mut space).unwrap().unwrap();
    assert_eq!((consumed, searched), (input.len(), 0));
    assert_eq!(head.body, RequestBody::Length(1));
}

#[test]
fn invalid_first_byte_is_rejected_at_once() {
    for byte in (0..=u8::MAX).filter(|&byte| !is_tchar(byte) && byte != b'\r') {
        check_all(&[(&[byte], 400), (&[b'\r', b'\n', byte], 400)]);
    }
    check_all(&[(b"\rG", 400), (b"\r\r", 400)]);
    let hello = request(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", |_, _| ());
    let why = hello.unwrap_err().message;
    assert!(why.contains("This port accepts plain HTTP only, not TLS"), "{why}");
}

#[test]
fn leading_empty_lines_up_to_4_accepted_5_rejected() {
    let head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (count, expected) in [(0, 200), (1, 200), (4, 200), (5, 400), (6, 400)] {
        let input = "\r\n".repeat(count) + head;
        assert_eq!(status_of(input.as_bytes()), expected, "{count} empty lines");
    }
    check_all(&[(b"\r\n\r\n\r\n\r\n", 0), (b"\r\n\r\n\r\n\r\n\r\n", 400)]);
    let consumed = request(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n", |consumed, _| consumed);
    assert_eq!(consumed, Ok(Some(22)));
}

#[test]
fn malformed_field_lines_are_rejected() {
    let cases: &[(&[u8], u16)] = &[
        (b"", 200),
        (b"A: b\r\n", 200),
        (b"A:b\r\n", 200),
        (b"A:\t b \t\r\n", 200),
        (b"A:\r\n", 200),
        (b"A: b\tc\xff\r\n", 200),
        (b"!#$%&'*+-.^_`|~09az: b\r\n", 200),
        (b"A : b\r\n", 400),
        (b"A\t: b\r\n", 400),
        (b": b\r\n", 400),
        (b" A: b\r\n", 400),
        (b"A: b\r\n c\r\n", 400),
        (b"A: b\r\n\tc\r\n", 400),
        (b"A: b\r\n \r\n", 400),
        (b"A:\r\n b\r\n", 400),
        (b"A\r\n", 400),
        (b"A b\r\n", 400),
        (b"A: b\n", 400),
        (b"A: b\r\r\n", 400),
        (b"A: b\rc\r\n", 400),
        (b"A: b\rC: d\r\n", 400),
        (b"A:\rb\r\n", 400),
        (b"A\r: b\r\n", 400),
        (b"\r\r\n", 400),
        (b"A: b\0c\r\n", 400),
        (b"A: \x01\r\n", 400),
        (b"A: b\x0b\r\n", 400),
        (b"A: \x7f\r\n", 400),
        (b"A\0: b\r\n", 400),
        (b"\xc9: b\r\n", 400),
        (b"A(: b\r\n", 400),
        (b"\"A\": b\r\n", 400),
    ];
    for (lines, expected) in cases {
        for before in [&b"Host: h\r\n"[..], b"Host: h\r\nLonger: a line of many bytes\r\n"] {
            let input = [b"GET / HTTP/1.1\r\n", before, lines, b"\r\n"].concat();
            assert_eq!(status_of(&input), *expected, "{}", lines.escape_ascii());
        }
    }
    check_all(&[
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
        (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\tHost: h\r\n\r\n", 400),
    ]);
}

#[test]
fn target_over_8_kib_gets_414_as_soon_as_certain() {
    let line = |len: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(len - 1));
    assert_eq!(status_of(line(TARGET_LEN_MAX).as_bytes()), 200);
    assert_eq!(status_of(line(TARGET_LEN_MAX + 1).as_bytes()), 414);
    let endless = format!("\r\nGET /{}", "a".repeat(REQUEST_LINE_LEN_MAX));
    let undecided = endless.len() - "GET /".len() + 1;
    assert_eq!(status_of(&endless.as_bytes()[..undecided]), 0);
    assert_eq!(status_of(&endless.as_bytes()[..undecided + 1]), 414);
    assert_eq!(status_of(line(3 * HEAD_LEN_MAX).as_bytes()), 414);
}

#[test]
fn head_over_16_kib_or_100_fields_gets_431() {
    let head = |len: usize| {
        let start = "GET / HTTP/1.0\r\nA: ";
        format!("{start}{}\r\n\r\n", "a".repeat(len - start.len() - 4))
    };
    assert_eq!(status_of(head(HEAD_LEN_MAX).as_bytes()), 200);
    assert_eq!(status_of(head(HEAD_LEN_MAX + 1).as_bytes()), 431);
    assert_eq!(status_of(&head(HEAD_LEN_MAX + 1).as_bytes()[..HEAD_LEN_MAX - 1]), 0);
    assert_eq!(status_of(&head(HEAD_LEN_MAX + 1).as_bytes()[..HEAD_LEN_MAX]), 431);
    for (count, expected) in [(100, 200), (101, 431)] {
        let input = format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert_eq!(status_of(input.as_bytes()), expected, "{count} fields");
    }
}

#[test]
fn framing_fields_decide_request_body() {
    for (lines, expected) in [
        ("Content-Length: 5", Ok(RequestBody::Length(5))),
        ("content-length:5", Ok(RequestBody::Length(5))),
        ("Content-Length: 0", Ok(RequestBody::None)),
        ("TRANSFER-ENCODING: Chunked", Ok(RequestBody::Chunked)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", Err(400)),
        ("Content-Length: 5\r\nX: y\r\nContent-Length: 5", Err(400)),
        ("Content-Length: 5, 5", Err(400)),
        ("Content-Length: +5", Err(400)),
        ("Transfer-Encoding: gzip, chunked", Err(501)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Err(400)),
    ] {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
        let body = request(input.as_bytes(), |_, head| head.body);
        let body = body.map(Option::unwrap).map_err(|reject| reject.status.code());
        assert_eq!(body, expected, "{lines}");
    }
}

/// Result of `inspect` on a POST with this version and these field lines, or the status of the rejection.
fn post<T: PartialEq + Debug>(
    version: &str,
    lines: &str,
    inspect: impl Fn(&RequestHead<'_, '_>) -> T,
) -> Result<T, u16> {
    let input = format!("POST / HTTP/{version}\r\n{lines}\r\n");
    match request(input.as_bytes(), |_, head| inspect(head)) {
        Ok(seen) => Ok(seen.expect("a whole head")),
        Err(reject) => Err(reject.status.code()),
    }
}

#[test]
fn host_must_be_single_and_well_formed() {
    for (version, lines, expected) in [
        ("1.1", "Host: h\r\n", Ok(())),
        ("1.1", "hOsT:h:80\r\n", Ok(())),
        ("1.1", "Host:\r\n", Ok(())),
        ("1.1", "Host: [::1]:80\r\n", Ok(())),
        ("1.2", "Host: h\r\n", Ok(())),
        ("1.1", "", Err(400)),
        ("1.2", "", Err(400)),
        ("1.1", "Hosts: h\r\n", Err(400)),
        ("1.1", "Host: h\r\nHost: h\r\n", Err(400)),
        ("1.1", "Host: \r\nHost: h\r\n", Err(400)),
        ("1.1", "Host: a, b\r\n", Err(400)),
        ("1.1", "Host: a b\r\n", Err(400)),
        ("1.1", "Host: u@h\r\n", Err(400)),
        ("1.1", "Host: h/p\r\n", Err(400)),
        ("1.1", "Host: http://h\r\n", Err(400)),
        ("1.1", "Host: h:p\r\n", Err(400)),
        ("1.0", "", Ok(())),
        ("1.0", "Host: h\r\n", Ok(())),
        ("1.0", "Host: h\r\nHost: h\r\n", Err(400)),
        ("1.0", "Host: a/b\r\n", Err(400)),
    ] {
        assert_eq!(post(version, lines, |_| ()), expected, "{version} {lines}");
    }
}

#[test]
fn expect_100_continue_only_with_body_others_417() {
    for (version, lines, expected) in [
        ("1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n", Ok(true)),
        ("1.1", "expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", Ok(true)),
        ("1.1", "Expect: 100-continue\r\n", Ok(false)),
        ("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", Ok(false)),
        ("1.1", "Content-Length: 1\r\n", Ok(false)),
        ("1.1", "Expect: 200-ok\r\nContent-Length: 1\r\n", Err(417)),
        ("1.1", "Expect:\r\n", Err(417)),
        ("1.1", "Expect: 100-continue, x\r\n", Err(417)),
        ("1.1", "Expect: x\r\nExpect: 100-continue\r\n", Err(417)),
        ("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n", Ok(false)),
        ("1.0", "Expect: x\r\n", Ok(false)),
    ] {
        let lines = format!("Host: h\r\n{lines}");
        let expects = post(version, &lines, |head| head.expects_continue);
        assert_eq!(expects, expected, "{version} {lines}");
    }
}

#[test]
fn connection_field_decides_keep_alive() {
    for (version, lines, expected) in [
        ("1.1", "", (true, false)),
        ("1.1", "Connection: close\r\n", (false, false)),
        ("1.1", "Connection: x\r\nConnection: y, Close\r\n", (false, false)),
        ("1.0", "", (false, false)),
        ("1.0", "Connection: Keep-Alive\r\n", (true, true)),
    ] {
        let lines = format!("Host: h\r\n{lines}");
        let persistence = post(version, &lines, |head| {
            (head.keep_alive, head.version == Version::Http10 && head.keep_alive)
        });
        assert_eq!(persistence, Ok(expected), "{version} {lines}");
    }
}

#[test]
fn accept_encoding_fields_are_combined() {
    for (lines, codings) in [
        ("", ""),
        ("Accept-Encoding: gzip, br\r\n", "br gzip"),
        ("accept-encoding: br;q=0.5\r\nA: b\r\nACCEPT-ENCODING: gzip\r\n", "gzip br"),
        ("Accept-Encodings: gzip\r\nX-Accept-Encoding: gzip\r\n", ""),
    ] {
        let lines = format!("Host: h\r\n{lines}");
        let found = post("1.1", &lines, |head| {
            head.content_codings.iter().map(|coding| coding.as_str()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref(), Ok(codings), "{lines}");
    }
}

#[test]
fn repeated_accept_and_referer_first_value_wins() {
    let lines = "Host: h\r\nAccept: a\r\nACCEPT: b\r\nReferer:\r\nReferer: r\r\n";
    let seen = post("1.1", lines, |head| {
        assert_eq!(head.accept, Some(&b"a"[..]));
        assert_eq!(head.referer, Some(&b""[..]));
        assert_eq!(head.user_agent, None);
    });
    assert_eq!(seen, Ok(()));
}

#[test]
fn has_conditions_or_range_true_for_range_and_if_fields() {
    for (line, expected) in [
        ("X: y", false),
        ("Range: bytes=0-", true),
        ("RANGE: x", true),
        ("If-Match: x", true),
        ("if-none-match: *", true),
        ("If-Modified-Since:", true),
        ("If-Unmodified-Since: x", true),
        // Has no effect without Range.
        ("If-Range: \"x\"", false),
        ("If-Batch: x", false),
        ("Want-Repr-Digest: sha-256=1", false),
        ("Content-Range: bytes 0-1/2", false),
    ] {
        let lines = format!("Host: h\r\n{line}\r\nA: b\r\n");
        assert_eq!(post("1.1", &lines, |head| head.has_conditions_or_range), Ok(expected), "{line}");
    }
}
