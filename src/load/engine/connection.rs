//! State machine of a load generator connection.
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`Connecting`](LoadPhase::Connecting) | the connection | Idle · AwaitingFirstByte · gone, if the connect fails |
//! | [`Idle`](LoadPhase::Idle) | a due request or EOF | AwaitingFirstByte · Closing |
//! | [`AwaitingFirstByte`](LoadPhase::AwaitingFirstByte) | the first byte of a response | Receiving · Idle · Closing |
//! | [`Receiving`](LoadPhase::Receiving) | the rest of the response | AwaitingFirstByte · Idle · Closing |
//! | [`Closing`](LoadPhase::Closing) | nothing: `net` closes the connection | gone |
//!
//! Each request's result goes to [`ThreadRun`] exactly once. When a connection breaks, its oldest request
//! fails. Requests pipelined behind it are sent again on the next connection (RFC 9112 section 9.3.2). It
//! owns no socket and allocates nothing after the start.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Instant;

use super::scheduler::InFlightRequest;
use super::thread_run::{ConnPolicy, ThreadRun};
use crate::http::ResponseReader;
use crate::load::stats::failure::LoadFailure;
use crate::net::{CloseReason, HandshakeError, Io, Protocol, RecvBuf, SendQueue, TlsSession, Want};
use crate::reactor::Now;

/// Connection state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadPhase {
    /// Connect under way.
    Connecting,
    /// Nothing in flight.
    Idle,
    /// Response awaited.
    AwaitingFirstByte,
    /// Response begun.
    Receiving,
    /// Close pending.
    Closing,
}

/// All transitions, asserted by [`LoadProtocol`].
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

/// Connection protocol.
#[derive(Debug)]
pub struct LoadProtocol {
    phase: LoadPhase,
    pub(super) slot_index: usize,
    policy: ConnPolicy,
    /// Oldest first.
    asked: VecDeque<InFlightRequest>,
    requests_left: u64,
    reader: ResponseReader,
    first_byte_at: Option<Instant>,
    has_received_response: bool,
    connect_started_at: Instant,
    tcp_connected_at: Option<Instant>,
    handshake_failure: Option<LoadFailure>,
    free_since: Instant,
}

impl LoadProtocol {
    pub(super) fn new(slot_index: usize, policy: ConnPolicy, at: Instant) -> Self {
        Self {
            phase: LoadPhase::Connecting,
            slot_index,
            policy,
            asked: VecDeque::with_capacity(policy.pipeline),
            requests_left: policy.requests_max,
            reader: ResponseReader::new(policy.method),
            first_byte_at: None,
            has_received_response: false,
            connect_started_at: at,
            tcp_connected_at: None,
            handshake_failure: None,
            free_since: at,
        }
    }

    pub(super) fn can_send(&self) -> bool {
        let is_open = !matches!(self.phase, LoadPhase::Connecting | LoadPhase::Closing);
        is_open && self.is_within_limits()
    }

    fn is_within_limits(&self) -> bool {
        self.requests_left > 0 && self.asked.len() < self.policy.pipeline
    }

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

    fn fail_oldest(&mut self, failure: LoadFailure, run: &mut ThreadRun, at: Instant) {
        if let Some(request) = self.asked.pop_front() {
            run.failed(request, failure, at);
        }
        self.requeue_in_flight(run);
    }

    fn requeue_in_flight(&mut self, run: &mut ThreadRun) {
        for request in self.asked.drain(..) {
            run.slots.strand(self.slot_index, request);
        }
    }

    fn reject_response(&mut self, failure: LoadFailure, run: &mut ThreadRun, at: Instant) -> Want {
        self.fail_oldest(failure, run, at);
        self.close(CloseReason::Refused(failure.describe()))
    }

    fn ask(&mut self, send_queue: &mut SendQueue, run: &mut ThreadRun, at: Instant) -> Want {
        while self.is_within_limits() {
            let request =
                run.ask(self.slot_index, self.free_since, at, |render| send_queue.push_with(render));
            let Some(request) = request else { break };
            self.requests_left -= 1;
            self.asked.push_back(request);
        }
        self.enter(match (self.asked.is_empty(), self.first_byte_at) {
            (true, _) => LoadPhase::Idle,
            (false, None) => LoadPhase::AwaitingFirstByte,
            (false, Some(_)) => LoadPhase::Receiving,
        });
        Want::Input
    }

    fn read(&mut self, recv_buf: &mut RecvBuf, run: &mut ThreadRun, at: Instant) -> Option<Want> {
        while !self.asked.is_empty() {
            if !recv_buf.is_empty() {
                self.first_byte_at.get_or_insert(at);
                run.last_byte = at;
            }
            let (len, is_whole) = match self.reader.check(recv_buf.bytes(), &mut run.last_head) {
                Ok(checked) => checked,
                Err(error) => {
                    // Bytes that do not begin a response, after a complete one, are excess body: the next
                    // request was already sent.
                    let is_excess = self.has_received_response && !recv_buf.bytes().starts_with(b"HTTP/");
                    let failure = match error.into() {
                        LoadFailure::BadHead if is_excess => LoadFailure::TooLong,
                        failure => failure,
                    };
                    return Some(self.reject_response(failure, run, at));
                }
            };
            recv_buf.consume(len);
            if !is_whole && !recv_buf.is_eof() {
                return None;
            }
            if !is_whole && let Err(error) = self.reader.end_of_input() {
                return Some(self.reject_response(error.into(), run, at));
            }
            if let Some(want) = self.finish_response(recv_buf, run, at) {
                return Some(want);
            }
        }
        match (recv_buf.is_eof(), recv_buf.is_empty()) {
            (true, true) => Some(self.close(CloseReason::PeerClosed)),
            (_, false) => {
                run.on_unsolicited_bytes(at);
                Some(self.close(CloseReason::Refused("unsolicited bytes")))
            }
            (false, true) => None,
        }
    }

