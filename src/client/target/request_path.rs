//! The path of a request: a word becomes what may stand in a request line, and nothing else.
//!
//! It owns what is percent-encoded and what is kept. It never touches `.` or `..` segments: what is
//! asked for is sent, and the server judges.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What must not stand in a request target as it is: space, controls, and what RFC 3986 leaves out.
/// `%` is judged by what follows it.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The same, but braces are kept: whoever renders placeholders sees to those that are none.
const NOT_IN_TEMPLATE: &AsciiSet = &NOT_IN_PATH.remove(b'{').remove(b'}');

/// The path and query that are sent: from the first slash, without a fragment, fit for a request line.
pub(super) fn request_path(text: &str) -> String {
    encoded(text, NOT_IN_PATH)
}

/// The same, with the braces that were there.
pub(super) fn template_path(text: &str) -> String {
    encoded(text, NOT_IN_TEMPLATE)
}

fn encoded(text: &str, escaped: &'static AsciiSet) -> String {
    let text = text.split_once('#').map_or(text, |(text, _fragment)| text);
    if text == "*" {
        return text.to_owned();
    }
    let mut path = String::with_capacity(text.len() + 1);
    if !text.starts_with('/') {
        path.push('/');
    }
    for (index, part) in text.split('%').enumerate() {
        if index > 0 {
            // A percent sign that begins no escape means itself.
            path.push_str(if is_escape(part) { "%" } else { "%25" });
        }
        path.extend(utf8_percent_encode(part, escaped));
    }
    path
}

/// Whether what follows a percent sign makes it an escape.
fn is_escape(rest: &str) -> bool {
    matches!(rest.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_fit_for_a_request_line() {
        let rows = [
            ("/a b", "/a%20b"),
            ("/a%20b%2F%c3", "/a%20b%2F%c3"),
            ("/100%", "/100%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/%€", "/%25%E2%82%AC"),
            ("/é", "/%C3%A9"),
            ("/a\r\nB: c\t\0\x7f", "/a%0D%0AB:%20c%09%00%7F"),
            ("/a?b c#d?e", "/a?b%20c"),
            ("#", "/"),
            ("/../a/./b", "/../a/./b"),
            ("/[a]'(b)*;=&,+@!$~", "/[a]'(b)*;=&,+@!$~"),
            ("/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ];
        for (text, path) in rows {
            assert_eq!(request_path(text), path, "{text:?}");
        }
    }
}
