//! Tests of the send queue: which bytes leave, in which calls, and which stay.
//!
//! The transport of these tests takes as many bytes as it is told to.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::BorrowedFd;

use mio::net::TcpStream;

use super::*;
use crate::net::Pool;

/// Takes at most `step` bytes a call and `room` bytes in total. Records bytes and calls.
struct LimitedTransport {
    step: usize,
    room: usize,
    taken: Vec<u8>,
    calls: Vec<&'static str>,
}

impl LimitedTransport {
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

impl Transport for LimitedTransport {
    fn is_drained(&self, _: usize, _: usize) -> bool {
        false
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.take(&bytes, if slices.len() == 1 { "send" } else { "sendmsg" })
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        let mut bytes = vec![0; len];
        let read = rustix::io::pread(file, &mut bytes, *offset)?;
        let sent = self.take(&bytes[..read], "sendfile")?;
        *offset += sent as u64;
        Ok(sent)
    }

    fn close_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn socket(&mut self) -> &mut TcpStream {
        unreachable!("it is never registered")
    }
}

fn file(bytes: &[u8]) -> Rc<File> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("its bytes");
    Rc::new(file)
}

/// A queue with every kind of segment, and its bytes.
fn filled() -> (SendQueue, &'static [u8]) {
    let mut send_queue = SendQueue::default();
    send_queue.push_with(|out| out.extend_from_slice(b"own "));
    send_queue.push_with(|out| out.extend_from_slice(b"own too "));
    send_queue.push_static(b"static ");
    send_queue.push_shared(Rc::from(&b"shared "[..]), 0..7);
    send_queue.push_shared(Rc::from(&b"..a part .."[..]), 2..9);
    send_queue.push_file(file(b"..a file.."), 2, 6);
    send_queue.push_with(|out| out.extend_from_slice(b" own again"));
    (send_queue, b"own own too static shared a part a file own again")
}

#[test]
fn flush_uses_one_sendmsg_and_sendfile_for_files() {
    let (mut send_queue, bytes) = filled();
    let mut wire = LimitedTransport::new(usize::MAX, usize::MAX);
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Done);
    assert_eq!(wire.taken, bytes);
    assert_eq!(wire.calls, ["sendmsg", "sendfile", "send"]);
    assert_eq!((send_queue.len(), send_queue.sent_total()), (0, bytes.len() as u64));
}

#[test]
fn flush_with_short_writes_loses_and_repeats_nothing() {
    for step in 1..12 {
        let (mut send_queue, bytes) = filled();
        let mut wire = LimitedTransport::new(step, 0);
        while !send_queue.is_empty() {
            wire.room += 5;
            assert_ne!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::BudgetSpent);
        }
        assert_eq!(wire.taken, bytes, "{step} bytes a call");
    }
}

#[test]
fn push_shared_is_clamped_to_the_bytes() {
    let bytes: Rc<[u8]> = Rc::from(&b"0123456789"[..]);
    for (part, expected) in
        [(0..10, "0123456789"), (0..0, ""), (3..5, "34"), (8..99, "89"), (10..10, ""), (50..99, "")]
    {
        let (mut send_queue, mut wire) = (SendQueue::default(), LimitedTransport::new(3, usize::MAX));
        send_queue.push_shared(Rc::clone(&bytes), part.clone());
        assert_eq!(send_queue.len(), expected.len() as u64);
        assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Done);
        assert_eq!(wire.taken, expected.as_bytes(), "{part:?}");
    }
}

#[test]
fn flush_with_spent_budget_stops_and_loses_nothing() {
    let (mut send_queue, bytes) = filled();
    let mut wire = LimitedTransport::new(7, usize::MAX);
    let mut flushes = 0;
    while send_queue.flush(&mut wire, &mut 10) == IoOutcome::BudgetSpent {
        flushes += 1;
    }
    assert_eq!(wire.taken, bytes);
    assert!(flushes >= bytes.len() / 14, "{flushes}");
}

#[test]
fn flush_file_bytes_cost_a_quarter_of_the_budget() {
    for (head, budget, expected) in [("", 2, 8), ("head", 5, 4 + 4), ("head", 4, 4), ("", 3, 10)] {
        let mut send_queue = SendQueue::default();
        send_queue.push_with(|out| out.extend_from_slice(head.as_bytes()));
        send_queue.push_file(file(b"0123456789"), 0, 10);
        let mut wire = LimitedTransport::new(usize::MAX, usize::MAX);
        send_queue.flush(&mut wire, &mut budget.clone());
        assert_eq!(wire.taken.len(), expected, "{head:?} and a file, {budget}");
    }
}

