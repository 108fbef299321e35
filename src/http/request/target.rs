//! Request target in four forms (RFC 9112 section 3.2), and host syntax.
//!
//! Never decodes `%`: the path stays as received.

use memchr::memmem;

use crate::http::syntax::{ByteSet, len_before_mark, mark_below, mark_equal, parse_decimal};
use crate::http::{Method, Reject};

/// Request target; its path stays percent-encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestTarget<'b> {
    /// `/path?query`, the usual form.
    Origin(&'b [u8]),
    /// `http://authority/path?query`, as sent to a proxy.
    Absolute {
        /// Non-empty `host` or `host:port`, without user information.
        authority: &'b [u8],
        /// `/path?query`, `/`, or `?query` without a path, for which [`RequestTarget::path`] gives `/`.
        path_and_query: &'b [u8],
    },
    /// `host:port`, for CONNECT only.
    Authority(&'b [u8]),
    /// `*`, for OPTIONS only.
    Asterisk,
}

impl<'b> RequestTarget<'b> {
    /// Percent-encoded path: starts with `/`, is `*`, or empty for [`RequestTarget::Authority`].
    pub fn path(&self) -> &'b [u8] {
        self.path_and_query().0
    }

    /// Bytes after the first `?`.
    pub fn query(&self) -> Option<&'b [u8]> {
        self.path_and_query().1
    }

    /// Path and query.
    pub fn path_and_query(&self) -> (&'b [u8], Option<&'b [u8]>) {
        let whole = match *self {
            RequestTarget::Origin(whole) => whole,
            RequestTarget::Absolute { path_and_query, .. } => path_and_query,
            RequestTarget::Authority(_) => return (b"", None),
            RequestTarget::Asterisk => return (b"*", None),
        };
        let (path, query) = match memchr::memchr(b'?', whole).and_then(|at| whole.split_at_checked(at)) {
            Some((path, [_, query @ ..])) => (path, Some(query)),
            _ => (whole, None),
        };
        // Only the absolute form may lack a path.
        (if path.is_empty() { b"/" } else { path }, query)
    }
}

/// Parses a target; its form must fit the method (RFC 9112 section 3.2).
pub fn parse(method: Method, bytes: &[u8]) -> Result<RequestTarget<'_>, Reject> {
    if target_len(bytes) < bytes.len() {
        return Err(BAD_BYTE);
    }
    parse_form(method, bytes)
}

/// Length of the allowed prefix.
///
/// `#` never goes on the wire. Old clients send bytes of 0x80 and above unencoded, harmless to framing.
pub(super) fn target_len(bytes: &[u8]) -> usize {
    len_before_mark(bytes, |word| {
        mark_below(word, b' ' + 1) | mark_equal(word, 0x7f) | mark_equal(word, b'#')
    })
}

/// [`parse`] for bytes checked by [`target_len`].
pub(super) fn parse_form(method: Method, bytes: &[u8]) -> Result<RequestTarget<'_>, Reject> {
    match (bytes, method) {
        (_, Method::Connect) => parse_authority(bytes),
        ([b'/', ..], _) => Ok(RequestTarget::Origin(bytes)),
        (b"*", Method::Options) => Ok(RequestTarget::Asterisk),
        (b"*", _) => {
            Err(Reject::bad_request("The request target \"*\" is valid with the method OPTIONS only."))
        }
        _ => parse_absolute(bytes),
    }
}

const BAD_BYTE: Reject = Reject::bad_request(
    "The request target has an invalid byte (white space, a control byte or \"#\"): percent-encode it.",
);
const BAD_FORM: Reject =
    Reject::bad_request("The request target must begin with \"/\", or be a complete http or https URL.");
const BAD_AUTHORITY: Reject = Reject::bad_request("The host in the request target is missing or malformed.");

static HOST: ByteSet = ByteSet::ALPHANUMERIC.with(b"-._~%!$&'()*+;=");
/// Address in brackets.
static LITERAL: ByteSet = ByteSet::ALPHANUMERIC.with(b"-._~%!$&'()*+;=:");

fn parse_authority(bytes: &[u8]) -> Result<RequestTarget<'_>, Reject> {
    let port = bytes.rsplit(|&byte| byte == b':').next().unwrap_or_default();
    if has_host(bytes) && bytes.len() > port.len() && is_port(port) && !port.is_empty() {
        return Ok(RequestTarget::Authority(bytes));
    }
    Err(Reject::bad_request("The request target of CONNECT must be a host, a colon and a port."))
}

fn parse_absolute(bytes: &[u8]) -> Result<RequestTarget<'_>, Reject> {
    let (scheme, rest) = memmem::find(bytes, b"://")
        .and_then(|at| Some((bytes.get(..at)?, bytes.get(at + 3..)?)))
        .ok_or(BAD_FORM)?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(BAD_FORM);
    }
    let authority_len = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at_checked(authority_len).ok_or(BAD_FORM)?;
    if !has_host(authority) {
        return Err(BAD_AUTHORITY);
    }
    let path_and_query = if path_and_query.is_empty() { b"/" } else { path_and_query };
    Ok(RequestTarget::Absolute { authority, path_and_query })
}

/// Whether this is `uri-host [":" port]` with a non-empty host (RFC 9110 section 7.2).
pub fn has_host(bytes: &[u8]) -> bool {
    is_authority(bytes) && !matches!(bytes, [] | [b':', ..])
}

