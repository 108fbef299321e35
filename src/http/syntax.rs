//! Grammar shared by the parsers (RFC 9110 section 5.6).
//!
//! Byte classes, lists and numbers. Searches test eight bytes at a time (SWAR).

use memchr::memchr;

static TCHAR: ByteSet = ByteSet::ALPHANUMERIC.with(b"!#$%&'*+-.^_`|~");

/// Byte table: any set costs one lookup.
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    pub(super) const ALPHANUMERIC: ByteSet =
        ByteSet([false; 256]).with(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    pub(super) const fn with(mut self, bytes: &[u8]) -> ByteSet {
        let mut at = 0;
        while at < bytes.len() {
            self.0[bytes[at] as usize] = true;
            at += 1;
        }
        self
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

/// `tchar` (section 5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    TCHAR.contains(byte)
}

/// `token` (section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// `token, token, ...`, none empty (section 5.6.1).
pub fn is_token_list(list: &[u8]) -> bool {
    elements(list).all(is_token)
}

pub(super) fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| is_tchar(byte)).count()
}

pub(super) fn text_len(bytes: &[u8]) -> usize {
    let len = len_before_mark(bytes, |word| mark_below(word, b' ') | mark_equal(word, 0x7f));
    match bytes.get(len..) {
        // The only control byte allowed, and rare.
        Some(rest @ [b'\t', ..]) => len + rest.iter().take_while(|&&byte| is_text(byte)).count(),
        _ => len,
    }
}

/// Field value without outer white space (section 5.5); HTAB is the only control byte.
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_text(byte)) && trim_ows(bytes).len() == bytes.len()
}

/// `type/subtype`, perhaps with parameters (section 8.3.1).
pub fn is_media_type(bytes: &[u8]) -> bool {
    let (essence, parameters) = bytes.split_at(memchr(b';', bytes).unwrap_or(bytes.len()));
    let mut names = trim_ows(essence).splitn(2, |&byte| byte == b'/');
    let is_essence = names.next().is_some_and(is_token) && names.next().is_some_and(is_token);
    is_essence && is_field_value(bytes) && are_parameters(parameters)
}

/// `*( OWS ";" OWS name "=" value )` (section 5.6.6); a value is a token or quoted.
fn are_parameters(mut rest: &[u8]) -> bool {
    while let [b';', after @ ..] = rest {
        let after = trim_ows(after);
        let name_len = token_len(after);
        let Some((b'=', value)) = after.get(name_len..).and_then(|rest| rest.split_first()) else {
            return false;
        };
        let value_len = match value {
            [b'"', quoted @ ..] => quoted_len(quoted).map_or(0, |len| len + 1),
            _ => token_len(value),
        };
        if name_len == 0 || value_len == 0 {
            return false;
        }
        rest = trim_ows(value.get(value_len..).unwrap_or_default());
    }
    rest.is_empty()
}

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

/// HTAB, SP, VCHAR, obs-text: field value, reason phrase, chunk extension.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=0x7e | 0x80..)
}

pub(super) fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Empty elements stay, for strict callers.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(trim_ows)
}

/// Bytes after `prefix`, whose letters have any case.
pub(super) fn after_prefix<'b>(bytes: &'b [u8], prefix: &str) -> Option<&'b [u8]> {
    let (start, rest) = bytes.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

/// `1*DIGIT` that fits into 64 bits.
pub(crate) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

// SWAR: tests eight bytes at once. A borrow makes wrong marks only later in memory, as the first byte is
// the least significant. So the lowest mark is right.
const HIGH_BITS: u64 = repeat(0x80);

const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks bytes below `limit`, at most 0x80; only the lowest mark is reliable.
pub(super) const fn mark_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(repeat(limit)) & !word & HIGH_BITS
}

/// Marks equal bytes; only the lowest mark is reliable.
pub(super) const fn mark_equal(word: u64, byte: u8) -> u64 {
    mark_below(word ^ repeat(byte), 1)
}

/// Length before the first marked byte; `mark` must mark NUL, the padding.
#[inline]
pub(super) fn len_before_mark(bytes: &[u8], mark: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = mark(u64::from_le_bytes(*word));
        if marks != 0 {
            return 8 * index + marks.trailing_zeros() as usize / 8;
        }
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
    8 * words.len() + mark(u64::from_le_bytes(last)).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_tchar_matches_rfc_list() {
        let listed = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for byte in 0..=u8::MAX {
            assert_eq!(is_tchar(byte), listed.contains(&byte), "{byte:#04x}");
        }
    }

    #[test]
    fn trim_ows_trims_both_ends_only() {
        for (given, trimmed) in
            [(&b" \ta b\t "[..], &b"a b"[..]), (b"", b""), (b" \t", b""), (b"\ra", b"\ra")]
        {
            assert_eq!(trim_ows(given), trimmed);
        }
    }

    #[test]
    fn elements_keeps_empty_elements() {
        let found: Vec<&[u8]> = elements(b"a, b ,,c").collect();
        assert_eq!(found, [&b"a"[..], b"b", b"", b"c"]);
    }

    #[test]
    fn is_token_list_rejects_empty_elements() {
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
    fn is_field_value_rejects_controls_and_outer_space() {
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
    fn is_media_type_rejects_malformed() {
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
    fn parse_decimal_accepts_digits_that_fit_u64() {
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

    #[test]
    fn len_before_mark_finds_each_byte_at_each_offset() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut bytes = [b'a'; 24];
                bytes[at] = byte;
                let len = len_before_mark(&bytes, |word| mark_below(word, b' ') | mark_equal(word, 0x7f));
                let is_marked = byte < b' ' || byte == 0x7f;
                assert_eq!(len, if is_marked { at } else { bytes.len() }, "{byte:#04x} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn len_before_mark_agrees_with_bytewise_search(
            bytes in proptest::collection::vec(prop_oneof![0u8..4, 0x7du8..0x84, any::<u8>()], 0..40),
            limit in 1u8..=0x80,
            other: u8,
        ) {
            let ends_at = bytes.iter().position(|&byte| byte < limit || byte == other).unwrap_or(bytes.len());
            prop_assert_eq!(len_before_mark(&bytes, |word| mark_below(word, limit) | mark_equal(word, other)), ends_at);
        }
    }
}
