//! Summary of a run: quotients of its sums.
//!
//! No value is NaN or infinite: a division by 0 gives 0. A time never recorded is absent, not 0.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::failure::{FailureCounts, LoadFailure};
use super::latency_histogram::{HistogramBar, LatencyHistogram, bars, secs};
use super::metrics::{Metrics, URL_FIGURES_MAX};
use super::spread::{PERCENTILES, Spread};
use super::time_series::{TimeSlice, is_zero};
use super::validity::{
    CPU_SHARE_BUSY, CPU_SHARE_MAX, CPU_WAIT_WARN_SHARE, Finding, LAG_FLOOR_US, LAG_SHARE_MAX, LAG_WARN_US,
    MISSED_SHARE_MAX, TAIL_COUNT_MIN, Validity, WALL_MIN,
};
use crate::load::run_info::RunInfo;

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
    pub unasked_connections: u64,
    /// answered divided by wall_secs.
    #[serde(rename = "answers_per_sec")]
    pub rate: f64,
    /// Response bytes with heads.
    pub received_bytes: u64,
    /// received_bytes divided by wall_secs.
    pub received_bytes_per_sec: f64,
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
    /// Time of full TLS handshakes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_full: Option<Spread>,
    /// Time of TLS handshakes that resumed a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_resumed: Option<Spread>,
    /// Delay of sends by the client.
    pub lag: Option<Spread>,
    /// Bias of the percentiles.
    #[serde(skip)]
    pub unfinished: Option<Finding>,
    /// Corrected latencies.
    #[serde(skip)]
    pub corrected_times: LatencyHistogram,
    /// Uncorrected latencies.
    #[serde(skip)]
    pub uncorrected_times: LatencyHistogram,
    /// Latency histogram.
    pub histogram: Vec<HistogramBar>,
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
    let summary = |(name, count): (LoadFailure, _)| FailureSummary { name, count, meaning: name.describe() };
    to.collect_seq(counts.seen().map(summary))
}

