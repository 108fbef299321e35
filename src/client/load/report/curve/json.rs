//! The curve for scripts: one JSON object, whose shape is `schema.json` beside this file.
//!
//! Names end in their unit; what was never recorded is null; no figure is rounded for show.

use serde_json::{Value, json as value};

use super::super::super::curve::{Curve, Step};
use super::super::json::spread;
use super::super::settings::setup;

/// The JSON Schema of the report of a search.
pub const SCHEMA: &str = include_str!("schema.json");

/// What a script reads.
pub fn json(curve: &Curve) -> String {
    format!("{:#}\n", object(curve))
}

fn object(curve: &Curve) -> Value {
    let (rate, above) = curve.ends();
    value!({
        "format": "reactor-http rate search",
        "version": 1,
        "run": {
            "target": curve.target,
            "addresses": curve.urls,
            "setup": setup(&curve.setup),
            "objective": curve.objective,
            "requests_min": curve.requests_min,
            "concurrency": curve.concurrency,
            "pipeline": curve.pipeline,
            "threads": curve.threads,
            "wall_secs": curve.wall.as_secs_f64(),
            "started_unix_secs": curve.started_unix_secs,
        },
        "answer": {
            "outcome": curve.outcome(),
            "rate_per_sec": rate,
            "above_per_sec": above,
            "meaning": curve.in_words(),
        },
        "curve": curve.by_rate().into_iter().map(|(number, made)| step(number, made)).collect::<Vec<_>>(),
    })
}

fn step(number: usize, step: &Step) -> Value {
    value!({
        "rate_per_sec": step.rate,
        "step": number,
        "verdict": step.judgement.verdict.name(),
        "reasons": step.judgement.reasons,
        "enough_requests": step.is_enough,
        "length_secs": step.wall.as_secs_f64(),
        "due": step.due,
        "sent": step.sent,
        "answered": step.answered,
        "answers_per_sec": step.answers_per_sec,
        "error_share": step.error_share,
        "latency": spread(step.latency.as_ref()),
        "client_cpu_share_max": step.cpu_share_max,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::super::curve::tests::{found, gave_out, nothing};
    use super::super::super::json::tests::check_against;
    use super::*;

    #[test]
    fn the_report_of_every_search_is_what_the_schema_says() {
        for curve in [found(), gave_out(), nothing()] {
            assert_eq!(check_against(SCHEMA, &json(&curve)), [""; 0]);
        }
    }

    #[test]
    fn the_check_sees_what_differs_from_the_schema() {
        let report = json(&found());
        for (from, to, fault) in [
            ("\"outcome\": \"found\"", "\"outcome\": \"lost\"", "report.answer.outcome is \"lost\""),
            ("\"above_per_sec\"", "\"below_per_sec\"", "report.answer.below_per_sec is not in the schema"),
            ("\"verdict\": \"met\"", "\"verdict\": 1", "report.curve[0].verdict is 1"),
        ] {
            let found = check_against(SCHEMA, &report.replacen(from, to, 1));
            assert!(found.contains(&fault.to_owned()), "{fault}: {found:?}");
        }
    }

    #[test]
    fn a_spread_has_the_same_shape_as_in_the_report_of_a_run() {
        let spread = |schema: &str| {
            let schema: Value = serde_json::from_str(schema).expect("it is JSON");
            schema.pointer("/$defs/spread").cloned()
        };
        assert!(spread(SCHEMA).is_some());
        assert_eq!(spread(SCHEMA), spread(super::super::super::SCHEMA));
    }

    #[test]
    fn the_answer_is_there_in_figures() {
        let report: Value = serde_json::from_str(&json(&found())).expect("it is JSON");
        assert_eq!(report["answer"]["rate_per_sec"], 872.0);
        assert_eq!(report["answer"]["above_per_sec"], 911.0);
        assert_eq!(report["curve"][0]["latency"]["p99.9_us"], 2250);
    }
}
