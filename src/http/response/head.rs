//! Strict response head parser (RFC 9112 sections 4 and 6.3).
//!
//! A 1xx is a head like any other: the caller reads on.

use crate::http::body::framing::Framing;
use crate::http::fields::{HeadError, LineScan};
use crate::http::rules::persistence::Persistence;
use crate::http::syntax::{is_text, parse_decimal};
use crate::http::version::VersionError;
use crate::http::{FieldBuf, Fields, Method, ResponseBody, ResponseHeadError, Version};

/// Response head, borrowed from the buffer (`'b`) and [`FieldBuf`] (`'h`).
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'h, 'b> {
    /// HTTP version.
    pub version: Version,
    /// Status code, 100 to 999.
    pub status: u16,
    /// Reason phrase, often empty; bytes of 0x80 and above, but no control bytes except HTAB.
    pub reason: &'b [u8],
    /// Header fields.
    pub fields: Fields<'h, 'b>,
    /// Body framing.
    pub body: ResponseBody,
    /// Whether the connection can carry another request.
    pub keep_alive: bool,
}

/// Parses the response head at the start of `buf`: (consumed bytes, head), `None` if incomplete.
///
/// `method` is the request's; for `searched`, see [`parse_request`](crate::http::parse_request).
pub fn parse_response<'h, 'b>(
    buf: &'b [u8],
    searched: &mut usize,
    space: &'h mut FieldBuf,
    method: Method,
) -> Result<Option<(usize, ResponseHead<'h, 'b>)>, ResponseHeadError> {
    if !buf.iter().zip(b"HTTP/").all(|(got, want)| got == want) {
        return Err(ResponseHeadError::NOT_HTTP);
    }
    let mut lines = LineScan::new(buf, 0, searched);
    while let Some(line) = lines.next()? {
        if line.start > 0 && line.bytes.is_empty() {
            let status_line = lines.first_line();
            let fields_start = status_line.len() + "\r\n".len();
            let block = buf.get(fields_start..line.end).unwrap_or_default();
            let head = build_head(status_line, Fields::parse(block, space)?, method)?;
            *searched = 0;
            return Ok(Some((line.end, head)));
        }
    }
    Ok(None)
}

fn build_head<'h, 'b>(
    status_line: &'b [u8],
    fields: Fields<'h, 'b>,
    method: Method,
) -> Result<ResponseHead<'h, 'b>, ResponseHeadError> {
    let (version, status, reason) = parse_status_line(status_line)?;
    let (mut framing, mut persistence) = (Framing::default(), Persistence::default());
    for (name, value) in fields.iter_bytes() {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            10 if is("connection") => persistence.add_field(value),
            14 if is("content-length") => framing.add_content_length(value),
            17 if is("transfer-encoding") => framing.add_transfer_encoding(value),
            _ => {}
        }
    }
    let body = framing.response_body(method, status)?;
    // Two framings, or one unknown to HTTP/1.0: later bytes cannot be trusted (RFC 9112 section 6.1).
    let is_suspect = framing.is_ambiguous(version) || body == ResponseBody::UntilClose;
    let keep_alive = persistence.persists(version) && !is_suspect;
    Ok(ResponseHead { version, status, reason, fields, body, keep_alive })
}

/// `HTTP-version SP status-code SP [reason]` (RFC 9112 section 4).
///
/// Many servers omit the second SP without a reason.
fn parse_status_line(line: &[u8]) -> Result<(Version, u16, &[u8]), ResponseHeadError> {
    let (version, rest) = line.split_at_checked("HTTP/1.1".len()).ok_or(ResponseHeadError::STATUS_LINE)?;
    let version = Version::parse(version).map_err(|error| match error {
        VersionError::Malformed => ResponseHeadError::STATUS_LINE,
        VersionError::Unsupported => ResponseHeadError::VERSION,
    })?;
    let (code, reason) = match rest {
        [b' ', a, b, c] => ([*a, *b, *c], &b""[..]),
        [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(ResponseHeadError::STATUS_LINE),
    };
    let status = parse_decimal(&code)
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| *code >= 100)
        .ok_or(ResponseHeadError::STATUS_LINE)?;
    if !reason.iter().all(|&byte| is_text(byte)) {
        return Err(ResponseHeadError::STATUS_LINE);
    }
    Ok((version, status, reason))
}

