//! A histogram of times: 1 µs to 1 h with three significant digits, in memory that never grows.
//!
//! What lies outside is recorded at the nearest end, never dropped. It divides nothing while it
//! records; it knows nothing of requests.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// The shortest time that is told apart.
pub const TIME_MIN_US: u64 = 1;
/// The longest: an hour, as no time-out is longer and the histogram then takes some 190 KB.
pub const TIME_MAX_US: u64 = 3_600_000_000;
/// How many digits of a value are kept: the error is at most a thousandth.
pub const DIGITS: u8 = 3;

/// Whole microseconds within what a histogram holds.
pub(super) fn to_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(TIME_MIN_US, TIME_MAX_US)
}

/// Times, recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorder(Histogram<u64>);

impl Default for Recorder {
    fn default() -> Self {
        // The bounds are constants that are in order.
        Self(Histogram::new_with_bounds(TIME_MIN_US, TIME_MAX_US, DIGITS).expect("the bounds are in order"))
    }
}

impl Recorder {
    /// Records a time; what is too short or too long counts at the end of the range.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(to_us(time));
    }

    /// Records a value of another histogram, as often as it stands there.
    pub(super) fn record_us(&mut self, value: u64, count: u64) {
        self.0.saturating_record_n(value.clamp(TIME_MIN_US, TIME_MAX_US), count);
    }

    /// Adds what another has recorded.
    pub fn merge(&mut self, other: &Self) {
        if !other.is_empty() {
            // Both have the same bounds, so that there is room for each value.
            self.0.add(&other.0).expect("both have the same bounds");
        }
    }

    /// How many times were recorded.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value below or at which this share of all values lies; 0 when there is none.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        if self.is_empty() { 0 } else { self.0.value_at_quantile(quantile) }
    }

    /// The histogram itself, to read.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// The histogram in the compressed encoding that is common to all HdrHistograms, V2.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to memory does not fail, and the counts are far below the format's 2^63.
        V2DeflateSerializer::new().serialize(&self.0, &mut out).expect("memory takes all bytes");
        out
    }

    /// Reads what [`Self::encode`] wrote, or another program's histogram of microseconds.
    ///
    /// # Errors
    ///
    /// What is wrong, in words to stand behind a colon.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut bytes = bytes;
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes).map_err(|_| "a histogram cannot be read")?;
        if !read.is_empty() && read.max() > read.highest_equivalent(TIME_MAX_US) {
            return Err("a histogram holds times above an hour");
        }
        let mut recorder = Self::default();
        for value in read.iter_recorded() {
            recorder.record_us(value.value_iterated_to(), value.count_at_value());
        }
        Ok(recorder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_the_range_count_at_its_ends() {
        let mut recorder = Recorder::default();
        recorder.record(Duration::ZERO);
        recorder.record(Duration::MAX);
        assert_eq!(recorder.len(), 2);
        assert_eq!(recorder.histogram().min(), TIME_MIN_US);
        assert!(recorder.quantile_us(1.0).abs_diff(TIME_MAX_US) < TIME_MAX_US / 1000);
        assert_eq!([to_us(Duration::ZERO), to_us(Duration::MAX)], [TIME_MIN_US, TIME_MAX_US]);
    }

    #[test]
    fn an_empty_one_has_quantiles_of_nought() {
        assert_eq!(Recorder::default().quantile_us(0.99), 0);
        assert_eq!(Recorder::default().quantile_us(f64::NAN), 0);
    }

    #[test]
    fn what_is_encoded_is_read_back_and_garbage_is_refused() {
        let mut recorder = Recorder::default();
        for us in [1, 40, 1500, 200_000, TIME_MAX_US] {
            recorder.record(Duration::from_micros(us));
        }
        assert_eq!(Recorder::decode(&recorder.encode()), Ok(recorder.clone()));
        assert_eq!(Recorder::decode(&Recorder::default().encode()), Ok(Recorder::default()));
        let encoded = recorder.encode();
        for cut in 0..encoded.len() / 2 {
            assert!(Recorder::decode(&encoded[..cut]).is_err(), "{cut} bytes");
        }
    }
}
