//! Two runs beside one another, for people and for scripts.
//!
//! Functions of a [`Comparison`], as the reports are of a run's summary. The JSON is that of `comparison`
//! in `schema.json`, whether it stands alone or in the report of the second run.

use std::fmt::{self, Write};

use serde_json::{Value, json as value};

use super::super::compare::{Comparison, Row, Side};
use super::super::figure::Unit;
use super::csv::Table;
use crate::text::units::{change, points, share};

/// The table for people.
pub(super) fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    // A string takes everything that is written to it.
    write(&mut out, comparison).expect("a string takes all");
    out
}

fn write(out: &mut String, comparison: &Comparison) -> fmt::Result {
    writeln!(out, "{:8} {:>10} {:>10} {:>10}  95 % interval", "", "before", "after", "change")?;
    for row in &comparison.rows {
        let show = |value| row.figure.unit().show(value);
        let cells = [show(row.before), show(row.after), change(row.change)];
        line(
            out,
            &row.figure.to_string(),
            &cells,
            row.interval.map(|ends| between(ends, change)),
            row.verdict.describe(),
        )?;
    }
    let errors = &comparison.errors;
    let cells = [share(errors.before), share(errors.after), points(errors.after - errors.before)];
    line(
        out,
        "errors",
        &cells,
        errors.interval.map(|ends| between(ends, points)),
        errors.verdict.describe(),
    )?;
    comparison.caveats.iter().try_for_each(|caveat| writeln!(out, "{caveat}"))
}

fn between((low, high): (f64, f64), show: impl Fn(f64) -> String) -> String {
    format!("{} to {}", show(low), show(high))
}

fn line(
    out: &mut String,
    name: &str,
    cells: &[String; 3],
    interval: Option<String>,
    verdict: &str,
) -> fmt::Result {
    let [before, after, change] = cells;
    let interval = interval.unwrap_or_else(|| "-".to_owned());
    writeln!(out, "{name:8} {before:>10} {after:>10} {change:>10}  {interval:26} {verdict}")
}

/// One object for scripts.
pub(super) fn json(comparison: &Comparison) -> String {
    format!("{:#}\n", object(comparison))
}

pub(super) fn object(comparison: &Comparison) -> Value {
    let errors = &comparison.errors;
    let [before, after] = &comparison.sides;
    value!({
        "format": "reactor-http load comparison",
        "version": 1,
        "before": side(before),
        "after": side(after),
        "figures": comparison.rows.iter().map(figure).collect::<Vec<_>>(),
        "errors": {
            "before_share": errors.before,
            "after_share": errors.after,
            "change_share": errors.after - errors.before,
            "interval_share": ends(errors.interval),
            "verdict": errors.verdict.name(),
        },
        "caveats": comparison.caveats,
    })
}

fn side(side: &Side) -> Value {
    value!({
        "target": side.target,
        "started_unix_secs": side.started_unix_secs,
        "wall_secs": side.wall_secs,
        "valid": side.is_valid,
    })
}

fn figure(row: &Row) -> Value {
    value!({
        "name": row.figure.to_string(),
        "unit": unit(row),
        "before": row.before,
        "after": row.after,
        "change_share": row.change,
        "interval_share": ends(row.interval),
        "verdict": row.verdict.name(),
    })
}

fn unit(row: &Row) -> &'static str {
    match row.figure.unit() {
        Unit::Time => "us",
        Unit::Rate => "per_sec",
        Unit::Share => "share",
        Unit::Count => "count",
    }
}

fn ends(interval: Option<(f64, f64)>) -> Value {
    interval.map_or(Value::Null, |(low, high)| value!({ "low": low, "high": high }))
}

/// Lines of the table that has one figure a line, below its heading.
pub(super) fn csv(comparison: &Comparison) -> String {
    let mut table = Table::new();
    rows(&mut table, comparison);
    table.into_text()
}

pub(super) fn rows(table: &mut Table, comparison: &Comparison) {
    for row in &comparison.rows {
        let name = row.figure.to_string();
        table.row("before", &name, &row.before, unit(row));
        table.row("after", &name, &row.after, unit(row));
        judged(table, &name, row.change, row.interval, row.verdict.name());
    }
    let errors = &comparison.errors;
    table.row("before", "errors", &errors.before, "share");
    table.row("after", "errors", &errors.after, "share");
    judged(table, "errors", errors.after - errors.before, errors.interval, errors.verdict.name());
    for caveat in &comparison.caveats {
        table.row("comparison", "caveat", caveat, "text");
    }
}

fn judged(table: &mut Table, name: &str, change: f64, interval: Option<(f64, f64)>, verdict: &str) {
    table.row("change", name, &change, "share");
    if let Some((low, high)) = interval {
        table.row("change_low", name, &low, "share");
        table.row("change_high", name, &high, "share");
    }
    table.row("verdict", name, &verdict, "text");
}

#[cfg(test)]
mod tests {
    use super::super::super::compare::compare;
    use super::super::super::summary::tests::{info, nothing, steady};
    use super::*;

    #[test]
    fn a_person_reads_a_table() {
        let text = text(&compare(&steady(20, 1.0), &steady(20, 0.5), 1));
        let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words[0], words[words.len() - 1]), ("p50", "faster"), "{text}");
        let errors = text.lines().last().unwrap_or_default();
        assert!(errors.starts_with("errors          0 %        0 %      +0 pp  "), "{text}");
        assert!(errors.ends_with("  -0.038 pp to +0.038 pp     no difference shown"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }

    #[test]
    fn a_run_that_is_too_short_has_a_line_and_no_interval() {
        let text = text(&compare(&steady(4, 1.0), &steady(4, 0.5), 1));
        let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
        assert!(line.ends_with("  -                          too short a run"), "{text}");
        assert!(text.contains("\nruns of less than 5 s do not show"), "{text}");
    }

    #[test]
    fn runs_without_answers_are_told_without_a_verdict() {
        let empty = nothing(info());
        assert!(text(&compare(&empty, &empty, 1)).contains("too few answers"));
        assert!(json(&compare(&empty, &empty, 1)).contains("\"interval_share\": null"));
    }

    #[test]
    fn every_line_of_the_table_has_four_cells() {
        let text = csv(&compare(&steady(20, 1.0), &steady(20, 0.5), 1));
        assert!(text.starts_with("group,name,value,unit\r\nbefore,rps,500,per_sec\r\n"), "{text}");
        assert!(text.contains("\r\nverdict,p50,faster,text\r\n"), "{text}");
        assert!(text.lines().all(|line| line.split(',').count() == 4), "{text}");
    }
}
