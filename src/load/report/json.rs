//! JSON report: one object, as in `schema.json`.
//!
//! Names end in their unit. A time never recorded is null. Values are not rounded.

use serde::Serialize;
use serde_json::json;

use super::settings::RunReport;
use crate::load::compare::Comparison;
use crate::load::stats::summary::Summary;
use crate::load::stats::validity::Finding;

/// JSON Schema of a report.
pub const SCHEMA: &str = include_str!("schema.json");

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Document<T> {
    format: &'static str,
    /// Changes when a reader of the former version could misread the report.
    version: u64,
    #[serde(flatten)]
    content: T,
}

impl<T: Serialize> Document<T> {
    pub(crate) fn of(format: &'static str, content: T) -> Self {
        Self { format, version: 1, content }
    }

    /// Text with a line end; names in alphabetical order.
    pub(super) fn to_text(&self) -> String {
        format!("{:#}\n", json!(self))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LoadReport<'a> {
    run: RunReport<'a>,
    #[serde(flatten)]
    summary: &'a Summary,
    validity: ValidityReport<'a>,
    /// Comparison with the run of --compare, or null.
    comparison: Option<Document<&'a Comparison>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ValidityReport<'a> {
    /// Whether the results are the server's; if not, the exit code is 97.
    valid: bool,
    /// Reasons why the client was the bottleneck.
    client_bound: &'a [Finding],
    /// Other findings.
    remarks: &'a [Finding],
}

/// JSON of a run.
pub fn json(summary: &Summary, beside: Option<&Comparison>) -> String {
    load_report(summary, beside).to_text()
}

pub(super) fn load_report<'a>(
    summary: &'a Summary,
    beside: Option<&'a Comparison>,
) -> Document<impl Serialize + 'a> {
    let validity = &summary.validity;
    let report = LoadReport {
        run: RunReport::of(&summary.info),
        summary,
        validity: ValidityReport {
            valid: validity.is_valid(),
            client_bound: &validity.reasons,
            remarks: &validity.warnings,
        },
        comparison: beside.map(comparison),
    };
    Document::of("reactor-http load report", report)
}

pub(super) fn comparison(comparison: &Comparison) -> Document<&Comparison> {
    Document::of("reactor-http load comparison", comparison)
}

#[cfg(test)]
pub(super) mod tests;
