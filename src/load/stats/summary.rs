//! The quotients of a run, made once from its sums: what every report, assertion and comparison reads.
//!
//! Nothing here is NaN or infinite: what is divided by nothing is nothing. Figures of times that were
//! never recorded are absent, not nought.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::failure::{FailureCounts, LoadFailure};
use super::latency_histogram::{LatencyHistogram, secs};
use super::metrics::{Metrics, URL_FIGURES_MAX};
use super::time_series::TimeSlice;
use super::validity::{UnfinishedBias, Validity, ValidityInput, judge};
use crate::load::run_info::RunInfo;

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

/// How times are distributed; null when none was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// How many times were recorded.
    pub count: u64,
    /// The shortest.
    pub min_us: u64,
    /// The mean.
    pub mean_us: f64,
    /// The standard deviation.
    pub stdev_us: f64,
    /// The values of [`PERCENTILES`].
    #[serde(flatten, serialize_with = "write_percentiles")]
    #[cfg_attr(test, schemars(with = "tests::Percentiles"))]
    pub percentiles_us: [u64; PERCENTILES.len()],
    /// The longest.
    pub max_us: u64,
}

/// Each by its name.
fn write_percentiles<S: Serializer>(us: &[u64; PERCENTILES.len()], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(PERCENTILES.iter().zip(us).map(|((name, _), us)| (format!("{name}_us"), us)))
}

impl Spread {
    /// The spread of what was recorded; none if nothing was.
    pub fn of(times: &LatencyHistogram) -> Option<Self> {
        let histogram = times.histogram();
        (!times.is_empty()).then(|| Self {
            count: times.len(),
            min_us: histogram.min(),
            mean_us: histogram.mean(),
            stdev_us: histogram.stdev(),
            percentiles_us: PERCENTILES.map(|(_, quantile)| times.quantile_us(quantile)),
            max_us: histogram.max(),
        })
    }

    /// The value of one of [`PERCENTILES`], by its name.
    pub fn percentile_us(&self, name: &str) -> Option<u64> {
        let named = PERCENTILES.iter().zip(self.percentiles_us).find(|((its, _), _)| *its == name);
        named.map(|(_, value)| value)
    }
}

/// One bar of the histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HistogramBar {
    /// Where the bar begins; what is there belongs to the one before.
    #[serde(rename = "above_us")]
    pub from_us: u64,
    /// Where it ends.
    pub to_us: u64,
    /// How many there are.
    pub count: u64,
}

/// A status that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatusCount {
    /// The status.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// The figures of one address.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UrlSummary {
    /// The address.
    pub url: String,
    /// Requests.
    pub sent: u64,
    /// Of those, answered.
    pub answered: u64,
    /// Of those, with a status of 400 or above.
    pub bad_statuses: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Bytes of its answers.
    pub received_bytes: u64,
    /// As that of the run.
    pub latency: Option<Spread>,
}

/// The figures of one slice of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SliceSummary {
    /// Since the start of the run.
    #[serde(rename = "start_secs", serialize_with = "secs")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub start: Duration,
    /// How much of the slice lies in the run.
    #[serde(rename = "length_secs", serialize_with = "secs")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub length: Duration,
    /// Answers that came in it.
    pub answered: u64,
    /// Of those, with a status of 400 or above.
    pub bad_statuses: u64,
    /// Requests and connections that failed in it.
    pub failed: u64,
    /// Bytes of its answers.
    pub received_bytes: u64,
    /// answered by length_secs.
    #[serde(rename = "answers_per_sec")]
    pub rate: f64,
    /// The latency of half of them, 0 if there are none.
    pub p50_us: u64,
    /// The latency of 99 % of them, 0 if there are none.
    pub p99_us: u64,
    /// What was counted.
    #[serde(skip)]
    pub slice: TimeSlice,
}