    fn finish_response(&mut self, recv_buf: &RecvBuf, run: &mut ThreadRun, at: Instant) -> Option<Want> {
        if self.asked.len() == self.policy.pipeline {
            self.free_since = at;
        }
        let request = self.asked.pop_front()?;
        if self.asked.is_empty() && !recv_buf.is_empty() {
            run.failed(request, LoadFailure::TooLong, at);
            return Some(self.close(CloseReason::Refused(LoadFailure::TooLong.describe())));
        }
        run.answered(request, &self.reader, self.first_byte_at.take().unwrap_or(at), at);
        self.has_received_response = true;
        let is_last = !self.reader.keep_alive || (self.requests_left == 0 && self.asked.is_empty());
        if is_last {
            // The server announced the close (RFC 9112 section 9.6): no request failed.
            self.requeue_in_flight(run);
            return Some(self.close(CloseReason::Finished));
        }
        self.reader = ResponseReader::new(self.policy.method);
        None
    }
}

impl Protocol for LoadProtocol {
    type Context = ThreadRun;

    fn advance(&mut self, io: &mut Io<'_, ThreadRun>) -> Want {
        let Io { recv_buf, send_queue, shared: run, now } = io;
        // Read after input and before output: no latency is too short.
        let at = run.clock.at(*now);
        if self.phase == LoadPhase::Connecting {
            let connected_at = self.tcp_connected_at.unwrap_or(at);
            let took = connected_at.saturating_duration_since(self.connect_started_at);
            run.on_connected(self.slot_index, took, at);
            self.free_since = at;
        } else if let Some(want) = self.read(recv_buf, run, at) {
            return want;
        }
        self.ask(send_queue, run, at)
    }

    fn on_connected(&mut self, run: &mut ThreadRun, now: Now) {
        self.tcp_connected_at = Some(run.clock.at(now));
    }

    fn on_handshake(&mut self, outcome: Result<TlsSession, HandshakeError>, run: &mut ThreadRun, now: Now) {
        match outcome {
            Ok(session) => {
                let metrics = &mut run.metrics;
                let times = if session.is_resumed { &mut metrics.tls_resumed } else { &mut metrics.tls_full };
                let at = run.clock.at(now);
                times.record(at.saturating_duration_since(self.tcp_connected_at.unwrap_or(at)));
            }
            Err(error) => {
                log::info!("the TLS handshake failed: {}", error.to_string().escape_debug());
                self.handshake_failure = Some(match error {
                    HandshakeError::Certificate(_) => LoadFailure::CertificateRefused,
                    _ => LoadFailure::HandshakeFailed,
                });
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let since = match self.phase {
            LoadPhase::Connecting => Some(self.connect_started_at),
            LoadPhase::Idle | LoadPhase::Closing => None,
            LoadPhase::AwaitingFirstByte | LoadPhase::Receiving => {
                self.asked.front().map(|request| request.sent)
            }
        };
        since.map(|since| since + self.policy.timeout)
    }

    fn on_timeout(&mut self, Io { shared: run, now, .. }: &mut Io<'_, ThreadRun>) -> Want {
        if self.phase == LoadPhase::Connecting {
            // The connect succeeded too late.
            return Want::Close(CloseReason::ConnectFailed(ErrorKind::TimedOut));
        }
        let at = run.clock.at(*now);
        for request in self.asked.drain(..) {
            if request.sent + self.policy.timeout <= at {
                run.failed(request, LoadFailure::TimedOut, at);
            } else {
                run.slots.strand(self.slot_index, request);
            }
        }
        self.close(CloseReason::TimedOut("a response"))
    }

    fn closed(&mut self, reason: CloseReason, _: &SendQueue, run: &mut ThreadRun, now: Now) {
        let at = run.clock.at(now);
        log::debug!("closed: {reason}");
        let is_connecting = self.phase == LoadPhase::Connecting;
        match reason {
            CloseReason::Shutdown => {
                for request in self.asked.drain(..) {
                    run.on_unfinished(request, at);
                }
            }
            CloseReason::HandshakeFailed | CloseReason::TimedOut(_) if is_connecting => {
                let failure = self.handshake_failure.unwrap_or(LoadFailure::ConnectTimedOut);
                return run.on_connect_failed(self.slot_index, failure, at);
            }
            CloseReason::ConnectFailed(kind) => {
                return run.on_connect_failed(self.slot_index, connect_failure(kind, None), at);
            }
            _ => self.fail_oldest(connection_failure(reason, self.first_byte_at.is_some()), run, at),
        }
        if !is_connecting {
            let was_used = self.requests_left < self.policy.requests_max;
            run.left(self.slot_index, self.connect_started_at, was_used, at);
        }
    }
}

/// `errno` decides where `kind` is ambiguous.
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

fn connection_failure(reason: CloseReason, has_begun: bool) -> LoadFailure {
    match reason {
        CloseReason::Failed(ErrorKind::BrokenPipe | ErrorKind::WriteZero) => LoadFailure::SendFailed,
        CloseReason::Failed(ErrorKind::TimedOut) => LoadFailure::TimedOut,
        CloseReason::Failed(_) => LoadFailure::Reset,
        CloseReason::Refused(_) => LoadFailure::BadHead,
        _ if has_begun => LoadFailure::Truncated,
        _ => LoadFailure::ClosedEarly,
    }
}

#[cfg(test)]
mod tests;
