//! The encodings in which a file can be found beside itself, or be made to be sent.
//!
//! Owns their names on disk and the order in which a request wants them. It knows nothing of what
//! they are called in HTTP, and never looks into a file.

use std::time::Instant;

/// How the bytes of a file are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Brotli, in files named `.br`.
    Brotli,
    /// Zstandard, in files named `.zst`.
    Zstd,
    /// gzip, in files named `.gz`, and the one that is made where there is no such file.
    Gzip,
}

impl Coding {
    /// How many there are.
    pub const COUNT: usize = 3;

    pub(super) const ALL: [Coding; Coding::COUNT] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// What the name of an encoded file has behind the name of the file that it stands for.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// The encodings that whoever asks for a file can read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct EncodingPreferences {
    /// The best first, and those that are there before those that are not.
    codings: [Option<Coding>; Coding::COUNT],
    /// The turn in which one may be made, if one may.
    pub(super) tick: Option<Instant>,
}

impl EncodingPreferences {
    /// Nothing but the file as it is.
    pub const PLAIN: EncodingPreferences = EncodingPreferences { codings: [None; Coding::COUNT], tick: None };

    /// These, the best first, of which no more than [`Coding::COUNT`] count. Where the file is in none of
    /// them, one may be made if `tick` is given: the moment that all who ask in this turn are told.
    pub fn new(codings: impl IntoIterator<Item = Coding>, tick: Option<Instant>) -> EncodingPreferences {
        let mut accepted = EncodingPreferences { tick, ..EncodingPreferences::PLAIN };
        for (slot, coding) in accepted.codings.iter_mut().zip(codings) {
            *slot = Some(coding);
        }
        accepted
    }

    /// The same encodings in a later tick.
    pub fn in_tick(self, tick: Instant) -> EncodingPreferences {
        EncodingPreferences { tick: self.tick.map(|_| tick), ..self }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.codings[0].is_none()
    }

    pub(super) fn accepted(&self) -> impl Iterator<Item = Coding> + use<> {
        self.codings.into_iter().flatten()
    }

    pub(super) fn includes(&self, coding: Coding) -> bool {
        self.codings.contains(&Some(coding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_encodings_keep_their_order() {
        let tick = Some(Instant::now());
        let accepted = EncodingPreferences::new([Coding::Gzip, Coding::Brotli], tick);
        assert_eq!(accepted.accepted().collect::<Vec<_>>(), [Coding::Gzip, Coding::Brotli]);
        assert!(!accepted.is_plain());
        assert_eq!((accepted.includes(Coding::Gzip), accepted.includes(Coding::Zstd)), (true, false));
        assert_eq!(accepted.tick, tick);
        assert!(EncodingPreferences::PLAIN.is_plain() && EncodingPreferences::new([], tick).is_plain());
        assert_eq!(EncodingPreferences::new([Coding::Gzip], None).tick, None);
        let many = EncodingPreferences::new([Coding::Zstd; 5], None);
        assert_eq!(many.accepted().count(), Coding::COUNT);
    }
}
