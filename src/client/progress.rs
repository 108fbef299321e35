//! Progress bar of a transfer.
//!
//! Only on a terminal, and only after 0.5 s: short transfers need none.

use std::io::{self, IsTerminal};
use std::mem;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const BAR_DELAY: Duration = Duration::from_millis(500);
const STYLE_SIZED: &str =
    "{msg}{bar:40} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
const STYLE_UNSIZED: &str = "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}";

pub(super) struct TransferProgress {
    is_enabled: bool,
    due: Option<Instant>,
    /// Hidden at first, to measure the rate from the start.
    bar: ProgressBar,
}

impl TransferProgress {
    pub(super) fn new(wanted: bool) -> Self {
        Self { is_enabled: wanted && io::stderr().is_terminal(), due: None, bar: ProgressBar::hidden() }
    }

    pub(super) fn begin(&mut self, total_len: Option<u64>, now: Instant) {
        if self.is_enabled {
            self.due = Some(now + BAR_DELAY);
            let template = if total_len.is_some() { STYLE_SIZED } else { STYLE_UNSIZED };
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(total_len, ProgressDrawTarget::hidden());
            self.bar = bar.with_style(style);
        }
    }

    pub(super) fn set_position(&self, len: u64) {
        self.bar.set_position(len);
    }

    pub(super) fn set_label(&self, label: impl FnOnce() -> String) {
        if self.is_enabled {
            self.bar.set_message(label());
        }
    }

    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    pub(super) fn tick(&mut self, now: Instant) -> Option<Instant> {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.tick();
        }
        self.due
    }

    pub(super) fn clear(&mut self) {
        self.due = None;
        mem::replace(&mut self.bar, ProgressBar::hidden()).finish_and_clear();
    }
}
