//! Header fields of a raw head, filtered and redacted.
//!
//! Accepts any bytes: rejected requests are logged too.

use super::record::{HeaderChoice, LogStyle};

/// Header fields with credentials (RFC 9110 section 11, RFC 6265).
const SECRET_FIELDS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Replacement for a secret.
pub const REDACTED: &[u8] = b"(redacted)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeaderField<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

/// Fields that `style` keeps. The head may be incomplete or have trailing bytes.
pub(super) fn fields<'a>(head: &'a [u8], style: &'a LogStyle) -> impl Iterator<Item = HeaderField<'a>> {
    let mut rest = head;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let lines = rest.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    // For continuation lines.
    let (mut is_logged, mut is_redacted) = (style.headers == HeaderChoice::All, false);
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    // A bare CR may end a line, or not: what follows it has the secrecy of both readings.
    let parts = lines.flat_map(|line| line.split(|&byte| byte == b'\r').enumerate());
    parts.filter(|(_, line)| !line.is_empty()).filter_map(move |(index, line)| {
        let field = split_field(line);
        let name = field.name.trim_ascii();
        // Leading white space continues the previous field (RFC 9112 section 5.2).
        if index == 0 && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            is_redacted = false;
            is_logged = match field.value {
                Some(_) => style.headers.includes(name),
                None => style.headers == HeaderChoice::All,
            };
        } else if is_redacted {
            return is_logged.then_some(HeaderField { name: b"", value: Some(REDACTED) });
        }
        is_redacted |= !style.shows_secrets && is_secret(name);
        let value = if is_redacted { field.value.map(|_| REDACTED) } else { field.value };
        is_logged.then_some(HeaderField { value, ..field })
    })
}

/// Redacts a secret header field, misplaced by a split head or behind a bare CR.
pub(super) fn redact_request_line<'a>(line: &'a [u8], style: &LogStyle) -> &'a [u8] {
    let is_secret = |part| matches!(split_field(part), HeaderField { name, value: Some(_) } if is_secret(name.trim_ascii()));
    let is_shown = style.shows_secrets || !line.split(|&byte| byte == b'\r').any(is_secret);
    if is_shown { line } else { REDACTED }
}

/// True if fields of this name hold secrets.
pub fn is_secret(name: &[u8]) -> bool {
    SECRET_FIELDS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

fn split_field(line: &[u8]) -> HeaderField<'_> {
    let parts = memchr::memchr(b':', line).and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?)));
    match parts {
        Some((name, value)) => HeaderField { name, value: Some(value.trim_ascii()) },
        None => HeaderField { name: line, value: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] =
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nCookie: c=1\r\nx:2 \r\nauthorization: B\r\n\r\nbody: 1\r\n";

    fn logged_fields(head: &[u8], style: &LogStyle) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields(head, style).map(|field| (text(field.name), field.value.map(text))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        expected.iter().map(owned).collect()
    }

    fn only(names: &str) -> LogStyle {
        LogStyle { headers: HeaderChoice::parse(names).unwrap(), ..LogStyle::default() }
    }

    #[test]
    fn fields_keep_order_and_repeats_and_secrets_are_redacted() {
        let hidden = "(redacted)";
        let all = [("Host", "a"), ("X", "1"), ("Cookie", hidden), ("x", "2"), ("authorization", hidden)];
        assert_eq!(logged_fields(HEAD, &LogStyle::default()), pairs(&all));
        let shown = LogStyle { shows_secrets: true, ..LogStyle::default() };
        let all = [("Host", "a"), ("X", "1"), ("Cookie", "c=1"), ("x", "2"), ("authorization", "B")];
        assert_eq!(logged_fields(HEAD, &shown), pairs(&all));
    }

    #[test]
    fn header_choice_does_not_show_secrets() {
        assert_eq!(
            logged_fields(HEAD, &only("x,cookie")),
            pairs(&[("X", "1"), ("Cookie", "(redacted)"), ("x", "2")])
        );
        assert_eq!(logged_fields(HEAD, &only("none")), []);
    }

    #[test]
    fn malformed_head_is_logged_line_by_line() {
        let head = b"\r\n\r\nGET\nno colon\r\n: empty\r\nHost : a\n\nmore: 1";
        let mut told = logged_fields(head, &LogStyle::default());
        assert_eq!(told.remove(0), ("no colon".to_owned(), None));
        assert_eq!(told, pairs(&[("", "empty"), ("Host ", "a")]));
        for nothing in [&b""[..], b"\r\n", b"\r", b"G", b"\n\n"] {
            assert_eq!(fields(nothing, &LogStyle::default()).count(), 0, "{nothing:?}");
        }
    }

    #[test]
    fn secret_is_redacted_with_odd_spacing_case_or_folding() {
        let hide = |head: &[u8]| {
            let told = format!("{:?}", logged_fields(head, &LogStyle::default()));
            assert!(!told.contains("secret"), "{told}");
            told
        };
        hide(b"GET / HTTP/1.1\r\nAuthorization : secret\r\n");
        hide(b"GET / HTTP/1.1\r\nCOOKIE:secret");
        let told = hide(b"GET / HTTP/1.1\r\nSet-Cookie: a\r\n secret\r\n\ta: secret\r\nHost: a\r\n");
        assert!(told.contains("Host"), "{told}");
        hide(b"GET / HTTP/1.1\r\nX: a\rAuthorization: secret\r\n");
        hide(b"GET / HTTP/1.1\r\nX: a\r Authorization: secret\rb: secret\r\n");
        hide(b"GET / HTTP/1.1\r\nX: a\r\n Authorization: secret\r\n");
        let told = hide(b"GET / HTTP/1.1\r\nCookie: a\rsecret\r\nX: a\rB: c\r\r\n");
        assert!(told.ends_with("(\"X\", Some(\"a\")), (\"B\", Some(\"c\"))]"), "{told}");
        let line = b"GET http://h/ HTTP/1.1\rCookie: secret";
        assert_eq!(redact_request_line(line, &LogStyle::default()), REDACTED);
        assert_eq!(redact_request_line(b"Cookie: secret", &LogStyle::default()), REDACTED);
        assert_eq!(redact_request_line(b"GET /a:b HTTP/1.1", &LogStyle::default()), b"GET /a:b HTTP/1.1");
        let shown = LogStyle { shows_secrets: true, ..LogStyle::default() };
        assert_eq!(redact_request_line(b"Cookie: secret", &shown), b"Cookie: secret");
    }

    #[test]
    fn secret_field_names_match_in_any_case() {
        for name in ["Authorization", "PROXY-authorization", "cookie", "Set-Cookie"] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        assert!(!is_secret(b"Cookies") && !is_secret(b"WWW-Authenticate"));
    }
}
