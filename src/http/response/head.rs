//! Response head parser (RFC 9112 sections 4, 5 and 6.3).
//!
//! Reads what curl reads: a line may end in LF alone, and an obs-fold is a space. A client has no second recipient to
//! disagree with.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2};

use crate::http::body::framing::Framing;
use crate::http::rules::persistence::Persistence;
use crate::http::syntax::{is_token, parse_decimal, trim_ows};
use crate::http::version::VersionError;
use crate::http::{Method, ResponseBody, ResponseHeadError, Version};

/// Longest response head in bytes, close to curl's 300 KiB.
pub const RESPONSE_HEAD_LEN_MAX: usize = 256 * 1024;

/// Response head, borrowed from the buffer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'b> {
    /// HTTP version.
    pub version: Version,
    /// Status code, 100 to 999.
    pub status: u16,
    /// Reason phrase, often empty; any bytes but NUL, CR and LF.
    pub reason: &'b [u8],
    /// Header fields.
    pub fields: ResponseFields<'b>,
    /// Body framing.
    pub body: ResponseBody,
    /// Whether the connection can carry another request.
    pub keep_alive: bool,
}

/// Header fields of a response, in order. Each iteration splits the lines anew: their number has no bound.
#[derive(Clone, Copy, Debug)]
pub struct ResponseFields<'b>(&'b [u8]);

impl<'b> ResponseFields<'b> {
    /// Fields as (name, value), without outer white space; an obs-fold is one space.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, Cow<'b, [u8]>)> + use<'b> {
        field_lines(self.0).filter_map(parse_field)
    }

    /// First value of a field; names ignore case.
    pub fn first(&self, name: &str) -> Option<Cow<'b, [u8]>> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Parses the response head at the start of `buf`: (consumed bytes, head), `None` if incomplete.
///
/// `method` is the request's; for `searched`, see [`parse_request`](crate::http::parse_request).
pub fn parse_response<'b>(
    buf: &'b [u8],
    searched: &mut usize,
    method: Method,
) -> Result<Option<(usize, ResponseHead<'b>)>, ResponseHeadError> {
    if !buf.iter().zip(b"HTTP/").all(|(got, want)| got == want) {
        return Err(ResponseHeadError::NOT_HTTP);
    }
    let Some((fields_end, end)) = find_end(buf, searched)? else { return Ok(None) };
    *searched = 0;
    let lines = buf.get(..fields_end).unwrap_or_default();
    let line_len = memchr(b'\n', lines).map_or(lines.len(), |at| at + 1);
    let (line, block) = lines.split_at_checked(line_len).unwrap_or_default();
    Ok(Some((end, build_head(without_line_end(line), ResponseFields(block), method)?)))
}

fn find_end(buf: &[u8], searched: &mut usize) -> Result<Option<(usize, usize)>, ResponseHeadError> {
    let within = buf.get(..RESPONSE_HEAD_LEN_MAX).unwrap_or(buf);
    while let Some(found) = memchr(b'\n', within.get(*searched..).unwrap_or_default()) {
        let line_end = *searched + found + 1;
        match within.get(line_end..).unwrap_or_default() {
            [b'\n', ..] => return Ok(Some((line_end, line_end + 1))),
            [b'\r', b'\n', ..] => return Ok(Some((line_end, line_end + 2))),
            [] | [b'\r'] if within.len() < RESPONSE_HEAD_LEN_MAX => return Ok(None),
            _ => *searched = line_end,
        }
    }
    *searched = within.len();
    if within.len() == RESPONSE_HEAD_LEN_MAX { Err(ResponseHeadError::HEAD_TOO_LONG) } else { Ok(None) }
}

fn build_head<'b>(
    status_line: &'b [u8],
    fields: ResponseFields<'b>,
    method: Method,
) -> Result<ResponseHead<'b>, ResponseHeadError> {
    let (version, status, reason) = parse_status_line(status_line)?;
    let (mut framing, mut persistence) = (Framing::default(), Persistence::default());
    for line in field_lines(fields.0) {
        let (name, value) = parse_field(line).ok_or(ResponseHeadError::FIELD)?;
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            10 if is("connection") => persistence.add_field(&value),
            14 if is("content-length") => framing.add_content_length(&value),
            17 if is("transfer-encoding") => framing.add_transfer_encoding(&value),
            _ => {}
        }
    }
    let body = framing.response_body(method, status)?;
    // Two framings, or one unknown to HTTP/1.0: later bytes cannot be trusted (RFC 9112 section 6.1).
    let is_suspect = framing.is_ambiguous(version) || body == ResponseBody::UntilClose;
    let keep_alive = persistence.persists(version) && !is_suspect;
    Ok(ResponseHead { version, status, reason, fields, body, keep_alive })
}

/// A line that begins with white space belongs to the one before.
fn field_lines(mut block: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let is_end = |at: &usize| !matches!(block.get(at + 1), Some(b' ' | b'\t'));
        let (line, rest) = block.split_at_checked(memchr_iter(b'\n', block).find(is_end)? + 1)?;
        block = rest;
        Some(line)
    })
}

