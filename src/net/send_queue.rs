//! Send queue: segments that wait for room in the socket.
//!
//! [`SendQueue::flush`] is the only function that writes: one `send` or `sendmsg` for all ready bytes, `sendfile` for
//! file ranges. The inline bytes share one buffer, leased from the pool.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::os::fd::AsFd;
use std::rc::Rc;

use super::transport::send_file_copy;
use super::{CloseReason, IoOutcome, Transport};

/// Fits 16 pipelined responses of two segments.
const SLICES_MAX: usize = 32;

#[derive(Debug)]
struct Segment {
    len: u64,
    source: SegmentSource,
}

enum SegmentSource {
    Inline,
    Static(&'static [u8]),
    /// From this position on.
    Shared(Rc<[u8]>, usize),
    /// From this offset on.
    File(Rc<dyn AsFd>, u64),
    /// From this offset on, read into memory.
    FileCopy(Rc<dyn AsFd>, u64),
    /// Read when all before it is sent.
    Late(LateBytes),
}

/// Reads bytes of the promised length; `None` if the file has no such bytes any more.
pub(super) type LateBytes = Box<dyn Fn() -> Option<Rc<[u8]>>>;

impl fmt::Debug for SegmentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::mem::discriminant(self).fmt(f)
    }
}

#[derive(Debug, Default)]
pub(super) struct SegmentQueue {
    segments: VecDeque<Segment>,
    pub(super) inline: Vec<u8>,
    inline_sent: usize,
}

/// Position in the send queue, for [`SendQueue::queued_since`].
#[derive(Debug, Clone, Copy)]
pub struct SendPosition {
    inline_len: usize,
    queued_total: u64,
}

/// Segments that wait for space in the socket, and byte counts.
#[derive(Debug, Default)]
pub struct SendQueue {
    pub(super) queue: Option<Box<SegmentQueue>>,
    queued_total: u64,
    sent_total: u64,
    discarded: bool,
    /// The transport holds sent bytes: the last of them counts as unsent.
    is_held: bool,
}

impl SendQueue {
    /// Bytes that wait to be sent.
    pub fn len(&self) -> u64 {
        self.queued_total - self.sent_total()
    }

    /// Whether no bytes wait.
    pub fn is_empty(&self) -> bool {
        self.queued_total == self.sent_total()
    }

    /// Bytes queued since the connection began.
    pub fn queued_total(&self) -> u64 {
        self.queued_total
    }

    /// Bytes sent since the connection began.
    pub fn sent_total(&self) -> u64 {
        self.sent_total - u64::from(self.is_held)
    }

    /// The next byte's position.
    pub fn position(&mut self) -> SendPosition {
        // Reclaim now: the next push then moves no bytes.
        let queue = self.queue.get_or_insert_default();
        queue.reclaim();
        SendPosition { inline_len: queue.inline.len(), queued_total: self.queued_total }
    }

    /// Bytes from `start` to `position`, if [`Self::push_with`] queued them and no flush followed.
    pub fn queued_since(&self, start: SendPosition, position: u64) -> &[u8] {
        let len = usize::try_from(position.saturating_sub(start.queued_total)).unwrap_or(usize::MAX);
        let inline = self.queue.as_ref().map_or(&[][..], |queue| &queue.inline);
        inline.get(start.inline_len..start.inline_len.saturating_add(len)).unwrap_or_default()
    }

