//! Seeded bootstrap over the slices of a run.
//!
//! Requests of one second are dependent, so whole slices are drawn. Few slices vary less than seconds do. So
//! the interval is widened as Student's t is against the normal distribution (Hesterberg's expanded
//! percentile interval).

use std::time::Duration;

use fastrand::Rng;

use crate::load::stats::spread::PERCENTILES;
use crate::load::stats::summary::{Summary, ratio};

/// Lowest number of blocks: fewer do not show how seconds differ.
///
/// With fewer, the interval would exceed the extremes of 1,000 draws.
pub(super) const BLOCKS_MIN: usize = 5;
/// Limit of blocks: drawing sixty is enough and cheap.
const BLOCKS_MAX: usize = 60;

/// Share of draws beyond each end of the 95 % interval.
///
/// By lowest block count: the normal tail beyond sqrt(n / (n - 1)) times the quantile of Student's t.
const TAILS: [(usize, f64); 10] = [
    (60, 0.021_80),
    (40, 0.020_26),
    (30, 0.018_75),
    (20, 0.015_88),
    (15, 0.013_21),
    (10, 0.008_55),
    (8, 0.005_74),
    (7, 0.004_11),
    (6, 0.002_43),
    (5, 0.000_95),
];

/// 95 % interval of unordered values; `None` if `blocks` is too low.
pub(super) fn interval(mut values: Vec<f64>, blocks: usize) -> Option<(f64, f64)> {
    let (_, tail) = TAILS.into_iter().find(|(least, _)| blocks >= *least)?;
    values.sort_unstable_by(f64::total_cmp);
    // Less than half of the values.
    let outside = (values.len() as f64 * tail) as usize;
    Some((*values.get(outside)?, *values.get(values.len().checked_sub(outside + 1)?)?))
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    pub(super) rate: f64,
    pub(super) percentiles_us: [f64; PERCENTILES.len()],
}

/// Neighbouring slices, with a count per latency of the sample.
pub(super) struct Block {
    secs: f64,
    answered: f64,
    counts: Vec<u64>,
}

pub(super) struct Sample {
    /// Shortest first.
    values_us: Vec<u64>,
    pub(super) blocks: Vec<Block>,
}

impl Sample {
    pub(super) fn of(summary: &Summary) -> Self {
        let recorded = summary.corrected_times.histogram().iter_recorded();
        let values_us: Vec<u64> = recorded.map(|value| value.value_iterated_to()).collect();
        let blocks = blocks(summary, &values_us);
        Self { values_us, blocks }
    }

    pub(super) fn draw(&self, random: &mut Rng) -> Draw {
        let mut counts = vec![0; self.values_us.len()];
        let (mut answered, mut secs) = (0.0, 0.0);
        for _ in 0..self.blocks.len() {
            let Some(block) = random.choice(&self.blocks) else { continue };
            answered += block.answered;
            secs += block.secs;
            for (sum, count) in counts.iter_mut().zip(&block.counts) {
                *sum += count;
            }
        }
        let total: u64 = counts.iter().sum();
        let percentiles_us = PERCENTILES.map(|(_, quantile)| self.at_rank(&counts, quantile * total as f64));
        Draw { rate: ratio(answered, secs), percentiles_us }
    }

    /// Value of a 1-based rank, or the nearest one.
    fn at_rank(&self, counts: &[u64], rank: f64) -> f64 {
        let (mut seen, mut last) = (0, 0);
        for (value, count) in self.values_us.iter().zip(counts).filter(|(_, count)| **count > 0) {
            seen += count;
            last = *value;
            if seen as f64 >= rank {
                break;
            }
        }
        last as f64
    }
}