/// Where the requests went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Requests {
    /// answered + failed + unfinished, exactly.
    pub sent: u64,
    /// With a whole answer, whatever its status.
    pub answered: u64,
    /// Of those answered, with a status of 400 or above.
    pub bad_statuses: u64,
    /// Without a proper answer.
    pub failed: u64,
    /// Still waiting when the run ended.
    pub unfinished: u64,
    /// How long the oldest of those had waited; null if there are none.
    pub unfinished_oldest_us: Option<u64>,
    /// Requests that were sent again, for their connection had ended before their turn came.
    pub resent: u64,
}

/// What the run took of the processors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientCpu {
    /// CPU time of the client, in user mode and in the kernel.
    pub cpu_secs: f64,
    /// Of what its threads could have used.
    pub cpu_share: f64,
    /// Of what the busiest thread could have used.
    pub cpu_share_max: f64,
    /// For how long its threads were ready to run and waited for a processor; null if the kernel does not tell.
    pub waited_secs: Option<f64>,
    /// The same, of their time.
    pub waited_share: Option<f64>,
    /// What one thread used and waited for at most, of its time.
    pub wanted_share_max: f64,
    /// CPU time for one answer.
    pub cpu_us_per_answer: f64,
}

/// The quotients of a run. Its JSON is the larger part of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// What the figures were measured under.
    #[serde(skip)]
    pub info: RunInfo,
    /// Where the requests went.
    #[serde(rename = "requests")]
    pub totals: Requests,
    /// Connections that were closed for bytes that nobody had asked for.
    #[serde(rename = "unasked_connections")]
    pub unasked: u64,
    /// answered by wall_secs.
    #[serde(rename = "answers_per_sec")]
    pub rate: f64,
    /// Bytes of all answers, heads included.
    pub received_bytes: u64,
    /// received_bytes by wall_secs.
    #[serde(rename = "received_bytes_per_sec")]
    pub received_per_sec: f64,
    /// Requests that failed or were answered with 400 or above, of all that are finished.
    pub error_share: f64,
    /// From when a request was due to the end of its answer; requests that timed out are in it.
    #[serde(rename = "latency")]
    pub corrected: Option<Spread>,
    /// From when it was sent. The same in a closed loop.
    #[serde(rename = "latency_uncorrected")]
    pub uncorrected: Option<Spread>,
    /// From when it was sent to the first byte of the answer.
    pub first_byte: Option<Spread>,
    /// How long connections took.
    pub connect: Option<Spread>,
    /// How late the client itself was.
    pub lag: Option<Spread>,
    /// The requests that were unfinished at the end, if the latencies flatter without them.
    #[serde(skip)]
    pub unfinished: Option<UnfinishedBias>,
    /// The corrected latencies themselves.
    #[serde(skip)]
    pub corrected_times: LatencyHistogram,
    /// The uncorrected latencies themselves.
    #[serde(skip)]
    pub uncorrected_times: LatencyHistogram,
    /// The latencies in bars.
    #[serde(rename = "histogram")]
    pub bars: Vec<HistogramBar>,
    /// Each status that came.
    pub statuses: Vec<StatusCount>,
    /// Why requests failed.
    #[serde(serialize_with = "write_failures")]
    #[cfg_attr(test, schemars(with = "Vec<FailureSummary>"))]
    pub failures: FailureCounts,
    /// Why connections did not come about; these are no requests.
    #[serde(serialize_with = "write_failures")]
    #[cfg_attr(test, schemars(with = "Vec<FailureSummary>"))]
    pub connect_failures: FailureCounts,
    /// Figures by address, when there are several; from the hundredth on the addresses share one.
    pub urls: Vec<UrlSummary>,
    /// What happened when: by the second, or in longer slices of a long run.
    pub slices: Vec<SliceSummary>,
    /// What it took of the processors.
    pub client: ClientCpu,
    /// Whether the figures are the server's.
    #[serde(skip)]
    pub validity: Validity,
}

/// One kind of failure, if it came at all.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailureSummary {
    /// For scripts; it stays as it is.
    #[cfg_attr(test, schemars(with = "String"))]
    name: LoadFailure,
    /// How often.
    count: u64,
    /// In words.
    meaning: &'static str,
}

