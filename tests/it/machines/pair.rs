//! What drives machines without sockets: one side, a server alone with a script, and a pair of
//! client and server.
//!
//! A [`Side`] keeps the contract of the link: flush, then fill, then advance; the deadline before
//! anything else; `closed` once, at the end. Time is what the test says it is.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reactor_http::access_log::{AccessLog, LogDestination, LogStyle};
use reactor_http::client;
use reactor_http::client::connection::{BodyProgress, FetchError, ResponseHandler};
use reactor_http::files::{ContentSource, Root};
use reactor_http::http::ResponseEvent;
use reactor_http::http::{HEAD_LEN_MAX, Method};
use reactor_http::net::{CloseReason, IoOutcome, Pool, Protocol, RecvBuf, SendQueue, Transport, Want};
use reactor_http::reactor::Now;
use reactor_http::server::{self, ServerConfig, WorkerState};
use tempfile::TempDir;

use super::wire::{Pace, Pipe, Port};
use crate::harness::lay_out;

/// Steps of one turn: far beyond what one turn can need.
const STEPS_MAX: usize = 4_000_000;
/// Bytes that one turn moves in each direction, as for the link.
const TURN_LEN_MAX: usize = 256 * 1024;
/// What the clock moves from turn to turn.
const TICK: Duration = Duration::from_micros(1);

/// One machine, its two queues, and what it waits for.
pub(super) struct Side<M: Protocol> {
    pub(super) machine: M,
    pub(super) site: M::Context,
    inbox: RecvBuf,
    outbox: SendQueue,
    pool: Pool,
    want: Want,
    pub(super) ended: Option<CloseReason>,
}

impl<M: Protocol> Side<M> {
    /// A side whose first word is `want`: `Input` when it was accepted, `Tick` when it connects.
    pub(super) fn new(machine: M, site: M::Context, want: Want) -> Self {
        let (inbox, outbox, pool) = (RecvBuf::new(), SendQueue::new(), Pool::new(HEAD_LEN_MAX));
        Self { machine, site, inbox, outbox, pool, want, ended: None }
    }

    fn advance(&mut self, now: Now) {
        self.want = self.machine.advance(&mut self.inbox, &mut self.outbox, &mut self.site, now);
        let at_end = self.inbox.is_eof() && self.want == Want::Input;
        assert!(!at_end, "at the end of the input it wants more of it");
    }

    /// One turn; whether it wants another at once.
    pub(super) fn turn(&mut self, port: &mut Port<'_>, now: Now) -> bool {
        if self.ended.is_some() {
            port.incoming.take(usize::MAX);
            return false;
        }
        if self.machine.deadline().is_some_and(|deadline| deadline <= now.instant) {
            self.want = self.machine.on_timeout(&mut self.inbox, &mut self.outbox, &mut self.site, now);
        } else if self.want == Want::Tick {
            self.advance(now);
        }
        let mut budget = TURN_LEN_MAX;
        for _ in 0..STEPS_MAX {
            if let Want::Close(reason) = self.want {
                return self.close(reason, port, now);
            }
            let flushed = self.outbox.flush(port, &mut budget);
            match (self.want, flushed) {
                (_, IoOutcome::Failed(reason)) => return self.close(reason, port, now),
                (Want::Tick, _) | (_, IoOutcome::BudgetSpent) => return true,
                (Want::Drain, IoOutcome::Blocked) => return false,
                (Want::InputOrDrain, IoOutcome::Done) => self.advance(now),
                (Want::Input | Want::InputOrDrain, _) if !self.fill(port) => return false,
                _ => self.advance(now),
            }
        }
        panic!("a turn without an end: {:?}", self.want);
    }

    /// One read; whether there is something new to understand.
    fn fill(&mut self, port: &mut Port<'_>) -> bool {
        let buffer = self.inbox.spare_capacity(&mut self.pool);
        assert!(!buffer.is_empty(), "the inbox is full, and the machine wants more");
        match port.read(buffer) {
            Ok(0) => self.inbox.set_eof(),
            Ok(len) => {
                self.inbox.commit(len);
                self.machine.on_input(&mut self.site);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("a wire does not fail: {error}"),
        }
        true
    }

    fn close(&mut self, reason: CloseReason, port: &mut Port<'_>, now: Now) -> bool {
        self.machine.closed(reason, &self.outbox, &mut self.site, now);
        self.ended = Some(reason);
        port.outgoing.end();
        false
    }
}

/// A folder to serve from.
pub(super) struct Shelf(TempDir);

impl Shelf {
    pub(super) fn with(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        lay_out(directory.path(), files);
        Self(directory)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    fn server(&self, now: Now) -> Side<server::HttpServerProtocol> {
        self.server_with(ServerConfig { upload: Some(PathBuf::new()), ..ServerConfig::default() }, now)
    }

    /// A server machine with these settings.
    pub(super) fn server_with(&self, config: ServerConfig, now: Now) -> Side<server::HttpServerProtocol> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
        let machine = server::HttpServerProtocol::new(peer, 0, config.idle_timeout, now);
        let store = ContentSource::Disk(Root::open(self.path()).expect("a root"));
        let log = AccessLog::open_styled(&LogDestination::Off, LogStyle::default()).expect("no log");
        Side::new(machine, WorkerState::new(config, store, log), Want::Input)
    }
}

/// A server machine whose client is the test.
pub(super) struct Alone {
    pub(super) side: Side<server::HttpServerProtocol>,
    up: Pipe,
    down: Pipe,
    pace: Pace,
    now: Now,
}

impl Alone {
    /// A server for these files; the wire holds so many bytes that nobody has taken.
    pub(super) fn new(shelf: &Shelf, capacity: usize, pace: Pace) -> Self {
        Self::at(Now::read(), shelf, capacity, pace)
    }