/// At most [`BLOCKS_MAX`] blocks. The last includes the partial slice and late responses, so the whole run
/// counts.
fn blocks(summary: &Summary, values_us: &[u64]) -> Vec<Block> {
    let Some(length) = summary.slices.first().map(|slice| slice.length) else { return Vec::new() };
    let wall = summary.info.wall;
    let is_whole = |start: Duration| start.saturating_add(length) <= wall;
    let whole = summary.slices.iter().filter(|slice| is_whole(slice.start)).count();
    let group_len = whole.div_ceil(BLOCKS_MAX).max(1);
    let mut blocks: Vec<Block> = Vec::new();
    for (index, slice) in summary.slices.iter().enumerate() {
        if index < whole && index.is_multiple_of(group_len) {
            blocks.push(Block { secs: 0.0, answered: 0.0, counts: vec![0; values_us.len()] });
        }
        let Some(block) = blocks.last_mut() else { continue };
        block.secs += wall.saturating_sub(slice.start).min(length).as_secs_f64();
        block.answered += slice.answered as f64;
        for (us, count) in slice.slice.values() {
            let place = values_us.binary_search(&us).ok().and_then(|index| block.counts.get_mut(index));
            if let Some(sum) = place {
                *sum += u64::from(count);
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stats::summary::tests::{empty_summary, info, steady};

    #[test]
    fn same_seed_gives_the_same_draws() {
        let sample = Sample::of(&steady(20, 1.0));
        let draw = |seed| sample.draw(&mut Rng::with_seed(seed));
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn bootstrap_draws_have_the_mean_of_the_run() {
        for secs in [5, 20, 130] {
            let summary = steady(secs, 1.0);
            let sample = Sample::of(&summary);
            assert_eq!(sample.blocks.len(), secs.min(BLOCKS_MAX as u64 - 16) as usize, "{secs} s");
            let mut random = Rng::with_seed(1);
            let draws: Vec<Draw> = (0..200).map(|_| sample.draw(&mut random)).collect();
            let mean = draws.iter().map(|draw| draw.percentiles_us[0]).sum::<f64>() / 200.0;
            let p50 = summary.corrected.map_or(0.0, |spread| spread.percentiles_us[0] as f64);
            assert!((mean / p50 - 1.0).abs() < 0.05, "{secs} s: {mean} and {p50}");
            let rate = draws.iter().map(|draw| draw.rate).sum::<f64>() / 200.0;
            assert!((rate / summary.rate - 1.0).abs() < 0.05, "{secs} s: {rate} and {}", summary.rate);
        }
    }

    #[test]
    fn draw_percentile_is_the_value_at_its_rank() {
        let block = Block { secs: 1.0, answered: 100.0, counts: vec![50, 25, 25] };
        let sample = Sample { values_us: vec![10, 20, 30], blocks: vec![block] };
        let draw = sample.draw(&mut Rng::with_seed(1));
        assert_eq!((draw.rate, &draw.percentiles_us[..3]), (100.0, &[10.0, 20.0, 30.0][..]));
    }

    #[test]
    fn blocks_sum_to_the_run_and_its_duration() {
        let mut summary = steady(7, 1.0);
        summary.info.wall = Duration::from_millis(6500);
        let sample = Sample::of(&summary);
        let secs: Vec<f64> = sample.blocks.iter().map(|block| block.secs).collect();
        assert_eq!(secs, [1.0, 1.0, 1.0, 1.0, 1.0, 1.5]);
        assert_eq!(sample.blocks.iter().map(|block| block.answered).sum::<f64>(), 3500.0);
        let counted: u64 = sample.blocks.iter().flat_map(|block| &block.counts).sum();
        assert_eq!(counted, 3500);
    }

    #[test]
    fn interval_widens_with_fewer_blocks_below_5_is_none() {
        let values = || (0..1000).rev().map(f64::from).collect::<Vec<_>>();
        assert_eq!(interval(values(), 4), None);
        assert_eq!(interval(values(), 5), Some((0.0, 999.0)));
        assert_eq!(interval(values(), 10), Some((8.0, 991.0)));
        assert_eq!(interval(values(), 1000), Some((21.0, 978.0)));
        assert_eq!(interval(Vec::new(), 10), None);
    }

    #[test]
    fn draw_from_empty_run_is_zero() {
        let draw = Sample::of(&empty_summary(info())).draw(&mut Rng::with_seed(1));
        assert_eq!(draw, Draw { rate: 0.0, percentiles_us: [0.0; PERCENTILES.len()] });
    }
}
