//! The clock, read once a turn and handed down as an argument.
//!
//! This is the only file of the library that reads the time; everything else is given a [`Now`],
//! which is why timer tests can run in virtual time.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// What tells how late it has become within a turn. Measuring needs that: in a turn of many connections
/// the turn's own moment is long past when the last of them is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The kernel's clock.
    Running,
    /// It stands still from one turn to the next: virtual time.
    Still,
}

impl Clock {
    /// The present moment, in a turn that began at `turn`.
    pub fn at(self, turn: Now) -> Instant {
        match self {
            Self::Running => Instant::now(),
            Self::Still => turn.instant,
        }
    }
}

/// The processor time that has been used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// By this thread.
    pub thread: Duration,
    /// By all threads of the process.
    pub process: Duration,
}

impl CpuTime {
    /// Reads both.
    pub fn read() -> Self {
        let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        Self { thread: read(ClockId::ThreadCPUTime), process: read(ClockId::ProcessCPUTime) }
    }
}

/// One moment, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: for deadlines and durations.
    pub instant: Instant,
    /// The wall clock, since 1970-01-01T00:00:00Z: for `Date` fields and logs.
    pub unix: Duration,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self { instant: Instant::now(), unix: unix.unwrap_or_default() }
    }

    /// The same moment, `later` on, by both clocks: for virtual time.
    pub fn after(self, later: Duration) -> Self {
        Self { instant: self.instant + later, unix: self.unix + later }
    }

    /// How long ago this was: what a turn has taken so far, if it is the turn's own moment. Durations
    /// that logs tell of would be zero without it, for a small answer leaves in the turn in which its
    /// request came; nothing else may depend on it.
    pub fn age(self) -> Duration {
        Instant::now().saturating_duration_since(self.instant)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_secs(self) -> u64 {
        self.unix.as_secs()
    }
}
