//! What drives protocols without sockets: one side, a server alone with a script, and a pair of
//! client and server.
//!
//! A [`Side`] is a connection as the server and the client have it, over a wire. Time is what the test says
//! it is.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reactor_http::access_log::{AccessLog, LogDestination, LogStyle};
use reactor_http::client;
use reactor_http::client::connection::{BodyProgress, FetchError, ResponseHandler};
use reactor_http::files::{ContentSource, Root};
use reactor_http::http::ResponseEvent;
use reactor_http::http::{HEAD_LEN_MAX, Method};
use reactor_http::net::{
    CloseReason, Connection, HandshakeResult, Io, Pool, Protocol, SendQueue, Tick, Want,
};
use reactor_http::reactor::{Next, Now, Readiness};
use reactor_http::server::{self, CacheMode, ServerConfig, WorkerState};
use tempfile::TempDir;

use super::secure::{Line, Peer};
use super::wire::{Pace, Pipe, Port, Wire};
use crate::harness::lay_out;

/// Steps of one turn: far beyond what one turn can need.
const STEPS_MAX: usize = 4_000_000;
/// What the clock moves from turn to turn.
const TICK: Duration = Duration::from_micros(1);

/// A protocol that notes how its connection ended, and asserts the contract.
struct Observed<M> {
    protocol: M,
    ended: Option<CloseReason>,
    is_secured: bool,
}

impl<M: Protocol> Protocol for Observed<M> {
    type Context = M::Context;

    fn advance(&mut self, io: &mut Io<'_, M::Context>) -> Want {
        let want = self.protocol.advance(io);
        let at_end = io.recv_buf.is_eof() && want == Want::Input;
        assert!(!at_end, "at the end of the input it wants more of it");
        want
    }

    fn on_handshake(&mut self, outcome: HandshakeResult, context: &mut M::Context, now: Now) {
        self.is_secured = outcome.is_ok();
        self.protocol.on_handshake(outcome, context, now);
    }

    fn on_input(&mut self, len: usize, context: &mut M::Context) {
        self.protocol.on_input(len, context);
    }

    fn on_output(&mut self, len: u64, context: &mut M::Context) {
        self.protocol.on_output(len, context);
    }

    fn on_acked(&mut self, acked_total: u64, now: Now) {
        self.protocol.on_acked(acked_total, now);
    }

    fn deadline(&self) -> Option<Instant> {
        self.protocol.deadline()
    }

    fn on_timeout(&mut self, io: &mut Io<'_, M::Context>) -> Want {
        self.protocol.on_timeout(io)
    }

    fn truncates_message_if_closed(&self, send_queue: &SendQueue) -> bool {
        self.protocol.truncates_message_if_closed(send_queue)
    }

    fn closed(&mut self, reason: CloseReason, send_queue: &SendQueue, context: &mut M::Context, now: Now) {
        assert_eq!(self.ended.replace(reason), None, "a connection ends once");
        self.protocol.closed(reason, send_queue, context, now);
    }
}

/// One connection over a wire, pumped by hand.
pub(super) struct Side<M: Protocol> {
    connection: Connection<Observed<M>, Line>,
    connects: bool,
    wire: Wire,
    pub(super) context: M::Context,
    pool: Pool,
    pub(super) ended: Option<CloseReason>,
    /// The reactor would have dropped the connection.
    closed: bool,
}

impl<M: Protocol> Side<M> {
    /// A side whose first word is `want`: `Input` when it was accepted, `Tick` when it connects.
    pub(super) fn new(protocol: M, context: M::Context, want: Want) -> Self {
        let (wire, pool) = (Wire::new(), Pool::new(HEAD_LEN_MAX, None));
        let connects = want == Want::Tick;
        let observed = Observed { protocol, ended: None, is_secured: false };
        let mut connection = Connection::accepted(Line::new(wire.clone(), connects), observed);
        if connects {
            connection.wake();
        }
        Self { connection, connects, wire, context, pool, ended: None, closed: false }
    }

