//! The state machine of one connection to the server: the table to read first.
//!
//! | state | in words | waits for | leaves to | deadline |
//! |---|---|---|---|---|
//! | [`Reading`](Phase::Reading) | reading | input | Parsing · Writing (408) · Closing (end of input, idle) | idle, while no byte of a request has come; then head, from its first byte |
//! | [`Parsing`](Phase::Parsing) | parsing | its turn (it rests here only when the turn's budget is spent) | Reading (more is needed) · Receiving · Writing | head |
//! | [`Receiving`](Phase::Receiving) | receiving a body | input | Writing | body: stall, minimum rate |
//! | [`Writing`](Phase::Writing) | writing file | room | Parsing (bytes left) · Reading · Closing | write: stall, minimum rate |
//! | [`Closing`](Phase::Closing) | closing | the peer's FIN (the link lingers) | gone | the link's |
//!
//! It owns no socket and decides neither what a request gets (`route`) nor how the answer
//! reads (`reply`). `Conn::enter` is the only function that assigns the state.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::exchange::{Batch, Origin};
use super::receiving::{DISCARDED_LEN_MAX, Progress, Receiving, Sink, TOO_LARGE};
use super::reply::{self, Answer};
use super::route::{Plan, refusal, route};
use super::site::Site;
use crate::http::{FieldSpace, Prose, Reject, RequestBody, Status, parse_request, prose_for_refused};
use crate::net::{CloseReason, Inbox, Machine, Outbox, Want};
use crate::reactor::Now;

/// Requests answered for one connection in one turn, so that a long pipeline starves nobody.
const REQUESTS_PER_TURN_MAX: u32 = 16;
/// Answers, and what the log will tell of them, are gathered up to this many bytes before they must leave.
const BATCH_LEN_MAX: u64 = 64 * 1024;
/// A peer must send or take something within this time ...
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// ... and at this rate in bytes per second: what it has moved buys it time.
const RATE_MIN: u64 = 1024;
/// What a peer has taken at once buys no more than this, so that a fast start does not excuse a stall.
const CREDIT_MAX: Duration = Duration::from_secs(300);

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a request, or for the rest of its head.
    Reading,
    /// Understanding what has been received.
    Parsing,
    /// Waiting for the rest of a request's body.
    Receiving,
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
    (Phase::Parsing, Phase::Writing),
    (Phase::Receiving, Phase::Writing),
    (Phase::Writing, Phase::Parsing),
    (Phase::Writing, Phase::Reading),
    (Phase::Writing, Phase::Closing),
];

#[derive(Debug)]
enum State {
    Reading,
    Parsing,
    Receiving(Box<Receiving>),
    Writing,
    Closing(CloseReason),
}

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self::Reading => Phase::Reading,
            Self::Parsing => Phase::Parsing,
            Self::Receiving(_) => Phase::Receiving,
            Self::Writing => Phase::Writing,
            Self::Closing(_) => Phase::Closing,
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
    inbox: &'a mut Inbox,
    outbox: &'a mut Outbox,
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
    deadline: Instant,
    /// When the first byte of the head that is being read came.
    head_since: Option<Instant>,
    /// How far the end of the head has been searched, and how much of it was there then.
    searched_len: usize,
    seen_len: usize,
    batch: Batch,
    /// The connection ends when what is queued has gone out.
    ending: Option<CloseReason>,
    turn: Instant,
    turn_requests: u32,
    /// What had been sent when the write deadline was set.
    sent_before: u64,
}

