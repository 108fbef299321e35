//! epoll tokens and connection keys.
//!
//! A key is the index of a slot and a generation. A slot may be used again within one batch of events: the generation
//! tells a stale event or timer from one of the new connection.

use mio::Token;

const _: () = assert!(usize::BITS == 64, "a token carries an index and a generation of 32 bits each");

/// Slot and generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// Generation of fixed tokens and listener ids, never of a connection.
const FIXED: u32 = 0;
pub(super) const SIGNALS: Token = Token(u32::MAX as usize);
pub(super) const WAKER: Token = Token(u32::MAX as usize - 1);
pub(super) const FD: Token = Token(u32::MAX as usize - 2);
pub(super) const TIMER: Token = Token(u32::MAX as usize - 3);
pub(super) const HELPERS: Token = Token(u32::MAX as usize - 4);

impl Key {
    pub(super) fn from_token(token: Token) -> Option<Self> {
        let (generation, index) = ((token.0 >> 32) as u32, token.0 as u32);
        (generation != FIXED).then_some(Self { index, generation })
    }

    pub(super) fn token(self) -> Token {
        Token((self.generation as usize) << 32 | self.index as usize)
    }
}

/// Counter of generations: never 0, and each again only after 2^32 - 1 others.
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
        /// A key without a connection.
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
