//! State machine of one server connection.
//!
//! | state | in words | waits for | leaves to | deadline |
//! |---|---|---|---|---|
//! | [`Reading`](ServerPhase::Reading) | reading | input | Parsing · Writing (408) · Closing (end of input, idle) | idle; head, from its first byte on |
//! | [`Parsing`](ServerPhase::Parsing) | parsing | the next tick, if the budget is spent; a login: a helper thread | Reading (incomplete head) · Receiving · Preparing · Writing | head; a login: 10 s |
//! | [`Receiving`](ServerPhase::Receiving) | receiving a body | input; a helper thread, if too many jobs are pending | Preparing · Writing | body: stall, minimum rate |
//! | [`Preparing`](ServerPhase::Preparing) | preparing: listing, archive, gzip, upload | the next tick, after a slice; an upload, a long listing: a helper thread | Writing | 10 s, then a response from what is known, or 503; a long listing: 30 s; an upload: 120 s |
//! | [`Writing`](ServerPhase::Writing) | writing file | the socket; a streamed body: the next tick | Parsing (bytes left) · Reading · Closing | write: stall, minimum rate |
//! | [`Closing`](ServerPhase::Closing) | closing | the peer's FIN (lingering) | gone | lingering |
//!
//! It never owns a socket or chooses a response. Only `HttpServerProtocol::enter` assigns the state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::WorkerState;
use super::access::RequestOrigin;
use super::deadlines::Deadlines;
use super::exchange::{BoxedPipeline, ConnInfo, RequestSummary};
use super::phase::{HttpServerState, ServerPhase, TRANSITIONS};
use super::read_request::{self, HeadProgress, NextRequest, count_request, has_head_bytes};
use super::request_body::{
    BodyReceiver, ReceiveProgress, UNWANTED_BODY_MESSAGE, is_body_rejected, is_redirect_or_error,
};
use crate::http::{Reject, RequestBody, Status};
use crate::net::{CloseReason, HandshakeResult, Inactivity, Io, Protocol, SendQueue, TlsSession, Want};
use crate::reactor::Now;
use crate::server::handlers::{Action, error_documents};
use crate::server::response::{Body, ErrorResponse, Response, StreamFraming};

/// Most output and log text that a pipeline collects.
const PIPELINE_LEN_MAX: u64 = 64 * 1024;

enum StateChange {
    Stay(Want),
    Enter(HttpServerState),
}

type ServerIo<'a> = Io<'a, WorkerState>;

/// HTTP/1.1 protocol of one server connection.
#[derive(Debug)]
pub struct HttpServerProtocol {
    peer: SocketAddr,
    /// See [`Shared::count_address`](crate::server::shared::Shared::count_address).
    pub(crate) address_count: Option<Arc<()>>,
    number: u64,
    pub(crate) checks_host: bool,
    tls: Option<Box<TlsSession>>,
    state: HttpServerState,
    deadlines: Deadlines,
    head_progress: HeadProgress,
    pipeline: Option<BoxedPipeline>,
    close_reason: Option<CloseReason>,
    tick: Instant,
    tick_requests: u32,
}

impl HttpServerProtocol {
    /// Protocol of an accepted connection; the logs show `number`.
    pub fn new(peer: SocketAddr, number: u64, idle_timeout: Duration, now: Now) -> Self {
        Self {
            peer,
            address_count: None,
            number,
            checks_host: false,
            tls: None,
            state: HttpServerState::Reading,
            deadlines: Deadlines::new(idle_timeout, now.instant),
            head_progress: HeadProgress::default(),
            pipeline: None,
            close_reason: None,
            tick: now.instant,
            tick_requests: 0,
        }
    }

    /// Answers the first request with 503: the address has too many connections.
    pub fn refuse(&mut self) {
        self.close_reason = Some(CloseReason::Refused("more than --max-connections-per-ip"));
    }

    /// Current state.
    pub fn phase(&self) -> ServerPhase {
        self.state.phase()
    }

    /// At shutdown: expires the deadline if no request has begun.
    pub fn close_if_idle(&mut self, now: Now) {
        if matches!(self.state, HttpServerState::Reading) && self.deadlines.is_idle() {
            self.deadlines.deadline = now.instant;
        }
    }