/// `uri-host [":" port]` (RFC 9110 section 7.2) with a possibly empty host.
///
/// RFC 3986 allows commas; rejected here, as they would make a list of hosts.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    let after_host = match bytes {
        [b'[', literal @ ..] => match literal.iter().position(|&byte| !LITERAL.contains(byte)) {
            Some(end) if end > 0 && literal.get(end) == Some(&b']') => literal.get(end + 1..),
            _ => None,
        },
        name => {
            name.iter().position(|&byte| !HOST.contains(byte)).map_or(Some(&b""[..]), |end| name.get(end..))
        }
    };
    match after_host {
        Some([]) => true,
        Some([b':', port @ ..]) => is_port(port),
        _ => false,
    }
}

/// Possibly empty (RFC 3986 section 3.2.3); no port of TCP is above 65535.
fn is_port(bytes: &[u8]) -> bool {
    bytes.is_empty() || parse_decimal(bytes).is_some_and(|port| port <= u64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_forms_give_path_and_query() {
        use Method::{Connect, Get, Options, Unknown};
        for (method, bytes, path, query) in [
            (Get, "/", "/", None),
            (Get, "/a/b?x=1?y", "/a/b", Some("x=1?y")),
            (Get, "/a?", "/a", Some("")),
            (Get, "//x", "//x", None),
            (Get, "/\u{e9}", "/\u{e9}", None),
            (Get, "/a|b\"<>", "/a|b\"<>", None),
            (Unknown, "/a", "/a", None),
            (Get, "http://h/p?q", "/p", Some("q")),
            (Get, "HTTP://h:80", "/", None),
            (Get, "httpS://[::1]:80/p", "/p", None),
            (Get, "http://h?q/r", "/", Some("q/r")),
            (Get, "http://h?", "/", Some("")),
            (Get, "http://h/http://i", "/http://i", None),
            (Options, "*", "*", None),
            (Options, "/a", "/a", None),
            (Connect, "h:443", "", None),
            (Connect, "[::1]:443", "", None),
        ] {
            let target = parse(method, bytes.as_bytes()).expect(bytes);
            assert_eq!(target.path(), path.as_bytes(), "{bytes}");
            assert_eq!(target.query(), query.map(str::as_bytes), "{bytes}");
        }
    }

    #[test]
    fn absolute_form_keeps_authority() {
        let target = parse(Method::Get, b"http://example.com:8080").unwrap();
        assert_eq!(target, RequestTarget::Absolute { authority: b"example.com:8080", path_and_query: b"/" });
    }

    #[test]
    fn target_form_wrong_for_method_gets_400() {
        use Method::{Connect, Get, Head, Options};
        for (method, bytes) in [
            (Get, &b""[..]),
            (Get, b"*"),
            (Head, b"*"),
            (Options, b"**"),
            (Get, b"a"),
            (Get, b"../a"),
            (Get, b"h:80"),
            (Get, b"?q"),
            (Get, b"/a#b"),
            (Get, b"/#"),
            (Get, b"http://h#f"),
            (Get, b"/a b"),
            (Get, b"/a\tb"),
            (Get, b"/\0"),
            (Get, b"/\x7f"),
            (Get, b"http:/h/"),
            (Get, b"http://"),
            (Get, b"http:///p"),
            (Get, b"http://:80/"),
            (Get, b"http://u@h/"),
            (Get, b"http://u:p@h/"),
            (Get, b"http://h:x/"),
            (Get, b"http://h:65536/"),
            (Connect, b"h:99999"),
            (Get, b"http://[::1/"),
            (Get, b"ftp://h/"),
            (Get, b"://h/"),
            (Get, b"file:///etc/passwd"),
            (Connect, b"/"),
            (Connect, b"*"),
            (Connect, b"h"),
            (Connect, b"h:"),
            (Connect, b":443"),
            (Connect, b"http://h/"),
            (Connect, b"[::1]"),
        ] {
            let rejected = parse(method, bytes).expect_err(&bytes.escape_ascii().to_string());
            assert_eq!(rejected.status.code(), 400);
        }
    }

    #[test]
    fn is_authority_accepts_host_with_optional_port() {
        for (bytes, valid) in [
            ("", true),
            ("a", true),
            ("a:", true),
            ("a:80", true),
            (":80", true),
            ("127.0.0.1:8080", true),
            ("[::1]", true),
            ("[::1]:80", true),
            ("[fe80::1%25eth0]", true),
            ("xn--bcher-kva.example", true),
            ("a_b", true),
            ("a,b", false),
            ("a b", false),
            ("a/b", false),
            ("a\\b", false),
            ("u@a", false),
            ("a?b", false),
            ("a#b", false),
            ("a:80:80", false),
            ("::1", false),
            ("a:8o", false),
            ("a:-1", false),
            ("a:00080", true),
            ("a:65535", true),
            ("a:65536", false),
            ("[::1]:99999", false),
            ("a:99999999999999999999999", false),
            ("[::1", false),
            ("[]", false),
            ("[::1]a", false),
            ("a\"", false),
            ("a\u{e9}", false),
        ] {
            assert_eq!(is_authority(bytes.as_bytes()), valid, "{bytes}");
        }
    }
}