impl Conn {
    /// The machine of a connection that has just been accepted.
    pub fn new(peer: SocketAddr, idle_timeout: Duration, now: Now) -> Self {
        Self {
            peer,
            number: 0,
            state: State::Reading,
            deadline: now.instant + idle_timeout,
            head_since: None,
            searched_len: 0,
            seen_len: 0,
            batch: Batch::default(),
            ending: None,
            turn: now.instant,
            turn_requests: 0,
            sent_before: 0,
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
        if matches!(self.state, State::Reading) && self.head_since.is_none() {
            self.deadline = now.instant;
        }
    }

    /// The only place where the state changes.
    fn enter(&mut self, next: State, desk: &Desk<'_>) {
        let (from, to) = (self.state.phase(), next.phase());
        log::debug!("{}: {from:?} -> {to:?}", self.peer);
        debug_assert!(TRANSITIONS.contains(&(from, to)), "{from:?} -> {to:?} is not in the table");
        self.state = next;
        let now = desk.now.instant;
        let config = &desk.site.config;
        match self.state {
            State::Reading | State::Parsing => {
                if self.head_since.is_none() && holds_head(desk.inbox) {
                    self.head_since = Some(now);
                }
                let since = self.head_since.map(|since| since + config.header_timeout);
                self.deadline = since.unwrap_or(now + config.idle_timeout);
            }
            State::Receiving(_) => self.deadline = now + STALL_TIMEOUT,
            State::Writing => {
                // Nothing is read meanwhile, so the time of a head that has begun is not the peer's.
                self.head_since = None;
                self.deadline = now + STALL_TIMEOUT;
                self.sent_before = desk.outbox.sent_total();
            }
            State::Closing(_) => {}
        }
    }

    /// Steps from state to state until one rests.
    fn run(&mut self, mut step: Step, desk: &mut Desk<'_>) -> Want {
        loop {
            match step {
                Step::Rest(want) => return want,
                Step::Enter(next) => self.enter(next, desk),
            }
            step = self.step(desk);
        }
    }

    fn step(&mut self, desk: &mut Desk<'_>) -> Step {
        match &mut self.state {
            State::Reading => self.read(desk),
            State::Parsing => self.parse(desk),
            State::Receiving(receiving) => {
                let progress = receiving.take(desk.inbox);
                let earned = receiving.since + STALL_TIMEOUT + credit(receiving.received_len());
                self.receive(progress, earned, desk)
            }
            State::Writing => self.write(desk),
            State::Closing(reason) => Step::Rest(Want::Close(*reason)),
        }
    }

    fn read(&mut self, desk: &Desk<'_>) -> Step {
        if desk.inbox.bytes().len() > self.seen_len || (desk.inbox.is_eof() && holds_head(desk.inbox)) {
            return Step::Enter(State::Parsing);
        }
        if desk.inbox.is_eof() {
            return Step::Enter(State::Closing(CloseReason::PeerClosed));
        }
        Step::Rest(Want::Input)
    }

    fn parse(&mut self, desk: &mut Desk<'_>) -> Step {
        if !self.may_take_request(desk.now) {
            return Step::Rest(Want::Turn);
        }
        let mut space = FieldSpace::new();
        let (len, body, expects_continue, plan) =
            match parse_request(desk.inbox.bytes(), &mut self.searched_len, &mut space) {
                Ok(Some((len, head))) => {
                    let plan = route(&head, desk.site, desk.now);
                    self.lease_batch(desk.site);
                    let bytes = desk.inbox.bytes().get(..len).unwrap_or_default();
                    self.batch.begin(&head, bytes, desk.site.log.detail(), desk.now);
                    (len, head.body, head.expects_continue, plan)
                }
                Ok(None) => return self.need_more(desk),
                Err(reject) => return self.refuse(&reject, desk),
            };
        desk.inbox.consume(len);
        self.forget_head();
        match plan {
            Plan::Answer(answer) => self.take_body(body, expects_continue, answer, desk),
            Plan::Store(storing) => self.receive_body(body, expects_continue, Sink::Store(storing), desk),
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

    fn lease_batch(&mut self, site: &mut Site) {
        if self.batch.is_empty() {
            self.batch = site.lease_batch();
        }
    }

    fn forget_head(&mut self) {
        self.head_since = None;
        self.searched_len = 0;
        self.seen_len = 0;
    }

    /// The head is not whole. Answers that are queued leave before anything else is waited for.
    fn need_more(&mut self, desk: &mut Desk<'_>) -> Step {
        self.turn_requests -= 1;
        if desk.inbox.is_eof() && holds_head(desk.inbox) {
            let why = "The request ended before its head was complete.";
            return self.refuse(&Reject::new(Status::BAD_REQUEST, why), desk);
        }
        self.seen_len = desk.inbox.bytes().len();
        Step::Enter(if desk.outbox.is_empty() { State::Reading } else { State::Writing })
    }

    /// Answers what is no request, or not one that can be trusted, and ends the connection.
    fn refuse(&mut self, reject: &Reject, desk: &mut Desk<'_>) -> Step {
        let bytes = desk.inbox.bytes();
        // Empty lines before a request are skipped; whatever else comes first is the line that was refused.
        let line = bytes.split(|&byte| byte == b'\n').find(|line| *line != b"\r").unwrap_or_default();
        let prose = prose_for_refused(bytes);
        self.lease_batch(desk.site);
        self.batch.begin_refused(line.trim_ascii_end(), bytes, desk.site.log.detail(), desk.now);
        self.forget_head();
        self.ending = Some(CloseReason::Refused(reject.why));
        self.answer(&refusal(reject.status, reject.why, prose), desk)
    }

    /// Gets the body that follows a head, if there is one, out of the way before the answer is sent.
    fn take_body(
        &mut self,
        body: RequestBody,
        expects_continue: bool,
        answer: Answer,
        desk: &mut Desk<'_>,
    ) -> Step {
        match body {
            RequestBody::Length(len) if len > DISCARDED_LEN_MAX => self.refuse_body(&answer, desk),
            // What is too long to be stored is not read for nothing, and a waiting client is not made to send.
            _ if expects_continue && is_elsewhere_or_nowhere(answer.status()) => {
                self.refuse_body(&answer, desk)
            }
            _ if answer.status() == Status::CONTENT_TOO_LARGE => self.refuse_body(&answer, desk),
            _ => self.receive_body(body, expects_continue, Sink::Discard(answer), desk),
        }
    }

    /// Reads the body that follows a head into `sink`.
    fn receive_body(
        &mut self,
        body: RequestBody,
        expects_continue: bool,
        sink: Sink,
        desk: &mut Desk<'_>,
    ) -> Step {
        if body == RequestBody::None {
            return self.answer(&sink.finish(), desk);
        }
        if expects_continue {
            reply::queue_continue(desk.outbox);
        }
        let receiving = Receiving::new(body.into(), sink, desk.now.instant);
        Step::Enter(State::Receiving(Box::new(receiving)))
    }

    /// Answers without reading the body; whether it comes or not, the connection cannot be used again.
    fn refuse_body(&mut self, answer: &Answer, desk: &mut Desk<'_>) -> Step {
        self.ending = Some(CloseReason::Refused("a request body that nobody wants"));
        if is_elsewhere_or_nowhere(answer.status()) {
            return self.answer(answer, desk);
        }
        self.answer(&refusal(Status::CONTENT_TOO_LARGE, TOO_LARGE, Prose::Plain), desk)
    }

    /// Answers when the body has come to an end, good or bad. `earned` is how long what has come of it
    /// lets the peer go on, at the least rate.
    fn receive(&mut self, progress: Progress, earned: Instant, desk: &mut Desk<'_>) -> Step {
        match progress {
            Progress::Whole(answer) => self.answer(&answer, desk),
            Progress::Failed(error) => {
                self.ending = Some(CloseReason::Refused(error.why));
                self.answer(&Answer::Error(error), desk)
            }
            Progress::More => {
                // Each piece moves the deadline, but never beyond what the least rate allows from the start.
                self.deadline = earned.min(desk.now.instant + STALL_TIMEOUT);
                Step::Rest(Want::Input)
            }
        }
    }

    /// Queues the answer to the last exchange.
    fn answer(&mut self, answer: &Answer, desk: &mut Desk<'_>) -> Step {
        let exchange = self.batch.unanswered();
        debug_assert!(exchange.is_some(), "an answer to no request");
        let Some(exchange) = exchange else { return Step::Enter(State::Writing) };
        if !exchange.keep_alive {
            self.ending = self.ending.or(Some(CloseReason::Finished));
        } else if desk.site.draining {
            self.ending = self.ending.or(Some(CloseReason::Shutdown));
        }
        let closes = self.ending.is_some();
        let mark = desk.outbox.mark();
        let reply = reply::queue(desk.outbox, answer, exchange, closes, desk.site, desk.now);
        self.batch.answered(reply, desk.outbox, mark, desk.site.log.detail());
        Step::Enter(State::Writing)
    }

    /// Goes on to the next request while there is one and the answers are few; else lets them leave.
    fn write(&mut self, desk: &mut Desk<'_>) -> Step {
        let more = desk.inbox.bytes().len() > self.seen_len;
        let gathered_len = desk.outbox.len().max(self.batch.text_len());
        match (self.ending, desk.outbox.is_empty()) {
            (None, false) if more && gathered_len < BATCH_LEN_MAX => Step::Enter(State::Parsing),
            (_, false) => Step::Rest(Want::Drain),
            (Some(reason), true) => Step::Enter(State::Closing(reason)),
            (None, true) if more => Step::Enter(State::Parsing),
            (None, true) if desk.site.draining => Step::Enter(State::Closing(CloseReason::Shutdown)),
            (None, true) => Step::Enter(State::Reading),
        }
    }

    fn origin(&self, closing: Option<CloseReason>) -> Origin {
        Origin { peer: self.peer, connection: self.number, closing }
    }

    /// Logs the exchanges whose answers have gone out.
    fn end_exchanges(&mut self, desk: &mut Desk<'_>) {
        if !self.batch.is_empty() {
            let origin = self.origin(self.ending);
            self.batch.end_sent(desk.outbox.sent_total(), origin, &mut desk.site.log, desk.now);
            if self.batch.is_empty() {
                desk.site.return_batch(std::mem::take(&mut self.batch));
            }
        }
    }

    fn expired(&mut self, desk: &mut Desk<'_>) -> Step {
        match self.state {
            State::Reading if self.head_since.is_none() => {
                let reason = if desk.site.draining {
                    CloseReason::Shutdown
                } else {
                    CloseReason::TimedOut("a request")
                };
                Step::Enter(State::Closing(reason))
            }
            State::Reading | State::Parsing => self
                .refuse(&Reject::new(Status::REQUEST_TIMEOUT, "The request took too long to arrive."), desk),
            State::Receiving(ref receiving) => {
                let why = "The request body took too long to arrive.";
                let error = receiving.refusal(Status::REQUEST_TIMEOUT, why);
                self.ending = Some(CloseReason::Refused(why));
                self.answer(&Answer::Error(error), desk)
            }
            State::Writing => self.write_expired(desk),
            State::Closing(reason) => Step::Rest(Want::Close(reason)),
        }
    }

    /// The peer has more time if it has taken enough since the deadline was set: a trickle buys less
    /// and less of it, until it buys none.
    fn write_expired(&mut self, desk: &Desk<'_>) -> Step {
        let bought = credit(desk.outbox.sent_total() - self.sent_before).min(CREDIT_MAX);
        if bought.is_zero() {
            return Step::Enter(State::Closing(CloseReason::TimedOut("the peer to take the answer")));
        }
        self.sent_before = desk.outbox.sent_total();
        self.deadline = desk.now.instant + bought;
        Step::Rest(Want::Drain)
    }
}

/// Whether anything of a request has come. Empty lines before one are nothing: old clients end a body
/// with one that nothing counts (RFC 9112 section 2.2).
fn holds_head(inbox: &Inbox) -> bool {
    inbox.bytes().iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// Whether this server has no use for the body of a request that has this answer.
fn is_elsewhere_or_nowhere(status: Status) -> bool {
    status.is_error() || status.is_redirect()
}

/// The time that moved bytes buy.
fn credit(moved_len: u64) -> Duration {
    Duration::from_secs(moved_len / RATE_MIN)
}

impl Machine for Conn {
    type Site = Site;

    fn advance(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, site: &mut Site, now: Now) -> Want {
        let mut desk = Desk { inbox, outbox, site, now };
        self.end_exchanges(&mut desk);
        let step = self.step(&mut desk);
        self.run(step, &mut desk)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn expire(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, site: &mut Site, now: Now) -> Want {
        let mut desk = Desk { inbox, outbox, site, now };
        let step = self.expired(&mut desk);
        self.run(step, &mut desk)
    }

    fn closed(&mut self, reason: CloseReason, outbox: &Outbox, site: &mut Site, now: Now) {
        if !self.batch.is_empty() {
            self.batch.end_all(outbox.sent_total(), self.origin(Some(reason)), &mut site.log, now);
            site.return_batch(std::mem::take(&mut self.batch));
        }
        log::info!("{} closed: {reason} (connection {})", self.peer, self.number);
    }
}
