//! Progress display on standard error: a block on a terminal, else lines.
//!
//! Standard output has only the report.

mod status_view;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::load::engine::app::RunPhase;
use crate::load::plan::run_plan::{Plan, Stop};
use crate::load::stats::time_series::TimeSeries;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;

use status_view::{StatusView, warmup_block, whole_secs_text};

/// Interval of a block on a terminal: more often is hard to read.
const REDRAW_INTERVAL: Duration = Duration::from_millis(250);
/// Less would show "0 s left".
const WARMUP_SHOWN_MIN: Duration = Duration::from_millis(500);

pub(super) struct LiveDisplay<W> {
    out: W,
    is_writable: fn() -> bool,
    mode: DisplayMode,
    stop: Stop,
}

enum DisplayMode {
    /// `next` is in measured time; the warm-up has one line.
    Lines { every: Duration, next: Duration, has_shown_warmup: bool },
    /// Redraws use the current terminal size.
    Block { size: fn() -> Room, drawn_lens: Vec<usize> },
}

impl LiveDisplay<io::Stderr> {
    pub(super) fn on_stderr(plan: &Plan, every: Duration, silent: bool) -> (Self, Duration) {
        let out = io::stderr();
        let every = if silent { Duration::MAX } else { every };
        let (mode, interval) = match !silent && out.is_terminal() && can_redraw() {
            true => (DisplayMode::Block { size: Room::on_stderr, drawn_lens: Vec::new() }, REDRAW_INTERVAL),
            false => (DisplayMode::Lines { every, next: every, has_shown_warmup: silent }, every),
        };
        (Self { out, is_writable: is_stderr_writable, mode, stop: plan.stop }, interval)
    }
}

