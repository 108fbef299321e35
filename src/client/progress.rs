//! The progress bar of a body that is being saved and takes its time.
//!
//! It appears on a terminal only, and only when saving has taken half a second: what is quick needs
//! no bar. Time is an argument.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long saving takes before it is worth a bar.
const BAR_DELAY: Duration = Duration::from_millis(500);
/// With a length: how much of it, how fast, and how long it still takes.
const STYLE_SIZED: &str =
    "{bar:40} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
/// Without: how much so far, and how fast.
const STYLE_UNSIZED: &str = "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}";

/// A progress bar that may never be seen.
pub(super) struct TransferProgress {
    is_enabled: bool,
    /// When the bar is to be shown, while it is still hidden.
    due: Option<Instant>,
    /// Hidden at first, so that it knows from the beginning how fast things move.
    bar: Option<ProgressBar>,
}

impl TransferProgress {
    /// No bar yet; none ever unless `wanted` and standard error is a terminal.
    pub(super) fn new(wanted: bool) -> Self {
        Self { is_enabled: wanted && io::stderr().is_terminal(), due: None, bar: None }
    }

    /// A body begins to be saved; its length may be known.
    pub(super) fn begin(&mut self, total_len: Option<u64>, now: Instant) {
        if self.is_enabled {
            self.due = Some(now + BAR_DELAY);
            let template = if total_len.is_some() { STYLE_SIZED } else { STYLE_UNSIZED };
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(total_len, ProgressDrawTarget::hidden());
            self.bar = Some(bar.with_style(style));
        }
    }

    /// So many bytes have come.
    pub(super) fn set_position(&self, len: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(len);
        }
    }

    /// Shows the bar when its time has come, even if nothing moves; tells when that will be.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Instant> {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            if let Some(bar) = &self.bar {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.tick();
            }
        }
        self.due
    }

    /// Takes the bar away, or calls it off: words follow.
    pub(super) fn clear(&mut self) {
        self.due = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
