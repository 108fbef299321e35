//! What is to be sent, flushed by the one function that writes.
//!
//! Its queue is of segments: bytes of its own (heads, small bodies), shared bytes, or a range of a file.
//! All bytes that are ready leave in one `writev` (or `write`), pipelined answers together; file
//! ranges leave by `sendfile`. It knows nothing of what it sends.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::rc::Rc;

use super::queue::{Queue, Segment};
use super::{CloseReason, Pool, Transport};

/// So many bytes of a file weigh as much in a budget as one byte that is copied: `sendfile` only hands
/// pages over. A MiB of them, with a turn's budget, takes some 50 microseconds, no longer than ten small
/// answers. A quarter of that in a turn costs a large file 8 % more, and three times the calls; twice that
/// saves little more, and small answers beside it wait longer, some of them by far.
const FILE_LEN_PER_BYTE: usize = 4;

/// How far a flush came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Everything has gone out.
    Empty,
    /// The socket takes no more for now.
    Blocked,
    /// The budget is spent.
    Spent,
    /// Nothing more can be sent.
    Failed(CloseReason),
}

/// A place in the queue: what was queued after it can be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    own_len: usize,
    queued_total: u64,
}

/// What is queued to be sent, and how much ever was.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What waits, and the room for it: leased from the pool, and none while nothing waits.
    queue: Option<Box<Queue>>,
    queued_total: u64,
    sent_total: u64,
    abandoned: bool,
}

impl Outbox {
    /// An outbox without a buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes wait to be sent.
    pub fn len(&self) -> u64 {
        self.queued_total - self.sent_total
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.queued_total == self.sent_total
    }

    /// Bytes queued since the connection began: the position at which the next byte is queued.
    pub fn queued_total(&self) -> u64 {
        self.queued_total
    }

    /// Bytes sent since the connection began.
    pub fn sent_total(&self) -> u64 {
        self.sent_total
    }

    /// The place where the next bytes are queued.
    pub fn mark(&mut self) -> Mark {
        // Nothing is left to be moved to the front by what is queued next.
        let queue = self.queue.get_or_insert_default();
        queue.reclaim();
        Mark { own_len: queue.own().len(), queued_total: self.queued_total }
    }

    /// The bytes from a mark up to this position, if they were queued with [`Self::push_with`] and
    /// nothing has been flushed since.
    pub fn since(&self, mark: Mark, position: u64) -> &[u8] {
        let len = usize::try_from(position.saturating_sub(mark.queued_total)).unwrap_or(usize::MAX);
        let own = self.queue.as_ref().map_or(&[][..], |queue| queue.own());
        own.get(mark.own_len..mark.own_len.saturating_add(len)).unwrap_or_default()
    }

    /// Queues what `write` appends to the buffer that it is given.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.queued_total += self.queue.get_or_insert_default().push_own(write) as u64;
    }

    /// Queues bytes that live as long as the program.
    pub fn push_static(&mut self, bytes: &'static [u8]) {
        self.push(bytes.len() as u64, Segment::Static { bytes });
    }

    /// Queues bytes that others may be sending too, without copying them.
    pub fn push_shared(&mut self, bytes: Rc<[u8]>) {
        let all = 0..bytes.len();
        self.push_shared_part(bytes, all);
    }

    /// The same for a part of them; what is beyond their end is not there to be queued.
    pub fn push_shared_part(&mut self, bytes: Rc<[u8]>, part: Range<usize>) {
        let to = part.end.min(bytes.len());
        let from = part.start.min(to);
        self.push((to - from) as u64, Segment::Shared { bytes, from, to });
    }

    /// Queues `len` bytes of a file from `offset` on.
    pub fn push_file(&mut self, file: Rc<File>, offset: u64, len: u64) {
        self.push(len, Segment::File { file, offset, len });
    }

    fn push(&mut self, len: u64, segment: Segment) {
        if len > 0 {
            self.queued_total += len;
            self.queue.get_or_insert_default().push(segment);
        }
    }

    /// Sends what the transport takes, until `budget` bytes are spent, of which those of files take less
    /// (`FILE_LEN_PER_BYTE`). Bytes that are ready are not cut to the budget, for they leave in one
    /// call: it may be overdrawn by one write.
    pub fn flush(&mut self, to: &mut impl Transport, budget: &mut usize) -> Flushed {
        let Some(queue) = &mut self.queue else { return Flushed::Empty };
        while let Some(front) = queue.front_mut() {
            if *budget == 0 {
                return Flushed::Spent;
            }
            let is_file = matches!(front, Segment::File { .. });
            let result = match front {
                Segment::File { file, offset, len } => {
                    let most = budget.saturating_mul(FILE_LEN_PER_BYTE);
                    let want = usize::try_from(*len).unwrap_or(usize::MAX).min(most);
                    to.send_file(file, offset, want)
                }
                _ => queue.write(to),
            };
            match result {
                Ok(0) if is_file => return Flushed::Failed(CloseReason::FileTruncated),
                Ok(0) => return Flushed::Failed(CloseReason::Failed(ErrorKind::WriteZero)),
                Ok(sent) => {
                    self.sent_total += sent as u64;
                    let weight = if is_file { sent.div_ceil(FILE_LEN_PER_BYTE) } else { sent };
                    *budget = budget.saturating_sub(weight);
                    queue.sent(sent as u64);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Flushed::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_file && !is_peers(error.kind()) => {
                    return Flushed::Failed(CloseReason::FileFailed(error.kind()));
                }
                Err(error) => return Flushed::Failed(CloseReason::Failed(error.kind())),
            }
        }
        Flushed::Empty
    }

    /// Drops what has not been sent: nobody wants it any more.
    pub fn abandon(&mut self) {
        self.abandoned |= !self.is_empty();
        if let Some(queue) = &mut self.queue {
            queue.clear();
        }
        self.queued_total = self.sent_total;
    }

    /// Whether something that was queued will never be sent: by the machine's own wish, or because
    /// nothing can be sent any more.
    pub fn has_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Takes a buffer from the pool, so that what is queued needs no allocation.
    pub(super) fn lease(&mut self, pool: &mut Pool) {
        self.queue.get_or_insert_with(|| pool.lease_queue());
    }

    /// Gives the buffer back if nothing waits in it.
    pub(super) fn release(&mut self, pool: &mut Pool) {
        if self.is_empty()
            && let Some(queue) = self.queue.take()
        {
            pool.return_queue(queue);
        }
    }
}

