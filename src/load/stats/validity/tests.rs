//! Verdicts on runs, reason by reason.
//!
//! Input is made up: each row changes one valid run.

use super::*;
use crate::load::stats::failure::FailureCounts;
use crate::load::stats::latency_histogram::LatencyHistogram;
use crate::load::stats::spread::{PERCENTILES, Spread};
use crate::load::stats::summary::Summary;
use crate::load::stats::summary::tests::{info, metrics};

/// Input of a verdict.
#[derive(Clone, Debug, PartialEq)]
struct ValidityInput<'a> {
    wall: Duration,
    cpu_share: f64,
    wanted_share: f64,
    waited_share: Option<f64>,
    due: Option<u64>,
    sent: u64,
    refused: u64,
    answered: u64,
    concurrency: u64,
    lag: Option<Spread>,
    latency: Option<Spread>,
    unfinished: Option<Finding>,
    resent: u64,
    unasked: u64,
    failures: &'a FailureCounts,
    connect_failures: &'a FailureCounts,
}

impl ValidityInput<'_> {
    fn judge(&self) -> Validity {
        let mut summary = Summary::of(&metrics(1), &info());
        summary.info.wall = self.wall;
        summary.info.due = self.due;
        summary.info.concurrency = self.concurrency;
        summary.client.cpu_share_max = self.cpu_share;
        summary.client.wanted_share_max = self.wanted_share;
        summary.client.waited_share = self.waited_share;
        summary.totals.sent = self.sent;
        summary.totals.answered = self.answered;
        summary.totals.resent = self.resent;
        (summary.lag, summary.corrected) = (self.lag, self.latency);
        (summary.unfinished, summary.unasked_connections) = (self.unfinished.clone(), self.unasked);
        summary.failures = self.failures.clone();
        summary.connect_failures = self.connect_failures.clone();
        summary.judge(self.refused)
    }
}

type Change = fn(&mut ValidityInput);

/// Many equal times.
fn equal(us: u64) -> Option<Spread> {
    let percentiles_us = [us; PERCENTILES.len()];
    Some(Spread { count: 20_000, min_us: us, mean_us: us as f64, stdev_us: 0.0, percentiles_us, max_us: us })
}

fn with(change: impl Fn(&mut ValidityInput)) -> Validity {
    let none = FailureCounts::default();
    let mut input = ValidityInput {
        wall: Duration::from_secs(10),
        cpu_share: 0.3,
        wanted_share: 0.35,
        waited_share: Some(0.05),
        due: Some(20_000),
        sent: 20_000,
        refused: 0,
        answered: 20_000,
        concurrency: 50,
        lag: equal(300),
        latency: equal(5_000),
        unfinished: None,
        resent: 0,
        unasked: 0,
        failures: &none,
        connect_failures: &none,
    };
    change(&mut input);
    input.judge()
}

#[test]
fn judge_gives_client_bound_reasons_by_metric() {
    let lag = |lag_us, limit_us| vec![Finding::lag("p99", lag_us, limit_us)];
    let rows: [(&str, Change, Vec<Finding>); 18] = [
        ("all is well", |_| (), vec![]),
        ("closed loop", |e| (e.due, e.lag) = (None, None), vec![]),
        ("busy", |e| e.cpu_share = 0.94, vec![]),
        ("too busy", |e| e.cpu_share = 0.96, vec![Finding::cpu(0.96)]),
        ("busy but brief", |e| (e.cpu_share, e.wall) = (1.0, Duration::from_millis(10)), vec![]),
        ("held up", |e| e.wanted_share = 0.94, vec![]),
        ("held up too much", |e| e.wanted_share = 0.96, vec![Finding::cpu_starved(0.96, 0.3)]),
        ("held up but brief", |e| (e.wanted_share, e.wall) = (1.0, Duration::from_millis(10)), vec![]),
        (
            "busy, whatever it waited for",
            |e| (e.cpu_share, e.wanted_share) = (0.96, 1.0),
            vec![Finding::cpu(0.96)],
        ),
        (
            "held up and behind",
            |e| (e.sent, e.wanted_share) = (19_000, 0.9),
            vec![Finding::schedule_missed(1_000, 20_000, 0.3, 0.9)],
        ),
        (
            "pushed aside and behind",
            |e| (e.sent, e.cpu_share, e.wanted_share, e.waited_share) = (19_000, 0.1, 0.4, Some(0.3)),
            vec![Finding::schedule_missed(1_000, 20_000, 0.1, 0.4)],
        ),
        ("late", |e| e.lag = equal(2_001), lag(2_001, 2_000)),
        ("late beside slow answers", |e| (e.lag, e.latency) = (equal(9_000), equal(90_000)), vec![]),
        ("later still", |e| (e.lag, e.latency) = (equal(9_001), equal(90_000)), lag(9_001, 9_000)),
        (
            "busy and behind",
            |e| (e.sent, e.cpu_share) = (19_000, 0.9),
            vec![Finding::schedule_missed(1_000, 20_000, 0.9, 0.35)],
        ),
        (
            "one stall of a tenth of the run, with few connections",
            |e| e.lag = equal(300).map(|lag| Spread { max_us: 1_000_000, ..lag }),
            vec![Finding::lag("max", 1_000_000, 2_000)],
        ),
        (
            "one stall of less than a hundredth",
            |e| e.lag = equal(300).map(|lag| Spread { max_us: 99_000, ..lag }),
            vec![],
        ),
        ("nothing at all", |e| (e.due, e.sent, e.latency) = (Some(0), 0, None), vec![]),
    ];
    for (what, change, reasons) in rows {
        assert_eq!(with(change).reasons, reasons, "{what}");
    }
}

