//! The state machine of one connection to the server: the table to read first.
//!
//! | state | in words | waits for | leaves to | deadline |
//! |---|---|---|---|---|
//! | [`Reading`](ServerPhase::Reading) | reading | input | Parsing · Writing (408) · Closing (end of input, idle) | idle, while no byte of a request has come; then head, from its first byte |
//! | [`Parsing`](ServerPhase::Parsing) | parsing | its turn (it rests here only when the turn's budget is spent, or while what is asked for is compressed) | Reading (more is needed) · Receiving · Preparing · Writing | head, until it is whole |
//! | [`Receiving`](ServerPhase::Receiving) | receiving a body | input | Preparing · Writing | body: stall, minimum rate |
//! | [`ListingBuilder`](ServerPhase::ListingBuilder) | gathering what must be known before the head | its turn, one slice of the work in each | Writing | its own: what is known by then must do |
//! | [`Writing`](ServerPhase::Writing) | writing file | room; its turn, while the body is made | Parsing (bytes left) · Reading · Closing | write: stall, minimum rate |
//! | [`Closing`](ServerPhase::Closing) | closing | the peer's FIN (the link lingers) | gone | the link's |
//!
//! It owns no socket and decides neither what a request gets (`route`) nor how the answer
//! reads (`reply`). `HttpServerProtocol::enter` is the only function that assigns the state.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::WorkerState;
use super::deadlines::Deadlines;
use super::exchange::{BoxedPipeline, ConnInfo, RequestSummary};
use super::read_request::{self, HeadProgress, NextRequest};
use super::request_body::{
    BodyReceiver, ReceiveProgress, UNWANTED_BODY_MESSAGE, is_body_rejected, is_redirect_or_error,
};
use crate::http::{ErrorFormat, Reject, RequestBody, Status, error_format_of_rejected};
use crate::net::{CloseReason, Protocol, RecvBuf, SendQueue, Want};
use crate::reactor::Now;
use crate::server::handlers::Action;
use crate::server::response::{
    PreparingResponse, Response, StreamFraming, StreamProgress, StreamedResponse, error_with_format,
    queue_continue,
};

/// Requests answered for one connection in one turn, so that a long pipeline starves nobody.
const REQUESTS_PER_TICK_MAX: u32 = 16;
/// Answers, and what the log will tell of them, are gathered up to this many bytes before they must leave.
const PIPELINE_LEN_MAX: u64 = 64 * 1024;

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerPhase {
    /// Waiting for a request, or for the rest of its head.
    Reading,
    /// Understanding what has been received.
    Parsing,
    /// Waiting for the rest of a request's body.
    Receiving,
    /// Finding out, turn by turn, what the head of the answer must say.
    Preparing,
    /// Waiting for the socket to take the answer.
    Writing,
    /// Over; the link sees to it that the peer has read what was sent.
    Closing,
}

/// Every transition there is; [`HttpServerProtocol`] asserts each it makes against this table.
pub const TRANSITIONS: &[(ServerPhase, ServerPhase)] = &[
    (ServerPhase::Reading, ServerPhase::Parsing),
    (ServerPhase::Reading, ServerPhase::Writing),
    (ServerPhase::Reading, ServerPhase::Closing),
    (ServerPhase::Parsing, ServerPhase::Reading),
    (ServerPhase::Parsing, ServerPhase::Receiving),
    (ServerPhase::Parsing, ServerPhase::Preparing),
    (ServerPhase::Parsing, ServerPhase::Writing),
    (ServerPhase::Receiving, ServerPhase::Preparing),
    (ServerPhase::Receiving, ServerPhase::Writing),
    (ServerPhase::Preparing, ServerPhase::Writing),
    (ServerPhase::Writing, ServerPhase::Parsing),
    (ServerPhase::Writing, ServerPhase::Reading),
    (ServerPhase::Writing, ServerPhase::Closing),
];

#[derive(Debug)]
enum HttpServerState {
    Reading,
    Parsing,
    Receiving(Box<BodyReceiver>),
    /// A thin pointer, for there is a state for each idle connection.
    Preparing(Box<Box<dyn PreparingResponse>>),
    /// What of the last answer is yet to be made, if it is one whose body is made while it is sent.
    Writing(Option<Box<StreamedResponse>>),
    /// For the reason that stands in [`HttpServerProtocol::close_reason`].
    Closing,
}

