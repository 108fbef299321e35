//! The clock, read once a turn and handed down as an argument.
//!
//! This is the only file of the library that reads the time; everything else is given a [`Now`],
//! which is why timer tests can run in virtual time.

use std::time::{Duration, Instant, SystemTime};

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