    pub(super) fn protocol(&mut self) -> &mut M {
        &mut self.connection.protocol_mut().protocol
    }

    /// One turn; whether it wants another at once.
    pub(super) fn turn(&mut self, port: &mut Port<'_>, now: Now) -> bool {
        if self.closed {
            port.incoming.take(usize::MAX);
            return false;
        }
        port.swap(&self.wire);
        let ready = &mut Readiness::assume_ready();
        self.connection.read_ahead(Tick::new(ready, &mut self.context, &mut self.pool, now));
        let next = self.connection.pump(Tick::new(ready, &mut self.context, &mut self.pool, now));
        port.swap(&self.wire);
        let is_secured = mem::take(&mut self.connection.protocol_mut().is_secured);
        if is_secured && self.connects && next != Next::Close {
            self.connection.wake();
            return true;
        }
        self.ended = self.connection.protocol_mut().ended;
        self.closed = next == Next::Close;
        if self.closed {
            port.outgoing.end();
        }
        next == Next::Again
    }
}

/// A folder to serve from.
pub(super) struct ServedDirectory(TempDir);

impl ServedDirectory {
    pub(super) fn with(files: &[(&str, &[u8])]) -> Self {
        Self::of(tempfile::tempdir(), files)
    }

    /// Apart from other tests: a change beside it makes the server look at its root once more.
    pub(super) fn apart(files: &[(&str, &[u8])]) -> Self {
        Self::of(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")), files)
    }

    fn of(directory: std::io::Result<TempDir>, files: &[(&str, &[u8])]) -> Self {
        let directory = directory.expect("a temporary folder");
        lay_out(directory.path(), files);
        Self(directory)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Unwatched: the kernel takes 10 ms and more to close an inotify instance with watches, and thousands of
    /// servers are made. The tests of freshness have their own.
    fn server(&self, now: Now) -> Side<server::HttpServerProtocol> {
        let (upload, cache) = (Some(PathBuf::new()), CacheMode::Stat);
        self.server_with(ServerConfig { upload, cache, ..ServerConfig::default() }, now)
    }

    /// A server protocol with these settings.
    pub(super) fn server_with(&self, config: ServerConfig, now: Now) -> Side<server::HttpServerProtocol> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
        let protocol = server::HttpServerProtocol::new(peer, 0, config.idle_timeout, now);
        let store = ContentSource::disk(Root::open(self.path()).expect("a root"));
        let log = AccessLog::open_styled(&LogDestination::Off, LogStyle::default()).expect("no log");
        Side::new(protocol, WorkerState::new(config, store, log, now), Want::Input)
    }
}

/// A server protocol whose client is the test.
pub(super) struct Alone {
    pub(super) side: Side<server::HttpServerProtocol>,
    peer: Peer,
    up: Pipe,
    down: Pipe,
    pace: Pace,
    now: Now,
}

impl Alone {
    /// A server for these files; the wire holds so many bytes that nobody has taken.
    pub(super) fn new(directory: &ServedDirectory, capacity: usize, pace: Pace) -> Self {
        Self::at(Now::read(), directory, capacity, pace)
    }

    /// The same, at this time.
    pub(super) fn at(now: Now, directory: &ServedDirectory, capacity: usize, pace: Pace) -> Self {
        Self::made(now, directory, capacity, pace, usize::MAX)
    }

    /// A client that sends so many bytes at most, the handshake included.
    #[cfg(feature = "tls")]
    pub(super) fn limited(directory: &ServedDirectory, pace: Pace, left: usize) -> Self {
        Self::made(Now::read(), directory, usize::MAX, pace, left)
    }