impl HttpServerState {
    fn phase(&self) -> ServerPhase {
        match self {
            Self::Reading => ServerPhase::Reading,
            Self::Parsing => ServerPhase::Parsing,
            Self::Receiving(_) => ServerPhase::Receiving,
            Self::Preparing(_) => ServerPhase::Preparing,
            Self::Writing(_) => ServerPhase::Writing,
            Self::Closing => ServerPhase::Closing,
        }
    }
}

/// What a state comes to: it rests and waits, or another follows at once.
enum StateChange {
    Stay(Want),
    Enter(HttpServerState),
}

/// The queues, the site and the time: what every step works with.
struct StepContext<'a> {
    recv_buf: &'a mut RecvBuf,
    send_queue: &'a mut SendQueue,
    worker: &'a mut WorkerState,
    now: Now,
}

/// One connection to the server.
#[derive(Debug)]
pub struct HttpServerProtocol {
    peer: SocketAddr,
    /// Counts the server's connections, for the logs.
    number: u64,
    state: HttpServerState,
    deadlines: Deadlines,
    head_progress: HeadProgress,
    pipeline: Option<BoxedPipeline>,
    /// The connection ends when what is queued has gone out, or is about to be closed as it is.
    close_reason: Option<CloseReason>,
    tick: Instant,
    tick_requests: u32,
}

impl HttpServerProtocol {
    /// The machine of a connection that has just been accepted.
    pub fn new(peer: SocketAddr, idle_timeout: Duration, now: Now) -> Self {
        Self {
            peer,
            number: 0,
            state: HttpServerState::Reading,
            deadlines: Deadlines::new(idle_timeout, now.instant),
            head_progress: HeadProgress::default(),
            pipeline: None,
            close_reason: None,
            tick: now.instant,
            tick_requests: 0,
        }
    }

    /// The same connection, by a number that the logs will tell.
    pub fn with_number(self, number: u64) -> Self {
        Self { number, ..self }
    }

    /// The state it is in.
    pub fn phase(&self) -> ServerPhase {
        self.state.phase()
    }

    /// The server shuts down: if nothing of a request has come yet, none is waited for.
    pub fn close_if_idle(&mut self, now: Now) {
        if matches!(self.state, HttpServerState::Reading) && self.deadlines.is_idle() {
            self.deadlines.expire_now(now.instant);
        }
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: HttpServerState, desk: &StepContext<'_>) {
        let (from, to) = (self.state.phase(), next.phase());
        log::debug!("{}: {from:?} -> {to:?}", self.peer);
        debug_assert!(TRANSITIONS.contains(&(from, to)), "{from:?} -> {to:?} is not in the table");
        self.state = next;
        let now = desk.now.instant;
        match self.state {
            HttpServerState::Reading | HttpServerState::Parsing => {
                self.deadlines.start_head(has_head_bytes(desk.recv_buf), &desk.worker.context.config, now);
            }
            HttpServerState::Receiving(_) => self.deadlines.start_body(now),
            HttpServerState::Preparing(_) => self.deadlines.start_preparing(now),
            HttpServerState::Writing(_) => self.deadlines.start_write(desk.send_queue.sent_total(), now),
            HttpServerState::Closing => {}
        }
    }

    /// Steps from state to state until one rests.
    fn run(&mut self, desk: &mut StepContext<'_>) -> Want {
        loop {
            match self.step(desk) {
                StateChange::Stay(want) => return want,
                StateChange::Enter(next) => self.enter(next, desk),
            }
        }
    }

    fn step(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        match &mut self.state {
            HttpServerState::Reading => self.read(desk),
            HttpServerState::Parsing => self.parse(desk),
            HttpServerState::Receiving(receiving) => {
                let progress = receiving.receive(desk.recv_buf);
                let (since, received_len) = (receiving.since, receiving.received_len());
                self.deadlines.extend_body(since, received_len, desk.now.instant);
                self.on_body_progress(progress, desk)
            }
            HttpServerState::Preparing(gathering) => {
                match gathering.prepare_slice(&desk.worker.context.store) {
                    Some(answer) => self.respond(answer, desk),
                    None => StateChange::Stay(Want::Tick),
                }
            }
            HttpServerState::Writing(Some(_)) if desk.send_queue.is_empty() => self.stream_slice(desk),
            HttpServerState::Writing(Some(_)) => StateChange::Stay(Want::Drain),
            HttpServerState::Writing(None) => self.write(desk),
            HttpServerState::Closing => self.want_close(),
        }
    }

