//! Content codings of precompressed and generated files.
//!
//! Never uses HTTP names or opens a file.

use std::time::Instant;

/// Content coding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Suffix `.br`.
    Brotli,
    /// Suffix `.zst`.
    Zstd,
    /// Suffix `.gz`; the only generated coding.
    Gzip,
}

impl Coding {
    /// Number of codings.
    pub const COUNT: usize = 3;

    pub(super) const ALL: [Coding; Coding::COUNT] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// File name suffix.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// Accepted codings of a request.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct EncodingPreferences {
    /// Best first.
    codings: [Option<Coding>; Coding::COUNT],
    pub(super) tick: Option<Instant>,
}

impl EncodingPreferences {
    /// Original file only.
    pub const PLAIN: EncodingPreferences = EncodingPreferences { codings: [None; Coding::COUNT], tick: None };

    /// Codings, best first; at most [`Coding::COUNT`].
    ///
    /// `tick` allows generating a missing coding. All calls in one tick pass one `Instant`.
    pub fn new(codings: impl IntoIterator<Item = Coding>, tick: Option<Instant>) -> EncodingPreferences {
        let mut accepted = EncodingPreferences { tick, ..EncodingPreferences::PLAIN };
        for (slot, coding) in accepted.codings.iter_mut().zip(codings) {
            *slot = Some(coding);
        }
        accepted
    }

    /// Equal codings in a later tick.
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
