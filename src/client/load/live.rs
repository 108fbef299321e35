//! What a person sees while a run lasts: a block on a terminal, else a line every so often.
//!
//! Words and figures only; they go to standard error, so that the report stays alone on standard
//! output. Time is an argument, and where lines go is too.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::metrics::Metrics;
use super::plan::{Plan, Stop};
use super::series::Series;
use crate::client::words::grouped;

/// Slices that the sparkline shows.
const SPARKS: usize = 60;
/// Letters of the bar.
const BAR_LEN: usize = 30;
/// The heights of the sparkline.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How a run is going.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Glance {
    elapsed: Duration,
    answered: u64,
    failed: u64,
    /// Answers in each second so far, the last one whole; per second.
    rates: Vec<f64>,
    /// Of the last slice, in microseconds.
    p50_us: u64,
    p99_us: u64,
}

impl Glance {
    pub(super) fn of(metrics: &Metrics, elapsed: Duration) -> Self {
        let (totals, series) = (metrics.totals(), metrics.series());
        let whole = whole_slices(series, elapsed);
        // In the first second the slice that is not over yet is all there is.
        let last = series.slices().get(whole.saturating_sub(1));
        let quantile = |quantile| last.map_or(0, |slice| slice.quantile_us(quantile));
        Self {
            elapsed,
            answered: totals.answered,
            failed: totals.failed,
            rates: rates(series, whole, elapsed),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
        }
    }

    fn rate(&self) -> f64 {
        self.rates.last().copied().unwrap_or_default()
    }

    /// One line, for whoever has no terminal.
    fn line(&self) -> String {
        format!(
            "{}: {} requests/s, p50 {}, p99 {}, {}",
            whole_secs(self.elapsed),
            grouped(self.rate().round() as u64),
            millis(self.p50_us),
            millis(self.p99_us),
            errors(self.failed),
        )
    }

    /// The block of a terminal; no line is longer than 80 letters.
    fn block(&self, stop: Stop) -> [String; 3] {
        let (share, left) = self.progress(stop);
        let filled = (share.clamp(0.0, 1.0) * BAR_LEN as f64).round() as usize;
        let bar: String = (0..BAR_LEN).map(|at| if at < filled { '━' } else { '╌' }).collect();
        let left = left.map_or_else(String::new, |left| format!("{} left", whole_secs(left)));
        [
            format!("{bar}  {}  {left}", whole_secs(self.elapsed)),
            format!(
                "{} requests/s   p50 {}   p99 {}   {} answered   {}",
                grouped(self.rate().round() as u64),
                millis(self.p50_us),
                millis(self.p99_us),
                grouped(self.answered),
                errors(self.failed),
            ),
            sparkline(&self.rates),
        ]
    }

    /// How much of the run is over, and how long it still takes, as far as one can say.
    fn progress(&self, stop: Stop) -> (f64, Option<Duration>) {
        let by_time = stop.duration.map(|duration| {
            let share = self.elapsed.as_secs_f64() / duration.as_secs_f64().max(1e-9);
            (share, Some(duration.saturating_sub(self.elapsed)))
        });
        let by_count = stop.requests.map(|requests| {
            let done = self.answered + self.failed;
            let left = requests.saturating_sub(done) as f64 / self.rate();
            let left = Duration::try_from_secs_f64(left).ok();
            (done as f64 / requests.max(1) as f64, left)
        });
        // The one that comes first is the one that ends it.
        match (by_time, by_count) {
            (Some(time), Some(count)) => {
                if time.0 >= count.0 {
                    time
                } else {
                    count
                }
            }
            (time, count) => time.or(count).unwrap_or((0.0, None)),
        }
    }
}

/// How many slices are over.
fn whole_slices(series: &Series, elapsed: Duration) -> usize {
    let whole = elapsed.as_nanos() / series.slice().as_nanos().max(1);
    usize::try_from(whole).unwrap_or(usize::MAX).min(series.slices().len())
}

/// Answers a second, slice by slice.
fn rates(series: &Series, whole: usize, elapsed: Duration) -> Vec<f64> {
    let secs = series.slice().as_secs_f64();
    if whole == 0 {
        let only = series.slices().first().map(|slice| slice.answered as f64);
        return only.map(|answered| answered / elapsed.as_secs_f64().max(1e-3)).into_iter().collect();
    }
    let shown = series.slices().get(whole.saturating_sub(SPARKS)..whole).unwrap_or_default();
    shown.iter().map(|slice| slice.answered as f64 / secs).collect()
}

/// The rates as letters of different heights, the highest at full height.
fn sparkline(rates: &[f64]) -> String {
    let most = rates.iter().copied().fold(0.0, f64::max);
    let top = (HEIGHTS.len() - 1) as f64;
    let height = |rate: f64| if most > 0.0 { (rate / most * top).round() as usize } else { 0 };
    rates.iter().filter_map(|rate| HEIGHTS.get(height(*rate))).collect()
}

fn millis(us: u64) -> String {
    match us {
        0..100_000 => format!("{:.2} ms", us as f64 / 1e3),
        100_000..10_000_000 => format!("{} ms", grouped(us / 1000)),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

fn whole_secs(time: Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min {:02} s", secs / 60, secs % 60),
        secs => format!("{} h {:02} min", secs / 3600, secs / 60 % 60),
    }
}

fn errors(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "error" } else { "errors" })
}

/// What is shown, and where.
pub(super) struct Live<W> {
    out: W,
    view: View,
    stop: Stop,
}

enum View {
    /// Nothing.
    Silent,
    /// A line, the next one at this time.
    Lines { every: Duration, next: Duration },
    /// A block that is redrawn; so many lines of it are there.
    Block { drawn: usize },
}