pub(crate) fn ratio(dividend: f64, divisor: f64) -> f64 {
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
        let statuses = metrics.statuses.iter().map(|(&status, &count)| StatusCount { status, count });
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
            received_bytes_per_sec: ratio(totals.received_len as f64, wall_secs),
            error_share: 0.0,
            corrected: Spread::of(&corrected_times),
            uncorrected: Spread::of(&uncorrected_times),
            first_byte: Spread::of(&metrics.first_byte),
            connect: Spread::of(&metrics.connect),
            tls_full: Spread::of(&metrics.tls_full),
            tls_resumed: Spread::of(&metrics.tls_resumed),
            lag: Spread::of(&metrics.lag),
            unfinished,
            unasked_connections: metrics.unasked,
            histogram: bars(&corrected_times),
            corrected_times,
            uncorrected_times,
            statuses: statuses.collect(),
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
        summary.error_share = ratio(totals.errors() as f64, summary.ended_count() as f64);
        // A request that waited has an age.
        let waited = metrics.unfinished.len().saturating_sub(totals.unfinished);
        summary.validity = summary.judge(totals.unsent.saturating_sub(waited));
        if let Some(merged) = &info.merged {
            summary.validity.add_merge_findings(merged, info);
        }
        summary
    }

    pub(crate) fn ended_count(&self) -> u64 {
        self.totals.answered.saturating_add(self.totals.failed).saturating_add(self.totals.unsent)
    }

    /// Whether a schedule paced the run.
    pub fn is_open_loop(&self) -> bool {
        self.info.due.is_some()
    }

    /// Connections times pipeline depth: so many requests may be due and unsent.
    fn in_flight_max(&self) -> u64 {
        self.info.concurrency.saturating_mul(self.info.pipeline)
    }

    /// Judges the run; `refused`: unsent requests whose host refused the connection.
    pub(super) fn judge(&self, refused: u64) -> Validity {
        let mut verdict = Validity::default();
        let is_long = self.info.wall >= WALL_MIN;
        let (cpu_share, wanted_share) = (self.client.cpu_share_max, self.client.wanted_share_max);
        if is_long && cpu_share >= CPU_SHARE_MAX {
            verdict.reasons.push(Finding::cpu(cpu_share));
        } else if is_long && wanted_share >= CPU_SHARE_MAX {
            verdict.reasons.push(Finding::cpu_starved(wanted_share, cpu_share));
        }
        if !is_long && self.totals.answered > 0 {
            verdict.warnings.push(Finding::too_short());
        }
        match self.lag_reason() {
            Some(reason) => verdict.reasons.push(reason),
            None => verdict.warnings.extend(self.lag_warning()),
        }
        match self.missed_requests() {
            Some((missed, due)) if is_long && self.is_short_of_cpu() => {
                verdict.reasons.push(Finding::schedule_missed(missed, due, cpu_share, wanted_share));
            }
            Some((missed, due)) => {
                let waited = missed.saturating_sub(refused);
                let were_busy = self.totals.answered > 0 && waited > self.in_flight_max();
                verdict.warnings.push(Finding::rate_not_reached(missed, due, were_busy));
            }
            None => {}
        }
        verdict.warnings.extend(self.other_warnings());
        verdict.reasons.extend(self.exhausted().map(|(failure, count)| Finding::exhausted(failure, count)));
        verdict
    }

    pub(crate) fn exhausted(&self) -> impl Iterator<Item = (LoadFailure, u64)> {
        let counts = LoadFailure::CLIENT_SIDE
            .map(|failure| (failure, self.failures.of(failure) + self.connect_failures.of(failure)));
        counts.into_iter().filter(|(_, count)| *count > 0)
    }

    /// Unsent requests are then not only the server's fault.
    fn is_short_of_cpu(&self) -> bool {
        let is_pushed_aside =
            |waited: f64| waited >= CPU_WAIT_WARN_SHARE && waited >= self.client.cpu_share_max;
        self.client.wanted_share_max.max(self.client.cpu_share_max) >= CPU_SHARE_BUSY
            || self.client.waited_share.is_some_and(is_pushed_aside)
    }

    fn other_warnings(&self) -> impl Iterator<Item = Finding> {
        let is_told = self.info.wall >= WALL_MIN && self.totals.answered > 0;
        let held_up = self.client.waited_share.filter(|share| is_told && *share >= CPU_WAIT_WARN_SHARE);
        let held_up = held_up.map(Finding::waited_for_cpu);
        let (requests, connections) = (self.totals.resent, self.unasked_connections);
        let resent = (requests > 0).then(|| Finding::resent(requests));
        let unasked = (connections > 0).then(|| Finding::unsolicited_bytes(connections));
        [held_up, self.unfinished.clone(), resent, unasked].into_iter().flatten()
    }

    /// Judges the highest percentile up to the p99 that a single hiccup cannot move.
    ///
    /// Requests that were due in a stall may wait for the few connections, without lag of their own. So a stall
    /// that lasts for the share beyond the percentile is judged, too.
    fn lag_reason(&self) -> Option<Finding> {
        // One hiccup may be half of two.
        let lag = self.lag.filter(|lag| self.is_open_loop() && lag.count > 2)?;
        let is_robust = |quantile: f64| (lag.count as f64 * (1.0 - quantile)).round() >= TAIL_COUNT_MIN;
        let robust = PERCENTILES.iter().rfind(|(_, quantile)| *quantile <= 0.99 && is_robust(*quantile));
        let (percentile, quantile) = *robust.unwrap_or(&PERCENTILES[0]);
        let latency_us = self.corrected.and_then(|latency| latency.statistic(percentile)).unwrap_or(0.0);
        // At most an hour of microseconds, so the cast fits.
        let limit_us = ((latency_us * LAG_SHARE_MAX) as u64).max(LAG_FLOOR_US);
        let is_stall = lag.max_us as f64 > self.info.wall.as_micros() as f64 * (1.0 - quantile);
        let at_percentile = (percentile, lag.statistic(percentile)? as u64);
        let (percentile, lag_us) = if is_stall { ("max", lag.max_us) } else { at_percentile };
        (lag_us > limit_us).then(|| Finding::lag(percentile, lag_us, limit_us))
    }

    /// Warns if latency without lag is too small to rely on.
    fn lag_warning(&self) -> Option<Finding> {
        let lag = self.lag.filter(|_| self.is_open_loop())?.statistic("p99")? as u64;
        let latency = self.corrected?.statistic("p99")? as u64;
        let is_most = self.totals.answered > 0 && lag >= LAG_WARN_US && lag.saturating_mul(2) >= latency;
        is_most.then(|| Finding::lag_near_latency(lag, latency))
    }

    /// Beyond those that may be unsent.
    fn missed_requests(&self) -> Option<(u64, u64)> {
        let due = self.info.due?;
        let missed = due.saturating_sub(self.totals.sent);
        let is_much = missed > self.in_flight_max() && missed as f64 > due as f64 * MISSED_SHARE_MAX;
        is_much.then_some((missed, due))
    }
}

/// Latencies with the ages of the requests that waited at the end, and their effect on the percentiles.
///
/// The real latencies are unknown. `None` if no percentile changes much.
fn with_unfinished(times: LatencyHistogram, ages: &LatencyHistogram) -> (LatencyHistogram, Option<Finding>) {
    /// Smaller changes are not reported.
    const FACTOR_MIN: f64 = 1.1;
    let mut all = times.clone();
    let median_us = if times.is_empty() { u64::MAX } else { times.quantile_us(0.5) };
    // A shorter age says nothing about the times.
    for age in ages.histogram().iter_recorded().filter(|age| age.value_iterated_to() > median_us) {
        all.record_us(age.value_iterated_to(), age.count_at_value());
    }
    let (mut most, mut changed) = (FACTOR_MIN, None);
    for (percentile, quantile) in PERCENTILES {
        let least_us = all.quantile_us(quantile);
        let factor = ratio(least_us as f64, times.quantile_us(quantile) as f64);
        if factor > most {
            most = factor;
            changed = Some((percentile, least_us));
        }
    }
    let (count, oldest_us) = (ages.len(), ages.histogram().max());
    (all, changed.map(|(name, least_us)| Finding::unfinished(count, oldest_us, name, least_us)))
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
    let summaries = (0..).zip(slices).map(|(index, slice)| {
        let start = full.saturating_mul(index);
        // Late responses belong to a slice of full length.
        let length = match wall.saturating_sub(start).min(full) {
            Duration::ZERO => full,
            length => length,
        };
        SliceSummary {
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
        }
    });
    summaries.collect()
}

#[cfg(test)]
pub(crate) mod tests;
