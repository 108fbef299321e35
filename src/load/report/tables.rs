//! Tables that the text and the HTML of a run share.
//!
//! Every number is the summary's.

use super::table::Table;
use crate::load::stats::failure::{FailureCounts, LoadFailure};
use crate::load::stats::latency_histogram::HistogramBar;
use crate::load::stats::spread::Spread;
use crate::load::stats::summary::{StatusCount, Summary, UrlSummary, ratio};
use crate::text::units::{bytes, count, share, time};

/// Name and value, and the uncorrected value.
type LatencyRow = (&'static str, f64, f64);
/// Name, times and meaning.
type PhaseRow<'a> = (&'static str, &'a Spread, &'static str);

const CLOSED_LOOP_NOTE: &str = "\
Closed loop: a connection sends its next request only after the response. During a stall no
requests are sent, so their waits are missing; use --rate.
";

const CORRECTED_NOTE: &str = "Corrected: from when a request was due. Uncorrected: from when it was sent.\n";

/// With a note; `None` without responses.
pub(super) fn latency(summary: &Summary) -> Option<(Table<'_, LatencyRow>, &'static str)> {
    let (corrected, uncorrected) =
        (summary.corrected?, summary.uncorrected.filter(|_| summary.is_open_loop()));
    let lines = |spread: Spread| spread.statistics().chain([("std. deviation", spread.stdev_us)]);
    let others = lines(uncorrected.unwrap_or(corrected));
    let rows = lines(corrected).zip(others).map(|((name, us), (_, other_us))| (name, us, other_us));
    let table = Table::new("Latency", rows.collect()).text("latency", |(name, ..)| (*name).to_owned());
    let name = if uncorrected.is_some() { "corrected" } else { "time" };
    let table = table.number(name, |(_, us, _)| time(*us));
    Some(match uncorrected {
        Some(_) => (table.number("uncorrected", |(.., us)| time(*us)), CORRECTED_NOTE),
        None => (table, CLOSED_LOOP_NOTE),
    })
}

pub(crate) fn percentile(latency: Option<&Spread>, name: &str) -> String {
    latency.and_then(|latency| latency.statistic(name)).map_or("-".to_owned(), time)
}

pub(super) fn histogram(summary: &Summary) -> Table<'_, &HistogramBar> {
    let total: u64 = summary.histogram.iter().map(|bar| bar.count).sum();
    Table::new("Histogram", summary.histogram.iter().collect())
        .number("above", |bar| time(bar.above_us as f64))
        .number("up to", |bar| time(bar.to_us as f64))
        .number("requests", |bar| count(bar.count))
        .number("share", |bar| share(ratio(bar.count as f64, total as f64)))
}

pub(super) fn status_codes(summary: &Summary) -> Table<'_, &StatusCount> {
    let part = |number: u64| share(ratio(number as f64, summary.totals.answered as f64));
    Table::new("Status codes", summary.statuses.iter().collect())
        .text("status", |its| its.status.to_string())
        .number("responses", |its| count(its.count))
        .number("share", |its| part(its.count))
}

/// Of requests, then of connections.
pub(super) fn failures(summary: &Summary) -> [Table<'static, (LoadFailure, u64)>; 2] {
    let table = |caption, failed, failures: &FailureCounts| {
        Table::new(caption, failures.seen().collect())
            .text("failure", |(failure, _)| failure.to_string())
            .number(failed, |(_, number)| count(*number))
            .long("meaning", |(failure, _)| failure.describe().to_owned())
    };
    [
        table("Failed requests", "requests", &summary.failures),
        table("Failed connections", "connections", &summary.connect_failures),
    ]
}

/// The page has room for the meanings.
pub(super) fn phases(summary: &Summary) -> Table<'_, PhaseRow<'_>> {
    let phases = [
        ("connect", &summary.connect, "the time to open a connection"),
        ("TLS full", &summary.tls_full, "full TLS handshakes"),
        ("TLS resumed", &summary.tls_resumed, "TLS handshakes that resumed a session"),
        ("first byte", &summary.first_byte, "from sending to the first byte of the response"),
        ("client's lag", &summary.lag, "from when a request was due until it was sent"),
    ];
    let seen =
        phases.into_iter().filter_map(|(name, spread, meaning)| Some((name, spread.as_ref()?, meaning)));
    Table::new("Phases", seen.collect())
        .text("phase", |(name, ..)| (*name).to_owned())
        .number("times", |(_, spread, _)| count(spread.count))
        .number("mean", |(_, spread, _)| time(spread.mean_us))
        .number("p50", |(_, spread, _)| percentile(Some(spread), "p50"))
        .number("p99", |(_, spread, _)| percentile(Some(spread), "p99"))
        .number("max", |(_, spread, _)| time(spread.max_us as f64))
}

pub(super) fn urls(urls: &[UrlSummary]) -> Table<'_, &UrlSummary> {
    let max = |spread: &Spread| time(spread.max_us as f64);
    Table::new("URLs", urls.iter().collect())
        .long("URL", |url| url.url.clone())
        .number("completed", |url| count(url.answered))
        .number("400 or above", |url| count(url.bad_statuses))
        .number("failed", |url| count(url.failed))
        .number("received", |url| bytes(url.received_bytes as f64))
        .number("p50", |url| percentile(url.latency.as_ref(), "p50"))
        .number("p99", |url| percentile(url.latency.as_ref(), "p99"))
        .number("max", |url| url.latency.as_ref().map_or("-".to_owned(), max))
}
