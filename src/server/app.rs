//! Application of the server's reactor.
//!
//! It implements no protocol.

use std::any::Any;
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};

use super::handlers::sweep;
use super::rules::is_trusted;
use super::shared::{Shared, WorkerId};
use super::{HttpServerProtocol, ServerConfig, ServerConnection, WorkerState};
use crate::access_log::{ConsoleLog, Diagnostics, LogDestination};
use crate::http::HEAD_LEN_MAX;
use crate::net::{CloseReason, Connection, Pool, Stream, Tick, Transport};
use crate::reactor::{App, Control, Key, ListenerId, Next, Now, Readiness};
use crate::sum::SumState;
use crate::text::units::bytes;

/// Signals that are always watched. The default action of SIGXFSZ ends the process.
const SIGNALS: [i32; 5] = [SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ];

/// SIGHUP only if it can reload a file: else it ends the server, as it does any program whose terminal closes.
pub(super) fn signals(config: &ServerConfig) -> Vec<i32> {
    let mut signals = SIGNALS.to_vec();
    if config.tls.is_some()
        || config.auth.as_ref().is_some_and(|auth| auth.file.is_some())
        || matches!(config.access_log, LogDestination::File(_))
    {
        signals.push(SIGHUP);
    }
    signals
}

/// Time between two looks at certificates and passwords.
const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two sweeps of unfinished uploads, at most; else a quarter of the time that they are kept.
const SWEEP_INTERVAL_MAX: Duration = Duration::from_secs(600);
const SWEEP_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Time between two looks whether memory is still short: helpers and other workers free some, too.
const MEMORY_CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Application of the server's reactor.
pub struct ServerApp {
    worker: WorkerState,
    pool: Pool,
    grace_deadline: Option<Instant>,
    pub(super) stopped_by: Option<i32>,
    sum: SumState,
    pub(super) console: Option<ConsoleLog>,
    worker_id: WorkerId,
    pub(super) control_messages: Option<Receiver<ControlMessage>>,
    accepted_total: u64,
    next_file_check: Option<Instant>,
    next_sweep: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlMessage {
    ReopenLog,
    ReportStats,
    /// Immediate if repeated; the signal is the cause, if any.
    ShutDown(Option<i32>),
}

impl ControlMessage {
    pub(super) fn from_signal(signal: i32) -> Option<Self> {
        match signal {
            SIGHUP | SIGUSR1 => Some(Self::ReopenLog),
            SIGUSR2 => Some(Self::ReportStats),
            // The write beyond the size limit has failed; the log handles the error.
            SIGXFSZ => None,
            _ => Some(Self::ShutDown(Some(signal))),
        }
    }
}

impl ServerApp {
    pub(super) fn new(worker: WorkerState, sum: SumState, worker_id: WorkerId) -> Self {
        let shared = &worker.context.shared;
        let mut pool = Pool::new(HEAD_LEN_MAX, shared.memory);
        shared.bandwidth.iter().for_each(|bandwidth| pool.limit_bandwidth(Arc::clone(bandwidth)));
        Self {
            pool,
            grace_deadline: None,
            stopped_by: None,
            sum,
            console: None,
            worker_id,
            control_messages: None,
            accepted_total: 0,
            next_file_check: None,
            next_sweep: None,
            worker,
        }
    }

    fn shut_down(&mut self, control: &mut Control<ServerConnection>, signal: Option<i32>, now: Now) {
        if self.grace_deadline.is_some() {
            self.stopped_by = signal;
            control.stop = true;
            return;
        }
        let grace = self.worker.context.config.grace;
        log::info!(
            "shutting down: {} connections have {} ms to finish",
            control.connections,
            grace.as_millis()
        );
        self.grace_deadline = Some(now.instant + grace);
        self.worker.drain();
        self.sum.draining = true;
        control.stop_listening = true;
        control.wakes_all = true;
    }

    fn report_stats(&self) {
        let context = &self.worker.context;
        let mut stats = self.worker.stats;
        stats.lookups = context.cache.lookups;
        if let Some(sum) = context.shared.report(self.worker_id, stats) {
            Diagnostics::say(&format!("reactor-server: {sum}"));
        }
    }

    fn apply(&mut self, message: ControlMessage, control: &mut Control<ServerConnection>, now: Now) {
        match message {
            ControlMessage::ReopenLog => {
                self.worker.log.reopen();
                self.reload_files(true, now);
            }
            ControlMessage::ReportStats => self.report_stats(),
            ControlMessage::ShutDown(signal) => self.shut_down(control, signal, now),
        }
    }

