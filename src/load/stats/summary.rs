//! Summary of a run: quotients of its sums.
//!
//! No value is NaN or infinite: a division by 0 gives 0. A time never recorded is absent, not 0.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::failure::{FailureCounts, LoadFailure};
use super::latency_histogram::{LatencyHistogram, secs};
use super::metrics::{Metrics, URL_FIGURES_MAX};
use super::time_series::{TimeSlice, is_zero};
use super::validity::{UnfinishedBias, Validity, ValidityInput, judge};
use crate::load::run_info::RunInfo;

/// Reported percentiles and quantiles.
pub const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Distribution of times; null without times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// Number of times.
    pub count: u64,
    /// Minimum.
    pub min_us: u64,
    /// Mean.
    pub mean_us: f64,
    /// Standard deviation.
    pub stdev_us: f64,
    /// Values of [`PERCENTILES`].
    #[serde(flatten, serialize_with = "write_percentiles")]
    #[cfg_attr(test, schemars(with = "tests::Percentiles"))]
    pub percentiles_us: [u64; PERCENTILES.len()],
    /// Maximum.
    pub max_us: u64,
}

fn write_percentiles<S: Serializer>(us: &[u64; PERCENTILES.len()], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(PERCENTILES.iter().zip(us).map(|((name, _), us)| (format!("{name}_us"), us)))
}

impl Spread {
    /// Distribution; `None` if empty.
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

    /// Percentile by name.
    pub fn percentile_us(&self, name: &str) -> Option<u64> {
        let named = PERCENTILES.iter().zip(self.percentiles_us).find(|((its, _), _)| *its == name);
        named.map(|(_, value)| value)
    }
}

/// Histogram bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HistogramBar {
    /// Lower end, exclusive.
    #[serde(rename = "above_us")]
    pub from_us: u64,
    /// Upper end, inclusive.
    pub to_us: u64,
    /// Number of times.
    pub count: u64,
}

/// Responses with one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatusCount {
    /// Status.
    pub status: u16,
    /// Number of responses.
    pub count: u64,
}

/// URL metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UrlSummary {
    /// URL.
    pub url: String,
    /// Sent requests.
    pub sent: u64,
    /// Answered requests.
    pub answered: u64,
    /// Statuses from 400.
    pub bad_statuses: u64,
    /// Failed requests, and due requests that were never sent.
    pub failed: u64,
    /// Response bytes.
    pub received_bytes: u64,
    /// Corrected latency.
    pub latency: Option<Spread>,
}

/// Slice metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SliceSummary {
    /// Offset in the run.
    #[serde(rename = "start_secs", serialize_with = "secs")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub start: Duration,
    /// Length within the run.
    #[serde(rename = "length_secs", serialize_with = "secs")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub length: Duration,
    /// Responses.
    pub answered: u64,
    /// Statuses from 400.
    pub bad_statuses: u64,
    /// Failed requests and connections, and due requests never sent.
    pub failed: u64,
    /// Response bytes.
    pub received_bytes: u64,
    /// answered divided by length_secs.
    #[serde(rename = "answers_per_sec")]
    pub rate: f64,
    /// Median latency, or 0.
    pub p50_us: u64,
    /// p99 latency, or 0.
    pub p99_us: u64,
    /// Recorded sums.
    #[serde(skip)]
    pub slice: TimeSlice,
}

/// Request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Requests {
    /// answered + failed + unfinished, exactly.
    pub sent: u64,
    /// Complete responses of any status.
    pub answered: u64,
    /// Responses with a status from 400.
    pub bad_statuses: u64,
    /// Failed requests.
    pub failed: u64,
    /// Requests in flight at the end.
    pub unfinished: u64,
    /// Longest wait of an unfinished or unsent request, or null.
    pub unfinished_oldest_us: Option<u64>,
    /// Due requests that were never sent; in a closed loop, an estimate for the time without the server. Absent
    /// if 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsent: u64,
    /// Pipelined requests sent again after their connection ended.
    pub resent: u64,
}

/// CPU use of the client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientCpu {
    /// User and kernel CPU time.
    pub cpu_secs: f64,
    /// CPU share over all threads.
    pub cpu_share: f64,
    /// CPU share of the busiest thread.
    pub cpu_share_max: f64,
    /// CPU wait time; null if the kernel does not report it.
    pub waited_secs: Option<f64>,
    /// CPU wait share over all threads.
    pub waited_share: Option<f64>,
    /// Largest share of CPU use and wait of a thread.
    pub wanted_share_max: f64,
    /// CPU time per response.
    pub cpu_us_per_answer: f64,
}