    fn read(&mut self, desk: &StepContext<'_>) -> StateChange {
        if desk.recv_buf.bytes().len() > self.head_progress.seen_len
            || (desk.recv_buf.is_eof() && has_head_bytes(desk.recv_buf))
        {
            return StateChange::Enter(HttpServerState::Parsing);
        }
        if desk.recv_buf.is_eof() {
            return self.close(CloseReason::PeerClosed);
        }
        StateChange::Stay(Want::Input)
    }

    /// Apart from the other steps, which are short and taken more often.
    #[inline(never)]
    fn parse(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        if !self.count_request(desk.now) {
            return StateChange::Stay(Want::Tick);
        }
        match read_request::read_request(
            desk.recv_buf.bytes(),
            &mut self.head_progress,
            &mut self.pipeline,
            desk.worker,
            desk.now,
        ) {
            NextRequest::Request { len, body, expects_continue, action: plan } => {
                desk.recv_buf.consume(len);
                self.forget_head();
                self.start_body(body, expects_continue, plan, desk)
            }
            NextRequest::Incomplete => self.need_more(desk),
            NextRequest::Rejected(reject) => self.reject(&reject, desk),
            NextRequest::Pending => self.retry_next_tick(desk.now),
        }
    }

    /// Counts the requests of this turn.
    fn count_request(&mut self, now: Now) -> bool {
        if self.tick != now.instant {
            (self.tick, self.tick_requests) = (now.instant, 0);
        }
        self.tick_requests += 1;
        self.tick_requests <= REQUESTS_PER_TICK_MAX
    }

    /// What the request gets is being made. It stays where it is, to be understood anew next turn; it
    /// has come in time, so its deadline is no longer that of its head.
    fn retry_next_tick(&mut self, now: Now) -> StateChange {
        self.head_progress.retry_next_tick(now);
        self.deadlines.start_preparing(now.instant);
        StateChange::Stay(Want::Tick)
    }

    fn forget_head(&mut self) {
        self.deadlines.end_head();
        self.head_progress = HeadProgress::default();
    }

    /// The head is not whole. Answers that are queued leave before anything else is waited for.
    fn need_more(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        self.tick_requests -= 1;
        if desk.recv_buf.is_eof() && has_head_bytes(desk.recv_buf) {
            let why = "The request ended before its head was complete.";
            return self.reject(&Reject::new(Status::BAD_REQUEST, why), desk);
        }
        self.head_progress.seen_len = desk.recv_buf.bytes().len();
        StateChange::Enter(if desk.send_queue.is_empty() {
            HttpServerState::Reading
        } else {
            HttpServerState::Writing(None)
        })
    }

    /// Answers what is no request, or not one that can be trusted, and ends the connection.
    fn reject(&mut self, reject: &Reject, desk: &mut StepContext<'_>) -> StateChange {
        let bytes = desk.recv_buf.bytes();
        // Empty lines before a request are skipped; whatever else comes first is the line that was refused.
        let line = bytes.split(|&byte| byte == b'\n').find(|line| *line != b"\r").unwrap_or_default();
        let prose = error_format_of_rejected(bytes);
        let asked = RequestSummary::from_rejected(line.trim_ascii_end(), bytes);
        let batch = self.pipeline.get_or_insert_with(|| desk.worker.lease_pipeline());
        batch.begin(asked, bytes, desk.worker.log.detail(), desk.now);
        self.forget_head();
        self.close_reason = Some(CloseReason::Refused(reject.message));
        self.respond(error_with_format(reject.status, reject.message, prose), desk)
    }

    /// Gets the body that follows a head, if there is one, to where the plan wants it, before the answer is sent.
    fn start_body(
        &mut self,
        body: RequestBody,
        expects_continue: bool,
        plan: Action,
        desk: &mut StepContext<'_>,
    ) -> StateChange {
        match plan {
            Action::Respond(answer) if is_body_rejected(body, expects_continue, answer.status()) => {
                // Whether the body comes or not, the connection cannot be used again.
                self.close_reason = Some(CloseReason::Refused("a request body that nobody wants"));
                let too_large =
                    || error_with_format(Status::CONTENT_TOO_LARGE, UNWANTED_BODY_MESSAGE, ErrorFormat::Text);
                let answer = if is_redirect_or_error(answer.status()) { answer } else { too_large() };
                self.respond(answer, desk)
            }
            plan if body == RequestBody::None => self.respond(plan.finish(&mut desk.worker.context), desk),
            plan => {
                if expects_continue {
                    queue_continue(desk.send_queue);
                }
                let receiving = BodyReceiver::new(body.into(), plan, desk.now.instant);
                StateChange::Enter(HttpServerState::Receiving(Box::new(receiving)))
            }
        }
    }

