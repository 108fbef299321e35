//! The state machine of one connection to the server: the table to read first.
//!
//! | state | in words | waits for | leaves to | deadline |
//! |---|---|---|---|---|
//! | [`Reading`](Phase::Reading) | reading | input | Parsing · Writing (408) · Closing (end of input, idle) | idle, while no byte of a request has come; then head, from its first byte |
//! | [`Parsing`](Phase::Parsing) | parsing | its turn (it rests here only when the turn's budget is spent, or while what is asked for is compressed) | Reading (more is needed) · Receiving · Gathering · Writing | head, until it is whole |
//! | [`Receiving`](Phase::Receiving) | receiving a body | input | Gathering · Writing | body: stall, minimum rate |
//! | [`ListingBuilder`](Phase::ListingBuilder) | gathering what must be known before the head | its turn, one slice of the work in each | Writing | its own: what is known by then must do |
//! | [`Writing`](Phase::Writing) | writing file | room; its turn, while the body is made | Parsing (bytes left) · Reading · Closing | write: stall, minimum rate |
//! | [`Closing`](Phase::Closing) | closing | the peer's FIN (the link lingers) | gone | the link's |
//!
//! It owns no socket and decides neither what a request gets (`route`) nor how the answer
//! reads (`reply`). `Conn::enter` is the only function that assigns the state.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Site;
use super::deadlines::Patience;
use super::exchange::{Asked, BoxedBatch, Origin};
use super::read_request::{self, Arrival, Intake};
use super::request_body::{Progress, Receiving, TOO_LARGE, is_refused, needs_no_body};
use crate::http::{ErrorFormat, Reject, RequestBody, Status, error_format_of_rejected};
use crate::net::{CloseReason, Protocol, RecvBuf, SendQueue, Want};
use crate::reactor::Now;
use crate::server::handlers::Plan;
use crate::server::response::{Answer, Framing, Made, PreparingResponse, Stream, queue_continue, refusal};

/// Requests answered for one connection in one turn, so that a long pipeline starves nobody.
const REQUESTS_PER_TURN_MAX: u32 = 16;
/// Answers, and what the log will tell of them, are gathered up to this many bytes before they must leave.
const BATCH_LEN_MAX: u64 = 64 * 1024;

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a request, or for the rest of its head.
    Reading,
    /// Understanding what has been received.
    Parsing,
    /// Waiting for the rest of a request's body.
    Receiving,
    /// Finding out, turn by turn, what the head of the answer must say.
    Gathering,
    /// Waiting for the socket to take the answer.
    Writing,
    /// Over; the link sees to it that the peer has read what was sent.
    Closing,
}

/// Every transition there is; [`Conn`] asserts each it makes against this table.
pub const TRANSITIONS: &[(Phase, Phase)] = &[
    (Phase::Reading, Phase::Parsing),
    (Phase::Reading, Phase::Writing),
    (Phase::Reading, Phase::Closing),
    (Phase::Parsing, Phase::Reading),
    (Phase::Parsing, Phase::Receiving),
    (Phase::Parsing, Phase::Gathering),
    (Phase::Parsing, Phase::Writing),
    (Phase::Receiving, Phase::Gathering),
    (Phase::Receiving, Phase::Writing),
    (Phase::Gathering, Phase::Writing),
    (Phase::Writing, Phase::Parsing),
    (Phase::Writing, Phase::Reading),
    (Phase::Writing, Phase::Closing),
];

#[derive(Debug)]
enum State {
    Reading,
    Parsing,
    Receiving(Box<Receiving>),
    /// A thin pointer, for there is a state for each idle connection.
    Gathering(Box<Box<dyn PreparingResponse>>),
    /// What of the last answer is yet to be made, if it is one whose body is made while it is sent.
    Writing(Option<Box<Stream>>),
    /// For the reason that stands in [`Conn::ending`].
    Closing,
}

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self::Reading => Phase::Reading,
            Self::Parsing => Phase::Parsing,
            Self::Receiving(_) => Phase::Receiving,
            Self::Gathering(_) => Phase::Gathering,
            Self::Writing(_) => Phase::Writing,
            Self::Closing => Phase::Closing,
        }
    }
}

/// What a state comes to: it rests and waits, or another follows at once.
enum Step {
    Rest(Want),
    Enter(State),
}

