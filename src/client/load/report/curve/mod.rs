//! What is said about a search: the curve of latency over rate, and what was found.
//!
//! Each format is a function of the same [`Curve`] and of nothing else, as those of a run are of its
//! summary. None of them writes anywhere.

mod csv;
mod html;
mod json;
mod text;

pub use csv::csv;
pub use html::html;
pub use json::{SCHEMA, json};
pub use text::text;

use super::super::curve::Curve;
use super::Format;

/// How the report of a search is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveFormat {
    /// For people.
    Text,
    /// One JSON object, as [`SCHEMA`] has it.
    Json,
    /// A step a line.
    Csv,
    /// One page, which needs no other.
    Html,
}

impl CurveFormat {
    /// What a format is for a search; an interval log is of one run, so there is none.
    pub fn of(format: Format) -> Option<Self> {
        match format {
            Format::Text => Some(Self::Text),
            Format::Json => Some(Self::Json),
            Format::Csv => Some(Self::Csv),
            Format::Html => Some(Self::Html),
            Format::Hdr => None,
        }
    }

    /// The report; it ends with a line end.
    pub fn render(self, curve: &Curve) -> String {
        match self {
            Self::Text => text(curve),
            Self::Json => json(curve),
            Self::Csv => csv(curve),
            Self::Html => html(curve),
        }
    }
}