fn write_failures<S: Serializer>(counts: &FailureCounts, to: S) -> Result<S::Ok, S::Error> {
    let seen = counts.seen();
    to.collect_seq(seen.map(|(failure, count)| FailureSummary {
        name: failure,
        count,
        meaning: failure.describe(),
    }))
}

/// A quotient that is nothing when it is divided by nothing.
pub(in crate::load) fn ratio(dividend: f64, divisor: f64) -> f64 {
    let quotient = dividend / divisor;
    if quotient.is_finite() { quotient } else { 0.0 }
}

impl Summary {
    /// Divides what was summed.
    pub fn of(metrics: &Metrics, info: &RunInfo) -> Self {
        let totals = metrics.series.totals;
        let wall_secs = info.wall.as_secs_f64();
        let (corrected_times, uncorrected_times) = (metrics.corrected(), metrics.uncorrected());
        let cpu_secs = info.cpu_usage.cpu.as_secs_f64();
        let waited_secs = info.cpu_usage.run_queue_wait.map(|waited| waited.as_secs_f64());
        let threads_secs = wall_secs * info.threads.max(1) as f64;
        let mut summary = Self {
            info: info.clone(),
            totals: Requests {
                sent: totals.sent,
                answered: totals.answered,
                bad_statuses: totals.bad_statuses,
                failed: totals.failed,
                unfinished: totals.unfinished,
                unfinished_oldest_us: (!metrics.unfinished.is_empty())
                    .then(|| metrics.unfinished.histogram().max()),
                resent: metrics.resent,
            },
            received_bytes: totals.received_len,
            rate: ratio(totals.answered as f64, wall_secs),
            received_per_sec: ratio(totals.received_len as f64, wall_secs),
            error_share: ratio(
                totals.failed.saturating_add(totals.bad_statuses) as f64,
                totals.failed.saturating_add(totals.answered) as f64,
            ),
            corrected: Spread::of(&corrected_times),
            uncorrected: Spread::of(&uncorrected_times),
            first_byte: Spread::of(&metrics.first_byte),
            connect: Spread::of(&metrics.connect),
            lag: Spread::of(&metrics.lag),
            unfinished: unfinished(&corrected_times, &metrics.unfinished),
            unasked: metrics.unasked,
            bars: bars(&corrected_times),
            corrected_times,
            uncorrected_times,
            statuses: statuses(metrics),
            failures: metrics.failures.clone(),
            connect_failures: metrics.connect_failures.clone(),
            urls: urls(metrics, info),
            slices: slices(metrics, info.wall),
            client: ClientCpu {
                cpu_secs,
                cpu_share: ratio(cpu_secs, threads_secs),
                cpu_share_max: ratio(info.cpu_usage.thread_cpu_max.as_secs_f64(), wall_secs),
                waited_secs,
                waited_share: waited_secs.map(|waited_secs| ratio(waited_secs, threads_secs)),
                wanted_share_max: ratio(info.cpu_usage.thread_demand_max.as_secs_f64(), wall_secs),
                cpu_us_per_answer: ratio(cpu_secs * 1e6, totals.answered as f64),
            },
            validity: Validity::default(),
        };
        summary.validity = judge(&summary.validity_input());
        if let Some(merged) = &info.merged {
            summary.validity.add_merge_findings(merged, info);
        }
        summary
    }

    /// Whether a schedule decided when requests were sent.
    pub fn is_open_loop(&self) -> bool {
        self.info.due.is_some()
    }

    fn validity_input(&self) -> ValidityInput<'_> {
        let due = self.info.due;
        let p99_us = |spread: &Spread| spread.percentile_us("p99").unwrap_or(0);
        ValidityInput {
            wall: self.info.wall,
            cpu_share: self.client.cpu_share_max,
            wanted_share: self.client.wanted_share_max,
            waited_share: self.client.waited_share,
            due,
            sent: self.totals.sent,
            concurrency: self.info.concurrency.saturating_mul(self.info.pipeline),
            lag_p99_us: due.and(self.lag.as_ref().map(p99_us)),
            latency_p99_us: self.corrected.as_ref().map_or(0, p99_us),
            unfinished: self.unfinished,
            resent: self.totals.resent,
            unasked: self.unasked,
            failures: &self.failures,
            connect_failures: &self.connect_failures,
        }
    }
}

