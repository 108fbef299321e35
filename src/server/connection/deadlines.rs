//! How long a connection waits for its peer, and what moved bytes buy of that time.
//!
//! Owns the one deadline of the present state and what it follows from: the silence before a request,
//! the age of a head, the rate of a body or an answer. It reads no clock and closes nothing.

use std::time::{Duration, Instant};

use crate::server::ServerConfig;

/// A peer must send or take something within this time ...
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// ... and at this rate in bytes per second: what it has moved buys it time.
const RATE_MIN: u64 = 1024;
/// What a peer has taken at once buys no more than this, so that a fast start does not excuse a stall.
const EARNED_TIME_MAX: Duration = Duration::from_secs(300);
/// What must be known before a head is gathered for no longer than this: somebody waits for it.
const PREPARING_TIMEOUT: Duration = Duration::from_secs(10);

/// The deadline of one connection.
#[derive(Debug)]
pub(super) struct Deadlines {
    deadline: Instant,
    /// When the first byte of the head that is being read came.
    head_since: Option<Instant>,
    /// What had been sent when the write deadline was set.
    sent_before: u64,
}

impl Deadlines {
    /// For a connection that has just been accepted.
    pub(super) fn new(idle_timeout: Duration, now: Instant) -> Self {
        Self { deadline: now + idle_timeout, head_since: None, sent_before: 0 }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether nothing of a request has come.
    pub(super) fn is_idle(&self) -> bool {
        self.head_since.is_none()
    }

    /// There is none left.
    pub(super) fn expire_now(&mut self, now: Instant) {
        self.deadline = now;
    }

    /// The head is whole, or will never be.
    pub(super) fn end_head(&mut self) {
        self.head_since = None;
    }

    /// Waits for a request, or for the rest of one of which something `has_begun` to come.
    pub(super) fn start_head(&mut self, has_begun: bool, config: &ServerConfig, now: Instant) {
        if self.head_since.is_none() && has_begun {
            self.head_since = Some(now);
        }
        let since = self.head_since.map(|since| since + config.header_timeout);
        self.deadline = since.unwrap_or(now + config.idle_timeout);
    }

    /// Waits for a body.
    pub(super) fn start_body(&mut self, now: Instant) {
        self.deadline = now + STALL_TIMEOUT;
    }

    /// Waits for the next piece of a body: each moves the deadline, but never beyond what the least
    /// rate allows from the start.
    pub(super) fn extend_body(&mut self, since: Instant, received_len: u64, now: Instant) {
        let earned = since + STALL_TIMEOUT + earned_time(received_len);
        self.deadline = earned.min(now + STALL_TIMEOUT);
    }

    /// Waits for our own side to find out what must be known before a head.
    pub(super) fn start_preparing(&mut self, now: Instant) {
        self.deadline = now + PREPARING_TIMEOUT;
    }

    /// Waits for room.
    pub(super) fn start_write(&mut self, sent_total: u64, now: Instant) {
        // Nothing is read meanwhile, so the time of a head that has begun is not the peer's.
        self.head_since = None;
        self.deadline = now + STALL_TIMEOUT;
        self.sent_before = sent_total;
    }

    /// Whether the peer has more time, since it has taken enough after the deadline was set: a trickle
    /// buys less and less of it, until it buys none.
    pub(super) fn extend_write(&mut self, sent_total: u64, now: Instant) -> bool {
        let earned = earned_time(sent_total.saturating_sub(self.sent_before)).min(EARNED_TIME_MAX);
        self.sent_before = sent_total;
        self.deadline = now + earned;
        !earned.is_zero()
    }
}

/// The time that moved bytes buy.
fn earned_time(moved_len: u64) -> Duration {
    Duration::from_secs(moved_len / RATE_MIN)
}
