//! Strict, hand-written request line parser (RFC 9112 section 3).
//!
//! `head` finds the end of the line, `target` parses the target.

use memchr::memchr;

use super::target;
use crate::http::limits::TARGET_LEN_MAX;
use crate::http::syntax::{is_token, token_len};
use crate::http::version::VersionError;
use crate::http::{Method, Reject, RequestTarget, Status, Version};

/// Method length for which the longest target fits, in bytes; the longest registered method has 17.
const METHOD_LEN_USUAL: usize = 32;
pub(super) const REQUEST_LINE_LEN_MAX: usize = METHOD_LEN_USUAL + 1 + TARGET_LEN_MAX + 1 + "HTTP/1.1".len();

/// `method SP request-target SP HTTP-version`, exactly one SP each time.
pub(super) struct RequestLine<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) method: Method,
    pub(super) target: RequestTarget<'b>,
    pub(super) version: Version,
}

impl<'b> RequestLine<'b> {
    pub(super) fn parse(bytes: &'b [u8]) -> Result<RequestLine<'b>, Reject> {
        let (method, rest) = split_at_space(bytes).ok_or(BAD_REQUEST_LINE)?;
        if !is_token(method) {
            return Err(Reject::bad_request("The method is malformed."));
        }
        let (target, version) = split_at_space(rest).ok_or(BAD_REQUEST_LINE)?;
        let version = Version::parse(version).map_err(|error| match error {
            VersionError::Malformed => BAD_REQUEST_LINE,
            VersionError::Unsupported if bytes == HTTP_2_PREFACE => HTTP_2,
            VersionError::Unsupported => Reject::new(
                Status::VERSION_NOT_SUPPORTED,
                "This server supports HTTP/1.1 and HTTP/1.0 only: send the request in one of them.",
            ),
        })?;
        if target.len() > TARGET_LEN_MAX {
            return Err(TARGET_TOO_LONG);
        }
        let method = Method::from_token(method);
        Ok(RequestLine { bytes, method, target: target::parse(method, target)?, version })
    }

    pub(super) fn parse_prefix(buf: &'b [u8]) -> Option<RequestLine<'b>> {
        let (method, rest) = buf.split_at_checked(token_len(buf))?;
        let rest = rest.strip_prefix(b" ")?;
        let (target, rest) = rest.split_at_checked(target::target_len(rest))?;
        let (version, rest) = rest.strip_prefix(b" ")?.split_at_checked("HTTP/1.1".len())?;
        if !(1..=METHOD_LEN_USUAL).contains(&method.len()) || target.len() > TARGET_LEN_MAX {
            return None;
        }
        let method = Method::from_token(method);
        Some(RequestLine {
            bytes: buf.get(..buf.len() - rest.len()).filter(|_| rest.starts_with(b"\r\n"))?,
            method,
            target: target::parse_form(method, target).ok()?,
            version: Version::parse(version).ok()?,
        })
    }
}

/// First line of a client that assumes HTTP/2 (RFC 9113 section 3.4).
const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0";
const HTTP_2: Reject = Reject::new(
    Status::VERSION_NOT_SUPPORTED,
    "This server supports HTTP/1.1, not HTTP/2: use HTTP/1.1, as curl --http1.1 does.",
);

const BAD_REQUEST_LINE: Reject = Reject::bad_request(
    "The request line is malformed: it must be a method, a target and HTTP/1.1, with one space between them.",
);

fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b' ', bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Also for a line without end.
pub(super) const TARGET_TOO_LONG: Reject =
    Reject::new(Status::URI_TOO_LONG, "The request line is longer than 8 KiB.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::request;

    #[test]
    fn request_line_malformed_is_rejected_once_complete() {
        let cases: &[(&[u8], u16)] = &[
            (b"GET / HTTP/1.1\r\n", 0),
            (b"GET  / HTTP/1.1\r\n", 400),
            (b"GET /  HTTP/1.1\r\n", 400),
            (b"GET / HTTP/1.1 \r\n", 400),
            (b"GET\t/ HTTP/1.1\r\n", 400),
            (b"GET /\tHTTP/1.1\r\n", 400),
            (b"GET /a b HTTP/1.1\r\n", 400),
            (b"GET /\r\n", 400),
            (b"GET\r\n", 400),
            (b"GET / \r\n", 400),
            (b"GET  HTTP/1.1\r\n", 400),
            (b"G@T / HTTP/1.1\r\n", 400),
            (b"GET: / HTTP/1.1\r\n", 400),
            (b"G\xc9T / HTTP/1.1\r\n", 400),
            (b"GET /\0 HTTP/1.1\r\n", 400),
            (b"GET /\r HTTP/1.1\r\n", 400),
            (b"GET / HTTP/1.1\r\r\n", 400),
            (b"GET /a#b HTTP/1.1\r\n", 400),
            (b"GET * HTTP/1.1\r\n", 400),
            (b"GET a HTTP/1.1\r\n", 400),
            (b"GET / http/1.1\r\n", 400),
            (b"GET / HTTP/1.1x\r\n", 400),
            (b"GET / HTTP/1\r\n", 400),
            (b"GET / HTTP/x.1\r\n", 400),
            (b"GET / HTTP/0.9\r\n", 505),
            (b"GET / HTTP/2.0\r\n", 505),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            (b"SSH-2.0-OpenSSH_9.9\r\n", 400),
            (b"Host: h\r\n", 400),
        ];
        for (input, expected) in cases {
            // 0: incomplete.
            let status = match request(input, |_, _| ()) {
                Ok(seen) => u16::from(seen.is_some()),
                Err(reject) => reject.status.code(),
            };
            assert_eq!(status, *expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn http2_preface_reject_names_http1_1_option() {
        let message = |input: &[u8]| request(input, |_, _| ()).unwrap_err().message;
        assert!(message(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").contains("--http1.1"));
        assert!(!message(b"GET / HTTP/2.0\r\n").contains("--http1.1"));
    }

    #[test]
    fn method_is_token_of_any_length() {
        let known = |name: &str| {
            let input = format!("{name} / HTTP/1.0\r\n\r\n");
            request(input.as_bytes(), |_, head| head.method)
        };
        assert_eq!(known("DELETE"), Ok(Some(Method::Delete)));
        assert_eq!(known("get"), Ok(Some(Method::Unknown)));
        assert_eq!(known("M-SEARCH"), Ok(Some(Method::Unknown)));
        assert_eq!(known(&"M".repeat(32)), Ok(Some(Method::Unknown)));
        assert_eq!(known(&"M".repeat(33)), Ok(Some(Method::Unknown)));
        assert_eq!(known(&"M".repeat(8000)), Ok(Some(Method::Unknown)));
        assert_eq!(known(&"M".repeat(9000)), Err(TARGET_TOO_LONG));
    }
}
