//! Throughput over loopback: this project's server in one thread, this project's client in another.
//!
//! The server is the real one, built by `server::start` with its log off. The client is a load
//! generator of one screen on the same reactor, link and HTTP code: so many connections, each of
//! which sends the next request when its answer is whole. Setting up connections is not measured.
//! How to run it, and what was measured last, is in `benches/README.md`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use mio::Waker;
use mio::net::TcpStream;
use reactor_http::access_log::Destination;
use reactor_http::client::reader::{AnswerReader, Piece};
use reactor_http::files::RACY_WINDOW;
use reactor_http::http::{FieldSpace, Method, end, field, request_line};
use reactor_http::net::{self, CloseReason, Inbox, Link, Machine, Outbox, Pool, Want};
use reactor_http::reactor::{App, Control, ListenerId, Next, Now, Reactor, Readiness};
use reactor_http::server::{Bind, Config, RootChoice, start};
use tempfile::TempDir;

/// The small file: its answer, head and all, is one write.
const SMALL: Fixture = Fixture { path: "/small.bin", len: 1024 };
/// The large file: it leaves by `sendfile`, over many turns.
const LARGE: Fixture = Fixture { path: "/large.bin", len: 10 * 1024 * 1024 };
/// What the client's own buffers hold: as many bytes as one read of `reactor-client` takes.
const INBOX_LEN: usize = 64 * 1024;
/// An answer that takes longer than this ends the run: something is broken, not slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Measurements of one benchmark, and the time that they take together.
const SAMPLES: usize = 20;
const MEASUREMENT_TIME: Duration = Duration::from_secs(5);

/// A file that is served.
#[derive(Clone, Copy)]
struct Fixture {
    path: &'static str,
    len: u64,
}

impl Fixture {
    fn lay_out(self, folder: &Path) {
        let bytes: Vec<u8> = (0..self.len).map(|index| (index % 251) as u8).collect();
        fs::write(folder.join(self.path.trim_start_matches('/')), bytes).expect("the fixture is written");
    }

    fn request(self, address: SocketAddr) -> Vec<u8> {
        let mut out = Vec::new();
        request_line(&mut out, "GET", self.path);
        field(&mut out, "Host", address.to_string().as_bytes());
        end(&mut out);
        out
    }
}

/// The server in its thread, and what it serves.
struct Served {
    address: SocketAddr,
    stopper: Arc<Waker>,
    thread: JoinHandle<()>,
    _folder: TempDir,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the fixtures");
        SMALL.lay_out(folder.path());
        LARGE.lay_out(folder.path());
        let config = Config {
            port: 0,
            bind: Bind::Addresses(vec![Ipv4Addr::LOCALHOST.into()]),
            root: RootChoice::Directory(folder.path().to_owned()),
            access_log: Destination::Off,
            ..Config::default()
        };
        let (tell, told) = mpsc::channel();
        // A server does not move between threads: it is built where it runs.
        let thread = thread::spawn(move || {
            let server = start(config, Now::read()).expect("the server starts");
            let address = *server.addresses().first().expect("it listens");
            tell.send((address, server.stopper())).expect("somebody waits for it");
            server.run().expect("the server runs");
        });
        let (address, stopper) = told.recv().expect("the server has started");
        Self { address, stopper, thread, _folder: folder }
    }

    /// Works until the fixtures are old enough for the server's cache to keep them. Setting their times
    /// back would not do: when a file's facts last changed is the kernel's word, and only waiting helps.
    fn settle(&self) {
        let since = Instant::now();
        while since.elapsed() < RACY_WINDOW + Duration::from_millis(100) {
            measure(self.address, SMALL, 1, 1000);
        }
        measure(self.address, LARGE, 1, 1);
    }

    fn stop(self) {
        self.stopper.wake().expect("the server is there");
        self.thread.join().expect("the server stops in good order");
    }
}

/// What all connections of one measurement share.
struct Tally {
    request: Vec<u8>,
    body_len: u64,
    /// Connections that have yet to receive their first answer: until then nothing is counted.
    cold: usize,
    /// Answers that are still wanted.
    wanted: u64,
    started: Option<Instant>,
    ended: Option<Instant>,
}

impl Tally {
    /// Counts an answer, which must be the whole file.
    fn answered(&mut self, body_len: u64, is_first: bool) {
        assert_eq!(body_len, self.body_len, "the answer is the whole file");
        if self.started.is_some() {
            self.wanted = self.wanted.saturating_sub(1);
            if self.wanted == 0 {
                self.ended.get_or_insert_with(Instant::now);
            }
        } else if is_first {
            self.cold -= 1;
            if self.cold == 0 {
                self.started = Some(Instant::now());
            }
        }
    }
}

