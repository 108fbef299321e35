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
use crate::http::{ErrorFormat, Reject, RequestBody, Status, error_format_of_rejected};
use crate::net::{CloseReason, HandshakeError, Protocol, RecvBuf, SendQueue, TlsSession, Want};
use crate::reactor::Now;
use crate::server::handlers::{Action, error_documents};
use crate::server::response::{Body, ErrorResponse, Response, StreamFraming, StreamProgress};

/// Most output and log text that a pipeline collects.
const PIPELINE_LEN_MAX: u64 = 64 * 1024;

enum StateChange {
    Stay(Want),
    Enter(HttpServerState),
}

struct StepContext<'a> {
    recv_buf: &'a mut RecvBuf,
    send_queue: &'a mut SendQueue,
    worker: &'a mut WorkerState,
    now: Now,
}

/// HTTP/1.1 protocol of one server connection.
#[derive(Debug)]
pub struct HttpServerProtocol {
    peer: SocketAddr,
    number: u64,
    pub(in crate::server) checks_host: bool,
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

    /// Current state.
    pub fn phase(&self) -> ServerPhase {
        self.state.phase()
    }

    /// Shutdown: expires the deadline if no request has begun.
    pub fn close_if_idle(&mut self, now: Now) {
        if matches!(self.state, HttpServerState::Reading) && self.deadlines.is_idle() {
            self.deadlines.expire_now(now.instant);
        }
    }

    fn enter(&mut self, next: HttpServerState, cx: &StepContext<'_>) {
        let (from, to) = (self.state.phase(), next.phase());
        log::debug!("{}: {from:?} -> {to:?}", self.peer);
        debug_assert!(TRANSITIONS.contains(&(from, to)), "{from:?} -> {to:?} is not in the table");
        self.state = next;
        let now = cx.now.instant;
        match self.state {
            HttpServerState::Reading | HttpServerState::Parsing(_) => {
                self.deadlines.start_head(has_head_bytes(cx.recv_buf), &cx.worker.context.config, now);
            }
            HttpServerState::Receiving(_) => self.deadlines.start_body(now),
            HttpServerState::Preparing(ref job) => self.deadlines.start_preparing(job.helper_timeout(), now),
            HttpServerState::Writing(_) => self.deadlines.start_write(now),
            HttpServerState::Closing => {}
        }
    }

    fn run(&mut self, cx: &mut StepContext<'_>) -> Want {
        loop {
            match self.step(cx) {
                StateChange::Stay(want) => return want,
                StateChange::Enter(next) => self.enter(next, cx),
            }
        }
    }

    fn step(&mut self, cx: &mut StepContext<'_>) -> StateChange {
        match &mut self.state {
            HttpServerState::Reading => self.read(cx),
            HttpServerState::Parsing(_) => self.parse(cx),
            HttpServerState::Receiving(receiver) => {
                let progress = receiver.receive(cx.recv_buf, cx.send_queue, &cx.worker.context);
                let (since, received_len) = (receiver.since, receiver.received_len());
                self.deadlines.extend_body(since, received_len, cx.now.instant);
                self.on_body_progress(progress, cx)
            }
            HttpServerState::Preparing(preparing) => match preparing.poll(&mut cx.worker.context, cx.now) {
                Some(response) => self.respond(response, cx),
                None if preparing.helper_timeout().is_some() => StateChange::Stay(Want::Wakeup),
                None => StateChange::Stay(Want::Tick),
            },
            HttpServerState::Writing(Some(_)) if cx.send_queue.is_empty() => self.stream_slice(cx),
            HttpServerState::Writing(Some(_)) => StateChange::Stay(Want::Drain),
            HttpServerState::Writing(None) => self.write(cx),
            HttpServerState::Closing => self.want_close(),
        }
    }

    fn read(&mut self, cx: &StepContext<'_>) -> StateChange {
        if cx.recv_buf.bytes().len() > self.head_progress.seen_len
            || (cx.recv_buf.is_eof() && has_head_bytes(cx.recv_buf))
        {
            return StateChange::Enter(HttpServerState::Parsing(None));
        }
        if cx.recv_buf.is_eof() {
            return self.close(CloseReason::PeerClosed);
        }
        StateChange::Stay(Want::Input)
    }

