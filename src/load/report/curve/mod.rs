//! Reports of a rate search.
//!
//! Each format is a function of the [`Curve`] alone. Never writes a file.

mod html;
mod json;
mod text;

pub use json::{SCHEMA, json};
pub use text::text;

use super::ReportFormat;
use super::csv::csv;
use crate::load::search::curve::Curve;

impl ReportFormat {
    /// Report that ends with a line end. An interval log holds one run: `Hdr` gives text.
    pub fn render_curve(self, curve: &Curve) -> String {
        match self {
            Self::Text | Self::Hdr => text(curve),
            Self::Json => json(curve),
            Self::Csv => csv(&json::document(curve)),
            Self::Html => html::html(curve),
        }
    }
}
