//! Bandwidth of all connections together.
//!
//! One token bucket for all reactors. A reactor that finds it empty pauses its senders.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Unused bandwidth that may be caught up with: a loop that pauses wakes a millisecond late.
const BURST_TIME: Duration = Duration::from_millis(20);
/// Pause of a reactor that finds the bandwidth spent. Shorter than the burst, so that nothing is lost.
const PAUSE_TIME: Duration = Duration::from_millis(10);
/// Share of one connection in a tick, in parts of a second: small, so that many take turns.
const SHARES_PER_SEC: u64 = 1000;
/// Fewer bytes would cost a system call each.
const SHARE_LEN_MIN: u64 = 4 * 1024;

/// Bytes that all connections may send in a second.
#[derive(Debug)]
pub struct Bandwidth {
    bytes_per_sec: u64,
    /// End of the time whose bandwidth is spent.
    spent_until: Mutex<Option<Instant>>,
}

impl Bandwidth {
    /// At most `bytes_per_sec`, above 0.
    pub fn new(bytes_per_sec: u64) -> Self {
        Self { bytes_per_sec, spent_until: Mutex::default() }
    }

    /// Most bytes of one connection in a tick.
    pub(super) fn share_len(&self) -> usize {
        usize::try_from((self.bytes_per_sec / SHARES_PER_SEC).max(SHARE_LEN_MIN)).unwrap_or(usize::MAX)
    }

    /// Counts sent bytes. Returns the end of the pause if the bandwidth is spent.
    pub(super) fn on_sent(&self, len: u64, now: Instant) -> Option<Instant> {
        let time = Duration::from_secs_f64(len as f64 / self.bytes_per_sec as f64);
        let mut spent_until = self.spent_until.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST_TIME).unwrap_or(now);
        let until = spent_until.map_or(earliest, |until| until.max(earliest)) + time;
        *spent_until = Some(until);
        (until > now).then_some(until + PAUSE_TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_senders_that_pause_get_the_rate_together() {
        const BYTES_PER_SEC: u64 = 1024 * 1024;
        let (bandwidth, start) = (Bandwidth::new(BYTES_PER_SEC), Instant::now());
        let share_len = bandwidth.share_len() as u64;
        let (mut sent, mut resume_at) = ([0; 2], [start; 2]);
        for millis in 0..10_000 {
            let now = start + Duration::from_millis(millis);
            for (sent, resume_at) in sent.iter_mut().zip(&mut resume_at) {
                while *resume_at <= now {
                    *sent += share_len;
                    match bandwidth.on_sent(share_len, now) {
                        Some(at) => *resume_at = at,
                        None => *resume_at = now,
                    }
                }
            }
        }
        let total = sent[0] + sent[1];
        assert!((10 * BYTES_PER_SEC * 95 / 100..10 * BYTES_PER_SEC * 105 / 100).contains(&total), "{sent:?}");
    }

    #[test]
    fn unused_bandwidth_is_caught_up_with_for_20_ms() {
        let (bandwidth, start) = (Bandwidth::new(1_000_000), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(bandwidth.on_sent(1, at(0)), None);
        assert_eq!(bandwidth.on_sent(20_000, at(5000)), None);
        assert_eq!(bandwidth.on_sent(1000, at(5000)), Some(at(5011)));
    }
}
