//! Charts of a run, each with a text description.
//!
//! Each is a function of the summary; without data, there is no chart.

use super::axis::{Axis, LINEAR_RATIO_MAX};
use super::chart::{Chart, ChartDot, ChartLine, ChartMark, ChartSpan};
use super::ticks::AxisUnit;
use crate::load::stats::latency_histogram::{HistogramBar, LatencyHistogram};
use crate::load::stats::spread::{PERCENTILES, Spread};
use crate::load::stats::summary::{SliceSummary, Summary};
use crate::text::units::{count, rate, time};

/// Most slices with dots: more leave no space.
const DOTS_MAX: usize = 40;
/// A shorter slice shows chance; only the table has it.
const PARTIAL_SLICE_SHARE: f64 = 0.1;
/// Marked percentiles, and how many times each needs.
const MARKED: [(&str, u64); 3] = [("p50", 1), ("p99", 100), ("p99.9", 1000)];
const BINS: f64 = 48.0;
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

pub(super) fn histogram(summary: &Summary) -> Option<Chart> {
    let spread = summary.corrected.as_ref()?;
    let bins = bins(&summary.corrected_times);
    let (first, last) = (bins.first()?, bins.last()?);
    let most = bins.iter().map(|bin| bin.count).max()?;
    let ends = (first.from_us as f64, last.to_us as f64);
    let x = Axis::fitting(LATENCY, ends.0, ends, AxisUnit::Time);
    let y = Axis::linear("requests", 0.0, most as f64, AxisUnit::Count);
    let widest = bins.iter().find(|bin| bin.count == most)?;
    let (from, to) = (time(widest.from_us as f64), time(widest.to_us as f64));
    let description = format!(
        "{} times from {} to {}; most of them, {}, from {from} to {to}",
        count(spread.count),
        time(spread.min_us as f64),
        time(spread.max_us as f64),
        count(most)
    );
    let span = |bin: &HistogramBar| {
        let (from, to) = (bin.from_us as f64, bin.to_us as f64);
        let tooltip = format!("{} to {}: {}", time(from), time(to), count(bin.count));
        ChartSpan { from, to, bar: bin.count as f64, tooltip }
    };
    let marked = MARKED.into_iter().filter(|(_, count)| spread.count >= *count);
    let marked = marked.filter_map(|(name, _)| Some((name, spread.percentile_us(name)? as f64)));
    let marks = marked.map(|(name, us)| ChartMark { at: us, name: format!("{name} {}", time(us)) }).collect();
    let (id, title) = ("histogram", "Latency distribution");
    let spans = bins.iter().map(span).collect();
    Some(Chart { id, title, description, x, y, spans, marks, ..Chart::default() })
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
    let mut chart = over_time("rates", "Rate over time", summary, y, &|slice| (0.0, rate(slice.rate)));
    let (mean, least, most) = (rate(summary.rate), rate(least), rate(most));
    chart.description = format!("{mean} on average; from {least} to {most} in the slices of the run");
    let points = slices.iter().flat_map(|slice| {
        let (from, to) = period_us(slice);
        [Some((from, slice.rate)), Some((to, slice.rate))]
    });
    let (name, points) = ("rate".to_owned(), points.collect());
    chart.lines = vec![ChartLine { name, points, dots: Vec::new(), is_filled: true }];
    Some(chart)
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
    let mut chart = over_time("latencies", "Latency over time", summary, y, &|slice| {
        let words = SHOWN.map(|(name, quantile)| match quantile_us(slice, quantile) {
            Some(us) => format!("{name} {}", time(us)),
            None => format!("no {name}"),
        });
        (0.0, words.join(", "))
    });
    let words = longest.map(|(name, us)| format!("{name} is at most {}", time(us)));
    chart.description = format!("In any slice of the run {}", words.join(" and "));
    chart.lines = SHOWN.map(|(name, quantile)| latency_line(name, quantile, &slices)).to_vec();
    Some(chart)
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

pub(super) fn errors(summary: &Summary) -> Option<Chart> {
    let most = summary.slices.iter().map(|slice| slice.slice.errors()).max().filter(|most| *most > 0)?;
    let y = Axis::linear("errors", 0.0, most as f64, AxisUnit::Count);
    let mut chart = over_time("errors", "Errors over time", summary, y, &|slice| {
        let (failed, bad) = (count(slice.failed), count(slice.bad_statuses));
        let words = format!("{failed} failed, {bad} with a status of 400 or above");
        (slice.slice.errors() as f64, words)
    });
    let with = summary.slices.iter().filter(|slice| slice.slice.errors() > 0).count();
    let (most, slices) = (count(most), count(summary.slices.len() as u64));
    chart.description = format!(
        "Failed requests, responses with a status of 400 or above, and failed connections: at most {most} in \
         a slice, and some in {with} of {slices} slices"
    );
    Some(chart)
}

fn over_time(
    id: &'static str,
    title: &'static str,
    summary: &Summary,
    y: Axis,
    bar_and_words: &dyn Fn(&SliceSummary) -> (f64, String),
) -> Chart {
    let wall_us = summary.info.wall.as_secs_f64() * 1e6;
    let end_us = summary.slices.iter().map(|slice| period_us(slice).1).fold(wall_us, f64::max);
    let spans = summary.slices.iter().map(|slice| {
        let ((from, to), (bar, words)) = (period_us(slice), bar_and_words(slice));
        ChartSpan { from, to, bar, tooltip: format!("{}: {words}", slice_period(slice)) }
    });
    Chart { id, title, x: Axis::elapsed(ELAPSED, end_us), y, spans: spans.collect(), ..Chart::default() }
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

/// Bins finer than the summary's bars, to show the shape; a bin does not include its upper end.
fn bins(times: &LatencyHistogram) -> Vec<HistogramBar> {
    if times.is_empty() {
        return Vec::new();
    }
    let histogram = times.histogram();
    let first = histogram.lowest_equivalent(histogram.min()) as f64;
    let last = histogram.max().saturating_add(1) as f64;
    let is_even = last <= first * LINEAR_RATIO_MAX;
    // An hour of microseconds and few bins fit.
    let edge = |index: u64| match is_even {
        true => first + (last - first) * index as f64 / BINS,
        false => first * (last / first).powf(index as f64 / BINS),
    };
    let mut edges: Vec<u64> = (0..=BINS as u64).map(|index| edge(index).round() as u64).collect();
    edges.dedup();
    let pairs = edges.iter().zip(edges.iter().skip(1));
    let count = |from_us, to_us| times.count_below(to_us) - times.count_below(from_us);
    let bin =
        |(&from_us, &to_us): (&u64, &u64)| HistogramBar { from_us, to_us, count: count(from_us, to_us) };
    pairs.map(bin).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(times_us: &[u64]) -> Vec<HistogramBar> {
        let mut times = LatencyHistogram::default();
        times_us.iter().for_each(|us| times.record(Duration::from_micros(*us)));
        bins(&times)
    }

    #[test]
    fn bins_are_contiguous_and_count_every_time_once() {
        let rows: [&[u64]; 6] =
            [&[7], &[1, 1, 2], &[100, 150, 199], &[1, 3_600_000_000], &[40, 41, 42, 900_000], &[5_000; 9]];
        for times in rows {
            let bins = of(times);
            assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), times.len() as u64, "{times:?}");
            assert!(bins.len() <= BINS as usize && bins[0].count > 0, "{times:?}");
            assert!(bins.iter().all(|bin| bin.from_us < bin.to_us));
            assert!(bins.windows(2).all(|pair| pair[0].to_us == pair[1].from_us));
        }
        assert_eq!(of(&[7]), [HistogramBar { from_us: 7, to_us: 8, count: 1 }]);
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn bins_are_linear_for_near_and_growing_for_far_times() {
        let lengths = |times: &[u64]| of(times).iter().map(|bin| bin.to_us - bin.from_us).collect::<Vec<_>>();
        let even = lengths(&[1_000, 1_900]);
        assert!(even.iter().all(|length| (18..=20).contains(length)), "{even:?}");
        let growing = lengths(&[1_000, 900_000]);
        assert!(growing[growing.len() - 1] > growing[0] * 100, "{growing:?}");
    }
}
