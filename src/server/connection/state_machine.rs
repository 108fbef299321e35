//! The state machine of one connection to the server: the table to read first.
//!
//! | state | in words | waits for | leaves to | deadline |
//! |---|---|---|---|---|
//! | [`Reading`](ServerPhase::Reading) | reading | input | Parsing · Writing (408) · Closing (end of input, idle) | idle, while no byte of a request has come; then head, from its first byte |
//! | [`Parsing`](ServerPhase::Parsing) | parsing | its turn (it rests here only when the turn's budget is spent, or while what is asked for is compressed) | Reading (more is needed) · Receiving · Gathering · Writing | head, until it is whole |
//! | [`BodyReceiver`](ServerPhase::BodyReceiver) | receiving a body | input | Gathering · Writing | body: stall, minimum rate |
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
use super::exchange::{BoxedBatch, ConnInfo, RequestSummary};
use super::read_request::{self, HeadProgress, NextRequest};
use super::request_body::{BodyReceiver, ReceiveProgress, TOO_LARGE, is_refused, needs_no_body};
use crate::http::{ErrorFormat, Reject, RequestBody, Status, error_format_of_rejected};
use crate::net::{CloseReason, Protocol, RecvBuf, SendQueue, Want};
use crate::reactor::Now;
use crate::server::handlers::Action;
use crate::server::response::{
    PreparingResponse, Response, StreamFraming, StreamProgress, StreamedResponse, queue_continue, refusal,
};

/// Requests answered for one connection in one turn, so that a long pipeline starves nobody.
const REQUESTS_PER_TURN_MAX: u32 = 16;
/// Answers, and what the log will tell of them, are gathered up to this many bytes before they must leave.
const BATCH_LEN_MAX: u64 = 64 * 1024;

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
    /// For the reason that stands in [`HttpServerProtocol::ending`].
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
    inbox: &'a mut RecvBuf,
    outbox: &'a mut SendQueue,
    site: &'a mut WorkerState,
    now: Now,
}

/// One connection to the server.
#[derive(Debug)]
pub struct HttpServerProtocol {
    peer: SocketAddr,
    /// Counts the server's connections, for the logs.
    number: u64,
    state: HttpServerState,
    patience: Deadlines,
    arrival: HeadProgress,
    batch: Option<BoxedBatch>,
    /// The connection ends when what is queued has gone out, or is about to be closed as it is.
    ending: Option<CloseReason>,
    turn: Instant,
    turn_requests: u32,
}

impl HttpServerProtocol {
    /// The machine of a connection that has just been accepted.
    pub fn new(peer: SocketAddr, idle_timeout: Duration, now: Now) -> Self {
        Self {
            peer,
            number: 0,
            state: HttpServerState::Reading,
            patience: Deadlines::new(idle_timeout, now.instant),
            arrival: HeadProgress::default(),
            batch: None,
            ending: None,
            turn: now.instant,
            turn_requests: 0,
        }
    }

    /// The same connection, by a number that the logs will tell.
    pub fn numbered(self, number: u64) -> Self {
        Self { number, ..self }
    }

    /// The state it is in.
    pub fn phase(&self) -> ServerPhase {
        self.state.phase()
    }