    /// Answers when the body has come to an end, good or bad.
    fn on_body_progress(&mut self, progress: ReceiveProgress, desk: &mut StepContext<'_>) -> StateChange {
        match progress {
            ReceiveProgress::Complete(plan) => self.respond(plan.finish(&mut desk.worker.context), desk),
            ReceiveProgress::Failed(error) => {
                self.close_reason = Some(CloseReason::Refused(error.message));
                self.respond(Response::Error(error), desk)
            }
            ReceiveProgress::More => StateChange::Stay(Want::Input),
        }
    }

    /// Queues the answer to the last exchange, or what of it there is.
    fn respond(&mut self, mut answer: Response, desk: &mut StepContext<'_>) -> StateChange {
        if let Response::Prepare(gathering) = answer {
            return StateChange::Enter(HttpServerState::Preparing(Box::new(gathering)));
        }
        let request = self.pipeline.as_ref().and_then(|batch| batch.pending_request());
        debug_assert!(request.is_some(), "an answer to no request");
        let Some(request) = request else { return StateChange::Enter(HttpServerState::Writing(None)) };
        let framing = match &mut answer {
            Response::Stream(stream) => Some(stream.choose_framing(request.version)),
            _ => None,
        };
        if !request.keep_alive || framing == Some(StreamFraming::UntilClose) {
            self.close_reason = self.close_reason.or(Some(CloseReason::Finished));
        } else if desk.worker.draining {
            self.close_reason = self.close_reason.or(Some(CloseReason::Shutdown));
        }
        let closes = self.close_reason.is_some();
        let mark = desk.send_queue.position();
        let reply = desk.worker.writer.write(desk.send_queue, &answer, request, closes, desk.now);
        if let Some(batch) = &mut self.pipeline {
            batch.record_response(reply, desk.send_queue, mark, desk.worker.log.detail());
        }
        StateChange::Enter(HttpServerState::Writing(match answer {
            Response::Stream(stream) if !request.head_only => Some(stream),
            _ => None,
        }))
    }

    /// Makes the next slice of the answer's body; the turn ends with it.
    fn stream_slice(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        let HttpServerState::Writing(rest) = &mut self.state else { return StateChange::Stay(Want::Tick) };
        let WorkerState { context, scratch, .. } = &mut *desk.worker;
        let made = rest.as_mut().map(|stream| stream.write_slice(desk.send_queue, &context.store, scratch));
        match made.unwrap_or(StreamProgress::Complete) {
            StreamProgress::More => StateChange::Stay(Want::Tick),
            StreamProgress::Failed(reason) => self.close(reason),
            StreamProgress::Complete => {
                *rest = None;
                if let Some(batch) = &mut self.pipeline {
                    batch.record_body_end(desk.send_queue.queued_total());
                }
                self.end_exchanges(desk);
                self.write(desk)
            }
        }
    }

    /// Goes on to the next request while there is one and the answers are few; else lets them leave.
    fn write(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        let more = desk.recv_buf.bytes().len() > self.head_progress.seen_len;
        let gathered_len =
            desk.send_queue.len().max(self.pipeline.as_ref().map_or(0, |batch| batch.text_len()));
        match (self.close_reason, desk.send_queue.is_empty()) {
            (None, false) if more && gathered_len < PIPELINE_LEN_MAX => {
                StateChange::Enter(HttpServerState::Parsing)
            }
            (_, false) => StateChange::Stay(Want::Drain),
            (Some(reason), true) => self.close(reason),
            (None, true) if more => StateChange::Enter(HttpServerState::Parsing),
            (None, true) if desk.worker.draining => self.close(CloseReason::Shutdown),
            (None, true) => StateChange::Enter(HttpServerState::Reading),
        }
    }

    /// Closes the connection, whatever is still to be sent.
    fn close(&mut self, reason: CloseReason) -> StateChange {
        self.close_reason = Some(reason);
        StateChange::Enter(HttpServerState::Closing)
    }

