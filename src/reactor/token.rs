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

#[cfg(test)]
impl Key {
    /// A key that names nobody.
    pub(crate) fn for_test(index: u32) -> Self {
        Self { index, generation: 1 }
    }
}

/// The generation that no connection has: listeners, signals, the waker, the input and the alarm use it.
const FIXED: u32 = 0;
const SIGNALS: u32 = u32::MAX;
const WAKER: u32 = u32::MAX - 1;
const FD: u32 = u32::MAX - 2;
const TIMER: u32 = u32::MAX - 3;

/// Whom a kernel event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Connection(Key),
    Listener(usize),
    Signals,
    Waker,
    Fd,
    Timer,
}

impl TokenKind {
    pub(super) fn from_token(token: Token) -> Self {
        let (generation, index) = ((token.0 >> 32) as u32, token.0 as u32);
        match (generation, index) {
            (FIXED, SIGNALS) => Self::Signals,
            (FIXED, WAKER) => Self::Waker,
            (FIXED, FD) => Self::Fd,
            (FIXED, TIMER) => Self::Timer,
            (FIXED, listener) => Self::Listener(listener as usize),
            (generation, index) => Self::Connection(Key { index, generation }),
        }
    }

    pub(super) fn token(self) -> Token {
        let (generation, index) = match self {
            Self::Connection(key) => (key.generation, key.index),
            Self::Listener(listener) => (FIXED, listener as u32),
            Self::Signals => (FIXED, SIGNALS),
            Self::Waker => (FIXED, WAKER),
            Self::Fd => (FIXED, FD),
            Self::Timer => (FIXED, TIMER),
        };
        Token((generation as usize) << 32 | index as usize)
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

    #[test]
    fn token_round_trips_each_kind() {
        let key = |index, generation| TokenKind::Connection(Key { index, generation });
        for kind in [
            key(0, 1),
            key(7, u32::MAX),
            key(u32::MAX, 1),
            TokenKind::Listener(3),
            TokenKind::Signals,
            TokenKind::Waker,
            TokenKind::Fd,
            TokenKind::Timer,
        ] {
            assert_eq!(TokenKind::from_token(kind.token()), kind);
        }
    }

    #[test]
    fn generations_wrap_and_skip_the_fixed_one() {
        let mut generations = Generations(u32::MAX - 1);
        assert_eq!([generations.next(), generations.next(), generations.next()], [u32::MAX, 1, 2]);
    }
}