    fn enter(&mut self, next: HttpServerState, io: &ServerIo<'_>) {
        let (from, to) = (self.state.phase(), next.phase());
        log::debug!("{}: {from:?} -> {to:?}", self.peer);
        debug_assert!(TRANSITIONS.contains(&(from, to)), "{from:?} -> {to:?} is not in the table");
        self.state = next;
        let now = io.now.instant;
        match self.state {
            HttpServerState::Reading | HttpServerState::Parsing(_) => {
                self.deadlines.start_head(has_head_bytes(io.recv_buf), &io.shared.context.config, now);
            }
            HttpServerState::Receiving(_) => self.deadlines.start_body(now),
            HttpServerState::Preparing(ref job) => self.deadlines.start_preparing(job.helper_timeout(), now),
            HttpServerState::Writing(_) => self.deadlines.start_write(now),
            HttpServerState::Closing => {}
        }
    }

    fn run(&mut self, mut change: StateChange, io: &mut ServerIo<'_>) -> Want {
        loop {
            match change {
                StateChange::Stay(want) => return want,
                StateChange::Enter(next) => self.enter(next, io),
            }
            change = self.step(io);
        }
    }

    fn step(&mut self, io: &mut ServerIo<'_>) -> StateChange {
        match &mut self.state {
            HttpServerState::Reading => self.read(io),
            HttpServerState::Parsing(_) => self.parse(io),
            HttpServerState::Receiving(receiver) => {
                let progress = receiver.receive(io.recv_buf, io.send_queue, &io.shared.context);
                let (since, received_len) = (receiver.since, receiver.received_len);
                self.deadlines.extend_body(since, received_len, io.now.instant);
                match progress {
                    Ok(ReceiveProgress::Complete(action)) => self.finish(action, io),
                    Ok(ReceiveProgress::Waiting) => {
                        self.deadlines.start_body(io.now.instant);
                        StateChange::Stay(Want::Wakeup)
                    }
                    Ok(ReceiveProgress::More) => StateChange::Stay(Want::Input),
                    Ok(ReceiveProgress::Unwanted(response)) => self.refuse_body(response, io),
                    Err(error) => self.refuse_request(error, io),
                }
            }
            HttpServerState::Preparing(preparing) => match preparing.poll(&mut io.shared.context) {
                Some(response) => self.respond(response, io),
                None if preparing.helper_timeout().is_some() => StateChange::Stay(Want::Wakeup),
                None => StateChange::Stay(Want::Tick),
            },
            HttpServerState::Writing(Some(_)) if io.send_queue.is_empty() => self.stream_slice(io),
            HttpServerState::Writing(Some(_)) => StateChange::Stay(Want::Drain),
            HttpServerState::Writing(None) => self.write(io),
            HttpServerState::Closing => self.want_close(),
        }
    }

    fn read(&mut self, io: &ServerIo<'_>) -> StateChange {
        if io.recv_buf.bytes().len() > self.head_progress.seen_len
            || (io.recv_buf.is_eof() && has_head_bytes(io.recv_buf))
        {
            return StateChange::Enter(HttpServerState::Parsing(None));
        }
        if io.recv_buf.is_eof() {
            return self.close(CloseReason::PeerClosed);
        }
        StateChange::Stay(Want::Input)
    }

    /// Not inlined: the other steps are short and run more often.
    #[inline(never)]
    fn parse(&mut self, io: &mut ServerIo<'_>) -> StateChange {
        if !count_request(&mut self.tick, &mut self.tick_requests, io.now) {
            return StateChange::Stay(Want::Tick);
        }
        let is_refused = self.close_reason.is_some();
        let (is_tls, checks_host) = (self.tls.is_some(), self.checks_host);
        let origin = RequestOrigin { peer: self.peer, is_tls, checks_host, is_refused };
        let HttpServerState::Parsing(login) = &mut self.state else { return StateChange::Stay(Want::Tick) };
        match read_request::read_request(
            io.recv_buf.bytes(),
            &mut self.head_progress,
            &mut self.pipeline,
            io.shared,
            (origin, login),
        ) {
            NextRequest::Request { len, body, expects_continue, action } => {
                io.recv_buf.consume(len);
                self.forget_head();
                self.start_body(body, expects_continue, action, io)
            }
            NextRequest::Incomplete => self.need_more(io),
            NextRequest::Rejected(reject) => self.reject(reject, io),
            NextRequest::LoginPending(until) => {
                self.deadlines.deadline = until;
                StateChange::Stay(Want::Wakeup)
            }
        }
    }

