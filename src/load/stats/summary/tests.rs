//! Synthetic runs for all tests that read a summary; quotients are finite numbers.
//!
//! Other modules build their summaries here.

use proptest::prelude::*;

use super::*;
use crate::load::engine::pacer::Schedule;
use crate::load::run_info::tests::{profile, setup};
use crate::load::run_info::{CpuUsage, LoadProfile};
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::metrics::RequestTimes;
use crate::load::stats::validity::Finding;

const fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

pub(crate) fn info() -> RunInfo {
    RunInfo {
        target: "GET http://localhost:8080/".to_owned(),
        urls: Vec::new(),
        setup: setup(),
        profile: profile(),
        due: Some(2007),
        concurrency: 50,
        pipeline: 1,
        wall: Duration::from_secs(10),
        threads: 1,
        cpu_usage: CpuUsage::of_thread(Duration::from_millis(1500), Some(Duration::from_millis(500))),
        started_unix_secs: 1_700_000_000,
        was_interrupted: false,
        gave_up: false,
        merged: None,
    }
}

pub(crate) fn metrics(urls: usize) -> Metrics {
    Metrics::new(urls, Duration::from_secs(1))
}

/// Run without any event.
pub(crate) fn empty_summary(info: RunInfo) -> Summary {
    Summary::of(&metrics(0), &info)
}

/// Sums of ten seconds with 200 requests each, against a server that stalls.
///
/// The server takes 800 µs, and does nothing in the first 200 ms of each second. During a stall only one
/// request is sent.
pub(crate) fn stalling_metrics(urls: usize) -> Metrics {
    const SECOND_US: u64 = 1_000_000;
    let mut metrics = metrics(urls);
    for number in 0..2000 {
        let intended_us = number * 5_000;
        let into_us = intended_us % SECOND_US;
        let stall_end_us = intended_us - into_us + 200_000;
        let sent_us = if into_us == 0 { intended_us } else { intended_us.max(stall_end_us) };
        let done_us = intended_us.max(stall_end_us) + 800;
        let url = if number % 4 == 0 { 1 } else { 0 };
        metrics.record_sent(url);
        metrics.lag.record(us(20));
        metrics.answered(
            RequestTimes { url, intended: us(intended_us), sent: us(sent_us), done: us(done_us) },
            200,
            us(done_us - 100),
            1024,
        );
    }
    for (number, failure) in [
        (0, LoadFailure::TimedOut),
        (1, LoadFailure::TimedOut),
        (2, LoadFailure::Reset),
        (3, LoadFailure::Reset),
        (4, LoadFailure::Truncated),
    ] {
        let sent = us(number * SECOND_US);
        metrics.record_sent(0);
        metrics.failed(RequestTimes { url: 0, intended: sent, sent, done: sent + us(500_000) }, failure);
    }
    metrics.record_sent(0);
    metrics.record_sent(1);
    metrics.unfinished([us(100); 2]);
    metrics.unfinished([us(100); 2]);
    for _ in 0..50 {
        metrics.connect.record(us(300));
    }
    metrics.connect_failed(LoadFailure::Refused, us(5));
    assert!(metrics.is_balanced());
    metrics
}

/// Summary of [`stalling_metrics`].
pub(crate) fn stalling() -> Summary {
    Summary::of(&stalling_metrics(0), &info())
}

/// Closed loop of 500 responses per second with exponentially distributed latencies.
pub(crate) fn steady(secs: u64, factor: f64) -> Summary {
    let (mut metrics, mut state) = (metrics(0), 1u64);
    for number in 0..secs * 500 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
        // Steps of 50 µs limit the number of distinct values.
        let latency_us = (500.0 - 1000.0 * (1.0 - unit).ln()) / 50.0;
        let done_us = number * 2_000;
        let latency = us((latency_us.round() * 50.0 * factor) as u64);
        metrics.record_sent(0);
        let (sent, done) = (us(20_000 + done_us), us(20_000 + done_us) + latency);
        metrics.answered(RequestTimes { url: 0, intended: sent, sent, done }, 200, done, 100);
    }
    let (due, course) = (None, LoadProfile { schedule: Schedule::Closed, ..profile() });
    let wall = Duration::from_secs(secs);
    let cpu_usage = CpuUsage { run_queue_wait: Some(Duration::from_millis(50 * secs)), ..info().cpu_usage };
    let info = RunInfo { due, profile: course, wall, cpu_usage, ..info() };
    Summary::of(&metrics, &info)
}

