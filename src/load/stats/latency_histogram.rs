//! HdrHistogram of times, 1 µs to 1 h, three significant digits.
//!
//! Its memory never grows. A time out of range counts at the nearest bound.

use std::io::Read;
use std::iter;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize, de};

/// Lower bound.
pub const TIME_MIN_US: u64 = 1;
/// Upper bound: no time-out exceeds an hour. A histogram then takes about 190 KB.
pub const TIME_MAX_US: u64 = 3_600_000_000;
/// Significant digits: the error is at most 0.1 %.
pub const DIGITS: u8 = 3;

/// Merged sums then cannot overflow.
pub(crate) const COUNT_MAX: u64 = 1 << 53;

/// Cookie of an uncompressed V2 histogram.
const V2_COOKIE: u32 = 0x1c84_9313;
/// Header: cookie, length of counts, offset, digits, lowest and highest value, ratio.
const HEAD_LEN: usize = 40;
/// At most 23,000 counts of nine bytes, and the header.
const PLAIN_LEN_MAX: u64 = 256 * 1024;

pub(crate) fn to_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(TIME_MIN_US, TIME_MAX_US)
}

/// Histogram of times.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyHistogram(Histogram<u64>);

impl Default for LatencyHistogram {
    fn default() -> Self {
        // The bounds are constants in order.
        Self(Histogram::new_with_bounds(TIME_MIN_US, TIME_MAX_US, DIGITS).expect("the bounds are in order"))
    }
}

impl LatencyHistogram {
    /// Records a time.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(to_us(time));
    }

    pub(super) fn record_us(&mut self, value: u64, count: u64) {
        self.0.saturating_record_n(value.clamp(TIME_MIN_US, TIME_MAX_US), count);
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        if !other.is_empty() {
            // Both have the same bounds, so every value fits.
            self.0.add(&other.0).expect("both have the same bounds");
        }
    }

    /// Count.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Value at a quantile; 0 if empty.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        if self.is_empty() { 0 } else { self.0.value_at_quantile(quantile) }
    }

    /// Number of times below `us`, to the histogram's precision.
    pub(crate) fn count_below(&self, us: u64) -> u64 {
        us.checked_sub(1).map_or(0, |last| self.0.count_between(0, last))
    }

    /// Wrapped histogram.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Compressed V2 encoding, common to all HdrHistograms.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Counts are far below the format's 2^63.
        V2DeflateSerializer::new().serialize(&self.0, &mut out).expect("memory takes all bytes");
        out
    }

    /// Decodes any histogram of microseconds with no wider bounds.
    ///
    /// # Errors
    ///
    /// The reason, to follow a colon.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const UNREADABLE: &str = "a histogram cannot be read";
        let plain = inflate(bytes).filter(|plain| is_safe_to_decode(plain)).ok_or(UNREADABLE)?;
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut plain.as_slice()).map_err(|_| UNREADABLE)?;
        if read.len() > COUNT_MAX {
            return Err("the counts of a histogram are too large");
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

/// Histogram bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HistogramBar {
    /// Lower end, exclusive.
    pub above_us: u64,
    /// Upper end, inclusive.
    pub to_us: u64,
    /// Number of times.
    pub count: u64,
}

pub(super) fn bars(times: &LatencyHistogram) -> Vec<HistogramBar> {
    let histogram = times.histogram();
    let (min_us, max_us) = (histogram.min(), histogram.lowest_equivalent(histogram.max()));
    // Ten decades hold an hour of microseconds.
    let edges = (0..10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)));
    let pairs = iter::once(0).chain(edges.clone()).zip(edges);
    let shown = pairs.filter(|(above_us, to_us)| *to_us >= min_us && *above_us < max_us);
    let count = |above_us, to_us| times.count_below(to_us + 1) - times.count_below(above_us + 1);
    shown.map(|(above_us, to_us)| HistogramBar { above_us, to_us, count: count(above_us, to_us) }).collect()
}

impl Serialize for LatencyHistogram {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&STANDARD.encode(self.encode()))
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(from)?);
        let bytes = bytes.map_err(|_| de::Error::custom("a histogram is not base64"))?;
        Self::decode(&bytes).map_err(de::Error::custom)
    }
}

pub(crate) mod micros {
    use super::{Deserialize, Duration};

    pub(crate) fn whole(time: &Duration) -> u64 {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn serialize<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(whole(time))
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

pub(crate) fn secs<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

pub(crate) mod maybe_micros {
    use super::{Deserialize, Duration, Serialize, micros};

    pub(crate) fn serialize<S: serde::Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.as_ref().map(micros::whole).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::deserialize(from).map(|us: Option<u64>| us.map(Duration::from_micros))
    }
}

/// `None` beyond [`PLAIN_LEN_MAX`].
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    /// Cookie and length.
    const OUTER_LEN: usize = 8;
    let mut plain = Vec::new();
    let decoder = ZlibDecoder::new(bytes.get(OUTER_LEN..)?);
    decoder.take(PLAIN_LEN_MAX + 1).read_to_end(&mut plain).ok()?;
    (plain.len() as u64 <= PLAIN_LEN_MAX).then_some(plain)
}

/// `hdrhistogram` allocates the claimed length and overflows on `i64::MIN` (nine bytes 0xff).
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

    /// Histogram with a forged header.
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
        assert_eq!(LatencyHistogram::decode(&too_many), Err("the counts of a histogram are too large"));
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
