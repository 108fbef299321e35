//! Connection: a transport, its two queues, and the protocol that parses the bytes.
//!
//! [`Connection::pump`] is the only read/write/`WouldBlock` loop. It clears a readiness bit where a system call shows
//! that the bit no longer holds.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::{
    CloseReason, Handshake, HandshakeError, Inactivity, Io, IoOutcome, Pool, Protocol, RecvBuf, SendQueue,
    Stream, Transport, Want, connect, proxy_header,
};
use crate::reactor::{EventSource, Next, Now, Readiness};

/// Bytes read, and bytes written, per connection and tick: large enough for throughput, small enough for fairness.
/// File ranges may send four times as much (`Transport::file_len_per_byte`).
const IO_BUDGET_PER_TICK: usize = 256 * 1024;
/// Cost of an interrupted read in the budget, in bytes.
const INTERRUPTED_READ_LEN: usize = 4 * 1024;
/// Maximum linger without input.
const LINGER_IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum linger in total.
const LINGER_TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// A shorter inactivity is no reason to evict: between the requests of a busy client, and for a round trip.
const EVICTABLE_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug)]
enum ConnState {
    Connecting,
    Proxied,
    Handshaking,
    Open,
    Lingering(Box<Linger>),
}

/// Boxed, because few connections linger.
#[derive(Debug)]
struct Linger {
    idle_deadline: Instant,
    deadline: Instant,
}

/// Transport, buffers and protocol of a connection.
#[derive(Debug)]
pub struct Connection<P, T = Stream> {
    transport: T,
    recv_buf: RecvBuf,
    send_queue: SendQueue,
    state: ConnState,
    want: Want,
    write_error: Option<CloseReason>,
    sent_before_pump: u64,
    protocol: P,
}

/// Resources of a connection for one tick.
#[derive(Debug)]
pub struct Tick<'t, C> {
    ready: &'t mut Readiness,
    context: &'t mut C,
    pool: &'t mut Pool,
    now: Now,
    read_budget: usize,
    write_budget: usize,
}

impl<'t, C> Tick<'t, C> {
    /// A tick with full I/O budget.
    pub fn new(ready: &'t mut Readiness, context: &'t mut C, pool: &'t mut Pool, now: Now) -> Self {
        let write_budget = pool.share_of(IO_BUDGET_PER_TICK);
        Self { ready, context, pool, now, read_budget: IO_BUDGET_PER_TICK, write_budget }
    }
}

impl<P: Protocol, T: Transport> Connection<P, T> {
    /// An established connection, awaiting input or a handshake.
    pub fn accepted(transport: T, protocol: P) -> Self {
        let state = if T::needs_handshake(&transport) { ConnState::Handshaking } else { ConnState::Open };
        Self::new(transport, state, Want::Input, protocol)
    }

    /// A connection that may begin with a PROXY header.
    pub fn proxied(transport: T, protocol: P) -> Self {
        Self::new(transport, ConnState::Proxied, Want::Input, protocol)
    }

    /// A connecting socket; the protocol advances once connected.
    pub fn connecting(transport: T, protocol: P) -> Self {
        Self::new(transport, ConnState::Connecting, Want::Tick, protocol)
    }

    fn new(transport: T, state: ConnState, want: Want, protocol: P) -> Self {
        let (recv_buf, send_queue) = (RecvBuf::default(), SendQueue::default());
        Self {
            transport,
            recv_buf,
            send_queue,
            state,
            want,
            write_error: None,
            sent_before_pump: 0,
            protocol,
        }
    }

    /// The protocol.
    pub fn protocol_mut(&mut self) -> &mut P {
        &mut self.protocol
    }

    /// Lets the protocol advance without input, after an outside event.
    pub fn wake(&mut self) {
        if matches!(self.state, ConnState::Open) && self.want == Want::Input {
            self.want = Want::Tick;
        }
    }

    /// Bytes sent in the last tick, and whether more are queued.
    pub fn output_in_tick(&self) -> (u64, bool) {
        (self.send_queue.sent_total() - self.sent_before_pump, !self.send_queue.is_empty())
    }

