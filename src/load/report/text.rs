//! Text report: overview, values, explanations; an invalid verdict first.
//!
//! An open loop shows both latencies side by side.

use std::fmt::{self, Write};
use std::time::Duration;

use super::verdict::{describe_warning, in_words};
use crate::load::run_info::RunInfo;
use crate::load::stats::failure::FailureCounts;
use crate::load::stats::latency_histogram::HistogramBar;
use crate::load::stats::metric::statistics;
use crate::load::stats::spread::Spread;
use crate::load::stats::summary::{StatusCount, Summary, ratio};
use crate::text::units::{bytes, count, duration, plural, rate, share, time};

const BAR_LEN_MAX: usize = 40;
/// Listed URLs; other formats list all.
const URLS_MAX: usize = 20;
const NAME_LEN: usize = 12;

pub(super) const CLOSED_LOOP_NOTE: &str = "\
Closed loop: a connection sends its next request only after the response. During a stall no
requests are sent, so their waits are missing; use --rate.
";

pub(super) const CORRECTED_NOTE: &str =
    "Corrected: from when a request was due. Uncorrected: from when it was sent.";

/// Text of a run.
pub fn text(summary: &Summary) -> String {
    written(|out| write(out, summary))
}

pub(super) fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    write(&mut out).expect("a string takes all");
    out
}

fn write(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "{}\n{}\n{}", summary.info.target, asked(summary), setup_line(&summary.info))?;
    verdict(out, summary)?;
    totals(out, summary)?;
    latency(out, summary)?;
    bars(out, &summary.bars)?;
    statuses(out, summary)?;
    failures(out, "failed", &summary.failures)?;
    failures(out, "no connection", &summary.connect_failures)?;
    phases(out, summary)?;
    urls(out, summary)
}