impl<W: Write> LiveDisplay<W> {
    /// Ignores errors. A stopped terminal or stalled reader must not block the run.
    pub(super) fn show(&mut self, so_far: &TimeSeries, phase: RunPhase) {
        if !(self.is_writable)() {
            return;
        }
        match &mut self.mode {
            DisplayMode::Lines { every, next, has_shown_warmup } => match phase {
                RunPhase::WarmUp(left) if !*has_shown_warmup && left >= WARMUP_SHOWN_MIN => {
                    *has_shown_warmup = true;
                    let _ = writeln!(self.out, "warming up, {} left", whole_secs_text(left));
                }
                RunPhase::Measuring(elapsed) if *next <= elapsed => {
                    let _ = writeln!(self.out, "{}", StatusView::of(so_far, elapsed).line());
                    while *next <= elapsed {
                        *next = next.saturating_add(*every);
                    }
                }
                _ => {}
            },
            DisplayMode::Block { size, drawn_lens } => {
                let size = size();
                let block = match phase {
                    RunPhase::WarmUp(left) => warmup_block(left, size),
                    RunPhase::Measuring(elapsed) => StatusView::of(so_far, elapsed).block(self.stop, size),
                };
                // One write: no half block is visible.
                let _ = self.out.write_all(redraw_text(&block, drawn_lens, size).as_bytes());
                *drawn_lens = block.iter().map(|line| line.chars().count()).collect();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        if let DisplayMode::Block { size, drawn_lens } = &mut self.mode
            && (self.is_writable)()
        {
            let _ = write!(self.out, "{}\r\x1b[J", cursor_up(drawn_rows(drawn_lens, size())));
            drawn_lens.clear();
        }
    }
}

pub(super) fn is_stderr_writable() -> bool {
    let stderr = io::stderr();
    let mut poll_fds = [PollFd::new(&stderr, PollFlags::OUT)];
    // On error, try to write.
    poll(&mut poll_fds, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
}

fn redraw_text(block: &[String], drawn_lens: &[usize], size: Room) -> String {
    let lines: String = block.iter().map(|line| format!("{line}\x1b[K\n")).collect();
    format!("{}\r{lines}\x1b[J", cursor_up(drawn_rows(drawn_lens, size)))
}

/// Lines wrap in a narrowed window.
fn drawn_rows(drawn_lens: &[usize], size: Room) -> usize {
    let rows: usize = drawn_lens.iter().map(|len| len.div_ceil(size.columns).max(1)).sum();
    // Rows above the window are out of reach.
    rows.min(size.rows.saturating_sub(1))
}

fn cursor_up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

/// VT100 size, if the terminal reports none.
const DEFAULT_SIZE: Room = Room { columns: 80, rows: 24 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    columns: usize,
    rows: usize,
}

impl Room {
    /// Read each time: windows are resized.
    fn on_stderr() -> Self {
        let size = tcgetwinsize(io::stderr());
        size.map_or(DEFAULT_SIZE, |size| Self::of(size.ws_col, size.ws_row))
    }

    fn of(columns: u16, rows: u16) -> Self {
        let or = |given, unknown| if given == 0 { unknown } else { usize::from(given) };
        Self { columns: or(columns, DEFAULT_SIZE.columns), rows: or(rows, DEFAULT_SIZE.rows) }
    }
}

fn can_redraw() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(env::var_os);
    let locale = locale.into_iter().find(|value| !value.is_empty());
    can_redraw_with(env::var_os("TERM"), locale.as_deref())
}

/// Most containers have no locale: assume UTF-8.
fn can_redraw_with(term: Option<OsString>, locale: Option<&OsStr>) -> bool {
    let is_able = term.is_some_and(|term| !term.is_empty() && term != "dumb");
    let takes_utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    is_able && takes_utf8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stats::metrics::{Metrics, RequestTimes};

    /// Metrics with `per_sec[i]` responses in second `i`.
    pub(super) fn metrics(per_sec: &[u64]) -> Metrics {
        let mut metrics = Metrics::new(1, Duration::from_secs(1));
        for (second, count) in per_sec.iter().enumerate() {
            for index in 0..*count {
                let sent = Duration::from_secs(second as u64) + Duration::from_millis(index);
                let done = sent + Duration::from_millis(2);
                metrics.record_sent(0);
                let status = 200;
                let first_byte = done;
                metrics.answered(RequestTimes { url: 0, intended: sent, sent, done }, status, first_byte, 1);
            }
        }
        metrics
    }

    pub(super) fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    fn measuring(at: f64) -> RunPhase {
        RunPhase::Measuring(secs(at))
    }

    fn text(display: LiveDisplay<Vec<u8>>) -> String {
        String::from_utf8(display.out).expect("text")
    }

    #[test]
    fn progress_lines_appear_once_per_interval() {
        let metrics = metrics(&[10; 9]);
        let mode = DisplayMode::Lines { every: secs(2.0), next: secs(2.0), has_shown_warmup: false };
        let mut display = LiveDisplay { out: Vec::new(), is_writable: || true, mode, stop: Stop::default() };
        for left in [3.0, 2.0, 1.0] {
            display.show(&metrics.series, RunPhase::WarmUp(secs(left)));
        }
        for quarter in 0..36 {
            display.show(&metrics.series, measuring(f64::from(quarter) / 4.0));
        }
        display.clear();
        let text = text(display);
        let (warm_up, lines) = text.split_once('\n').expect("lines");
        assert_eq!(warm_up, "warming up, 3 s left");
        let at: Vec<_> = lines.lines().filter_map(|line| line.split_once(':')).map(|(at, _)| at).collect();
        assert_eq!(at, ["2 s", "4 s", "6 s", "8 s"]);
    }

    #[test]
    fn progress_block_is_redrawn_in_place_and_cleared() {
        let mode = DisplayMode::Block { size: || Room { columns: 100, rows: 24 }, drawn_lens: Vec::new() };
        let stop = Stop { requests: None, duration: Some(secs(10.0)) };
        let mut display = LiveDisplay { out: Vec::new(), is_writable: || true, mode, stop };
        let metrics = metrics(&[4, 8]);
        display.show(&metrics.series, RunPhase::WarmUp(secs(1.0)));
        display.show(&metrics.series, measuring(2.0));
        display.show(&metrics.series, measuring(2.25));
        display.clear();
        let text = text(display);
        assert!(text.contains("warming up, 1 s left\x1b[K\n\x1b[J\x1b[1A\r"), "{text:?}");
        assert_eq!(text.matches("\x1b[3A").count(), 2, "{text:?}");
        assert!(text.ends_with("\x1b[3A\r\x1b[J"), "{text:?}");
        assert!(
            text.contains("8 requests/s   p50 2.00 ms   p99 2.00 ms   12 responses   0 errors\x1b[K\n"),
            "{text:?}"
        );
        assert!(text.contains("  2 s  8 s left\x1b[K\n") && text.contains("▅█\x1b[K\n"), "{text:?}");
        assert!(!text.contains("\x1b[?25l") && !text.contains("\x1b[3m"), "neither cursor nor colour");
    }

    #[test]
    fn progress_is_skipped_when_stderr_not_writable() {
        let metrics = metrics(&[10; 3]);
        let drawn_lens = Vec::new();
        for mode in [
            DisplayMode::Lines { every: secs(1.0), next: secs(1.0), has_shown_warmup: false },
            DisplayMode::Block { size: || Room { columns: 100, rows: 24 }, drawn_lens },
        ] {
            let mut display =
                LiveDisplay { out: Vec::new(), is_writable: || false, mode, stop: Stop::default() };
            display.show(&metrics.series, RunPhase::WarmUp(secs(1.0)));
            display.show(&metrics.series, measuring(2.0));
            display.clear();
            assert_eq!(text(display), "");
        }
    }

    #[test]
    fn redraw_after_narrowing_clears_wrapped_rows() {
        let size = |columns, rows| Room { columns, rows };
        assert_eq!(drawn_rows(&[], size(80, 24)), 0);
        assert_eq!(drawn_rows(&[40, 0, 79], size(80, 24)), 3);
        assert_eq!(drawn_rows(&[40, 0, 79], size(40, 24)), 4);
        assert_eq!(drawn_rows(&[40, 0, 79], size(10, 24)), 13);
        assert_eq!(drawn_rows(&[40, 0, 79], size(10, 4)), 3);
        assert!(redraw_text(&["x".to_owned()], &[79], size(40, 24)).starts_with("\x1b[2A\rx\x1b[K\n"));
    }

    #[test]
    fn can_redraw_depends_on_term_and_locale() {
        for (term, locale, is_able) in [
            (Some("xterm"), Some("en_GB.UTF-8"), true),
            (Some("screen"), Some("C.utf8"), true),
            (Some("linux"), None, true),
            (Some("xterm"), Some("POSIX"), false),
            (Some("xterm"), Some("de_DE.ISO-8859-1"), false),
            (Some("dumb"), Some("C.UTF-8"), false),
            (Some(""), None, false),
            (None, Some("C.UTF-8"), false),
        ] {
            assert_eq!(
                can_redraw_with(term.map(OsString::from), locale.map(OsStr::new)),
                is_able,
                "{term:?} {locale:?}"
            );
        }
    }

    #[test]
    fn unknown_terminal_size_is_80x24() {
        assert_eq!(Room::of(0, 0), DEFAULT_SIZE);
        assert_eq!(Room::of(40, 0), Room { columns: 40, rows: 24 });
    }
}