    fn forget_head(&mut self) {
        self.deadlines.end_head();
        self.head_progress = HeadProgress::default();
    }

    fn need_more(&mut self, io: &mut ServerIo<'_>) -> StateChange {
        self.tick_requests -= 1;
        if io.recv_buf.is_eof() && has_head_bytes(io.recv_buf) {
            return self.reject(Reject::bad_request("The request ended before its head was complete."), io);
        }
        self.head_progress.seen_len = io.recv_buf.bytes().len();
        StateChange::Enter(if io.send_queue.is_empty() {
            HttpServerState::Reading
        } else {
            HttpServerState::Writing(None)
        })
    }

    fn reject(&mut self, reject: Reject, io: &mut ServerIo<'_>) -> StateChange {
        let bytes = io.recv_buf.bytes();
        let line = bytes.split(|&byte| byte == b'\n').find(|line| *line != b"\r").unwrap_or_default();
        let summary = RequestSummary::from_rejected(line.trim_ascii_end(), bytes);
        let pipeline = self.pipeline.get_or_insert_with(|| io.shared.lease_pipeline());
        pipeline.begin(summary, bytes, io.shared.log.detail(), io.now);
        self.forget_head();
        self.refuse_request(reject.into(), io)
    }

    fn start_body(
        &mut self,
        body: RequestBody,
        expects_continue: bool,
        action: Action,
        io: &mut ServerIo<'_>,
    ) -> StateChange {
        if action.status().is_some_and(|status| is_body_rejected(body, expects_continue, status)) {
            // The body may or may not follow.
            let response = match action {
                Action::Respond(response) if is_redirect_or_error(response.status) => response,
                _ => ErrorResponse::new(Status::CONTENT_TOO_LARGE, UNWANTED_BODY_MESSAGE).into(),
            };
            return self.refuse_body(response, io);
        }
        let action = match action {
            Action::Respond(response) if body == RequestBody::None => return self.respond(response, io),
            action if body == RequestBody::None && !matches!(action, Action::Open(_)) => {
                return self.finish(action, io);
            }
            action => action,
        };
        let receiver = BodyReceiver::new(body, expects_continue, action, io.now.instant);
        StateChange::Enter(HttpServerState::Receiving(Box::new(receiver)))
    }

    fn finish(&mut self, action: Action, io: &mut ServerIo<'_>) -> StateChange {
        match action.finish(&mut io.shared.context) {
            Ok(response) => self.respond(response, io),
            Err(job) => StateChange::Enter(HttpServerState::Preparing(Box::new(job))),
        }
    }

    /// The rest of the request stays unread, so the connection ends.
    fn refuse_request(&mut self, error: ErrorResponse, io: &mut ServerIo<'_>) -> StateChange {
        self.close_reason = Some(CloseReason::Refused(error.message));
        self.respond(error.into(), io)
    }

    fn refuse_body(&mut self, response: Response, io: &mut ServerIo<'_>) -> StateChange {
        self.close_reason = Some(CloseReason::Refused("an unwanted request body"));
        self.respond(response, io)
    }

