//! timerfd wrapper.
//!
//! epoll counts in milliseconds, which is too coarse for a schedule of requests.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::token::TIMER;

/// A shorter wait is not slept: sleep and wake take longer.
const SLEEP_MIN: Duration = Duration::from_micros(5);

pub(super) struct TimerFd {
    timer: OwnedFd,
    armed_for: Option<Instant>,
}

impl TimerFd {
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self { timer, armed_for: None })
    }

    /// Wakes the loop at `deadline`; `false` if that is now. Each expiry is a new event: no read is needed.
    pub(super) fn arm(&mut self, deadline: Instant, now: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(now);
        if left < SLEEP_MIN {
            return Ok(false);
        }
        if self.armed_for != Some(deadline) {
            let no_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let setting = Itimerspec { it_interval: no_interval, it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
            self.armed_for = Some(deadline);
        }
        Ok(true)
    }
}