#[test]
fn lag_of_a_few_samples_is_judged_at_a_robust_percentile() {
    let judged = |count: u64, late: u64| {
        let mut times = LatencyHistogram::default();
        times.record_us(100, count - late);
        times.record_us(5_000, late);
        let spread = Spread::of(&times);
        let verdict = with(move |e| (e.lag, e.latency) = (spread, spread));
        let percentile = match verdict.reasons.as_slice() {
            [Finding { name: "lag", figures, .. }] => {
                assert!(figures[0].value.as_u64() >= Some(5_000) && figures[1].value == 2_000);
                figures[0]
                    .name
                    .strip_prefix("lag_")
                    .and_then(|name| name.strip_suffix("_us"))
                    .map(str::to_owned)
            }
            _ => None,
        };
        (percentile, verdict.warnings.len())
    };
    // One hiccup changes the p99, so it is told; a client that is always late is client-bound.
    for (count, hiccup, many, percentile) in
        [(3, 1, 2, "p50"), (20, 9, 11, "p50"), (94, 9, 30, "p75"), (100, 9, 12, "p90"), (940, 9, 60, "p95")]
    {
        assert_eq!(judged(count, hiccup), (None, usize::from(hiccup * 100 > count)), "{count}");
        assert_eq!(judged(count, many), (Some(percentile.to_owned()), 0), "{count}");
    }
    assert_eq!((judged(1000, 9).0, judged(1000, 11).0), (None, Some("p99".to_owned())));
    assert_eq!((judged(1, 1), judged(2, 2)), ((None, 1), (None, 1)));
}

#[test]
fn unreached_rate_or_short_run_is_a_warning() {
    let unreached = Finding::rate_not_reached(1_000, 20_000, true);
    assert_eq!(with(|e| e.sent = 19_000).warnings, std::slice::from_ref(&unreached));
    let unanswered = Finding::rate_not_reached(1_000, 20_000, false);
    for change in [|e: &mut ValidityInput| e.refused = 950, |e: &mut ValidityInput| e.answered = 0] {
        let change = |e: &mut ValidityInput| (e.sent, ()) = (19_000, change(e));
        assert_eq!(with(change).warnings, std::slice::from_ref(&unanswered));
    }
    assert_eq!(with(|e| e.sent = 19_950).warnings, []);
    let brief =
        |e: &mut ValidityInput| (e.sent, e.cpu_share, e.wall) = (19_000, 1.0, Duration::from_millis(10));
    assert_eq!(with(brief).warnings, [Finding::too_short(), unreached]);
    assert_eq!(with(|e| (e.due, e.sent) = (Some(100), 60)).warnings, []);
    assert_eq!(with(|e| e.wall = Duration::from_millis(499)).warnings, [Finding::too_short()]);
}

#[test]
fn unfinished_lag_waiting_resent_unsolicited_are_warnings() {
    let waiting = Finding::unfinished(50, 4_000_000, "p99", 3_000_000);
    assert_eq!(with(|e| e.unfinished = Some(waiting.clone())).warnings, [waiting]);
    let late =
        |lag_us, latency_us| with(move |e| (e.lag, e.latency) = (equal(lag_us), equal(latency_us))).warnings;
    assert_eq!(late(1_000, 2_000), [Finding::lag_near_latency(1_000, 2_000)]);
    assert_eq!((late(1_000, 2_001), late(499, 600), late(2_001, 2_001)), (vec![], vec![], vec![]));
    let held_up = |share| with(move |e| e.waited_share = share).warnings;
    assert_eq!(held_up(Some(0.1)), [Finding::waited_for_cpu(0.1)]);
    assert_eq!((held_up(Some(0.09)), held_up(None)), (vec![], vec![]));
    let brief = with(|e| (e.waited_share, e.wall) = (Some(0.9), Duration::from_millis(10))).warnings;
    assert_eq!(brief, [Finding::too_short()]);
    assert_eq!(with(|e| e.resent = 7).warnings, [Finding::resent(7)]);
    assert_eq!(with(|e| e.unasked = 3).warnings, [Finding::unsolicited_bytes(3)]);
}

#[test]
fn exhausted_ports_make_a_run_client_bound() {
    let mut gone = FailureCounts::default();
    gone.add(LoadFailure::NoPort, 3);
    gone.add(LoadFailure::Refused, 9);
    let input = ValidityInput {
        wall: Duration::from_secs(1),
        cpu_share: 0.0,
        wanted_share: 0.0,
        waited_share: None,
        due: None,
        sent: 0,
        refused: 0,
        answered: 0,
        concurrency: 1,
        lag: None,
        latency: None,
        unfinished: None,
        resent: 0,
        unasked: 0,
        failures: &gone,
        connect_failures: &gone,
    };
    let exhausted = Finding::exhausted(LoadFailure::NoPort, 6);
    assert_eq!(input.judge().reasons, [exhausted]);
    assert_eq!(LoadFailure::NoPort.to_string(), "no-port");
}
