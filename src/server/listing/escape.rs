//! Names as text: in a page, in JSON, on a line of their own, in a query.
//!
//! A name is any bytes, and some are made to deceive. Each function here writes them so that they
//! are only ever text in their place, and so that what cannot be seen is shown. It writes no markup
//! but its own, and never decides what is written.

use std::io::Write;
use std::str;

use crate::http::percent_encode_path;
use crate::text::is_deceptive;

/// Appends text so that it is only ever text, in an element and in a quoted attribute alike.
pub(super) fn html(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        html_char(out, c);
    }
}

fn html_char(out: &mut Vec<u8>, c: char) {
    match c {
        '&' => out.extend_from_slice(b"&amp;"),
        '<' => out.extend_from_slice(b"&lt;"),
        '>' => out.extend_from_slice(b"&gt;"),
        '"' => out.extend_from_slice(b"&quot;"),
        '\'' => out.extend_from_slice(b"&#39;"),
        // What a parser would not let stand, or would change.
        '\0' => out.extend_from_slice("\u{fffd}".as_bytes()),
        '\r' => out.extend_from_slice(b"&#13;"),
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Appends a name for a page: bytes that are no UTF-8 as U+FFFD, what deceives as an escape in `<i>`.
pub(super) fn html_name(out: &mut Vec<u8>, name: &[u8]) {
    for c in String::from_utf8_lossy(name).chars() {
        if is_deceptive(c) {
            out.extend_from_slice(b"<i>");
            escape_char(out, c);
            out.extend_from_slice(b"</i>");
        } else {
            html_char(out, c);
        }
    }
}

/// Appends a name where a page can have no markup: in its title.
pub(super) fn html_title(out: &mut Vec<u8>, name: &[u8]) {
    for c in String::from_utf8_lossy(name).chars() {
        html_char(out, if is_deceptive(c) { char::REPLACEMENT_CHARACTER } else { c });
    }
}

/// Appends a path as a link in a quoted attribute: it leads to exactly these bytes.
pub(super) fn html_link(out: &mut Vec<u8>, path: &[u8]) {
    let mut link = Vec::with_capacity(path.len() * 3);
    percent_encode_path(&mut link, path);
    html(out, &String::from_utf8_lossy(&link));
}

/// Appends a string of JSON (RFC 8259 section 7), quotes included; bytes that are no UTF-8 as U+FFFD.
pub(super) fn json(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            // JavaScript takes the two separators for ends of lines; the rest moves cursors.
            '\0'..'\u{20}' | '\u{7f}'..'\u{a0}' | '\u{2028}' | '\u{2029}' => {
                push(out, format_args!("\\u{:04x}", u32::from(c)));
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Appends a name that is to be one line: what deceives, what is no UTF-8, and the backslash itself
/// are escaped, so that the name can be had back.
pub(super) fn line(out: &mut Vec<u8>, name: &[u8]) {
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || is_deceptive(c) {
                escape_char(out, c);
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        for byte in chunk.invalid() {
            push(out, format_args!("\\x{byte:02x}"));
        }
    }
}

fn escape_char(out: &mut Vec<u8>, c: char) {
    match c {
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\0'..='\u{7f}' => push(out, format_args!("\\x{:02x}", u32::from(c))),
        c => push(out, format_args!("\\u{{{:x}}}", u32::from(c))),
    }
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// Appends a value of a query, encoded as a form would: only letters, digits and a few marks stand.
pub(super) fn query_value(out: &mut Vec<u8>, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => push(out, format_args!("%{byte:02X}")),
        }
    }
}

/// Reads a value of a query as a form encodes it: `+` is a space, and a `%` without two hexadecimal
/// digits is itself. What is no UTF-8 becomes U+FFFD.
pub(super) fn read_query_value(raw: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = after.split_at_checked(2).filter(|_| first == b'%').and_then(|(digits, behind)| {
            let digits = str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
            Some((u8::from_str_radix(digits, 16).ok()?, behind))
        });
        match (escaped, first) {
            (Some((byte, behind)), _) => {
                bytes.push(byte);
                rest = behind;
            }
            (None, b'+') => bytes.push(b' '),
            (None, byte) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before:".to_vec();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8").split_off(7)
    }

    #[test]
    fn names_stay_text_and_what_deceives_is_shown() {
        for (name, page, line_of_text) in [
            (&b"a b.txt"[..], "a b.txt", "a b.txt"),
            (b"<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;", "<b>&\"'"),
            (b"&lt;", "&amp;lt;", "&lt;"),
            (b"a\nb\tc\rd", "a<i>\\n</i>b<i>\\t</i>c<i>\\r</i>d", "a\\nb\\tc\\rd"),
            (b"\x1b[2J", "<i>\\x1b</i>[2J", "\\x1b[2J"),
            (b"a\\n", "a\\n", "a\\\\n"),
            (b"\xff.txt", "\u{fffd}.txt", "\\xff.txt"),
            ("a\u{202e}txt.exe".as_bytes(), "a<i>\\u{202e}</i>txt.exe", "a\\u{202e}txt.exe"),
            ("\u{85}\u{2028}".as_bytes(), "<i>\\u{85}</i><i>\\u{2028}</i>", "\\u{85}\\u{2028}"),
            ("\u{e9}\u{5d0}".as_bytes(), "\u{e9}\u{5d0}", "\u{e9}\u{5d0}"),
        ] {
            assert_eq!(written(|out| html_name(out, name)), page);
            assert_eq!(written(|out| line(out, name)), line_of_text);
        }
        assert_eq!(written(|out| html_title(out, b"<a>\n\xff")), "&lt;a&gt;\u{fffd}\u{fffd}");
        assert_eq!(written(|out| html(out, "a\0\r\n")), "a\u{fffd}&#13;\n");
    }

    #[test]
    fn links_lead_to_the_exact_bytes() {
        for (path, link) in [
            (&b"a b"[..], "a%20b"),
            (b"a:b?c#d%", "a%3Ab%3Fc%23d%25"),
            (b"a&lt;'\"<>", "a&amp;lt;&#39;%22%3C%3E"),
            (b"\xff\n", "%FF%0A"),
            (b"a/b", "a/b"),
        ] {
            assert_eq!(written(|out| html_link(out, path)), link);
        }
    }

    #[test]
    fn values_of_queries_are_read_as_forms_write_them() {
        for (raw, value) in [
            ("", ""),
            ("a+b", "a b"),
            ("a%20b%2B", "a b+"),
            ("%C3%A9%c3%a9", "\u{e9}\u{e9}"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%+1", "% 1"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(read_query_value(raw.as_bytes()), value, "{raw}");
        }
    }

    /// What a parser of HTML makes of text without markup.
    fn parse_html(page: &str) -> String {
        let known =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#13;", "\r"), ("&amp;", "&")];
        known.iter().fold(page.to_owned(), |text, (entity, c)| text.replace(entity, c))
    }

    /// The bytes that a line stands for.
    fn parse_line(line: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = line;
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let escape = &rest[at + 1..];
            let len = match escape.as_bytes()[0] {
                b'x' => {
                    bytes.push(u8::from_str_radix(&escape[1..3], 16).expect("a byte"));
                    3
                }
                b'u' => {
                    let end = escape.find('}').expect("an end");
                    let c = u32::from_str_radix(&escape[2..end], 16).ok().and_then(char::from_u32);
                    bytes.extend_from_slice(c.expect("a character").to_string().as_bytes());
                    end + 1
                }
                c => {
                    bytes.push(match c {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        c => c,
                    });
                    1
                }
            };
            rest = &escape[len..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }

    /// Names as they are and as they are made to break things.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let parts = ["<", "&", "\"", "'", "\\", "\n", "%41", "\u{202e}", "\u{e9}", "a", "amp;", "x41", "\0"];
        let parts = parts.map(|part| part.as_bytes().to_vec()).to_vec();
        let part = prop_oneof![proptest::sample::select(parts), any::<u8>().prop_map(|byte| vec![byte])];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn text_comes_out_of_a_page_as_it_went_in(text in "\\PC{0,12}") {
            let page = written(|out| html(out, &text));
            prop_assert!(!page.contains(['<', '>', '"', '\'']));
            prop_assert_eq!(parse_html(&page), text);
        }

        #[test]
        fn no_name_brings_markup_of_its_own(name in name()) {
            let page = written(|out| html_name(out, &name));
            prop_assert!(!page.replace("<i>", "").replace("</i>", "").contains(['<', '>', '"', '\'']));
            prop_assert!(!page.contains(|c: char| is_deceptive(c)));
        }

        #[test]
        fn a_name_comes_back_out_of_its_line(name in name()) {
            let text = written(|out| line(out, &name));
            prop_assert!(!text.contains(|c: char| is_deceptive(c)));
            prop_assert_eq!(parse_line(&text), name);
        }

        #[test]
        fn json_is_read_back_by_others(name in name()) {
            let text = written(|out| json(out, &name));
            let value: serde_json::Value = serde_json::from_str(&text).expect(&text);
            let expected = String::from_utf8_lossy(&name);
            prop_assert_eq!(value.as_str(), Some(&*expected));
            prop_assert!(text.chars().all(|c| !c.is_control()));
        }

        #[test]
        fn links_and_queries_come_back(name in name(), text in "\\PC{0,12}") {
            let link = parse_html(&written(|out| html_link(out, &name)));
            prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && !b":?#\"<>".contains(&byte)));
            let decoded = link.replace('+', "%2B");
            if String::from_utf8(name.clone()).is_ok() {
                prop_assert_eq!(read_query_value(decoded.as_bytes()).into_bytes(), name);
            }
            let value = written(|out| query_value(out, &text));
            prop_assert_eq!(read_query_value(value.as_bytes()), text);
        }
    }
}
