//! Text report of a search: outcome, steps, reasons of failure.
//!
//! Bars show only the bend of p99.

use crate::load::report::html::axis::extent;
use crate::load::report::table::Table;
use crate::load::report::tables::percentile;
use crate::load::report::text::{in_flight_text, lines};
use crate::load::search::bracket::SloVerdict;
use crate::load::search::curve::{Curve, RateStep};
use crate::text::units::{count, plural, rate, share, time};

const BAR_LEN_MAX: usize = 24;
const NAME_LEN: usize = 12;
pub(super) const PERCENTILES_SHOWN: [&str; 3] = ["p50", "p99", "p99.9"];

pub(super) const LATENCY_NOTE: &str = "Latency counts from when a request was due.";
pub(super) const SHORT_STEPS_NOTE: &str =
    "Steps this short do not show how busy the client was: it may have limited the rate.";

/// Text of a search.
pub fn text(curve: &Curve) -> String {
    let parts = [heading(curve), steps(curve), failed(curve)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn heading(curve: &Curve) -> String {
    let (connections, threads) = (plural(curve.concurrency, "connection"), plural(curve.threads, "thread"));
    let (steps, wall) = (plural(curve.steps.len() as u64, "step"), time(curve.wall_secs * 1e6));
    let in_flight = in_flight_text(curve.pipeline);
    lines(&[
        curve.target.clone(),
        format!("search in open loop, {connections}, {threads}, {steps}, {wall}{in_flight}"),
        curve.setup.summary_line(),
        String::new(),
        format!("{:NAME_LEN$} {}", "objective", curve.objective),
        format!("{:NAME_LEN$} {}", "found", curve.in_words()),
    ])
}

/// As in the page, which has more columns.
pub(super) fn steps_table(curve: &Curve) -> Table<'_, (usize, &RateStep)> {
    let doubt = |step: &RateStep| if step.has_enough_requests { "" } else { "*" };
    let mut table = Table::new("Steps", curve.by_rate())
        .number("rate", |(_, step)| rate(step.rate))
        .text(" verdict", |(_, step)| format!(" {}{}", step.slo_result.verdict, doubt(step)));
    for name in PERCENTILES_SHOWN {
        table = table.number(name, |(_, step)| percentile(step.latency.as_ref(), name));
    }
    table.number("errors", |(_, step)| share(step.error_share))
}

fn steps(curve: &Curve) -> String {
    if curve.steps.is_empty() {
        return String::new();
    }
    let ends = extent(curve.steps.iter().filter_map(p99_logarithm));
    let table = steps_table(curve)
        .long("p99", |(_, step)| p99_logarithm(step).map_or_else(String::new, |p99| bar(p99, ends)));
    let short = curve.has_short_steps().then(|| SHORT_STEPS_NOTE.to_owned());
    let bars = format!("{LATENCY_NOTE} The bars grow with the logarithm of p99.");
    let notes: Vec<_> = [few_requests_note(curve), short, Some(bars)].into_iter().flatten().collect();
    table.to_text() + &lines(&notes)
}

pub(super) fn few_requests_note(curve: &Curve) -> Option<String> {
    let is_few = curve.steps.iter().any(|step| !step.has_enough_requests);
    is_few.then(|| format!("* fewer than {} requests: the result may be chance", count(curve.requests_min)))
}

/// Bar of the logarithm of a p99, between the least and the most of all.
fn bar(p99: f64, (least, most): (f64, f64)) -> String {
    let share = if most > least { (p99 - least) / (most - least) } else { 0.0 };
    // At most `BAR_LEN_MAX`, so the cast fits.
    let len = 1 + (share * (BAR_LEN_MAX - 1) as f64).round() as usize;
    "#".repeat(len.min(BAR_LEN_MAX))
}

fn p99_logarithm(step: &RateStep) -> Option<f64> {
    step.percentile_us("p99").map(|us| us.max(1.0).log10())
}

fn failed(curve: &Curve) -> String {
    let reason = |step: &&RateStep| {
        let by = if step.slo_result.verdict == SloVerdict::ClientBound { "client-bound: " } else { "" };
        format!("{:>10} {by}{}\n", rate(step.rate), step.slo_result.reasons.join("; "))
    };
    match curve.failed().iter().map(reason).collect::<String>() {
        none if none.is_empty() => none,
        reasons => format!("reasons\n{reasons}"),
    }
}

#[cfg(test)]
mod tests;
