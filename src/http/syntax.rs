//! The small grammar that several parsers share (RFC 9110 section 5.6).
//!
//! It owns byte classes, white space, comma lists and decimal numbers. It never knows which field
//! or line it is looking at.

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
