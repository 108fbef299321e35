//! A histogram of times: 1 µs to 1 h with three significant digits, in memory that never grows.
//!
//! What lies outside is recorded at the nearest end, never dropped. It divides nothing while it
//! records; it knows nothing of requests.

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize, de};

/// The shortest time that is told apart.
pub const TIME_MIN_US: u64 = 1;
/// The longest: an hour, as no time-out is longer and the histogram then takes some 190 KB.
pub const TIME_MAX_US: u64 = 3_600_000_000;
/// How many digits of a value are kept: the error is at most a thousandth.
pub const DIGITS: u8 = 3;

/// The most that counts add up to: sums of many histograms and slices then overflow nowhere.
pub(in crate::load) const COUNT_MAX: u64 = 1 << 53;

/// What every uncompressed histogram of the second version begins with.
const V2_COOKIE: u32 = 0x1c84_9313;
/// The head of one: cookie, length of the counts, offset, digits, lowest and highest value, ratio.
const HEAD_LEN: usize = 40;
/// All of one that has our bounds: 23,000 counts of nine bytes at most, and its head.
const PLAIN_LEN_MAX: u64 = 256 * 1024;

/// Whole microseconds within what a histogram holds.
pub(super) fn to_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(TIME_MIN_US, TIME_MAX_US)
}

/// Times, recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyHistogram(Histogram<u64>);

impl Default for LatencyHistogram {
    fn default() -> Self {
        // The bounds are constants that are in order.
        Self(Histogram::new_with_bounds(TIME_MIN_US, TIME_MAX_US, DIGITS).expect("the bounds are in order"))
    }
}

impl LatencyHistogram {
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

    /// Reads what [`Self::encode`] wrote, or another program's histogram of microseconds with no wider
    /// bounds.
    ///
    /// # Errors
    ///
    /// What is wrong, in words to stand behind a colon.
    pub(in crate::load) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const UNREADABLE: &str = "a histogram cannot be read";
        let plain = inflate(bytes).filter(|plain| is_safe_to_decode(plain)).ok_or(UNREADABLE)?;
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut plain.as_slice()).map_err(|_| UNREADABLE)?;
        if read.len() > COUNT_MAX {
            return Err("a histogram counts too much");
        }
        if !read.is_empty() && read.max() > read.highest_equivalent(TIME_MAX_US) {
            return Err("a histogram holds times above an hour");
        }
        let mut histogram = Self::default();
        for value in read.iter_recorded() {
            histogram.record_us(value.value_iterated_to(), value.count_at_value());
        }
        Ok(histogram)
    }
}

/// In JSON it is the compressed encoding in base64.
impl Serialize for LatencyHistogram {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&STANDARD.encode(self.encode()))
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(from)?);
        let bytes = bytes.map_err(|_| de::Error::custom("a histogram is no base64"))?;
        Self::decode(&bytes).map_err(de::Error::custom)
    }
}

/// Times as whole microseconds, for serde.
pub(in crate::load) mod micros {
    use super::{Deserialize, Duration};

    pub(in crate::load) fn whole(time: &Duration) -> u64 {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    }

    pub(in crate::load) fn serialize<S: serde::Serializer>(
        time: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(whole(time))
    }

    pub(in crate::load) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

/// Times in seconds, for the JSON of reports.
pub(in crate::load) fn secs<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

/// Times that may be unknown, as whole microseconds or null, for serde.
pub(in crate::load) mod maybe_micros {
    use super::{Deserialize, Duration, Serialize, micros};

    pub(in crate::load) fn serialize<S: serde::Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.as_ref().map(micros::whole).serialize(to)
    }

    pub(in crate::load) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::deserialize(from).map(|us: Option<u64>| us.map(Duration::from_micros))
    }
}

/// The histogram that is compressed in these bytes; none if it is longer than any of ours.
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    /// A cookie, and the length of what is compressed.
    const OUTER_LEN: usize = 8;
    let mut plain = Vec::new();
    let decoder = ZlibDecoder::new(bytes.get(OUTER_LEN..)?);
    decoder.take(PLAIN_LEN_MAX + 1).read_to_end(&mut plain).ok()?;
    (plain.len() as u64 <= PLAIN_LEN_MAX).then_some(plain)
}

