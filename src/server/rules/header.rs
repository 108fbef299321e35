//! `--header 'Name: value'`: fields of every response.
//!
//! The server's own fields are rejected: duplicates would contradict each other, and some delimit the
//! response.

use crate::http::{is_field_value, is_token};
use crate::text::split_once;

/// Field of every response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name as written; a token.
    pub name: String,
    /// Value without surrounding white space.
    pub value: Vec<u8>,
}

const RESERVED_FIELDS: [(&str, &str); 4] = [
    ("Cache-Control", "use --cache-control '**=VALUE'"),
    ("Content-Type", "use --mime EXT=TYPE"),
    ("Location", "use --redirect FROM=TO"),
    (
        "Accept-Ranges Allow Connection Content-Encoding Content-Length Content-Range Date ETag Keep-Alive \
         Last-Modified Proxy-Connection Retry-After TE Trailer Transfer-Encoding Upgrade Vary",
        "the server sends it where it applies; leave it out",
    ),
];

/// Must not repeat; others may be lists.
const SINGLETON_FIELDS: &[&str] = &["Server", "X-Content-Type-Options", "Access-Control-Allow-Origin"];

impl Header {
    /// Parses `Name: value`.
    ///
    /// # Errors
    /// Mistake and remedy.
    pub fn parse(text: &[u8]) -> Result<Header, String> {
        let pair = split_once(text, b':');
        let (name, value) = pair.ok_or("it has no colon; write it like 'X-Frame-Options: DENY'")?;
        let name = std::str::from_utf8(name).ok().filter(|name| is_token(name.as_bytes()));
        let name = name.ok_or("the part before the colon is not a field name, such as X-Frame-Options")?;
        let has_name = |names: &str| names.split(' ').any(|known| known.eq_ignore_ascii_case(name));
        if let Some((_, remedy)) = RESERVED_FIELDS.iter().find(|(names, _)| has_name(names)) {
            return Err(format!("{name} cannot be set; {remedy}"));
        }
        let value = value.trim_ascii();
        if value.is_empty() {
            return Err(format!("{name} has no value; leave it out, or write one after the colon"));
        }
        if !is_field_value(value) {
            return Err("its value has a control character; write it on one line, in plain text".to_owned());
        }
        Ok(Header { name: name.to_owned(), value: value.to_vec() })
    }

    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

pub(crate) fn check_header_conflicts(headers: &[Header], with_cors: bool) -> Result<(), String> {
    for (index, header) in headers.iter().enumerate() {
        let earlier = headers.iter().take(index).any(|other| other.has_name(&header.name));
        if earlier && SINGLETON_FIELDS.iter().any(|single| header.has_name(single)) {
            return Err(format!("--header: {} is given twice; leave one out", header.name));
        }
        let is_cors = header.has_name("Access-Control-Allow-Origin")
            || header.has_name("Access-Control-Expose-Headers");
        if with_cors && is_cors {
            return Err(format!("--header: {} is set by --cors; leave one of them out", header.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_parses_name_colon_value() {
        for (text, name, value) in [
            ("X-Frame-Options: DENY", "X-Frame-Options", "DENY"),
            ("x-a:b", "x-a", "b"),
            ("Link:  <a>; rel=b\t", "Link", "<a>; rel=b"),
            ("X-Time: 10:20", "X-Time", "10:20"),
            ("Server: mine", "Server", "mine"),
            ("X: caf\u{e9}", "X", "caf\u{e9}"),
        ] {
            let header = Header { name: name.to_owned(), value: value.as_bytes().to_vec() };
            assert_eq!(Header::parse(text.as_bytes()), Ok(header), "{text}");
        }
    }

    #[test]
    fn header_invalid_or_reserved_gets_error_with_remedy() {
        let error = |text: &[u8]| Header::parse(text).unwrap_err();
        for (text, part) in [
            (&b""[..], "it has no colon"),
            (b"X-Frame-Options", "it has no colon"),
            (b": x", "not a field name"),
            (b"X Y: z", "not a field name"),
            (b"X : z", "not a field name"),
            (b"caf\xe9: z", "not a field name"),
            (b"X:", "X has no value"),
            (b"X: \t ", "X has no value"),
            (b"X: a\r\nSet-Cookie: b", "control character"),
            (b"X: a\0b", "control character"),
            (b"X: a\x7f", "control character"),
            (b"content-type: text/plain", "content-type cannot be set; use --mime EXT=TYPE"),
            (b"CACHE-CONTROL: no-store", "CACHE-CONTROL cannot be set; use --cache-control '**=VALUE'"),
            (b"Content-Length: 5", "leave it out"),
        ] {
            assert!(error(text).contains(part), "{}: {}", text.escape_ascii(), error(text));
        }
        for name in RESERVED_FIELDS.iter().flat_map(|(names, _)| names.split(' ')) {
            assert!(error(format!("{name}: x").as_bytes()).starts_with(name));
        }
    }

    #[test]
    fn header_repeats_accepted_except_singletons() {
        let check = |texts: &[&str], with_cors| {
            let headers: Vec<_> = texts.iter().map(|text| Header::parse(text.as_bytes()).unwrap()).collect();
            check_header_conflicts(&headers, with_cors)
        };
        assert_eq!(check(&["Link: a", "link: b", "Set-Cookie: a", "Set-Cookie: b"], true), Ok(()));
        assert_eq!(check(&["Access-Control-Allow-Origin: *"], false), Ok(()));
        for (texts, expected) in [
            (&["Server: a", "server: b"][..], "--header: server is given twice; leave one out"),
            (
                &["access-control-allow-origin: *"],
                "--header: access-control-allow-origin is set by --cors; leave one of them out",
            ),
        ] {
            assert_eq!(check(texts, true), Err(expected.to_owned()));
        }
    }
}
