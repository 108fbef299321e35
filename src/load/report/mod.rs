//! Reports of a run: text, JSON, CSV, HdrHistogram log, HTML.
//!
//! Each is a function of the [`Summary`] alone, so formats cannot disagree.

pub mod curve;
mod hdr;
pub(super) mod html;
mod json;
mod table;
mod tables;
mod text;

pub(super) use json::Document;
pub use json::{SCHEMA, json};
pub(super) use tables::percentile;
pub use text::text;

use super::compare::Comparison;
use crate::load::stats::summary::Summary;

/// Report format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// Text for people.
    #[default]
    Text,
    /// JSON of [`SCHEMA`].
    Json,
    /// Figures of the JSON report, one a line.
    Csv,
    /// Interval log, V2.
    Hdr,
    /// Page with charts.
    Html,
}

impl ReportFormat {
    /// Names and formats.
    pub const ALL: [(&str, Self); 5] = [
        ("text", Self::Text),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("hdr", Self::Hdr),
        ("html", Self::Html),
    ];

    /// Report with a line end, and the comparison if the format
    /// [`supports_comparison`](Self::supports_comparison).
    pub fn render(self, summary: &Summary, comparison: Option<&Comparison>) -> String {
        match self {
            Self::Text => {
                let beside = comparison.map(|comparison| format!("\n{}", text::comparison(comparison)));
                text(summary) + &beside.unwrap_or_default()
            }
            Self::Json => json(summary, comparison),
            Self::Csv => json::csv(&json::load_report(summary, comparison)),
            Self::Hdr => hdr::hdr(summary),
            Self::Html => html::html(summary),
        }
    }

    /// Whether a comparison can be rendered.
    pub fn supports_comparison(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Csv)
    }

    /// Comparison alone; text if the format has none.
    pub fn render_comparison(self, comparison: &Comparison) -> String {
        match self {
            Self::Json => json::comparison(comparison).to_text(),
            Self::Csv => json::csv(&json::comparison(comparison)),
            _ => text::comparison(comparison),
        }
    }
}
