//! Text report of a search: outcome, steps, reasons of failure.
//!
//! Bars show only the bend of p99.

use std::fmt::{self, Write};

use crate::load::report::text::{in_flight_text, percentile, written};
use crate::load::search::bracket::SloVerdict;
use crate::load::search::curve::{Curve, RateStep};
use crate::text::units::{count, duration, plural, rate, share};

const BAR_LEN_MAX: usize = 24;
const NAME_LEN: usize = 12;

pub(super) const LATENCY_NOTE: &str = "Latency counts from when a request was due.";
pub(super) const SHORT_STEPS_NOTE: &str =
    "Steps this short do not show how busy the client was: it may have limited the rate.";

/// Text of a search.
pub fn text(curve: &Curve) -> String {
    written(|out| heading(out, curve).and(steps(out, curve)).and(failed(out, curve)))
}

fn heading(out: &mut String, curve: &Curve) -> fmt::Result {
    writeln!(out, "{}", curve.target)?;
    let (connections, threads) = (plural(curve.concurrency, "connection"), plural(curve.threads, "thread"));
    let (steps, wall) = (plural(curve.steps.len() as u64, "step"), duration(curve.wall));
    let in_flight = in_flight_text(curve.pipeline);
    writeln!(out, "search in open loop, {connections}, {threads}, {steps}, {wall}{in_flight}")?;
    writeln!(out, "{}\n\n{:NAME_LEN$} {}", curve.setup.summary_line(), "objective", curve.objective)?;
    writeln!(out, "{:NAME_LEN$} {}", "found", curve.in_words())
}

fn steps(out: &mut String, curve: &Curve) -> fmt::Result {
    if curve.steps.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:>12} {:>10} {:>10} {:>10} {:>8}  {:13} p99",
        "rate", "p50", "p99", "p99.9", "errors", "verdict"
    )?;
    let logarithms = curve.steps.iter().filter_map(p99_logarithm);
    let ends =
        logarithms.fold((f64::INFINITY, 0.0_f64), |(least, most), p99| (least.min(p99), most.max(p99)));
    for (_, step) in curve.by_rate() {
        let [p50, p99, rarest] = ["p50", "p99", "p99.9"].map(|name| percentile(step.latency.as_ref(), name));
        let (errors, verdict) = (share(step.error_share), verdict(step));
        let (rate, bar) =
            (rate(step.rate), p99_logarithm(step).map_or_else(String::new, |p99| bar(p99, ends)));
        let line = format!("{rate:>12} {p50:>10} {p99:>10} {rarest:>10} {errors:>8}  {verdict:13} {bar}");
        writeln!(out, "{}", line.trim_end())?;
    }
    if curve.steps.iter().any(|step| !step.has_enough_requests) {
        writeln!(out, "{}", few_requests_note(curve))?;
    }
    if curve.has_short_steps() {
        writeln!(out, "{SHORT_STEPS_NOTE}")?;
    }
    writeln!(out, "{LATENCY_NOTE} The bars grow with the logarithm of p99.")
}

pub(super) fn few_requests_note(curve: &Curve) -> String {
    format!("* fewer than {} requests: the result may be chance", count(curve.requests_min))
}

/// A star means too few requests.
pub(super) fn verdict(step: &RateStep) -> String {
    format!("{}{}", step.slo_result.verdict, if step.has_enough_requests { "" } else { "*" })
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

fn failed(out: &mut String, curve: &Curve) -> fmt::Result {
    let failed = curve.failed();
    if !failed.is_empty() {
        writeln!(out, "\nreasons")?;
    }
    for step in failed {
        let by = if step.slo_result.verdict == SloVerdict::ClientBound { "client-bound: " } else { "" };
        writeln!(out, "{:>12} {by}{}", rate(step.rate), step.slo_result.reasons.join("; "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
