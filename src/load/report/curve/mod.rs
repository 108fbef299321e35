//! Reports of a rate search.
//!
//! Each format is a function of the [`Curve`] alone. Never writes a file.

mod html;
mod json;
mod text;

pub use json::{SCHEMA, json};
pub use text::text;

use super::ReportFormat;
use crate::load::search::curve::Curve;
use json::StepReport;
use serde_json::{Value, json};

impl ReportFormat {
    /// Report that ends with a line end. An interval log holds one run: `Hdr` gives text.
    pub fn render_curve(self, curve: &Curve) -> String {
        match self {
            Self::Text | Self::Hdr => text(curve),
            Self::Json => json(curve),
            Self::Csv => csv(curve),
            Self::Html => html::html(curve),
        }
    }
}

const HEADING: &str = "rate_per_sec,step,verdict,length_secs,due,sent,answered,answers_per_sec,error_share,p50_us,\
                       p99_us,p99.9_us,max_us,client_cpu_share_max\r\n";

/// CSV with the names of the JSON report (RFC 4180).
///
/// A latency never recorded is empty.
fn csv(curve: &Curve) -> String {
    let lines = curve.by_rate().into_iter().map(|(step, figures)| line(&json!(StepReport { step, figures })));
    HEADING.to_owned() + &lines.collect::<String>()
}

fn line(step: &Value) -> String {
    let cell = |name| match step.get(name).or_else(|| step.get("latency")?.get(name)) {
        Some(Value::String(text)) => text.clone(),
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
