//! The clock: read once a turn and handed down as an argument, and within a turn where latencies or an alarm need
//! it; and the processor time of a thread.
//!
//! This is the only file of the library that reads the time; everything else is given a [`Now`],
//! which is why timer tests can run in virtual time.

use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Mode, OFlags, open};
use rustix::time::{ClockId, clock_gettime};

/// What the kernel's scheduler tells of a thread, if it keeps account of it: three numbers, of which the
/// first two are nanoseconds on a processor, and nanoseconds of waiting for one.
const SCHEDULE_FILE: &str = "/proc/thread-self/schedstat";

/// What tells how late it has become within a turn. Measuring needs that: in a turn of many connections
/// the turn's own moment is long past when the last of them is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The kernel's clock.
    Running,
    /// It stands still from one turn to the next: virtual time.
    Frozen,
}

impl Clock {
    /// The present moment, in a turn that began at `tick`.
    pub fn at(self, tick: Now) -> Instant {
        match self {
            Self::Running => Instant::now(),
            Self::Frozen => tick.instant,
        }
    }
}

/// The processor time that has been used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// By this thread.
    pub thread: Duration,
    /// For how long this thread was ready to run and waited for a processor; nothing if the kernel does
    /// not tell.
    pub waited: Option<Duration>,
}

impl CpuTime {
    /// Reads what this thread has used, and waited.
    pub fn read() -> Self {
        let thread = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
        Self { thread, waited: read_waited() }
    }
}

fn read_waited() -> Option<Duration> {
    // Three numbers of 64 bits fit.
    let mut text = [0; 64];
    let file = open(SCHEDULE_FILE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let len = rustix::io::read(&file, &mut text).ok()?;
    parse_waited(text.get(..len)?)
}

/// The second number, unless the first is nought: a thread that runs has used something, so no account is
/// kept.
fn parse_waited(text: &[u8]) -> Option<Duration> {
    let mut numbers = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let used: u64 = numbers.next()?.parse().ok()?;
    let waited = numbers.next()?.parse().ok()?;
    (used > 0).then(|| Duration::from_nanos(waited))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_waited_reads_schedstat_or_gives_none() {
        for (text, nanos) in [
            ("107220 3753497 2\n", Some(3_753_497)),
            ("18446744073709551615 18446744073709551615 18446744073709551615\n", Some(u64::MAX)),
            ("5 0 1\n", Some(0)),
            ("0 0 0\n", None),
            ("5\n", None),
            ("", None),
            ("five 5 5\n", None),
            ("5 -5 5\n", None),
        ] {
            assert_eq!(parse_waited(text.as_bytes()), nanos.map(Duration::from_nanos), "{text:?}");
        }
        assert_eq!(parse_waited(&[b'5', b' ', 0xff]), None);
    }
}