    fn respond(&mut self, mut response: Response, io: &mut ServerIo<'_>) -> StateChange {
        let request = self.pipeline.as_ref().and_then(|pipeline| pipeline.pending_request());
        debug_assert!(request.is_some(), "a response without a request");
        let Some(request) = request else { return StateChange::Enter(HttpServerState::Writing(None)) };
        if matches!(self.state, HttpServerState::Preparing(_)) {
            let format = request.errors.format;
            response = error_documents::with_page(response, format, &mut io.shared.context);
        }
        let framing = match &mut response.body {
            Body::Stream(stream) => Some(stream.choose_framing(request.version)),
            _ => None,
        };
        if !request.keep_alive || framing == Some(StreamFraming::UntilClose) {
            self.close_reason = self.close_reason.or(Some(CloseReason::Finished));
        } else if io.shared.draining {
            self.close_reason = self.close_reason.or(Some(CloseReason::Shutdown));
        }
        let closes = self.close_reason.is_some();
        let position = io.send_queue.position();
        io.shared.stats.count_response(response.status);
        let span =
            io.shared.writer.write(io.send_queue, &response, request, (closes, self.tls.is_some()), io.now);
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.record_response(span, io.send_queue, position, io.shared.log.detail());
        }
        StateChange::Enter(HttpServerState::Writing(match response.body {
            Body::Stream(stream) if !request.head_only => Some(stream),
            _ => None,
        }))
    }

    fn stream_slice(&mut self, io: &mut ServerIo<'_>) -> StateChange {
        let HttpServerState::Writing(rest) = &mut self.state else { return StateChange::Stay(Want::Tick) };
        let Some(stream) = rest else { return self.write(io) };
        let has_more = match stream.write_slice(io.send_queue, &mut io.shared.scratch) {
            Ok(has_more) => has_more,
            Err(reason) => return self.close(reason),
        };
        let end = (!has_more).then(|| io.send_queue.queued_total());
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.record_stream(stream.framing_len, end);
        }
        if has_more {
            return StateChange::Stay(Want::Tick);
        }
        *rest = None;
        self.end_exchanges(io);
        self.write(io)
    }

    fn write(&mut self, io: &mut ServerIo<'_>) -> StateChange {
        let more = io.recv_buf.bytes().len() > self.head_progress.seen_len;
        let pipeline_len =
            io.send_queue.len().max(self.pipeline.as_ref().map_or(0, |pipeline| pipeline.text_len()));
        match (self.close_reason, io.send_queue.is_empty()) {
            (None, false) if more && pipeline_len < PIPELINE_LEN_MAX => {
                StateChange::Enter(HttpServerState::Parsing(None))
            }
            (_, false) => StateChange::Stay(Want::Drain),
            (Some(reason), true) => self.close(reason),
            (None, true) if more => StateChange::Enter(HttpServerState::Parsing(None)),
            (None, true) if io.shared.draining => self.close(CloseReason::Shutdown),
            (None, true) => StateChange::Enter(HttpServerState::Reading),
        }
    }

    fn close(&mut self, reason: CloseReason) -> StateChange {
        self.close_reason = Some(reason);
        StateChange::Enter(HttpServerState::Closing)
    }

    fn want_close(&self) -> StateChange {
        StateChange::Stay(Want::Close(self.close_reason.unwrap_or(CloseReason::Finished)))
    }

    fn conn_info(&self, sent_total: u64, closing: Option<CloseReason>) -> ConnInfo<'_> {
        let tls = self.tls.as_deref();
        ConnInfo { peer: self.peer, connection: self.number, sent_total, closing, tls }
    }

    fn end_exchanges(&mut self, io: &mut ServerIo<'_>) {
        let Some(mut pipeline) = self.pipeline.take() else { return };
        let conn_info = self.conn_info(io.send_queue.sent_total(), self.close_reason);
        pipeline.end_sent(conn_info, &mut io.shared.log, io.now);
        if pipeline.is_empty() {
            io.shared.return_pipeline(pipeline);
        } else {
            self.pipeline = Some(pipeline);
        }
    }

    fn on_state_timeout(&mut self, io: &mut ServerIo<'_>) -> StateChange {
        match self.state {
            HttpServerState::Reading if self.deadlines.is_idle() => {
                let draining = io.shared.draining;
                let reason =
                    if draining { CloseReason::Shutdown } else { CloseReason::TimedOut("a request") };
                self.close(reason)
            }
            HttpServerState::Parsing(Some(_)) => self.parse(io),
            HttpServerState::Reading | HttpServerState::Parsing(_) => {
                self.reject(Reject::new(Status::REQUEST_TIMEOUT, "The request took too long to arrive."), io)
            }
            HttpServerState::Receiving(ref receiver) => {
                let error = receiver.timeout_error(&io.shared.context);
                self.refuse_request(error, io)
            }
            HttpServerState::Preparing(ref mut preparing) => {
                let response = preparing.on_timeout();
                self.respond(response, io)
            }
            HttpServerState::Writing(_) => self.on_write_timeout(io),
            HttpServerState::Closing => self.want_close(),
        }
    }

    /// Close if the peer is too slow; not if our own producer had nothing queued.
    fn on_write_timeout(&mut self, io: &ServerIo<'_>) -> StateChange {
        if io.send_queue.is_empty() {
            self.deadlines.start_write(io.now.instant);
            return StateChange::Stay(Want::Tick);
        }
        if self.deadlines.extend_write(io.now.instant) {
            return StateChange::Stay(Want::Drain);
        }
        self.close(CloseReason::TimedOut("the peer to receive the response"))
    }
}

