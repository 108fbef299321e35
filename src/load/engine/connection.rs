//! The states of one connection of the load generator.
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`Connecting`](ServerPhase::Connecting) | the connection | Resting · Awaiting · gone, if it is not made |
//! | [`Idle`](ServerPhase::Resting) | a request that is due, or the end of the input | Awaiting · Closing |
//! | [`AwaitingFirstByte`](ServerPhase::Awaiting) | the first byte of an answer | Receiving · Resting · Closing |
//! | [`BodyReceiver`](ServerPhase::BodyReceiver) | the rest of it | Awaiting · Resting · Closing |
//! | [`Closing`](ServerPhase::Closing) | nothing: the link closes | gone |
//!
//! It sends what is due as soon as there is room, checks each answer, and tells the [`ThreadRun`] what became
//! of each request, exactly once. When a connection ends, the request whose answer was due fails, if it
//! was not answered; those that were pipelined behind it are stranded, and are sent again on the next
//! connection (RFC 9112 section 9.3.2). It owns no socket and allocates nothing once it is under way.

use std::io::ErrorKind;
use std::time::Instant;

use super::in_flight::InFlight;
use super::thread_run::{ConnPolicy, ThreadRun};
use crate::http::ResponseReader;
use crate::load::stats::failure::LoadFailure;
use crate::net::{CloseReason, Protocol, RecvBuf, SendQueue, Want};
use crate::reactor::Now;

/// The names of the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadPhase {
    /// Waiting for the connection.
    Connecting,
    /// Nothing is on the way.
    Idle,
    /// Waiting for an answer to begin.
    AwaitingFirstByte,
    /// Waiting for an answer to end.
    Receiving,
    /// Over.
    Closing,
}

/// Every transition there is; [`LoadProtocol`] asserts each it makes against this table.
pub const TRANSITIONS: &[(LoadPhase, LoadPhase)] = &[
    (LoadPhase::Connecting, LoadPhase::Idle),
    (LoadPhase::Connecting, LoadPhase::AwaitingFirstByte),
    (LoadPhase::Idle, LoadPhase::AwaitingFirstByte),
    (LoadPhase::Idle, LoadPhase::Closing),
    (LoadPhase::AwaitingFirstByte, LoadPhase::Receiving),
    (LoadPhase::AwaitingFirstByte, LoadPhase::Idle),
    (LoadPhase::AwaitingFirstByte, LoadPhase::Closing),
    (LoadPhase::Receiving, LoadPhase::AwaitingFirstByte),
    (LoadPhase::Receiving, LoadPhase::Idle),
    (LoadPhase::Receiving, LoadPhase::Closing),
];

/// One connection, which sends request after request.
#[derive(Debug)]
pub struct LoadProtocol {
    phase: LoadPhase,
    seat: usize,
    manners: ConnPolicy,
    /// What was sent and is not answered, the oldest first.
    asked: InFlight,
    /// Requests that this connection may still send.
    left: u64,
    reader: ResponseReader,
    /// When the first byte of the present answer came.
    began: Option<Instant>,
    /// Whether an answer has come that was whole.
    has_answered: bool,
    connect_began: Instant,
    /// Since when there has been room for a request.
    free_since: Instant,
}

impl LoadProtocol {
    /// The machine of a connection that is being made since `at`.
    pub(super) fn new(seat: usize, manners: ConnPolicy, at: Instant) -> Self {
        Self {
            phase: LoadPhase::Connecting,
            seat,
            manners,
            asked: InFlight::with_capacity(manners.pipeline),
            left: manners.requests_max,
            reader: ResponseReader::new(manners.method),
            began: None,
            has_answered: false,
            connect_began: at,
            free_since: at,
        }
    }

    /// Which seat of the run it sits on.
    pub(super) fn seat(&self) -> usize {
        self.seat
    }

    /// Whether it could send a request now.
    pub(super) fn has_room(&self) -> bool {
        let is_open = !matches!(self.phase, LoadPhase::Connecting | LoadPhase::Closing);
        is_open && self.may_ask()
    }

