//! The sums of a run, one set per thread, added at the end.
//!
//! Recording costs a few additions and allocates nothing (a slice of the series now and then). No
//! quotient is made here: that is [`crate::load::stats::summary`]'s. Every request that was sent is answered, failed
//! or unfinished; [`Metrics::is_balanced`] says whether that holds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::failure::{FailureCounts, LoadFailure};
use super::latency_histogram::LatencyHistogram;
use super::time_series::{BAD_STATUS_MIN, RequestTotals, TimeSeries};

/// Addresses beyond this many share one set of figures, so that a list of millions stays affordable:
/// each set has a histogram of some 190 KB.
pub const URL_FIGURES_MAX: usize = 100;

/// Statuses have three digits (RFC 9110 section 15).
const STATUS_END: usize = 1000;

/// A request that was answered. All times are since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseRecord {
    /// Which address was asked, by its place in the list.
    pub url: u32,
    /// The status of the answer.
    pub status: u16,
    /// When the schedule wanted it sent; in a closed loop, when it was sent.
    pub intended: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// When the first byte of the answer came.
    pub first_byte: Duration,
    /// When the answer was whole.
    pub done: Duration,
    /// Bytes of the answer, head and framing included.
    pub received_len: u64,
}

/// A request that was sent, or due, and got no proper answer. All times are since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureRecord {
    /// Which address was asked, by its place in the list.
    pub url: u32,
    /// Why.
    pub failure: LoadFailure,
    /// When the schedule wanted it sent; in a closed loop, when it was sent.
    pub intended: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// When it failed: for a time-out, when the time was over.
    pub at: Duration,
}

/// The figures of one address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UrlMetrics {
    /// Where its requests went; unfinished ones are known of the run only.
    pub totals: RequestTotals,
    /// Its latency, corrected.
    pub latency: LatencyHistogram,
}

/// The two latencies of requests: counted from the intended start, and from the actual one.
///
/// Most often they are the same, and recorded once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::load) struct Latencies {
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

/// The sums of one thread, or of several when merged. Its JSON is that of a saved run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Where the requests went, in all and in each slice: shown while a run lasts.
    #[serde(flatten, skip_deserializing)]
    pub series: TimeSeries,
    #[serde(flatten, skip_deserializing)]
    pub(in crate::load) latencies: Latencies,
    pub(super) first_byte: LatencyHistogram,
    /// How long connections took to be made.
    pub connect: LatencyHistogram,
    /// How late the generator itself was: from the intended time of a request to when it came to send
    /// it, or found that no connection was free. Waiting for a free connection is the server's doing and
    /// no lag.
    pub(in crate::load) lag: LatencyHistogram,
    pub(in crate::load) unfinished: LatencyHistogram,
    /// Requests that were sent again, for their connection had ended before their turn came.
    pub(in crate::load) resent: u64,
    /// Connections that were closed, for bytes came on them while nothing was asked.
    pub(in crate::load) unasked: u64,
    #[serde(serialize_with = "write_statuses", deserialize_with = "read_statuses")]
    pub(super) statuses: Vec<u64>,
    /// How often requests failed, by kind.
    pub failures: FailureCounts,
    /// How often connections did not come about, by kind.
    pub connect_failures: FailureCounts,
    pub(in crate::load) urls: Vec<UrlMetrics>,
}

impl Metrics {
    /// Nothing has happened yet. So many addresses are asked (a single one has no figures beside those of the
    /// run), and so long is a slice of the series at first.
    pub fn new(urls: usize, slice_len: Duration) -> Self {
        let urls = if urls > 1 { urls.min(URL_FIGURES_MAX) } else { 0 };
        Self {
            series: TimeSeries::new(slice_len),
            statuses: vec![0; STATUS_END],
            urls: vec![UrlMetrics::default(); urls],
            ..Self::default()
        }
    }

    /// A request has been handed to the kernel, or queued to a connection.
    pub fn record_sent(&mut self, url: u32) {
        self.series.totals.sent += 1;
        if let Some(url) = self.url(url) {
            url.totals.sent += 1;
        }
    }

