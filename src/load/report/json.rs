//! The report for scripts: one JSON object, whose shape is `schema.json` beside this file.
//!
//! Names end in their unit; what was never recorded is null; no figure is rounded for show. A test makes the
//! schema of the types, so their comments are the descriptions in it.

use serde::Serialize;
use serde_json::json;

use super::settings::RunReport;
use super::verdict::{Finding, findings};
use crate::load::compare::Comparison;
use crate::load::stats::summary::Summary;

/// The JSON Schema of the report.
pub const SCHEMA: &str = include_str!("schema.json");

/// A document with its name and its version.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Document<T> {
    format: &'static str,
    /// Changes when a reader of the former version could misread the report.
    version: u64,
    #[serde(flatten)]
    content: T,
}

impl<T: Serialize> Document<T> {
    pub(super) fn of(format: &'static str, content: T) -> Self {
        Self { format, version: 1, content }
    }

    /// One object as text, which ends with a line end; its names are in the order of the alphabet.
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
    validity: ValidityReport,
    /// What has changed since the run of --compare; null without one.
    comparison: Option<Document<&'a Comparison>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ValidityReport {
    /// Whether the figures are the server's; if not, the exit code is 97.
    valid: bool,
    /// What shows that the client was the bottleneck.
    client_bound: Vec<Finding>,
    /// What should be known all the same.
    remarks: Vec<Finding>,
}

/// What a script reads; with what a comparison says, if there is one.
pub fn json(summary: &Summary, beside: Option<&Comparison>) -> String {
    let validity = &summary.validity;
    let (client_bound, remarks) = findings(validity);
    let report = LoadReport {
        run: RunReport::of(&summary.info),
        summary,
        validity: ValidityReport { valid: validity.is_valid(), client_bound, remarks },
        comparison: beside.map(comparison),
    };
    Document::of("reactor-http load report", report).to_text()
}

/// A comparison, whether it stands alone or in the report of the second run.
pub(super) fn comparison(comparison: &Comparison) -> Document<&Comparison> {
    Document::of("reactor-http load comparison", comparison)
}

#[cfg(test)]
pub(super) mod tests;
