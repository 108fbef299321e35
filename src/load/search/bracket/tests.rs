//! Tests of the bracketing search against simulated servers and generators.
//!
//! Each has a limit; some fail at random.

use fastrand::Rng;
use proptest::prelude::*;

use super::*;

/// Outcome with these ends.
pub(crate) fn outcome(
    end: SearchEnd,
    rate_per_sec: Option<f64>,
    above_per_sec: Option<f64>,
) -> SearchOutcome {
    SearchOutcome { end, rate_per_sec, above_per_sec }
}

/// Runs a whole search; returns its steps and outcome.
fn search(start: f64, mut verdict: impl FnMut(f64) -> SloVerdict) -> (Vec<StepResult>, SearchOutcome) {
    let mut steps = Vec::new();
    loop {
        match next(start, &steps) {
            NextStep::Try(rate) => steps.push(StepResult { rate, verdict: verdict(rate) }),
            NextStep::Done(answer) => return (steps, answer),
        }
        assert!(steps.len() <= STEPS_MAX, "{steps:?}");
    }
}

/// p99 of a server that queues at its capacity. The objective is met below `capacity · (1 - base / limit)`.
fn p99_ms(rate: f64, capacity: f64) -> f64 {
    if rate < capacity { 1.0 / (1.0 - rate / capacity) } else { f64::INFINITY }
}

const LIMIT_MS: f64 = 10.0;

fn server(capacity: f64) -> impl Fn(f64) -> SloVerdict {
    move |rate| if p99_ms(rate, capacity) < LIMIT_MS { SloVerdict::Met } else { SloVerdict::Missed }
}

#[test]
fn search_doubles_then_bisects_and_retries_failed_rates() {
    let (steps, answer) = search(100.0, server(1_000.0));
    let tried: Vec<_> = steps.iter().map(|step| (step.rate, step.verdict.to_string())).collect();
    let expected = [
        (100.0, "met"),
        (200.0, "met"),
        (400.0, "met"),
        (800.0, "met"),
        (1600.0, "missed"),
        (1600.0, "missed"),
        (1130.0, "missed"),
        (1130.0, "missed"),
        (951.0, "missed"),
        (951.0, "missed"),
        (872.0, "met"),
        (911.0, "missed"),
        (911.0, "missed"),
    ]
    .map(|(rate, name)| (rate, name.to_owned()));
    assert_eq!(tried, expected);
    assert_eq!(answer, outcome(SearchEnd::Found, Some(872.0), Some(911.0)));
}

#[test]
fn search_started_too_high_divides_rate_by_four() {
    let (steps, answer) = search(6_400.0, server(200.0));
    let tried: Vec<_> = steps.iter().map(|step| step.rate).collect();
    assert_eq!(tried[..7], [6400.0, 6400.0, 1600.0, 1600.0, 400.0, 400.0, 100.0]);
    assert_eq!(answer, outcome(SearchEnd::Found, Some(175.0), Some(183.0)));
}

#[test]
fn one_failed_step_does_not_change_the_outcome() {
    for hiccup in 0..8 {
        let (quiet, answer) = search(100.0, server(1_000.0));
        let mut count = 0;
        let (steps, with_hiccup) = search(100.0, |rate| {
            count += 1;
            if count == hiccup { SloVerdict::Missed } else { server(1_000.0)(rate) }
        });
        assert_eq!(with_hiccup, answer, "at step {hiccup}");
        assert!(steps.len() <= quiet.len() + 1);
    }
}

#[test]
fn never_met_gives_not_met_or_client_bound_at_rate_min() {
    let (steps, answer) = search(100.0, |_| SloVerdict::Missed);
    assert_eq!(answer, outcome(SearchEnd::NotMet, None, Some(RATE_MIN)));
    assert_eq!(steps.len(), 10, "{steps:?}");
    let (steps, answer) = search(100.0, |_| SloVerdict::ClientBound);
    assert_eq!(answer, outcome(SearchEnd::ClientBound, None, Some(RATE_MIN)));
    assert_eq!(steps.len(), 10, "each rate is tried twice, whoever seems to blame: {steps:?}");
}

#[test]
fn client_limit_below_server_limit_gives_client_bound() {
    let generator = |rate| if rate > 3_000.0 { SloVerdict::ClientBound } else { SloVerdict::Met };
    let (_, answer) = search(100.0, generator);
    assert_eq!(answer, outcome(SearchEnd::ClientBound, Some(2930.0), Some(3060.0)));
    let both = |rate| if rate > 3_000.0 { SloVerdict::ClientBound } else { server(2_000.0)(rate) };
    let (_, answer) = search(100.0, both);
    assert_eq!(answer, outcome(SearchEnd::Found, Some(1740.0), Some(1820.0)), "behind it is the server");
}

#[test]
fn combined_verdict_prefers_met_then_client_bound() {
    use SloVerdict::{ClientBound, Met, Missed};
    for (first, second, both) in [
        (Missed, Missed, Missed),
        (Missed, Met, Met),
        (ClientBound, Met, Met),
        (ClientBound, Missed, ClientBound),
        (Missed, ClientBound, ClientBound),
        (ClientBound, ClientBound, ClientBound),
    ] {
        assert_eq!(combined_verdict([first, second].into_iter()), both, "{first:?} {second:?}");
    }
}

