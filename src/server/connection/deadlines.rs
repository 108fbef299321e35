//! Deadline of one connection: idle, head, body, preparation, write.
//!
//! Each KiB that the peer sends or takes extends the deadline by 1 s. Never reads a clock or closes a connection.

use std::time::{Duration, Instant};

use crate::server::ServerConfig;

/// Longest wait for body input, and for a reader that has acknowledged less than [`PAUSE_LEN_MIN`].
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Minimum rate in bytes per second: this many bytes extend the deadline by 1 s.
const RATE_MIN: u64 = 1024;
/// Longest pause of a reader that has taken [`PAUSE_LEN_MIN`]: players of films stop reading while paused.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(120);
/// More than the buffers of a peer that reads nothing: its system acknowledges what it stores.
const PAUSE_LEN_MIN: u64 = 4 * 1024 * 1024;
/// Interval at which a writer asks what the peer has acknowledged: its progress is known this late.
const ACK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Limit for `Preparing`: a client waits for the head.
const PREPARING_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Deadlines {
    pub(super) deadline: Instant,
    head_since: Option<Instant>,
    /// Beyond `deadline`. 32 bits: each idle connection holds this.
    write_left_millis: u32,
    acked_secs: u32,
}

impl Deadlines {
    pub(super) fn new(idle_timeout: Duration, now: Instant) -> Self {
        Self { deadline: now + idle_timeout, head_since: None, write_left_millis: 0, acked_secs: 0 }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.head_since.is_none()
    }

    /// Time since a wait of `timeout` began.
    pub(super) fn waited(&self, timeout: Duration, now: Instant) -> Duration {
        timeout.saturating_sub(self.deadline.saturating_duration_since(now))
    }

    /// How far the peer is behind [`RATE_MIN`]. Progress counts in steps of 1 s.
    pub(super) fn behind(&self, is_writing: bool, now: Instant) -> Duration {
        let left = if is_writing { self.write_left_millis } else { 0 };
        self.waited(STALL_TIMEOUT, now)
            .saturating_sub(Duration::from_millis(left.into()) + ACK_CHECK_INTERVAL)
    }

    pub(super) fn end_head(&mut self) {
        self.head_since = None;
    }

    pub(super) fn start_head(&mut self, has_begun: bool, config: &ServerConfig, now: Instant) {
        if self.head_since.is_none() && has_begun {
            self.head_since = Some(now);
        }
        let since = self.head_since.map(|since| since + config.header_timeout);
        self.deadline = since.unwrap_or(now + config.idle_timeout);
    }

    pub(super) fn start_body(&mut self, now: Instant) {
        self.deadline = now + STALL_TIMEOUT;
    }

    /// As far as [`RATE_MIN`] allows since the start.
    pub(super) fn extend_body(&mut self, since: Instant, received_len: u64, now: Instant) {
        let earned = since + STALL_TIMEOUT + Duration::from_secs(received_len / RATE_MIN);
        self.deadline = earned.min(now + STALL_TIMEOUT);
    }

    pub(super) fn start_preparing(&mut self, helper_timeout: Option<Duration>, now: Instant) {
        self.deadline = now + helper_timeout.unwrap_or(PREPARING_TIMEOUT);
    }

    pub(super) fn start_write(&mut self, now: Instant) {
        // Reading pauses, so the age of a begun head is not the peer's fault.
        self.head_since = None;
        self.write_left_millis = millis(STALL_TIMEOUT);
        self.extend_write(now);
    }

    /// A trickle earns less than it takes.
    pub(super) fn on_acked(&mut self, acked_total: u64, now: Instant) {
        let acked_secs = u32::try_from(acked_total / RATE_MIN).unwrap_or(u32::MAX);
        let earned = acked_secs.saturating_sub(self.acked_secs).saturating_mul(1000);
        let left =
            self.write_left_millis.saturating_sub(millis(now.saturating_duration_since(self.deadline)));
        let pause_max = if acked_total < PAUSE_LEN_MIN { STALL_TIMEOUT } else { PAUSE_TIMEOUT };
        self.write_left_millis = left.saturating_add(earned).min(millis(pause_max));
        self.acked_secs = acked_secs;
    }

    pub(super) fn extend_write(&mut self, now: Instant) -> bool {
        let step = self.write_left_millis.min(millis(ACK_CHECK_INTERVAL));
        self.write_left_millis -= step;
        self.deadline = now + Duration::from_millis(step.into());
        step > 0
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_at_the_minimum_rate_is_never_behind() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(STALL_TIMEOUT, start);
        deadlines.start_write(start);
        for tenths in 0..1000 {
            let now = start + Duration::from_millis(100) * tenths;
            deadlines.on_acked(u64::from(tenths) * RATE_MIN / 10, now);
            assert_eq!(deadlines.behind(true, now), Duration::ZERO, "{tenths}");
            if deadlines.deadline <= now {
                assert!(deadlines.extend_write(now), "{tenths}");
            }
        }
    }

    #[test]
    fn silent_reader_falls_behind_as_time_passes() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(STALL_TIMEOUT, start);
        deadlines.start_write(start);
        for (secs, behind) in [(0, 0), (1, 0), (2, 1), (3, 2), (20, 19)] {
            let now = start + Duration::from_secs(secs);
            deadlines.on_acked(0, now);
            if deadlines.deadline <= now {
                deadlines.extend_write(now);
            }
            assert_eq!(deadlines.behind(true, now).as_secs(), behind, "{secs}");
        }
    }
}
