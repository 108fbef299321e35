//! Client protocol: one request, one response, then maybe the next.
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`SendingHead`](FetchPhase::SendingHead) | the connection | SendingBody (a body that is not queued at once) · ReadingResponse · Closing (time-out) |
//! | [`SendingBody`](FetchPhase::SendingBody) | 100 (Continue), the socket, more of the body; an early response | ReadingResponse · Closing |
//! | [`ReadingResponse`](FetchPhase::ReadingResponse) | the head and body of the response | SendingHead (the next request) · Closing |
//! | [`Closing`](FetchPhase::Closing) | nothing: the connection closes | gone |
//!
//! [`ResponseHandler`] decides what to do with the response.

use std::time::{Duration, Instant};

use crate::http::{Method, ResponseError, ResponseEvent, ResponseReader};
use crate::net::{CloseReason, HandshakeResult, Io, Protocol, SendQueue, Want};
use crate::reactor::Now;

/// Receiver of exchange events.
pub trait ResponseHandler {
    /// TLS is agreed upon, or has failed; then `on_finished` follows.
    fn on_handshake(&mut self, _: HandshakeResult) {}
    /// Connected; returns the request.
    fn on_connected(&mut self, now: Now) -> &[u8];
    /// True if the body waits for 100 (Continue) (RFC 9110 section 10.1.1).
    fn awaits_continue(&self) -> bool;
    /// Queues more of the body; `Complete` without one.
    fn queue_body(&mut self, send_queue: &mut SendQueue) -> BodyProgress;
    /// Bytes that have left.
    fn on_sent(&mut self, _len: u64) {}
    /// Final response before the request was sent; the rest is discarded.
    fn on_early_response(&mut self);
    /// Part of the response; `false` stops the exchange.
    fn on_event(&mut self, event: &ResponseEvent<'_>, now: Now) -> bool;
    /// End of the exchange. True if another follows on a reusable connection.
    fn on_finished(&mut self, outcome: Result<(), FetchError>, is_reusable: bool, now: Now) -> bool;
}

/// Result of queueing body bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyProgress {
    /// The rest was queued.
    Complete,
    /// Part of it was queued.
    Queued,
    /// None available yet; the connection will be woken.
    Pending,
    /// The rest is unavailable.
    Failed,
}

/// Longest wait for 100 (Continue), as in curl: old servers may never send it.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// Reason for an incomplete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Connection failed or closed.
    #[error("{}", connection_message(*.0))]
    Connection(CloseReason),
    /// Invalid or incomplete response.
    #[error("{0}")]
    Response(ResponseError),
    /// Stopped by the handler.
    #[error("the exchange was stopped")]
    Stopped,
    /// Timed out.
    #[error("the exchange was stopped")]
    TimedOut,
}

fn connection_message(reason: CloseReason) -> String {
    match reason {
        CloseReason::Failed(kind) => format!("the connection failed: {kind}"),
        reason => format!("the connection ended: {reason}"),
    }
}

/// Connection states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchPhase {
    /// Waits for the connection, then queues the request.
    SendingHead,
    /// Waits to queue the body; accepts an early response.
    SendingBody,
    /// Waits for the end of the response.
    ReadingResponse,
    /// Done.
    Closing,
}

/// All transitions; `enter` asserts each.
pub const TRANSITIONS: &[(FetchPhase, FetchPhase)] = &[
    (FetchPhase::SendingHead, FetchPhase::SendingBody),
    (FetchPhase::SendingHead, FetchPhase::ReadingResponse),
    (FetchPhase::SendingHead, FetchPhase::Closing),
    (FetchPhase::SendingBody, FetchPhase::ReadingResponse),
    (FetchPhase::SendingBody, FetchPhase::Closing),
    (FetchPhase::ReadingResponse, FetchPhase::SendingHead),
    (FetchPhase::ReadingResponse, FetchPhase::Closing),
];

/// Client protocol of one connection.
#[derive(Debug)]
pub struct FetchProtocol<A> {
    phase: FetchPhase,
    method: Method,
    reader: ResponseReader,
    was_early: bool,
    /// For connecting and for 100 (Continue).
    phase_deadline: Option<Instant>,
    deadline: Option<Instant>,
    handler: std::marker::PhantomData<fn(&mut A)>,
}

impl<A: ResponseHandler> FetchProtocol<A> {
    /// Protocol of a connection attempt.
    pub fn new(method: Method, connect_deadline: Option<Instant>, deadline: Option<Instant>) -> Self {
        Self {
            phase: FetchPhase::SendingHead,
            method,
            reader: ResponseReader::new(method),
            was_early: false,
            phase_deadline: connect_deadline,
            deadline,
            handler: std::marker::PhantomData,
        }
    }

    /// Current state.
    pub fn phase(&self) -> FetchPhase {
        self.phase
    }

    fn enter(&mut self, next: FetchPhase) {
        log::debug!("{:?} -> {next:?}", self.phase);
        debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
        self.phase = next;
        self.phase_deadline = None;
    }

    fn finish(&mut self, outcome: Result<(), FetchError>, io: &mut Io<'_, A>) -> Want {
        self.enter(FetchPhase::Closing);
        io.shared.on_finished(outcome, false, io.now);
        Want::Close(match outcome {
            Ok(()) => CloseReason::Finished,
            Err(FetchError::Connection(reason)) => reason,
            Err(FetchError::Response(_)) => CloseReason::Refused("the response is invalid"),
            Err(FetchError::Stopped) => CloseReason::Shutdown,
            Err(FetchError::TimedOut) => CloseReason::TimedOut("the response"),
        })
    }

