//! Tests of objectives: allowed clauses, step lengths and verdicts.
//!
//! The runs are simulated and last ten seconds.

use super::*;
use crate::load::run_info::RunInfo;
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::metrics::RequestTimes;
use crate::load::stats::summary::tests::{info, metrics};

fn objective(text: &str) -> Slo {
    Slo::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn slo_accepts_upper_limits_and_refuses_other_clauses() {
    for text in [
        "p99<10ms,errors<0.1%",
        "p99.9<=1s",
        "max<2s",
        "mean<5ms,first-byte.p50<1ms",
        "failed<1",
        "uncorrected.p90<1ms",
    ] {
        assert_eq!(objective(text).text, text);
    }
    for (text, error) in [
        ("p99<10", "'p99<10': a time needs a unit: 10us, 10ms or 10s"),
        ("p99<10ms,rps>100", "'rps>100': the rate is the result of the search: leave it out"),
        ("p99>10ms", "'p99>10ms': an objective is an upper limit: write < or <="),
        ("errors>=1%", "'errors>=1%': an objective is an upper limit: write < or <="),
        ("unfinished<5", "'unfinished<5': each step ends with unfinished requests: leave it out"),
        (
            "connect.p99<1ms",
            "'connect.p99<1ms': connections are opened before a step is measured: leave it out",
        ),
        ("lag.max<1ms", "'lag.max<1ms': the lag is the client's, not the server's: leave it out"),
    ] {
        assert_eq!(Slo::parse(text), Err(error.to_owned()));
    }
}

#[test]
fn step_len_covers_rarest_percentile_and_longest_limit() {
    for (text, rate, requests, secs) in [
        ("p99<10ms", 1_000.0, 1_000, 2.0),
        ("p99<10ms", 100.0, 1_000, 10.0),
        ("p99<10ms", 1.0, 1_000, 60.0),
        ("p50<10ms", 100.0, 1_000, 10.0),
        ("p99.9<10ms", 1_000.0, 10_000, 10.0),
        ("p99.99<10ms", 10_000.0, 100_000, 10.0),
        ("p99<10ms,errors<0.1%", 1_000.0, 10_000, 10.0),
        ("p99<10ms,errors<=0%", 1_000.0, 1_000, 2.0),
        ("p99<500ms", 1_000.0, 1_000, 10.0),
        ("p50<1ms,max<1s", 1_000.0, 1_000, 20.0),
        ("p99<1m", 1_000.0, 1_000, 60.0),
    ] {
        let objective = objective(text);
        let len = objective.step_len(rate).as_secs_f64();
        assert_eq!(objective.requests_min(), requests, "{text}");
        assert!((len - secs).abs() < 1e-6, "{text} at {rate}: {len}");
    }
}

/// Run of ten seconds at 100 requests per second. `fast` requests take 5 ms, `slow` take 50 ms, `unfinished`
/// get no response. The rest of 1000 was not sent.
fn run(fast: u64, slow: u64, unfinished: u64, change: impl Fn(&mut RunInfo)) -> Summary {
    let mut metrics = metrics(0);
    for number in 0..fast + slow {
        metrics.record_sent(0);
        let intended = Duration::from_millis(number * 10);
        let done = intended + Duration::from_millis(if number < fast { 5 } else { 50 });
        metrics.answered(RequestTimes { url: 0, intended, sent: intended, done }, 200, done, 9);
    }
    for _ in 0..unfinished {
        metrics.record_sent(0);
        metrics.unfinished([Duration::from_millis(1); 2]);
    }
    let mut info = RunInfo { due: Some(1_000), ..info() };
    change(&mut info);
    Summary::of(&metrics, &info)
}

#[test]
fn slo_judges_steps_met_missed_or_client_bound() {
    let busy = |info: &mut RunInfo| info.cpu_usage.thread_cpu_max = Duration::from_millis(9_900);
    let well = |_: &mut RunInfo| ();
    let late = "p99<10ms does not hold: p99 is 50.0 ms";
    let waiting = "13 of the 1,000 requests had no response at the end";
    let unsent = "the rate was not reached: 300 of the 1,000 due requests were not sent";
    let bound = "the client's busiest thread used 99.0 % of its CPU time";
    let behind = "the client did not send 300 of the 1,000 due requests, and used 99.0 % of its CPU time";
    for (what, summary, verdict, reasons) in [
        ("fast", run(1_000, 0, 0, well), SloVerdict::Met, vec![]),
        ("one in a hundred is slow", run(995, 5, 0, well), SloVerdict::Met, vec![]),
        ("slow", run(900, 100, 0, well), SloVerdict::Missed, vec![late]),
        ("a few are on their way at the end", run(988, 0, 12, well), SloVerdict::Met, vec![]),
        ("more than that", run(987, 0, 13, well), SloVerdict::Missed, vec![waiting]),
        ("not sent, not finished", run(987, 0, 3, well), SloVerdict::Missed, vec![waiting]),
        ("the server does not take them", run(700, 0, 0, well), SloVerdict::Missed, vec![unsent]),
        ("it was met in spite of a busy client", run(1_000, 0, 0, busy), SloVerdict::Met, vec![]),
        ("it was not, and the client was busy", run(900, 100, 0, busy), SloVerdict::ClientBound, vec![bound]),
        ("the client fell behind", run(700, 0, 0, busy), SloVerdict::ClientBound, vec![bound, behind]),
    ] {
        let judgement = objective("p99<10ms").judge(&summary);
        assert_eq!(judgement.verdict, verdict, "{what}: {judgement:?}");
        let begin_so = |(found, wanted): (&String, &&str)| found.starts_with(wanted);
        assert!(judgement.reasons.iter().zip(&reasons).all(begin_so), "{what}: {judgement:?}");
        assert_eq!(judgement.reasons.len(), reasons.len(), "{what}: {judgement:?}");
    }
}

#[test]
fn strictest_limit_bounds_unanswered_requests() {
    // p50 alone would allow 600 unanswered requests.
    for text in ["p50<1s,p99<10ms", "p99<10ms,p50<1s"] {
        let judgement = objective(text).judge(&run(987, 0, 13, |_| ()));
        assert_eq!(judgement.verdict, SloVerdict::Missed, "{text}: {judgement:?}");
    }
}

#[test]
fn slo_counts_errors_exhausted_ports_are_client_bound() {
    let with = |failure| {
        let mut metrics = metrics(0);
        metrics.connect_failed(failure, Duration::ZERO);
        for number in 0..1_000 {
            metrics.record_sent(0);
            let intended = Duration::from_millis(number * 10);
            let (status, done) = (if number < 2 { 503 } else { 200 }, intended + Duration::from_millis(1));
            metrics.answered(RequestTimes { url: 0, intended, sent: intended, done }, status, done, 9);
        }
        Summary::of(&metrics, &RunInfo { due: Some(1_000), ..info() })
    };
    let verdict = |text: &str, failure| objective(text).judge(&with(failure)).verdict;
    assert_eq!(verdict("p99<10ms,errors<0.5%", LoadFailure::Refused), SloVerdict::Met);
    assert_eq!(verdict("p99<10ms,errors<0.1%", LoadFailure::Refused), SloVerdict::Missed);
    assert_eq!(verdict("p99<10ms,errors<0.5%", LoadFailure::NoPort), SloVerdict::ClientBound);
    let judgement = objective("errors<0.1%").judge(&with(LoadFailure::Refused));
    let refused = "the server refused the connection: no listener, or its queue is full (times: 1)";
    assert_eq!(judgement.reasons, ["errors<0.1% does not hold: errors is 0.2 %", refused]);
}

#[test]
fn slo_without_responses_is_missed() {
    let summary = run(0, 0, 5, |info| info.due = Some(5));
    let judgement = objective("p99<10s").judge(&summary);
    assert_eq!(judgement.verdict, SloVerdict::Missed);
    assert_eq!(judgement.reasons, ["p99<10s does not hold: nothing was recorded for p99"]);
}