impl From<HeadError> for ResponseHeadError {
    fn from(error: HeadError) -> ResponseHeadError {
        match error {
            HeadError::BareLf => ResponseHeadError::BARE_LF,
            HeadError::TooLong => ResponseHeadError::HEAD_TOO_LONG,
            HeadError::TooManyFields => ResponseHeadError::TOO_MANY_FIELDS,
            HeadError::Field => ResponseHeadError::FIELD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HEAD_LEN_MAX;
    use crate::http::testing::response;

    fn status_of(input: &[u8]) -> Result<Option<u16>, ResponseHeadError> {
        response(input, Method::Get, |_, head| head.status)
    }

    #[test]
    fn plain_response_parses_every_part() {
        let input = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX: y\r\n\r\n";
        let seen = response(input, Method::Get, |consumed, head| {
            assert_eq!(consumed, input.len());
            assert_eq!(head.version, Version::Http11);
            assert_eq!((head.status, head.reason), (404, &b"Not Found"[..]));
            assert_eq!(head.fields.first("x"), Some(&b"y"[..]));
            assert_eq!(head.body, ResponseBody::Length(5));
            assert!(head.keep_alive);
        });
        assert_eq!(seen, Ok(Some(())));
    }

    #[test]
    fn malformed_status_lines_are_errors() {
        let cases: &[(&[u8], Result<u16, ResponseHeadError>)] = &[
            (b"HTTP/1.1 200 OK", Ok(200)),
            (b"HTTP/1.1 200 ", Ok(200)),
            (b"HTTP/1.1 200", Ok(200)),
            (b"HTTP/1.0 200 OK", Ok(200)),
            (b"HTTP/1.1 100 Continue", Ok(100)),
            (b"HTTP/1.1 999 \xff\t~", Ok(999)),
            (b"HTTP/1.1 099 X", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 20 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 2000 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 +20 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 2x0 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1  200 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1\t200 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 200\tOK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 200 O\rK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1 200 O\0K", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1.1", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/1 200 OK", Err(ResponseHeadError::STATUS_LINE)),
            (b"HTTP/2.0 200 OK", Err(ResponseHeadError::VERSION)),
            (b"HTTP/0.9 200 OK", Err(ResponseHeadError::VERSION)),
            (b"http/1.1 200 OK", Err(ResponseHeadError::NOT_HTTP)),
        ];
        for (line, expected) in cases {
            let input = [line, &b"\r\nA: b\r\n\r\n"[..]].concat();
            let found = status_of(&input).map(Option::unwrap);
            assert_eq!(found, *expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn non_http_response_fails_at_first_wrong_byte() {
        for (input, expected) in [
            (&b""[..], Ok(None)),
            (b"H", Ok(None)),
            (b"HTTP/", Ok(None)),
            (b"S", Err(ResponseHeadError::NOT_HTTP)),
            (b"HTTP ", Err(ResponseHeadError::NOT_HTTP)),
            (b"SSH-2.0-OpenSSH\r\n", Err(ResponseHeadError::NOT_HTTP)),
            (b"\r\nHTTP/1.1 200 OK", Err(ResponseHeadError::NOT_HTTP)),
            (b"\x15\x03\x01", Err(ResponseHeadError::NOT_HTTP)),
        ] {
            assert_eq!(status_of(input), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn malformed_response_lines_and_fields_are_errors() {
        for (rest, expected) in [
            ("\r\n\r\n", Ok(Some(200))),
            ("\r\nA: b\r\n", Ok(None)),
            ("\nA: b\r\n\r\n", Err(ResponseHeadError::BARE_LF)),
            ("\r\nA: b\n\r\n", Err(ResponseHeadError::BARE_LF)),
            ("\r\nA: b\r\n\n", Err(ResponseHeadError::BARE_LF)),
            ("\r\nA : b\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA: b\r\n c\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA: b\rc\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\n: b\r\n\r\n", Err(ResponseHeadError::FIELD)),
        ] {
            let input = format!("HTTP/1.1 200 OK{rest}");
            assert_eq!(status_of(input.as_bytes()), expected, "{rest:?}");
        }
        let fields = "A: b\r\n".repeat(65);
        let input = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        assert_eq!(status_of(input.as_bytes()), Err(ResponseHeadError::TOO_MANY_FIELDS));
        let input = format!("HTTP/1.1 200 {}", "a".repeat(HEAD_LEN_MAX));
        assert_eq!(status_of(input.as_bytes()), Err(ResponseHeadError::HEAD_TOO_LONG));
    }

    #[test]
    fn keep_alive_only_if_end_of_body_is_certain() {
        for (input, keep_alive) in [
            ("1.1 200 OK\r\nContent-Length: 5", true),
            ("1.1 200 OK\r\nTransfer-Encoding: chunked", true),
            ("1.1 204 No Content\r\nA: b", true),
            ("1.1 200 OK\r\nA: b", false),
            ("1.1 200 OK\r\nTransfer-Encoding: gzip", false),
            ("1.1 200 OK\r\nContent-Length: 5\r\nConnection: close", false),
            ("1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", false),
            ("1.0 200 OK\r\nContent-Length: 5", false),
            ("1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive", true),
            ("1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive", false),
        ] {
            let whole = format!("HTTP/{input}\r\n\r\n");
            let found = response(whole.as_bytes(), Method::Get, |_, head| head.keep_alive);
            assert_eq!(found, Ok(Some(keep_alive)), "{input}");
        }
    }

    #[test]
    fn response_head_error_messages_are_distinct() {
        let faults = [
            ResponseHeadError::NOT_HTTP,
            ResponseHeadError::STATUS_LINE,
            ResponseHeadError::VERSION,
            ResponseHeadError::BARE_LF,
            ResponseHeadError::HEAD_TOO_LONG,
            ResponseHeadError::TOO_MANY_FIELDS,
            ResponseHeadError::FIELD,
            ResponseHeadError::CONTENT_LENGTH,
            ResponseHeadError::TRANSFER_ENCODING,
            ResponseHeadError::TUNNEL,
        ];
        let sentences: std::collections::BTreeSet<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(sentences.len(), faults.len());
    }
}
