//! Latencies in bins that are fine enough to show their shape.
//!
//! The bars of a summary are few and are the same in every report, so that they can be compared; these
//! are for the eye, and fit one run. They hold the same times, each once.

use super::super::super::recorder::Recorder;

/// About so many bins.
const BINS: f64 = 48.0;
/// Times that are further apart than this are in bins that grow with them.
const EVEN_RATIO_MAX: f64 = 20.0;

/// Times from `from_us` up to, and without, `to_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bin {
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    pub(super) count: u64,
}

/// The bins from the shortest time to the longest, empty ones among them.
pub(super) fn bins(recorder: &Recorder) -> Vec<Bin> {
    if recorder.is_empty() {
        return Vec::new();
    }
    let histogram = recorder.histogram();
    let (low, high) = (histogram.lowest_equivalent(histogram.min()), histogram.max().saturating_add(1));
    let mut bins = between(low, high);
    for value in histogram.iter_recorded() {
        let us = histogram.lowest_equivalent(value.value_iterated_to());
        let index = bins.partition_point(|bin| bin.to_us <= us);
        if let Some(bin) = bins.get_mut(index) {
            bin.count += value.count_at_value();
        }
    }
    bins
}

/// Empty bins of whole microseconds; a bin is at least one of them long.
fn between(low: u64, high: u64) -> Vec<Bin> {
    let (first, last) = (low as f64, high as f64);
    let is_even = last <= first * EVEN_RATIO_MAX;
    // Times are at most an hour of microseconds, and bins are few, so that both fit.
    let edge = |index: u64| match is_even {
        true => first + (last - first) * index as f64 / BINS,
        false => first * (last / first).powf(index as f64 / BINS),
    };
    let mut edges: Vec<u64> = (0..=BINS as u64).map(|index| edge(index).round() as u64).collect();
    edges.dedup();
    let pairs = edges.iter().zip(edges.iter().skip(1));
    pairs.map(|(from_us, to_us)| Bin { from_us: *from_us, to_us: *to_us, count: 0 }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(times_us: &[u64]) -> Vec<Bin> {
        let mut recorder = Recorder::default();
        times_us.iter().for_each(|us| recorder.record(Duration::from_micros(*us)));
        bins(&recorder)
    }

    #[test]
    fn every_time_is_in_one_bin() {
        let rows: [&[u64]; 6] =
            [&[7], &[1, 1, 2], &[100, 150, 199], &[1, 3_600_000_000], &[40, 41, 42, 900_000], &[5_000; 9]];
        for times in rows {
            let bins = of(times);
            assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), times.len() as u64, "{times:?}");
            assert!(bins.len() <= BINS as usize && bins[0].count > 0, "{times:?}");
            assert!(bins.iter().all(|bin| bin.from_us < bin.to_us));
            assert!(bins.windows(2).all(|pair| pair[0].to_us == pair[1].from_us));
        }
        assert_eq!(of(&[7]), [Bin { from_us: 7, to_us: 8, count: 1 }]);
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn bins_are_even_unless_times_are_far_apart() {
        let lengths = |times: &[u64]| of(times).iter().map(|bin| bin.to_us - bin.from_us).collect::<Vec<_>>();
        let even = lengths(&[1_000, 1_900]);
        assert!(even.iter().all(|length| (18..=20).contains(length)), "{even:?}");
        let growing = lengths(&[1_000, 900_000]);
        assert!(growing[growing.len() - 1] > growing[0] * 100, "{growing:?}");
    }
}