/// The queues, the site and the time: what every step works with.
struct Desk<'a> {
    inbox: &'a mut RecvBuf,
    outbox: &'a mut SendQueue,
    site: &'a mut Site,
    now: Now,
}

/// One connection to the server.
#[derive(Debug)]
pub struct Conn {
    peer: SocketAddr,
    /// Counts the server's connections, for the logs.
    number: u64,
    state: State,
    patience: Patience,
    arrival: Arrival,
    batch: Option<BoxedBatch>,
    /// The connection ends when what is queued has gone out, or is about to be closed as it is.
    ending: Option<CloseReason>,
    turn: Instant,
    turn_requests: u32,
}

impl Conn {
    /// The machine of a connection that has just been accepted.
    pub fn new(peer: SocketAddr, idle_timeout: Duration, now: Now) -> Self {
        Self {
            peer,
            number: 0,
            state: State::Reading,
            patience: Patience::new(idle_timeout, now.instant),
            arrival: Arrival::default(),
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
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// The server shuts down: if nothing of a request has come yet, none is waited for.
    pub fn end_idling(&mut self, now: Now) {
        if matches!(self.state, State::Reading) && self.patience.is_idle() {
            self.patience.end(now.instant);
        }
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: State, desk: &Desk<'_>) {
        let (from, to) = (self.state.phase(), next.phase());
        log::debug!("{}: {from:?} -> {to:?}", self.peer);
        debug_assert!(TRANSITIONS.contains(&(from, to)), "{from:?} -> {to:?} is not in the table");
        self.state = next;
        let now = desk.now.instant;
        match self.state {
            State::Reading | State::Parsing => {
                self.patience.for_head(holds_head(desk.inbox), &desk.site.context.config, now);
            }
            State::Receiving(_) => self.patience.for_body(now),
            State::Gathering(_) => self.patience.for_gathering(now),
            State::Writing(_) => self.patience.for_room(desk.outbox.sent_total(), now),
            State::Closing => {}
        }
    }

    /// Steps from state to state until one rests.
    fn run(&mut self, desk: &mut Desk<'_>) -> Want {
        loop {
            match self.step(desk) {
                Step::Rest(want) => return want,
                Step::Enter(next) => self.enter(next, desk),
            }
        }
    }

    fn step(&mut self, desk: &mut Desk<'_>) -> Step {
        match &mut self.state {
            State::Reading => self.read(desk),
            State::Parsing => self.parse(desk),
            State::Receiving(receiving) => {
                let progress = receiving.take(desk.inbox);
                let (since, received_len) = (receiving.since, receiving.received_len());
                self.patience.for_piece(since, received_len, desk.now.instant);
                self.receive(progress, desk)
            }
            State::Gathering(gathering) => match gathering.work(&desk.site.context.store) {
                Some(answer) => self.answer(answer, desk),
                None => Step::Rest(Want::Tick),
            },
            State::Writing(Some(_)) if desk.outbox.is_empty() => self.make(desk),
            State::Writing(Some(_)) => Step::Rest(Want::Drain),
            State::Writing(None) => self.write(desk),
            State::Closing => self.closed_for(),
        }
    }

    fn read(&mut self, desk: &Desk<'_>) -> Step {
        if desk.inbox.bytes().len() > self.arrival.seen_len || (desk.inbox.is_eof() && holds_head(desk.inbox))
        {
            return Step::Enter(State::Parsing);
        }
        if desk.inbox.is_eof() {
            return self.close(CloseReason::PeerClosed);
        }
        Step::Rest(Want::Input)
    }

    /// Apart from the other steps, which are short and taken more often.
    #[inline(never)]
    fn parse(&mut self, desk: &mut Desk<'_>) -> Step {
        if !self.may_take_request(desk.now) {
            return Step::Rest(Want::Tick);
        }
        match read_request::take(desk.inbox.bytes(), &mut self.arrival, &mut self.batch, desk.site, desk.now)
        {
            Intake::Request { len, body, expects_continue, plan } => {
                desk.inbox.consume(len);
                self.forget_head();
                self.take_body(body, expects_continue, plan, desk)
            }
            Intake::Nothing => self.need_more(desk),
            Intake::Refused(reject) => self.refuse(&reject, desk),
            Intake::Later => self.come_back(desk.now),
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
    fn come_back(&mut self, now: Now) -> Step {
        self.arrival.come_back(now);
        self.patience.for_gathering(now.instant);
        Step::Rest(Want::Tick)
    }

    fn forget_head(&mut self) {
        self.patience.forget_head();
        self.arrival = Arrival::default();
    }

    /// The head is not whole. Answers that are queued leave before anything else is waited for.
    fn need_more(&mut self, desk: &mut Desk<'_>) -> Step {
        self.turn_requests -= 1;
        if desk.inbox.is_eof() && holds_head(desk.inbox) {
            let why = "The request ended before its head was complete.";
            return self.refuse(&Reject::new(Status::BAD_REQUEST, why), desk);
        }
        self.arrival.seen_len = desk.inbox.bytes().len();
        Step::Enter(if desk.outbox.is_empty() { State::Reading } else { State::Writing(None) })
    }

    /// Answers what is no request, or not one that can be trusted, and ends the connection.
    fn refuse(&mut self, reject: &Reject, desk: &mut Desk<'_>) -> Step {
        let bytes = desk.inbox.bytes();
        // Empty lines before a request are skipped; whatever else comes first is the line that was refused.
        let line = bytes.split(|&byte| byte == b'\n').find(|line| *line != b"\r").unwrap_or_default();
        let prose = error_format_of_rejected(bytes);
        let asked = Asked::refused(line.trim_ascii_end(), bytes);
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
        plan: Plan,
        desk: &mut Desk<'_>,
    ) -> Step {
        match plan {
            Plan::Answer(answer) if is_refused(body, expects_continue, answer.status()) => {
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
                let receiving = Receiving::new(body.into(), plan, desk.now.instant);
                Step::Enter(State::Receiving(Box::new(receiving)))
            }
        }
    }

    /// Answers when the body has come to an end, good or bad.
    fn receive(&mut self, progress: Progress, desk: &mut Desk<'_>) -> Step {
        match progress {
            Progress::Whole(plan) => self.answer(plan.finish(&mut desk.site.context), desk),
            Progress::Failed(error) => {
                self.ending = Some(CloseReason::Refused(error.why));
                self.answer(Answer::Error(error), desk)
            }
            Progress::More => Step::Rest(Want::Input),
        }
    }

    /// Queues the answer to the last exchange, or what of it there is.
    fn answer(&mut self, mut answer: Answer, desk: &mut Desk<'_>) -> Step {
        if let Answer::Gather(gathering) = answer {
            return Step::Enter(State::Gathering(Box::new(gathering)));
        }
        let request = self.batch.as_ref().and_then(|batch| batch.unanswered());
        debug_assert!(request.is_some(), "an answer to no request");
        let Some(request) = request else { return Step::Enter(State::Writing(None)) };
        let framing = match &mut answer {
            Answer::Stream(stream) => Some(stream.frame_for(request.version)),
            _ => None,
        };
        if !request.keep_alive || framing == Some(Framing::UntilClose) {
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
        Step::Enter(State::Writing(match answer {
            Answer::Stream(stream) if !request.head_only => Some(stream),
            _ => None,
        }))
    }

    /// Makes the next slice of the answer's body; the turn ends with it.
    fn make(&mut self, desk: &mut Desk<'_>) -> Step {
        let State::Writing(rest) = &mut self.state else { return Step::Rest(Want::Tick) };
        let Site { context, scratch, .. } = &mut *desk.site;
        let made = rest.as_mut().map(|stream| stream.make(desk.outbox, &context.store, scratch));
        match made.unwrap_or(Made::Whole) {
            Made::More => Step::Rest(Want::Tick),
            Made::Broken(reason) => self.close(reason),
            Made::Whole => {
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
    fn write(&mut self, desk: &mut Desk<'_>) -> Step {
        let more = desk.inbox.bytes().len() > self.arrival.seen_len;
        let gathered_len = desk.outbox.len().max(self.batch.as_ref().map_or(0, |batch| batch.text_len()));
        match (self.ending, desk.outbox.is_empty()) {
            (None, false) if more && gathered_len < BATCH_LEN_MAX => Step::Enter(State::Parsing),
            (_, false) => Step::Rest(Want::Drain),
            (Some(reason), true) => self.close(reason),
            (None, true) if more => Step::Enter(State::Parsing),
            (None, true) if desk.site.draining => self.close(CloseReason::Shutdown),
            (None, true) => Step::Enter(State::Reading),
        }
    }

    /// Closes the connection, whatever is still to be sent.
    fn close(&mut self, reason: CloseReason) -> Step {
        self.ending = Some(reason);
        Step::Enter(State::Closing)
    }

    fn closed_for(&self) -> Step {
        Step::Rest(Want::Close(self.ending.unwrap_or(CloseReason::Finished)))
    }

    fn origin(&self, closing: Option<CloseReason>) -> Origin {
        Origin { peer: self.peer, connection: self.number, closing }
    }

    /// Logs the exchanges whose answers have gone out.
    fn end_exchanges(&mut self, desk: &mut Desk<'_>) {
        let origin = self.origin(self.ending);
        if let Some(batch) = &mut self.batch {
            batch.end_sent(desk.outbox.sent_total(), origin, &mut desk.site.log, desk.now);
            if batch.is_empty() {
                self.batch.take().into_iter().for_each(|batch| desk.site.return_batch(batch));
            }
        }
    }

    fn expired(&mut self, desk: &mut Desk<'_>) -> Step {
        match self.state {
            State::Reading if self.patience.is_idle() => {
                let reason = if desk.site.draining {
                    CloseReason::Shutdown
                } else {
                    CloseReason::TimedOut("a request")
                };
                self.close(reason)
            }
            State::Reading | State::Parsing => self
                .refuse(&Reject::new(Status::REQUEST_TIMEOUT, "The request took too long to arrive."), desk),
            State::Receiving(ref receiving) => {
                let why = "The request body took too long to arrive.";
                let error = receiving.refusal(Status::REQUEST_TIMEOUT, why);
                self.ending = Some(CloseReason::Refused(why));
                self.answer(Answer::Error(error), desk)
            }
            State::Gathering(ref mut gathering) => {
                let answer = gathering.give_up();
                self.answer(answer, desk)
            }
            State::Writing(_) => self.write_expired(desk),
            State::Closing => self.closed_for(),
        }
    }

    /// A peer that has taken too little is given up; our own side, if it is that which makes it wait,
    /// is not.
    fn write_expired(&mut self, desk: &Desk<'_>) -> Step {
        let (sent_total, now) = (desk.outbox.sent_total(), desk.now.instant);
        if desk.outbox.is_empty() {
            self.patience.for_room(sent_total, now);
            return Step::Rest(Want::Tick);
        }
        if self.patience.goes_on(sent_total, now) {
            return Step::Rest(Want::Drain);
        }
        self.close(CloseReason::TimedOut("the peer to take the answer"))
    }
}

/// Whether anything of a request has come. Empty lines before one are nothing: old clients end a body
/// with one that nothing counts (RFC 9112 section 2.2).
fn holds_head(inbox: &RecvBuf) -> bool {
    inbox.bytes().iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

impl Protocol for Conn {
    type Context = Site;

    fn advance(&mut self, inbox: &mut RecvBuf, outbox: &mut SendQueue, site: &mut Site, now: Now) -> Want {
        let mut desk = Desk { inbox, outbox, site, now };
        self.end_exchanges(&mut desk);
        self.run(&mut desk)
    }

    fn on_input(&mut self, site: &mut Site) {
        site.context.cache.mark_events_pending();
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.patience.deadline())
    }

    fn on_timeout(&mut self, inbox: &mut RecvBuf, outbox: &mut SendQueue, site: &mut Site, now: Now) -> Want {
        let mut desk = Desk { inbox, outbox, site, now };
        match self.expired(&mut desk) {
            Step::Rest(want) => want,
            Step::Enter(next) => {
                self.enter(next, &desk);
                self.run(&mut desk)
            }
        }
    }

    fn truncates_message_if_closed(&self, outbox: &SendQueue) -> bool {
        self.batch.as_ref().is_some_and(|batch| batch.breaks_off(outbox.sent_total()))
    }

    fn closed(&mut self, reason: CloseReason, outbox: &SendQueue, site: &mut Site, now: Now) {
        if let Some(mut batch) = self.batch.take() {
            batch.end_all(outbox.sent_total(), self.origin(Some(reason)), &mut site.log, now);
            site.return_batch(batch);
        }
        log::info!("{} closed: {reason} (connection {})", self.peer, self.number);
    }
}