/// `name [BWS] ":" OWS value OWS`; `None` if malformed (RFC 9112 section 5).
fn parse_field(line: &[u8]) -> Option<(&str, Cow<'_, [u8]>)> {
    let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
    let (name, value) = (trim_ows(name), without_line_end(value.get(1..)?));
    // Other control bytes are retained, as RFC 9110 section 5.5 allows: whoever prints them replaces them.
    let parts = || value.split(|&byte| byte == b'\n').map(|part| trim_ows(without_line_end(part)));
    if !line.starts_with(name) || !is_token(name) || parts().any(|part| memchr2(b'\0', b'\r', part).is_some())
    {
        return None;
    }
    let value = match memchr(b'\n', value) {
        None => Cow::Borrowed(parts().next()?),
        Some(_) => Cow::Owned(trim_ows(&parts().collect::<Vec<_>>().join(&b' ')).to_vec()),
    };
    Some((str::from_utf8(name).ok()?, value))
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
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
    if memchr2(b'\0', b'\r', reason).is_some() {
        return Err(ResponseHeadError::STATUS_LINE);
    }
    Ok((version, status, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(head.fields.first("x").as_deref(), Some(&b"y"[..]));
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
            (b"HTTP/1.1 200 O\x1bK", Ok(200)),
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
            ("\r\n A: b\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA\r\n : b\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA b: c\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA: b\rc\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\nA: b\0c\r\n\r\n", Err(ResponseHeadError::FIELD)),
            ("\r\n: b\r\n\r\n", Err(ResponseHeadError::FIELD)),
        ] {
            let input = format!("HTTP/1.1 200 OK{rest}");
            assert_eq!(status_of(input.as_bytes()), expected, "{rest:?}");
        }
    }

    #[test]
    fn lenient_lines_give_the_fields_that_are_meant() {
        for (rest, value) in [
            ("\r\nA: b\r\n\r\n", "b"),
            ("\nA: b\n\n", "b"),
            ("\nA: b\r\n\n", "b"),
            ("\r\nA: b\n\r\n", "b"),
            ("\r\nA \t: b\r\n\r\n", "b"),
            ("\r\nA: b\r\n c\r\n\t \td\r\nX: y\r\n\r\n", "b c d"),
            ("\nA:\n b\n\n", "b"),
            ("\r\nA: b\r\n \r\n\r\n", "b"),
            ("\r\nA: \x1b\x07\r\n\r\n", "\x1b\x07"),
            ("\r\nA:\r\n\r\n", ""),
        ] {
            let input = format!("HTTP/1.1 200 OK{rest}");
            let found = response(input.as_bytes(), Method::Get, |len, head| {
                assert_eq!(len, input.len());
                head.fields.first("a").map(|value| String::from_utf8_lossy(&value).into_owned())
            });
            assert_eq!(found, Ok(Some(Some(value.to_owned()))), "{rest:?}");
        }
        let folded = b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\nConnection: a,\r\n close\r\n\r\n";
        let found = response(folded, Method::Get, |_, head| (head.body, head.keep_alive));
        assert_eq!(found, Ok(Some((ResponseBody::Length(5), false))));
    }

    #[test]
    fn response_head_is_bounded_by_length_alone() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1000));
        assert_eq!(status_of(many.as_bytes()), Ok(Some(200)));
        let parse =
            |input: &[u8]| parse_response(input, &mut 0, Method::Get).map(|head| head.map(|(len, _)| len));
        for (end, len) in [("\r\n\r\n", RESPONSE_HEAD_LEN_MAX), ("\n\n", RESPONSE_HEAD_LEN_MAX)] {
            let start = "HTTP/1.1 200 OK\r\nA: ";
            let head = |len: usize| format!("{start}{}{end}", "b".repeat(len - start.len() - end.len()));
            assert_eq!(parse(head(len).as_bytes()), Ok(Some(len)));
            let longer = head(len + 1);
            assert_eq!(parse(longer.as_bytes()), Err(ResponseHeadError::HEAD_TOO_LONG));
            assert_eq!(parse(&longer.as_bytes()[..len - 1]), Ok(None));
        }
    }

    #[test]
    fn keep_alive_only_if_end_of_body_is_certain() {
        for (input, keep_alive) in [
            ("1.1 200 OK\r\nContent-Length: 5", true),
            ("1.1 200 OK\r\nTransfer-Encoding: chunked", true),
            ("1.1 204 No Content\r\nA: b", true),
            ("1.1 200 OK\r\nA: b", false),
            ("1.1 200 OK\r\nTransfer-Encoding: identity", false),
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
            ResponseHeadError::HEAD_TOO_LONG,
            ResponseHeadError::FIELD,
            ResponseHeadError::CONTENT_LENGTH,
            ResponseHeadError::TRANSFER_ENCODING,
            ResponseHeadError::TUNNEL,
        ];
        let sentences: std::collections::BTreeSet<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(sentences.len(), faults.len());
    }
}