pub(super) fn asked(summary: &Summary) -> String {
    let info = &summary.info;
    let pacing = match info.due {
        Some(due) => format!(
            "open loop ({}{}), {} due ({})",
            info.profile.schedule_text(),
            if info.merged.is_some() { " each" } else { "" },
            count(due),
            rate(ratio(due as f64, info.scheduled().as_secs_f64()))
        ),
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

fn verdict(out: &mut String, summary: &Summary) -> fmt::Result {
    if !summary.validity.is_valid() {
        writeln!(out, "\nINVALID: client-bound")?;
        for reason in &summary.validity.reasons {
            writeln!(out, "  {}", in_words(*reason))?;
        }
    }
    for warning in &summary.validity.warnings {
        writeln!(out, "\nNote: {}", describe_warning(warning))?;
    }
    Ok(())
}

fn totals(out: &mut String, summary: &Summary) -> fmt::Result {
    let totals = &summary.totals;
    let (sent, answered) = (count(totals.sent), count(totals.answered));
    let (failed, unfinished) = (count(totals.failed), count(totals.unfinished));
    let names = ["requests", "rate", "transfer", "errors", "client CPU"];
    let lines = [
        format!("{sent} sent = {answered} completed + {failed} failed + {unfinished} unfinished"),
        format!("{} (responses)", rate(summary.rate)),
        format!("{}, {}/s", bytes(summary.received_bytes as f64), bytes(summary.received_per_sec)),
        format!("{} ({})", share(summary.error_share), errors(summary)),
        client_cpu(summary),
    ];
    writeln!(out)?;
    for (name, line) in names.into_iter().zip(lines) {
        writeln!(out, "{name:NAME_LEN$} {line}")?;
    }
    Ok(())
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
    let waited = match summary.client.waited_share {
        Some(waited) => format!("; waited for a processor for {} of the time", share(waited)),
        None => String::new(),
    };
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

fn latency(out: &mut String, summary: &Summary) -> fmt::Result {
    let Some(corrected) = &summary.corrected else {
        return writeln!(out, "\nlatency      none, because there are no responses");
    };
    match &summary.uncorrected {
        Some(uncorrected) if summary.is_open_loop() => {
            writeln!(out, "\n{:NAME_LEN$} {:>10} {:>12}", "latency", "corrected", "uncorrected")?;
            for ((name, one), (_, other)) in statistics(*corrected).zip(statistics(*uncorrected)) {
                writeln!(out, "  {name:10} {:>10} {:>12}", time(one), time(other))?;
            }
            writeln!(out, "{CORRECTED_NOTE}")
        }
        _ => {
            writeln!(out, "\nlatency")?;
            for (name, value) in statistics(*corrected) {
                writeln!(out, "  {name:10} {:>10}", time(value))?;
            }
            out.write_str(CLOSED_LOOP_NOTE)
        }
    }
}

pub(in crate::load) fn percentile(latency: Option<&Spread>, name: &str) -> String {
    latency.and_then(|latency| latency.percentile_us(name)).map_or("-".to_owned(), |us| time(us as f64))
}

fn bars(out: &mut String, bars: &[HistogramBar]) -> fmt::Result {
    let Some(most) = bars.iter().map(|bar| bar.count).max() else { return Ok(()) };
    let total: u64 = bars.iter().map(|bar| bar.count).sum();
    writeln!(out, "\n{:NAME_LEN$} {:>10}", "histogram", "requests")?;
    for bar in bars {
        // At most `BAR_LEN_MAX`, so the cast fits.
        let len = (ratio(bar.count as f64, most as f64) * BAR_LEN_MAX as f64).ceil() as usize;
        let line = "#".repeat(len.min(BAR_LEN_MAX));
        let part = share(ratio(bar.count as f64, total as f64));
        let end = time(bar.to_us as f64).replace(".00 ", " ").replace(".0 ", " ");
        let line = format!("  {:10} {:>10} {part:>8} {line}", format!("to {end}"), count(bar.count));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn statuses(out: &mut String, summary: &Summary) -> fmt::Result {
    if !summary.statuses.is_empty() {
        writeln!(out, "\nstatus codes")?;
    }
    for StatusCount { status, count: number } in &summary.statuses {
        let part = share(ratio(*number as f64, summary.totals.answered as f64));
        writeln!(out, "  {status:<10} {:>10} {part:>8}", count(*number))?;
    }
    Ok(())
}

fn failures(out: &mut String, heading: &str, failures: &FailureCounts) -> fmt::Result {
    if failures.total() > 0 {
        writeln!(out, "\n{heading}")?;
    }
    for (failure, number) in failures.seen() {
        writeln!(out, "  {failure:17} {:>9}  {}", count(number), failure.describe())?;
    }
    Ok(())
}

pub(super) fn phase_spreads(
    summary: &Summary,
) -> impl Iterator<Item = (&'static str, &Spread, &'static str)> {
    let phases = [
        ("connect", &summary.connect, "the time to open a connection"),
        ("TLS full", &summary.tls_full, "full TLS handshakes"),
        ("TLS resumed", &summary.tls_resumed, "TLS handshakes that resumed a session"),
        ("first byte", &summary.first_byte, "from sending to the first byte of the response"),
        ("client's lag", &summary.lag, "from when a request was due until it was sent"),
    ];
    phases.into_iter().filter_map(|(name, spread, meaning)| Some((name, spread.as_ref()?, meaning)))
}

fn phases(out: &mut String, summary: &Summary) -> fmt::Result {
    let mut seen = phase_spreads(summary).peekable();
    if seen.peek().is_some() {
        writeln!(
            out,
            "\n{:NAME_LEN$} {:>10} {:>10} {:>10} {:>10} {:>10}",
            "phases", "times", "mean", "p50", "p99", "max"
        )?;
    }
    for (name, spread, _) in seen {
        let [p50, p99] = ["p50", "p99"].map(|name| percentile(Some(spread), name));
        let (times, mean, max) = (count(spread.count), time(spread.mean_us), time(spread.max_us as f64));
        writeln!(out, "{name:NAME_LEN$} {times:>10} {mean:>10} {p50:>10} {p99:>10} {max:>10}")?;
    }
    Ok(())
}

fn urls(out: &mut String, summary: &Summary) -> fmt::Result {
    if summary.urls.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:>10} {:>10} {:>8} {:>10} {:>10}  URL",
        "completed", "400 and up", "failed", "p50", "p99"
    )?;
    for url in summary.urls.iter().take(URLS_MAX) {
        let [p50, p99] = ["p50", "p99"].map(|name| percentile(url.latency.as_ref(), name));
        let [answered, bad, failed] = [url.answered, url.bad_statuses, url.failed].map(count);
        writeln!(out, "{answered:>10} {bad:>10} {failed:>8} {p50:>10} {p99:>10}  {}", url.url)?;
    }
    match summary.urls.len().saturating_sub(URLS_MAX) {
        0 => Ok(()),
        more => writeln!(out, "{more:>10} more (--format json has them)"),
    }
}

#[cfg(test)]
pub(super) mod tests;
