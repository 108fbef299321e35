//! How far bytes of one kind go: the inner loops of the parser of whole heads, eight bytes at a time.
//!
//! A word of eight bytes is asked for all of them at once, by arithmetic in which no byte disturbs those
//! behind it, and may only disturb those before it; the last in the word is the first in memory, so that
//! the first byte found is always the right one. It owns the arithmetic and no rule of HTTP.

const HIGH_BITS: u64 = repeat(0x80);

const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks the bytes below `limit`, which is 0x80 at most: the lowest mark is true, others may not be.
pub(super) const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(repeat(limit)) & !word & HIGH_BITS
}

/// Marks the bytes that are this one, in the same way.
pub(super) const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ repeat(byte), 1)
}

/// How many bytes there are in front of the first that `mark` marks; it marks NUL, which stands behind
/// the last byte.
#[inline]
pub(super) fn unmarked_len(bytes: &[u8], mark: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = mark(u64::from_le_bytes(*word));
        if marks != 0 {
            return 8 * index + marks.trailing_zeros() as usize / 8;
        }
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    8 * words.len() + mark(u64::from_le_bytes(last)).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_byte_is_marked_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut bytes = [b'a'; 24];
                bytes[at] = byte;
                let len = unmarked_len(&bytes, |word| below(word, b' ') | equal(word, 0x7f));
                let is_marked = byte < b' ' || byte == 0x7f;
                assert_eq!(len, if is_marked { at } else { bytes.len() }, "{byte:#04x} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_look_at_words_finds_what_a_look_at_each_byte_finds(
            bytes in proptest::collection::vec(prop_oneof![0u8..4, 0x7du8..0x84, any::<u8>()], 0..40),
            limit in 1u8..=0x80,
            other: u8,
        ) {
            let ends_at = bytes.iter().position(|&byte| byte < limit || byte == other).unwrap_or(bytes.len());
            prop_assert_eq!(unmarked_len(&bytes, |word| below(word, limit) | equal(word, other)), ends_at);
        }
    }
}
