//! Client protocol of the number exchange: one line out, one in.
//!
//! | state | waits for | leaves to | deadline |
//! |---|---|---|---|
//! | [`Connecting`](SumClientPhase::Connecting) | the connection | ReadingLine · Closing (time-out) | the attempt's |
//! | [`ReadingLine`](SumClientPhase::ReadingLine) | the server's line | Closing | [`TIMEOUT`] in total |
//! | [`Closing`](SumClientPhase::Closing) | nothing: `net` closes the connection | gone | that of `net` |
//!
//! The caller reads the outcome from [`SumExchange`].

use std::time::Instant;

use super::TIMEOUT;
use super::line::{SumLine, SumLineError, SumRole};
use crate::net::{CloseReason, Io, Protocol, SendQueue, Want};
use crate::reactor::Now;
use crate::text::append;

/// Reason for a missing server number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumFailure {
    /// Closed before the first byte.
    #[error("the server sent nothing")]
    NoResponse,
    /// Refusal by the server.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Not a server line.
    #[error("the server's response is invalid: {0}")]
    InvalidLine(SumLineError),
    /// Timed out.
    #[error("no response within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// Connecting failed, or the connection broke.
    #[error("the connection ended: {0}")]
    Connection(CloseReason),
}

/// The server's line, or why there is none.
pub type SumResult = Result<SumLine, SumFailure>;

/// One exchange.
#[derive(Debug)]
pub struct SumExchange {
    /// Line to send.
    pub own: SumLine,
    /// Set at the end.
    pub outcome: Option<SumResult>,
}

/// Connection states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumClientPhase {
    /// Waits for the connection.
    Connecting,
    /// Waits for the server's line.
    ReadingLine,
    /// Waits for nothing.
    Closing,
}

/// All transitions; `enter` asserts each.
pub const TRANSITIONS: &[(SumClientPhase, SumClientPhase)] = &[
    (SumClientPhase::Connecting, SumClientPhase::ReadingLine),
    (SumClientPhase::Connecting, SumClientPhase::Closing),
    (SumClientPhase::ReadingLine, SumClientPhase::Closing),
];

/// Client protocol of one connection.
#[derive(Debug)]
pub struct SumClientProtocol {
    phase: SumClientPhase,
    deadline: Instant,
}

impl SumClientProtocol {
    /// Protocol of a connection attempt.
    pub fn new(deadline: Instant) -> Self {
        Self { phase: SumClientPhase::Connecting, deadline }
    }

    /// Current state.
    pub fn phase(&self) -> SumClientPhase {
        self.phase
    }

    fn enter(&mut self, next: SumClientPhase) {
        log::debug!("{:?} -> {next:?}", self.phase);
        debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
        self.phase = next;
    }

    fn send_line(&mut self, io: &mut Io<'_, SumExchange>) -> Want {
        self.enter(SumClientPhase::ReadingLine);
        self.deadline = io.now.instant + TIMEOUT;
        let line = io.shared.own.format_as(SumRole::Client);
        io.send_queue.push_with(|out| append(out, format_args!("{line}\n")));
        Want::Input
    }

    fn read_line(&mut self, io: &mut Io<'_, SumExchange>) -> Want {
        let outcome = match SumLine::parse(SumRole::Server, io.recv_buf.bytes()) {
            Ok(Some((len, server))) => {
                io.recv_buf.consume(len);
                Ok(server)
            }
            Ok(None) if !io.recv_buf.is_eof() => return Want::Input,
            Ok(None) if io.recv_buf.is_empty() => Err(SumFailure::NoResponse),
            Ok(None) => Err(SumFailure::InvalidLine(SumLineError::CutShort)),
            Err(SumLineError::Refused(message)) => Err(SumFailure::Refused(message)),
            Err(error) => Err(SumFailure::InvalidLine(error)),
        };
        self.finish(outcome, CloseReason::Finished, io.shared)
    }

    fn finish(&mut self, outcome: SumResult, reason: CloseReason, exchange: &mut SumExchange) -> Want {
        self.enter(SumClientPhase::Closing);
        exchange.outcome = Some(outcome);
        Want::Close(reason)
    }
}

impl Protocol for SumClientProtocol {
    type Context = SumExchange;

    fn advance(&mut self, io: &mut Io<'_, SumExchange>) -> Want {
        match self.phase {
            SumClientPhase::Connecting => self.send_line(io),
            SumClientPhase::ReadingLine => self.read_line(io),
            SumClientPhase::Closing => Want::Close(CloseReason::Finished),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn on_timeout(&mut self, io: &mut Io<'_, SumExchange>) -> Want {
        match self.phase {
            SumClientPhase::Closing => Want::Close(CloseReason::Finished),
            SumClientPhase::Connecting | SumClientPhase::ReadingLine => {
                let reason = CloseReason::TimedOut("the server's number");
                self.finish(Err(SumFailure::TimedOut), reason, io.shared)
            }
        }
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, exchange: &mut SumExchange, _: Now) {
        log::info!("closed: {reason}");
        exchange.outcome.get_or_insert(Err(SumFailure::Connection(reason)));
    }
}