    fn send_request(&mut self, io: &mut Io<'_, A>) -> Want {
        let request = io.shared.on_connected(io.now);
        io.send_queue.push_with(|out| out.extend_from_slice(request));
        if io.shared.awaits_continue() {
            self.enter(FetchPhase::SendingBody);
            self.phase_deadline = Some(io.now.instant + CONTINUE_TIMEOUT);
            return Want::Input;
        }
        self.queue_body(io)
    }

    fn queue_body(&mut self, io: &mut Io<'_, A>) -> Want {
        let progress = io.shared.queue_body(io.send_queue);
        let next = match progress {
            BodyProgress::Complete => FetchPhase::ReadingResponse,
            _ => FetchPhase::SendingBody,
        };
        if self.phase != next {
            self.enter(next);
        }
        match progress {
            BodyProgress::Complete | BodyProgress::Pending => Want::Input,
            BodyProgress::Queued => Want::InputOrDrain,
            BodyProgress::Failed => self.finish(Err(FetchError::Stopped), io),
        }
    }

    fn continue_body(&mut self, io: &mut Io<'_, A>) -> Want {
        match (self.phase_deadline, io.send_queue.is_empty()) {
            (Some(_), _) => Want::Input,
            (None, false) => Want::InputOrDrain,
            (None, true) => self.queue_body(io),
        }
    }

    fn on_event(&mut self, event: &ResponseEvent<'_>, send_queue: &mut SendQueue, handler: &mut A) {
        match event {
            ResponseEvent::Interim(head) if head.status == 100 => self.phase_deadline = None,
            ResponseEvent::Head(_) => {
                send_queue.discard();
                if self.phase == FetchPhase::SendingBody || send_queue.has_discarded() {
                    self.was_early = true;
                    handler.on_early_response();
                }
                if self.phase == FetchPhase::SendingBody {
                    self.enter(FetchPhase::ReadingResponse);
                }
            }
            ResponseEvent::Interim(_) | ResponseEvent::Body(_) | ResponseEvent::End => {}
        }
    }

    fn read_response(&mut self, io: &mut Io<'_, A>) -> Want {
        loop {
            let (len, wants_more, is_end) = match self.reader.next(io.recv_buf.bytes()) {
                Ok(Some((len, event))) => {
                    self.on_event(&event, io.send_queue, io.shared);
                    (len, io.shared.on_event(&event, io.now), matches!(event, ResponseEvent::End))
                }
                Ok(None) if io.recv_buf.is_eof() => {
                    let outcome = self.reader.end_of_input().map_err(FetchError::Response);
                    return self.finish(outcome, io);
                }
                Ok(None) => return Want::Input,
                Err(error) => return self.finish(Err(FetchError::Response(error)), io),
            };
            io.recv_buf.consume(len);
            if is_end {
                let is_reusable = self.reader.keep_alive
                    && !self.was_early
                    && io.recv_buf.bytes().is_empty()
                    && !io.recv_buf.is_eof();
                if io.shared.on_finished(Ok(()), is_reusable, io.now) {
                    self.enter(FetchPhase::SendingHead);
                    self.reader = ResponseReader::new(self.method);
                    return self.send_request(io);
                }
                self.enter(FetchPhase::Closing);
                return Want::Close(CloseReason::Finished);
            }
            if !wants_more {
                return self.finish(Err(FetchError::Stopped), io);
            }
        }
    }
}

impl<A: ResponseHandler> Protocol for FetchProtocol<A> {
    type Context = A;

    fn advance(&mut self, io: &mut Io<'_, A>) -> Want {
        match self.phase {
            FetchPhase::SendingHead => self.send_request(io),
            FetchPhase::SendingBody => match self.read_response(io) {
                Want::Input if self.phase == FetchPhase::SendingBody => self.continue_body(io),
                want => want,
            },
            FetchPhase::ReadingResponse => self.read_response(io),
            FetchPhase::Closing => Want::Close(CloseReason::Finished),
        }
    }

    fn on_handshake(&mut self, outcome: HandshakeResult, handler: &mut A, _: Now) {
        handler.on_handshake(outcome);
    }

    fn on_output(&mut self, len: u64, handler: &mut A) {
        handler.on_sent(len);
    }

    fn deadline(&self) -> Option<Instant> {
        [self.phase_deadline, self.deadline].into_iter().flatten().min()
    }

    fn on_timeout(&mut self, io: &mut Io<'_, A>) -> Want {
        let is_late = self.deadline.is_some_and(|deadline| deadline <= io.now.instant);
        match self.phase {
            FetchPhase::Closing => Want::Close(CloseReason::Finished),
            FetchPhase::SendingBody if !is_late => {
                self.phase_deadline = None;
                self.continue_body(io)
            }
            FetchPhase::SendingHead | FetchPhase::SendingBody | FetchPhase::ReadingResponse => {
                self.finish(Err(FetchError::TimedOut), io)
            }
        }
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, handler: &mut A, now: Now) {
        log::info!("closed: {reason}");
        if self.phase != FetchPhase::Closing {
            let error = match reason {
                CloseReason::TimedOut(_) => FetchError::TimedOut,
                reason => FetchError::Connection(reason),
            };
            handler.on_finished(Err(error), false, now);
        }
    }
}
