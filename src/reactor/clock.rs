//! Time and thread CPU time.
//!
//! The only file that reads time; all else gets [`Now`], so that timer tests run in virtual time.

use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Mode, OFlags, open};
use rustix::time::{ClockId, clock_gettime};

/// Scheduler statistics: nanoseconds on a processor, nanoseconds of waiting for one, a third number.
const SCHEDULE_FILE: &str = "/proc/thread-self/schedstat";

/// Time source of measurements, because [`Now`] is old at the end of a tick with many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The kernel's clock.
    Running,
    /// Virtual time, constant within a tick.
    Frozen,
}

impl Clock {
    /// Present time in the tick that began at `tick`.
    pub fn at(self, tick: Now) -> Instant {
        match self {
            Self::Running => Instant::now(),
            Self::Frozen => tick.instant,
        }
    }
}

/// CPU time of a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Time on a processor.
    pub thread: Duration,
    /// Time of waiting for a processor; `None` if the kernel does not count it.
    pub waited: Option<Duration>,
}

impl CpuTime {
    /// Reads both for this thread.
    pub fn read() -> Self {
        let thread = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
        Self { thread, waited: read_waited() }
    }
}

fn read_waited() -> Option<Duration> {
    // Fits three 64-bit numbers.
    let mut text = [0; 64];
    let file = open(SCHEDULE_FILE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let len = rustix::io::read(&file, &mut text).ok()?;
    parse_waited(text.get(..len)?)
}

/// Second number, or `None` if the first is 0: a running thread has used time, so the kernel does not count.
fn parse_waited(text: &[u8]) -> Option<Duration> {
    let mut numbers = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let used: u64 = numbers.next()?.parse().ok()?;
    let waited = numbers.next()?.parse().ok()?;
    (used > 0).then(|| Duration::from_nanos(waited))
}

/// One moment by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic clock, for deadlines and durations.
    pub instant: Instant,
    /// Wall clock since the Unix epoch, for `Date` and logs.
    pub unix: Duration,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self { instant: Instant::now(), unix: unix.unwrap_or_default() }
    }

    /// This moment plus `later`, for virtual time.
    pub fn after(self, later: Duration) -> Self {
        Self { instant: self.instant + later, unix: self.unix + later }
    }

    /// Time since this moment, for logged durations only.
    ///
    /// A small response leaves in the tick of its request, so [`Now`] alone gives 0.
    pub fn age(self) -> Duration {
        Instant::now().saturating_duration_since(self.instant)
    }

    /// Whole seconds since the Unix epoch.
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
