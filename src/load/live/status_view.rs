//! Status of a run as text: a line, or a block for a terminal.
//!
//! It does no I/O.

use std::time::Duration;

use super::Room;
use crate::load::plan::run_plan::Stop;
use crate::load::stats::time_series::{RequestTotals, TimeSeries};
use crate::text::units::{count, plural};

const SPARKLINE_LEN_MAX: usize = 60;
const BAR_LEN: usize = 30;
/// A shorter bar is unreadable.
const BAR_LEN_MIN: usize = 6;
const GAP: &str = "   ";
const SPARKLINE_BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

#[derive(Clone, Debug, PartialEq)]
pub(super) struct StatusView {
    elapsed: Duration,
    totals: RequestTotals,
    /// Requests per second of complete intervals.
    rates: Vec<f64>,
    /// Percentiles of the last interval.
    p50_us: u64,
    p99_us: u64,
    errors: Vec<String>,
}

impl StatusView {
    pub(super) fn of(series: &TimeSeries, elapsed: Duration) -> Self {
        let complete_count = complete_intervals(series, elapsed);
        // The first second has only an incomplete interval.
        let last = series.slices.get(complete_count.saturating_sub(1));
        let quantile = |quantile| last.map_or(0, |interval| interval.quantile_us(quantile));
        Self {
            elapsed,
            totals: series.totals,
            rates: rates(series, complete_count, elapsed),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            errors: [vec![plural(series.totals.errors(), "error")], series.connect_failures.connect_labels()]
                .concat(),
        }
    }

    fn rate(&self) -> f64 {
        self.rates.last().copied().unwrap_or_default()
    }

    pub(super) fn line(&self) -> String {
        format!(
            "{}: {} requests/s, p50 {}, p99 {}, {}",
            tenths_text(self.elapsed),
            count(self.rate().round() as u64),
            millis_text(self.p50_us),
            millis_text(self.p99_us),
            self.errors.join(", "),
        )
    }

    pub(super) fn block(&self, stop: Stop, size: Room) -> Vec<String> {
        let (share, left) = self.progress(stop);
        let left = left.map_or_else(String::new, |left| format!("  {} left", whole_secs_text(left)));
        let times = format!("{}{left}", whole_secs_text(self.elapsed));
        let mut figures = vec![
            format!("{} requests/s", count(self.rate().round() as u64)),
            format!("p50 {}", millis_text(self.p50_us)),
            format!("p99 {}", millis_text(self.p99_us)),
            format!("{} responses", count(self.totals.answered)),
        ];
        figures.extend_from_slice(&self.errors);
        let columns = usable_columns(size);
        let mut lines = vec![progress_line(share, &times, size)];
        lines.extend(wrap_figures(&figures, columns));
        lines.push(sparkline(self.rates.get(self.rates.len().saturating_sub(columns)..).unwrap_or_default()));
        fit_to_size(lines, size)
    }

    fn progress(&self, stop: Stop) -> (f64, Option<Duration>) {
        let by_time = stop.duration.map(|duration| {
            let share = self.elapsed.as_secs_f64() / duration.as_secs_f64().max(1e-9);
            (share, Some(duration.saturating_sub(self.elapsed)))
        });
        let by_count = stop.requests.map(|requests| {
            let done = self.totals.answered + self.totals.failed;
            let left = requests.saturating_sub(done) as f64 / self.rate();
            let left = Duration::try_from_secs_f64(left).ok();
            (done as f64 / requests.max(1) as f64, left)
        });
        // The condition met first ends the run; of two equal shares, that of the time.
        let conditions = [by_count, by_time].into_iter().flatten();
        conditions.max_by(|(one, _), (other, _)| one.total_cmp(other)).unwrap_or((0.0, None))
    }
}

pub(super) fn warmup_block(left: Duration, size: Room) -> Vec<String> {
    let text = format!("warming up, {} left", whole_secs_text(left));
    fit_to_size(vec![progress_line(0.0, &text, size)], size)
}

fn progress_line(share: f64, words: &str, size: Room) -> String {
    format!("{}{words}", progress_bar(share, usable_columns(size).saturating_sub(words.len() + 2)))
}

/// Terminals differ in the cursor position after the last column.
fn usable_columns(size: Room) -> usize {
    size.columns.saturating_sub(1).max(1)
}

/// The cursor needs a row.
fn fit_to_size(mut lines: Vec<String>, size: Room) -> Vec<String> {
    lines.truncate(size.rows.saturating_sub(1).max(1));
    lines.iter().map(|line| line.chars().take(usable_columns(size)).collect()).collect()
}

fn wrap_figures(figures: &[String], columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for figure in figures {
        match lines.last_mut() {
            Some(line) if line.chars().count() + GAP.len() + figure.chars().count() <= columns => {
                line.push_str(GAP);
                line.push_str(figure);
            }
            _ => lines.push(figure.clone()),
        }
    }
    lines
}

fn progress_bar(share: f64, columns: usize) -> String {
    let len = columns.min(BAR_LEN);
    if len < BAR_LEN_MIN {
        return String::new();
    }
    let full = (share.clamp(0.0, 1.0) * len as f64).round() as usize;
    format!("{}{}  ", "━".repeat(full), "╌".repeat(len.saturating_sub(full)))
}

fn complete_intervals(series: &TimeSeries, elapsed: Duration) -> usize {
    let complete_count = elapsed.as_nanos() / series.slice_len.as_nanos().max(1);
    usize::try_from(complete_count).unwrap_or(usize::MAX).min(series.slices.len())
}