    /// The same, at this time.
    pub(super) fn at(now: Now, shelf: &Shelf, capacity: usize, pace: Pace) -> Self {
        let (up, down) = (Pipe::new(usize::MAX), Pipe::new(capacity));
        Self { side: shelf.server(now), up, down, pace, now }
    }

    /// Turns until it waits.
    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            let mut port = Port { incoming: &mut self.up, outgoing: &mut self.down, pace: &mut self.pace };
            let again = self.side.turn(&mut port, self.now);
            if self.side.ended.is_none() {
                let deadline = self.side.machine.deadline().expect("no state waits for ever");
                assert!(again || deadline > self.now.instant, "it waits for what has passed");
            }
            if !again {
                return;
            }
            self.now = self.now.after(TICK);
        }
        panic!("it never rests: {:?}", self.side.machine.phase());
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.up.put(bytes.as_ref());
        self.settle();
        self
    }

    pub(super) fn finish(&mut self) -> &mut Self {
        self.up.end();
        self.settle();
        self
    }

    /// Takes up to so many bytes of what the server has sent.
    pub(super) fn take(&mut self, most: usize) -> Vec<u8> {
        let bytes = self.down.take(most);
        self.settle();
        bytes
    }

    /// Takes all there is, until no more comes.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let bytes = self.take(usize::MAX);
            if bytes.is_empty() {
                return all;
            }
            all.extend(bytes);
        }
    }

    /// Lets time go by; each deadline on the way is kept to the instant.
    pub(super) fn pass(&mut self, time: Duration) -> &mut Self {
        let until = self.now.after(time);
        while self.side.ended.is_none() {
            let Some(deadline) = self.side.machine.deadline() else { break };
            if deadline > until.instant {
                break;
            }
            self.now = self.now.after(deadline.saturating_duration_since(self.now.instant));
            self.settle();
        }
        self.now = self.now.after(until.instant.saturating_duration_since(self.now.instant));
        self.settle();
        self
    }

    /// The server begins to shut down.
    pub(super) fn drain(&mut self) -> &mut Self {
        self.side.site.drain();
        self.side.machine.close_if_idle(self.now);
        self.settle();
        self
    }

    pub(super) fn ended(&self) -> Option<CloseReason> {
        self.side.ended
    }
}

/// What a client's machine has told of its answer.
pub(super) struct Ear {
    request: Vec<u8>,
    pub(super) status: Option<u16>,
    pub(super) body: Vec<u8>,
    pub(super) outcome: Option<Result<(), FetchError>>,
}

impl Ear {
    pub(super) fn asking(request: impl Into<Vec<u8>>) -> Self {
        Self { request: request.into(), status: None, body: Vec::new(), outcome: None }
    }
}

impl ResponseHandler for Ear {
    fn on_connected(&mut self, _: Now) -> &[u8] {
        &self.request
    }

    fn awaits_continue(&self) -> bool {
        false
    }

    fn queue_body(&mut self, _: &mut SendQueue) -> BodyProgress {
        BodyProgress::Complete
    }

    fn on_early_response(&mut self) {}

    fn on_event(&mut self, piece: &ResponseEvent<'_, '_>, _: Now) -> bool {
        match piece {
            ResponseEvent::Head(head) => assert_eq!(self.status.replace(head.status), None, "one head"),
            ResponseEvent::Body(bytes) => self.body.extend_from_slice(bytes),
            ResponseEvent::Interim(_) | ResponseEvent::End => {}
        }
        true
    }

    fn on_finished(&mut self, outcome: Result<(), FetchError>, _: Now) {
        assert_eq!(self.outcome.replace(outcome), None, "an exchange ends once");
    }
}

/// A client machine that connects, with an overall deadline after so long.
pub(super) fn client(
    handler: Ear,
    now: Now,
    timeout: Duration,
) -> Side<client::connection::FetchProtocol<Ear>> {
    let deadline = Some(now.instant + timeout);
    Side::new(client::connection::FetchProtocol::new(Method::Get, None, deadline), handler, Want::Tick)
}

/// A client machine and a server machine, and a wire between them.
pub(super) struct Pair {
    pub(super) client: Side<client::connection::FetchProtocol<Ear>>,
    pub(super) server: Side<server::HttpServerProtocol>,
    up: Pipe,
    down: Pipe,
    pace: Pace,
    now: Now,
}

impl Pair {
    pub(super) fn new(shelf: &Shelf, request: &str, capacity: usize, pace: Pace) -> Self {
        let now = Now::read();
        let client = client(Ear::asking(request), now, Duration::from_secs(3600));
        let (up, down) = (Pipe::new(capacity), Pipe::new(capacity));
        Self { client, server: shelf.server(now), up, down, pace, now }
    }

    /// One turn of each side.
    pub(super) fn step(&mut self) {
        self.now = self.now.after(TICK);
        let Self { up, down, pace, now, .. } = self;
        self.client.turn(&mut Port { incoming: down, outgoing: up, pace }, *now);
        self.server.turn(&mut Port { incoming: up, outgoing: down, pace }, *now);
    }

    /// Steps until both sides have ended.
    pub(super) fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.client.ended.is_some() && self.server.ended.is_some() {
                return;
            }
            self.step();
        }
        panic!("no end: {:?} and {:?}", self.client.machine.phase(), self.server.machine.phase());
    }
}
