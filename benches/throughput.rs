//! Throughput over loopback, made by this project's load generator.
//!
//! First against the server of this project, the real one, built by `server::start` with its log off, in
//! a thread of its own: client and server together. Then against a responder that parses nothing: the
//! load generator alone, its rate and its processor time. Setting up connections is not measured.
//! How to run it is in `benches/README.md`; what was measured last, in `docs/benchmarks.md`.

#[path = "shared/cores.rs"]
mod cores;
#[path = "shared/responder.rs"]
mod responder;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cores::Cores;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use mio::Waker;
use reactor_http::access_log::LogDestination;
use reactor_http::client::target::ClientTarget;
use reactor_http::files::QUIET_AGE;
use reactor_http::load::engine::app::{Endpoints, RunResult};
use reactor_http::load::engine::interrupt::Interrupt;
use reactor_http::load::engine::threads;
use reactor_http::load::plan::run_plan::{Plan, Stop};
use reactor_http::load::plan::template::{RequestParts, RequestTemplate};
use reactor_http::net::ListenIp;
use reactor_http::reactor::Now;
use reactor_http::server::{RootChoice, ServerConfig, start};
use responder::Responder;
use tempfile::TempDir;

/// The small file: its answer, head and all, is one write.
const SMALL: Fixture = Fixture { path: "/small.bin", len: 1024 };
/// The large file: it leaves by `sendfile`, over many turns.
const LARGE: Fixture = Fixture { path: "/large.bin", len: 10 * 1024 * 1024 };
/// Time for all connections to be made before measuring begins.
const WARMUP: Duration = Duration::from_millis(50);
/// An answer that takes longer than this ends the run: something is broken, not slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Measurements of one benchmark, and the time that they take together.
const SAMPLES: usize = 20;
const MEASUREMENT_TIME: Duration = Duration::from_secs(5);
/// One that waits for each answer, a load as of many users, and half as many as one batch of events holds.
const CONNECTIONS: [usize; 3] = [1, 64, 512];

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
        let config = ServerConfig {
            port: 0,
            bind: vec![ListenIp { ip: Ipv4Addr::LOCALHOST.into(), optional: false }],
            root: RootChoice::Directory(folder.path().to_owned()),
            access_log: LogDestination::Off,
            ..ServerConfig::default()
        };
        let (tell, told) = mpsc::channel();
        // A server does not move between threads: it is built where it runs.
        let thread = thread::spawn(move || {
            let server = start(config, None, Now::read()).expect("the server starts");
            let address = *server.addresses.first().expect("it listens");
            tell.send((address, server.shutdown_waker())).expect("somebody waits for it");
            server.run().expect("the server runs");
        });
        let (address, stopper) = told.recv().expect("the server has started");
        Self { address, stopper, thread, _folder: folder }
    }

    /// Works until the fixtures are old enough for the server's cache and for `sendfile`. Setting their times back
    /// would not do: when a file's facts last changed is the kernel's word, and only waiting helps.
    fn settle(&self) {
        let since = Instant::now();
        while since.elapsed() < QUIET_AGE + Duration::from_millis(100) {
            load(self.address, SMALL, 1, 1000);
        }
        load(self.address, LARGE, 1, 1);
    }

    fn stop(self) {
        self.stopper.wake().expect("the server is there");
        self.thread.join().expect("the server stops in good order");
    }
}

/// So many answers over so many connections, each of which must be right and the whole file.
fn load(address: SocketAddr, fixture: Fixture, connections: usize, answers: u64) -> RunResult {
    let plan = plan(address, fixture.path, connections, answers);
    let endpoints = Endpoints { addresses: vec![vec![address]], tls: None };
    let ran = threads::run(&plan, &endpoints, &Interrupt::default(), Duration::MAX, &mut |_, _| {})
        .expect("the reactor runs");
    let totals = ran.metrics.series.totals;
    assert_eq!((totals.answered, totals.failed), (answers, 0), "all are answered");
    assert!(totals.received_len >= answers * fixture.len, "the answers are whole files");
    assert!(ran.metrics.failures.total() == 0 && ran.metrics.is_balanced(), "none is lost");
    ran
}

fn plan(address: SocketAddr, path: &str, concurrency: usize, requests: u64) -> Plan {
    let (host, path) = (address.ip().to_string(), path.to_owned());
    let targets = vec![ClientTarget { host, port: address.port(), is_tls: false, path }];
    let parts = RequestParts { method: "GET", fields: &[], body: None, keep_alive: true };
    let request = RequestTemplate::new(&targets, &parts).expect("there are no placeholders");
    let stop = Stop { requests: Some(requests), duration: None };
    Plan { targets, request, concurrency, stop, warmup: WARMUP, timeout: ANSWER_TIMEOUT, ..Plan::default() }
}

fn settings(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sample_size(SAMPLES).measurement_time(MEASUREMENT_TIME).sampling_mode(SamplingMode::Flat);
}

fn name(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

/// The time that answers take, client and server together.
fn bench(group: &mut BenchmarkGroup<'_, WallTime>, served: &Served, fixture: Fixture, connections: usize) {
    settings(group);
    group.bench_function(name(connections), |bencher| {
        bencher.iter_custom(|answers| load(served.address, fixture, connections, answers).wall);
    });
}

/// What the load generator takes for an answer: its time, which is that of its core if it is busy, and
/// its processor time.
fn bench_generator(criterion: &mut Criterion, responder: &Responder) {
    let run = |connections, answers| {
        let before = responder.answered();
        let ran = load(responder.address(), SMALL, connections, answers);
        responder.await_connections(0).expect("connections go away");
        assert!(responder.answered() - before >= answers, "what was counted was sent");
        ran
    };
    let mut rate = criterion.benchmark_group("load generator alone");
    settings(rate.throughput(Throughput::Elements(1)));
    for connections in CONNECTIONS {
        rate.bench_function(name(connections), |bencher| {
            bencher.iter_custom(|answers| run(connections, answers).wall);
        });
    }
    rate.finish();
    let mut cost = criterion.benchmark_group("load generator alone, processor time");
    settings(&mut cost);
    for connections in CONNECTIONS {
        cost.bench_function(name(connections), |bencher| {
            bencher.iter_custom(|answers| run(connections, answers).cpu_usage.cpu);
        });
    }
    cost.finish();
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
    served.stop();

    let cores = Cores::choose().expect("there is a core");
    let responder =
        Responder::start(cores.server, |socket| Some(socket.into())).expect("the responder starts");
    cores::pin(cores.generator).expect("this thread has a core");
    bench_generator(&mut criterion, &responder);
    responder.stop().expect("the responder stops in good order");

    criterion.final_summary();
}
