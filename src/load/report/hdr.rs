//! HdrHistogram interval log 1.2 (V2 histograms), for other programs' plots.
//!
//! Untagged: corrected latencies, one interval a slice; they add up to the run. `Tag=uncorrected`:
//! uncorrected latencies of the whole run. Values are microseconds.

use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::text::{asked, errors, setup_line};
use crate::load::stats::summary::Summary;
use crate::text::is_deceptive;

/// The log's second column shows milliseconds.
const US_PER_MS: f64 = 1000.0;

/// Interval log.
pub(super) fn hdr(summary: &Summary) -> String {
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(summary.info.started_unix_secs);
    let info = &summary.info;
    // A line end would end the comment.
    let settings = [&info.target, &asked(summary), &setup_line(info), &errors(summary)]
        .map(|words| words.replace(is_deceptive, " "));
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("[Histogram log format version 1.2]")
        .add_comment("Latencies of a load test by reactor-client, in microseconds; untagged: corrected")
        .add_comment(&settings.join("; "))
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(US_PER_MS);
    // Counts are far below the format's 2^63.
    let mut log = builder.begin_log_with(&mut out, &mut serializer).expect("memory takes all bytes");
    let slices = summary.slices.iter().map(|its| (its.slice.latency(), its.start, its.length, None));
    let whole = (summary.uncorrected_times.clone(), Duration::ZERO, info.wall, Tag::new("uncorrected"));
    for (times, start, length, tag) in slices.chain([whole]) {
        let written = log.write_histogram(times.histogram(), start, length, tag);
        debug_assert!(written.is_ok(), "memory takes all bytes");
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::load::stats::latency_histogram::LatencyHistogram;
    use crate::load::stats::summary::tests::{empty_summary, info, stalling};

    /// Intervals of a log, read by the library: tag, start in milliseconds, histogram.
    fn read(log: &str) -> Vec<(Option<String>, u128, LatencyHistogram)> {
        let intervals = IntervalLogIterator::new(log.as_bytes()).filter_map(|entry| match entry {
            Ok(LogEntry::Interval(interval)) => {
                let bytes = STANDARD.decode(interval.encoded_histogram()).expect("it is base64");
                let histogram = LatencyHistogram::decode(&bytes).expect("it is a histogram");
                let tag = interval.tag().map(|tag| tag.as_str().to_owned());
                Some((tag, interval.start_timestamp().as_millis(), histogram))
            }
            Ok(_) => None,
            Err(error) => panic!("{error:?} in {log}"),
        });
        intervals.collect()
    }

    #[test]
    fn hdr_log_is_readable_and_its_intervals_sum_to_the_run() {
        let summary = stalling();
        let log = hdr(&summary);
        assert!(log.contains("#[Histogram log format version 1.2]"), "{log}");
        assert!(log.contains("#[StartTime: 1700000000.000"), "{log}");
        let intervals = read(&log);
        assert_eq!(intervals.len(), summary.slices.len() + 1);
        assert_eq!(intervals[1].1, 1000);
        let mut sum = LatencyHistogram::default();
        for (_, _, histogram) in intervals.iter().filter(|(tag, _, _)| tag.is_none()) {
            sum.merge(histogram);
        }
        assert_eq!(sum, summary.corrected_times);
        let (tag, _, whole) = &intervals[intervals.len() - 1];
        assert_eq!((tag.as_deref(), whole), (Some("uncorrected"), &summary.uncorrected_times));
    }

    #[test]
    fn hdr_log_of_run_without_responses_is_readable() {
        assert_eq!(read(&hdr(&empty_summary(info()))).len(), 1);
    }
}
