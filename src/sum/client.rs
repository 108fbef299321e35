//! The client's side: one line out, one line in.
//!
//! | state | waits for | leaves to | deadline |
//! |---|---|---|---|
//! | [`Connecting`](SumClientPhase::Connecting) | the connection | ReadingLine · Closing (too late) | the attempt's |
//! | [`ReadingLine`](SumClientPhase::ReadingLine) | the server's line | Closing | [`TIMEOUT`] in all |
//! | [`Closing`](SumClientPhase::Closing) | nothing: the link closes | gone | the link's |
//!
//! It prints nothing and knows no address: whoever runs it reads the outcome from the [`SumExchange`].

use std::time::Instant;

use super::TIMEOUT;
use super::line::{SumLine, SumLineError, SumRole};
use crate::net::{CloseReason, Protocol, RecvBuf, SendQueue, Want};
use crate::reactor::Now;
use crate::text::append;

/// Why a client has no number from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SumFailure {
    /// The connection ended before anything had come.
    NoResponse,
    /// What came is no line of the server.
    InvalidLine(SumLineError),
    /// It took too long.
    TimedOut,
    /// The connection could not be made, or broke.
    Connection(CloseReason),
}

/// What is asked, and what has come of it.
#[derive(Debug)]
pub struct SumExchange {
    /// What the client says.
    pub own: SumLine,
    /// What the server has said, once it is over, or why it has not.
    pub outcome: Option<Result<SumLine, SumFailure>>,
}

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumClientPhase {
    /// Waiting for the connection, then queueing the line.
    Connecting,
    /// Waiting for the server's line.
    ReadingLine,
    /// Over.
    Closing,
}

/// Every transition there is; [`SumClientProtocol`] asserts each it makes against this table.
pub const TRANSITIONS: &[(SumClientPhase, SumClientPhase)] = &[
    (SumClientPhase::Connecting, SumClientPhase::ReadingLine),
    (SumClientPhase::Connecting, SumClientPhase::Closing),
    (SumClientPhase::ReadingLine, SumClientPhase::Closing),
];

/// One connection of the exchange.
#[derive(Debug)]
pub struct SumClientProtocol {
    phase: SumClientPhase,
    deadline: Instant,
}

impl SumClientProtocol {
    /// The machine of a connection that is being made, until `deadline` at the latest.
    pub fn new(deadline: Instant) -> Self {
        Self { phase: SumClientPhase::Connecting, deadline }
    }

    /// The state it is in.
    pub fn phase(&self) -> SumClientPhase {
        self.phase
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: SumClientPhase) {
        log::debug!("{:?} -> {next:?}", self.phase);
        debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
        self.phase = next;
    }

    fn send_line(&mut self, send_queue: &mut SendQueue, own: &SumLine, now: Now) -> Want {
        self.enter(SumClientPhase::ReadingLine);
        self.deadline = now.instant + TIMEOUT;
        send_queue.push_with(|out| append(out, format_args!("{}\n", own.format_as(SumRole::Client))));
        Want::Input
    }

    fn read_line(&mut self, recv_buf: &mut RecvBuf, exchange: &mut SumExchange) -> Want {
        let outcome = match SumLine::parse(SumRole::Server, recv_buf.bytes()) {
            Ok(Some((len, server))) => {
                recv_buf.consume(len);
                Ok(server)
            }
            Ok(None) if !recv_buf.is_eof() => return Want::Input,
            Ok(None) if recv_buf.is_empty() => Err(SumFailure::NoResponse),
            Ok(None) => Err(SumFailure::InvalidLine(SumLineError::CutShort)),
            Err(error) => Err(SumFailure::InvalidLine(error)),
        };
        self.finish(outcome, CloseReason::Finished, exchange)
    }

    fn finish(
        &mut self,
        outcome: Result<SumLine, SumFailure>,
        reason: CloseReason,
        exchange: &mut SumExchange,
    ) -> Want {
        self.enter(SumClientPhase::Closing);
        exchange.outcome = Some(outcome);
        Want::Close(reason)
    }
}

impl Protocol for SumClientProtocol {
    type Context = SumExchange;

    fn advance(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        exchange: &mut SumExchange,
        now: Now,
    ) -> Want {
        match self.phase {
            SumClientPhase::Connecting => self.send_line(send_queue, &exchange.own, now),
            SumClientPhase::ReadingLine => self.read_line(recv_buf, exchange),
            SumClientPhase::Closing => Want::Close(CloseReason::Finished),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn on_timeout(&mut self, _: &mut RecvBuf, _: &mut SendQueue, exchange: &mut SumExchange, _: Now) -> Want {
        match self.phase {
            SumClientPhase::Closing => Want::Close(CloseReason::Finished),
            SumClientPhase::Connecting | SumClientPhase::ReadingLine => {
                let reason = CloseReason::TimedOut("the server's number");
                self.finish(Err(SumFailure::TimedOut), reason, exchange)
            }
        }
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, exchange: &mut SumExchange, _: Now) {
        log::info!("closed: {reason}");
        exchange.outcome.get_or_insert(Err(SumFailure::Connection(reason)));
    }
}
