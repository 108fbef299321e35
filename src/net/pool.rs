//! Pool of spare buffers.
//!
//! An idle connection owns no buffer. It leases one while its socket is readable or output waits, and returns the
//! empty buffer.

use std::sync::Arc;
use std::time::Instant;

use super::send_queue::SegmentQueue;
use super::{Bandwidth, SendQueue};
use crate::reactor::{Next, Now};

/// As many connections as read before one advances. More would stay in memory after a burst.
const SPARES_MAX: usize = 16;
/// Capacity above which a send buffer, grown by a large response, is freed.
const SPARE_QUEUE_LEN_MAX: usize = 128 * 1024;

/// Steps of handshakes per tick. A step takes about 0.2 ms, so that established connections wait 1 ms.
const HANDSHAKES_PER_TICK_MAX: u32 = 4;

/// Spent budgets in a tick after which the next ones are halved: hundreds of readers must not make others wait.
const FULL_BUDGETS: u32 = 32;
/// Most halvings of a budget.
const HALVINGS_MAX: u32 = 3;

/// Divisor of the limit: so much must be free before reading goes on.
const FREE_SHARES: usize = 16;

/// Bytes that the process uses, and the most.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLimit {
    /// Counts the bytes in use.
    pub used: fn() -> usize,
    /// Bytes above which nothing is read.
    pub max: usize,
}

/// Spare buffers of one reactor, and what its tick may take: handshakes and memory.
#[derive(Debug)]
pub struct Pool {
    pub(super) recv_buf_len: usize,
    recv_bufs: Vec<Box<[u8]>>,
    #[expect(
        clippy::vec_box,
        reason = "they are lent in their boxes: to box one anew would be an allocation"
    )]
    segment_queues: Vec<Box<SegmentQueue>>,
    handshakes: (Option<Instant>, u32),
    memory: Option<MemoryLimit>,
    is_short: bool,
    /// In this tick, by all connections.
    spent_budgets: u32,
    bandwidth: Option<Arc<Bandwidth>>,
    /// Set while the bandwidth is spent.
    resume_at: Option<Instant>,
    /// Bytes that a connection may send in a tick.
    share_len_max: usize,
}

impl Pool {
    /// An empty pool; receive buffers have `recv_buf_len` bytes. Connections read nothing while `memory` is short.
    pub fn new(recv_buf_len: usize, memory: Option<MemoryLimit>) -> Self {
        let (recv_bufs, segment_queues, handshakes) = (Vec::new(), Vec::new(), (None, 0));
        Self {
            recv_buf_len,
            recv_bufs,
            segment_queues,
            handshakes,
            memory,
            is_short: false,
            spent_budgets: 0,
            bandwidth: None,
            resume_at: None,
            share_len_max: usize::MAX,
        }
    }

    /// Bounds what connections send, together with pools that share `bandwidth`.
    pub fn limit_bandwidth(&mut self, bandwidth: Arc<Bandwidth>) {
        self.share_len_max = bandwidth.share_len();
        self.bandwidth = Some(bandwidth);
    }

    /// To be called between two ticks.
    pub fn begin_tick(&mut self) {
        self.spent_budgets = 0;
    }

    /// End of the pause if the bandwidth is spent.
    pub fn resume_at(&self) -> Option<Instant> {
        self.resume_at
    }

    /// Whether the bandwidth is spent.
    pub fn is_pausing(&mut self, now: Now) -> bool {
        if let Some(bandwidth) = &self.bandwidth
            && self.resume_at.is_some_and(|at| at <= now.instant)
        {
            (self.resume_at, self.share_len_max) = (None, bandwidth.share_len());
        }
        self.resume_at.is_some()
    }

    /// To be called after the tick of a connection: what it has sent, and whether more is queued. Returns what it must
    /// do next.
    #[inline]
    pub fn after_tick(&mut self, next: Next, output: impl FnOnce() -> (u64, bool), now: Now) -> Next {
        self.spent_budgets += u32::from(next == Next::Again);
        if self.bandwidth.is_some() { self.spend_bandwidth(next, output(), now) } else { next }
    }

    #[cold]
    fn spend_bandwidth(&mut self, next: Next, (sent_len, is_more_queued): (u64, bool), now: Now) -> Next {
        let Some(bandwidth) = &self.bandwidth else { return next };
        if sent_len > 0
            && let Some(resume_at) = bandwidth.on_sent(sent_len, now.instant)
        {
            (self.resume_at, self.share_len_max) = (Some(resume_at), 0);
        }
        // The one that has spent the rest gets behind those that had no share.
        let has_no_share = sent_len == 0 && is_more_queued && self.resume_at.is_some();
        if next == Next::Again && has_no_share { Next::Hold } else { next }
    }

    /// The part of `budget` that a connection may use in this tick.
    pub(super) fn share_of(&self, budget: usize) -> usize {
        (budget >> (self.spent_budgets / FULL_BUDGETS).min(HALVINGS_MAX)).min(self.share_len_max)
    }

    /// Whether memory is short, as of the last look.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Looks whether memory is short. A shortage ends when a sixteenth of the limit is free.
    pub fn check_memory(&mut self) -> bool {
        let kept_free = |max: usize| if self.is_short { max / FREE_SHARES } else { 0 };
        self.is_short = self.memory.is_some_and(|limit| (limit.used)() > limit.max - kept_free(limit.max));
        self.is_short
    }

    /// To be called after a connection has kept memory. The application must learn of the end of a shortage, so only
    /// [`Self::check_memory`] ends one.
    #[cold]
    pub fn on_kept(&mut self) {
        if !self.is_short {
            self.check_memory();
        }
    }

    pub(super) fn take_handshake(&mut self, now: Now) -> bool {
        if self.handshakes.0 != Some(now.instant) {
            self.handshakes = (Some(now.instant), 0);
        }
        self.handshakes.1 += 1;
        self.handshakes.1 <= HANDSHAKES_PER_TICK_MAX
    }

    pub(super) fn lease_recv_buf(&mut self) -> Box<[u8]> {
        self.recv_bufs.pop().unwrap_or_else(|| vec![0; self.recv_buf_len].into_boxed_slice())
    }

    pub(super) fn return_recv_buf(&mut self, buffer: Box<[u8]>) {
        if self.recv_bufs.len() < SPARES_MAX && buffer.len() == self.recv_buf_len {
            self.recv_bufs.push(buffer);
        }
    }

    /// Queueing then allocates nothing.
    pub(super) fn lease_segments(&mut self, send_queue: &mut SendQueue) {
        send_queue.queue.get_or_insert_with(|| self.segment_queues.pop().unwrap_or_default());
    }

    #[inline(always)]
    pub(super) fn return_segments(&mut self, send_queue: &mut SendQueue) {
        if !send_queue.is_empty() {
            self.on_kept();
        } else if let Some(queue) = send_queue.queue.take()
            && self.segment_queues.len() < SPARES_MAX
            && queue.inline.capacity() <= SPARE_QUEUE_LEN_MAX
        {
            self.segment_queues.push(queue);
        }
    }
}