    /// Not inlined: the other steps are short and run more often.
    #[inline(never)]
    fn parse(&mut self, cx: &mut StepContext<'_>) -> StateChange {
        if !count_request(&mut self.tick, &mut self.tick_requests, cx.now) {
            return StateChange::Stay(Want::Tick);
        }
        let (is_tls, checks_host) = (self.tls.is_some(), self.checks_host);
        let origin = RequestOrigin { peer: self.peer, is_tls, checks_host };
        let HttpServerState::Parsing(login) = &mut self.state else { return StateChange::Stay(Want::Tick) };
        match read_request::read_request(
            cx.recv_buf.bytes(),
            &mut self.head_progress,
            &mut self.pipeline,
            cx.worker,
            ((origin, login), cx.now),
        ) {
            NextRequest::Request { len, body, expects_continue, action } => {
                cx.recv_buf.consume(len);
                self.forget_head();
                self.start_body(body, expects_continue, action, cx)
            }
            NextRequest::Incomplete => self.need_more(cx),
            NextRequest::Rejected(reject) => self.reject(&reject, cx),
            NextRequest::LoginPending(until) => {
                self.deadlines.wait_until(until);
                StateChange::Stay(Want::Wakeup)
            }
        }
    }

    fn forget_head(&mut self) {
        self.deadlines.end_head();
        self.head_progress = HeadProgress::default();
    }

    fn need_more(&mut self, cx: &mut StepContext<'_>) -> StateChange {
        self.tick_requests -= 1;
        if cx.recv_buf.is_eof() && has_head_bytes(cx.recv_buf) {
            let message = "The request ended before its head was complete.";
            return self.reject(&Reject::new(Status::BAD_REQUEST, message), cx);
        }
        self.head_progress.seen_len = cx.recv_buf.bytes().len();
        StateChange::Enter(if cx.send_queue.is_empty() {
            HttpServerState::Reading
        } else {
            HttpServerState::Writing(None)
        })
    }

    fn reject(&mut self, reject: &Reject, cx: &mut StepContext<'_>) -> StateChange {
        let bytes = cx.recv_buf.bytes();
        let line = bytes.split(|&byte| byte == b'\n').find(|line| *line != b"\r").unwrap_or_default();
        let format = error_format_of_rejected(bytes);
        let summary = RequestSummary::from_rejected(line.trim_ascii_end(), bytes);
        let pipeline = self.pipeline.get_or_insert_with(|| cx.worker.lease_pipeline());
        pipeline.begin(summary, bytes, cx.worker.log.detail(), cx.now);
        self.forget_head();
        self.close_reason = Some(CloseReason::Refused(reject.message));
        self.respond(ErrorResponse::new(reject.status, reject.message, format).into(), cx)
    }

    fn start_body(
        &mut self,
        body: RequestBody,
        expects_continue: bool,
        action: Action,
        cx: &mut StepContext<'_>,
    ) -> StateChange {
        if action.status().is_some_and(|status| is_body_rejected(body, expects_continue, status)) {
            // The body may or may not follow, so the connection ends.
            self.close_reason = Some(CloseReason::Refused("an unwanted request body"));
            let response = match action {
                Action::Respond(response) if is_redirect_or_error(response.status) => response,
                _ => {
                    let status = Status::CONTENT_TOO_LARGE;
                    ErrorResponse::new(status, UNWANTED_BODY_MESSAGE, ErrorFormat::Text).into()
                }
            };
            return self.respond(response, cx);
        }
        let action = match action {
            Action::Respond(response) if body == RequestBody::None => return self.respond(response, cx),
            action if body == RequestBody::None && !matches!(action, Action::Open(_)) => {
                return self.finish(action, cx);
            }
            action => action,
        };
        let receiver = BodyReceiver::new(body, expects_continue, action, cx.now.instant);
        StateChange::Enter(HttpServerState::Receiving(Box::new(receiver)))
    }

