//! Text report of a [`Comparison`].
//!
//! The reports for scripts are in `csv` and `json`.

use super::table::Table;
use super::text::lines;
use crate::load::compare::{Comparison, Row};

pub(super) fn text(comparison: &Comparison) -> String {
    let show =
        |row: &Row, value: Option<f64>| value.map_or("-".to_owned(), |value| row.unit.format_value(value));
    let table = Table::new("Comparison", comparison.rows().collect())
        .text("metric", |row| row.metric.to_string())
        .number("before", |row| show(row, row.before))
        .number("after", |row| show(row, row.after))
        .number("change", |row| match row.change {
            Some(change) => row.format_change(change),
            None if row.before == Some(0.0) => "from 0".to_owned(),
            None => "-".to_owned(),
        })
        .text(" 95 % interval", |row| {
            let ends = |(low, high)| format!("{} to {}", row.format_change(low), row.format_change(high));
            format!(" {}", row.interval.map_or_else(|| "-".to_owned(), ends))
        })
        .long("verdict", |row| row.verdict.to_string());
    table.to_text() + &lines(&comparison.caveats)
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compare::compare;
    use crate::load::report::ReportFormat;
    use crate::load::stats::summary::tests::{empty_summary, info, steady};

    #[test]
    fn text_comparison_rows_fit_in_100_columns() {
        let text = text(&compare(&steady(20, 1.0), &steady(20, 0.5), 1));
        let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words[0], words[words.len() - 1]), ("p50", "faster"), "{text}");
        let errors = text.lines().last().unwrap_or_default();
        assert!(errors.starts_with("errors            0 %        0 %      +0 pp  "), "{text}");
        assert!(errors.ends_with("  -0.038 pp to +0.038 pp  no difference shown"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }

    #[test]
    fn text_comparison_of_short_run_has_no_interval() {
        let text = text(&compare(&steady(4, 1.0), &steady(4, 0.5), 1));
        let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
        assert!(line.contains("  -  ") && line.ends_with("  run too short"), "{text}");
        assert!(text.contains("\nruns of less than 5 s do not show"), "{text}");
    }

    #[test]
    fn comparison_without_responses_has_no_interval() {
        let empty = empty_summary(info());
        assert!(text(&compare(&empty, &empty, 1)).contains("too few responses"));
        let json = ReportFormat::Json.render_comparison(&compare(&empty, &empty, 1));
        assert!(json.contains("\"interval_share\": null"));
    }

    #[test]
    fn csv_comparison_has_figures_by_name() {
        let text = ReportFormat::Csv.render_comparison(&compare(&steady(20, 1.0), &steady(20, 0.5), 1));
        for line in ["figures.rps.before,500.0", "figures.p50.verdict,faster"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
    }
}
