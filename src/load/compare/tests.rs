//! Comparisons of synthetic runs: real differences are found, chance ones are not.
//!
//! Servers and comparisons are seeded.

use std::time::Duration;

use super::*;
use crate::load::engine::pacer::Schedule;
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::metrics::{Metrics, RequestTimes};
use crate::load::stats::summary::tests::{empty_summary, info, metrics, steady};
use crate::load::stats::validity::Finding;

fn verdicts(before: &Summary, after: &Summary) -> Vec<ComparisonVerdict> {
    compare(before, after, 1).rows.iter().map(|row| row.verdict).collect()
}

#[test]
fn run_compared_with_itself_shows_no_difference() {
    let run = steady(20, 1.0);
    let verdicts = verdicts(&run, &run);
    assert!(
        verdicts.iter().all(|verdict| matches!(
            verdict,
            ComparisonVerdict::NotSignificant | ComparisonVerdict::TooFewResponses
        )),
        "{verdicts:?}"
    );
    assert_eq!(
        verdicts.last(),
        Some(&ComparisonVerdict::TooFewResponses),
        "p99.99 of a few thousand answers"
    );
}

#[test]
fn half_latency_is_faster_double_is_slower() {
    for secs in [5, 20] {
        let (slow, fast) = (steady(secs, 1.0), steady(secs, 0.5));
        assert_eq!(verdicts(&slow, &fast)[1..6], [ComparisonVerdict::Faster; 5], "{secs} s");
        assert_eq!(verdicts(&fast, &slow)[1..6], [ComparisonVerdict::Slower; 5], "{secs} s");
        let p50 = compare(&slow, &fast, 1).rows[1];
        let change = p50.change.expect("two values");
        assert!((change + 0.5).abs() < 0.02, "{p50:?}");
        assert!(p50.interval.is_some_and(|(low, high)| low <= change && change <= high), "{p50:?}");
    }
}

#[test]
fn higher_rate_is_faster_lower_is_slower() {
    assert_eq!(verdict(Metric::Rate, 0.2, (0.1, 0.3)), ComparisonVerdict::Faster);
    assert_eq!(verdict(Metric::Rate, -0.2, (-0.3, -0.1)), ComparisonVerdict::Slower);
    assert_eq!(verdict(Metric::Rate, 0.2, (-0.1, 0.3)), ComparisonVerdict::NotSignificant);
    assert_eq!(verdict(Metric::Rate, 0.009, (0.008, 0.01)), ComparisonVerdict::NotSignificant);
}

#[test]
fn same_seed_gives_the_same_comparison() {
    let (one, other) = (steady(12, 1.0), steady(12, 1.02));
    assert_eq!(compare(&one, &other, 3), compare(&one, &other, 3));
}

#[test]
fn invalid_run_and_other_concurrency_are_caveats() {
    let (before, mut after) = (steady(5, 1.0), steady(5, 1.0));
    assert_eq!(compare(&before, &after, 1).caveats, [""; 0]);
    after.info.concurrency = 64;
    after.validity.reasons.push(Finding::cpu(1.0));
    let caveats = [
        "INVALID: the second run was client-bound, so it measured the client",
        "the runs differ in connections: 50 and 64",
    ];
    assert_eq!(compare(&before, &after, 1).caveats, caveats);
}

#[test]
fn runs_without_responses_get_too_few_answers() {
    let empty = empty_summary(info());
    assert!(verdicts(&empty, &empty).iter().all(|verdict| *verdict == ComparisonVerdict::TooFewResponses));
    assert!(
        verdicts(&steady(5, 1.0), &empty)
            .iter()
            .all(|verdict| *verdict == ComparisonVerdict::TooFewResponses)
    );
    let comparison = compare(&empty, &steady(5, 1.0), 1);
    assert_eq!(comparison.errors.verdict, ComparisonVerdict::TooFewResponses);
    assert_eq!((comparison.errors.before, comparison.errors.after), (None, Some(0.0)));
    let (rate, p50) = (comparison.rows[0], comparison.rows[1]);
    assert_eq!((rate.before, rate.after, rate.change), (Some(0.0), Some(500.0), None));
    assert_eq!((p50.before, p50.after.is_some(), p50.change), (None, true, None));
}

#[test]
fn recovery_from_an_outage_is_faster_despite_draws_of_0() {
    let alive_for = |secs: u64| {
        let mut metrics = metrics(0);
        for number in 0..secs * 1000 {
            answered(&mut metrics, Duration::from_millis(number), Duration::from_micros(100));
        }
        metrics.failed(
            RequestTimes {
                url: 0,
                intended: Duration::from_secs(9),
                sent: Duration::from_secs(9),
                done: Duration::from_secs(9),
            },
            LoadFailure::Reset,
        );
        Summary::of(&metrics, &info())
    };
    let rate = compare(&alive_for(1), &alive_for(9), 1).rows[0];
    assert_eq!((rate.verdict, rate.interval), (ComparisonVerdict::Faster, None), "{rate:?}");
}

