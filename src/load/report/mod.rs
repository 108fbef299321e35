//! What is said about a run: for people, for scripts, and for other programs' plots.
//!
//! Each format is a function of the same [`Summary`] and of nothing else, so that they cannot disagree.
//! None of them writes anywhere, and none makes a quotient of its own.

mod comparison;
mod csv;
pub mod curve;
mod hdr;
pub(super) mod html;
mod json;
mod settings;
mod text;
mod verdict;

pub use csv::csv;
pub use hdr::hdr;
pub use html::html;
pub use json::{SCHEMA, json};
pub(super) use text::percentile;
pub use text::text;
pub(super) use verdict::{describe_warning, in_words};

use super::compare::Comparison;
use crate::load::stats::summary::Summary;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object, as [`SCHEMA`] has it.
    Json,
    /// One figure a line: group, name, value, unit.
    Csv,
    /// An HdrHistogram interval log, V2.
    Hdr,
    /// One page with plots, for a browser.
    Html,
}

impl ReportFormat {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 5] = [
        ("text", Self::Text),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("hdr", Self::Hdr),
        ("html", Self::Html),
    ];

    /// The report of a run, as one document with its comparison if there is one; it ends with a line end. Formats that
    /// [`supports_comparison`](Self::supports_comparison) say what the comparison says, the others nothing of it.
    pub fn render(self, summary: &Summary, comparison: Option<&Comparison>) -> String {
        match self {
            Self::Text => {
                let suffix = comparison
                    .map_or_else(String::new, |comparison| format!("\n{}", comparison::text(comparison)));
                text(summary) + &suffix
            }
            Self::Json => json(summary, comparison),
            Self::Csv => csv(summary, comparison),
            Self::Hdr => hdr(summary),
            Self::Html => html(summary),
        }
    }

    /// Whether a comparison can be written in this format.
    pub fn supports_comparison(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Csv)
    }

    /// A comparison by itself, for people where there is no other form of it.
    pub fn render_comparison(self, comparison: &Comparison) -> String {
        match self {
            Self::Json => json::comparison(comparison).to_text(),
            Self::Csv => csv::comparison(comparison),
            _ => comparison::text(comparison),
        }
    }
}
