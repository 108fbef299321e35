//! The client's side of one connection: a request out, its answer in.
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`Asking`](Phase::Asking) | the connection | Answering · Closing (time-out) |
//! | [`Answering`](Phase::Answering) | the answer's head and body | Closing |
//! | [`Closing`](Phase::Closing) | nothing: the link closes | gone |
//!
//! It owns no socket and does not decide what becomes of the answer: that is the [`Audience`]'s.

use std::time::Instant;

use super::reader::{AnswerReader, BadAnswer, Piece};
use crate::http::{FieldSpace, Method};
use crate::net::{CloseReason, Inbox, Machine, Outbox, Want};
use crate::reactor::Now;

/// Who hears what becomes of a request. Each call may stop the exchange by returning `false`.
pub trait Audience {
    /// The connection is made, and this is what is sent.
    fn connected(&mut self, now: Now) -> &[u8];
    /// A piece of the answer has come.
    fn piece(&mut self, piece: &Piece<'_, '_>, now: Now) -> bool;
    /// It is over: the answer is whole, or this is why not.
    fn over(&mut self, outcome: Result<(), Failure>, now: Now);
}

/// Why a request has no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The connection broke, could not be made, or was given up.
    Link(CloseReason),
    /// What came is no whole answer.
    Answer(BadAnswer),
    /// The audience wanted no more.
    Stopped,
    /// It took too long.
    TimedOut,
}

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the connection, then queueing the request.
    Asking,
    /// Waiting for the answer.
    Answering,
    /// Over.
    Closing,
}

/// Every transition there is; [`Conn`] asserts each it makes against this table.
pub const TRANSITIONS: &[(Phase, Phase)] =
    &[(Phase::Asking, Phase::Answering), (Phase::Asking, Phase::Closing), (Phase::Answering, Phase::Closing)];

/// One connection of the client, for one request.
#[derive(Debug)]
pub struct Conn<A> {
    phase: Phase,
    reader: AnswerReader,
    /// Until the connection is made.
    connect_deadline: Option<Instant>,
    deadline: Option<Instant>,
    told: bool,
    audience: std::marker::PhantomData<fn(&mut A)>,
}

impl<A: Audience> Conn<A> {
    /// The machine of a connection that is being made.
    pub fn new(method: Method, connect_deadline: Option<Instant>, deadline: Option<Instant>) -> Self {
        Self {
            phase: Phase::Asking,
            reader: AnswerReader::new(method),
            connect_deadline,
            deadline,
            told: false,
            audience: std::marker::PhantomData,
        }
    }

    /// The state it is in.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: Phase) {
        log::debug!("{:?} -> {next:?}", self.phase);
        debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
        self.phase = next;
    }

    fn finish(&mut self, outcome: Result<(), Failure>, audience: &mut A, now: Now) -> Want {
        self.enter(Phase::Closing);
        self.told = true;
        audience.over(outcome, now);
        Want::Close(match outcome {
            Ok(()) => CloseReason::Finished,
            Err(Failure::Link(reason)) => reason,
            Err(Failure::Answer(_)) => CloseReason::Refused("the answer makes no sense"),
            Err(Failure::Stopped) => CloseReason::Shutdown,
            Err(Failure::TimedOut) => CloseReason::TimedOut("the answer"),
        })
    }

    fn answer(&mut self, inbox: &mut Inbox, audience: &mut A, now: Now) -> Want {
        loop {
            let mut space = FieldSpace::new();
            let (len, wanted, ended) = match self.reader.next(inbox.bytes(), &mut space) {
                Ok(Some((len, piece))) => (len, audience.piece(&piece, now), matches!(piece, Piece::End)),
                Ok(None) if inbox.is_eof() => {
                    let whole = self.reader.end_of_input().map_err(Failure::Answer);
                    return self.finish(whole, audience, now);
                }
                Ok(None) => return Want::Input,
                Err(fault) => return self.finish(Err(Failure::Answer(fault)), audience, now),
            };
            inbox.consume(len);
            if ended {
                return self.finish(Ok(()), audience, now);
            }
            if !wanted {
                return self.finish(Err(Failure::Stopped), audience, now);
            }
        }
    }
}

impl<A: Audience> Machine for Conn<A> {
    type Site = A;

    fn advance(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, audience: &mut A, now: Now) -> Want {
        match self.phase {
            Phase::Asking => {
                let request = audience.connected(now);
                outbox.push_with(|out| out.extend_from_slice(request));
                self.enter(Phase::Answering);
                Want::Input
            }
            Phase::Answering => self.answer(inbox, audience, now),
            Phase::Closing => Want::Close(CloseReason::Finished),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Asking => [self.connect_deadline, self.deadline].into_iter().flatten().min(),
            Phase::Answering | Phase::Closing => self.deadline,
        }
    }

    fn expire(&mut self, _: &mut Inbox, _: &mut Outbox, audience: &mut A, now: Now) -> Want {
        match self.phase {
            Phase::Closing => Want::Close(CloseReason::Finished),
            Phase::Asking | Phase::Answering => self.finish(Err(Failure::TimedOut), audience, now),
        }
    }

    fn closed(&mut self, reason: CloseReason, _: &Outbox, audience: &mut A, now: Now) {
        log::info!("closed: {reason}");
        if !self.told {
            self.told = true;
            audience.over(Err(Failure::Link(reason)), now);
        }
    }
}
