//! The quotients of a run, made once from its sums: what every report, assertion and comparison reads.
//!
//! Nothing here is NaN or infinite: what is divided by nothing is nothing. Figures of times that were
//! never recorded are absent, not nought.

use std::time::Duration;

use super::failure::FailureCounts;
use super::metrics::{Metrics, Totals, URL_FIGURES_MAX};
use super::recorder::Recorder;
use super::run_info::RunInfo;
use super::series::Slice;
use super::validity::{Evidence, Unfinished, Validity, judge};

/// The percentiles that are reported, with the share of the values that lies at or below each.
pub const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// How times are distributed, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub min_us: u64,
    /// The mean.
    pub mean_us: f64,
    /// The standard deviation.
    pub stdev_us: f64,
    /// The values of [`PERCENTILES`].
    pub percentiles_us: [u64; PERCENTILES.len()],
    /// The longest.
    pub max_us: u64,
}

impl Spread {
    /// The spread of what was recorded; none if nothing was.
    pub fn of(recorder: &Recorder) -> Option<Self> {
        let histogram = recorder.histogram();
        (!recorder.is_empty()).then(|| Self {
            count: recorder.len(),
            min_us: histogram.min(),
            mean_us: histogram.mean(),
            stdev_us: histogram.stdev(),
            percentiles_us: PERCENTILES.map(|(_, quantile)| recorder.quantile_us(quantile)),
            max_us: histogram.max(),
        })
    }

    /// The value of one of [`PERCENTILES`], by its name.
    pub fn percentile_us(&self, name: &str) -> Option<u64> {
        let named = PERCENTILES.iter().zip(self.percentiles_us).find(|((its, _), _)| *its == name);
        named.map(|(_, value)| value)
    }
}

/// One bar of the histogram: latencies above `from_us`, up to and with `to_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Where it begins; what is there belongs to the bar before.
    pub from_us: u64,
    /// Where it ends.
    pub to_us: u64,
    /// How many there are.
    pub count: u64,
}

/// The figures of one address.
#[derive(Clone, Debug, PartialEq)]
pub struct UrlSummary {
    /// The address, or what stands for those beyond the limit.
    pub url: String,
    /// Where its requests went.
    pub totals: Totals,
    /// Its latency, corrected.
    pub latency: Option<Spread>,
}

/// The figures of one slice of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceSummary {
    /// When it begins.
    pub start: Duration,
    /// How much of it lies within the run.
    pub length: Duration,
    /// Answers a second.
    pub rate: f64,
    /// What was counted.
    pub slice: Slice,
}

/// The quotients of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What the figures were measured under.
    pub info: RunInfo,
    /// Where the requests went.
    pub totals: Totals,
    /// Answers a second.
    pub rate: f64,
    /// Bytes received a second.
    pub received_per_sec: f64,
    /// The share of the finished requests that failed or were answered with 400 or above, 0 to 1.
    pub error_share: f64,
    /// Latency from the intended start.
    pub corrected: Option<Spread>,
    /// Latency from the actual start.
    pub uncorrected: Option<Spread>,
    /// Time from sending to the first byte of the answer.
    pub first_byte: Option<Spread>,
    /// Time to connect.
    pub connect: Option<Spread>,
    /// How late the generator was.
    pub lag: Option<Spread>,
    /// How long the oldest of the requests had waited that were unfinished at the end, if any were.
    pub oldest_unfinished_us: Option<u64>,
    /// The requests that were unfinished at the end, if the latencies flatter without them.
    pub unfinished: Option<Unfinished>,
    /// Requests that were sent again, for their connection had ended before their turn came.
    pub resent: u64,
    /// Connections that were closed, for bytes came on them while nothing was asked.
    pub unasked: u64,
    /// The corrected latencies themselves.
    pub corrected_times: Recorder,
    /// The uncorrected latencies themselves.
    pub uncorrected_times: Recorder,
    /// The corrected latencies in bars.
    pub bars: Vec<Bar>,
    /// Each status that came, and how often.
    pub statuses: Vec<(u16, u64)>,
    /// Requests that failed.
    pub failures: FailureCounts,
    /// Connections that did not come about.
    pub connect_failures: FailureCounts,
    /// Figures by address, when there are several.
    pub urls: Vec<UrlSummary>,
    /// What happened when.
    pub slices: Vec<SliceSummary>,
    /// The share of their CPU time that the generator's threads used, 0 to 1.
    pub cpu_share: f64,
    /// The share that the busiest of them used: it is what holds the others up.
    pub cpu_share_max: f64,
    /// The share of their time that its threads were ready to run and waited for a processor.
    pub waited_share: Option<f64>,
    /// The share that one of them used or waited for at most: what is left is all that it could spare.
    pub wanted_share_max: f64,
    /// CPU time of the generator for one answer.
    pub cpu_us_per_answer: f64,
    /// Whether the figures are the server's.
    pub validity: Validity,
}