#[test]
fn queued_since_position_returns_inline_bytes() {
    let (mut send_queue, _) = filled();
    let start = send_queue.position();
    assert_eq!(send_queue.queued_since(start, send_queue.queued_total()), b"");
    send_queue.push_with(|out| out.extend_from_slice(b"a head"));
    let position = send_queue.queued_total();
    send_queue.push_with(|out| out.extend_from_slice(b"a body"));
    send_queue.push_static(b"static");
    assert_eq!(send_queue.queued_since(start, position), b"a head");
    assert_eq!(send_queue.queued_since(start, u64::MAX), b"");
}

#[test]
fn position_is_stable_after_partial_send() {
    for room in 0..20 {
        let mut send_queue = SendQueue::default();
        send_queue.push_with(|out| out.extend_from_slice(&[b'.'; 20]));
        send_queue.flush(&mut LimitedTransport::new(usize::MAX, room), &mut 1000);
        let start = send_queue.position();
        for piece in [&b"a "[..], b"head"] {
            send_queue.push_with(|out| out.extend_from_slice(piece));
        }
        assert_eq!(send_queue.queued_since(start, send_queue.queued_total()), b"a head", "{room} sent");
    }
}

#[test]
fn flush_shrunk_file_fails_without_padding() {
    let mut send_queue = SendQueue::default();
    send_queue.push_file(file(b"short"), 0, 10);
    let mut wire = LimitedTransport::new(usize::MAX, usize::MAX);
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Failed(CloseReason::FileTruncated));
    assert_eq!(wire.taken, b"short");
}

#[test]
fn late_bytes_are_read_when_all_before_is_sent() {
    let bytes: Rc<RefCell<Option<Rc<[u8]>>>> = Rc::default();
    let read = Rc::clone(&bytes);
    let mut send_queue = SendQueue::default();
    send_queue.push_static(b"before");
    send_queue.push_late(4, Box::new(move || read.borrow().clone()));
    send_queue.push_static(b"after");
    let mut wire = LimitedTransport::new(usize::MAX, 6);
    assert_eq!(send_queue.flush(&mut wire, &mut 6), IoOutcome::BudgetSpent);
    bytes.replace(Some(b"late"[..].into()));
    wire.room = usize::MAX;
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Done);
    assert_eq!(wire.taken, b"beforelateafter");
    send_queue.push_late(4, Box::new(|| None));
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Failed(CloseReason::FileTruncated));
}

#[test]
fn never_empty_queue_keeps_a_small_buffer() {
    let mut send_queue = SendQueue::default();
    let mut wire = LimitedTransport::new(usize::MAX, 0);
    send_queue.push_with(|out| out.extend_from_slice(b"ahead"));
    for _ in 0..1000 {
        send_queue.push_with(|out| out.extend_from_slice(b"0123456789"));
        wire.room = 10;
        assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Blocked);
    }
    let capacity = send_queue.queue.as_ref().map_or(0, |queue| queue.inline.capacity());
    assert!(capacity < 100, "{capacity} bytes");
    wire.room = 5;
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Done);
    assert_eq!(wire.taken, ["ahead", &"0123456789".repeat(1000)].concat().as_bytes());
}

#[test]
fn lease_keeps_segments_that_were_queued_before() {
    let mut pool = Pool::new(16, None);
    let mut send_queue = SendQueue::default();
    pool.lease_segments(&mut send_queue);
    send_queue.push_static(b"static");
    pool.return_segments(&mut send_queue);
    pool.lease_segments(&mut send_queue);
    let mut wire = LimitedTransport::new(usize::MAX, usize::MAX);
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Done);
    assert_eq!(wire.taken, b"static");
}

#[test]
fn discard_drops_queued_bytes_and_sends_later_ones() {
    let (mut send_queue, bytes) = filled();
    let mut wire = LimitedTransport::new(usize::MAX, usize::MAX);
    assert_eq!(send_queue.flush(&mut wire, &mut 6), IoOutcome::BudgetSpent);
    let sent = wire.taken.len();
    assert!(!send_queue.has_discarded());
    send_queue.discard();
    assert!(send_queue.is_empty() && send_queue.has_discarded() && send_queue.sent_total() == sent as u64);
    send_queue.push_with(|out| out.extend_from_slice(b"the end"));
    assert_eq!(send_queue.flush(&mut wire, &mut 1000), IoOutcome::Done);
    assert_eq!(wire.taken, [&bytes[..sent], b"the end"].concat());
}

#[test]
fn empty_send_queue_owns_no_buffer() {
    let mut pool = Pool::new(16, None);
    let (mut send_queue, _) = filled();
    pool.return_segments(&mut send_queue);
    assert!(send_queue.queue.is_some(), "a buffer with bytes in it stays");
    send_queue.flush(&mut LimitedTransport::new(usize::MAX, usize::MAX), &mut 1000);
    pool.return_segments(&mut send_queue);
    assert!(send_queue.queue.is_none());
}