/// Whether the crate can be given these bytes: it makes room for whatever their head says, and negates
/// the one number that has no opposite.
fn is_safe_to_decode(plain: &[u8]) -> bool {
    let word = |at: usize| plain.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let highest = plain.get(24..32).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    word(0) == Some(V2_COOKIE)
        && word(4).and_then(|len| usize::try_from(len).ok()) == plain.len().checked_sub(HEAD_LEN)
        && word(12).is_some_and(|digits| digits <= u32::from(DIGITS))
        && highest.is_some_and(|highest| highest <= TIME_MAX_US)
        && !plain.windows(9).any(|bytes| bytes.iter().all(|byte| *byte == 0xff))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A histogram as somebody else may write it.
    fn forged_histogram(len: usize, digits: u32, highest: u64, counts: &[u8]) -> Vec<u8> {
        let mut plain =
            [V2_COOKIE, u32::try_from(len).expect("a length"), 0, digits].map(u32::to_be_bytes).concat();
        plain.extend([TIME_MIN_US, highest, 1.0f64.to_bits()].map(u64::to_be_bytes).concat());
        plain.extend_from_slice(counts);
        let mut bytes = [0x1c84_9314u32, 0].map(u32::to_be_bytes).concat();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&plain).expect("memory");
        bytes.extend(encoder.finish().expect("memory"));
        bytes
    }

    #[test]
    fn decode_of_oversized_or_overflowing_histogram_fails() {
        let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(
            LatencyHistogram::decode(&forged_histogram(2, 3, TIME_MAX_US, &[0, 2])).map(|read| read.len()),
            Ok(1)
        );
        let gigabytes = u32::MAX as usize;
        for (what, bytes) in [
            ("a length that is not there", forged_histogram(gigabytes, 3, TIME_MAX_US, &[0, 2])),
            ("a bomb", forged_histogram(64 << 20, 3, TIME_MAX_US, &vec![0; 64 << 20])),
            ("wide bounds", forged_histogram(2, 5, u64::MAX, &[0, 2])),
            (
                "a number without an opposite",
                forged_histogram(10, 3, TIME_MAX_US, &[&[0xff; 9][..], &[0]].concat()),
            ),
        ] {
            assert_eq!(LatencyHistogram::decode(&bytes), Err("a histogram cannot be read"), "{what}");
        }
        let too_many = forged_histogram(9, 3, TIME_MAX_US, &most);
        assert_eq!(LatencyHistogram::decode(&too_many), Err("a histogram counts too much"));
    }

    #[test]
    fn record_out_of_range_time_clamps_to_bounds() {
        let mut histogram = LatencyHistogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.len(), 2);
        assert_eq!(histogram.histogram().min(), TIME_MIN_US);
        assert!(histogram.quantile_us(1.0).abs_diff(TIME_MAX_US) < TIME_MAX_US / 1000);
        assert_eq!([to_us(Duration::ZERO), to_us(Duration::MAX)], [TIME_MIN_US, TIME_MAX_US]);
    }

    #[test]
    fn empty_histogram_quantiles_are_zero() {
        assert_eq!(LatencyHistogram::default().quantile_us(0.99), 0);
        assert_eq!(LatencyHistogram::default().quantile_us(f64::NAN), 0);
    }

    #[test]
    fn encoded_histogram_roundtrips_truncated_is_refused() {
        let mut histogram = LatencyHistogram::default();
        for us in [1, 40, 1500, 200_000, TIME_MAX_US] {
            histogram.record(Duration::from_micros(us));
        }
        assert_eq!(LatencyHistogram::decode(&histogram.encode()), Ok(histogram.clone()));
        assert_eq!(
            LatencyHistogram::decode(&LatencyHistogram::default().encode()),
            Ok(LatencyHistogram::default())
        );
        let encoded = histogram.encode();
        for cut in 0..encoded.len() / 2 {
            assert!(LatencyHistogram::decode(&encoded[..cut]).is_err(), "{cut} bytes");
        }
    }
}
