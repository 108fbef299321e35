//! Charts of a run, each with a text description.
//!
//! Each is a function of the summary; without data, there is no chart.

use super::axis::{Axis, AxisUnit};
use super::chart::{Chart, ChartDot, ChartLine};
use crate::load::stats::latency_histogram::LatencyHistogram;
use crate::load::stats::spread::{PERCENTILES, Spread};
use crate::load::stats::summary::{SliceSummary, Summary};
use crate::text::units::{rate, time};

/// Most slices with dots: more leave no space.
const DOTS_MAX: usize = 40;
/// A shorter slice shows chance; only the table has it.
const PARTIAL_SLICE_SHARE: f64 = 0.1;
const ELAPSED: &str = "time since the start of the run";
const LATENCY: &str = "latency";

pub(super) fn curve(summary: &Summary) -> Option<Chart> {
    let corrected = summary.corrected.as_ref()?;
    let mut series = vec![(LATENCY, corrected, &summary.corrected_times)];
    if let Some(uncorrected) = summary.uncorrected.as_ref().filter(|_| summary.is_open_loop()) {
        series = vec![
            ("corrected: from when it was due", corrected, &summary.corrected_times),
            ("uncorrected: from when it was sent", uncorrected, &summary.uncorrected_times),
        ];
    }
    let ends = series.iter().flat_map(|(_, spread, _)| [spread.min_us as f64, spread.max_us as f64]);
    let y = Axis::times(LATENCY, ends);
    let x = Axis::percentiles("share of requests that took no longer", corrected.count);
    let words = series.iter().map(|(name, spread, _)| format!("{name}: {}", percentiles(spread)));
    let description = words.collect::<Vec<_>>().join(". ");
    let lines = series.into_iter().map(|(name, spread, times)| curve_line(name, spread, times)).collect();
    let (id, title) = ("curve", "Latency by percentile");
    Some(Chart { id, title, description, x, y, lines, ..Chart::default() })
}

fn curve_line(name: &str, spread: &Spread, times: &LatencyHistogram) -> ChartLine {
    let named = PERCENTILES.iter().zip(spread.percentiles_us);
    // Later percentiles equal the maximum.
    let told = named.filter(|((_, quantile), _)| (1.0 - quantile) * spread.count as f64 >= 1.0);
    let dots = told.map(|((percentile, quantile), us)| {
        let title = format!("{percentile}, {name}: {}", time(us as f64));
        ChartDot { x: *quantile, y: us as f64, tooltip: title }
    });
    ChartLine { name: name.to_owned(), points: steps(times), dots: dots.collect(), is_filled: false }
}

fn steps(times: &LatencyHistogram) -> Vec<Option<(f64, f64)>> {
    let total = times.len() as f64;
    let mut below = 0;
    let ends = times.histogram().iter_recorded().flat_map(|value| {
        let from = below;
        below += value.count_at_value();
        [from, below].map(|below| Some((below as f64 / total, value.value_iterated_to() as f64)))
    });
    ends.collect()
}

fn percentiles(spread: &Spread) -> String {
    let named = PERCENTILES.iter().zip(spread.percentiles_us);
    let words = named.map(|((name, _), us)| format!("{name} {}", time(us as f64)));
    format!("{}, max {}", words.collect::<Vec<_>>().join(", "), time(spread.max_us as f64))
}

fn told(summary: &Summary) -> Vec<&SliceSummary> {
    let full = summary.slices.iter().map(|slice| slice.length).max().unwrap_or_default();
    let is_told = |slice: &&SliceSummary| slice.length >= full.mul_f64(PARTIAL_SLICE_SHARE);
    summary.slices.iter().filter(is_told).collect()
}

pub(super) fn rates(summary: &Summary) -> Option<Chart> {
    let slices = told(summary);
    let least = slices.iter().map(|slice| slice.rate).min_by(f64::total_cmp)?;
    let most = slices.iter().map(|slice| slice.rate).max_by(f64::total_cmp)?;
    // At the top, a line would look like the frame.
    let y = Axis::linear("responses per second", 0.0, most * 1.05, AxisUnit::Count);
    let (mean, least, most) = (rate(summary.rate), rate(least), rate(most));
    let description = format!("{mean} on average; from {least} to {most} in the slices of the run");
    let points = slices.iter().flat_map(|slice| {
        let (from, to) = period_us(slice);
        [Some((from, slice.rate)), Some((to, slice.rate))]
    });
    let (name, points) = ("rate".to_owned(), points.collect());
    let lines = vec![ChartLine { name, points, dots: Vec::new(), is_filled: true }];
    Some(Chart { description, lines, ..over_time("rates", "Rate over time", summary, y) })
}

pub(super) fn latencies(summary: &Summary) -> Option<Chart> {
    const SHOWN: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];
    let slices = told(summary);
    let all = |quantile| slices.iter().filter_map(move |slice| quantile_us(slice, quantile));
    let longest = SHOWN.map(|(name, quantile)| (name, all(quantile).fold(0.0, f64::max)));
    if longest.iter().all(|(_, us)| *us == 0.0) {
        return None;
    }
    let y = Axis::times(LATENCY, SHOWN.into_iter().flat_map(|(_, quantile)| all(quantile)));
    let words = longest.map(|(name, us)| format!("{name} is at most {}", time(us)));
    let description = format!("In any slice of the run {}", words.join(" and "));
    let lines = SHOWN.map(|(name, quantile)| latency_line(name, quantile, &slices)).to_vec();
    Some(Chart { description, lines, ..over_time("latencies", "Latency over time", summary, y) })
}

fn latency_line(name: &str, quantile: f64, slices: &[&SliceSummary]) -> ChartLine {
    let place = |slice: &&SliceSummary| {
        let (from, to) = period_us(slice);
        quantile_us(slice, quantile).map(|us| ((from + to) / 2.0, us))
    };
    let points: Vec<_> = slices.iter().map(place).collect();
    let dots = points.iter().flatten().filter(|_| slices.len() <= DOTS_MAX);
    let dots =
        dots.map(|(x, y)| ChartDot { x: *x, y: *y, tooltip: format!("{name} {}", time(*y)) }).collect();
    ChartLine { name: name.to_owned(), points, dots, is_filled: false }
}

/// 0 means that nothing was recorded.
fn quantile_us(slice: &SliceSummary, quantile: f64) -> Option<f64> {
    let us = slice.slice.quantile_us(quantile);
    (us > 0).then_some(us as f64)
}

fn over_time(id: &'static str, title: &'static str, summary: &Summary, y: Axis) -> Chart {
    let wall_us = summary.info.wall.as_secs_f64() * 1e6;
    let end_us = summary.slices.iter().map(|slice| period_us(slice).1).fold(wall_us, f64::max);
    Chart { id, title, x: Axis::elapsed(ELAPSED, end_us), y, ..Chart::default() }
}

fn period_us(slice: &SliceSummary) -> (f64, f64) {
    let from = slice.start.as_secs_f64() * 1e6;
    (from, from + slice.length.as_secs_f64() * 1e6)
}

pub(super) fn slice_period(slice: &SliceSummary) -> String {
    let (from, to) = period_us(slice);
    // Milliseconds distinguish any two slices.
    let secs = |us: f64| (us / 1e3).round() / 1e3;
    format!("{} to {} s", secs(from), secs(to))
}