    fn made(now: Now, directory: &ServedDirectory, capacity: usize, pace: Pace, left: usize) -> Self {
        let (up, down) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX));
        let mut alone = Self { side: directory.server(now), peer: Peer::new(left), up, down, pace, now };
        alone.complete_handshake();
        alone.down.set_capacity(capacity);
        alone
    }

    fn complete_handshake(&mut self) {
        if !self.peer.has_tls() {
            return;
        }
        for _ in 0..STEPS_MAX {
            let is_handshaking = self.is_handshaking();
            self.peer.send(&[], &mut self.up);
            self.settle();
            let bytes = self.down.take(usize::MAX);
            self.peer.receive(&bytes, &mut self.up);
            if !is_handshaking {
                return;
            }
        }
        panic!("the handshake never ends");
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.peer.is_handshaking()
    }

    /// Turns until it waits.
    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            let mut port = Port { incoming: &mut self.up, outgoing: &mut self.down, pace: &mut self.pace };
            let again = self.side.turn(&mut port, self.now);
            if self.side.ended.is_none() {
                let deadline = self.side.protocol().deadline().expect("no state waits for ever");
                assert!(again || deadline > self.now.instant, "it waits for what has passed");
            }
            if !again {
                return;
            }
            self.now = self.now.after(TICK);
        }
        panic!("it never rests: {:?}", self.side.protocol().phase());
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.peer.send(bytes.as_ref(), &mut self.up);
        self.settle();
        self
    }

    pub(super) fn finish(&mut self) -> &mut Self {
        self.peer.notify_close(&mut self.up);
        self.up.end();
        self.settle();
        self
    }

    /// Takes up to so many bytes of what the server has sent.
    pub(super) fn take(&mut self, most: usize) -> Vec<u8> {
        loop {
            let bytes = self.down.take(most.saturating_sub(self.peer.received.len()));
            self.peer.receive(&bytes, &mut self.up);
            self.settle();
            let is_all = bytes.is_empty() || !self.peer.has_tls();
            let received = &mut self.peer.received;
            if is_all || received.len() >= most {
                return received.drain(..most.min(received.len())).collect();
            }
        }
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
            let Some(deadline) = self.side.protocol().deadline() else { break };
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
        self.side.context.drain();
        self.side.protocol().close_if_idle(self.now);
        self.settle();
        self
    }

    pub(super) fn ended(&self) -> Option<CloseReason> {
        self.side.ended
    }
}

/// What a client's protocol has told of its answer.
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

    fn on_event(&mut self, piece: &ResponseEvent<'_>, _: Now) -> bool {
        match piece {
            ResponseEvent::Head(head) => assert_eq!(self.status.replace(head.status), None, "one head"),
            ResponseEvent::Body(bytes) => self.body.extend_from_slice(bytes),
            ResponseEvent::Interim(_) | ResponseEvent::End => {}
        }
        true
    }

    fn on_finished(&mut self, outcome: Result<(), FetchError>, _: bool, _: Now) -> bool {
        assert_eq!(self.outcome.replace(outcome), None, "an exchange ends once");
        false
    }
}

/// A client protocol that connects, with an overall deadline after so long.
pub(super) fn client(
    handler: Ear,
    now: Now,
    timeout: Duration,
) -> Side<client::connection::FetchProtocol<Ear>> {
    let deadline = Some(now.instant + timeout);
    Side::new(client::connection::FetchProtocol::new(Method::Get, None, deadline), handler, Want::Tick)
}

/// A client protocol and a server protocol, and a wire between them.
pub(super) struct Pair {
    pub(super) client: Side<client::connection::FetchProtocol<Ear>>,
    pub(super) server: Side<server::HttpServerProtocol>,
    up: Pipe,
    down: Pipe,
    pace: Pace,
    now: Now,
}

impl Pair {
    pub(super) fn new(directory: &ServedDirectory, request: &str, capacity: usize, pace: Pace) -> Self {
        let now = Now::read();
        let client = client(Ear::asking(request), now, Duration::from_secs(3600));
        let (up, down) = (Pipe::new(capacity), Pipe::new(capacity));
        Self { client, server: directory.server(now), up, down, pace, now }
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
        panic!("no end: {:?} and {:?}", self.client.protocol().phase(), self.server.protocol().phase());
    }
}
