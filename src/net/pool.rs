//! Buffers that connections borrow while they have bytes to hold, and only then.
//!
//! An idle connection owns no buffer: it leases one when its socket is readable or something is to
//! be sent, and gives it back when it is empty. It knows nothing of what the bytes mean.

use super::SendQueue;
use super::send_queue::SegmentQueue;

/// Spare buffers kept for reuse; more than this many are freed. It bounds what a burst leaves
/// behind (64 inboxes of 16 KiB are 1 MiB).
const SPARES_MAX: usize = 64;
/// An outbox that a large answer has blown up beyond this is freed instead of kept.
const SPARE_QUEUE_LEN_MAX: usize = 128 * 1024;

/// The spare buffers of one reactor.
#[derive(Debug)]
pub struct Pool {
    recv_buf_len: usize,
    recv_bufs: Vec<Box<[u8]>>,
    #[expect(
        clippy::vec_box,
        reason = "they are lent in their boxes: to box one anew would be an allocation"
    )]
    segment_queues: Vec<Box<SegmentQueue>>,
}

impl Pool {
    /// A pool whose inboxes hold `recv_buf_len` bytes each.
    pub fn new(recv_buf_len: usize) -> Self {
        Self { recv_buf_len, recv_bufs: Vec::new(), segment_queues: Vec::new() }
    }

    pub(super) fn lease_recv_buf(&mut self) -> Box<[u8]> {
        self.recv_bufs.pop().unwrap_or_else(|| vec![0; self.recv_buf_len].into_boxed_slice())
    }

    pub(super) fn return_recv_buf(&mut self, buffer: Box<[u8]>) {
        if self.recv_bufs.len() < SPARES_MAX {
            self.recv_bufs.push(buffer);
        }
    }

    /// Gives the outbox a buffer, so that what is queued needs no allocation.
    pub(super) fn lease_segments(&mut self, send_queue: &mut SendQueue) {
        send_queue.queue.get_or_insert_with(|| self.segment_queues.pop().unwrap_or_default());
    }

    /// Takes the buffer of the outbox back if nothing waits in it.
    pub(super) fn return_segments(&mut self, send_queue: &mut SendQueue) {
        if send_queue.is_empty()
            && let Some(queue) = send_queue.queue.take()
            && self.segment_queues.len() < SPARES_MAX
            && queue.inline.capacity() <= SPARE_QUEUE_LEN_MAX
        {
            self.segment_queues.push(queue);
        }
    }
}
