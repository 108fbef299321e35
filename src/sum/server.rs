//! Server protocol of the number exchange: one line in, one out.
//!
//! | state | waits for | leaves to | deadline |
//! |---|---|---|---|
//! | [`ReadingLine`](SumServerPhase::ReadingLine) | the client's line | WritingLine · Closing (EOF or shutdown before any input) | [`TIMEOUT`] in total |
//! | [`WritingLine`](SumServerPhase::WritingLine) | the socket to take the response | Closing | [`TIMEOUT`] |
//! | [`Closing`](SumServerPhase::Closing) | nothing: `net` closes the connection | gone | that of `net` |
//!
//! Prints nothing; output lines collect in [`SumState`].

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::time::Instant;

use mio::net::TcpStream;

use super::TIMEOUT;
use super::line::{ERROR, Name, SumLine, SumLineError, SumRole};
use crate::net::{CloseReason, Connection, Io, Protocol, SendQueue, Want, host_name};
use crate::reactor::{ListenerId, Now};
use crate::text::append;

/// Other numbers end the exchange for all: the last client of a class sends one.
const NUMBERS: RangeInclusive<i64> = 1..=100;

/// Number exchange inside the server: state shared by all connections.
#[derive(Debug)]
pub struct SumState {
    own: SumLine,
    /// Empty if the exchange is not served, or no longer.
    listeners: Range<ListenerId>,
    /// New lines for the operator; the reader takes them.
    pub output_lines: Vec<String>,
    /// True after a number outside 1 to 100.
    pub ended: bool,
    /// True at shutdown: idle connections may close.
    pub draining: bool,
}

impl SumState {
    /// Creates the state; default name: the host's.
    pub fn new(name: Option<Name>, number: i64, listeners: Range<ListenerId>) -> Self {
        let name = name.unwrap_or_else(|| Name::first_valid([host_name()]));
        let own = SumLine { name, number };
        Self { own, listeners, output_lines: Vec::new(), ended: false, draining: false }
    }

    fn handle_line(&mut self, client: &SumLine) -> Result<(), String> {
        let (own, lines) = (&self.own, &mut self.output_lines);
        self.ended |= !NUMBERS.contains(&client.number);
        lines.push(format!("Client of {} has connected to Server of {}", client.name, own.name));
        let sum = client.number.checked_add(own.number);
        let shown = sum.map_or_else(|| "out of range".to_owned(), |sum| sum.to_string());
        let (client_line, own_line) = (client.format_as(SumRole::Client), own.format_as(SumRole::Server));
        lines.push(format!("{client_line}, {own_line}, sum: {shown}"));
        match sum {
            Some(_) => Ok(()),
            None => Err(format!("the sum of {} and {} does not fit into 64 bits", client.number, own.number)),
        }
    }

    /// True for a listener of the exchange.
    pub fn has_listener(&self, listener: ListenerId) -> bool {
        self.listeners.contains(&listener)
    }

    /// Accepts a connection, unless the exchange ended in this tick.
    pub fn accepted(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        now: Now,
    ) -> Option<Connection<SumServerProtocol>> {
        (!self.ended).then(|| Connection::accepted(stream.into(), SumServerProtocol::new(peer, now)))
    }

    /// Listeners to close after the end; returned once.
    pub fn take_ended_listeners(&mut self) -> Option<Range<ListenerId>> {
        let ended = self.ended && !self.listeners.is_empty();
        ended.then(|| std::mem::take(&mut self.listeners))
    }
}

/// Connection states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumServerPhase {
    /// Waits for the client's line.
    ReadingLine,
    /// Waits until the response is sent.
    WritingLine,
    /// Waits for nothing.
    Closing,
}

/// All transitions; `enter` asserts each.
pub const TRANSITIONS: &[(SumServerPhase, SumServerPhase)] = &[
    (SumServerPhase::ReadingLine, SumServerPhase::WritingLine),
    (SumServerPhase::ReadingLine, SumServerPhase::Closing),
    (SumServerPhase::WritingLine, SumServerPhase::Closing),
];

/// Server protocol of one connection.
#[derive(Debug)]
pub struct SumServerProtocol {
    peer: SocketAddr,
    phase: SumServerPhase,
    deadline: Instant,
    has_input: bool,
    close_reason: CloseReason,
}

impl SumServerProtocol {
    /// Protocol of an accepted connection.
    pub fn new(peer: SocketAddr, now: Now) -> Self {
        Self {
            peer,
            phase: SumServerPhase::ReadingLine,
            deadline: now.instant + TIMEOUT,
            has_input: false,
            close_reason: CloseReason::PeerClosed,
        }
    }

    /// Current state.
    pub fn phase(&self) -> SumServerPhase {
        self.phase
    }

    /// At shutdown: closes, unless part of a line was received.
    pub fn close_if_idle(&mut self, now: Now) {
        if self.phase == SumServerPhase::ReadingLine && !self.has_input {
            self.deadline = now.instant;
        }
    }

    fn enter(&mut self, next: SumServerPhase) {
        log::debug!("{}: {:?} -> {next:?}", self.peer, self.phase);
        debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
        self.phase = next;
    }

    fn close(&mut self, reason: CloseReason) -> Want {
        self.enter(SumServerPhase::Closing);
        Want::Close(reason)
    }

    fn read_line(&mut self, io: &mut Io<'_, SumState>) -> Want {
        self.has_input |= !io.recv_buf.is_empty();
        let response = match SumLine::parse(SumRole::Client, io.recv_buf.bytes()) {
            Ok(Some((len, client))) => {
                io.recv_buf.consume(len);
                io.shared.handle_line(&client)
            }
            Ok(None) if !io.recv_buf.is_eof() => return Want::Input,
            Ok(None) if !self.has_input => return self.close(CloseReason::PeerClosed),
            Ok(None) => Err(SumLineError::CutShort.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.write_line(response, io)
    }

    fn write_line(&mut self, response: Result<(), String>, io: &mut Io<'_, SumState>) -> Want {
        self.enter(SumServerPhase::WritingLine);
        self.deadline = io.now.instant + TIMEOUT;
        let (line, reason) = match response {
            Ok(()) => (io.shared.own.format_as(SumRole::Server), CloseReason::Finished),
            Err(message) => (format!("{ERROR}{message}"), CloseReason::Refused("no valid number")),
        };
        self.close_reason = reason;
        io.send_queue.push_with(|out| append(out, format_args!("{line}\n")));
        Want::Drain
    }
}

impl Protocol for SumServerProtocol {
    type Context = SumState;

    fn advance(&mut self, io: &mut Io<'_, SumState>) -> Want {
        match self.phase {
            SumServerPhase::ReadingLine => self.read_line(io),
            SumServerPhase::WritingLine => self.close(self.close_reason),
            SumServerPhase::Closing => Want::Close(self.close_reason),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn on_timeout(&mut self, io: &mut Io<'_, SumState>) -> Want {
        match self.phase {
            SumServerPhase::ReadingLine if io.shared.draining && !self.has_input => {
                self.close(CloseReason::Shutdown)
            }
            SumServerPhase::ReadingLine => self.write_line(Err(SumLineError::TimedOut.to_string()), io),
            SumServerPhase::WritingLine => {
                self.close(CloseReason::TimedOut("the peer to receive the response"))
            }
            SumServerPhase::Closing => Want::Close(self.close_reason),
        }
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, _: &mut SumState, _: Now) {
        log::info!("{} closed: {reason}", self.peer);
    }
}
