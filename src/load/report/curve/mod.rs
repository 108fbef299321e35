//! Reports of a rate search, with the conventions of the run's.
//!
//! Each format is a function of the [`Curve`] alone. Never writes a file. A test generates `schema.json` from the
//! types.

mod html;
mod text;

pub use text::text;

use serde::Serialize;

use super::ReportFormat;
use super::json::{Document, SetupReport, csv};
use crate::load::search::bracket::SearchOutcome;
use crate::load::search::curve::{Curve, RateStep};

/// JSON Schema of a search.
pub const SCHEMA: &str = include_str!("schema.json");

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Report<'a> {
    run: SearchReport<'a>,
    answer: AnswerReport,
    /// Steps by rate; a rate that failed was tried twice.
    curve: Vec<StepReport<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SearchReport<'a> {
    #[serde(flatten)]
    curve: &'a Curve,
    setup: SetupReport<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AnswerReport {
    #[serde(flatten)]
    outcome: SearchOutcome,
    meaning: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StepReport<'a> {
    #[cfg_attr(test, schemars(range(min = 1)))]
    step: usize,
    #[serde(flatten)]
    figures: &'a RateStep,
}

impl ReportFormat {
    /// Report that ends with a line end. An interval log holds one run: `Hdr` gives text.
    pub fn render_curve(self, curve: &Curve) -> String {
        match self {
            Self::Text | Self::Hdr => text(curve),
            Self::Json => json(curve),
            Self::Csv => csv(&document(curve)),
            Self::Html => html::html(curve),
        }
    }
}

/// JSON of a search.
pub fn json(curve: &Curve) -> String {
    document(curve).to_text()
}

fn document(curve: &Curve) -> Document<impl Serialize> {
    let report = Report {
        run: SearchReport { curve, setup: SetupReport::of(&curve.setup) },
        answer: AnswerReport { outcome: curve.answer, meaning: curve.in_words() },
        curve: curve.by_rate().into_iter().map(|(step, figures)| StepReport { step, figures }).collect(),
    };
    Document::of("reactor-http rate search", report)
}

#[cfg(test)]
mod tests {
    use crate::load::search::curve::tests::{client_bound_curve, found_curve, nothing};
    use serde_json::Value;

    use super::*;
    use crate::load::report::json::tests::{assert_schema_current, check_against, generated_schema};

    #[test]
    fn search_schema_matches_its_types() {
        let made = generated_schema::<Report<'static>>(
            "reactor-http rate search",
            "What reactor-client --find-rate --format json writes. Names end in their unit: _us microseconds, _secs seconds, _per_sec a second, _share 0 to 1.",
        );
        assert_schema_current(&made, SCHEMA, "src/load/report/curve/schema.json");
    }

    #[test]
    fn json_report_of_any_search_matches_the_schema() {
        for curve in [found_curve(), client_bound_curve(), nothing()] {
            assert_eq!(check_against(SCHEMA, &json(&curve)), [""; 0]);
        }
    }

    #[test]
    fn search_schema_check_finds_every_deviation() {
        let report = json(&found_curve());
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
    fn search_and_report_schemas_share_the_spread() {
        let spread = |schema: &str| {
            let schema: Value = serde_json::from_str(schema).expect("it is JSON");
            schema.pointer("/$defs/spread").cloned()
        };
        assert!(spread(SCHEMA).is_some());
        assert_eq!(spread(SCHEMA), spread(crate::load::report::SCHEMA));
    }

    #[test]
    fn json_search_report_has_outcome_rates() {
        let report: Value = serde_json::from_str(&json(&found_curve())).expect("it is JSON");
        assert_eq!(report["answer"]["rate_per_sec"], 872.0);
        assert_eq!(report["answer"]["above_per_sec"], 911.0);
        assert_eq!(report["curve"][0]["latency"]["p99.9_us"], 2250);
    }
}
