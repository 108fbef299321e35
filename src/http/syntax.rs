//! The small grammar that several parsers share (RFC 9110 section 5.6).
//!
//! It owns byte classes, white space, comma lists and decimal numbers. It never knows which field
//! or line it is looking at.

use memchr::memchr;

/// Which bytes are `tchar`: what methods, field names and tokens are made of.
static TCHAR: [bool; 256] = tchar_table();

const fn tchar_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
}

/// `tchar` (RFC 9110 section 5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    TCHAR[usize::from(byte)]
}

/// `token` (RFC 9110 section 5.6.2): one `tchar` or more, as in a method or the name of a field.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// `token, token, ...` (RFC 9110 section 5.6.1): one or more, and no empty one among them.
pub fn is_token_list(list: &[u8]) -> bool {
    elements(list).all(is_token)
}

/// What can be sent as the value of a field (RFC 9110 section 5.5): no control bytes but HTAB, and no
/// white space around it.
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_text(byte)) && trim_ows(bytes).len() == bytes.len()
}

/// `type/subtype`, perhaps with parameters (RFC 9110 section 8.3.1).
pub fn is_media_type(bytes: &[u8]) -> bool {
    let (essence, parameters) = match memchr(b';', bytes) {
        Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at..).unwrap_or_default()),
        None => (bytes, &b""[..]),
    };
    let mut names = trim_ows(essence).splitn(2, |&byte| byte == b'/');
    let is_essence = names.next().is_some_and(is_token) && names.next().is_some_and(is_token);
    is_essence && is_field_value(bytes) && are_parameters(parameters)
}

/// `*( OWS ";" OWS name "=" value )` (RFC 9110 section 5.6.6); a value is a token or is quoted.
fn are_parameters(mut rest: &[u8]) -> bool {
    while let [b';', after @ ..] = rest {
        let after = trim_ows(after);
        let name_len = after.iter().take_while(|&&byte| is_tchar(byte)).count();
        let Some((b'=', value)) = after.get(name_len..).and_then(|rest| rest.split_first()) else {
            return false;
        };
        let value_len = match value {
            [b'"', quoted @ ..] => quoted_len(quoted).map_or(0, |len| len + 1),
            _ => value.iter().take_while(|&&byte| is_tchar(byte)).count(),
        };
        if name_len == 0 || value_len == 0 {
            return false;
        }
        rest = trim_ows(value.get(value_len..).unwrap_or_default());
    }
    rest.is_empty()
}

/// The length of a `quoted-string` behind its opening quote, the closing one included.
fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// What a field value, a reason phrase or a chunk extension may hold: HTAB, SP, VCHAR, obs-text.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=0x7e | 0x80..)
}

/// `bytes` without the optional white space (SP, HTAB) around it.
pub(super) fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma list, trimmed; empty ones too, so that a strict caller can refuse them.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(trim_ows)
}

/// `1*DIGIT` that fits: no sign, no white space, no overflow.
pub(super) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tchar_is_what_the_rfc_lists() {
        let listed = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for byte in 0..=u8::MAX {
            assert_eq!(is_tchar(byte), listed.contains(&byte), "{byte:#04x}");
        }
    }

    #[test]
    fn white_space_is_trimmed_at_both_ends_only() {
        for (given, trimmed) in
            [(&b" \ta b\t "[..], &b"a b"[..]), (b"", b""), (b" \t", b""), (b"\ra", b"\ra")]
        {
            assert_eq!(trim_ows(given), trimmed);
        }
    }

    #[test]
    fn a_list_keeps_its_empty_elements() {
        let found: Vec<&[u8]> = elements(b"a, b ,,c").collect();
        assert_eq!(found, [&b"a"[..], b"b", b"", b"c"]);
    }

    #[test]
    fn a_list_of_tokens_has_one_and_no_gap() {
        for (list, is_one) in [
            ("a", true),
            ("range, If-Match ,x-y", true),
            ("", false),
            ("a,", false),
            ("a,,b", false),
            ("a b", false),
            ("a: b", false),
            ("a\r\nb", false),
            ("\u{e9}", false),
        ] {
            assert_eq!(is_token_list(list.as_bytes()), is_one, "{list:?}");
        }
    }

    #[test]
    fn a_field_value_is_on_one_line_without_space_around() {
        for (value, is_one) in [
            ("", true),
            ("a", true),
            ("a \t b", true),
            ("caf\u{e9}", true),
            (" a", false),
            ("a\t", false),
            ("a\r\nb", false),
            ("a\0", false),
            ("\u{7f}", false),
        ] {
            assert_eq!(is_field_value(value.as_bytes()), is_one, "{value:?}");
        }
    }

    #[test]
    fn media_types_are_told_from_what_looks_like_one() {
        for text in [
            "text/plain",
            "Application/Vnd.X+json",
            "text/html; charset=utf-8",
            "text/html;charset=utf-8 ; x=\"a; \\\"b\\\"\"",
            "x/y;a=\"\"",
        ] {
            assert!(is_media_type(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain/x",
            "text plain",
            "text/pl ain",
            "text/plain;",
            "text/plain; charset",
            "text/plain; =x",
            "text/plain; a=",
            "text/plain; a=\"x",
            "text/plain; a=\"x\\\"",
            "text/plain; a=\"x\"y",
            "text/plain; a=b c=d",
            "text/plain, text/html",
            "text/plain\r\nX: y",
            " text/plain",
        ] {
            assert!(!is_media_type(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn decimals_are_digits_that_fit() {
        for (digits, value) in [
            (&b"0"[..], Some(0)),
            (b"007", Some(7)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"99999999999999999999", None),
            (b"", None),
            (b"+1", None),
            (b"-1", None),
            (b"1 ", None),
            (b"0x1", None),
            (b"1e3", None),
        ] {
            assert_eq!(parse_decimal(digits), value, "{}", digits.escape_ascii());
        }
    }
}