#[test]
fn summary_divides_the_sums() {
    let summary = stalling();
    assert_eq!((summary.rate, summary.received_bytes_per_sec), (200.0, 204_800.0));
    assert_eq!((summary.client.cpu_share, summary.client.cpu_us_per_answer), (0.15, 750.0));
    assert_eq!((summary.client.waited_share, summary.client.wanted_share_max), (Some(0.05), 0.2));
    assert_eq!(summary.totals.unfinished_oldest_us, Some(100));
    assert_eq!(summary.error_share, 5.0 / 2005.0);
    assert_eq!(summary.statuses, [StatusCount { status: 200, count: 2000 }]);
    assert!(summary.validity.is_valid());
    assert_eq!(summary.histogram.iter().map(|bar| bar.count).sum::<u64>(), 2002);
}

/// At 200 requests per second, one in five arrives during a stall and waits for its end.
///
/// Waits differ by 5 ms. Two time-outs are the longest.
#[test]
fn server_stall_shows_in_corrected_latency_only() {
    let summary = stalling();
    let (Some(corrected), Some(uncorrected)) = (summary.corrected, summary.uncorrected) else {
        panic!("there are latencies");
    };
    for (name, truth_us) in [("p50", 800.0), ("p90", 105_800.0), ("p99", 195_800.0), ("p99.9", 200_800.0)] {
        let found = corrected.statistic(name).unwrap_or(0.0);
        assert!((found / truth_us - 1.0).abs() < 0.05, "{name}: {found} and {truth_us}");
    }
    assert_eq!(uncorrected.statistic("p99"), Some(800.0), "where it hides");
}

#[test]
fn error_share_counts_statuses_of_400_and_above() {
    let mut metrics = metrics(0);
    for status in [200, 304, 404, 503, 999] {
        metrics.record_sent(0);
        let done = us(9);
        let zero = Duration::ZERO;
        metrics.answered(RequestTimes { url: 0, intended: zero, sent: zero, done }, status, done, 1);
    }
    let summary = Summary::of(&metrics, &info());
    assert_eq!((summary.totals.bad_statuses, summary.error_share), (3, 0.6));
}

#[test]
fn histogram_bar_includes_its_upper_end() {
    let mut times = LatencyHistogram::default();
    for value in [40, 50, 51, 100, 5000, 5004] {
        times.record(us(value));
    }
    let bars: Vec<_> = bars(&times).iter().map(|bar| (bar.above_us, bar.to_us, bar.count)).collect();
    let between = [(100, 200, 0), (200, 500, 0), (500, 1000, 0), (1000, 2000, 0)];
    let mut expected = vec![(20, 50, 2), (50, 100, 2)];
    expected.extend(between);
    expected.extend([(2000, 5000, 1), (5000, 10_000, 1)]);
    assert_eq!(bars, expected);
}

#[test]
fn urls_beyond_the_limit_share_the_last_summary() {
    let urls: Vec<_> = (0..150).map(|number| format!("/{number}")).collect();
    let mut metrics = metrics(urls.len());
    (0..150).for_each(|url| metrics.record_sent(url));
    let summary = Summary::of(&metrics, &RunInfo { urls, ..info() });
    let last = &summary.urls[URL_FIGURES_MAX - 1];
    assert_eq!((summary.urls.len(), last.url.as_str(), last.sent), (URL_FIGURES_MAX, "(all others)", 51));
    assert_eq!(summary.urls[98].url, "/98");
}

#[test]
fn last_slice_ends_with_the_run() {
    let summary = Summary::of(&stalling_metrics(0), &RunInfo { wall: us(9_500_000), ..info() });
    let lengths: Vec<_> = summary.slices.iter().map(|slice| slice.length.as_millis()).collect();
    assert_eq!(lengths, [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 500]);
    assert_eq!(summary.slices[9].rate, 400.0);
}