/// What the requests that were in flight at the end would have come to is not known; but had they been
/// answered at that moment, the percentiles would be different. Nothing, if by little.
fn unfinished(latency: &LatencyHistogram, ages: &LatencyHistogram) -> Option<UnfinishedBias> {
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
    Some(UnfinishedBias { count: ages.len(), oldest_us: ages.histogram().max(), percentile, least_us })
}

fn statuses(metrics: &Metrics) -> Vec<StatusCount> {
    let counts = (0u16..).zip(metrics.statuses.iter().copied());
    let counts = counts.map(|(status, count)| StatusCount { status, count });
    counts.filter(|status| status.count > 0).collect()
}

fn urls(metrics: &Metrics, info: &RunInfo) -> Vec<UrlSummary> {
    let are_cut = info.urls.len() > metrics.urls.len();
    let summaries = metrics.urls.iter().enumerate().map(|(index, url)| {
        let name = match info.urls.get(index) {
            Some(_) if are_cut && index + 1 == URL_FIGURES_MAX => "(all others)".to_owned(),
            Some(name) => name.clone(),
            None => format!("#{}", index + 1),
        };
        UrlSummary {
            url: name,
            sent: url.totals.sent,
            answered: url.totals.answered,
            bad_statuses: url.totals.bad_statuses,
            failed: url.totals.failed,
            received_bytes: url.totals.received_len,
            latency: Spread::of(&url.latency),
        }
    });
    summaries.collect()
}

fn slices(metrics: &Metrics, wall: Duration) -> Vec<SliceSummary> {
    let (slices, full) = (&metrics.series.slices, metrics.series.slice_len);
    let mut start = Duration::ZERO;
    let summaries = slices.iter().map(|slice| {
        // What comes after the end of the run (the last answers) belongs to a slice of full length.
        let length = match wall.saturating_sub(start).min(full) {
            Duration::ZERO => full,
            length => length,
        };
        let summary = SliceSummary {
            start,
            length,
            answered: slice.answered,
            bad_statuses: slice.bad_statuses,
            failed: slice.failed,
            received_bytes: slice.received_len,
            rate: ratio(slice.answered as f64, length.as_secs_f64()),
            p50_us: slice.quantile_us(0.5),
            p99_us: slice.quantile_us(0.99),
            slice: slice.clone(),
        };
        start = start.saturating_add(full);
        summary
    });
    summaries.collect()
}

/// Bars at 1, 2 and 5 of each power of ten, from the shortest time to the longest.
fn bars(times: &LatencyHistogram) -> Vec<HistogramBar> {
    if times.is_empty() {
        return Vec::new();
    }
    // A value stands for all that are equal to it within the precision; a bar begins with the lowest.
    let histogram = times.histogram();
    let (min_us, max_us) = (histogram.min(), histogram.lowest_equivalent(histogram.max()));
    let mut bars: Vec<HistogramBar> = Vec::new();
    let mut from_us = 0;
    // Ten decades hold an hour of microseconds.
    for to_us in (0..10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power))) {
        if to_us >= min_us && from_us < max_us {
            bars.push(HistogramBar { from_us, to_us, count: 0 });
        }
        from_us = to_us;
    }
    count_times(times, &mut bars, |bar, us| bar.to_us < us);
    bars
}

/// Counts times into bars that are in order; `ends_before` tells of a bar whether a time lies beyond it.
pub(in crate::load) fn count_times(
    times: &LatencyHistogram,
    bars: &mut [HistogramBar],
    ends_before: impl Fn(&HistogramBar, u64) -> bool,
) {
    let histogram = times.histogram();
    for value in histogram.iter_recorded() {
        // A value stands for all that are equal to it within the precision; the lowest of them counts.
        let us = histogram.lowest_equivalent(value.value_iterated_to());
        let index = bars.partition_point(|bar| ends_before(bar, us));
        if let Some(bar) = bars.get_mut(index) {
            bar.count += value.count_at_value();
        }
    }
}

#[cfg(test)]
pub(in crate::load) mod tests;