    /// One worker looks for all. Returns the next time.
    fn reload_files(&mut self, is_asked: bool, now: Now) -> Option<Instant> {
        let Shared { tls, authenticator, .. } = &*self.worker.context.shared;
        if self.worker_id.index > 0 || (tls.is_none() && authenticator.is_none()) {
            return None;
        }
        if is_asked || self.next_file_check.is_none_or(|next| next <= now.instant) {
            self.next_file_check = Some(now.instant + FILE_CHECK_INTERVAL);
            tls.iter().for_each(|tls| tls.reload(is_asked, now));
            authenticator.iter().for_each(|authenticator| authenticator.reload(is_asked));
        }
        self.next_file_check
    }

    fn sweep_uploads(&mut self, now: Now) -> Option<Instant> {
        let config = &self.worker.context.config;
        if self.worker_id.index != 0 || config.upload.is_none() {
            return None;
        }
        if self.next_sweep.is_none_or(|next| next <= now.instant) {
            let interval = (config.resumable_for / 4).clamp(SWEEP_INTERVAL_MIN, SWEEP_INTERVAL_MAX);
            self.next_sweep = Some(now.instant + interval);
            sweep(&self.worker.context);
        }
        self.next_sweep
    }

    #[cold]
    fn watch_memory(&mut self, control: &mut Control<ServerConnection>, now: Now) -> Option<Instant> {
        let is_short = self.pool.check_memory();
        control.is_short = is_short;
        if !is_short {
            control.wakes_all = true;
        } else if self.worker.context.shared.is_new_shortage(now.instant) {
            let limit = bytes(self.worker.context.config.memory_max.unwrap_or_default() as f64);
            log::warn!(
                "more than {limit} of memory are in use, the limit of --memory: reading pauses, and inactive \
                 connections are closed"
            );
        }
        is_short.then(|| now.instant + MEMORY_CHECK_INTERVAL)
    }

    /// Without a supervisor, a wake-up means shutdown.
    fn take_control_messages(&self) -> Vec<ControlMessage> {
        match &self.control_messages {
            Some(messages) => messages.try_iter().collect(),
            None => vec![ControlMessage::ShutDown(None)],
        }
    }

    fn has_jobs(&self) -> bool {
        self.worker.context.helpers.as_ref().is_some_and(|helpers| helpers.pending() > 0)
    }

    fn poll_sum(&mut self, control: &mut Control<ServerConnection>, now: Now) -> Option<Instant> {
        let lines = std::mem::take(&mut self.sum.output_lines);
        let deadline = self.console.as_mut().and_then(|console| {
            lines.iter().for_each(|line| console.print_line(line, now.instant));
            console.tick(now.instant)
        });
        if let Some(listeners) = self.sum.take_ended_listeners() {
            log::info!("the number exchange ended: its listeners are closed");
            control.closing_listeners.extend(listeners);
            if !self.worker.context.config.http && self.grace_deadline.is_none() {
                self.shut_down(control, None, now);
            }
        }
        deadline
    }
}

impl App for ServerApp {
    type Conn = ServerConnection;

    fn accepted(
        &mut self,
        listener: ListenerId,
        stream: TcpStream,
        peer: SocketAddr,
        now: Now,
    ) -> Option<ServerConnection> {
        self.accepted_total += 1;
        self.pool.on_kept();
        let number = self.worker_id.connection_number(self.accepted_total);
        log::info!("{peer} connected (connection {number})");
        if self.sum.has_listener(listener) {
            return self.sum.accepted(stream, peer, now).map(ServerConnection::Sum);
        }
        self.worker.stats.accepted += 1;
        let context = &self.worker.context;
        let config = &context.config;
        let stream: Stream = match &context.shared.tls {
            Some(tls) if context.shared.tls_listeners.contains(&listener) => tls.accept(stream)?,
            _ => stream.into(),
        };
        let is_proxy = is_trusted(&config.trusted_proxies, peer);
        // They have the time of a head.
        let is_head_due = is_proxy || stream.needs_handshake();
        let timeout = if is_head_due { config.header_timeout } else { config.idle_timeout };
        let is_loopback = context.loopback_listeners.get(listener).is_some_and(|&is| is);
        let mut conn = HttpServerProtocol::new(peer, number, timeout, now);
        conn.checks_host = config.checks_host(is_loopback);
        if !is_proxy {
            let count = context.shared.count_address(peer.ip());
            let is_limited = config.connections_per_ip_max.is_some() || !is_loopback;
            // One more clone is in the table.
            let is_over = |max| Arc::strong_count(&count) > max + 1;
            if is_limited && context.shared.connections_per_ip_max.is_some_and(is_over) {
                conn.refuse();
            }
            conn.address_count = Some(count);
        }
        let connection = if is_proxy { Connection::proxied } else { Connection::accepted };
        Some(ServerConnection::Http(connection(stream, conn)))
    }

