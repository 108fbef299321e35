//! Record formats, and the ASCII escaping of two of them. None allocates.
//!
//! Reversible: `\xHH` outside printable ASCII, `\\`, and `\"` inside quotes.

pub(super) mod combined;
pub(super) mod headers;
pub(super) mod json;

use crate::text::plain_len;

/// Quoted value; `"-"` if absent.
pub(super) fn quoted(out: &mut Vec<u8>, value: Option<&[u8]>) {
    let Some(value) = value else { return out.extend_from_slice(b"\"-\"") };
    out.push(b'"');
    escaped(out, value, |byte| is_harmless(byte) & (byte != b'"'));
    out.push(b'"');
}

/// Value without spaces; `-` if absent.
pub(super) fn word(out: &mut Vec<u8>, value: Option<&[u8]>) {
    escaped(out, value.unwrap_or(b"-"), |byte| is_harmless(byte) & !b" \"".contains(&byte));
}

pub(super) fn unquoted(out: &mut Vec<u8>, value: &[u8]) {
    escaped(out, value, is_harmless);
}

/// `write!` costs more than the rest of a line.
pub(super) fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn escaped(out: &mut Vec<u8>, mut value: &[u8], is_harmless: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    loop {
        let (run, rest) = value.split_at(plain_len(value, &is_harmless));
        out.extend_from_slice(run);
        let Some((&byte, rest)) = rest.split_first() else { return };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'\\', b'x', HEX[high], HEX[low]]);
            }
        }
        value = rest;
    }
}

fn is_harmless(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & (byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::tests::undo_unquoted;

    use proptest::prelude::*;

    #[test]
    fn quotes_are_escaped_only_in_quoted_values() {
        let mut out = Vec::new();
        unquoted(&mut out, b"a\"b\\\n");
        quoted(&mut out, Some(b"a\"b\\\n"));
        quoted(&mut out, None);
        assert_eq!(out, b"a\"b\\\\\\x0A\"a\\\"b\\\\\\x0A\"\"-\"");
    }

    proptest! {
        #[test]
        fn unquoted_value_round_trips(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut out = Vec::new();
            unquoted(&mut out, &value);
            let text = String::from_utf8(out).unwrap();
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(undo_unquoted(&text), Some(value));
        }
    }
}
