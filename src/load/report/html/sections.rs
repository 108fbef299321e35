//! Texts and tables of the run page, as in the text report.
//!
//! The verdict comes first. Every number is the summary's.

use super::plots::slice_period;
use super::table::{Table, list, tile};
use super::{banner, began, escaped, section};
use crate::load::report::text::{
    CLOSED_LOOP_NOTE, CORRECTED_NOTE, cpu_per_answer, errors, percentile, phase_spreads,
};
use crate::load::report::verdict::{describe_warning, in_words};
use crate::load::stats::failure::FailureCounts;
use crate::load::stats::metric::statistics;
use crate::load::stats::spread::Spread;
use crate::load::stats::summary::{Summary, ratio};
use crate::text::units::{bytes, count, duration, rate, share, time};

pub(super) fn verdict(summary: &Summary) -> String {
    let validity = &summary.validity;
    let reasons = validity.reasons.iter().map(|reason| format!("<li>{}</li>\n", escaped(&in_words(*reason))));
    let reasons = reasons.collect::<String>();
    let verdict = match (validity.is_valid(), summary.totals.answered) {
        (false, _) => {
            let list = format!("<ul>\n{reasons}</ul>\n");
            banner("bad", "INVALID: client-bound", "The run measured the client, not the server.", &list)
        }
        (true, 0) => {
            let words = "No response came, so there are no metrics of the server.";
            banner("bad", "No responses", words, "")
        }
        (true, _) => banner("good", "Valid", "No metric shows that the client was the bottleneck.", ""),
    };
    let note = |warning| banner("note", "Note", &escaped(&describe_warning(warning)), "");
    format!("{verdict}{}", validity.warnings.iter().map(note).collect::<String>())
}

pub(super) fn tiles(summary: &Summary) -> String {
    let totals = &summary.totals;
    let (answered, failed) = (count(totals.answered), count(totals.failed));
    let sum = format!("= {answered} completed + {failed} failed + {} unfinished", count(totals.unfinished));
    let tiles = [
        tile("rate", &rate(summary.rate), &format!("{answered} responses")),
        percentile_tile(summary, "p50", "half took no longer"),
        percentile_tile(summary, "p99", "one in 100 took longer"),
        percentile_tile(summary, "p99.9", "one in 1,000 took longer"),
        tile("errors", &share(summary.error_share), &errors(summary)),
        tile("requests", &count(totals.sent), &sum),
        tile(
            "received",
            &format!("{}/s", bytes(summary.received_per_sec)),
            &format!("{} in total", bytes(summary.received_bytes as f64)),
        ),
        tile(
            "client's CPU",
            &share(summary.client.cpu_share),
            &cpu_per_answer(summary)
                .map_or_else(|| "no responses".to_owned(), |each| format!("{each} a response")),
        ),
    ];
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.concat())
}

fn percentile_tile(summary: &Summary, name: &str, meaning: &str) -> String {
    let of = |spread: &Option<Spread>| Some(time(spread.as_ref()?.percentile_us(name)? as f64));
    let words = match of(&summary.uncorrected) {
        Some(uncorrected) if summary.is_open_loop() => format!("uncorrected {uncorrected}"),
        _ if summary.corrected.is_some() => meaning.to_owned(),
        _ => String::new(),
    };
    tile(&format!("latency {name}"), &of(&summary.corrected).unwrap_or("none".to_owned()), &words)
}

pub(super) fn latency(summary: &Summary, chart: &str) -> String {
    let Some(corrected) = &summary.corrected else {
        return "<p>There is none, because there are no responses.</p>\n".to_owned();
    };
    let lines = |spread: &Spread| statistics(*spread).chain([("std. deviation", spread.stdev_us)]);
    let name = |((name, _), _): &((&str, f64), (&str, f64))| (*name).to_owned();
    let table =
        |other| Table::new("Latency", lines(corrected).zip(lines(other)).collect()).text("latency", name);
    let (table, words) = match &summary.uncorrected {
        Some(uncorrected) if summary.is_open_loop() => {
            let table = table(uncorrected).number("corrected", |((_, us), _)| time(*us));
            (table.number("uncorrected", |(_, (_, us))| time(*us)), CORRECTED_NOTE)
        }
        _ => (table(corrected).number("time", |((_, us), _)| time(*us)), CLOSED_LOOP_NOTE),
    };
    let table = table.to_html();
    // The line ends are for terminals.
    let words = escaped(&words.split_whitespace().collect::<Vec<_>>().join(" "));
    format!("<div class=\"beside\">\n{chart}{table}</div>\n<p class=\"aside\">{words}</p>\n")
}

pub(super) fn bars(summary: &Summary) -> String {
    let total: u64 = summary.bars.iter().map(|bar| bar.count).sum();
    let table = Table::new("Histogram", summary.bars.iter().collect())
        .number("above", |bar| time(bar.from_us as f64))
        .number("up to", |bar| time(bar.to_us as f64))
        .number("requests", |bar| count(bar.count))
        .number("share", |bar| share(ratio(bar.count as f64, total as f64)))
        .to_html();
    details("Table of the histogram", &table)
}

fn details(summary: &str, table: &str) -> String {
    if table.is_empty() {
        return String::new();
    }
    format!("<details>\n<summary>{}</summary>\n{table}</details>\n", escaped(summary))
}

