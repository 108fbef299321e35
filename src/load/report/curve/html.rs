//! HTML report of a search.
//!
//! If one rate has two steps, the chart shows the deciding one, the table both.

use super::text::{LATENCY_NOTE, PERCENTILES_SHOWN, SHORT_STEPS_NOTE, few_requests_note, steps_table};
use crate::load::report::html::axis::{Axis, AxisUnit, extent};
use crate::load::report::html::chart::{Chart, ChartDot, ChartLine, ChartMark};
use crate::load::report::html::{banner, began, header, page, section};
use crate::load::report::table::{escaped, list};
use crate::load::search::bracket::SearchEnd;
use crate::load::search::curve::{Curve, RateStep};
use crate::text::units::{count, rate, share, time};

/// HTML of a search.
pub(super) fn html(curve: &Curve) -> String {
    let chart = chart(curve).map_or_else(String::new, |chart| chart.figure());
    let words = format!("the highest rate that meets {}", curve.objective);
    let header = header("Rate search", &curve.target, &words, curve.started_unix_secs);
    let main = [
        answer(curve),
        section("The curve", &format!("{chart}{}", note(curve))),
        section("Steps", &steps(curve)),
        section("Settings", &settings(curve)),
    ];
    page(&format!("{}: {} - rate search", curve.target, curve.answer.end), &header, &main.concat())
}

fn answer(curve: &Curve) -> String {
    let (class, name) = match curve.answer.end {
        SearchEnd::Found => ("good", "Found"),
        SearchEnd::ClientBound => ("note", "The client reached its limit"),
        SearchEnd::NotMet => ("bad", "Not met"),
        SearchEnd::Interrupted => ("note", "Interrupted"),
    };
    let short_steps = if curve.has_short_steps() { format!(" {SHORT_STEPS_NOTE}") } else { String::new() };
    banner(class, name, &escaped(&format!("{}.{short_steps}", curve.in_words())), "")
}

fn chart(curve: &Curve) -> Option<Chart> {
    let steps = curve.deciding_steps();
    let limit = curve.latency_limit.as_ref();
    let (first, last) = (steps.first()?.rate, steps.last()?.rate);
    let percentiles = |step: &&RateStep| PERCENTILES_SHOWN.map(|name| step.percentile_us(name));
    let times: Vec<f64> = steps.iter().flat_map(percentiles).flatten().collect();
    times.first()?;
    let (low, high) = extent(times.into_iter().chain(limit.map(|(_, us)| *us)));
    let mut lines = PERCENTILES_SHOWN.map(|name| line(name, &steps)).to_vec();
    if let Some((clause, us)) = limit {
        let points = vec![Some((first, *us)), Some((last, *us))];
        lines.push(ChartLine { name: format!("objective: {clause}"), points, ..ChartLine::default() });
    }
    let (found, above) = (curve.answer.rate_per_sec, curve.answer.above_per_sec);
    let mark =
        |at: Option<f64>, words: &str| at.map(|at| ChartMark { at, name: format!("{} {words}", rate(at)) });
    let beyond = if curve.answer.end == SearchEnd::ClientBound { "client's limit" } else { "misses" };
    Some(Chart {
        id: "latency-by-rate",
        title: "Latency by rate",
        description: curve.in_words(),
        x: Axis::fitting("requests per second", first, (first, last), AxisUnit::Count),
        y: Axis::logarithmic("latency", low, high, AxisUnit::Time),
        lines,
        marks: [mark(found, "meets"), mark(above, beyond)].into_iter().flatten().collect(),
    })
}

fn line(name: &str, steps: &[&RateStep]) -> ChartLine {
    let points: Vec<_> = steps.iter().map(|step| Some((step.rate, step.percentile_us(name)?))).collect();
    let tooltip = |x, y| format!("{name} at {}: {}", rate(x), time(y));
    let dots = points.iter().flatten().map(|&(x, y)| ChartDot { x, y, tooltip: tooltip(x, y) }).collect();
    ChartLine { name: name.to_owned(), dots, points, is_filled: false }
}

fn note(curve: &Curve) -> String {
    if curve.steps.is_empty() {
        return "<p>No step was run.</p>\n".to_owned();
    }
    format!("<p class=\"aside\">{}</p>\n", escaped(LATENCY_NOTE))
}

fn steps(curve: &Curve) -> String {
    let few = few_requests_note(curve).map(|note| format!("<p class=\"aside\">{}</p>\n", escaped(&note)));
    let table = steps_table(curve)
        .number("step", |(number, _)| number.to_string())
        .number("responses", |(_, step)| rate(step.answers_per_sec))
        .number("client's CPU", |(_, step)| share(step.client_cpu_share_max))
        .long("reason", |(_, step)| step.slo_result.reasons.join("; "));
    table.to_html() + &few.unwrap_or_default()
}

fn settings(curve: &Curve) -> String {
    let mut entries = vec![
        ("target", curve.target.clone()),
        ("URLs", count(curve.urls)),
        ("objective", curve.objective.clone()),
        ("requests needed per step", count(curve.requests_min)),
        ("connections", count(curve.concurrency)),
        ("requests in flight per connection", count(curve.pipeline)),
        ("threads", count(curve.threads)),
    ];
    entries.extend(curve.setup.entries().into_iter().filter(|(_, value)| !value.is_empty()));
    entries.extend([("duration", time(curve.wall_secs * 1e6)), ("started", began(curve.started_unix_secs))]);
    list(&entries)
}

#[cfg(test)]
mod tests;