/// Synthetic server with random speed per second and per response.
#[derive(Clone, Copy)]
struct Server {
    /// Slow-down factor.
    factor: f64,
    /// Standard deviation of the logarithm of a second's speed.
    unrest: f64,
}

/// Uniform number from 0 to 1, 1 excluded.
fn unit(random: &mut Rng) -> f64 {
    random.f64()
}

/// Normal deviate, approximated by twelve uniform numbers.
fn normal(random: &mut Rng) -> f64 {
    (0..12).map(|_| unit(random)).sum::<f64>() - 6.0
}

/// Records a request with its send time and latency.
fn answered(metrics: &mut Metrics, sent: Duration, latency: Duration) {
    let (url, status, done, received_len) = (0, 200, sent + latency, 100);
    metrics.record_sent(url);
    metrics.answered(RequestTimes { url, intended: sent, sent, done }, status, done, received_len);
}

/// Run at 1,000 requests per second.
fn run(server: Server, secs: u64, seed: u64) -> Summary {
    let (mut random, mut metrics) = (Rng::with_seed(seed ^ secs), metrics(0));
    for second in 0..secs {
        let pace = (server.unrest * normal(&mut random)).exp() * server.factor;
        for number in 0..1000 {
            let latency_us = (200.0 - 800.0 * (1.0 - unit(&mut random)).ln()) * pace;
            // Steps of 50 µs limit the number of distinct values.
            let latency = Duration::from_micros((latency_us / 50.0) as u64 * 50);
            answered(&mut metrics, Duration::from_millis(second * 1000 + number), latency);
        }
    }
    let due = Some(secs * 1000);
    Summary::of(&metrics, &RunInfo { due, wall: Duration::from_secs(secs), ..info() })
}

/// Count of 20 pairs of runs that differ, for each percentile up to p99.9.
fn called_different(secs: u64, before: Server, after: Server) -> [u32; 6] {
    let mut called = [0; 6];
    for seed in 0..20 {
        let comparison = compare(&run(before, secs, 2 * seed), &run(after, secs, 2 * seed + 1), seed);
        for (count, row) in called.iter_mut().zip(&comparison.rows[1..7]) {
            *count += u32::from(row.verdict.is_significant());
        }
    }
    called
}

#[test]
fn same_server_is_seldom_called_different() {
    for (secs, unrest) in [(5, 0.0), (10, 0.1)] {
        let server = Server { factor: 1.0, unrest };
        let called = called_different(secs, server, server);
        // One in twenty of 120, plus three standard deviations.
        assert!(called.iter().sum::<u32>() <= 13, "{secs} s, unrest {unrest}: {called:?}");
        assert!(called.iter().all(|count| *count <= 4), "{secs} s, unrest {unrest}: {called:?}");
    }
}

#[test]
fn server_20_percent_slower_is_called_slower_after_10_s() {
    let (before, after) = (Server { factor: 1.0, unrest: 0.03 }, Server { factor: 1.2, unrest: 0.03 });
    let called = called_different(10, before, after);
    assert!(called[..5].iter().all(|count| *count >= 19), "p50 to p99: {called:?}");
    let row = compare(&run(before, 10, 1), &run(after, 10, 2), 1).rows[5];
    assert_eq!(row.verdict, ComparisonVerdict::Slower, "{row:?}");
    assert!(row.interval.is_some_and(|(low, high)| low < 0.2 && 0.2 < high), "{row:?}");
}

#[test]
fn runs_under_5_s_have_no_interval_and_are_too_short() {
    let comparison = compare(&steady(4, 1.0), &steady(20, 2.0), 1);
    for row in &comparison.rows[..6] {
        assert_eq!((row.interval, row.verdict), (None, ComparisonVerdict::TooShort));
    }
    assert!(comparison.caveats[0].starts_with("runs of less than 5 s"), "{:?}", comparison.caveats);
}

#[test]
fn error_shares_get_an_interval_and_a_verdict() {
    let with_errors = |share| Summary { error_share: share, ..steady(20, 1.0) };
    for (before, after, verdict) in [
        (0.0, 0.0, ComparisonVerdict::NotSignificant),
        (0.0, 0.000_2, ComparisonVerdict::NotSignificant),
        (0.0, 0.01, ComparisonVerdict::More),
        (0.02, 0.01, ComparisonVerdict::Fewer),
        (0.010, 0.011, ComparisonVerdict::NotSignificant),
    ] {
        let errors = compare(&with_errors(before), &with_errors(after), 1).errors;
        assert_eq!(errors.verdict, verdict, "{errors:?}");
        let change = after - before;
        assert!(errors.interval.is_some_and(|(low, high)| low <= change && change <= high), "{errors:?}");
    }
}

