//! What is said about a search: the curve of latency over rate, and what was found.
//!
//! Each format is a function of the same [`Curve`] and of nothing else, as those of a run are of its
//! summary. None of them writes anywhere.

mod html;
mod json;
mod text;

pub use html::html;
pub use json::{SCHEMA, json};
pub use text::text;

use super::ReportFormat;
use crate::load::search::curve::Curve;
use json::StepReport;
use serde_json::{Value, json};

impl ReportFormat {
    /// The report of a search; it ends with a line end. An interval log is of one run: people's words stand
    /// for it.
    pub fn render_curve(self, curve: &Curve) -> String {
        match self {
            Self::Text | Self::Hdr => text(curve),
            Self::Json => json(curve),
            Self::Csv => csv(curve),
            Self::Html => html(curve),
        }
    }
}

const HEADING: &str = "rate_per_sec,step,verdict,length_secs,due,sent,answered,answers_per_sec,error_share,p50_us,\
                       p99_us,p99.9_us,max_us,client_cpu_share_max\r\n";

/// For spreadsheets: a step a line, below a heading, in the order of the rates (RFC 4180). The names are those of
/// the JSON report; a latency that was never recorded is an empty cell.
pub fn csv(curve: &Curve) -> String {
    let lines = curve.by_rate().into_iter().map(|(step, figures)| line(&json!(StepReport { step, figures })));
    HEADING.to_owned() + &lines.collect::<String>()
}

fn line(step: &Value) -> String {
    let cell = |name| match step.get(name).or_else(|| step.get("latency")?.get(name)) {
        Some(Value::String(text)) => text.clone(),
        // Whole numbers are written without a fraction.
        Some(number) => number.as_f64().map_or_else(String::new, |number| number.to_string()),
        None => String::new(),
    };
    HEADING.trim_end().split(',').map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::search::curve::tests::{client_bound_curve, found_curve, nothing};

    #[test]
    fn csv_of_search_has_a_full_line_per_step() {
        for curve in [found_curve(), client_bound_curve(), nothing()] {
            let text = csv(&curve);
            assert_eq!(text.lines().count(), 1 + curve.steps.len());
            let cells = HEADING.split(',').count();
            assert!(text.lines().all(|line| line.split(',').count() == cells), "{text}");
        }
        let text = csv(&found_curve());
        assert!(text.contains("\r\n200,1,met,2,400,400,398,199,0,250,1500,2250,3750,0.25\r\n"), "{text}");
        assert!(csv(&client_bound_curve()).contains("\r\n800,1,missed,2,1600,1600,0,796,0,,,,,0.25\r\n"));
    }
}