    fn finish(&mut self, action: Action, cx: &mut StepContext<'_>) -> StateChange {
        match action.finish(&mut cx.worker.context, cx.now) {
            Ok(response) => self.respond(response, cx),
            Err(job) => StateChange::Enter(HttpServerState::Preparing(Box::new(job))),
        }
    }

    fn on_body_progress(&mut self, progress: ReceiveProgress, cx: &mut StepContext<'_>) -> StateChange {
        match progress {
            ReceiveProgress::Complete(action) => self.finish(action, cx),
            ReceiveProgress::Failed(response, reason) => {
                self.close_reason = Some(CloseReason::Refused(reason));
                self.respond(response, cx)
            }
            ReceiveProgress::Waiting => {
                self.deadlines.start_body(cx.now.instant);
                StateChange::Stay(Want::Wakeup)
            }
            ReceiveProgress::More => StateChange::Stay(Want::Input),
        }
    }

    fn respond(&mut self, mut response: Response, cx: &mut StepContext<'_>) -> StateChange {
        if matches!(self.state, HttpServerState::Preparing(_)) {
            response = error_documents::with_page(response, &mut cx.worker.context, cx.now);
        }
        let request = self.pipeline.as_ref().and_then(|pipeline| pipeline.pending_request());
        debug_assert!(request.is_some(), "a response without a request");
        let Some(request) = request else { return StateChange::Enter(HttpServerState::Writing(None)) };
        let framing = match &mut response.body {
            Body::Stream(stream) => Some(stream.choose_framing(request.version)),
            _ => None,
        };
        if !request.keep_alive || framing == Some(StreamFraming::UntilClose) {
            self.close_reason = self.close_reason.or(Some(CloseReason::Finished));
        } else if cx.worker.draining {
            self.close_reason = self.close_reason.or(Some(CloseReason::Shutdown));
        }
        let closes = self.close_reason.is_some();
        let position = cx.send_queue.position();
        cx.worker.stats.count_response(response.status);
        let span =
            cx.worker.writer.write(cx.send_queue, &response, request, (closes, self.tls.is_some()), cx.now);
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.record_response(span, cx.send_queue, position, cx.worker.log.detail());
        }
        StateChange::Enter(HttpServerState::Writing(match response.body {
            Body::Stream(stream) if !request.head_only => Some(stream),
            _ => None,
        }))
    }

    fn stream_slice(&mut self, cx: &mut StepContext<'_>) -> StateChange {
        let HttpServerState::Writing(rest) = &mut self.state else { return StateChange::Stay(Want::Tick) };
        let scratch = &mut cx.worker.scratch;
        let progress = rest.as_mut().map(|stream| stream.write_slice(cx.send_queue, scratch));
        let progress = progress.unwrap_or(StreamProgress::Complete);
        let end = (progress == StreamProgress::Complete).then(|| cx.send_queue.queued_total());
        if let (Some(pipeline), Some(stream)) = (&mut self.pipeline, &*rest) {
            pipeline.record_stream(stream.framing_len, end);
        }
        match progress {
            StreamProgress::More => StateChange::Stay(Want::Tick),
            StreamProgress::Failed(reason) => self.close(reason),
            StreamProgress::Complete => {
                *rest = None;
                self.end_exchanges(cx);
                self.write(cx)
            }
        }
    }

    /// The next request only if little output is queued.
    fn write(&mut self, cx: &mut StepContext<'_>) -> StateChange {
        let more = cx.recv_buf.bytes().len() > self.head_progress.seen_len;
        let pipeline_len =
            cx.send_queue.len().max(self.pipeline.as_ref().map_or(0, |pipeline| pipeline.text_len()));
        match (self.close_reason, cx.send_queue.is_empty()) {
            (None, false) if more && pipeline_len < PIPELINE_LEN_MAX => {
                StateChange::Enter(HttpServerState::Parsing(None))
            }
            (_, false) => StateChange::Stay(Want::Drain),
            (Some(reason), true) => self.close(reason),
            (None, true) if more => StateChange::Enter(HttpServerState::Parsing(None)),
            (None, true) if cx.worker.draining => self.close(CloseReason::Shutdown),
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

    fn conn_info(&self, closing: Option<CloseReason>) -> ConnInfo<'_> {
        ConnInfo { peer: self.peer, connection: self.number, closing, tls: self.tls.as_deref() }
    }

    fn end_exchanges(&mut self, cx: &mut StepContext<'_>) {
        let Some(mut pipeline) = self.pipeline.take() else { return };
        let conn_info = self.conn_info(self.close_reason);
        pipeline.end_sent(cx.send_queue.sent_total(), conn_info, &mut cx.worker.log, cx.now);
        if pipeline.is_empty() {
            cx.worker.return_pipeline(pipeline);
        } else {
            self.pipeline = Some(pipeline);
        }
    }

    fn on_state_timeout(&mut self, cx: &mut StepContext<'_>) -> StateChange {
        match self.state {
            HttpServerState::Reading if self.deadlines.is_idle() => {
                let reason = if cx.worker.draining {
                    CloseReason::Shutdown
                } else {
                    CloseReason::TimedOut("a request")
                };
                self.close(reason)
            }
            HttpServerState::Parsing(Some(_)) => self.parse(cx),
            HttpServerState::Reading | HttpServerState::Parsing(_) => {
                self.reject(&Reject::new(Status::REQUEST_TIMEOUT, "The request took too long to arrive."), cx)
            }
            HttpServerState::Receiving(ref receiver) => {
                let error = receiver.timeout_error(&cx.worker.context);
                self.close_reason = Some(CloseReason::Refused(error.message));
                self.respond(error.into(), cx)
            }
            HttpServerState::Preparing(ref mut preparing) => {
                let response = preparing.on_timeout();
                self.respond(response, cx)
            }
            HttpServerState::Writing(_) => self.on_write_timeout(cx),
            HttpServerState::Closing => self.want_close(),
        }
    }

    /// Close if the peer is too slow; not if our own producer had nothing queued.
    fn on_write_timeout(&mut self, cx: &StepContext<'_>) -> StateChange {
        if cx.send_queue.is_empty() {
            self.deadlines.start_write(cx.now.instant);
            return StateChange::Stay(Want::Tick);
        }
        if self.deadlines.extend_write(cx.now.instant) {
            return StateChange::Stay(Want::Drain);
        }
        self.close(CloseReason::TimedOut("the peer to receive the response"))
    }
}