#[test]
fn always_met_gives_found_at_rate_max() {
    let (_, answer) = search(100.0, |_| SloVerdict::Met);
    assert_eq!(answer, outcome(SearchEnd::Found, Some(RATE_MAX), None));
}

#[test]
fn search_ends_at_interval_of_5_percent() {
    let tried = |rate, verdict| StepResult { rate, verdict };
    let steps = |above| {
        [tried(100.0, SloVerdict::Met), tried(above, SloVerdict::Missed), tried(above, SloVerdict::Missed)]
    };
    let found = outcome(SearchEnd::Found, Some(100.0), Some(105.0));
    assert_eq!(next(1.0, &steps(105.0)), NextStep::Done(found));
    assert_eq!(next(1.0, &steps(106.0)), NextStep::Try(103.0));
}

#[test]
fn search_is_interrupted_at_steps_max() {
    let steps: Vec<_> =
        (1..=STEPS_MAX).map(|step| StepResult { rate: step as f64, verdict: SloVerdict::Met }).collect();
    assert!(matches!(next(1.0, &steps[1..]), NextStep::Try(_)));
    let open = outcome(SearchEnd::Interrupted, Some(STEPS_MAX as f64), None);
    assert_eq!(next(1.0, &steps), NextStep::Done(open));
}

#[test]
fn interrupted_search_gives_confirmed_bounds() {
    let tried = |rate, verdict| StepResult { rate, verdict };
    let steps = [
        tried(100.0, SloVerdict::Met),
        tried(200.0, SloVerdict::Missed),
        tried(200.0, SloVerdict::Missed),
        tried(141.0, SloVerdict::Missed),
    ];
    for (made, rate, above) in [
        (0, None, None),
        (1, Some(100.0), None),
        (2, Some(100.0), None),
        (3, Some(100.0), Some(200.0)),
        (4, Some(100.0), Some(200.0)),
    ] {
        assert_eq!(so_far(&steps[..made]), outcome(SearchEnd::Interrupted, rate, above), "after {made}");
    }
}

#[test]
fn rates_are_rounded_to_three_digits() {
    for (rate, three) in [
        (1.0, 1.0),
        (1.024_9, 1.02),
        (9.999, 10.0),
        (99.96, 100.0),
        (123.456, 123.0),
        (14_142.135, 14_100.0),
        (99_999_999.0, 100_000_000.0),
        (0.070_71, 0.070_7),
    ] {
        assert_eq!(rounded(rate), three, "{rate}");
    }
}

proptest! {
    #[test]
    fn search_brackets_any_limit_within_precision(
        exponent in 0.1..7.5_f64, start in 0.0..8.0_f64,
    ) {
        let (capacity, start) = (10_f64.powf(exponent), 10_f64.powf(start));
        let edge = capacity * (1.0 - 1.0 / LIMIT_MS);
        let (_, answer) = search(start, server(capacity));
        match (answer.end, answer.rate_per_sec, answer.above_per_sec) {
            (SearchEnd::Found, Some(rate), Some(above)) => {
                prop_assert!(rate <= edge && edge <= above, "{rate} {edge} {above}");
                prop_assert!(above <= rate * PRECISION);
            }
            (SearchEnd::NotMet, None, Some(lowest)) => prop_assert!(edge <= lowest),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn noisy_search_ends_between_two_tried_rates(
        exponent in 1.0..7.0_f64, start in 0.0..7.0_f64, noise in 0.0..0.3_f64, seed in any::<u64>(),
    ) {
        let mut random = Rng::with_seed(seed);
        let server = server(10_f64.powf(exponent));
        let (steps, answer) = search(10_f64.powf(start), |rate| {
            let is_hiccup = random.f64() < noise;
            match (is_hiccup, random.u8(..2)) {
                (true, 0) => SloVerdict::Missed,
                (true, _) => SloVerdict::ClientBound,
                (false, _) => server(rate),
            }
        });
        prop_assert!(answer.end != SearchEnd::Interrupted, "{answer:?}");
        let (rate, above) = (answer.rate_per_sec, answer.above_per_sec);
        let ends = |rate, is_met| steps.iter().any(|step| step.rate == rate && (step.verdict == SloVerdict::Met) == is_met);
        prop_assert!(rate.is_none_or(|rate| ends(rate, true)), "{answer:?} {steps:?}");
        prop_assert!(above.is_none_or(|above| ends(above, false)), "{answer:?} {steps:?}");
        if let (Some(rate), Some(above)) = (rate, above) {
            prop_assert!(rate < above && above <= rate * PRECISION, "{answer:?}");
        }
    }

    #[test]
    fn search_with_any_verdicts_ends_by_itself(
        start in 0.0..1e9_f64, verdicts in proptest::collection::vec(0..3_u8, STEPS_MAX),
    ) {
        let mut verdicts = verdicts.into_iter();
        let (_, answer) = search(start, |_| match verdicts.next() {
            Some(0) => SloVerdict::Met,
            Some(1) => SloVerdict::ClientBound,
            _ => SloVerdict::Missed,
        });
        prop_assert!(answer.end != SearchEnd::Interrupted, "{answer:?}");
    }
}