impl Live<io::Stderr> {
    /// A block if standard error is a terminal, lines if it is not, nothing if so wanted.
    pub(super) fn on_stderr(plan: &Plan, every: Duration, silent: bool) -> Self {
        let out = io::stderr();
        let view = match out.is_terminal() {
            _ if silent => View::Silent,
            true => View::Block { drawn: 0 },
            false => View::Lines { every, next: every },
        };
        Self { out, view, stop: plan.stop }
    }
}

impl<W: Write> Live<W> {
    /// Shows how it is going, if it is time. Who has closed the stream does not want to know.
    pub(super) fn show(&mut self, metrics: &Metrics, elapsed: Duration) {
        match &mut self.view {
            View::Silent => {}
            View::Lines { every, next } => {
                if *next <= elapsed {
                    let _ = writeln!(self.out, "{}", Glance::of(metrics, elapsed).line());
                    while *next <= elapsed {
                        *next = next.saturating_add(*every);
                    }
                }
            }
            View::Block { drawn } => {
                let block = Glance::of(metrics, elapsed).block(self.stop);
                // In one write, so that nobody sees half of it.
                let mut text = up(*drawn);
                for line in &block {
                    text.push_str(&format!("\r\x1b[2K{line}\n"));
                }
                *drawn = block.len();
                let _ = self.out.write_all(text.as_bytes());
            }
        }
    }

    /// Takes the block away: the report follows.
    pub(super) fn clear(&mut self) {
        if let View::Block { drawn } = &mut self.view {
            let _ = write!(self.out, "{}\r\x1b[J", up(*drawn));
            *drawn = 0;
        }
    }
}

/// Moves the cursor up.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::load::metrics::{Answered, MetricsSettings};

    /// `per_sec` answers in each of so many seconds.
    fn metrics(per_sec: &[u64]) -> Metrics {
        let mut metrics = Metrics::new(MetricsSettings { urls: 1, slice: Duration::from_secs(1) });
        for (second, count) in per_sec.iter().enumerate() {
            for index in 0..*count {
                let sent = Duration::from_secs(second as u64) + Duration::from_millis(index);
                let done = sent + Duration::from_millis(2);
                metrics.sent(0);
                let status = 200;
                let first_byte = done;
                metrics.answered(Answered {
                    url: 0,
                    status,
                    intended: sent,
                    sent,
                    first_byte,
                    done,
                    received_len: 1,
                });
            }
        }
        metrics
    }

    fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    #[test]
    fn a_glance_tells_of_the_last_second_that_is_over() {
        let metrics = metrics(&[10, 20, 5]);
        assert_eq!(Glance::of(&metrics, secs(2.5)).rates, [10.0, 20.0]);
        assert_eq!(
            Glance::of(&metrics, secs(2.5)).line(),
            "3 s: 20 requests/s, p50 2.00 ms, p99 2.00 ms, 0 errors"
        );
        assert_eq!(Glance::of(&metrics, secs(0.5)).rates, [20.0], "all there is, for half a second");
    }

    #[test]
    fn lines_come_when_they_are_due_and_no_more_often() {
        let metrics = metrics(&[10; 9]);
        let view = View::Lines { every: secs(2.0), next: secs(2.0) };
        let mut live = Live { out: Vec::new(), view, stop: Stop::default() };
        for quarter in 0..36 {
            live.show(&metrics, secs(f64::from(quarter) / 4.0));
        }
        live.clear();
        let text = String::from_utf8(live.out).expect("text");
        let at: Vec<_> = text.lines().filter_map(|line| line.split_once(':')).map(|(at, _)| at).collect();
        assert_eq!(at, ["2 s", "4 s", "6 s", "8 s"]);
    }

    #[test]
    fn a_block_is_drawn_over_the_one_before_and_taken_away() {
        let (metrics, view) = (metrics(&[4, 8]), View::Block { drawn: 0 });
        let stop = Stop { requests: None, duration: Some(secs(10.0)) };
        let mut live = Live { out: Vec::new(), view, stop };
        live.show(&metrics, secs(2.0));
        live.show(&metrics, secs(2.25));
        live.clear();
        let text = String::from_utf8(live.out).expect("text");
        assert_eq!(text.matches("\x1b[3A").count(), 2, "{text:?}");
        assert!(text.ends_with("\x1b[3A\r\x1b[J"), "{text:?}");
        assert!(
            text.contains("8 requests/s   p50 2.00 ms   p99 2.00 ms   12 answered   0 errors\n"),
            "{text:?}"
        );
        assert!(text.contains("  2 s  8 s left\n") && text.contains("▅█\n"), "{text:?}");
        assert!(text.lines().all(|line| line.chars().count() < 100));
    }

    #[test]
    fn what_ends_the_run_first_says_how_long_it_takes() {
        let glance = Glance::of(&metrics(&[10, 10]), secs(2.0));
        let stop = |requests, duration: Option<f64>| Stop { requests, duration: duration.map(secs) };
        assert_eq!(glance.progress(stop(Some(40), None)), (0.5, Some(secs(2.0))));
        assert_eq!(glance.progress(stop(Some(40), Some(20.0))), (0.5, Some(secs(2.0))));
        assert_eq!(glance.progress(stop(Some(4000), Some(4.0))), (0.5, Some(secs(2.0))));
    }

    #[test]
    fn times_have_units_that_suit_them() {
        for (us, text) in [(0, "0.00 ms"), (412, "0.41 ms"), (150_000, "150 ms"), (12_000_000, "12.0 s")] {
            assert_eq!(millis(us), text);
        }
        for (time, text) in [(0.2, "0 s"), (119.0, "119 s"), (125.0, "2 min 05 s"), (7260.0, "2 h 01 min")] {
            assert_eq!(whole_secs(secs(time)), text);
        }
    }
}