/// Run of ten seconds; in each second that `at` selects, the first 50 of 1,000 requests fail.
fn failing(at: impl Fn(u64) -> bool) -> Summary {
    let mut metrics = metrics(0);
    for number in 0..10_000 {
        let (sent, latency) = (Duration::from_millis(number), Duration::from_micros(100));
        if at(number / 1000) && number % 1000 < 50 {
            metrics.record_sent(0);
            let (url, failure) = (0, LoadFailure::Reset);
            metrics.failed(RequestTimes { url, intended: sent, sent, done: sent + latency }, failure);
        } else {
            answered(&mut metrics, sent, latency);
        }
    }
    Summary::of(&metrics, &info())
}

#[test]
fn one_burst_of_errors_is_not_significant() {
    let burst = compare(&failing(|_| false), &failing(|second| second == 3), 1).errors;
    assert_eq!((burst.after, burst.verdict), (Some(0.005), ComparisonVerdict::NotSignificant), "{burst:?}");
    let all = compare(&failing(|_| false), &failing(|_| true), 1).errors;
    assert_eq!(all.verdict, ComparisonVerdict::More, "{all:?}");
}

#[test]
fn one_burst_of_bad_statuses_is_not_significant() {
    let run = |at: fn(u64) -> bool| {
        let mut metrics = metrics(0);
        for number in 0..10_000 {
            let (sent, bad) = (Duration::from_millis(number), at(number / 1000) && number % 1000 < 50);
            let (url, status, done) = (0, if bad { 503 } else { 200 }, sent);
            metrics.record_sent(url);
            metrics.answered(RequestTimes { url, intended: sent, sent, done }, status, done, 1);
        }
        Summary::of(&metrics, &info())
    };
    let burst = compare(&run(|_| false), &run(|second| second == 3), 1).errors;
    assert_eq!((burst.after, burst.verdict), (Some(0.005), ComparisonVerdict::NotSignificant), "{burst:?}");
    let all = compare(&run(|_| false), &run(|_| true), 1).errors;
    assert_eq!(all.verdict, ComparisonVerdict::More, "{all:?}");
}

#[test]
fn different_settings_are_caveats() {
    let (before, mut after) = (empty_summary(info()), empty_summary(info()));
    after.info.setup.timeout = Duration::from_secs(5);
    after.info.setup.keep_alive_for = Some(0);
    after.info.setup.method = "HEAD".to_owned();
    after.info.profile.schedule = Schedule::Constant(400.0);
    after.info.due = Some(4014);
    let caveats = compare(&before, &after, 1).caveats;
    assert_eq!(
        caveats[..4],
        [
            "the runs differ in method: GET and HEAD",
            "the runs differ in keep-alive: on and off",
            "the runs differ in time-out: 30.0 s and 5.00 s",
            "the runs differ in schedule: 200/s and 400/s",
        ]
    );
}

#[test]
fn different_targets_and_rates_are_caveats() {
    let (before, mut after) = (empty_summary(info()), empty_summary(info()));
    after.info.target = "GET http://localhost/x".to_owned();
    after.info.due = Some(4014);
    let caveats = compare(&before, &after, 1).caveats;
    assert_eq!(
        caveats[..2],
        [
            "the runs have different targets: GET http://localhost:8080/ and GET http://localhost/x",
            "the runs differ in the rate that was due: 201/s and 401/s",
        ]
    );
}

#[test]
fn percentile_needs_tail_responses_in_both_runs() {
    let (few, many) = (steady(5, 1.0), steady(40, 1.0));
    let p99_9 = |before, after| compare(before, after, 1).rows[6].verdict;
    assert_eq!(
        (p99_9(&few, &many), p99_9(&many, &few)),
        (ComparisonVerdict::TooFewResponses, ComparisonVerdict::TooFewResponses)
    );
    assert_ne!(p99_9(&many, &many), ComparisonVerdict::TooFewResponses);
}

#[test]
fn open_and_closed_loop_compared_gives_one_caveat() {
    let (closed, mut open) = (steady(5, 1.0), steady(5, 1.0));
    open.info.due = Some(2500);
    let caveat = "only one of the runs followed a schedule, so their latencies are not comparable";
    assert_eq!(compare(&closed, &open, 1).caveats, [caveat]);
    assert_eq!(compare(&open, &closed, 1).caveats, [caveat]);
}