    /// See [`Protocol::inactivity`]; `None` below 500 ms. Asks what the peer has acknowledged.
    pub fn inactivity(&mut self, context: &P::Context, now: Now) -> Option<Inactivity> {
        let is_open = matches!(self.state, ConnState::Open);
        let is_long = |inactivity: &Inactivity| inactivity.time >= EVICTABLE_AFTER;
        let known = match &self.state {
            ConnState::Lingering(linger) => {
                let time = LINGER_TOTAL_TIMEOUT.saturating_sub(linger.deadline - now.instant);
                Some(Inactivity { is_idle: true, time })
            }
            _ if self.want == Want::Wakeup => None,
            _ => self.protocol.inactivity(is_open, context, now),
        };
        let known = known.filter(is_long)?;
        if !is_open || self.send_queue.is_empty() {
            return Some(known);
        }
        // A system call: only if it matters.
        self.update_acked(now);
        self.protocol.inactivity(is_open, context, now).filter(is_long)
    }

    /// Whether the peer has sent bytes that no tick has read.
    pub fn has_unread(&mut self) -> bool {
        self.transport.socket().peek(&mut [0]).is_ok_and(|len| len > 0)
    }

    fn update_acked(&mut self, now: Now) {
        let acked_total = self.transport.acked_total().unwrap_or(self.send_queue.sent_total());
        self.protocol.on_acked(acked_total, now);
    }

    /// Ends the connection at shutdown.
    pub fn shut_down(mut self, context: &mut P::Context, now: Now) {
        self.end(CloseReason::Shutdown, context, now);
    }

    /// Ends the connection. A lingering one has already called `closed`.
    pub fn end(&mut self, reason: CloseReason, context: &mut P::Context, now: Now) {
        if !matches!(self.state, ConnState::Lingering(_)) {
            if !self.reset_if_truncating(reason) {
                self.transport.notify_close();
            }
            self.protocol.closed(reason, &self.send_queue, context, now);
        }
    }

    /// Reads before this tick's pump, if only input is awaited.
    pub fn read_ahead(&mut self, mut tick: Tick<'_, P::Context>) {
        let is_waiting =
            matches!(self.state, ConnState::Open) && self.want == Want::Input && self.send_queue.is_empty();
        if !is_waiting || !tick.ready.is_readable() || self.write_error.is_some() || self.is_overdue(tick.now)
        {
            return;
        }
        match self.fill(&mut tick) {
            IoOutcome::Done => self.want = Want::Tick,
            IoOutcome::Failed(reason) => self.want = Want::Close(reason),
            IoOutcome::Blocked | IoOutcome::BudgetSpent => self.recv_buf.release(tick.pool),
        }
    }

    /// Moves bytes and advances the protocol until it must wait.
    pub fn pump(&mut self, mut tick: Tick<'_, P::Context>) -> Next {
        tick.pool.lease_segments(&mut self.send_queue);
        self.sent_before_pump = self.send_queue.sent_total();
        let next = match self.state {
            ConnState::Connecting => self.complete_connect(&mut tick),
            ConnState::Proxied => self.receive_proxy_header(&mut tick),
            ConnState::Handshaking => self.drive_handshake(&mut tick),
            ConnState::Open => self.io_loop(&mut tick),
            ConnState::Lingering(_) => self.linger(&mut tick),
        };
        self.recv_buf.release(tick.pool);
        tick.pool.return_segments(&mut self.send_queue);
        if self.protocol.is_receiving_body() || matches!(self.state, ConnState::Handshaking) {
            tick.pool.on_kept();
        }
        next
    }

