//! HTML report: one page without other files, network or script.
//!
//! Tables and tiles repeat every chart, for readers who cannot see it.

pub(crate) mod axis;
pub(crate) mod chart;
mod plots;
mod sections;
pub(crate) mod ticks;

use super::table::escaped;
use super::tables;
use super::text::asked;
use crate::http::imf_fixdate;
use crate::load::stats::summary::Summary;
use chart::Chart;

const STYLE: &str = include_str!("html/style.css");

/// HTML of a run.
pub(super) fn html(summary: &Summary) -> String {
    let latency = [
        sections::latency(summary, &figure(plots::curve(summary))),
        sections::details("Histogram", &tables::histogram(summary).to_html()),
    ];
    let course = [
        "<div class=\"pair\">\n".to_owned(),
        figure(plots::rates(summary)),
        figure(plots::latencies(summary)),
        "</div>\n".to_owned(),
        sections::slices(summary),
    ];
    let header = header("Load report", &summary.info.target, &asked(summary), summary.info.started_unix_secs);
    let main = [
        sections::verdict(summary),
        sections::tiles(summary),
        section("Latency", &latency.concat()),
        section("Over time", &course.concat()),
        section("Status codes", &tables::status_codes(summary).to_html()),
        sections::failures(summary),
        sections::phases(summary),
        section("URLs", &tables::urls(&summary.urls).to_html()),
        sections::settings(summary),
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

#[cfg(test)]
pub(super) mod tests;
