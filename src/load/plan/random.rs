//! Seeded pseudo-random numbers.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014); not for secrets.

/// Golden ratio as 64 bits.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Generator; each thread has its own seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// Generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Generator that differs between threads with one seed.
    pub fn for_thread(seed: u64, index: u64) -> Self {
        Self::new(Self::new(seed ^ index.wrapping_mul(GOLDEN).rotate_left(32)).next_u64())
    }

    /// Next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Number below `bound`, or 0 if `bound` is 0. Lemire's method without its last correction; bias below
    /// `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// Number from `first` to `last`, inclusive.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        match last.wrapping_sub(first).checked_add(1) {
            Some(span) => first.wrapping_add(self.below(span)),
            None => self.next_u64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_same_seed_same_numbers_other_seed_differs() {
        // First numbers of the reference implementation with this seed.
        let mut random = Random::new(1_234_567);
        let wanted = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next_u64(), random.next_u64(), random.next_u64()], wanted);
        assert_ne!(Random::for_thread(1, 0).next_u64(), Random::for_thread(1, 1).next_u64());
        assert_ne!(Random::for_thread(1, 0).next_u64(), Random::for_thread(2, 0).next_u64());
    }

    #[test]
    fn random_between_includes_both_bounds() {
        let mut random = Random::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| random.between(3, 6)).collect();
        assert!((3..=6).all(|number| drawn.contains(&number)));
        assert!(drawn.iter().all(|number| (3..=6).contains(number)));
        assert_eq!(random.between(5, 5), 5);
        assert_eq!(random.below(0), 0);
        random.between(0, u64::MAX);
    }
}
