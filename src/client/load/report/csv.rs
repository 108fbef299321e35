//! The report for spreadsheets: one figure a line, as group, name, value and unit (RFC 4180).
//!
//! Lines are never missing because of what happened to a run, apart from figures that were never
//! recorded; a name that needs it is quoted.

use super::super::compare::Comparison;
use super::super::summary::{PERCENTILES, Spread, Summary};
use super::comparison;

/// One figure a line, below a heading; those of a comparison behind those of the run.
pub fn csv(summary: &Summary, beside: Option<&Comparison>) -> String {
    let mut table = Table::new();
    totals(&mut table, summary);
    let spreads = [
        ("latency", &summary.corrected),
        ("latency_uncorrected", &summary.uncorrected),
        ("first_byte", &summary.first_byte),
        ("connect", &summary.connect),
        ("lag", &summary.lag),
    ];
    for (group, spread) in spreads {
        table.spread(group, spread.as_ref());
    }
    for (status, count) in &summary.statuses {
        table.row("status", &status.to_string(), count, "answers");
    }
    for (failure, count) in summary.failures.seen() {
        table.row("failure", failure.name(), &count, "requests");
    }
    for (failure, count) in summary.connect_failures.seen() {
        table.row("connect_failure", failure.name(), &count, "connections");
    }
    for url in &summary.urls {
        table.row("url_answered", &url.url, &url.totals.answered, "requests");
        table.row("url_failed", &url.url, &url.totals.failed, "requests");
        if let Some(p99_us) = url.latency.as_ref().and_then(|latency| latency.percentile_us("p99")) {
            table.row("url_p99", &url.url, &p99_us, "us");
        }
    }
    for slice in &summary.slices {
        let start = slice.start.as_secs_f64().to_string();
        table.row("slice_rate", &start, &slice.rate, "per_sec");
        table.row("slice_failed", &start, &slice.slice.failed, "requests");
        table.row("slice_p50", &start, &slice.slice.quantile_us(0.5), "us");
        table.row("slice_p99", &start, &slice.slice.quantile_us(0.99), "us");
    }
    if let Some(beside) = beside {
        comparison::rows(&mut table, beside);
    }
    table.into_text()
}

fn totals(table: &mut Table, summary: &Summary) {
    let totals = &summary.totals;
    let requests = [
        ("sent", totals.sent),
        ("answered", totals.answered),
        ("failed", totals.failed),
        ("unfinished", totals.unfinished),
    ];
    for (name, count) in requests {
        table.row("requests", name, &count, "requests");
    }
    table.row("rate", "answers", &summary.rate, "per_sec");
    table.row("rate", "received", &summary.received_per_sec, "bytes_per_sec");
    table.row("rate", "errors", &summary.error_share, "share");
    table.row("run", "wall", &summary.conditions.wall.as_secs_f64(), "secs");
    table.row("run", "received", &totals.received_len, "bytes");
    table.row("run", "valid", &u8::from(summary.validity.is_valid()), "bool");
    table.row("client", "cpu", &summary.cpu_share, "share");
    table.row("client", "cpu_max", &summary.cpu_share_max, "share");
    table.row("client", "cpu_per_answer", &summary.cpu_us_per_answer, "us");
}

/// Lines of four cells below a heading.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new() -> Self {
        Self("group,name,value,unit\r\n".to_owned())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn row(&mut self, group: &str, name: &str, value: &dyn ToString, unit: &str) {
        let value = value.to_string();
        for (index, cell) in [group, name, value.as_str(), unit].into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.cell(cell);
        }
        self.0.push_str("\r\n");
    }

    fn cell(&mut self, text: &str) {
        if text.contains([',', '"', '\r', '\n']) {
            self.0.push('"');
            self.0.push_str(&text.replace('"', "\"\""));
            self.0.push('"');
        } else {
            self.0.push_str(text);
        }
    }

    fn spread(&mut self, group: &str, spread: Option<&Spread>) {
        let Some(spread) = spread else { return };
        self.row(group, "count", &spread.count, "times");
        self.row(group, "min", &spread.min_us, "us");
        self.row(group, "mean", &spread.mean_us, "us");
        self.row(group, "stdev", &spread.stdev_us, "us");
        for ((name, _), us) in PERCENTILES.iter().zip(spread.percentiles_us) {
            self.row(group, name, &us, "us");
        }
        self.row(group, "max", &spread.max_us, "us");
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::summary::tests::{conditions, nothing, stalling};
    use super::*;

    #[test]
    fn every_line_has_four_cells() {
        let text = csv(&stalling(), None);
        assert!(text.contains("\r\nrequests,sent,2007,requests\r\n"), "{text}");
        assert!(text.contains("\r\nstatus,200,2000,answers\r\n"), "{text}");
        assert!(text.contains("\r\nfailure,timed-out,2,requests\r\n"), "{text}");
        assert!(text.lines().all(|line| line.split(',').count() == 4), "{text}");
        assert!(text.lines().count() > 60);
        assert!(csv(&nothing(conditions()), None).contains("\r\nrate,answers,0,per_sec\r\n"));
    }

    #[test]
    fn a_name_with_a_comma_or_a_quote_is_quoted() {
        let mut table = Table(String::new());
        table.row("url", "/a,\"b\"", &1, "x");
        assert_eq!(table.0, "url,\"/a,\"\"b\"\"\",1,x\r\n");
    }
}
