//! The client's side of one connection: a request out, its answer in.
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`SendingHead`](FetchPhase::SendingHead) | the connection | SendingBody (a body that is not queued at once) · ReadingResponse · Closing (time-out) |
//! | [`SendingBody`](FetchPhase::SendingBody) | leave to go on, room, more of the body; and an early answer | ReadingResponse · Closing |
//! | [`ReadingResponse`](FetchPhase::ReadingResponse) | the answer's head and body | Closing |
//! | [`Closing`](FetchPhase::Closing) | nothing: the link closes | gone |
//!
//! It owns no socket and does not decide what becomes of the answer: that is the [`ResponseHandler`]'s.

use std::time::{Duration, Instant};

use crate::http::{FieldBuf, Method, ResponseError, ResponseEvent, ResponseReader};
use crate::net::{CloseReason, Protocol, RecvBuf, SendQueue, Want};
use crate::reactor::Now;

/// Who hears what becomes of a request. Each call may stop the exchange by returning `false`.
pub trait ResponseHandler {
    /// The connection is made, and this is what is sent.
    fn on_connected(&mut self, now: Now) -> &[u8];
    /// Whether the body of the request waits until the server asks for it (RFC 9110 section 10.1.1).
    fn awaits_continue(&self) -> bool;
    /// Queues some of the body of the request. Requests without one are whole already.
    fn queue_body(&mut self, send_queue: &mut SendQueue) -> BodyProgress;
    /// The final answer has come before the request had gone out: the rest of that is not sent.
    fn on_early_response(&mut self);
    /// A piece of the answer has come.
    fn on_event(&mut self, event: &ResponseEvent<'_, '_>, now: Now) -> bool;
    /// It is over: the answer is whole, or this is why not.
    fn on_finished(&mut self, outcome: Result<(), FetchError>, now: Now);
}

/// How much of the body of a request there is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyProgress {
    /// All that was left has been queued.
    Complete,
    /// Something has been queued; there may be more.
    Queued,
    /// Nothing at the moment; the connection is roused when there is more.
    Pending,
    /// The rest cannot be had.
    Failed,
}

/// How long a body waits to be asked for: an old server may not know how to ask. It is what curl allows.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a request has no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchError {
    /// The connection broke, could not be made, or was given up.
    Connection(CloseReason),
    /// What came is no whole answer.
    Response(ResponseError),
    /// The audience wanted no more.
    Stopped,
    /// It took too long.
    TimedOut,
}

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchPhase {
    /// Waiting for the connection, then queueing the request.
    SendingHead,
    /// Waiting for the moment to queue more of the request's body, and for an early answer.
    SendingBody,
    /// Waiting for the answer.
    ReadingResponse,
    /// Over.
    Closing,
}

/// Every transition there is; [`FetchProtocol`] asserts each it makes against this table.
pub const TRANSITIONS: &[(FetchPhase, FetchPhase)] = &[
    (FetchPhase::SendingHead, FetchPhase::SendingBody),
    (FetchPhase::SendingHead, FetchPhase::ReadingResponse),
    (FetchPhase::SendingHead, FetchPhase::Closing),
    (FetchPhase::SendingBody, FetchPhase::ReadingResponse),
    (FetchPhase::SendingBody, FetchPhase::Closing),
    (FetchPhase::ReadingResponse, FetchPhase::Closing),
];

/// One connection of the client, for one request.
#[derive(Debug)]
pub struct FetchProtocol<A> {
    phase: FetchPhase,
    reader: ResponseReader,
    /// Of the present state: for connecting, and for the body to be asked for.
    phase_deadline: Option<Instant>,
    /// Of the whole exchange.
    deadline: Option<Instant>,
    handler: std::marker::PhantomData<fn(&mut A)>,
}

impl<A: ResponseHandler> FetchProtocol<A> {
    /// The machine of a connection that is being made.
    pub fn new(method: Method, connect_deadline: Option<Instant>, deadline: Option<Instant>) -> Self {
        Self {
            phase: FetchPhase::SendingHead,
            reader: ResponseReader::new(method),
            phase_deadline: connect_deadline,
            deadline,
            handler: std::marker::PhantomData,
        }
    }

    /// The state it is in.
    pub fn phase(&self) -> FetchPhase {
        self.phase
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: FetchPhase) {
        log::debug!("{:?} -> {next:?}", self.phase);
        debug_assert!(TRANSITIONS.contains(&(self.phase, next)), "{:?} -> {next:?}", self.phase);
        self.phase = next;
        self.phase_deadline = None;
    }

    fn finish(&mut self, outcome: Result<(), FetchError>, handler: &mut A, now: Now) -> Want {
        self.enter(FetchPhase::Closing);
        handler.on_finished(outcome, now);
        Want::Close(match outcome {
            Ok(()) => CloseReason::Finished,
            Err(FetchError::Connection(reason)) => reason,
            Err(FetchError::Response(_)) => CloseReason::Refused("the answer makes no sense"),
            Err(FetchError::Stopped) => CloseReason::Shutdown,
            Err(FetchError::TimedOut) => CloseReason::TimedOut("the answer"),
        })
    }

