//! The progress bar of a body that is being saved and takes its time.
//!
//! It appears on a terminal only, and only when saving has taken half a second: what is quick needs
//! no bar. Time is an argument.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long saving takes before it is worth a bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// With a length: how much of it, how fast, and how long it still takes.
const STYLE_SIZED: &str = "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
/// Without: how much so far, and how fast.
const STYLE_UNSIZED: &str = "{spinner} {bytes}  {bytes_per_sec}";

/// A progress bar that may never be seen.
pub(super) struct Progress {
    wanted: bool,
    since: Instant,
    total_len: Option<u64>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// No bar yet; none ever unless `wanted` and standard error is a terminal.
    pub(super) fn new(now: Instant, wanted: bool) -> Self {
        Self { wanted: wanted && io::stderr().is_terminal(), since: now, total_len: None, bar: None }
    }

    /// The body begins; only one that is saved to a file has a bar.
    pub(super) fn begin(&mut self, saved: bool, now: Instant) {
        self.wanted &= saved;
        self.since = now;
    }

    /// So many bytes will come.
    pub(super) fn expect(&mut self, total_len: u64) {
        self.total_len = Some(total_len);
    }

    /// So many bytes have come.
    pub(super) fn moved(&mut self, len: u64, now: Instant) {
        if !self.wanted || now.saturating_duration_since(self.since) < PATIENCE {
            return;
        }
        self.bar.get_or_insert_with(|| draw(self.total_len)).set_position(len);
    }

    /// Takes the bar away: words follow.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn draw(total_len: Option<u64>) -> ProgressBar {
    let template = if total_len.is_some() { STYLE_SIZED } else { STYLE_UNSIZED };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(total_len, ProgressDrawTarget::stderr()).with_style(style)
}
