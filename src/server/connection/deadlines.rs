//! Deadline of one connection: idle, head, body, preparation, write.
//!
//! Each KiB that the peer sends or takes extends the deadline by 1 s. This module never reads a clock or closes a
//! connection.

use std::time::{Duration, Instant};

use crate::server::ServerConfig;

/// First deadline of a write, and the longest wait for body input. Sent bytes can extend a write by
/// `EARNED_TIME_MAX` more.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Minimum rate in bytes per second: this many bytes extend the deadline by 1 s.
const RATE_MIN: u64 = 1024;
/// Longest extension at once: a stall after a fast start must end.
const EARNED_TIME_MAX: Duration = Duration::from_secs(300);
/// Limit for `Preparing`: a client waits for the head.
const PREPARING_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Deadlines {
    deadline: Instant,
    head_since: Option<Instant>,
    sent_before: u64,
}

impl Deadlines {
    pub(super) fn new(idle_timeout: Duration, now: Instant) -> Self {
        Self { deadline: now + idle_timeout, head_since: None, sent_before: 0 }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn is_idle(&self) -> bool {
        self.head_since.is_none()
    }

    pub(super) fn expire_now(&mut self, now: Instant) {
        self.deadline = now;
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

    /// Moves the deadline after input, as far as [`RATE_MIN`] allows since the start.
    pub(super) fn extend_body(&mut self, since: Instant, received_len: u64, now: Instant) {
        let earned = since + STALL_TIMEOUT + earned_time(received_len);
        self.deadline = earned.min(now + STALL_TIMEOUT);
    }

    pub(super) fn start_preparing(&mut self, now: Instant) {
        self.deadline = now + PREPARING_TIMEOUT;
    }

    pub(super) fn start_write(&mut self, sent_total: u64, now: Instant) {
        // Reading pauses, so the age of a begun head is not the peer's fault.
        self.head_since = None;
        self.deadline = now + STALL_TIMEOUT;
        self.sent_before = sent_total;
    }

    /// Extends the deadline by 1 s for each KiB sent since the last call. False if there is none.
    ///
    /// A slow peer gets a shorter extension each time.
    pub(super) fn extend_write(&mut self, sent_total: u64, now: Instant) -> bool {
        let earned = earned_time(sent_total.saturating_sub(self.sent_before)).min(EARNED_TIME_MAX);
        self.sent_before = sent_total;
        self.deadline = now + earned;
        !earned.is_zero()
    }
}

fn earned_time(moved_len: u64) -> Duration {
    Duration::from_secs(moved_len / RATE_MIN)
}