    fn on_readable(&mut self, conn: &mut ServerConnection, ready: &mut Readiness, now: Now) {
        // While draining, `drive` must see unread input: it closes idle connections.
        if let ServerConnection::Http(connection) = conn
            && !self.worker.draining
        {
            connection.read_ahead(Tick::new(ready, &mut self.worker, &mut self.pool, now));
        }
    }

    fn drive(&mut self, key: Key, conn: &mut ServerConnection, ready: &mut Readiness, now: Now) -> Next {
        self.worker.context.key = Some(key);
        // Unread input still gets a response.
        let close_idle = self.worker.draining && !ready.is_readable();
        match conn {
            ServerConnection::Http(connection) => {
                if close_idle {
                    connection.protocol_mut().close_if_idle(now);
                }
                let next = connection.pump(Tick::new(ready, &mut self.worker, &mut self.pool, now));
                self.pool.after_tick(next, || connection.output_in_tick(), now)
            }
            ServerConnection::Sum(connection) => {
                if close_idle {
                    connection.protocol_mut().close_if_idle(now);
                }
                connection.pump(Tick::new(ready, &mut self.sum, &mut self.pool, now))
            }
        }
    }

    fn is_holding(&mut self, now: Now) -> bool {
        self.pool.is_pausing(now)
    }

    /// Of the address with most connections, an idle one, or else the one that is furthest behind.
    fn evict<'c>(
        &mut self,
        conns: impl Iterator<Item = (Key, &'c mut ServerConnection)>,
        now: Now,
    ) -> Option<Key> {
        let candidates = conns.filter_map(|(key, conn)| {
            let ServerConnection::Http(connection) = conn else { return None };
            let inactivity = connection.inactivity(&self.worker, now)?;
            let count = connection.protocol_mut().address_count.as_ref().map_or(0, Arc::strong_count);
            Some(((count, inactivity), key, connection))
        });
        let mut candidates: Vec<_> = candidates.collect();
        // The first if several are equal.
        candidates.sort_by_key(|(rank, ..)| Reverse(*rank));
        let (_, key, connection) = candidates.into_iter().find_map(|(rank, key, conn)| {
            (!rank.1.is_idle || !conn.has_unread()).then_some((rank, key, conn))
        })?;
        connection.end(CloseReason::Evicted, &mut self.worker, now);
        Some(key)
    }

    /// The panic hook has said where it was.
    fn on_panic(&mut self, _: Box<dyn Any + Send>) {
        self.worker.on_panic();
    }

    fn on_tick(&mut self, control: &mut Control<ServerConnection>, now: Now, idle: bool) -> Option<Instant> {
        if control.take_woken() {
            for message in self.take_control_messages() {
                self.apply(message, control, now);
            }
        }
        for message in control.take_signals().into_iter().filter_map(ControlMessage::from_signal) {
            self.apply(message, control, now);
        }
        self.worker.context.now = now;
        self.pool.begin_tick();
        // Requests that wait for the next tick must see the changes made meanwhile.
        self.worker.context.cache.mark_events_pending();
        let sum_deadline = self.poll_sum(control, now);
        if let Some(grace_deadline) = self.grace_deadline
            && ((control.connections == 0 && !control.is_listening && !self.has_jobs())
                || now.instant >= grace_deadline)
        {
            control.stop = true;
        }
        let log_deadline = self.worker.log.tick(now.instant, idle);
        let deadline = [log_deadline, self.grace_deadline, sum_deadline].into_iter().flatten().min();
        let deadline =
            [deadline, self.sweep_uploads(now), self.reload_files(false, now)].into_iter().flatten().min();
        let memory_deadline = if self.pool.is_short() { self.watch_memory(control, now) } else { None };
        [deadline, self.pool.resume_at(), memory_deadline].into_iter().flatten().min()
    }

