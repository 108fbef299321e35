//! Tests of the description of each outcome.
//!
//! Tests of the reports use these example searches.

use super::*;
use crate::load::run_info::tests::setup;
use crate::load::search::bracket;
use crate::load::search::bracket::NextStep;
use crate::load::search::bracket::tests::outcome;

/// Latency of a server with a capacity of 1000 requests per second.
fn latency(rate: f64) -> Option<Spread> {
    let p50_us = (200.0 / (1.0 - (rate / 1_000.0).min(0.99))) as u64;
    Some(Spread {
        count: 2_000,
        min_us: 150,
        mean_us: p50_us as f64 * 1.2,
        stdev_us: 12.5,
        percentiles_us: [1, 2, 3, 4, 6, 9, 12].map(|factor| p50_us * factor),
        max_us: p50_us * 15,
    })
}

fn step(rate: f64) -> RateStep {
    let verdict = match rate {
        rate if rate >= 900.0 => SloVerdict::Missed,
        _ => SloVerdict::Met,
    };
    let reasons = if verdict == SloVerdict::Met {
        vec![]
    } else {
        vec!["p99<10ms does not hold: p99 is 12 ms".to_owned()]
    };
    let due = (rate * 2.0) as u64;
    RateStep {
        rate,
        length_secs: 2.0,
        slo_result: SloResult { verdict, reasons },
        due,
        sent: due,
        answered: due - due / 200,
        answers_per_sec: rate * 0.995,
        error_share: 0.0,
        latency: latency(rate),
        client_cpu_share_max: 0.25,
        has_enough_requests: rate >= 500.0,
    }
}

fn curve(steps: Vec<RateStep>, answer: SearchOutcome) -> Curve {
    Curve {
        target: "GET http://localhost:8080/".to_owned(),
        urls: 1,
        setup: setup(),
        objective: "p99<10ms,errors<0.1%".to_owned(),
        latency_limit: Some(("p99<10ms".to_owned(), 10_000.0)),
        requests_min: 1_000,
        concurrency: 50,
        pipeline: 1,
        threads: 1,
        started_unix_secs: 1_700_000_000,
        wall_secs: 32.4,
        steps,
        answer,
    }
}

/// Search that found the rate.
pub(crate) fn found_curve() -> Curve {
    let mut steps: Vec<RateStep> = Vec::new();
    loop {
        let tried: Vec<_> = steps.iter().map(RateStep::result).collect();
        match bracket::next(200.0, &tried) {
            NextStep::Try(rate) => steps.push(step(rate)),
            NextStep::Done(answer) => return curve(steps, answer),
        }
    }
}

/// Client-bound search, with a step without responses and a step that a second try corrected.
pub(crate) fn client_bound_curve() -> Curve {
    let with = |rate, verdict, reason: &str| RateStep {
        slo_result: SloResult { verdict, reasons: vec![reason.to_owned()] },
        ..step(rate)
    };
    let busy = "the client's busiest thread used 99.0 % of its CPU time";
    let steps = vec![
        RateStep {
            latency: None,
            answered: 0,
            ..with(800.0, SloVerdict::Missed, "nothing was recorded for p99")
        },
        step(800.0),
        with(820.0, SloVerdict::ClientBound, busy),
        with(820.0, SloVerdict::Missed, "p99<10ms does not hold: p99 is 12 ms"),
    ];
    let curve = curve(steps, outcome(SearchEnd::ClientBound, Some(800.0), Some(820.0)));
    Curve { pipeline: 4, threads: 2, ..curve }
}

/// Search that was interrupted in its first step.
pub(crate) fn nothing() -> Curve {
    curve(Vec::new(), outcome(SearchEnd::Interrupted, None, None))
}

#[test]
fn every_outcome_has_a_name_and_a_description() {
    let rows = [
        (
            outcome(SearchEnd::Found, Some(870.0), Some(900.0)),
            "found",
            "870/s meets the objective, 900/s does not",
        ),
        (
            outcome(SearchEnd::Found, Some(1e8), None),
            "found",
            "100,000,000/s meets the objective, and no higher rate can be set",
        ),
        (
            outcome(SearchEnd::ClientBound, Some(870.0), Some(900.0)),
            "client-bound",
            "at least 870/s meets the objective: at 900/s the client reached its limit",
        ),
        (
            outcome(SearchEnd::ClientBound, None, Some(1.0)),
            "client-bound",
            "the server's limit is unknown: the client reached its own limit at 1.0/s",
        ),
        (outcome(SearchEnd::NotMet, None, Some(1.0)), "not-met", "not even 1.0/s meets the objective"),
        (
            outcome(SearchEnd::Interrupted, Some(400.0), None),
            "interrupted",
            "the search ended early: 400/s meets the objective",
        ),
        (
            outcome(SearchEnd::Interrupted, Some(400.0), Some(800.0)),
            "interrupted",
            "the search ended early: 400/s meets the objective, 800/s does not",
        ),
        (outcome(SearchEnd::Interrupted, None, None), "interrupted", "the search ended early: no result"),
    ];
    for (answer, outcome, words) in rows {
        let curve = curve(Vec::new(), answer);
        assert_eq!((curve.answer.end.to_string().as_str(), curve.in_words().as_str()), (outcome, words));
    }
}

#[test]
fn search_with_errors_only_says_so() {
    let failing = |verdict, answered, error_share| {
        let slo_result = SloResult { verdict, reasons: Vec::new() };
        RateStep { slo_result, answered, error_share, ..step(1_000.0) }
    };
    let not_met = outcome(SearchEnd::NotMet, None, Some(1_000.0));
    let stopped = outcome(SearchEnd::Interrupted, Some(400.0), None);
    for (verdict, answered, error_share, is_down) in [
        (SloVerdict::Missed, 2_000, 1.0, true),
        (SloVerdict::ClientBound, 2_000, 1.0, true),
        (SloVerdict::Missed, 0, 0.0, true),
        (SloVerdict::Missed, 2_000, 0.999, false),
        // The client may have no ports left.
        (SloVerdict::ClientBound, 0, 1.0, false),
        // The objective has no clause on errors.
        (SloVerdict::Met, 2_000, 1.0, false),
    ] {
        let in_words = |answer| curve(vec![failing(verdict, answered, error_share)], answer).in_words();
        let (missed, early) = match is_down {
            true => (
                "no rate meets the objective: at 1,000/s every request ended in an error",
                "the search ended early, when no request succeeded any more: 400/s meets the objective",
            ),
            false => {
                ("not even 1,000/s meets the objective", "the search ended early: 400/s meets the objective")
            }
        };
        assert_eq!((in_words(not_met).as_str(), in_words(stopped).as_str()), (missed, early), "{verdict}");
    }
}

#[test]
fn steps_sort_by_rate_and_keep_their_numbers() {
    let curve = found_curve();
    let rates: Vec<_> = curve.by_rate().iter().map(|(_, step)| step.rate).collect();
    assert!(rates.is_sorted() && rates.len() > 6, "{rates:?}");
    assert_eq!(curve.by_rate()[0].0, 1, "the first was the lowest");
    let failed: Vec<_> = curve.failed().iter().map(|step| step.rate).collect();
    assert_eq!(failed, [911.0, 951.0, 1130.0, 1600.0]);
    assert_eq!(client_bound_curve().failed().len(), 1, "the second try counts");
}
