//! Sums of a run, one set per thread, merged at the end.
//!
//! Each sent request is answered, failed or unfinished: [`Metrics::is_balanced`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::{FailureCounts, LoadFailure};
use super::latency_histogram::LatencyHistogram;
use super::time_series::{BAD_STATUS_MIN, RequestTotals, TimeSeries};

/// Most URLs with own metrics: each histogram takes about 190 KB, and a list may hold millions.
///
/// The rest share the last set.
pub const URL_FIGURES_MAX: usize = 100;

/// Ended request; times since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTimes {
    /// URL index.
    pub url: u32,
    /// Scheduled send time; in a closed loop, the actual one.
    pub intended: Duration,
    /// Send time.
    pub sent: Duration,
    /// Last response byte, or failure; for a time-out, its deadline.
    pub done: Duration,
}

/// URL metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UrlMetrics {
    /// Request counts, except unfinished ones.
    pub totals: RequestTotals,
    /// Corrected latency.
    pub latency: LatencyHistogram,
}

/// Both latencies; if equal, as most are, recorded once in `both`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latencies {
    pub(super) both: LatencyHistogram,
    pub(super) corrected: LatencyHistogram,
    pub(super) uncorrected: LatencyHistogram,
}

impl Latencies {
    fn record(&mut self, corrected: Duration, uncorrected: Duration) {
        if corrected == uncorrected {
            self.both.record(corrected);
        } else {
            self.corrected.record(corrected);
            self.uncorrected.record(uncorrected);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.both.merge(&other.both);
        self.corrected.merge(&other.corrected);
        self.uncorrected.merge(&other.uncorrected);
    }
}

/// Sums of a run; saved runs contain their JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Request counts.
    #[serde(flatten)]
    pub series: TimeSeries,
    #[serde(flatten)]
    pub(crate) latencies: Latencies,
    pub(crate) first_byte: LatencyHistogram,
    /// Connect times.
    pub connect: LatencyHistogram,
    /// Times of full TLS handshakes.
    #[serde(default, skip_serializing_if = "LatencyHistogram::is_empty")]
    pub tls_full: LatencyHistogram,
    /// Times of handshakes that resumed a session.
    #[serde(default, skip_serializing_if = "LatencyHistogram::is_empty")]
    pub tls_resumed: LatencyHistogram,
    /// Without waiting for a free connection: the server causes that.
    pub(crate) lag: LatencyHistogram,
    /// Ages at the end, since requests were due.
    pub(crate) unfinished: LatencyHistogram,
    /// Ages since they were sent.
    #[serde(default, skip_serializing_if = "LatencyHistogram::is_empty")]
    pub(crate) unfinished_uncorrected: LatencyHistogram,
    pub(crate) resent: u64,
    pub(crate) unasked: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Failed requests.
    pub failures: FailureCounts,
    pub(crate) urls: Vec<UrlMetrics>,
}

impl Metrics {
    /// A single URL has no own metrics: they equal the run's.
    pub fn new(urls: usize, slice_len: Duration) -> Self {
        let urls = if urls > 1 { urls.min(URL_FIGURES_MAX) } else { 0 };
        Self {
            series: TimeSeries::new(slice_len),
            urls: vec![UrlMetrics::default(); urls],
            ..Self::default()
        }
    }

    /// Counts a request sent, or queued to a connection.
    pub fn record_sent(&mut self, url: u32) {
        self.count(url, |totals| totals.sent += 1);
    }

    /// Counts a complete response; `received_len` includes head and framing.
    pub fn answered(&mut self, request: RequestTimes, status: u16, first_byte: Duration, received_len: u64) {
        let RequestTimes { url, intended, sent, done } = request;
        let corrected = done.saturating_sub(intended);
        let bad = u64::from(status >= BAD_STATUS_MIN);
        self.count(url, |totals| {
            totals.answered += 1;
            totals.bad_statuses += bad;
            totals.received_len += received_len;
        });
        self.latencies.record(corrected, done.saturating_sub(sent));
        self.first_byte.record(first_byte.saturating_sub(sent));
        *self.statuses.entry(status).or_default() += 1;
        self.series.answered(done, corrected, status, received_len);
        if let Some(url) = self.url(url) {
            url.latency.record(corrected);
        }
    }