pub(super) fn slices(summary: &Summary) -> String {
    let us = |us: u64| if us == 0 { "-".to_owned() } else { time(us as f64) };
    let table = Table::new("Slices of the run", summary.slices.iter().collect())
        .text("time", |slice| slice_period(slice))
        .number("rate", |slice| rate(slice.rate))
        .number("p50", |slice| us(slice.p50_us))
        .number("p99", |slice| us(slice.p99_us))
        .number("failed", |slice| count(slice.failed))
        .number("400 or above", |slice| count(slice.bad_statuses))
        .number("received", |slice| bytes(slice.received_bytes as f64))
        .to_html();
    if table.is_empty() {
        return "<p>Nothing was recorded.</p>\n".to_owned();
    }
    details("Table of the slices", &table)
}

pub(super) fn status_codes(summary: &Summary) -> String {
    let part = |number: u64| share(ratio(number as f64, summary.totals.answered as f64));
    let table = Table::new("Status codes", summary.statuses.iter().collect())
        .text("status", |its| its.status.to_string())
        .number("responses", |its| count(its.count))
        .number("share", |its| part(its.count))
        .long("meaning", |its| status_class(its.status).to_owned())
        .to_html();
    section("Status codes", &table)
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "informational",
        2 => "successful",
        3 => "redirection",
        4 => "client error: the request was refused",
        5 => "server error: the server failed",
        _ => "no meaning",
    }
}

pub(super) fn failures(summary: &Summary) -> String {
    let tables = [
        failure_table("Failed requests", "requests", &summary.failures),
        failure_table("Failed connections", "connections", &summary.connect_failures),
    ];
    match tables.concat() {
        none if none.is_empty() => none,
        tables => section("Failures", &format!("<div>\n{tables}</div>\n")),
    }
}

fn failure_table(caption: &str, what: &'static str, failures: &FailureCounts) -> String {
    Table::new(caption, failures.seen().collect())
        .text("failure", |(failure, _)| failure.to_string())
        .number(what, |(_, number)| count(*number))
        .long("meaning", |(failure, _)| failure.describe().to_owned())
        .to_html()
}

pub(super) fn phases(summary: &Summary) -> String {
    let table = Table::new("Phases", phase_spreads(summary).collect())
        .text("phase", |(name, _, _)| (*name).to_owned())
        .number("times", |(_, spread, _)| count(spread.count))
        .number("mean", |(_, spread, _)| time(spread.mean_us))
        .number("p50", |(_, spread, _)| percentile(Some(spread), "p50"))
        .number("p99", |(_, spread, _)| percentile(Some(spread), "p99"))
        .number("max", |(_, spread, _)| time(spread.max_us as f64))
        .long("meaning", |(_, _, words)| (*words).to_owned())
        .to_html();
    section("Phases", &table)
}

pub(super) fn urls(summary: &Summary) -> String {
    let max = |spread: &Spread| time(spread.max_us as f64);
    let table = Table::new("URLs", summary.urls.iter().collect())
        .long("URL", |url| url.url.clone())
        .number("completed", |url| count(url.answered))
        .number("400 or above", |url| count(url.bad_statuses))
        .number("failed", |url| count(url.failed))
        .number("received", |url| bytes(url.received_bytes as f64))
        .number("p50", |url| percentile(url.latency.as_ref(), "p50"))
        .number("p99", |url| percentile(url.latency.as_ref(), "p99"))
        .number("max", |url| url.latency.as_ref().map_or("-".to_owned(), max))
        .to_html();
    section("URLs", &table)
}

pub(super) fn settings(summary: &Summary) -> String {
    let info = &summary.info;
    let pacing = match info.due {
        Some(due) => {
            let due_rate = rate(ratio(due as f64, info.scheduled().as_secs_f64()));
            format!("open: a schedule, {} due ({due_rate})", count(due))
        }
        None => "closed: after the previous response".to_owned(),
    };
    let end = match (info.was_interrupted, info.gave_up) {
        (true, _) => "by a signal",
        (_, true) => "given up",
        _ => "as planned",
    };
    let mut entries = vec![("target", info.target.clone()), ("loop", pacing)];
    if !info.urls.is_empty() {
        entries.push(("URLs", count(info.urls.len() as u64)));
    }
    entries.extend([
        ("connections", count(info.concurrency)),
        ("requests in flight per connection", count(info.pipeline)),
        ("threads", count(info.threads)),
    ]);
    let told = info.profile.entries().into_iter().chain(info.setup.entries());
    entries.extend(told.filter(|(_, value)| !value.is_empty()));
    entries.extend([
        ("duration", duration(info.wall)),
        ("started", began(summary.info.started_unix_secs)),
        ("end", end.to_owned()),
    ]);
    let client = [
        ("CPU time", duration(info.cpu_usage.cpu)),
        ("CPU", share(summary.client.cpu_share)),
        ("CPU of the busiest thread", share(summary.client.cpu_share_max)),
        ("CPU time per response", cpu_per_answer(summary).unwrap_or_else(|| "no responses".to_owned())),
        ("waited for a processor", summary.client.waited_share.map_or("not known".to_owned(), share)),
        ("CPU and waiting of the busiest thread", share(summary.client.wanted_share_max)),
        ("requests sent again", count(summary.totals.resent)),
        ("connections closed for unsolicited bytes", count(summary.unasked)),
    ];
    format!(
        "<div class=\"pair\">\n{}{}</div>\n",
        section("Settings", &list(&entries)),
        section("Client", &list(&client))
    )
}