fn rates(series: &TimeSeries, complete_count: usize, elapsed: Duration) -> Vec<f64> {
    let secs = series.slice_len.as_secs_f64();
    if complete_count == 0 {
        let only = series.slices.first().map(|interval| interval.answered as f64);
        return only.map(|answered| answered / elapsed.as_secs_f64().max(1e-3)).into_iter().collect();
    }
    let from = complete_count.saturating_sub(SPARKLINE_LEN_MAX);
    let shown = series.slices.get(from..complete_count).unwrap_or_default();
    shown.iter().map(|interval| interval.answered as f64 / secs).collect()
}

fn sparkline(rates: &[f64]) -> String {
    let rate_max = rates.iter().copied().fold(0.0, f64::max);
    let height_max = (SPARKLINE_BARS.len() - 1) as f64;
    let height = |rate: f64| if rate_max > 0.0 { (rate / rate_max * height_max).round() as usize } else { 0 };
    rates.iter().filter_map(|rate| SPARKLINE_BARS.get(height(*rate))).collect()
}

fn millis_text(us: u64) -> String {
    match us {
        0..100_000 => format!("{:.2} ms", us as f64 / 1e3),
        100_000..10_000_000 => format!("{} ms", count(us / 1000)),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

pub(super) fn whole_secs_text(time: Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min {:02} s", secs / 60, secs % 60),
        secs => format!("{} h {:02} min", secs / 3600, secs / 60 % 60),
    }
}

/// Precision for intervals below a second.
fn tenths_text(time: Duration) -> String {
    let tenths = (time.as_secs_f64() * 10.0).round();
    match tenths % 10.0 == 0.0 || tenths >= 1200.0 {
        true => whole_secs_text(time),
        false => format!("{:.1} s", tenths / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::live::tests::{metrics, secs};
    use crate::load::stats::failure::LoadFailure;

    const WIDE_TERMINAL: Room = Room { columns: 100, rows: 24 };

    #[test]
    fn status_view_shows_last_complete_interval() {
        let metrics = metrics(&[10, 20, 5]);
        assert_eq!(StatusView::of(&metrics.series, secs(2.5)).rates, [10.0, 20.0]);
        assert_eq!(
            StatusView::of(&metrics.series, secs(2.5)).line(),
            "2.5 s: 20 requests/s, p50 2.00 ms, p99 2.00 ms, 0 errors"
        );
        assert_eq!(
            StatusView::of(&metrics.series, secs(0.5)).rates,
            [20.0],
            "all there is, for half a second"
        );
    }

    #[test]
    fn status_view_counts_unsent_and_names_failed_connects() {
        let mut metrics = metrics(&[10, 20]);
        metrics.unsent(0, None, secs(1.0));
        for failure in [LoadFailure::Refused, LoadFailure::Refused, LoadFailure::ConnectTimedOut] {
            metrics.connect_failed(failure, secs(1.0));
        }
        let view = StatusView::of(&metrics.series, secs(2.0));
        let errors = "1 error, connection refused: 2, connection timed-out: 1";
        assert!(view.line().ends_with(errors), "{}", view.line());
        let block = view.block(Stop::default(), WIDE_TERMINAL).join("\n");
        assert!(block.contains("1 error") && block.contains("connection refused: 2"), "{block}");
    }

    #[test]
    fn progress_follows_the_stop_that_comes_first() {
        let view = StatusView::of(&metrics(&[10, 10]).series, secs(2.0));
        let stop = |requests, duration: Option<f64>| Stop { requests, duration: duration.map(secs) };
        assert_eq!(view.progress(stop(Some(40), None)), (0.5, Some(secs(2.0))));
        assert_eq!(view.progress(stop(Some(40), Some(20.0))), (0.5, Some(secs(2.0))));
        assert_eq!(view.progress(stop(Some(4000), Some(4.0))), (0.5, Some(secs(2.0))));
    }

    #[test]
    fn block_fits_any_terminal_size() {
        let view = StatusView::of(&metrics(&[4, 8, 8, 8, 2, 8]).series, secs(6.0));
        let stop = Stop { requests: None, duration: Some(secs(12.0)) };
        let wide = view.block(stop, WIDE_TERMINAL);
        assert_eq!(
            wide,
            [
                "━━━━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  6 s  6 s left",
                "8 requests/s   p50 2.00 ms   p99 2.00 ms   38 responses   0 errors",
                "▅███▃█",
            ]
        );
        let narrow = view.block(stop, Room { columns: 40, rows: 24 });
        let lines = [
            "━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌  6 s  6 s left",
            "8 requests/s   p50 2.00 ms",
            "p99 2.00 ms   38 responses   0 errors",
            "▅███▃█",
        ];
        assert_eq!(narrow, lines);
        let tiny = view.block(stop, Room { columns: 5, rows: 4 });
        assert_eq!(tiny, ["6 s ", "8 re", "p50 "]);
        for columns in 1..120 {
            for lines in [
                view.block(stop, Room { columns, rows: 24 }),
                warmup_block(secs(3.0), Room { columns, rows: 2 }),
            ] {
                assert!(
                    lines.iter().all(|line| line.chars().count() < columns.max(2)),
                    "{columns}: {lines:?}"
                );
            }
        }
    }

    #[test]
    fn warmup_block_shows_time_left() {
        assert_eq!(
            warmup_block(secs(2.6), WIDE_TERMINAL),
            [format!("{}  warming up, 3 s left", "╌".repeat(30))]
        );
    }

    #[test]
    fn progress_times_have_fitting_units() {
        for (us, text) in [(0, "0.00 ms"), (412, "0.41 ms"), (150_000, "150 ms"), (12_000_000, "12.0 s")] {
            assert_eq!(millis_text(us), text);
        }
        for (time, text) in [(0.2, "0 s"), (119.0, "119 s"), (125.0, "2 min 05 s"), (7260.0, "2 h 01 min")] {
            assert_eq!(whole_secs_text(secs(time)), text);
        }
    }
}