    fn on_shutdown(&mut self, conn: ServerConnection, now: Now) {
        match conn {
            ServerConnection::Http(connection) => connection.shut_down(&mut self.worker, now),
            ServerConnection::Sum(connection) => connection.shut_down(&mut self.sum, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, Shutdown, TcpStream as StdStream};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;

    use mio::net::TcpListener;

    use super::*;
    use crate::access_log::{AccessLog, LogStyle};
    use crate::files::{ContentSource, Root};
    use crate::reactor::{HelperPool, Helpers, Reactor};
    use crate::server::ServerConfig;

    /// A server that uses `helpers`, and its address. It serves nothing unless it has a directory for uploads.
    fn server(helpers: &Helpers, directory: Option<&std::path::Path>) -> (Reactor<ServerApp>, SocketAddr) {
        let log = AccessLog::open_styled(&LogDestination::Off, LogStyle::default()).expect("a log");
        let config = ServerConfig { upload: directory.map(|_| "".into()), ..ServerConfig::default() };
        let root = directory.map(|directory| Root::open(directory).expect("a root"));
        let store = root.map_or_else(ContentSource::default, ContentSource::disk);
        let mut worker = WorkerState::new(config, store, log, Now::read());
        worker.context.helpers = Some(helpers.clone());
        let app =
            ServerApp::new(worker, SumState::new(None, 0, 0..0), WorkerId { index: 0, worker_count: 1 });
        let mut reactor = Reactor::new(app, Now::read()).expect("an event loop");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let address = listener.local_addr().expect("its address");
        reactor.listen(listener).expect("it listens");
        reactor.use_helpers(helpers.clone()).expect("it is registered");
        (reactor, address)
    }

    /// A pool of one thread with a job that waits, and what ends that job.
    fn blocked_helpers(job: impl FnOnce() + Send + 'static) -> (Helpers, mpsc::Sender<()>) {
        let helpers = Helpers::new(HelperPool::new(1)).expect("an eventfd");
        let (release, released) = mpsc::channel::<()>();
        helpers.submit(None, move || {
            released.recv().expect("a release");
            job();
        });
        (helpers, release)
    }

    #[test]
    fn shutdown_waits_for_helper_threads() {
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let (helpers, release) = blocked_helpers(move || done.store(true, Ordering::Release));
        let (reactor, address) = server(&helpers, None);
        reactor.waker().wake().expect("it is told to stop");
        let waited = thread::scope(|scope| {
            scope.spawn(|| {
                while StdStream::connect(address).is_ok() {
                    thread::yield_now();
                }
                release.send(()).expect("the job waits");
            });
            reactor.run().expect("it runs");
            is_done.load(Ordering::Acquire)
        });
        assert!(waited, "the loop has ended before the job");
    }

    #[test]
    fn commit_blocks_no_other_client_and_outlives_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("b"), "other").expect("a file");
        let (helpers, release) = blocked_helpers(|| {});
        let (reactor, address) = server(&helpers, Some(directory.path()));
        let waker = reactor.waker();
        thread::scope(|scope| {
            let client = scope.spawn(|| {
                let send = |request: &str| {
                    let mut client = StdStream::connect(address).expect("a connection");
                    client.write_all(request.as_bytes()).expect("room");
                    client
                };
                let put = "PUT /x HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nnew";
                let get = "GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
                let mut pipelined = send(&[put, get].concat());
                let gone = send(&put.replace("/x", "/y"));
                while helpers.pending() < 3 {
                    thread::yield_now();
                }
                gone.shutdown(Shutdown::Both).expect("its end");
                let mut response = String::new();
                send(&get.replace("/x", "/b")).read_to_string(&mut response).expect("a response");
                assert!(response.ends_with("other"), "{response}");
                assert!(!directory.path().join("x").exists() && !directory.path().join("y").exists());
                release.send(()).expect("the job waits");
                response.clear();
                pipelined.read_to_string(&mut response).expect("responses");
                assert!(response.starts_with("HTTP/1.1 201 ") && response.ends_with("new"), "{response}");
                while helpers.pending() > 0 {
                    thread::yield_now();
                }
                assert_eq!(std::fs::read(directory.path().join("y")).expect("the file"), b"new");
                waker.wake().expect("it is told to stop");
            });
            reactor.run().expect("it runs");
            client.join().expect("no panic");
        });
    }

    #[test]
    fn upload_is_not_read_while_too_many_jobs_are_pending() {
        let directory = tempfile::tempdir().expect("a directory");
        let (helpers, release) = blocked_helpers(|| {});
        while !helpers.is_full() {
            helpers.submit(None, || {});
        }
        let (reactor, address) = server(&helpers, Some(directory.path()));
        let waker = reactor.waker();
        let (is_stored, response) = thread::scope(|scope| {
            let client = scope.spawn(|| {
                let mut client = StdStream::connect(address).expect("a connection");
                let request = b"PUT /x HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nnew";
                client.write_all(request).expect("room");
                while !helpers.is_awaited() {
                    thread::yield_now();
                }
                let is_stored = directory.path().join("x").exists();
                release.send(()).expect("the job waits");
                client.shutdown(Shutdown::Write).expect("its end");
                let mut response = String::new();
                client.read_to_string(&mut response).expect("a response");
                waker.wake().expect("it is told to stop");
                (is_stored, response)
            });
            reactor.run().expect("it runs");
            client.join().expect("no panic")
        });
        assert!(!is_stored && response.starts_with("HTTP/1.1 201 "), "{is_stored}: {response}");
        assert_eq!(std::fs::read(directory.path().join("x")).expect("the file"), b"new");
    }
}