    fn may_ask(&self) -> bool {
        self.left > 0 && self.asked.len() < self.manners.pipeline
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: LoadPhase) {
        if self.phase != next {
            log::debug!("{:?} -> {next:?}", self.phase);
            debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
            self.phase = next;
        }
    }

    fn close(&mut self, reason: CloseReason) -> Want {
        self.enter(LoadPhase::Closing);
        Want::Close(reason)
    }

    /// Nothing that was asked on this connection will be answered: the request whose turn it was has
    /// failed, and those behind it are stranded.
    fn fail(&mut self, failure: LoadFailure, run: &mut ThreadRun, at: Instant) {
        if let Some(asked) = self.asked.pop_front() {
            run.failed(asked, failure, at);
        }
        self.strand(run);
    }

    fn strand(&mut self, run: &mut ThreadRun) {
        for asked in self.asked.drain() {
            run.stranded(self.seat, asked);
        }
    }

    /// What to call an answer that cannot be understood. What does not even begin like one, behind an
    /// answer that was whole, is more of that: its body was longer than it was said to be, and the rest
    /// came when the next request was on its way already.
    fn told_apart(&self, failure: LoadFailure, bytes: &[u8]) -> LoadFailure {
        match failure {
            LoadFailure::BadHead if self.has_answered && !bytes.starts_with(b"HTTP/") => LoadFailure::TooLong,
            _ => failure,
        }
    }

    fn refuse(&mut self, failure: LoadFailure, run: &mut ThreadRun, at: Instant) -> Want {
        self.fail(failure, run, at);
        self.close(CloseReason::Refused(failure.describe()))
    }

    /// Sends what is due, as far as there is room.
    fn ask(&mut self, outbox: &mut SendQueue, run: &mut ThreadRun, at: Instant) -> Want {
        while self.may_ask() {
            let asked = run.ask(self.seat, self.free_since, at, |render| outbox.push_with(render));
            let Some(asked) = asked else { break };
            self.left -= 1;
            self.asked.push_back(asked);
        }
        self.enter(match (self.asked.is_empty(), self.began) {
            (true, _) => LoadPhase::Idle,
            (false, None) => LoadPhase::AwaitingFirstByte,
            (false, Some(_)) => LoadPhase::Receiving,
        });
        Want::Input
    }

    /// Understands what has come; `Some` when the connection is over.
    fn read(&mut self, inbox: &mut RecvBuf, run: &mut ThreadRun, at: Instant) -> Option<Want> {
        while !self.asked.is_empty() {
            if !inbox.is_empty() {
                self.began.get_or_insert(at);
            }
            let (len, is_whole) = match self.reader.check(inbox.bytes(), &mut run.last_head) {
                Ok(taken) => taken,
                Err(error) => {
                    let failure = self.told_apart(error.into(), inbox.bytes());
                    return Some(self.refuse(failure, run, at));
                }
            };
            inbox.consume(len);
            match (is_whole, inbox.is_eof()) {
                (true, _) => {}
                (false, false) => return None,
                (false, true) => {
                    if let Err(error) = self.reader.end_of_input() {
                        return Some(self.refuse(error.into(), run, at));
                    }
                }
            }
            if let Some(want) = self.finish(inbox, run, at) {
                return Some(want);
            }
        }
        match (inbox.is_eof(), inbox.is_empty()) {
            (true, true) => Some(self.close(CloseReason::PeerClosed)),
            (_, false) => {
                run.unasked(at);
                Some(self.close(CloseReason::Refused("bytes that nobody has asked for")))
            }
            (false, true) => None,
        }
    }

    /// The present answer is whole: it counts, and the next one begins; `Some` when there is no next.
    fn finish(&mut self, inbox: &RecvBuf, run: &mut ThreadRun, at: Instant) -> Option<Want> {
        if self.asked.len() == self.manners.pipeline {
            self.free_since = at;
        }
        let asked = self.asked.pop_front()?;
        if self.asked.is_empty() && !inbox.is_empty() {
            run.failed(asked, LoadFailure::TooLong, at);
            return Some(self.close(CloseReason::Refused(LoadFailure::TooLong.describe())));
        }
        let first_byte = self.began.take().unwrap_or(at);
        run.answered(asked, self.reader.status(), first_byte, at, self.reader.received_len());
        self.has_answered = true;
        let is_last = !self.reader.keep_alive() || (self.left == 0 && self.asked.is_empty());
        if is_last {
            // The server has said so, in good order (RFC 9112 section 9.6): it owes no other answer.
            self.strand(run);
            return Some(self.close(CloseReason::Finished));
        }
        self.reader = ResponseReader::new(self.manners.method);
        None
    }
}

