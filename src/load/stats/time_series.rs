//! Time series of a run, in bounded memory.
//!
//! Slices start at one second. Beyond [`SLICES_MAX`], neighbours merge and the length doubles. Slices add up
//! to the run, exactly.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::failure::FailureCounts;
use super::latency_histogram::{DIGITS, LatencyHistogram, micros, to_us};

/// Lowest status that is an error (RFC 9110 section 15).
pub const BAD_STATUS_MIN: u16 = 400;

/// Most slices: five minutes at one second, about 10 MB at the most common latencies.
pub const SLICES_MAX: usize = 300;

/// Slices of a snapshot with latencies: the last complete one, the current one, and one for a thread that is ahead.
const SNAPSHOT_LATENCIES: usize = 3;

/// Request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTotals {
    /// Requests given to a connection.
    pub sent: u64,
    /// Complete responses of any status.
    pub answered: u64,
    /// Statuses from [`BAD_STATUS_MIN`].
    pub bad_statuses: u64,
    /// Failed requests.
    pub failed: u64,
    /// Requests in flight at the end.
    pub unfinished: u64,
    /// Due requests that were never sent; in a closed loop, an estimate for the time without the server.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsent: u64,
    /// Response bytes.
    pub received_len: u64,
}

/// Keys added after the formats were frozen are left out if they say nothing.
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RequestTotals {
    /// Failed and unsent requests, bad statuses.
    pub fn errors(&self) -> u64 {
        self.failed.saturating_add(self.bad_statuses).saturating_add(self.unsent)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.answered = self.answered.saturating_add(other.answered);
        self.bad_statuses = self.bad_statuses.saturating_add(other.bad_statuses);
        self.failed = self.failed.saturating_add(other.failed);
        self.unfinished = self.unfinished.saturating_add(other.unfinished);
        self.unsent = self.unsent.saturating_add(other.unsent);
        self.received_len = self.received_len.saturating_add(other.received_len);
    }
}

/// Slice of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeSlice {
    /// Responses.
    pub answered: u64,
    /// Statuses from 400.
    pub bad_statuses: u64,
    /// Failed requests and connections, and due requests never sent.
    pub failed: u64,
    /// Response bytes.
    pub received_len: u64,
    /// Corrected, in microseconds; `u32` counts and growth on demand save memory.
    #[serde(serialize_with = "write_latency", deserialize_with = "read_latency")]
    latency: Option<Histogram<u32>>,
}

impl TimeSlice {
    fn record(&mut self, us: u64, count: u32) {
        // Three digits are a valid precision, and a resizing histogram accepts every value.
        let histogram = self.latency.get_or_insert_with(|| Histogram::new(DIGITS).expect("three digits"));
        let recorded = histogram.record_n(us, count);
        debug_assert!(recorded.is_ok(), "a histogram that resizes takes every value");
    }

    fn merge(&mut self, other: &Self) {
        self.answered = self.answered.saturating_add(other.answered);
        self.bad_statuses = self.bad_statuses.saturating_add(other.bad_statuses);
        self.failed = self.failed.saturating_add(other.failed);
        self.received_len = self.received_len.saturating_add(other.received_len);
        for (us, count) in other.values() {
            self.record(us, count);
        }
    }

    /// Shortest first.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let recorded = self.latency.iter().flat_map(|histogram| histogram.iter_recorded());
        recorded.map(|value| (value.value_iterated_to(), value.count_at_value()))
    }

    /// Corrected latencies.
    pub fn latency(&self) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for (us, count) in self.values() {
            histogram.record_us(us, u64::from(count));
        }
        histogram
    }

    /// Failures and bad statuses.
    pub fn errors(&self) -> u64 {
        self.failed.saturating_add(self.bad_statuses)
    }

    /// Value at a quantile; 0 if empty.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.latency.as_ref().map_or(0, |histogram| histogram.value_at_quantile(quantile))
    }
}

fn write_latency<S: Serializer>(latency: &Option<Histogram<u32>>, to: S) -> Result<S::Ok, S::Error> {
    TimeSlice { latency: latency.clone(), ..TimeSlice::default() }.latency().serialize(to)
}

fn read_latency<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Histogram<u32>>, D::Error> {
    let mut slice = TimeSlice::default();
    for value in LatencyHistogram::deserialize(from)?.histogram().iter_recorded() {
        let count = u32::try_from(value.count_at_value()).unwrap_or(u32::MAX);
        slice.record(value.value_iterated_to(), count);
    }
    Ok(slice.latency)
}

/// Slices and totals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeSeries {
    /// Sums of all slices.
    pub totals: RequestTotals,
    #[serde(rename = "slice_us", with = "micros")]
    pub(crate) slice_len: Duration,
    pub(crate) slices: Vec<TimeSlice>,
    /// Failed connections.
    pub connect_failures: FailureCounts,
}

impl Default for TimeSeries {
    fn default() -> Self {
        Self::new(Duration::ZERO)
    }
}

impl TimeSeries {
    /// Slice length 0 means one second.
    pub fn new(slice: Duration) -> Self {
        let slice = if slice.is_zero() { Duration::from_secs(1) } else { slice };
        let (totals, slices, connect_failures) = Default::default();
        Self { totals, slice_len: slice, slices, connect_failures }
    }