    /// A request has its whole answer.
    pub fn answered(&mut self, answer: ResponseRecord) {
        let corrected = answer.done.saturating_sub(answer.intended);
        let bad = u64::from(answer.status >= BAD_STATUS_MIN);
        self.series.totals.answered += 1;
        self.series.totals.bad_statuses += bad;
        self.series.totals.received_len += answer.received_len;
        self.latencies.record(corrected, answer.done.saturating_sub(answer.sent));
        self.first_byte.record(answer.first_byte.saturating_sub(answer.sent));
        if let Some(count) = self.statuses.get_mut(usize::from(answer.status)) {
            *count += 1;
        }
        self.series.answered(answer.done, corrected, answer.status, answer.received_len);
        if let Some(url) = self.url(answer.url) {
            url.totals.answered += 1;
            url.totals.bad_statuses += bad;
            url.totals.received_len += answer.received_len;
            url.latency.record(corrected);
        }
    }

    /// A request has failed. One that timed out has a latency as well: as long as it was waited for.
    pub fn failed(&mut self, failed: FailureRecord) {
        let waited = failed.at.saturating_sub(failed.intended);
        let latency = (failed.failure == LoadFailure::TimedOut).then_some(waited);
        self.series.totals.failed += 1;
        self.failures.add(failed.failure, 1);
        self.series.failed(failed.at, latency);
        if let Some(latency) = latency {
            self.latencies.record(latency, failed.at.saturating_sub(failed.sent));
        }
        if let Some(url) = self.url(failed.url) {
            url.totals.failed += 1;
            if let Some(latency) = latency {
                url.latency.record(latency);
            }
        }
    }

    /// A request was in flight when the run ended, so long after it was to be sent.
    pub fn unfinished(&mut self, age: Duration) {
        self.series.totals.unfinished += 1;
        self.unfinished.record(age);
    }

    /// A connection did not come about; that is no request, and is counted apart.
    pub fn connect_failed(&mut self, failure: LoadFailure, at: Duration) {
        self.connect_failures.add(failure, 1);
        self.series.failed(at, None);
    }

    /// Adds the sums of another thread or run.
    pub fn merge(&mut self, other: &Self) {
        self.series.merge(&other.series);
        self.latencies.merge(&other.latencies);
        self.first_byte.merge(&other.first_byte);
        self.connect.merge(&other.connect);
        self.lag.merge(&other.lag);
        self.unfinished.merge(&other.unfinished);
        self.resent = self.resent.saturating_add(other.resent);
        self.unasked = self.unasked.saturating_add(other.unasked);
        for (sum, count) in self.statuses.iter_mut().zip(&other.statuses) {
            *sum = sum.saturating_add(*count);
        }
        self.failures.merge(&other.failures);
        self.connect_failures.merge(&other.connect_failures);
        if self.urls.len() < other.urls.len() {
            self.urls.resize_with(other.urls.len(), UrlMetrics::default);
        }
        for (url, other) in self.urls.iter_mut().zip(&other.urls) {
            url.totals.merge(&other.totals);
            url.latency.merge(&other.latency);
        }
    }

    /// Latency from the intended start.
    pub fn corrected(&self) -> LatencyHistogram {
        let mut all = self.latencies.both.clone();
        all.merge(&self.latencies.corrected);
        all
    }

    /// Latency from the actual start.
    pub fn uncorrected(&self) -> LatencyHistogram {
        let mut all = self.latencies.both.clone();
        all.merge(&self.latencies.uncorrected);
        all
    }

    /// Whether each request that was sent is answered, failed or unfinished, exactly.
    pub fn is_balanced(&self) -> bool {
        let known = self.series.totals.answered.checked_add(self.series.totals.failed);
        known.and_then(|known| known.checked_add(self.series.totals.unfinished))
            == Some(self.series.totals.sent)
    }

    fn url(&mut self, url: u32) -> Option<&mut UrlMetrics> {
        let last = self.urls.len().checked_sub(1)?;
        self.urls.get_mut(usize::try_from(url).map_or(last, |url| url.min(last)))
    }
}

/// The statuses that came, with how often.
fn write_statuses<S: Serializer>(counts: &[u64], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map((0u16..).zip(counts).filter(|(_, count)| **count > 0))
}

fn read_statuses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    let mut statuses = vec![0; STATUS_END];
    for (status, count) in BTreeMap::<String, u64>::deserialize(from)? {
        let place = status.parse().ok().and_then(|status: usize| statuses.get_mut(status));
        *place.ok_or_else(|| de::Error::custom("its 'statuses' is no list of statuses"))? = count;
    }
    Ok(statuses)
}

#[cfg(test)]
mod tests;
