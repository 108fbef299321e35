//! Significance test of the difference between two error shares.
//!
//! Newcombe's interval (1998, method 10) also holds for few or no errors. A second in which all requests fail
//! is one event, not hundreds. So the number of requests is divided by the errors per burst.

use crate::load::stats::summary::{Summary, ratio};

/// Normal deviate of 95 %, two-tailed.
const Z_95: f64 = 1.96;

/// Error share, sample size `of`, and errors per burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Proportion {
    share: f64,
    of: f64,
    burst_len: f64,
}

impl Proportion {
    pub(super) fn of(summary: &Summary) -> Self {
        let slices = summary.slices.iter();
        let counts = slices.map(|its| (its.slice.errors() as f64, (its.answered + its.failed) as f64));
        Self {
            share: summary.error_share,
            of: summary.ended_count() as f64,
            burst_len: burst_len(&counts.collect::<Vec<_>>()),
        }
    }

    /// Wilson interval (1927) for bursts of this length.
    fn interval(self, burst_len: f64) -> (f64, f64) {
        let (share, of) = (self.share, self.of / burst_len);
        let square = Z_95 * Z_95;
        let scale = 1.0 + square / of;
        let center = share + square / (2.0 * of);
        let half = Z_95 * (share * (1.0 - share) / of + square / (4.0 * of * of)).sqrt();
        ((center - half) / scale, (center + half) / scale)
    }
}

pub(super) fn difference_interval(before: Proportion, after: Proportion) -> Option<(f64, f64)> {
    if before.of == 0.0 || after.of == 0.0 {
        return None;
    }
    // A run without errors shows no burst length: the other's applies to both.
    let burst_len = before.burst_len.max(after.burst_len);
    let (one, other) = (before.interval(burst_len), after.interval(burst_len));
    let change = after.share - before.share;
    let down = (after.share - other.0).hypot(one.1 - before.share);
    let up = (other.1 - after.share).hypot(before.share - one.0);
    Some((change - down, change + up))
}

/// Errors per burst, at least 1: variation between slices, relative to chance.
fn burst_len(slices: &[(f64, f64)]) -> f64 {
    let (failed, all) = slices.iter().fold((0.0, 0.0), |sum, slice| (sum.0 + slice.0, sum.1 + slice.1));
    let share = ratio(failed, all);
    let squares = slices.iter().map(|(failed, all)| {
        let wanted = share * all;
        ratio((failed - wanted).powi(2), wanted * (1.0 - share))
    });
    ratio(squares.sum(), slices.len() as f64 - 1.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::load::stats::summary::tests::{info, stalling_metrics};

    fn part(errors: u32, of: u32) -> Proportion {
        Proportion { share: f64::from(errors) / f64::from(of), of: f64::from(of), burst_len: 1.0 }
    }

    /// Examples of the paper, table II, method 10.
    #[test]
    fn difference_interval_matches_newcombe_1998() {
        for (one, other, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ] {
            let found = difference_interval(part(other.0, other.1), part(one.0, one.1)).expect("an interval");
            assert!((found.0 - low).abs() < 5e-4 && (found.1 - high).abs() < 5e-4, "{found:?}");
        }
        assert_eq!(difference_interval(Proportion { of: 0.0, ..part(0, 1) }, part(1, 2)), None);
        let apart = difference_interval(part(0, 10_000), part(50, 10_000)).expect("an interval");
        let burst = Proportion { burst_len: 50.0, ..part(50, 10_000) };
        let burst = difference_interval(part(0, 10_000), burst).expect("an interval");
        assert!(apart.0 > 0.0 && burst.0 < 0.0, "{apart:?} {burst:?}");
    }

    #[test]
    fn sample_size_includes_unsent_requests() {
        let mut metrics = stalling_metrics(0);
        let before = Proportion::of(&Summary::of(&metrics, &info()));
        (0..500).for_each(|_| metrics.unsent(0, None, Duration::ZERO));
        let after = Proportion::of(&Summary::of(&metrics, &info()));
        assert_eq!(after.of, before.of + 500.0);
    }

    #[test]
    fn burst_len_grows_with_clustered_errors() {
        assert_eq!(burst_len(&[(0.0, 100.0); 10]), 1.0);
        assert_eq!(burst_len(&[(1.0, 100.0); 10]), 1.0);
        assert_eq!(burst_len(&[]), 1.0);
        let mut burst = [(0.0, 100.0); 10];
        burst[3] = (50.0, 100.0);
        assert!((burst_len(&burst) - 50.0).abs() < 5.0, "{}", burst_len(&burst));
    }
}
