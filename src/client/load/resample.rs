//! How far a figure could have come out differently: a bootstrap, seeded, over the slices of a run.
//!
//! Requests of the same second share its fate, so whole slices are drawn, not requests. A run with too
//! few slices is drawn by rank instead: the rank of a quantile among n answers varies as a binomial
//! number does. It knows nothing of what the figures are for.

use super::summary::{PERCENTILES, Summary, ratio};

/// Fewer slices than this show nothing of how seconds differ.
pub(super) const BLOCKS_MIN: usize = 10;
/// More than this are put together: drawing sixty is enough, and stays cheap.
const BLOCKS_MAX: usize = 60;

/// A small generator of random numbers (SplitMix64): the same seed, the same numbers.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        // The product is below `end`, for the factor is below one.
        (self.unit() * end as f64) as usize
    }

    /// A normal number, as near as twelve uniform ones come: enough within three deviations.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// The figures of a run that could have been.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    /// Answers a second.
    pub(super) rate: f64,
    /// The values of [`PERCENTILES`] in microseconds.
    pub(super) percentiles_us: [f64; PERCENTILES.len()],
}

/// Neighbouring slices, and how often each latency came in each of them.
struct Block {
    secs: f64,
    answered: f64,
    counts: Vec<u64>,
}

/// A run, ready to be drawn from.
pub(super) struct Sample {
    /// All latencies that came, shortest first.
    values_us: Vec<u64>,
    /// How often each of them came in the whole run.
    counts: Vec<u64>,
    blocks: Vec<Block>,
    answered: f64,
    wall_secs: f64,
}

impl Sample {
    pub(super) fn of(summary: &Summary) -> Self {
        let recorded = summary.corrected_times.histogram().iter_recorded();
        let (values_us, counts): (Vec<_>, Vec<_>) =
            recorded.map(|value| (value.value_iterated_to(), value.count_at_value())).unzip();
        let blocks = blocks(summary, &values_us);
        Self {
            values_us,
            counts,
            blocks,
            answered: summary.totals.answered as f64,
            wall_secs: summary.conditions.wall.as_secs_f64(),
        }
    }

    /// One run that could have been.
    pub(super) fn draw(&self, random: &mut Random) -> Draw {
        if self.blocks.len() >= BLOCKS_MIN { self.draw_blocks(random) } else { self.draw_ranks(random) }
    }

    fn draw_blocks(&self, random: &mut Random) -> Draw {
        let mut counts = vec![0; self.values_us.len()];
        let (mut answered, mut secs) = (0.0, 0.0);
        for _ in 0..self.blocks.len() {
            let Some(block) = self.blocks.get(random.below(self.blocks.len())) else { continue };
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

    fn draw_ranks(&self, random: &mut Random) -> Draw {
        let total: u64 = self.counts.iter().sum();
        let n = total as f64;
        let answered = self.answered + random.normal() * self.answered.sqrt();
        let percentiles_us = PERCENTILES.map(|(_, quantile)| {
            let rank = n * quantile + random.normal() * (n * quantile * (1.0 - quantile)).sqrt();
            self.at_rank(&self.counts, rank)
        });
        Draw { rate: ratio(answered.max(0.0), self.wall_secs), percentiles_us }
    }

    /// The value of this rank, the first one being 1; the nearest one if there is no such rank.
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

/// The slices that lie wholly within the run, put together until they are not too many.
fn blocks(summary: &Summary, values_us: &[u64]) -> Vec<Block> {
    let Some(length) = summary.slices.first().map(|slice| slice.length) else { return Vec::new() };
    let wall = summary.conditions.wall;
    let is_whole = |start: std::time::Duration| start.saturating_add(length) <= wall;
    let whole: Vec<_> = summary.slices.iter().filter(|slice| is_whole(slice.start)).collect();
    let group_len = whole.len().div_ceil(BLOCKS_MAX).max(1);
    let groups = whole.chunks(group_len).map(|group| {
        let mut block = Block { secs: 0.0, answered: 0.0, counts: vec![0; values_us.len()] };
        for slice in group {
            block.secs += slice.length.as_secs_f64();
            block.answered += slice.slice.answered as f64;
            for (us, count) in slice.slice.values() {
                let place = values_us.binary_search(&us).ok().and_then(|index| block.counts.get_mut(index));
                if let Some(sum) = place {
                    *sum += u64::from(count);
                }
            }
        }
        block
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{conditions, nothing, steady};
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_runs() {
        let sample = Sample::of(&steady(20, 1.0));
        let draw = |seed| sample.draw(&mut Random::new(seed));
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn runs_that_could_have_been_lie_around_the_run_that_was() {
        for (secs, name) in [(20, "by slices"), (5, "by ranks")] {
            let summary = steady(secs, 1.0);
            let sample = Sample::of(&summary);
            assert_eq!(sample.blocks.len() >= BLOCKS_MIN, secs == 20, "{name}");
            let mut random = Random::new(1);
            let draws: Vec<Draw> = (0..200).map(|_| sample.draw(&mut random)).collect();
            let mean = draws.iter().map(|draw| draw.percentiles_us[0]).sum::<f64>() / 200.0;
            let p50 = summary.corrected.map_or(0.0, |spread| spread.percentiles_us[0] as f64);
            assert!((mean / p50 - 1.0).abs() < 0.05, "{name}: {mean} and {p50}");
            let rate = draws.iter().map(|draw| draw.rate).sum::<f64>() / 200.0;
            assert!((rate / summary.rate - 1.0).abs() < 0.05, "{name}: {rate} and {}", summary.rate);
        }
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        let draw = Sample::of(&nothing(conditions())).draw(&mut Random::new(1));
        assert_eq!(draw, Draw { rate: 0.0, percentiles_us: [0.0; PERCENTILES.len()] });
    }
}
