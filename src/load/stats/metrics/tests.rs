//! Sums are exact; merged threads give the sums of one thread.
//!
//! Events are synthetic, single or random; no time passes.

use proptest::prelude::*;

use super::*;
use crate::load::stats::failure::tests::ALL;

fn metrics() -> Metrics {
    Metrics::new(3, Duration::from_secs(1))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn request(url: u32, intended: u64, sent: u64, done: u64) -> RequestTimes {
    RequestTimes { url, intended: ms(intended), sent: ms(sent), done: ms(done) }
}

fn answered(metrics: &mut Metrics, request: RequestTimes, status: u16) {
    metrics.answered(request, status, request.sent, 10);
}

#[test]
fn corrected_from_intended_start_uncorrected_from_sent() {
    let mut metrics = metrics();
    answered(&mut metrics, request(1, 10, 150, 160), 200);
    answered(&mut metrics, request(1, 20, 20, 30), 200);
    let near = |histogram: LatencyHistogram, quantile, truth_us: u64| {
        histogram.quantile_us(quantile).abs_diff(truth_us) * 1000 <= truth_us
    };
    assert!(near(metrics.corrected(), 1.0, 150_000) && near(metrics.corrected(), 0.5, 10_000));
    assert!(near(metrics.uncorrected(), 1.0, 10_000));
    assert_eq!((metrics.corrected().len(), metrics.uncorrected().len()), (2, 2));
}

#[test]
fn timed_out_request_is_recorded_with_its_waiting_time() {
    let mut metrics = metrics();
    for failure in [LoadFailure::TimedOut, LoadFailure::Reset] {
        metrics.failed(request(0, 0, 1000, 3000), failure);
    }
    assert_eq!((metrics.corrected().len(), metrics.series.totals.failed), (1, 2));
    assert!(metrics.corrected().quantile_us(0.5).abs_diff(3_000_000) <= 3_000);
    assert!(metrics.uncorrected().quantile_us(0.5).abs_diff(2_000_000) <= 2_000);
    assert_eq!((metrics.urls[0].totals.failed, metrics.urls[0].latency.len()), (2, 1));
    assert!(metrics.urls[0].latency.quantile_us(0.5).abs_diff(3_000_000) <= 3_000);
}

#[test]
fn is_balanced_when_sent_is_answered_failed_and_unfinished() {
    let mut metrics = metrics();
    assert!(metrics.is_balanced());
    (0..3).for_each(|url| metrics.record_sent(url));
    assert!(!metrics.is_balanced());
    answered(&mut metrics, request(1, 0, 0, 1), 200);
    metrics.failed(request(9, 0, 0, 1), LoadFailure::BadHead);
    metrics.unfinished([Duration::ZERO; 2]);
    assert!(metrics.is_balanced());
    metrics.connect_failed(LoadFailure::NoPort, ms(1));
    assert!(metrics.is_balanced(), "a connection is no request");
    assert_eq!(metrics.series.slices[0].failed, 2, "but it is an error of its second");
    assert_eq!(metrics.urls[2].totals.failed, 1, "what is out of range counts at the end");
}

#[test]
fn bad_statuses_are_counted_by_run_url_and_slice() {
    let mut metrics = metrics();
    for (url, status) in [(0, 200), (1, 404), (1, 399), (2, 400), (2, 599)] {
        answered(&mut metrics, request(url, 0, 0, 1), status);
    }
    assert_eq!((metrics.series.totals.answered, metrics.series.totals.bad_statuses), (5, 3));
    let by_url: Vec<_> = metrics.urls.iter().map(|url| url.totals.bad_statuses).collect();
    assert_eq!(by_url, [0, 1, 2]);
    assert_eq!(metrics.series.slices[0].bad_statuses, 3);
}

#[test]
fn single_url_has_no_url_metrics_many_are_capped() {
    assert!(Metrics::new(1, ms(1000)).urls.is_empty());
    let many = Metrics::new(usize::MAX, ms(1000));
    assert_eq!(many.urls.len(), URL_FIGURES_MAX);
}

#[derive(Clone, Debug)]
enum Event {
    Sent(u32),
    Answered(RequestTimes, u16),
    Failed(RequestTimes, LoadFailure),
    Connected(u64),
    ConnectFailed(LoadFailure, u64),
    Lag(u64),
    Unfinished(u64),
    Unsent(u32, u64, u64),
    Resent(u64),
    Unasked,
}

fn apply(metrics: &mut Metrics, event: &Event) {
    match event.clone() {
        Event::Sent(url) => metrics.record_sent(url),
        Event::Answered(request, status) => answered(metrics, request, status),
        Event::Failed(request, failure) => metrics.failed(request, failure),
        Event::Connected(took) => metrics.connect.record(ms(took)),
        Event::ConnectFailed(failure, at) => metrics.connect_failed(failure, ms(at)),
        Event::Lag(late) => metrics.lag.record(ms(late)),
        Event::Unfinished(age) => metrics.unfinished([ms(age); 2]),
        Event::Unsent(url, age, at) => metrics.unsent(url, Some(ms(age)), ms(at)),
        Event::Resent(count) => metrics.resent += count,
        Event::Unasked => metrics.unasked += 1,
    }
}

fn event() -> impl Strategy<Value = Event> {
    // Up to 900 s: more slices than `SLICES_MAX`.
    let at = 0..900_000u64;
    let times = (0..5u32, at.clone(), 0..500u64, 0..9_000u64, 0..ALL.len());
    (0..10u8, times, 100..1000u16).prop_map(|(kind, (url, intended, late, took, failure), status)| {
        let failure = ALL[failure];
        let (sent, done) = (intended + late, intended + late + took);
        match kind {
            0 => Event::Sent(url),
            1 | 2 => Event::Answered(request(url, intended, sent, done), status),
            3 => Event::Failed(request(url, intended, sent, done), failure),
            4 => Event::ConnectFailed(failure, done),
            5 => Event::Connected(took),
            6 => Event::Lag(late),
            7 => Event::Unfinished(took),
            8 => Event::Unsent(url, took, done),
            _ if late % 2 == 0 => Event::Resent(took),
            _ => Event::Unasked,
        }
    })
}

proptest! {
    #[test]
    fn merged_thread_metrics_equal_single_thread_metrics(events in proptest::collection::vec((event(), 0..3usize), 0..60)) {
        let mut one = metrics();
        let mut threads = [metrics(), metrics(), metrics()];
        for (event, thread) in &events {
            apply(&mut one, event);
            apply(&mut threads[*thread], event);
        }
        let [mut first, second, third] = threads;
        first.merge(&second);
        first.merge(&third);
        prop_assert_eq!(first, one);
    }
}