/// A quotient that is nothing when it is divided by nothing.
pub(super) fn ratio(dividend: f64, divisor: f64) -> f64 {
    let quotient = dividend / divisor;
    if quotient.is_finite() { quotient } else { 0.0 }
}

impl Summary {
    /// Divides what was summed.
    pub fn of(metrics: &Metrics, info: &RunInfo) -> Self {
        let totals = metrics.totals();
        let wall_secs = info.wall.as_secs_f64();
        let (corrected_times, uncorrected_times) = (metrics.corrected(), metrics.uncorrected());
        let cpu_secs = info.cpu_usage.cpu.as_secs_f64();
        let threads_secs = wall_secs * info.threads.max(1) as f64;
        let mut summary = Self {
            info: info.clone(),
            totals,
            rate: ratio(totals.answered as f64, wall_secs),
            received_per_sec: ratio(totals.received_len as f64, wall_secs),
            error_share: ratio(
                totals.failed.saturating_add(totals.bad_statuses) as f64,
                totals.failed.saturating_add(totals.answered) as f64,
            ),
            corrected: Spread::of(&corrected_times),
            uncorrected: Spread::of(&uncorrected_times),
            first_byte: Spread::of(&metrics.first_byte),
            connect: Spread::of(metrics.connect_times()),
            lag: Spread::of(&metrics.lag),
            oldest_unfinished_us: (!metrics.unfinished.is_empty())
                .then(|| metrics.unfinished.histogram().max()),
            unfinished: unfinished(&corrected_times, &metrics.unfinished),
            resent: metrics.resent,
            unasked: metrics.unasked,
            bars: bars(&corrected_times),
            corrected_times,
            uncorrected_times,
            statuses: statuses(metrics),
            failures: metrics.failures.clone(),
            connect_failures: metrics.connect_failures.clone(),
            urls: urls(metrics, info),
            slices: slices(metrics, info.wall),
            cpu_share: ratio(cpu_secs, threads_secs),
            cpu_share_max: ratio(info.cpu_usage.cpu_busiest.as_secs_f64(), wall_secs),
            waited_share: info.cpu_usage.waited.map(|waited| ratio(waited.as_secs_f64(), threads_secs)),
            wanted_share_max: ratio(info.cpu_usage.wanted_most.as_secs_f64(), wall_secs),
            cpu_us_per_answer: ratio(cpu_secs * 1e6, totals.answered as f64),
            validity: Validity::default(),
        };
        summary.validity = judge(&summary.evidence());
        if let Some(merged) = &info.merged {
            summary.validity.add_merged(merged, info);
        }
        summary
    }

    /// Whether a schedule decided when requests were sent.
    pub fn is_open(&self) -> bool {
        self.info.due.is_some()
    }