    /// The server shuts down: if nothing of a request has come yet, none is waited for.
    pub fn end_idling(&mut self, now: Now) {
        if matches!(self.state, HttpServerState::Reading) && self.patience.is_idle() {
            self.patience.end(now.instant);
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
                self.patience.start_head(holds_head(desk.inbox), &desk.site.context.config, now);
            }
            HttpServerState::Receiving(_) => self.patience.start_body(now),
            HttpServerState::Preparing(_) => self.patience.start_preparing(now),
            HttpServerState::Writing(_) => self.patience.start_write(desk.outbox.sent_total(), now),
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
                let progress = receiving.take(desk.inbox);
                let (since, received_len) = (receiving.since, receiving.received_len());
                self.patience.extend_body(since, received_len, desk.now.instant);
                self.receive(progress, desk)
            }
            HttpServerState::Preparing(gathering) => match gathering.work(&desk.site.context.store) {
                Some(answer) => self.answer(answer, desk),
                None => StateChange::Stay(Want::Tick),
            },
            HttpServerState::Writing(Some(_)) if desk.outbox.is_empty() => self.make(desk),
            HttpServerState::Writing(Some(_)) => StateChange::Stay(Want::Drain),
            HttpServerState::Writing(None) => self.write(desk),
            HttpServerState::Closing => self.closed_for(),
        }
    }

    fn read(&mut self, desk: &StepContext<'_>) -> StateChange {
        if desk.inbox.bytes().len() > self.arrival.seen_len || (desk.inbox.is_eof() && holds_head(desk.inbox))
        {
            return StateChange::Enter(HttpServerState::Parsing);
        }
        if desk.inbox.is_eof() {
            return self.close(CloseReason::PeerClosed);
        }
        StateChange::Stay(Want::Input)
    }

    /// Apart from the other steps, which are short and taken more often.
    #[inline(never)]
    fn parse(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        if !self.may_take_request(desk.now) {
            return StateChange::Stay(Want::Tick);
        }
        match read_request::read_request(
            desk.inbox.bytes(),
            &mut self.arrival,
            &mut self.batch,
            desk.site,
            desk.now,
        ) {
            NextRequest::Request { len, body, expects_continue, plan } => {
                desk.inbox.consume(len);
                self.forget_head();
                self.take_body(body, expects_continue, plan, desk)
            }
            NextRequest::Incomplete => self.need_more(desk),
            NextRequest::Rejected(reject) => self.refuse(&reject, desk),
            NextRequest::Pending => self.come_back(desk.now),
        }
    }

    /// Counts the requests of this turn.
    fn may_take_request(&mut self, now: Now) -> bool {
        if self.turn != now.instant {
            (self.turn, self.turn_requests) = (now.instant, 0);
        }
        self.turn_requests += 1;
        self.turn_requests <= REQUESTS_PER_TURN_MAX
    }

    /// What the request gets is being made. It stays where it is, to be understood anew next turn; it
    /// has come in time, so its deadline is no longer that of its head.
    fn come_back(&mut self, now: Now) -> StateChange {
        self.arrival.retry_next_tick(now);
        self.patience.start_preparing(now.instant);
        StateChange::Stay(Want::Tick)
    }

    fn forget_head(&mut self) {
        self.patience.forget_head();
        self.arrival = HeadProgress::default();
    }

    /// The head is not whole. Answers that are queued leave before anything else is waited for.
    fn need_more(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        self.turn_requests -= 1;
        if desk.inbox.is_eof() && holds_head(desk.inbox) {
            let why = "The request ended before its head was complete.";
            return self.refuse(&Reject::new(Status::BAD_REQUEST, why), desk);
        }
        self.arrival.seen_len = desk.inbox.bytes().len();
        StateChange::Enter(if desk.outbox.is_empty() {
            HttpServerState::Reading
        } else {
            HttpServerState::Writing(None)
        })
    }

    /// Answers what is no request, or not one that can be trusted, and ends the connection.
    fn refuse(&mut self, reject: &Reject, desk: &mut StepContext<'_>) -> StateChange {
        let bytes = desk.inbox.bytes();
        // Empty lines before a request are skipped; whatever else comes first is the line that was refused.
        let line = bytes.split(|&byte| byte == b'\n').find(|line| *line != b"\r").unwrap_or_default();
        let prose = error_format_of_rejected(bytes);
        let asked = RequestSummary::refused(line.trim_ascii_end(), bytes);
        let batch = self.batch.get_or_insert_with(|| desk.site.lease_batch());
        batch.begin(asked, bytes, desk.site.log.detail(), desk.now);
        self.forget_head();
        self.ending = Some(CloseReason::Refused(reject.message));
        self.answer(refusal(reject.status, reject.message, prose), desk)
    }

    /// Gets the body that follows a head, if there is one, to where the plan wants it, before the answer is sent.
    fn take_body(
        &mut self,
        body: RequestBody,
        expects_continue: bool,
        plan: Action,
        desk: &mut StepContext<'_>,
    ) -> StateChange {
        match plan {
            Action::Answer(answer) if is_refused(body, expects_continue, answer.status()) => {
                // Whether the body comes or not, the connection cannot be used again.
                self.ending = Some(CloseReason::Refused("a request body that nobody wants"));
                let too_large = || refusal(Status::CONTENT_TOO_LARGE, TOO_LARGE, ErrorFormat::Text);
                let answer = if needs_no_body(answer.status()) { answer } else { too_large() };
                self.answer(answer, desk)
            }
            plan if body == RequestBody::None => self.answer(plan.finish(&mut desk.site.context), desk),
            plan => {
                if expects_continue {
                    queue_continue(desk.outbox);
                }
                let receiving = BodyReceiver::new(body.into(), plan, desk.now.instant);
                StateChange::Enter(HttpServerState::Receiving(Box::new(receiving)))
            }
        }
    }

    /// Answers when the body has come to an end, good or bad.
    fn receive(&mut self, progress: ReceiveProgress, desk: &mut StepContext<'_>) -> StateChange {
        match progress {
            ReceiveProgress::Whole(plan) => self.answer(plan.finish(&mut desk.site.context), desk),
            ReceiveProgress::Failed(error) => {
                self.ending = Some(CloseReason::Refused(error.message));
                self.answer(Response::Error(error), desk)
            }
            ReceiveProgress::More => StateChange::Stay(Want::Input),
        }
    }

    /// Queues the answer to the last exchange, or what of it there is.
    fn answer(&mut self, mut answer: Response, desk: &mut StepContext<'_>) -> StateChange {
        if let Response::Gather(gathering) = answer {
            return StateChange::Enter(HttpServerState::Preparing(Box::new(gathering)));
        }
        let request = self.batch.as_ref().and_then(|batch| batch.unanswered());
        debug_assert!(request.is_some(), "an answer to no request");
        let Some(request) = request else { return StateChange::Enter(HttpServerState::Writing(None)) };
        let framing = match &mut answer {
            Response::Stream(stream) => Some(stream.frame_for(request.version)),
            _ => None,
        };
        if !request.keep_alive || framing == Some(StreamFraming::UntilClose) {
            self.ending = self.ending.or(Some(CloseReason::Finished));
        } else if desk.site.draining {
            self.ending = self.ending.or(Some(CloseReason::Shutdown));
        }
        let closes = self.ending.is_some();
        let mark = desk.outbox.position();
        let reply = desk.site.writer.queue(desk.outbox, &answer, request, closes, desk.now);
        if let Some(batch) = &mut self.batch {
            batch.answered(reply, desk.outbox, mark, desk.site.log.detail());
        }
        StateChange::Enter(HttpServerState::Writing(match answer {
            Response::Stream(stream) if !request.head_only => Some(stream),
            _ => None,
        }))
    }

    /// Makes the next slice of the answer's body; the turn ends with it.
    fn make(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        let HttpServerState::Writing(rest) = &mut self.state else { return StateChange::Stay(Want::Tick) };
        let WorkerState { context, scratch, .. } = &mut *desk.site;
        let made = rest.as_mut().map(|stream| stream.make(desk.outbox, &context.store, scratch));
        match made.unwrap_or(StreamProgress::Whole) {
            StreamProgress::More => StateChange::Stay(Want::Tick),
            StreamProgress::Broken(reason) => self.close(reason),
            StreamProgress::Whole => {
                *rest = None;
                if let Some(batch) = &mut self.batch {
                    batch.made(desk.outbox.queued_total());
                }
                self.end_exchanges(desk);
                self.write(desk)
            }
        }
    }

    /// Goes on to the next request while there is one and the answers are few; else lets them leave.
    fn write(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        let more = desk.inbox.bytes().len() > self.arrival.seen_len;
        let gathered_len = desk.outbox.len().max(self.batch.as_ref().map_or(0, |batch| batch.text_len()));
        match (self.ending, desk.outbox.is_empty()) {
            (None, false) if more && gathered_len < BATCH_LEN_MAX => {
                StateChange::Enter(HttpServerState::Parsing)
            }
            (_, false) => StateChange::Stay(Want::Drain),
            (Some(reason), true) => self.close(reason),
            (None, true) if more => StateChange::Enter(HttpServerState::Parsing),
            (None, true) if desk.site.draining => self.close(CloseReason::Shutdown),
            (None, true) => StateChange::Enter(HttpServerState::Reading),
        }
    }

    /// Closes the connection, whatever is still to be sent.
    fn close(&mut self, reason: CloseReason) -> StateChange {
        self.ending = Some(reason);
        StateChange::Enter(HttpServerState::Closing)
    }

    fn closed_for(&self) -> StateChange {
        StateChange::Stay(Want::Close(self.ending.unwrap_or(CloseReason::Finished)))
    }

    fn origin(&self, closing: Option<CloseReason>) -> ConnInfo {
        ConnInfo { peer: self.peer, connection: self.number, closing }
    }

    /// Logs the exchanges whose answers have gone out.
    fn end_exchanges(&mut self, desk: &mut StepContext<'_>) {
        let origin = self.origin(self.ending);
        if let Some(batch) = &mut self.batch {
            batch.end_sent(desk.outbox.sent_total(), origin, &mut desk.site.log, desk.now);
            if batch.is_empty() {
                self.batch.take().into_iter().for_each(|batch| desk.site.return_pipeline(batch));
            }
        }
    }

    fn expired(&mut self, desk: &mut StepContext<'_>) -> StateChange {
        match self.state {
            HttpServerState::Reading if self.patience.is_idle() => {
                let reason = if desk.site.draining {
                    CloseReason::Shutdown
                } else {
                    CloseReason::TimedOut("a request")
                };
                self.close(reason)
            }
            HttpServerState::Reading | HttpServerState::Parsing => self
                .refuse(&Reject::new(Status::REQUEST_TIMEOUT, "The request took too long to arrive."), desk),
            HttpServerState::Receiving(ref receiving) => {
                let why = "The request body took too long to arrive.";
                let error = receiving.refusal(Status::REQUEST_TIMEOUT, why);
                self.ending = Some(CloseReason::Refused(why));
                self.answer(Response::Error(error), desk)
            }
            HttpServerState::Preparing(ref mut gathering) => {
                let answer = gathering.give_up();
                self.answer(answer, desk)
            }
            HttpServerState::Writing(_) => self.write_expired(desk),
            HttpServerState::Closing => self.closed_for(),
        }
    }

    /// A peer that has taken too little is given up; our own side, if it is that which makes it wait,
    /// is not.
    fn write_expired(&mut self, desk: &StepContext<'_>) -> StateChange {
        let (sent_total, now) = (desk.outbox.sent_total(), desk.now.instant);
        if desk.outbox.is_empty() {
            self.patience.start_write(sent_total, now);
            return StateChange::Stay(Want::Tick);
        }
        if self.patience.extend_write(sent_total, now) {
            return StateChange::Stay(Want::Drain);
        }
        self.close(CloseReason::TimedOut("the peer to take the answer"))
    }
}