impl Protocol for HttpServerProtocol {
    type Context = WorkerState;

    fn advance(&mut self, io: &mut ServerIo<'_>) -> Want {
        io.shared.context.now = io.now;
        self.end_exchanges(io);
        let change = self.step(io);
        self.run(change, io)
    }

    fn on_proxied(&mut self, client: SocketAddr) {
        log::info!("{} is a proxy for {client} (connection {})", self.peer, self.number);
        self.peer = client;
    }

    fn on_handshake(&mut self, outcome: HandshakeResult, worker: &mut WorkerState, now: Now) {
        let (peer, number) = (self.peer, self.number);
        match outcome {
            Ok(session) => {
                log::info!("{peer} secured by {session} (connection {number})");
                self.tls = Some(Box::new(session));
                self.deadlines = Deadlines::new(worker.context.config.idle_timeout, now.instant);
            }
            Err(error) => {
                let error = error.to_string().escape_debug().to_string();
                log::info!("{peer}: the TLS handshake failed: {error} (connection {number})");
            }
        }
    }

    fn on_input(&mut self, len: usize, worker: &mut WorkerState) {
        worker.stats.received_len += len as u64;
        worker.context.cache.mark_events_pending();
    }

    fn on_output(&mut self, len: u64, worker: &mut WorkerState) {
        worker.stats.sent_len += len;
    }

    fn on_acked(&mut self, acked_total: u64, now: Now) {
        self.deadlines.on_acked(acked_total, now.instant);
    }

    fn inactivity(&self, is_open: bool, worker: &WorkerState, now: Now) -> Option<Inactivity> {
        let (config, now) = (&worker.context.config, now.instant);
        let is_idle = is_open && matches!(self.state, HttpServerState::Reading) && self.deadlines.is_idle();
        let time = match self.state {
            _ if is_idle => self.deadlines.waited(config.idle_timeout, now),
            HttpServerState::Reading => self.deadlines.waited(config.header_timeout, now),
            HttpServerState::Receiving(_) => self.deadlines.behind(false, now),
            HttpServerState::Writing(_) => self.deadlines.behind(true, now),
            HttpServerState::Parsing(_) | HttpServerState::Preparing(_) | HttpServerState::Closing => {
                return None;
            }
        };
        Some(Inactivity { is_idle, time })
    }

    fn is_receiving_body(&self) -> bool {
        matches!(self.state, HttpServerState::Receiving(_))
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadlines.deadline)
    }

    fn on_timeout(&mut self, io: &mut ServerIo<'_>) -> Want {
        let change = self.on_state_timeout(io);
        self.run(change, io)
    }

    fn truncates_message_if_closed(&self, send_queue: &SendQueue) -> bool {
        self.pipeline
            .as_ref()
            .is_some_and(|pipeline| pipeline.truncates_message_if_closed(send_queue.sent_total()))
    }

    fn closed(&mut self, reason: CloseReason, send_queue: &SendQueue, worker: &mut WorkerState, now: Now) {
        if let Some(mut pipeline) = self.pipeline.take() {
            let conn_info = self.conn_info(send_queue.sent_total(), Some(reason));
            pipeline.end_all(conn_info, &mut worker.log, now);
            worker.return_pipeline(pipeline);
        }
        // A handshake that `close_if_idle` ends.
        let is_shutdown = worker.draining
            && matches!((&self.state, reason), (HttpServerState::Reading, CloseReason::TimedOut(_)));
        let reason = if is_shutdown { CloseReason::Shutdown } else { reason };
        worker.stats.count_closed(reason);
        log::info!("{} closed: {reason} (connection {})", self.peer, self.number);
    }
}