    pub(super) fn answered(&mut self, done: Duration, latency: Duration, status: u16, received_len: u64) {
        let slice = self.slice_at(done);
        slice.answered += 1;
        slice.bad_statuses += u64::from(status >= BAD_STATUS_MIN);
        slice.received_len += received_len;
        slice.record(to_us(latency), 1);
    }

    pub(super) fn failed(&mut self, at: Duration, latency: Option<Duration>) {
        let slice = self.slice_at(at);
        slice.failed += 1;
        if let Some(latency) = latency {
            slice.record(to_us(latency), 1);
        }
    }

    /// Copy for a progress display: only the last slices have latencies, which are nearly all of its size.
    pub fn snapshot(&self) -> Self {
        let latest = self.slices.len().saturating_sub(SNAPSHOT_LATENCIES);
        let copy = |(index, slice): (usize, &TimeSlice)| {
            let latency = slice.latency.as_ref().filter(|_| index >= latest).cloned();
            TimeSlice { latency, ..*slice }
        };
        let slices = self.slices.iter().enumerate().map(copy).collect();
        Self { slices, connect_failures: self.connect_failures.clone(), ..*self }
    }

    /// Adds another thread or run, aligned in time.
    pub fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.connect_failures.merge(&other.connect_failures);
        while self.slice_len < other.slice_len {
            self.coarsen();
        }
        let mut start = Duration::ZERO;
        for slice in &other.slices {
            self.slice_at(start).merge(slice);
            start = start.saturating_add(other.slice_len);
        }
    }

    pub(crate) fn slice_at(&mut self, at: Duration) -> &mut TimeSlice {
        while self.index(at) >= SLICES_MAX {
            self.coarsen();
        }
        let index = self.index(at);
        if index >= self.slices.len() {
            self.slices.resize_with(index + 1, TimeSlice::default);
        }
        &mut self.slices[index]
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.slice_len.as_nanos()).unwrap_or(usize::MAX)
    }

    /// Loops end: after about 90 calls a slice exceeds any time.
    fn coarsen(&mut self) {
        self.slice_len = self.slice_len.saturating_mul(2);
        let fine = std::mem::take(&mut self.slices);
        for (index, slice) in fine.into_iter().enumerate() {
            match self.slices.last_mut() {
                Some(last) if index % 2 == 1 => last.merge(&slice),
                _ => self.slices.push(slice),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn answered(series: &mut TimeSeries, at: Duration, latency: Duration, status: u16) {
        series.answered(at, latency, status, 10);
    }

    #[test]
    fn response_counts_in_the_slice_of_its_arrival() {
        let mut series = TimeSeries::new(SECOND);
        for at_ms in [0, 999, 1000, 3500] {
            answered(&mut series, Duration::from_millis(at_ms), Duration::from_millis(5), 200);
        }
        let answered: Vec<_> = series.slices.iter().map(|slice| slice.answered).collect();
        assert_eq!(answered, [2, 1, 0, 1]);
        assert_eq!(series.slices[0].quantile_us(0.5).abs_diff(5000), 3);
        assert_eq!(series.slices[2].quantile_us(0.5), 0);
    }

    #[test]
    fn slice_errors_are_bad_statuses_and_failures() {
        let mut series = TimeSeries::new(SECOND);
        for status in [200, 399, 400, 503] {
            answered(&mut series, Duration::ZERO, SECOND, status);
        }
        series.failed(Duration::ZERO, None);
        let slice = &series.slices[0];
        assert_eq!((slice.answered, slice.bad_statuses, slice.failed, slice.errors()), (4, 2, 1, 3));
    }

    #[test]
    fn long_run_has_at_most_slices_max_and_loses_nothing() {
        let mut series = TimeSeries::new(SECOND);
        for at_secs in 0..10_000 {
            answered(&mut series, Duration::from_secs(at_secs), Duration::from_micros(at_secs), 200);
        }
        series.failed(Duration::MAX, None);
        assert!(series.slices.len() <= SLICES_MAX);
        assert_eq!(series.slices.iter().map(|slice| slice.answered).sum::<u64>(), 10_000);
        assert_eq!(series.slices.iter().map(|slice| slice.latency().len()).sum::<u64>(), 10_000);
        assert_eq!(series.slices.iter().map(|slice| slice.failed).sum::<u64>(), 1);
    }

    #[test]
    fn snapshot_has_all_counts_and_the_last_latencies() {
        let mut series = TimeSeries::new(SECOND);
        (0..5).for_each(|at_secs| answered(&mut series, at_secs * SECOND, SECOND, 200));
        let snapshot = series.snapshot();
        let counts = |series: &TimeSeries| series.slices.iter().map(|slice| slice.answered).sum::<u64>();
        assert_eq!((snapshot.totals, counts(&snapshot)), (series.totals, 5));
        let latencies: Vec<_> = snapshot.slices.iter().map(|slice| slice.latency().len()).collect();
        assert_eq!(latencies, [0, 0, 1, 1, 1]);
    }

    #[test]
    fn merge_of_different_slice_lengths_takes_the_longer() {
        let (mut long, mut short) = (TimeSeries::new(SECOND), TimeSeries::new(SECOND));
        for at_secs in 0..400 {
            answered(&mut long, Duration::from_secs(at_secs), SECOND, 200);
        }
        answered(&mut short, Duration::from_secs(3), SECOND, 200);
        let mut other_way = short.clone();
        other_way.merge(&long);
        long.merge(&short);
        assert_eq!((long.slice_len, long.slices[1].answered), (2 * SECOND, 3));
        assert_eq!(other_way, long);
    }
}