    fn complete_connect(&mut self, tick: &mut Tick<'_, P::Context>) -> Next {
        if tick.ready.is_writable() {
            match connect::outcome(self.transport.socket()) {
                Ok(()) if self.transport.needs_handshake() => {
                    self.state = ConnState::Handshaking;
                    self.protocol.on_connected(tick.context, tick.now);
                    return self.drive_handshake(tick);
                }
                Ok(()) => {
                    self.state = ConnState::Open;
                    return self.io_loop(tick);
                }
                Err(ErrorKind::NotConnected | ErrorKind::WouldBlock) => tick.ready.on_write_blocked(),
                Err(kind) => return self.close(CloseReason::ConnectFailed(kind), tick),
            }
        }
        if self.is_overdue(tick.now) {
            return self.close(CloseReason::ConnectFailed(ErrorKind::TimedOut), tick);
        }
        Next::Wait
    }

    #[inline(never)]
    fn receive_proxy_header(&mut self, tick: &mut Tick<'_, P::Context>) -> Next {
        if self.is_overdue(tick.now) {
            return self.close(CloseReason::TimedOut("the first bytes of a proxy"), tick);
        }
        match proxy_header::receive(self.transport.socket()) {
            Ok(None) => {
                tick.ready.on_read_blocked();
                Next::Wait
            }
            Ok(Some(client)) => {
                client.into_iter().for_each(|client| self.protocol.on_proxied(client));
                let is_open = !self.transport.needs_handshake();
                self.state = if is_open { ConnState::Open } else { ConnState::Handshaking };
                if is_open { self.io_loop(tick) } else { self.drive_handshake(tick) }
            }
            Err(reason) => self.close(reason, tick),
        }
    }

    #[inline(never)]
    fn drive_handshake(&mut self, tick: &mut Tick<'_, P::Context>) -> Next {
        if self.is_overdue(tick.now) {
            return self.close(CloseReason::TimedOut("the TLS handshake"), tick);
        }
        if tick.pool.is_short() {
            return Next::Wait;
        }
        if !tick.pool.take_handshake(tick.now) {
            return Next::Again;
        }
        match self.transport.drive_handshake() {
            Ok(Handshake::NeedsInput) => tick.ready.on_read_blocked(),
            Ok(Handshake::NeedsRoom) => tick.ready.on_write_blocked(),
            Ok(Handshake::Complete(session)) => {
                self.state = ConnState::Open;
                // The first bytes may have come with the last message.
                tick.ready.on_buffered_input();
                self.protocol.on_handshake(Ok(session), tick.context, tick.now);
                return self.io_loop(tick);
            }
            Err(error) => {
                self.protocol.on_handshake(Err(error), tick.context, tick.now);
                return self.close(CloseReason::HandshakeFailed, tick);
            }
        }
        Next::Wait
    }

    fn io_loop(&mut self, tick: &mut Tick<'_, P::Context>) -> Next {
        // Input that has come by now came in time: to close over it would reset the peer.
        if self.is_overdue(tick.now) && self.want == Want::Input && self.fill(tick) == IoOutcome::Done {
            self.advance(tick);
        }
        if self.is_overdue(tick.now) {
            self.update_acked(tick.now);
            self.want = self.call(tick, P::on_timeout);
        } else if matches!(self.want, Want::Tick | Want::Wakeup) {
            self.advance(tick);
        }
        loop {
            let flushed = match self.want {
                Want::Close(reason) => return self.close(reason, tick),
                _ => self.flush(tick),
            };
            let outcome = match (self.want, flushed) {
                (Want::Input | Want::InputOrDrain, IoOutcome::Failed(reason @ CloseReason::Failed(_))) => {
                    self.read_after_write_error(reason, tick)
                }
                (_, IoOutcome::Failed(reason)) => IoOutcome::Failed(reason),
                (Want::Tick, _) => IoOutcome::BudgetSpent,
                (Want::Wakeup, IoOutcome::Done) => IoOutcome::Blocked,
                (Want::InputOrDrain, IoOutcome::Done) => IoOutcome::Done,
                // During a long upload, the response may come early.
                (Want::Input | Want::InputOrDrain, IoOutcome::BudgetSpent) => match self.fill(tick) {
                    IoOutcome::Blocked => IoOutcome::BudgetSpent,
                    outcome => outcome,
                },
                (Want::Input | Want::InputOrDrain, _) => self.fill(tick),
                (_, flushed) => flushed,
            };
            match outcome {
                IoOutcome::Done => self.advance(tick),
                // A read may produce output (a TLS handshake) without an event.
                IoOutcome::Blocked if self.transport.has_pending_output() && tick.ready.is_writable() => {}
                IoOutcome::Blocked => return Next::Wait,
                IoOutcome::BudgetSpent => return Next::Again,
                IoOutcome::Failed(reason) => return self.close(reason, tick),
            }
        }
    }

