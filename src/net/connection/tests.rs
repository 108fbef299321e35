//! Tests of the I/O loop: lingering, reading ahead, and a transport that buffers output.
//!
//! The program tests run the loop itself in virtual time over an in-memory transport.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::mem;
use std::net::{Ipv4Addr, Shutdown, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, poll};

use super::*;
use crate::net::MemoryLimit;

/// Sends a response to each input; then drains and closes if `refuses` is set. Closes at its deadline.
struct EchoProtocol {
    refuses: bool,
    deadline: Option<Instant>,
    /// Calls of `on_input` and of `advance`.
    received: usize,
    advanced: usize,
}

impl Protocol for EchoProtocol {
    type Context = ();

    fn advance(&mut self, Io { recv_buf, send_queue, .. }: &mut Io<'_, ()>) -> Want {
        self.advanced += 1;
        if recv_buf.is_empty() {
            return Want::Close(CloseReason::Refused("no more"));
        }
        recv_buf.consume(recv_buf.bytes().len());
        send_queue.push_static(b"answer");
        if self.refuses { Want::Drain } else { Want::Input }
    }

    fn on_input(&mut self, _: usize, _: &mut ()) {
        self.received += 1;
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// A connection whose peer has sent a request, and the peer.
fn addressed(refuses: bool) -> (Connection<EchoProtocol, TcpStream>, StdStream) {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut peer = StdStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    peer.write_all(b"question").expect("room");
    let (stream, _) = listener.accept().expect("the other end");
    stream.set_nonblocking(true).expect("no blocking");
    poll(&mut [PollFd::new(&stream, PollFlags::IN)], None).expect("the question");
    let protocol = EchoProtocol { refuses, deadline: None, received: 0, advanced: 0 };
    (Connection::accepted(TcpStream::from_std(stream), protocol), peer)
}

fn pump(connection: &mut Connection<EchoProtocol, TcpStream>, ready: &mut Readiness, now: Now) -> Next {
    connection.pump(Tick::new(ready, &mut (), &mut Pool::new(1024, None), now))
}

#[test]
fn close_after_response_lingers_until_eof_or_timeout() {
    let now = Now::read();
    for peer_closes in [true, false] {
        let (mut connection, peer) = addressed(true);
        let mut ready = Readiness::assume_ready();
        assert_eq!(pump(&mut connection, &mut ready, now), Next::Wait);
        assert_eq!(connection.deadline(), Some(now.instant + LINGER_IDLE_TIMEOUT));
        if peer_closes {
            drop(peer);
            poll(&mut [PollFd::new(&connection.transport, PollFlags::RDHUP)], None).expect("the end");
            assert_eq!(pump(&mut connection, &mut Readiness::assume_ready(), now), Next::Close);
        } else {
            let before = now.after(LINGER_IDLE_TIMEOUT - Duration::from_millis(1));
            assert_eq!(pump(&mut connection, &mut ready, before), Next::Wait);
            assert_eq!(pump(&mut connection, &mut ready, now.after(LINGER_IDLE_TIMEOUT)), Next::Close);
        }
    }
}

#[test]
fn close_without_new_response_does_not_linger() {
    let now = Now::read();
    let (mut connection, _peer) = addressed(false);
    let mut ready = Readiness::assume_ready();
    assert_eq!(pump(&mut connection, &mut ready, now), Next::Wait);
    connection.protocol_mut().deadline = Some(now.instant);
    assert_eq!(pump(&mut connection, &mut ready, now), Next::Close);
}

#[test]
fn read_ahead_signals_input_and_pump_advances() {
    let now = Now::read();
    let (mut connection, peer) = addressed(false);
    let (mut ready, mut pool) = (Readiness::assume_ready(), Pool::new(1024, None));
    let counts = |connection: &mut Connection<EchoProtocol, TcpStream>| {
        (connection.protocol.received, connection.protocol.advanced)
    };
    connection.read_ahead(Tick::new(&mut ready, &mut (), &mut pool, now));
    assert_eq!(counts(&mut connection), (1, 0));
    assert_eq!(pump(&mut connection, &mut ready, now), Next::Wait);
    assert_eq!(counts(&mut connection), (1, 1));
    // No more input has come; a buffer without bytes goes back to the pool.
    let mut ready = Readiness::assume_ready();
    connection.read_ahead(Tick::new(&mut ready, &mut (), &mut pool, now));
    assert!(!ready.is_readable() && connection.recv_buf.bytes().is_empty());
    assert_eq!(pump(&mut connection, &mut ready, now), Next::Wait);
    assert_eq!(counts(&mut connection), (1, 1));
    // After the deadline no input is read. The end of input does not count as input.
    connection.protocol_mut().deadline = Some(now.instant);
    peer.shutdown(Shutdown::Write).expect("its end");
    poll(&mut [PollFd::new(&connection.transport, PollFlags::RDHUP)], None).expect("the end");
    let mut ready = Readiness::assume_ready();
    connection.read_ahead(Tick::new(&mut ready, &mut (), &mut pool, now));
    assert!(ready.is_readable() && !connection.recv_buf.is_eof());
    connection.protocol_mut().deadline = None;
    connection.read_ahead(Tick::new(&mut ready, &mut (), &mut pool, now));
    assert!(connection.recv_buf.is_eof() && counts(&mut connection) == (1, 1));
    assert_eq!(pump(&mut connection, &mut ready, now), Next::Close);
}

#[test]
fn nothing_is_read_until_a_sixteenth_of_the_memory_is_free() {
    static USED: AtomicUsize = AtomicUsize::new(161);
    let limit = MemoryLimit { used: || USED.load(Ordering::Relaxed), max: 160 };
    let (mut connection, _peer) = addressed(false);
    let (mut ready, mut pool) = (Readiness::assume_ready(), Pool::new(1024, Some(limit)));
    for (used, is_short) in [(161, true), (151, true), (150, false)] {
        USED.store(used, Ordering::Relaxed);
        assert_eq!(pool.check_memory(), is_short, "{used}");
        connection.read_ahead(Tick::new(&mut ready, &mut (), &mut pool, Now::read()));
        assert!(ready.is_readable() || !is_short, "the input is still known");
        let next = connection.pump(Tick::new(&mut ready, &mut (), &mut pool, Now::read()));
        assert_eq!((next, connection.protocol.received), (Next::Wait, usize::from(!is_short)), "{used}");
    }
}

/// Queues output, then waits for a helper thread.
struct WaitingProtocol {
    is_done: bool,
    advanced: usize,
}

impl Protocol for WaitingProtocol {
    type Context = ();

    fn advance(&mut self, io: &mut Io<'_, ()>) -> Want {
        self.advanced += 1;
        if self.is_done {
            return Want::Close(CloseReason::Finished);
        }
        io.send_queue.push_static(b"wait");
        Want::Wakeup
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn wakeup_flushes_output_reads_nothing_and_advances_each_tick() {
    let input = VecDeque::from([&b"question"[..]]);
    let transport = BufferingTransport { input, socket_room: 99, ..Default::default() };
    let mut connection = Connection::accepted(transport, WaitingProtocol { is_done: false, advanced: 0 });
    connection.wake();
    let mut tick = |is_done| {
        connection.protocol.is_done = is_done;
        let ready = &mut Readiness::assume_ready();
        let next = connection.pump(Tick::new(ready, &mut (), &mut Pool::new(1024, None), Now::read()));
        (
            next,
            connection.protocol.advanced,
            connection.transport.sent.len(),
            connection.transport.input.len(),
        )
    };
    assert_eq!(tick(false), (Next::Wait, 1, 4, 1));
    assert_eq!(tick(false), (Next::Wait, 2, 8, 1), "a tick with another reason");
    assert_eq!(tick(true), (Next::Close, 3, 8, 1));
}

/// A transport without encryption that buffers its output as TLS does.
#[derive(Default)]
struct BufferingTransport {
    input: VecDeque<&'static [u8]>,
    pending: Vec<u8>,
    /// Output that the next read produces.
    handshake: &'static [u8],
    socket_room: usize,
    sent: Vec<u8>,
    is_write_closed: bool,
}

impl Transport for BufferingTransport {
    fn is_drained(&self, _: usize, _: usize) -> bool {
        false
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pending.extend(mem::take(&mut self.handshake));
        let bytes = self.input.pop_front().ok_or(ErrorKind::WouldBlock)?;
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        if self.socket_room == 0 && (slices.is_empty() || !self.pending.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken_len = slices.iter().map(|slice| slice.len()).sum();
        slices.iter().for_each(|slice| self.pending.extend_from_slice(slice));
        let len = self.pending.len().min(self.socket_room);
        self.socket_room -= len;
        self.sent.extend(self.pending.drain(..len));
        Ok(taken_len)
    }

    fn send_file(&mut self, _: BorrowedFd<'_>, _: &mut u64, _: usize) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.is_write_closed = true;
        Ok(())
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn has_pending_output(&self) -> bool {
        !self.pending.is_empty()
    }

    fn socket(&mut self) -> &mut TcpStream {
        unreachable!("it is never registered")
    }
}

fn buffering(transport: BufferingTransport) -> Connection<EchoProtocol, BufferingTransport> {
    let protocol = EchoProtocol { refuses: true, deadline: None, received: 0, advanced: 0 };
    Connection::accepted(transport, protocol)
}

#[test]
fn drain_waits_until_pending_output_is_in_the_socket() {
    let input = VecDeque::from([&b"question"[..]]);
    let mut connection = buffering(BufferingTransport { input, socket_room: 3, ..Default::default() });
    let mut tick = |room| {
        connection.transport.socket_room += room;
        let ready = &mut Readiness::assume_ready();
        assert_eq!(
            connection.pump(Tick::new(ready, &mut (), &mut Pool::new(1024, None), Now::read())),
            Next::Wait
        );
        let transport = &connection.transport;
        let sent_len = connection.send_queue.sent_total();
        (transport.sent.clone(), transport.is_write_closed, connection.protocol.advanced, sent_len)
    };
    // The last byte counts as unsent, so that a close is logged as one in the middle of the response.
    assert_eq!(tick(0), (b"ans".to_vec(), false, 1, 5), "the queue is empty, the transport is not");
    assert_eq!(tick(1), (b"answ".to_vec(), false, 1, 5));
    assert_eq!(tick(2), (b"answer".to_vec(), true, 2, 6), "now it has drained");
}

#[test]
fn output_of_a_read_is_flushed_before_the_wait() {
    let transport = BufferingTransport { handshake: b"hello", socket_room: 9, ..Default::default() };
    let mut connection = buffering(transport);
    let ready = &mut Readiness::assume_ready();
    assert_eq!(
        connection.pump(Tick::new(ready, &mut (), &mut Pool::new(1024, None), Now::read())),
        Next::Wait
    );
    assert_eq!(connection.transport.sent, b"hello");
    assert_eq!(connection.protocol.advanced, 0, "the protocol has seen none of it");
}

#[test]
fn short_read_is_not_drained_unless_transport_says_so() {
    let input = VecDeque::from([&b"one"[..], b"two"]);
    let mut connection = buffering(BufferingTransport { input, socket_room: 99, ..Default::default() });
    connection.protocol.refuses = false;
    let ready = &mut Readiness::assume_ready();
    assert_eq!(
        connection.pump(Tick::new(ready, &mut (), &mut Pool::new(1024, None), Now::read())),
        Next::Wait
    );
    assert_eq!(connection.protocol.received, 2, "the second has no event of its own");
}