/// Whether a failed `sendfile` is the socket's doing and not the file's.
fn is_peers(kind: ErrorKind) -> bool {
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
mod tests {
    use std::io::{self, IoSlice, Write};
    use std::os::unix::fs::FileExt;

    use super::*;

    /// Takes `step` bytes a call and `room` in all, and remembers what it took and how.
    struct Wire {
        step: usize,
        room: usize,
        taken: Vec<u8>,
        calls: Vec<&'static str>,
    }

    impl Wire {
        fn new(step: usize, room: usize) -> Self {
            Self { step, room, taken: Vec::new(), calls: Vec::new() }
        }

        fn take(&mut self, bytes: &[u8], call: &'static str) -> io::Result<usize> {
            if self.room == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let len = bytes.len().min(self.step).min(self.room);
            self.room -= len;
            self.taken.extend_from_slice(&bytes[..len]);
            self.calls.push(call);
            Ok(len)
        }
    }

    impl Transport for Wire {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.take(&bytes, if slices.len() == 1 { "write" } else { "writev" })
        }

        fn send_file(&mut self, file: &File, offset: &mut u64, len: usize) -> io::Result<usize> {
            let mut bytes = vec![0; len];
            let read = file.read_at(&mut bytes, *offset)?;
            let sent = self.take(&bytes[..read], "sendfile")?;
            *offset += sent as u64;
            Ok(sent)
        }
    }

    fn file(bytes: &[u8]) -> Rc<File> {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).expect("its bytes");
        Rc::new(file)
    }

    /// Every kind of segment, and the bytes that they are.
    fn filled() -> (Outbox, &'static [u8]) {
        let mut outbox = Outbox::new();
        outbox.push_with(|out| out.extend_from_slice(b"own "));
        outbox.push_with(|out| out.extend_from_slice(b"own too "));
        outbox.push_static(b"static ");
        outbox.push_shared(Rc::from(&b"shared "[..]));
        outbox.push_shared_part(Rc::from(&b"..a part .."[..]), 2..9);
        outbox.push_file(file(b"..a file.."), 2, 6);
        outbox.push_with(|out| out.extend_from_slice(b" own again"));
        (outbox, b"own own too static shared a part a file own again")
    }

    #[test]
    fn all_bytes_that_are_ready_leave_in_one_call_and_files_by_sendfile() {
        let (mut outbox, bytes) = filled();
        let mut wire = Wire::new(usize::MAX, usize::MAX);
        assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Empty);
        assert_eq!(wire.taken, bytes);
        assert_eq!(wire.calls, ["writev", "sendfile", "write"]);
        assert_eq!((outbox.len(), outbox.sent_total()), (0, bytes.len() as u64));
    }

    #[test]
    fn nothing_is_lost_or_doubled_however_little_the_socket_takes() {
        for step in 1..12 {
            let (mut outbox, bytes) = filled();
            let mut wire = Wire::new(step, 0);
            while !outbox.is_empty() {
                wire.room += 5;
                assert_ne!(outbox.flush(&mut wire, &mut 1000), Flushed::Spent);
            }
            assert_eq!(wire.taken, bytes, "{step} bytes a call");
        }
    }

    #[test]
    fn of_shared_bytes_no_more_is_queued_than_there_is() {
        let bytes: Rc<[u8]> = Rc::from(&b"0123456789"[..]);
        for (part, expected) in
            [(0..10, "0123456789"), (0..0, ""), (3..5, "34"), (8..99, "89"), (10..10, ""), (50..99, "")]
        {
            let (mut outbox, mut wire) = (Outbox::new(), Wire::new(3, usize::MAX));
            outbox.push_shared_part(Rc::clone(&bytes), part.clone());
            assert_eq!(outbox.len(), expected.len() as u64);
            assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Empty);
            assert_eq!(wire.taken, expected.as_bytes(), "{part:?}");
        }
    }

    #[test]
    fn a_spent_budget_ends_a_flush_and_nothing_is_lost() {
        let (mut outbox, bytes) = filled();
        let mut wire = Wire::new(7, usize::MAX);
        let mut flushes = 0;
        while outbox.flush(&mut wire, &mut 10) == Flushed::Spent {
            flushes += 1;
        }
        assert_eq!(wire.taken, bytes);
        assert!(flushes >= bytes.len() / 14, "{flushes}");
    }

    #[test]
    fn a_file_weighs_a_quarter_of_bytes_that_are_copied() {
        for (head, budget, expected) in [("", 2, 8), ("head", 5, 4 + 4), ("head", 4, 4), ("", 3, 10)] {
            let mut outbox = Outbox::new();
            outbox.push_with(|out| out.extend_from_slice(head.as_bytes()));
            outbox.push_file(file(b"0123456789"), 0, 10);
            let mut wire = Wire::new(usize::MAX, usize::MAX);
            outbox.flush(&mut wire, &mut budget.clone());
            assert_eq!(wire.taken.len(), expected, "{head:?} and a file, {budget}");
        }
    }

    #[test]
    fn what_was_queued_since_a_mark_can_be_looked_at() {
        let (mut outbox, _) = filled();
        let mark = outbox.mark();
        assert_eq!(outbox.since(mark, outbox.queued_total()), b"");
        outbox.push_with(|out| out.extend_from_slice(b"a head"));
        let position = outbox.queued_total();
        outbox.push_with(|out| out.extend_from_slice(b"a body"));
        outbox.push_static(b"static");
        assert_eq!(outbox.since(mark, position), b"a head");
        assert_eq!(outbox.since(mark, u64::MAX), b"");
    }

    #[test]
    fn what_has_been_sent_does_not_move_a_mark() {
        for room in 0..20 {
            let mut outbox = Outbox::new();
            outbox.push_with(|out| out.extend_from_slice(&[b'.'; 20]));
            outbox.flush(&mut Wire::new(usize::MAX, room), &mut 1000);
            let mark = outbox.mark();
            for piece in [&b"a "[..], b"head"] {
                outbox.push_with(|out| out.extend_from_slice(piece));
            }
            assert_eq!(outbox.since(mark, outbox.queued_total()), b"a head", "{room} sent");
        }
    }

    #[test]
    fn a_file_that_has_shrunk_fails_and_is_never_padded() {
        let mut outbox = Outbox::new();
        outbox.push_file(file(b"short"), 0, 10);
        let mut wire = Wire::new(usize::MAX, usize::MAX);
        assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Failed(CloseReason::FileTruncated));
        assert_eq!(wire.taken, b"short");
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut outbox = Outbox::new();
        let mut wire = Wire::new(usize::MAX, 0);
        outbox.push_with(|out| out.extend_from_slice(b"ahead"));
        for _ in 0..1000 {
            outbox.push_with(|out| out.extend_from_slice(b"0123456789"));
            wire.room = 10;
            assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Blocked);
        }
        let capacity = outbox.queue.as_ref().map_or(0, |queue| queue.capacity());
        assert!(capacity < 100, "{capacity} bytes");
        wire.room = 5;
        assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Empty);
        assert_eq!(wire.taken, ["ahead", &"0123456789".repeat(1000)].concat().as_bytes());
    }

    #[test]
    fn what_waits_without_a_buffer_is_still_there_after_a_lease() {
        let mut pool = Pool::new(16);
        let mut outbox = Outbox::new();
        outbox.lease(&mut pool);
        outbox.push_static(b"static");
        outbox.release(&mut pool);
        outbox.lease(&mut pool);
        let mut wire = Wire::new(usize::MAX, usize::MAX);
        assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Empty);
        assert_eq!(wire.taken, b"static");
    }

    #[test]
    fn what_is_abandoned_is_never_sent_and_what_follows_is() {
        let (mut outbox, bytes) = filled();
        let mut wire = Wire::new(usize::MAX, usize::MAX);
        assert_eq!(outbox.flush(&mut wire, &mut 6), Flushed::Spent);
        let sent = wire.taken.len();
        assert!(!outbox.has_abandoned());
        outbox.abandon();
        assert!(outbox.is_empty() && outbox.has_abandoned() && outbox.sent_total() == sent as u64);
        outbox.push_with(|out| out.extend_from_slice(b"the end"));
        assert_eq!(outbox.flush(&mut wire, &mut 1000), Flushed::Empty);
        assert_eq!(wire.taken, [&bytes[..sent], b"the end"].concat());
    }

    #[test]
    fn an_empty_outbox_owns_no_buffer() {
        let mut pool = Pool::new(16);
        let (mut outbox, _) = filled();
        outbox.release(&mut pool);
        assert!(outbox.queue.is_some(), "a buffer with bytes in it stays");
        outbox.flush(&mut Wire::new(usize::MAX, usize::MAX), &mut 1000);
        outbox.release(&mut pool);
        assert!(outbox.queue.is_none());
    }
}