/// Whether anything of a request has come. Empty lines before one are nothing: old clients end a body
/// with one that nothing counts (RFC 9112 section 2.2).
fn holds_head(inbox: &RecvBuf) -> bool {
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
        let mut desk = StepContext { inbox, outbox, site, now };
        self.end_exchanges(&mut desk);
        self.run(&mut desk)
    }

    fn on_input(&mut self, site: &mut WorkerState) {
        site.context.cache.mark_events_pending();
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.patience.deadline())
    }

    fn on_timeout(
        &mut self,
        inbox: &mut RecvBuf,
        outbox: &mut SendQueue,
        site: &mut WorkerState,
        now: Now,
    ) -> Want {
        let mut desk = StepContext { inbox, outbox, site, now };
        match self.expired(&mut desk) {
            StateChange::Stay(want) => want,
            StateChange::Enter(next) => {
                self.enter(next, &desk);
                self.run(&mut desk)
            }
        }
    }

    fn truncates_message_if_closed(&self, outbox: &SendQueue) -> bool {
        self.batch.as_ref().is_some_and(|batch| batch.breaks_off(outbox.sent_total()))
    }

    fn closed(&mut self, reason: CloseReason, outbox: &SendQueue, site: &mut WorkerState, now: Now) {
        if let Some(mut batch) = self.batch.take() {
            batch.end_all(outbox.sent_total(), self.origin(Some(reason)), &mut site.log, now);
            site.return_pipeline(batch);
        }
        log::info!("{} closed: {reason} (connection {})", self.peer, self.number);
    }
}