    /// Counts a failed request, sent or only due. A time-out's latency is the time waited.
    pub fn failed(&mut self, request: RequestTimes, failure: LoadFailure) {
        let RequestTimes { url, intended, sent, done } = request;
        let waited = done.saturating_sub(intended);
        let latency = (failure == LoadFailure::TimedOut).then_some(waited);
        self.count(url, |totals| totals.failed += 1);
        self.failures.add(failure, 1);
        self.series.failed(done, latency);
        if let Some(latency) = latency {
            self.latencies.record(latency, done.saturating_sub(sent));
            if let Some(url) = self.url(url) {
                url.latency.record(latency);
            }
        }
    }

    /// Counts a request in flight at the end, by ages since due and since sent.
    pub fn unfinished(&mut self, [age, uncorrected]: [Duration; 2]) {
        self.series.totals.unfinished += 1;
        self.unfinished.record(age);
        self.unfinished_uncorrected.record(uncorrected);
    }

    /// Counts a due request that is never sent; with its age, unless the connection was refused.
    pub fn unsent(&mut self, url: u32, age: Option<Duration>, at: Duration) {
        self.count(url, |totals| totals.unsent += 1);
        self.series.failed(at, None);
        age.into_iter().for_each(|age| self.unfinished.record(age));
    }

    /// Counts a failed connection, which is no request.
    pub fn connect_failed(&mut self, failure: LoadFailure, at: Duration) {
        self.series.connect_failures.add(failure, 1);
        self.series.failed(at, None);
    }

    /// Adds another thread or run.
    pub fn merge(&mut self, other: &Self) {
        self.series.merge(&other.series);
        self.latencies.merge(&other.latencies);
        self.first_byte.merge(&other.first_byte);
        self.connect.merge(&other.connect);
        self.tls_full.merge(&other.tls_full);
        self.tls_resumed.merge(&other.tls_resumed);
        self.lag.merge(&other.lag);
        self.unfinished.merge(&other.unfinished);
        self.unfinished_uncorrected.merge(&other.unfinished_uncorrected);
        self.resent = self.resent.saturating_add(other.resent);
        self.unasked = self.unasked.saturating_add(other.unasked);
        for (status, count) in &other.statuses {
            let sum = self.statuses.entry(*status).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.failures.merge(&other.failures);
        if self.urls.len() < other.urls.len() {
            self.urls.resize_with(other.urls.len(), UrlMetrics::default);
        }
        for (url, other) in self.urls.iter_mut().zip(&other.urls) {
            url.totals.merge(&other.totals);
            url.latency.merge(&other.latency);
        }
    }

    /// Corrected latency.
    pub fn corrected(&self) -> LatencyHistogram {
        let mut all = self.latencies.both.clone();
        all.merge(&self.latencies.corrected);
        all
    }

    /// Uncorrected latency.
    pub fn uncorrected(&self) -> LatencyHistogram {
        let mut all = self.latencies.both.clone();
        all.merge(&self.latencies.uncorrected);
        all
    }

    /// Whether `sent` is `answered` + `failed` + `unfinished`.
    pub fn is_balanced(&self) -> bool {
        let known = self.series.totals.answered.checked_add(self.series.totals.failed);
        known.and_then(|known| known.checked_add(self.series.totals.unfinished))
            == Some(self.series.totals.sent)
    }

    /// Counts for the run and for the URL.
    fn count(&mut self, url: u32, add: impl Fn(&mut RequestTotals)) {
        add(&mut self.series.totals);
        if let Some(url) = self.url(url) {
            add(&mut url.totals);
        }
    }

    fn url(&mut self, url: u32) -> Option<&mut UrlMetrics> {
        let last = self.urls.len().checked_sub(1)?;
        self.urls.get_mut(usize::try_from(url).map_or(last, |url| url.min(last)))
    }
}

#[cfg(test)]
mod tests;
