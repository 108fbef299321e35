//! Counters of a worker: connections, responses, bytes, cache look-ups.
//!
//! SIGUSR2 prints the sum of all workers. The number exchange is not counted.

use std::ops::Add;
use std::{array, fmt};

use crate::files::CacheLookups;
use crate::http::Status;
use crate::net::CloseReason;

const CLOSE_KINDS: [&str; 10] = [
    "finished",
    "peer-closed",
    "peer-closed-early",
    "timed-out",
    "refused",
    "shutdown",
    "failed",
    "handshake-failed",
    "panicked",
    "evicted",
];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(super) accepted: u64,
    closed: [u64; CLOSE_KINDS.len()],
    /// By the first status digit, from 1.
    responses: [u64; 5],
    pub(super) received_len: u64,
    pub(super) sent_len: u64,
    pub(super) request_cache_hits: u64,
    pub(super) lookups: CacheLookups,
}

impl Stats {
    pub(super) fn count_closed(&mut self, reason: CloseReason) {
        let kind = match reason {
            CloseReason::Finished => 0,
            CloseReason::PeerClosed => 1,
            CloseReason::PeerClosedEarly => 2,
            CloseReason::TimedOut(_) => 3,
            CloseReason::Refused(_) => 4,
            CloseReason::Shutdown => 5,
            CloseReason::ConnectFailed(_)
            | CloseReason::Failed(_)
            | CloseReason::FileTruncated
            | CloseReason::FileFailed(_) => 6,
            CloseReason::HandshakeFailed => 7,
            CloseReason::Evicted => 9,
        };
        self.closed[kind] += 1;
    }

    pub(super) fn count_panic(&mut self) {
        self.closed[8] += 1;
    }

    pub(super) fn count_response(&mut self, status: Status) {
        if let Some(count) = self.responses.get_mut(usize::from(status.code() / 100).wrapping_sub(1)) {
            *count += 1;
        }
    }
}

impl Add for Stats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            closed: array::from_fn(|i| self.closed[i] + other.closed[i]),
            responses: array::from_fn(|i| self.responses[i] + other.responses[i]),
            received_len: self.received_len + other.received_len,
            sent_len: self.sent_len + other.sent_len,
            request_cache_hits: self.request_cache_hits + other.request_cache_hits,
            lookups: self.lookups + other.lookups,
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.accepted.saturating_sub(self.closed.iter().sum());
        write!(f, "stats: accepted={} open={open}", self.accepted)?;
        for (kind, count) in CLOSE_KINDS.iter().zip(self.closed) {
            write!(f, " closed.{kind}={count}")?;
        }
        for (class, count) in (1..).zip(self.responses) {
            write!(f, " responses.{class}xx={count}")?;
        }
        let hits = self.request_cache_hits + self.lookups.hits;
        let (received, sent, misses) = (self.received_len, self.sent_len, self.lookups.misses);
        write!(f, " bytes.in={received} bytes.out={sent} cache.hits={hits} cache.misses={misses}")
    }
}
