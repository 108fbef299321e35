//! CSV report: one value a line (RFC 4180).
//!
//! Only values that were never recorded have no line.

use serde_json::{Value, json};

use super::settings::RunReport;
use crate::load::compare::Comparison;
use crate::load::stats::summary::{StatusCount, Summary};

const SPREADS: [&str; 7] =
    ["latency", "latency_uncorrected", "first_byte", "connect", "tls_full", "tls_resumed", "lag"];

/// CSV of a run.
pub(super) fn csv(summary: &Summary, comparison: Option<&Comparison>) -> String {
    let mut table = CsvTable::new();
    let report = json!(summary);
    table.figures("requests", &report["requests"], "requests");
    table.row("connections", "unasked", &summary.unasked, "connections");
    table.row("rate", "answers", &summary.rate, "per_sec");
    table.row("rate", "received", &summary.received_per_sec, "bytes_per_sec");
    table.row("rate", "errors", &summary.error_share, "share");
    table.row("run", "received", &summary.received_bytes, "bytes");
    table.row("run", "valid", &u8::from(summary.validity.is_valid()), "bool");
    table.figures("client", &report["client"], "count");
    table.settings("run", &json!(RunReport::of(&summary.info)));
    verdict(&mut table, summary);
    for group in SPREADS {
        table.figures(group, &report[group], "times");
    }
    for StatusCount { status, count } in &summary.statuses {
        table.row("status", &status.to_string(), count, "answers");
    }
    for (failure, count) in summary.failures.seen() {
        table.row("failure", &failure.to_string(), &count, "requests");
    }
    for (failure, count) in summary.connect_failures.seen() {
        table.row("connect_failure", &failure.to_string(), &count, "connections");
    }
    for url in &summary.urls {
        table.row("url_answered", &url.url, &url.answered, "requests");
        table.row("url_bad_statuses", &url.url, &url.bad_statuses, "requests");
        table.row("url_failed", &url.url, &url.failed, "requests");
        if let Some(p99_us) = url.latency.as_ref().and_then(|latency| latency.percentile_us("p99")) {
            table.row("url_p99", &url.url, &p99_us, "us");
        }
    }
    for slice in &summary.slices {
        let start = slice.start.as_secs_f64().to_string();
        table.row("slice_rate", &start, &slice.rate, "per_sec");
        table.row("slice_bad_statuses", &start, &slice.bad_statuses, "requests");
        table.row("slice_failed", &start, &slice.failed, "requests");
        table.row("slice_p50", &start, &slice.p50_us, "us");
        table.row("slice_p99", &start, &slice.p99_us, "us");
    }
    if let Some(comparison) = comparison {
        comparison_rows(&mut table, comparison);
    }
    table.0
}

fn verdict(table: &mut CsvTable, summary: &Summary) {
    let reasons = summary.validity.reasons.iter().map(|reason| ("client_bound", reason));
    for (kind, finding) in reasons.chain(summary.validity.warnings.iter().map(|it| ("remark", it))) {
        let group = format!("{kind}_{}", finding.name);
        table.row(&group, "meaning", &finding.meaning, "text");
        for figure in &finding.figures {
            table.value(&group, &figure.name, &figure.value, "count");
        }
    }
}

pub(super) fn comparison(comparison: &Comparison) -> String {
    let mut table = CsvTable::new();
    comparison_rows(&mut table, comparison);
    table.0
}

fn comparison_rows(table: &mut CsvTable, comparison: &Comparison) {
    for row in comparison.rows() {
        let name = row.metric.to_string();
        let unit = json!(row.unit);
        let unit = unit.as_str().unwrap_or_default();
        let all = [("before", row.before, unit), ("after", row.after, unit), ("change", row.change, "share")];
        for (group, value, unit) in all {
            value.iter().for_each(|value| table.row(group, &name, value, unit));
        }
        if let Some((low, high)) = row.interval {
            table.row("change_low", &name, &low, "share");
            table.row("change_high", &name, &high, "share");
        }
        table.value("verdict", &name, &json!(row.verdict), "count");
    }
    for caveat in &comparison.caveats {
        table.row("comparison", "caveat", caveat, "text");
    }
}

const UNITS: [&str; 4] = ["secs", "us", "bytes", "share"];

fn cell(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

struct CsvTable(String);

impl CsvTable {
    fn new() -> Self {
        Self("group,name,value,unit\r\n".to_owned())
    }

    fn row(&mut self, group: &str, name: &str, value: &dyn ToString, unit: &str) {
        let cells = [group, name, &value.to_string(), unit].map(cell);
        self.0.push_str(&cells.join(","));
        self.0.push_str("\r\n");
    }

    /// Members that were recorded, of an object of the JSON report.
    fn figures(&mut self, group: &str, object: &Value, count_unit: &str) {
        let members = object.as_object().into_iter().flatten();
        for (name, value) in members.filter(|(_, value)| !value.is_null()) {
            self.value(group, name, value, count_unit);
        }
    }

    fn settings(&mut self, group: &str, object: &Value) {
        for (name, value) in object.as_object().into_iter().flatten() {
            match value {
                Value::Object(_) => self.settings(name, value),
                value => self.value(group, name, value, "count"),
            }
        }
    }

    /// A part of the name may be the unit; null is an empty cell.
    fn value(&mut self, group: &str, name: &str, value: &Value, count_unit: &str) {
        let named_unit = UNITS.into_iter().find(|unit| name.split('_').any(|part| part == *unit));
        let unit = named_unit.unwrap_or(match value {
            Value::Number(_) => count_unit,
            Value::Bool(_) => "bool",
            _ => "text",
        });
        let name = name.split('_').filter(|part| Some(*part) != named_unit).collect::<Vec<_>>().join("_");
        match value {
            Value::Null => self.row(group, &name, &"", unit),
            Value::Bool(value) => self.row(group, &name, &u8::from(*value), unit),
            Value::String(text) => self.row(group, &name, text, unit),
            value => self.row(group, &name, value, unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stats::summary::tests::{empty_summary, info, stalling};

    #[test]
    fn csv_report_lines_have_four_cells() {
        let text = csv(&stalling(), None);
        assert!(text.contains("\r\nrequests,sent,2007,requests\r\n"), "{text}");
        assert!(text.contains("\r\nstatus,200,2000,answers\r\n"), "{text}");
        assert!(text.contains("\r\nfailure,timed-out,2,requests\r\n"), "{text}");
        assert!(text.lines().all(|line| line.split(',').count() == 4), "{text}");
        assert!(text.lines().count() > 60);
        for line in [
            "requests,bad_statuses,0,requests",
            "requests,resent,0,requests",
            "connections,unasked,0,connections",
            "run,wall,10.0,secs",
            "setup,timeout,30.0,secs",
            "setup,keep_alive,1,bool",
            "setup,seed,,text",
            "course,schedule,200/s,text",
            "client,waited,0.05,share",
            "slice_bad_statuses,3,0,requests",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
        let text = csv(&empty_summary(info()), None);
        assert!(text.contains("\r\nremark_unreached,missed,2007,count\r\n"), "{text}");
        assert!(csv(&empty_summary(info()), None).contains("\r\nrate,answers,0,per_sec\r\n"));
    }

    #[test]
    fn csv_cell_with_comma_or_quote_is_quoted() {
        let mut table = CsvTable(String::new());
        table.row("url", "/a,\"b\"", &1, "x");
        assert_eq!(table.0, "url,\"/a,\"\"b\"\"\",1,x\r\n");
    }
}