    /// The connection is made.
    fn send_request(&mut self, send_queue: &mut SendQueue, handler: &mut A, now: Now) -> Want {
        let request = handler.on_connected(now);
        send_queue.push_with(|out| out.extend_from_slice(request));
        if handler.awaits_continue() {
            self.enter(FetchPhase::SendingBody);
            self.phase_deadline = Some(now.instant + CONTINUE_TIMEOUT);
            return Want::Input;
        }
        self.queue_body(send_queue, handler, now)
    }

    /// Queues more of the body.
    fn queue_body(&mut self, send_queue: &mut SendQueue, handler: &mut A, now: Now) -> Want {
        let progress = handler.queue_body(send_queue);
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
            BodyProgress::Failed => self.finish(Err(FetchError::Stopped), handler, now),
        }
    }

    /// Goes on sending when it may, and there is room.
    fn continue_body(&mut self, send_queue: &mut SendQueue, handler: &mut A, now: Now) -> Want {
        match (self.phase_deadline, send_queue.is_empty()) {
            (Some(_), _) => Want::Input,
            (None, false) => Want::InputOrDrain,
            (None, true) => self.queue_body(send_queue, handler, now),
        }
    }

    /// What a piece of the answer means for the request that is still going out.
    fn on_event(&mut self, event: &ResponseEvent<'_, '_>, send_queue: &mut SendQueue, handler: &mut A) {
        match event {
            ResponseEvent::Interim(head) if head.status == 100 => self.phase_deadline = None,
            ResponseEvent::Head(_) => {
                send_queue.discard();
                if self.phase == FetchPhase::SendingBody || send_queue.has_discarded() {
                    handler.on_early_response();
                }
                if self.phase == FetchPhase::SendingBody {
                    self.enter(FetchPhase::ReadingResponse);
                }
            }
            ResponseEvent::Interim(_) | ResponseEvent::Body(_) | ResponseEvent::End => {}
        }
    }

    fn read_response(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        handler: &mut A,
        now: Now,
    ) -> Want {
        loop {
            let mut field_buf = FieldBuf::new();
            let (len, wants_more, is_end) = match self.reader.next(recv_buf.bytes(), &mut field_buf) {
                Ok(Some((len, event))) => {
                    self.on_event(&event, send_queue, handler);
                    (len, handler.on_event(&event, now), matches!(event, ResponseEvent::End))
                }
                Ok(None) if recv_buf.is_eof() => {
                    let outcome = self.reader.end_of_input().map_err(FetchError::Response);
                    return self.finish(outcome, handler, now);
                }
                Ok(None) => return Want::Input,
                Err(error) => return self.finish(Err(FetchError::Response(error)), handler, now),
            };
            recv_buf.consume(len);
            if is_end {
                return self.finish(Ok(()), handler, now);
            }
            if !wants_more {
                return self.finish(Err(FetchError::Stopped), handler, now);
            }
        }
    }
}

impl<A: ResponseHandler> Protocol for FetchProtocol<A> {
    type Context = A;

    fn advance(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        handler: &mut A,
        now: Now,
    ) -> Want {
        match self.phase {
            FetchPhase::SendingHead => self.send_request(send_queue, handler, now),
            FetchPhase::SendingBody => match self.read_response(recv_buf, send_queue, handler, now) {
                Want::Input if self.phase == FetchPhase::SendingBody => {
                    self.continue_body(send_queue, handler, now)
                }
                want => want,
            },
            FetchPhase::ReadingResponse => self.read_response(recv_buf, send_queue, handler, now),
            FetchPhase::Closing => Want::Close(CloseReason::Finished),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.phase_deadline, self.deadline].into_iter().flatten().min()
    }

    fn on_timeout(&mut self, _: &mut RecvBuf, send_queue: &mut SendQueue, handler: &mut A, now: Now) -> Want {
        let is_late = self.deadline.is_some_and(|deadline| deadline <= now.instant);
        match self.phase {
            FetchPhase::Closing => Want::Close(CloseReason::Finished),
            FetchPhase::SendingBody if !is_late => {
                self.phase_deadline = None;
                self.continue_body(send_queue, handler, now)
            }
            FetchPhase::SendingHead | FetchPhase::SendingBody | FetchPhase::ReadingResponse => {
                self.finish(Err(FetchError::TimedOut), handler, now)
            }
        }
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, handler: &mut A, now: Now) {
        log::info!("closed: {reason}");
        if self.phase != FetchPhase::Closing {
            handler.on_finished(Err(FetchError::Connection(reason)), now);
        }
    }
}