    fn advance(&mut self, tick: &mut Tick<'_, P::Context>) {
        self.want = self.call(tick, P::advance);
    }

    #[inline(always)]
    fn call(
        &mut self,
        tick: &mut Tick<'_, P::Context>,
        method: impl Fn(&mut P, &mut Io<'_, P::Context>) -> Want,
    ) -> Want {
        let Self { protocol, recv_buf, send_queue, .. } = self;
        method(protocol, &mut Io { recv_buf, send_queue, shared: tick.context, now: tick.now })
    }

    fn flush(&mut self, tick: &mut Tick<'_, P::Context>) -> IoOutcome {
        if let Some(reason) = self.write_error {
            return IoOutcome::Failed(reason);
        }
        if self.send_queue.is_empty() && !self.transport.has_pending_output() {
            return IoOutcome::Done;
        }
        if !tick.ready.is_writable() {
            return IoOutcome::Blocked;
        }
        let sent_before = self.send_queue.sent_total();
        let outcome = self.send_queue.flush(&mut self.transport, &mut tick.write_budget);
        self.protocol.on_output(self.send_queue.sent_total() - sent_before, tick.context);
        if outcome == IoOutcome::Blocked {
            tick.ready.on_write_blocked();
        }
        outcome
    }

    /// Inlined: 84 of 3,300 instructions of a cached GET less.
    #[inline(always)]
    fn fill(&mut self, tick: &mut Tick<'_, P::Context>) -> IoOutcome {
        if self.recv_buf.is_eof() {
            // After the end of the input, the protocol still wants input.
            return IoOutcome::Failed(CloseReason::PeerClosedEarly);
        }
        if !tick.ready.is_readable() {
            return IoOutcome::Blocked;
        }
        // A shortage of memory ends with a wake-up.
        if tick.pool.is_short() && !self.protocol.is_receiving_body() {
            return IoOutcome::Blocked;
        }
        loop {
            if tick.read_budget == 0 {
                return IoOutcome::BudgetSpent;
            }
            let buffer = self.recv_buf.spare_capacity(tick.pool);
            if buffer.is_empty() {
                return IoOutcome::Failed(CloseReason::Refused("a message larger than the inbox"));
            }
            let buffer_len = buffer.len();
            match self.transport.read(buffer) {
                Ok(0) => self.recv_buf.set_eof(),
                Ok(len) => {
                    self.recv_buf.commit(len);
                    self.protocol.on_input(len, tick.context);
                    tick.read_budget = tick.read_budget.saturating_sub(len);
                    if self.transport.is_drained(len, buffer_len) {
                        tick.ready.on_short_read();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tick.ready.on_read_blocked();
                    return IoOutcome::Blocked;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    // Bounds records without content, too.
                    tick.read_budget = tick.read_budget.saturating_sub(INTERRUPTED_READ_LEN);
                    continue;
                }
                Err(error) => {
                    if error.kind() == ErrorKind::ConnectionAborted {
                        // In TLS 1.3, the server refuses a client's certificate after the handshake.
                        let refusal = HandshakeError::Protocol(error.to_string());
                        self.protocol.on_handshake(Err(refusal), tick.context, tick.now);
                    }
                    return IoOutcome::Failed(CloseReason::Failed(error.kind()));
                }
            }
            return IoOutcome::Done;
        }
    }

    /// Reads on: the peer may have sent an error response. End of input is then an error.
    fn read_after_write_error(&mut self, reason: CloseReason, tick: &mut Tick<'_, P::Context>) -> IoOutcome {
        let reason = *self.write_error.get_or_insert(reason);
        self.send_queue.discard();
        tick.ready.on_write_failed();
        match self.fill(tick) {
            IoOutcome::Done if !self.recv_buf.is_eof() => IoOutcome::Done,
            IoOutcome::BudgetSpent => IoOutcome::BudgetSpent,
            IoOutcome::Done | IoOutcome::Blocked | IoOutcome::Failed(_) => IoOutcome::Failed(reason),
        }
    }

    fn is_overdue(&self, now: Now) -> bool {
        self.protocol.deadline().is_some_and(|deadline| deadline <= now.instant)
    }

    fn close(&mut self, reason: CloseReason, tick: &mut Tick<'_, P::Context>) -> Next {
        let is_truncating = self.reset_if_truncating(reason);
        self.protocol.closed(reason, &self.send_queue, tick.context, tick.now);
        if !is_truncating && matches!(self.state, ConnState::Open) {
            self.transport.notify_close();
        }
        if is_truncating || !self.should_linger(reason, *tick.ready) || self.transport.close_write().is_err()
        {
            return Next::Close;
        }
        let now = tick.now.instant;
        let linger =
            Linger { idle_deadline: now + LINGER_IDLE_TIMEOUT, deadline: now + LINGER_TOTAL_TIMEOUT };
        self.state = ConnState::Lingering(Box::new(linger));
        self.linger(tick)
    }

    /// Makes the close send RST if the peer could mistake a FIN for the end of a message.
    ///
    /// Also after a time-out with unsent output: the kernel would keep what a silent peer has not read.
    fn reset_if_truncating(&mut self, reason: CloseReason) -> bool {
        let is_stalled =
            matches!(reason, CloseReason::TimedOut(_) | CloseReason::Evicted) && !self.send_queue.is_empty();
        let is_truncating = matches!(self.state, ConnState::Open)
            && (is_stalled || self.protocol.truncates_message_if_closed(&self.send_queue));
        if is_truncating && let Err(error) = self.transport.reset_on_close() {
            log::warn!("cannot reset a connection with an incomplete response: {error}");
        }
        is_truncating
    }

    /// Whether closing now could send RST, which destroys a response that the peer has yet to read.
    ///
    /// That needs output that ended in this tick, and input that is unread or likely to come.
    fn should_linger(&self, reason: CloseReason, ready: Readiness) -> bool {
        let responded_now = reason == CloseReason::HandshakeFailed
            || self.send_queue.is_empty() && self.send_queue.sent_total() > self.sent_before_pump;
        let all_read = self.recv_buf.is_empty() && !ready.is_readable();
        let finished_cleanly = reason == CloseReason::Finished && all_read;
        responded_now && reason.must_linger() && !finished_cleanly && !self.recv_buf.is_eof()
    }

    fn linger(&mut self, tick: &mut Tick<'_, P::Context>) -> Next {
        let now = tick.now.instant;
        loop {
            self.recv_buf.discard();
            let outcome = self.fill(tick);
            let ConnState::Lingering(linger) = &mut self.state else { return Next::Close };
            match outcome {
                IoOutcome::Done if !self.recv_buf.is_eof() => {
                    linger.idle_deadline = now + LINGER_IDLE_TIMEOUT
                }
                _ if now >= linger.idle_deadline.min(linger.deadline) => return Next::Close,
                IoOutcome::Blocked => return Next::Wait,
                IoOutcome::BudgetSpent => return Next::Again,
                IoOutcome::Done | IoOutcome::Failed(_) => return Next::Close,
            }
        }
    }
}

impl<P: Protocol, T: Transport> EventSource for Connection<P, T> {
    fn source(&mut self) -> &mut TcpStream {
        self.transport.socket()
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            ConnState::Lingering(linger) => Some(linger.idle_deadline.min(linger.deadline)),
            _ => self.protocol.deadline(),
        }
    }
}

#[cfg(test)]
mod tests;