#[test]
fn summary_validity_follows_cpu_usage_and_schedule() {
    let busy = empty_summary(RunInfo {
        threads: 2,
        cpu_usage: CpuUsage {
            cpu: Duration::from_secs(10),
            thread_cpu_max: Duration::from_secs(10),
            ..info().cpu_usage
        },
        due: None,
        ..info()
    });
    assert_eq!(busy.validity.reasons, [Finding::cpu(1.0)]);
    let held_up = empty_summary(RunInfo {
        cpu_usage: CpuUsage { thread_demand_max: Duration::from_secs(10), ..info().cpu_usage },
        ..info()
    });
    let waited = Finding::cpu_starved(1.0, 0.15);
    let missed = Finding::schedule_missed(2007, 2007, 0.15, 1.0);
    assert_eq!(held_up.validity.reasons, [waited, missed]);
    let unreached = |due, were_busy| [Finding::rate_not_reached(2007, due, were_busy)];
    assert_eq!(empty_summary(info()).validity.warnings, unreached(2007, false));
    let twice = RunInfo { due: Some(4014), ..info() };
    let mut metrics = stalling_metrics(0);
    assert_eq!(Summary::of(&metrics, &twice).validity.warnings, unreached(4014, true));
    (0..2007).for_each(|_| metrics.unsent(0, None, us(0)));
    assert_eq!(Summary::of(&metrics, &twice).validity.warnings, unreached(4014, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn summary_of_any_metrics_is_finite_and_not_negative(
        wall in any::<u64>(), cpu in any::<u64>(), threads in any::<u64>(), due in any::<u64>(),
        answers in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u16>()), 0..20),
    ) {
        let mut metrics = metrics(2);
        for (done, sent, status) in answers {
            let (done, sent) = (us(done), us(sent));
            metrics.answered(RequestTimes { url: 0, intended: sent, sent, done }, status, done, sent.as_secs());
        }
        let info = RunInfo { wall: us(wall), threads, cpu_usage: CpuUsage { cpu: us(cpu), thread_cpu_max: us(cpu), run_queue_wait: Some(us(cpu)), thread_demand_max: us(cpu) }, due: Some(due), ..info() };
        let summary = Summary::of(&metrics, &info);
        let numbers = [summary.rate, summary.received_bytes_per_sec, summary.error_share, summary.client.cpu_share, summary.client.cpu_us_per_answer];
        prop_assert!(numbers.iter().all(|number| number.is_finite() && *number >= 0.0), "{numbers:?}");
        for (_, format) in crate::load::report::ReportFormat::ALL {
            let report = format.render(&summary, None);
            prop_assert!(!report.contains("NaN") && !report.contains("inf/"), "{report}");
        }
    }
}

#[test]
fn unfinished_requests_are_noted_if_they_raise_a_percentile() {
    let latency = |count, each_us| {
        let mut times = LatencyHistogram::default();
        times.record_us(each_us, count);
        times
    };
    let answered = latency(900, 1_000);
    let rows = [
        // None; as young as the others; too few to count; one in ten; one in 101; no response.
        (&answered, latency(0, 1), None),
        (&answered, latency(100, 900), None),
        (&latency(1_000_000, 1_000), latency(9, 5_000_000), None),
        (&answered, latency(100, 5_000_000), Some(("p95", 5_000_000))),
        (&answered, latency(9, 5_000_000), Some(("p99.9", 5_000_000))),
        (&latency(0, 1), latency(9, 5_000_000), None),
    ];
    for (answered, ages, expected) in rows {
        let (_, found) = with_unfinished(answered.clone(), &ages);
        let figures = found.map(|found| found.figures).unwrap_or_default();
        let percentile = figures.get(2).map(|figure| figure.name.as_str());
        assert_eq!(percentile, expected.map(|(percentile, _)| format!("{percentile}_us")).as_deref());
        if let ([unfinished, _, least], Some((_, least_us))) = (&figures[..], expected) {
            assert!(
                least.value.as_u64().is_some_and(|us| us.abs_diff(least_us) < least_us / 500),
                "{least:?}"
            );
            assert_eq!(unfinished.value, ages.len());
        }
    }
}