    fn evidence(&self) -> Evidence<'_> {
        let due = self.info.due;
        let p99_us = |spread: &Spread| spread.percentile_us("p99").unwrap_or(0);
        Evidence {
            wall: self.info.wall,
            cpu_share: self.cpu_share_max,
            wanted_share: self.wanted_share_max,
            waited_share: self.waited_share,
            due,
            sent: self.totals.sent,
            concurrency: self.info.concurrency.saturating_mul(self.info.pipeline),
            lag_p99_us: due.and(self.lag.as_ref().map(p99_us)),
            latency_p99_us: self.corrected.as_ref().map_or(0, p99_us),
            unfinished: self.unfinished,
            resent: self.resent,
            unasked: self.unasked,
            failures: &self.failures,
            connect_failures: &self.connect_failures,
        }
    }
}

/// What the requests that were in flight at the end would have come to is not known; but had they been
/// answered at that moment, the percentiles would be different. Nothing, if by little.
fn unfinished(latency: &Recorder, ages: &Recorder) -> Option<Unfinished> {
    /// What changes by a smaller factor than this is no news.
    const FACTOR_MIN: f64 = 1.1;
    if ages.is_empty() {
        return None;
    }
    let mut all = latency.clone();
    all.merge(ages);
    let (mut most, mut changed) = (FACTOR_MIN, None);
    for (percentile, quantile) in PERCENTILES {
        let least_us = all.quantile_us(quantile);
        let factor = ratio(least_us as f64, latency.quantile_us(quantile) as f64);
        if factor > most {
            most = factor;
            changed = Some((percentile, least_us));
        }
    }
    let (percentile, least_us) = changed?;
    Some(Unfinished { count: ages.len(), oldest_us: ages.histogram().max(), percentile, least_us })
}

fn statuses(metrics: &Metrics) -> Vec<(u16, u64)> {
    let counts = (0u16..).zip(metrics.statuses.iter().copied());
    counts.filter(|(_, count)| *count > 0).collect()
}

fn urls(metrics: &Metrics, info: &RunInfo) -> Vec<UrlSummary> {
    let are_cut = info.urls.len() > metrics.urls.len();
    let summaries = metrics.urls.iter().enumerate().map(|(index, url)| {
        let name = match info.urls.get(index) {
            Some(_) if are_cut && index + 1 == URL_FIGURES_MAX => "(all others)".to_owned(),
            Some(name) => name.clone(),
            None => format!("#{}", index + 1),
        };
        UrlSummary { url: name, totals: url.totals, latency: Spread::of(&url.latency) }
    });
    summaries.collect()
}

fn slices(metrics: &Metrics, wall: Duration) -> Vec<SliceSummary> {
    let (slices, full) = (metrics.series().slices(), metrics.series().slice());
    let mut start = Duration::ZERO;
    let summaries = slices.iter().map(|slice| {
        // What comes after the end of the run (the last answers) belongs to a slice of full length.
        let length = match wall.saturating_sub(start).min(full) {
            Duration::ZERO => full,
            length => length,
        };
        let rate = ratio(slice.answered as f64, length.as_secs_f64());
        let summary = SliceSummary { start, length, rate, slice: slice.clone() };
        start = start.saturating_add(full);
        summary
    });
    summaries.collect()
}

/// Bars at 1, 2 and 5 of each power of ten, from the shortest time to the longest.
fn bars(recorder: &Recorder) -> Vec<Bar> {
    if recorder.is_empty() {
        return Vec::new();
    }
    // A value stands for all that are equal to it within the precision; a bar begins with the lowest.
    let histogram = recorder.histogram();
    let (min_us, max_us) = (histogram.min(), histogram.lowest_equivalent(histogram.max()));
    let mut bars: Vec<Bar> = Vec::new();
    let mut from_us = 0;
    // Ten decades hold an hour of microseconds.
    for to_us in (0..10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power))) {
        if to_us >= min_us && from_us < max_us {
            bars.push(Bar { from_us, to_us, count: 0 });
        }
        from_us = to_us;
    }
    for value in histogram.iter_recorded() {
        let us = histogram.lowest_equivalent(value.value_iterated_to());
        let index = bars.partition_point(|bar| bar.to_us < us);
        if let Some(bar) = bars.get_mut(index) {
            bar.count += value.count_at_value();
        }
    }
    bars
}

#[cfg(test)]
pub(super) mod tests;