    /// Queues bytes that `write` appends.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let queue = self.queue.get_or_insert_default();
        queue.reclaim();
        let before = queue.inline.len();
        write(&mut queue.inline);
        let added = queue.inline.len().saturating_sub(before) as u64;
        match queue.segments.back_mut() {
            Some(Segment { len, source: SegmentSource::Inline }) => *len += added,
            _ if added > 0 => queue.segments.push_back(Segment { len: added, source: SegmentSource::Inline }),
            _ => {}
        }
        self.queued_total += added;
    }

    /// Queues static bytes.
    pub fn push_static(&mut self, bytes: &'static [u8]) {
        self.push(bytes.len() as u64, SegmentSource::Static(bytes));
    }

    /// Queues a part of shared bytes, clamped to their end, without a copy.
    pub fn push_shared(&mut self, bytes: Rc<[u8]>, part: Range<usize>) {
        let to = part.end.min(bytes.len());
        let from = part.start.min(to);
        self.push((to - from) as u64, SegmentSource::Shared(bytes, from));
    }

    /// Queues a file range.
    pub fn push_file(&mut self, file: Rc<dyn AsFd>, offset: u64, len: u64) {
        self.push(len, SegmentSource::File(file, offset));
    }

    /// Queues a file range that is copied when its turn comes: `sendfile` queues pages, which may change later.
    pub fn push_file_copy(&mut self, file: Rc<dyn AsFd>, offset: u64, len: u64) {
        self.push(len, SegmentSource::FileCopy(file, offset));
    }

    /// Queues bytes that are read as late as possible. `None` fails the connection.
    pub fn push_late(&mut self, len: u64, read: LateBytes) {
        self.push(len, SegmentSource::Late(read));
    }

    fn push(&mut self, len: u64, source: SegmentSource) {
        if len > 0 {
            self.queued_total += len;
            self.queue.get_or_insert_default().segments.push_back(Segment { len, source });
        }
    }

    /// Sends ready bytes within `budget`. `Done` includes pending output of the transport.
    pub fn flush(&mut self, to: &mut impl Transport, budget: &mut usize) -> IoOutcome {
        let sent_before = self.sent_total();
        let outcome = self.flush_segments(to, budget);
        // Output that no byte of the queue began, such as a key update, is not counted.
        self.is_held = to.has_pending_output() && self.sent_total > sent_before;
        outcome
    }

    fn flush_segments(&mut self, to: &mut impl Transport, budget: &mut usize) -> IoOutcome {
        let Some(queue) = &mut self.queue else { return flush_pending(to) };
        while let Some(front) = queue.segments.front_mut() {
            if *budget == 0 {
                return IoOutcome::BudgetSpent;
            }
            if let SegmentSource::Late(read) = &front.source {
                let Some(bytes) = read() else { return IoOutcome::Failed(CloseReason::FileTruncated) };
                front.source = SegmentSource::Shared(bytes, 0);
            }
            let is_file = matches!(front.source, SegmentSource::File(..) | SegmentSource::FileCopy(..));
            let file_len = usize::try_from(front.len).unwrap_or(usize::MAX);
            let (result, len_per_cost) = match &mut front.source {
                SegmentSource::File(file, offset) => {
                    let len_per_cost = to.file_len_per_byte();
                    let len = file_len.min(budget.saturating_mul(len_per_cost));
                    (to.send_file(file.as_fd(), offset, len), len_per_cost)
                }
                SegmentSource::FileCopy(file, offset) => {
                    (send_file_copy(to, file.as_fd(), offset, file_len.min(*budget)), 1)
                }
                _ => (queue.write(to, *budget), 1),
            };
            match result {
                Ok(0) if is_file => return IoOutcome::Failed(CloseReason::FileTruncated),
                Ok(0) => return IoOutcome::Failed(CloseReason::Failed(ErrorKind::WriteZero)),
                Ok(sent) => {
                    self.sent_total += sent as u64;
                    *budget = budget.saturating_sub(sent.div_ceil(len_per_cost));
                    queue.consume(sent as u64);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return IoOutcome::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_file && !is_socket_error(error.kind()) => {
                    return IoOutcome::Failed(CloseReason::FileFailed(error.kind()));
                }
                Err(error) => return IoOutcome::Failed(CloseReason::Failed(error.kind())),
            }
        }
        flush_pending(to)
    }

    /// Drops the unsent bytes.
    pub fn discard(&mut self) {
        self.discarded |= !self.is_empty();
        if let Some(queue) = &mut self.queue {
            queue.clear();
        }
        self.sent_total = self.sent_total();
        (self.queued_total, self.is_held) = (self.sent_total, false);
    }

    /// Whether queued bytes were dropped, also after a write error.
    pub fn has_discarded(&self) -> bool {
        self.discarded
    }
}

impl SegmentQueue {
    fn clear(&mut self) {
        self.segments.clear();
        self.inline.clear();
        self.inline_sent = 0;
    }

    fn write(&self, to: &mut impl Transport, len_max: usize) -> io::Result<usize> {
        let mut inline = self.inline.get(self.inline_sent..).unwrap_or_default();
        if let Some(Segment { len, source: SegmentSource::Inline }) = self.segments.front()
            && self.segments.len() == 1
        {
            let bytes = inline.get(..*len as usize).unwrap_or(inline);
            let part = bytes.get(..len_max).unwrap_or(bytes);
            return to.write(&[IoSlice::new(part)], part.len() < bytes.len());
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let (mut count, mut left) = (0, len_max);
        for (slice, segment) in slices.iter_mut().zip(&self.segments) {
            let len = segment.len as usize;
            let bytes = match &segment.source {
                SegmentSource::Inline => {
                    let (this, rest) = inline.split_at(len.min(inline.len()));
                    inline = rest;
                    this
                }
                SegmentSource::Static(bytes) => bytes,
                SegmentSource::Shared(bytes, from) => bytes.get(*from..*from + len).unwrap_or_default(),
                SegmentSource::File(..) | SegmentSource::FileCopy(..) | SegmentSource::Late(_) => break,
            };
            let part = bytes.get(..left).unwrap_or(bytes);
            *slice = IoSlice::new(part);
            (count, left) = (count + 1, left - part.len());
            if part.len() < bytes.len() {
                return to.write(&slices[..count], true);
            }
        }
        to.write(&slices[..count], count < self.segments.len())
    }

    /// Drops sent bytes once they are half of the buffer, so that a queue that is never empty stays small.
    fn reclaim(&mut self) {
        if self.inline_sent > 0 && self.inline_sent >= self.inline.len() - self.inline_sent {
            self.inline.drain(..self.inline_sent);
            self.inline_sent = 0;
        }
    }

    fn consume(&mut self, mut sent: u64) {
        while sent > 0
            && let Some(front) = self.segments.front_mut()
        {
            let now = sent.min(front.len);
            sent -= now;
            front.len -= now;
            match &mut front.source {
                SegmentSource::Inline => self.inline_sent += now as usize,
                SegmentSource::Static(bytes) => *bytes = bytes.get(now as usize..).unwrap_or_default(),
                SegmentSource::Shared(_, from) => *from += now as usize,
                // The transport has advanced the offset.
                SegmentSource::File(..) | SegmentSource::FileCopy(..) | SegmentSource::Late(_) => {}
            }
            if front.len == 0 {
                self.segments.pop_front();
            }
        }
        if self.segments.is_empty() {
            self.clear();
        }
    }
}

#[inline(always)]
fn flush_pending(to: &mut impl Transport) -> IoOutcome {
    while to.has_pending_output() {
        match to.write(&[], false) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return IoOutcome::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return IoOutcome::Failed(CloseReason::Failed(error.kind())),
        }
    }
    IoOutcome::Done
}

fn is_socket_error(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::TimedOut
            | ErrorKind::NotConnected
    )
}

#[cfg(test)]
mod tests;