/// One connection: a request, its answer, the next request.
struct Requester {
    reader: AnswerReader,
    asked: bool,
    answers: u64,
    body_len: u64,
    deadline: Instant,
}

impl Requester {
    fn new(now: Now) -> Self {
        let (reader, deadline) = (AnswerReader::new(Method::Get), now.instant + ANSWER_TIMEOUT);
        Self { reader, asked: false, answers: 0, body_len: 0, deadline }
    }

    fn ask(&mut self, outbox: &mut Outbox, tally: &Tally, now: Now) {
        outbox.push_with(|out| out.extend_from_slice(&tally.request));
        self.reader = AnswerReader::new(Method::Get);
        self.asked = true;
        self.body_len = 0;
        self.deadline = now.instant + ANSWER_TIMEOUT;
    }

    /// Takes the next piece of the answer; `None` when more must come first, else whether it was the last.
    fn take_piece(&mut self, inbox: &mut Inbox) -> Option<bool> {
        let mut space = FieldSpace::new();
        let (len, piece) =
            self.reader.next(inbox.bytes(), &mut space).expect("the server sends valid answers")?;
        let is_end = match piece {
            Piece::Interim(_) => false,
            Piece::Head(head) => {
                assert_eq!(head.status, 200);
                false
            }
            Piece::Body(bytes) => {
                self.body_len += bytes.len() as u64;
                false
            }
            Piece::End => true,
        };
        inbox.consume(len);
        Some(is_end)
    }
}

impl Machine for Requester {
    type Site = Tally;

    fn advance(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, tally: &mut Tally, now: Now) -> Want {
        if !self.asked {
            self.ask(outbox, tally, now);
        }
        while let Some(is_end) = self.take_piece(inbox) {
            if is_end {
                self.answers += 1;
                tally.answered(self.body_len, self.answers == 1);
                if tally.ended.is_some() {
                    return Want::Close(CloseReason::Finished);
                }
                self.ask(outbox, tally, now);
            }
        }
        Want::Input
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn expire(&mut self, _: &mut Inbox, _: &mut Outbox, _: &mut Tally, _: Now) -> Want {
        Want::Close(CloseReason::TimedOut("an answer"))
    }

    fn closed(&mut self, reason: CloseReason, _: &Outbox, tally: &mut Tally, _: Now) {
        assert!(tally.ended.is_some(), "a connection ended too early: {reason}");
    }
}

/// The application of the load generator's reactor.
struct Load {
    tally: Tally,
    pool: Pool,
    address: SocketAddr,
    /// Connections that have yet to be opened.
    unopened: usize,
}

impl App for Load {
    type Conn = Link<Requester>;

    fn accepted(&mut self, _: ListenerId, _: TcpStream, _: SocketAddr, _: Now) -> Option<Self::Conn> {
        None
    }

    fn drive(&mut self, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        conn.pump(ready, &mut self.tally, &mut self.pool, now)
    }

    fn between_turns(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        for _ in 0..std::mem::take(&mut self.unopened) {
            let stream = net::connect(self.address).expect("the server takes connections");
            control.open(Link::connecting(stream, Requester::new(now)));
        }
        if self.tally.ended.is_some() {
            control.stop();
        }
        None
    }
}

/// The time that `answers` take over so many connections, each of which has had an answer before.
fn measure(address: SocketAddr, fixture: Fixture, connections: usize, answers: u64) -> Duration {
    let tally = Tally {
        request: fixture.request(address),
        body_len: fixture.len,
        cold: connections,
        wanted: answers,
        started: None,
        ended: None,
    };
    let load = Load { tally, pool: Pool::new(INBOX_LEN), address, unopened: connections };
    let reactor = Reactor::new(load, Now::read()).expect("a reactor");
    let Tally { started, ended, .. } = reactor.run().expect("the reactor runs").tally;
    ended.zip(started).map(|(ended, started)| ended - started).expect("it has started and ended")
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, served: &Served, fixture: Fixture, connections: usize) {
    let unit = if connections == 1 { "connection" } else { "connections" };
    group.sample_size(SAMPLES).measurement_time(MEASUREMENT_TIME).sampling_mode(SamplingMode::Flat);
    group.bench_function(format!("{connections} {unit}"), |bencher| {
        bencher.iter_custom(|answers| measure(served.address, fixture, connections, answers));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let served = Served::start();
    served.settle();

    let mut small = criterion.benchmark_group("1 KiB file, kept alive");
    small.throughput(Throughput::Elements(1));
    bench(&mut small, &served, SMALL, 1);
    bench(&mut small, &served, SMALL, 64);
    small.finish();

    let mut large = criterion.benchmark_group("10 MiB file, kept alive");
    large.throughput(Throughput::Bytes(LARGE.len));
    bench(&mut large, &served, LARGE, 1);
    large.finish();

    criterion.final_summary();
    served.stop();
}