impl Protocol for HttpServerProtocol {
    type Context = WorkerState;

    fn advance(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        worker: &mut WorkerState,
        now: Now,
    ) -> Want {
        let mut cx = StepContext { recv_buf, send_queue, worker, now };
        self.end_exchanges(&mut cx);
        self.run(&mut cx)
    }

    fn on_proxied(&mut self, client: SocketAddr) {
        log::info!("{} is a proxy for {client} (connection {})", self.peer, self.number);
        self.peer = client;
    }

    fn on_handshake(
        &mut self,
        outcome: Result<TlsSession, HandshakeError>,
        worker: &mut WorkerState,
        now: Now,
    ) {
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

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadlines.deadline())
    }

    fn on_timeout(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        worker: &mut WorkerState,
        now: Now,
    ) -> Want {
        let mut cx = StepContext { recv_buf, send_queue, worker, now };
        match self.on_state_timeout(&mut cx) {
            StateChange::Stay(want) => want,
            StateChange::Enter(next) => {
                self.enter(next, &cx);
                self.run(&mut cx)
            }
        }
    }

    fn truncates_message_if_closed(&self, send_queue: &SendQueue) -> bool {
        self.pipeline
            .as_ref()
            .is_some_and(|pipeline| pipeline.truncates_message_if_closed(send_queue.sent_total()))
    }

    fn closed(&mut self, reason: CloseReason, send_queue: &SendQueue, worker: &mut WorkerState, now: Now) {
        if let Some(mut pipeline) = self.pipeline.take() {
            pipeline.end_all(send_queue.sent_total(), self.conn_info(Some(reason)), &mut worker.log, now);
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
