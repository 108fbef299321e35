//! The value of Content-Disposition: the name under which a body is to be saved (RFC 6266).
//!
//! It owns the quoting and encoding of that name. No name can end the value early or add a field.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// All but what RFC 8187 section 3.2.1 lets stand as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `attachment` under this name. What not every client understands in a quoted string is `_` there, and
/// the name itself follows, encoded.
pub fn attachment(name: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(name);
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != text {
        value.push_str("; filename*=UTF-8''");
        value.extend(percent_encode(text.as_bytes(), ENCODED));
    }
    value.into_bytes()
}

/// Whether a quoted string may have it (RFC 6266 appendix D): no backslash or quote, which are escaped
/// in ways that clients disagree on; no percent sign, which some decode; no slash, which names a folder.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_and_encoded_and_never_more_than_a_name() {
        for (name, expected) in [
            (&b"docs.tar"[..], "\"docs.tar\""),
            (b"a b;c='d'.tar", "\"a b;c='d'.tar\""),
            (b"", "\"\""),
            (b"a\"b\\c", "\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"),
            (b"50%.tar", "\"50_.tar\"; filename*=UTF-8''50%25.tar"),
            (b"a\r\nSet-Cookie: b", "\"a__Set-Cookie: b\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b"),
            (
                "caf\u{e9} \u{20ac}.tar".as_bytes(),
                "\"caf_ _.tar\"; filename*=UTF-8''caf%C3%A9%20%E2%82%AC.tar",
            ),
            (b"\xff.tar", "\"_.tar\"; filename*=UTF-8''%EF%BF%BD.tar"),
            (b"\x7f\0\t", "\"___\"; filename*=UTF-8''%7F%00%09"),
            (b"..", "\"..\""),
        ] {
            let value = String::from_utf8(attachment(name)).unwrap();
            assert_eq!(value, format!("attachment; filename={expected}"));
            assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{value}");
        }
    }
}
