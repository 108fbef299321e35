//! What names a connection: the index of its slot and the generation of what lives there.
//!
//! A slot may be freed and used again within one batch of kernel events. The generation tells the
//! old tenant's events and timers from the new one's, so a stale key finds nobody.

use mio::Token;

const _: () = assert!(usize::BITS == 64, "a token carries an index and a generation of 32 bits each");

/// Names one connection, and never another that lives in the same slot later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// The generation that no connection has. The token of a listener is its number in this generation.
const FIXED: u32 = 0;
pub(super) const SIGNALS: Token = Token(u32::MAX as usize);
pub(super) const WAKER: Token = Token(u32::MAX as usize - 1);
pub(super) const FD: Token = Token(u32::MAX as usize - 2);
pub(super) const TIMER: Token = Token(u32::MAX as usize - 3);
pub(super) const HELPERS: Token = Token(u32::MAX as usize - 4);

impl Key {
    /// The connection that an event of this token is for, if it is for one.
    pub(super) fn from_token(token: Token) -> Option<Self> {
        let (generation, index) = ((token.0 >> 32) as u32, token.0 as u32);
        (generation != FIXED).then_some(Self { index, generation })
    }

    pub(super) fn token(self) -> Token {
        Token((self.generation as usize) << 32 | self.index as usize)
    }
}

/// Hands out generations: never 0, and the same one only after 2^32 - 1 others.
#[derive(Debug, Default)]
pub(super) struct Generations(u32);

impl Generations {
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.checked_add(1).unwrap_or(FIXED + 1);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Key {
        /// A key that names nobody.
        pub(crate) fn for_test(index: u32) -> Self {
            Self { index, generation: 1 }
        }
    }

    #[test]
    fn token_round_trips_each_key_and_no_other() {
        for (index, generation) in [(0, 1), (7, u32::MAX), (u32::MAX, 1)] {
            let key = Key { index, generation };
            assert_eq!(Key::from_token(key.token()), Some(key));
        }
        for token in [Token(3), SIGNALS, WAKER, FD, TIMER, HELPERS] {
            assert_eq!(Key::from_token(token), None);
        }
    }

    #[test]
    fn generations_wrap_and_skip_the_fixed_one() {
        let mut generations = Generations(u32::MAX - 1);
        assert_eq!([generations.next(), generations.next(), generations.next()], [u32::MAX, 1, 2]);
    }
}
