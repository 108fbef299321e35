//! HTML report: one page without other files, network or script.
//!
//! Tables and tiles repeat every chart, for readers who cannot see it.

pub(crate) mod axis;
pub(crate) mod chart;
mod plots;

use super::table::{Table, escaped, list, tile};
use super::tables;
use super::text::{asked, cpu_per_answer, due_text, errors};
use crate::http::imf_fixdate;
use crate::load::stats::spread::Spread;
use crate::load::stats::summary::Summary;
use crate::load::stats::validity::Finding;
use crate::text::units::{bytes, count, duration, rate, share, time};
use chart::Chart;
use plots::slice_period;

const STYLE: &str = include_str!("html/style.css");

/// HTML of a run.
pub(super) fn html(summary: &Summary) -> String {
    let latency = [
        latency(summary, &figure(plots::curve(summary))),
        details("Histogram", &tables::histogram(summary).to_html()),
    ];
    let course = [
        "<div class=\"pair\">\n".to_owned(),
        figure(plots::rates(summary)),
        figure(plots::latencies(summary)),
        "</div>\n".to_owned(),
        slices(summary),
    ];
    let header = header("Load report", &summary.info.target, &asked(summary), summary.info.started_unix_secs);
    let main = [
        verdict(summary),
        tiles(summary),
        section("Latency", &latency.concat()),
        section("Over time", &course.concat()),
        section("Status codes", &tables::status_codes(summary).to_html()),
        failures(summary),
        phases(summary),
        section("URLs", &tables::urls(&summary.urls).to_html()),
        settings(summary),
    ];
    let verdict = if summary.validity.is_valid() { "" } else { "INVALID: client-bound - " };
    page(&format!("{verdict}{} - load report", summary.info.target), &header, &main.concat())
}

fn figure(chart: Option<Chart>) -> String {
    chart.map_or_else(String::new, |chart| chart.figure())
}

/// `kind` is HTML, the rest is text.
pub(crate) fn header(kind: &str, title: &str, words: &str, started_unix_secs: u64) -> String {
    let [title, words, began] = [title, words, &began(started_unix_secs)].map(escaped);
    format!(
        "<header>\n<p class=\"kind\">{kind}</p>\n<h1>{title}</h1>\n<p>{words}</p>\n<p>started \
         {began}</p>\n</header>\n"
    )
}

/// `words` and `more` are HTML.
pub(crate) fn banner(class: &str, name: &str, words: &str, more: &str) -> String {
    format!("<div class=\"verdict {class}\">\n<p><strong>{name}</strong> {words}</p>\n{more}</div>\n")
}

/// Empty without `content`, which is HTML.
pub(crate) fn section(heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escaped(heading))
}

pub(crate) fn began(unix_secs: u64) -> String {
    String::from_utf8_lossy(&imf_fixdate(unix_secs)).into_owned()
}

/// `header` and `main` are HTML, `title` is text.
pub(crate) fn page(title: &str, header: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n{header}<main>\n{main}</main>\n<footer>\n<p>reactor-client {}. Times have three digits, from 1 µs to 1 h.\
         </p>\n</footer>\n</body>\n</html>\n",
        escaped(title),
        env!("CARGO_PKG_VERSION")
    )
}

fn verdict(summary: &Summary) -> String {
    let validity = &summary.validity;
    let (class, name, words) = match (validity.is_valid(), summary.totals.answered) {
        (false, _) => ("bad", "INVALID: client-bound", "The run measured the client, not the server."),
        (true, 0) => ("bad", "No responses", "No response came, so there are no metrics of the server."),
        (true, _) => ("good", "Valid", "No metric shows that the client was the bottleneck."),
    };
    let reason = |reason: &Finding| format!("<li>{}</li>\n", escaped(&reason.meaning));
    let reasons = match validity.reasons.iter().map(reason).collect::<String>() {
        none if none.is_empty() => none,
        reasons => format!("<ul>\n{reasons}</ul>\n"),
    };
    let note = |warning: &Finding| banner("note", "Note", &escaped(&warning.meaning), "");
    banner(class, name, words, &reasons) + &validity.warnings.iter().map(note).collect::<String>()
}

fn tiles(summary: &Summary) -> String {
    let totals = &summary.totals;
    let (answered, failed) = (count(totals.answered), count(totals.failed));
    let sum = format!("= {answered} completed + {failed} failed + {} unfinished", count(totals.unfinished));
    let received = format!("{} in total", bytes(summary.received_bytes as f64));
    let each = cpu_per_answer(summary).map(|each| format!("{each} a response"));
    let each = each.unwrap_or_else(|| "no responses".to_owned());
    let tiles = [
        tile("rate", &rate(summary.rate), &format!("{answered} responses")),
        percentile_tile(summary, "p50", "half took no longer"),
        percentile_tile(summary, "p99", "one in 100 took longer"),
        percentile_tile(summary, "p99.9", "one in 1,000 took longer"),
        tile("errors", &share(summary.error_share), &errors(summary)),
        tile("requests", &count(totals.sent), &sum),
        tile("received", &format!("{}/s", bytes(summary.received_bytes_per_sec)), &received),
        tile("client's CPU", &share(summary.client.cpu_share), &each),
    ];
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.concat())
}

fn percentile_tile(summary: &Summary, name: &str, meaning: &str) -> String {
    let of = |spread: &Option<Spread>| Some(time(spread.as_ref()?.statistic(name)?));
    let words = match of(&summary.uncorrected) {
        Some(uncorrected) if summary.is_open_loop() => format!("uncorrected {uncorrected}"),
        _ if summary.corrected.is_some() => meaning.to_owned(),
        _ => String::new(),
    };
    tile(&format!("latency {name}"), &of(&summary.corrected).unwrap_or("none".to_owned()), &words)
}

fn latency(summary: &Summary, chart: &str) -> String {
    let Some((table, note)) = tables::latency(summary) else {
        return "<p>There is none, because there are no responses.</p>\n".to_owned();
    };
    // The line ends are for terminals.
    let note = escaped(&note.split_whitespace().collect::<Vec<_>>().join(" "));
    format!("<div class=\"beside\">\n{chart}{}</div>\n<p class=\"aside\">{note}</p>\n", table.to_html())
}

fn details(summary: &str, table: &str) -> String {
    if table.is_empty() {
        return String::new();
    }
    format!("<details>\n<summary>{}</summary>\n{table}</details>\n", escaped(summary))
}

fn slices(summary: &Summary) -> String {
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

fn failures(summary: &Summary) -> String {
    match tables::failures(summary).map(|table| table.to_html()).concat() {
        none if none.is_empty() => none,
        tables => section("Failures", &format!("<div>\n{tables}</div>\n")),
    }
}

fn phases(summary: &Summary) -> String {
    let table = tables::phases(summary).long("meaning", |(.., meaning)| (*meaning).to_owned());
    section("Phases", &table.to_html())
}

fn settings(summary: &Summary) -> String {
    let info = &summary.info;
    let open = due_text(info).map(|due| format!("open: a schedule, {due}"));
    let pacing = open.unwrap_or_else(|| "closed: after the previous response".to_owned());
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
        ("started", began(info.started_unix_secs)),
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
        ("connections closed for unsolicited bytes", count(summary.unasked_connections)),
    ];
    let (settings, client) = (section("Settings", &list(&entries)), section("Client", &list(&client)));
    format!("<div class=\"pair\">\n{settings}{client}</div>\n")
}

#[cfg(test)]
pub(super) mod tests;
