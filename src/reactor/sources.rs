//! Event sources besides sockets: signals, another descriptor, and a timerfd.
//!
//! A signal handler writes to a pipe that the loop reads. The descriptor is a pipe or a terminal that the
//! application reads beside its connections; the loop only tells that there may be something. The timerfd
//! wakes the loop on time: epoll counts in milliseconds, which is too coarse for a schedule of sending.
//! What signals mean and what is due is the application's affair. Time is an argument.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use signal_hook_mio::v1_0::Signals as SignalPipe;

use super::token::TokenKind;

/// What is nearer than this is not slept for: falling asleep and waking up take longer.
const SLEEP_MIN: Duration = Duration::from_micros(5);

/// The watched signals, none until [`Signals::watch`].
#[derive(Default)]
pub(super) struct Signals(Option<SignalPipe>);

impl Signals {
    pub(super) fn watch(&mut self, registry: &Registry, numbers: &[c_int]) -> io::Result<()> {
        let mut source = SignalPipe::new(numbers)?;
        registry.register(&mut source, TokenKind::Signals.token(), Interest::READABLE)?;
        self.0 = Some(source);
        Ok(())
    }

    /// Moves the numbers of the signals that have come to `received`.
    pub(super) fn take(&mut self, received: &mut Vec<c_int>) {
        if let Some(source) = &mut self.0 {
            received.extend(source.pending());
        }
    }
}

/// The watched descriptor, none until [`FdSource::watch`].
#[derive(Default)]
pub(super) struct FdSource(Option<OwnedFd>);

impl FdSource {
    pub(super) fn watch(&mut self, registry: &Registry, fd: OwnedFd) -> io::Result<()> {
        let token = TokenKind::Fd.token();
        match registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE) {
            // What epoll does not take, a regular file, never has to be waited for.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.0 = Some(fd);
                Ok(())
            }
        }
    }
}

/// The timer, and the moment it is set to.
#[derive(Debug)]
pub(super) struct TimerFd {
    timer: OwnedFd,
    armed_for: Option<Instant>,
}

impl TimerFd {
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), TokenKind::Timer.token(), Interest::READABLE)?;
        Ok(Self { timer, armed_for: None })
    }

    /// Sees to it that the loop wakes at `deadline`; `false` when that is now. Each expiry is an event of its
    /// own, so the timer never has to be read.
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
