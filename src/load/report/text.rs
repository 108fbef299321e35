//! Text report: overview, values, explanations; an invalid verdict first.
//!
//! An open loop shows both latencies side by side.

use std::time::Duration;

use super::table::Table;
use super::tables;
use crate::load::compare::{Comparison, Row};
use crate::load::run_info::RunInfo;
use crate::load::stats::latency_histogram::HistogramBar;
use crate::load::stats::summary::{Summary, ratio};
use crate::text::units::{bytes, count, duration, plural, rate, share, time};

const BAR_LEN_MAX: usize = 40;
/// Listed URLs; other formats list all.
const URLS_MAX: usize = 20;
const NAME_LEN: usize = 12;

/// Text of a run.
pub fn text(summary: &Summary) -> String {
    let heading = [&summary.info.target, &asked(summary), &setup_line(&summary.info)];
    let [failed, no_connection] = tables::failures(summary).map(|table| table.to_text());
    let parts = [
        lines(&heading),
        verdict(summary),
        totals(summary),
        latency(summary),
        histogram(summary),
        tables::status_codes(summary).to_text(),
        failed,
        no_connection,
        tables::phases(summary).to_text(),
        urls(summary),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Text of a comparison; the reports for scripts are in `json`.
pub(super) fn comparison(comparison: &Comparison) -> String {
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

pub(super) fn lines(lines: &[impl AsRef<str>]) -> String {
    lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect()
}

pub(super) fn asked(summary: &Summary) -> String {
    let info = &summary.info;
    let pacing = match due_text(info) {
        Some(due) => {
            let each = if info.merged.is_some() { " each" } else { "" };
            format!("open loop ({}{each}), {due}", info.profile.schedule_text())
        }
        None => "closed loop".to_owned(),
    };
    let connections = plural(info.concurrency, "connection");
    let threads = plural(info.threads, "thread");
    let in_flight = in_flight_text(info.pipeline);
    let runs = info.merged.as_ref().map(|merged| format!(", {} as one", plural(merged.runs, "run")));
    let runs = runs.unwrap_or_default();
    let end = if info.was_interrupted { ", interrupted" } else { "" };
    let gave_up = if info.gave_up { ", given up" } else { "" };
    format!("{pacing}, {connections}, {threads}, {}{in_flight}{runs}{end}{gave_up}", duration(info.wall))
}

/// Requests due and their rate; `None` in a closed loop.
pub(super) fn due_text(info: &RunInfo) -> Option<String> {
    let due = info.due?;
    Some(format!("{} due ({})", count(due), rate(ratio(due as f64, info.scheduled().as_secs_f64()))))
}

pub(super) fn in_flight_text(pipeline: u64) -> String {
    match pipeline {
        0 | 1 => String::new(),
        pipeline => format!(", {pipeline} requests in flight per connection"),
    }
}

pub(super) fn setup_line(info: &RunInfo) -> String {
    let warmup = match info.profile.warmup {
        Duration::ZERO => String::new(),
        warmup => format!("warm-up {}, ", duration(warmup)),
    };
    format!("{warmup}{}", info.setup.summary_line())
}

fn verdict(summary: &Summary) -> String {
    let reasons = summary.validity.reasons.iter().map(|reason| format!("  {}\n", reason.meaning));
    let verdict = format!("INVALID: client-bound\n{}", reasons.collect::<String>());
    let reasons = (!summary.validity.is_valid()).then_some(verdict);
    let notes = summary.validity.warnings.iter().map(|warning| format!("Note: {}\n", warning.meaning));
    reasons.into_iter().chain(notes).collect::<Vec<_>>().join("\n")
}

fn totals(summary: &Summary) -> String {
    let totals = &summary.totals;
    let (sent, answered) = (count(totals.sent), count(totals.answered));
    let (failed, unfinished) = (count(totals.failed), count(totals.unfinished));
    let sum = format!("{sent} sent = {answered} completed + {failed} failed + {unfinished} unfinished");
    let (received, per_sec) = (bytes(summary.received_bytes as f64), bytes(summary.received_bytes_per_sec));
    let values = [
        ("requests", sum),
        ("rate", format!("{} (responses)", rate(summary.rate))),
        ("transfer", format!("{received}, {per_sec}/s")),
        ("errors", format!("{} ({})", share(summary.error_share), errors(summary))),
        ("client CPU", client_cpu(summary)),
    ];
    lines(&values.map(|(name, value)| format!("{name:NAME_LEN$} {value}")))
}

pub(super) fn errors(summary: &Summary) -> String {
    let (failed, bad) = (count(summary.totals.failed), count(summary.totals.bad_statuses));
    let mut words = format!("{failed} failed, {bad} with a status of 400 or above");
    if summary.totals.unsent > 0 {
        words += &format!(", {} not sent", count(summary.totals.unsent));
    }
    [vec![words], summary.connect_failures.connect_labels()].concat().join("; ")
}

fn client_cpu(summary: &Summary) -> String {
    let busiest = match summary.info.threads {
        0 | 1 => String::new(),
        _ => format!(" (the busiest thread {})", share(summary.client.cpu_share_max)),
    };
    let waited = |waited| format!("; waited for a processor for {} of the time", share(waited));
    let waited = summary.client.waited_share.map_or_else(String::new, waited);
    let each = cpu_per_answer(summary).map_or_else(String::new, |each| format!(", {each} a response"));
    format!("{}{busiest}{each}{waited}", share(summary.client.cpu_share))
}

pub(super) fn cpu_per_answer(summary: &Summary) -> Option<String> {
    (summary.totals.answered > 0).then(|| cpu(summary.client.cpu_us_per_answer))
}

/// Microseconds; below 100, a tenth matters.
fn cpu(us: f64) -> String {
    if us < 100.0 { format!("{us:.1} µs") } else { time(us) }
}

fn latency(summary: &Summary) -> String {
    tables::latency(summary).map_or_else(
        || format!("{:NAME_LEN$} none, because there are no responses\n", "latency"),
        |(table, note)| table.to_text() + note,
    )
}

fn histogram(summary: &Summary) -> String {
    let most = summary.histogram.iter().map(|bar| bar.count).max().unwrap_or_default();
    // At most `BAR_LEN_MAX`, so the cast fits.
    let len =
        |bar: &HistogramBar| (ratio(bar.count as f64, most as f64) * BAR_LEN_MAX as f64).ceil() as usize;
    tables::histogram(summary).long("", |bar| "#".repeat(len(bar).min(BAR_LEN_MAX))).to_text()
}

fn urls(summary: &Summary) -> String {
    let (shown, others) = summary.urls.split_at(summary.urls.len().min(URLS_MAX));
    let more = match others.len() {
        0 => String::new(),
        more => format!("{more:>10} more (--format json has them)\n"),
    };
    tables::urls(shown).to_text() + &more
}

#[cfg(test)]
pub(super) mod tests;