impl Protocol for LoadProtocol {
    type Context = ThreadRun;

    fn advance(
        &mut self,
        inbox: &mut RecvBuf,
        outbox: &mut SendQueue,
        run: &mut ThreadRun,
        now: Now,
    ) -> Want {
        // Read after the bytes have come and before the next leave: no latency comes out too short.
        let at = run.clock.at(now);
        if self.phase == LoadPhase::Connecting {
            run.connected(self.seat, at.saturating_duration_since(self.connect_began));
            self.free_since = at;
        } else if let Some(want) = self.read(inbox, run, at) {
            return want;
        }
        self.ask(outbox, run, at)
    }

    fn deadline(&self) -> Option<Instant> {
        let since = match self.phase {
            LoadPhase::Connecting => Some(self.connect_began),
            LoadPhase::Idle | LoadPhase::Closing => None,
            LoadPhase::AwaitingFirstByte | LoadPhase::Receiving => self.asked.front().map(|asked| asked.sent),
        };
        since.map(|since| since + self.manners.timeout)
    }

    fn on_timeout(&mut self, _: &mut RecvBuf, _: &mut SendQueue, run: &mut ThreadRun, now: Now) -> Want {
        if self.phase == LoadPhase::Connecting {
            // It was made, but too late.
            return Want::Close(CloseReason::ConnectFailed(ErrorKind::TimedOut));
        }
        let at = run.clock.at(now);
        for asked in self.asked.drain() {
            if asked.sent + self.manners.timeout <= at {
                run.failed(asked, LoadFailure::TimedOut, at);
            } else {
                run.stranded(self.seat, asked);
            }
        }
        self.close(CloseReason::TimedOut("an answer"))
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, run: &mut ThreadRun, now: Now) {
        let at = run.clock.at(now);
        log::debug!("closed: {reason}");
        match reason {
            CloseReason::Shutdown => {
                for asked in self.asked.drain() {
                    run.unfinished(asked, at);
                }
            }
            CloseReason::ConnectFailed(kind) => {
                run.connect_failed(self.seat, connect_failure(kind, None), at);
                return;
            }
            _ => self.fail(link_failure(reason, self.began.is_some()), run, at),
        }
        if self.phase != LoadPhase::Connecting {
            let was_used = self.left < self.manners.requests_max;
            run.left(self.seat, self.connect_began, was_used, at);
        }
    }
}

/// The name of what kept a connection from being made; `errno` where the kind does not tell.
pub(super) fn connect_failure(kind: ErrorKind, errno: Option<i32>) -> LoadFailure {
    const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
    const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
    match (kind, errno) {
        (_, Some(EMFILE | ENFILE)) => LoadFailure::NoDescriptor,
        (ErrorKind::ConnectionRefused, _) => LoadFailure::Refused,
        (ErrorKind::TimedOut, _) => LoadFailure::ConnectTimedOut,
        (ErrorKind::AddrNotAvailable, _) => LoadFailure::NoPort,
        _ => LoadFailure::ConnectFailed,
    }
}

/// The name of what broke a connection, `began` telling whether an answer had begun.
fn link_failure(reason: CloseReason, began: bool) -> LoadFailure {
    match reason {
        CloseReason::Failed(ErrorKind::BrokenPipe | ErrorKind::WriteZero) => LoadFailure::SendFailed,
        CloseReason::Failed(ErrorKind::TimedOut) => LoadFailure::TimedOut,
        CloseReason::Failed(_) => LoadFailure::Reset,
        CloseReason::Refused(_) => LoadFailure::BadHead,
        _ if began => LoadFailure::Truncated,
        _ => LoadFailure::ClosedEarly,
    }
}

#[cfg(test)]
mod tests;