    fn want_close(&self) -> StateChange {
        StateChange::Stay(Want::Close(self.close_reason.unwrap_or(CloseReason::Finished)))
    }

    fn conn_info(&self, closing: Option<CloseReason>) -> ConnInfo {
        ConnInfo { peer: self.peer, connection: self.number, closing }
    }

    /// Logs the exchanges whose answers have gone out.
    fn end_exchanges(&mut self, desk: &mut StepContext<'_>) {
        let origin = self.conn_info(self.close_reason);
        if let Some(batch) = &mut self.pipeline {
            batch.end_sent(desk.send_queue.sent_total(), origin, &mut desk.worker.log, desk.now);
            if batch.is_empty() {
                self.pipeline.take().into_iter().for_each(|batch| desk.worker.return_pipeline(batch));
            }
        }
    }

    fn on_state_timeout(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        match self.state {
            HttpServerState::Reading if self.deadlines.is_idle() => {
                let reason = if desk.worker.draining {
                    CloseReason::Shutdown
                } else {
                    CloseReason::TimedOut("a request")
                };
                self.close(reason)
            }
            HttpServerState::Reading | HttpServerState::Parsing => self
                .reject(&Reject::new(Status::REQUEST_TIMEOUT, "The request took too long to arrive."), desk),
            HttpServerState::Receiving(ref receiving) => {
                let why = "The request body took too long to arrive.";
                let error = receiving.error_response(Status::REQUEST_TIMEOUT, why);
                self.close_reason = Some(CloseReason::Refused(why));
                self.respond(Response::Error(error), desk)
            }
            HttpServerState::Preparing(ref mut gathering) => {
                let answer = gathering.on_timeout();
                self.respond(answer, desk)
            }
            HttpServerState::Writing(_) => self.on_write_timeout(desk),
            HttpServerState::Closing => self.want_close(),
        }
    }

    /// A peer that has taken too little is given up; our own side, if it is that which makes it wait,
    /// is not.
    fn on_write_timeout(&mut self, desk: &StepContext<'_>) -> StateChange {
        let (sent_total, now) = (desk.send_queue.sent_total(), desk.now.instant);
        if desk.send_queue.is_empty() {
            self.deadlines.start_write(sent_total, now);
            return StateChange::Stay(Want::Tick);
        }
        if self.deadlines.extend_write(sent_total, now) {
            return StateChange::Stay(Want::Drain);
        }
        self.close(CloseReason::TimedOut("the peer to take the answer"))
    }
}

/// Whether anything of a request has come. Empty lines before one are nothing: old clients end a body
/// with one that nothing counts (RFC 9112 section 2.2).
fn has_head_bytes(inbox: &RecvBuf) -> bool {
    inbox.bytes().iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

impl Protocol for HttpServerProtocol {
    type Context = WorkerState;

    fn advance(
        &mut self,
        inbox: &mut RecvBuf,
        outbox: &mut SendQueue,
        site: &mut WorkerState,
        now: Now,
    ) -> Want {
        let mut desk = StepContext { recv_buf: inbox, send_queue: outbox, worker: site, now };
        self.end_exchanges(&mut desk);
        self.run(&mut desk)
    }

    fn on_input(&mut self, site: &mut WorkerState) {
        site.context.cache.mark_events_pending();
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadlines.deadline())
    }

    fn on_timeout(
        &mut self,
        inbox: &mut RecvBuf,
        outbox: &mut SendQueue,
        site: &mut WorkerState,
        now: Now,
    ) -> Want {
        let mut desk = StepContext { recv_buf: inbox, send_queue: outbox, worker: site, now };
        match self.on_state_timeout(&mut desk) {
            StateChange::Stay(want) => want,
            StateChange::Enter(next) => {
                self.enter(next, &desk);
                self.run(&mut desk)
            }
        }
    }

    fn truncates_message_if_closed(&self, outbox: &SendQueue) -> bool {
        self.pipeline.as_ref().is_some_and(|batch| batch.truncates_message_if_closed(outbox.sent_total()))
    }

    fn closed(&mut self, reason: CloseReason, outbox: &SendQueue, site: &mut WorkerState, now: Now) {
        if let Some(mut batch) = self.pipeline.take() {
            batch.end_all(outbox.sent_total(), self.conn_info(Some(reason)), &mut site.log, now);
            site.return_pipeline(batch);
        }
        log::info!("{} closed: {reason} (connection {})", self.peer, self.number);
    }
}