/// Summary of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Settings and conditions.
    #[serde(skip)]
    pub info: RunInfo,
    /// Request counts.
    #[serde(rename = "requests")]
    pub totals: Requests,
    /// Connections closed for unsolicited bytes.
    #[serde(rename = "unasked_connections")]
    pub unasked: u64,
    /// answered divided by wall_secs.
    #[serde(rename = "answers_per_sec")]
    pub rate: f64,
    /// Response bytes with heads.
    pub received_bytes: u64,
    /// received_bytes divided by wall_secs.
    #[serde(rename = "received_bytes_per_sec")]
    pub received_per_sec: f64,
    /// Share of finished and unsent requests that failed, were unsent, or got a status from 400.
    pub error_share: f64,
    /// Time from due to end of response; with time-outs, and with the age of what waited above the median.
    #[serde(rename = "latency")]
    pub corrected: Option<Spread>,
    /// Time from send to end of response; equal to latency in a closed loop.
    #[serde(rename = "latency_uncorrected")]
    pub uncorrected: Option<Spread>,
    /// Time from send to first response byte.
    pub first_byte: Option<Spread>,
    /// Connect time.
    pub connect: Option<Spread>,
    /// Delay of sends by the client.
    pub lag: Option<Spread>,
    /// Bias of the percentiles.
    #[serde(skip)]
    pub unfinished: Option<UnfinishedBias>,
    /// Corrected latencies.
    #[serde(skip)]
    pub corrected_times: LatencyHistogram,
    /// Uncorrected latencies.
    #[serde(skip)]
    pub uncorrected_times: LatencyHistogram,
    /// Latency histogram.
    #[serde(rename = "histogram")]
    pub bars: Vec<HistogramBar>,
    /// Responses by status.
    pub statuses: Vec<StatusCount>,
    /// Failed requests.
    #[serde(serialize_with = "write_failures")]
    #[cfg_attr(test, schemars(with = "Vec<FailureSummary>"))]
    pub failures: FailureCounts,
    /// Failed connections, which are not requests.
    #[serde(serialize_with = "write_failures")]
    #[cfg_attr(test, schemars(with = "Vec<FailureSummary>"))]
    pub connect_failures: FailureCounts,
    /// Metrics by URL, if several; URLs from the hundredth on share one entry.
    pub urls: Vec<UrlSummary>,
    /// One-second slices, longer in a long run.
    pub slices: Vec<SliceSummary>,
    /// CPU use of the client.
    pub client: ClientCpu,
    /// Validity.
    #[serde(skip)]
    pub validity: Validity,
}

/// Failure count.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailureSummary {
    /// Stable name for scripts.
    #[cfg_attr(test, schemars(with = "String"))]
    name: LoadFailure,
    /// Count.
    count: u64,
    /// Explanation.
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

/// Quotient, or 0 if not finite.
pub(in crate::load) fn ratio(dividend: f64, divisor: f64) -> f64 {
    let quotient = dividend / divisor;
    if quotient.is_finite() { quotient } else { 0.0 }
}

impl Summary {
    /// Computes quotients.
    pub fn of(metrics: &Metrics, info: &RunInfo) -> Self {
        let totals = metrics.series.totals;
        let wall_secs = info.wall.as_secs_f64();
        let (corrected_times, unfinished) = with_unfinished(metrics.corrected(), &metrics.unfinished);
        let (uncorrected_times, _) = with_unfinished(metrics.uncorrected(), &metrics.unfinished_uncorrected);
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
                unsent: totals.unsent,
                resent: metrics.resent,
            },
            received_bytes: totals.received_len,
            rate: ratio(totals.answered as f64, wall_secs),
            received_per_sec: ratio(totals.received_len as f64, wall_secs),
            error_share: ratio(
                totals.errors() as f64,
                totals.failed.saturating_add(totals.answered).saturating_add(totals.unsent) as f64,
            ),
            corrected: Spread::of(&corrected_times),
            uncorrected: Spread::of(&uncorrected_times),
            first_byte: Spread::of(&metrics.first_byte),
            connect: Spread::of(&metrics.connect),
            lag: Spread::of(&metrics.lag),
            unfinished,
            unasked: metrics.unasked,
            bars: bars(&corrected_times),
            corrected_times,
            uncorrected_times,
            statuses: statuses(metrics),
            failures: metrics.failures.clone(),
            connect_failures: metrics.series.connect_failures.clone(),
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

    /// Whether a schedule paced the run.
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

/// Latencies with the ages of the requests that waited at the end, and their effect on the percentiles.
///
/// The real latencies are unknown. `None` if no percentile changes much.
fn with_unfinished(
    latency: LatencyHistogram,
    ages: &LatencyHistogram,
) -> (LatencyHistogram, Option<UnfinishedBias>) {
    /// Smaller changes are not reported.
    const FACTOR_MIN: f64 = 1.1;
    let mut all = latency.clone();
    let median_us = if latency.is_empty() { u64::MAX } else { latency.quantile_us(0.5) };
    // A shorter age says nothing about the latency.
    for age in ages.histogram().iter_recorded().filter(|age| age.value_iterated_to() > median_us) {
        all.record_us(age.value_iterated_to(), age.count_at_value());
    }
    let (mut most, mut changed) = (FACTOR_MIN, None);
    for (percentile, quantile) in PERCENTILES {
        let least_us = all.quantile_us(quantile);
        let factor = ratio(least_us as f64, latency.quantile_us(quantile) as f64);
        if factor > most {
            most = factor;
            changed = Some((percentile, least_us));
        }
    }
    let (count, oldest_us) = (ages.len(), ages.histogram().max());
    (all, changed.map(|(percentile, least_us)| UnfinishedBias { count, oldest_us, percentile, least_us }))
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
            failed: url.totals.failed.saturating_add(url.totals.unsent),
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
        // Late responses belong to a slice of full length.
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

fn bars(times: &LatencyHistogram) -> Vec<HistogramBar> {
    if times.is_empty() {
        return Vec::new();
    }
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

/// Counts times into ordered bars; `ends_before`: the time lies beyond the bar.
pub(in crate::load) fn count_times(
    times: &LatencyHistogram,
    bars: &mut [HistogramBar],
    ends_before: impl Fn(&HistogramBar, u64) -> bool,
) {
    let histogram = times.histogram();
    for value in histogram.iter_recorded() {
        // A value stands for its bucket; the lowest counts.
        let us = histogram.lowest_equivalent(value.value_iterated_to());
        let index = bars.partition_point(|bar| ends_before(bar, us));
        if let Some(bar) = bars.get_mut(index) {
            bar.count += value.count_at_value();
        }
    }
}

#[cfg(test)]
pub(in crate::load) mod tests;
