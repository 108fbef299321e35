//! `--workers`: several threads that are one server to whoever looks from outside.
//!
//! Which of them has served a connection shows in its number, for each counts with a step of their
//! number; that they are threads shows in /proc.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Raw, Server, WAIT_MAX, expect_shut, pattern, reactor_server};
use crate::sum::Exchanging;

const FILES: &[(&str, &[u8])] = &[("small", b"small")];
/// More than the socket buffers of both sides hold.
const LARGE_LEN: usize = 32 * 1024 * 1024;
/// Callers of whom each comes to either of two workers by chance: one in 2^60 times all come to one.
const CALLERS: usize = 60;

fn serving(options: &[&str]) -> Server {
    Server::with(FILES, &[&["--workers", "2"], options].concat())
}

/// So many kept-alive connections, each of which has been answered once.
fn callers(server: &Server) -> Vec<Raw> {
    let caller = |_| {
        let mut client = server.connect();
        assert_eq!(client.get("/small").text(), "small");
        client
    };
    (0..CALLERS).map(caller).collect()
}

/// The records of a JSON log, each of which is a whole line.
fn records(log: &str) -> Vec<Value> {
    assert!(log.is_empty() || log.ends_with('\n'), "the log ends within a line");
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn workers_all_serve_with_unique_connection_numbers() {
    let server = serving(&["--log-format", "json"]);
    drop(callers(&server));
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid().as_raw_nonzero())).expect("its threads");
    let names = tasks.map(|task| fs::read_to_string(task.expect("a thread").path().join("comm")));
    let names: BTreeSet<String> = names.map(|name| name.expect("a name").trim_end().to_owned()).collect();
    assert!(names.is_superset(&["worker 1", "worker 2"].map(str::to_owned).into()), "{names:?}");
    let records = records(&server.stop().log);
    let numbers: BTreeSet<u64> =
        records.iter().map(|record| record["connection"].as_u64().expect("a number")).collect();
    assert_eq!(numbers.len(), CALLERS);
    let parities: BTreeSet<u64> = numbers.iter().map(|number| number % 2).collect();
    assert_eq!(parities.len(), 2, "one worker has served them all: {numbers:?}");
}

#[test]
fn workers_accept_silent_clients_after_speaking_ones() {
    // The kernel keeps them waiting for a second: on a busy machine that is over too soon now and then.
    const TRIES: usize = 10;
    let speakers_come_first = |workers: usize| {
        let server = Server::with(FILES, &["--workers", &workers.to_string(), "--log-format", "json"]);
        let silent: Vec<Raw> = (0..CALLERS).map(|_| server.connect()).collect();
        drop(callers(&server));
        let log = server.stop().log;
        drop(silent);
        let mut numbers: Vec<u64> = records(&log).iter().filter_map(|it| it["connection"].as_u64()).collect();
        numbers.sort_unstable();
        // Each worker counts whom it lets in, from its own number on and with a step of how many there are.
        let mut next: Vec<u64> = (1..).take(workers).collect();
        numbers.iter().all(|&number| {
            let next = &mut next[(number - 1) as usize % workers];
            std::mem::replace(next, *next + workers as u64) == number
        })
    };
    for workers in [1, 2] {
        assert!((0..TRIES).any(|_| speakers_come_first(workers)), "{workers}");
    }
}

/// Clients that reconnect now and then ask for this many targets, each of them once.
fn ask_for_much(server: &Server) -> usize {
    const CLIENTS: usize = 4;
    const REQUESTS: usize = 60;
    // Longer than what a pipe takes in one piece.
    let filler = "x".repeat(6000);
    let ask = |client: usize| {
        let mut connection = server.connect();
        for number in 0..REQUESTS {
            if number % 10 == 0 {
                connection = server.connect();
            }
            let filler = if number % 2 == 0 { filler.as_str() } else { "" };
            assert_eq!(connection.get(&format!("/small?{client}-{number}-{filler}")).status, 200);
        }
    };
    thread::scope(|scope| (0..CLIENTS).for_each(|client| drop(scope.spawn(move || ask(client)))));
    CLIENTS * REQUESTS
}

#[track_caller]
fn expect_each_once(log: &str, count: usize) {
    let mut targets = BTreeMap::new();
    for record in records(log) {
        *targets.entry(record["target"].as_str().expect("a target").to_owned()).or_insert(0) += 1;
    }
    assert!(targets.values().all(|count| *count == 1), "a line is doubled");
    assert_eq!(targets.len(), count, "a line is lost");
}

#[test]
fn workers_log_lines_are_whole_in_one_file() {
    let server = serving(&["--log-format", "json"]);
    let count = ask_for_much(&server);
    expect_each_once(&server.stop().log, count);
}

#[test]
fn workers_log_lines_are_whole_in_a_pipe_read_late() {
    let options = ["--workers", "2", "--log-format", "json", "--access-log", "-"];
    let (server, mut stdout) = Server::spawn_apart(FILES, &options, |_| ());
    let count = ask_for_much(&server);
    // All are stuck in the middle of a line by now.
    let reader = thread::spawn(move || {
        let mut log = String::new();
        stdout.read_to_string(&mut log).map(|_| log)
    });
    let stopped = server.stop();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    expect_each_once(&reader.join().expect("the reader").expect("its log"), count);
}

#[test]
fn workers_drain_and_exit_0_on_signal() {
    let large = pattern(LARGE_LEN);
    let server =
        Server::with(&[("small", b"small"), ("large", &large)], &["--workers", "2", "--grace", "24h"]);
    let mut idle = callers(&server);
    let mut download = server.connect();
    download.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    download.head();
    server.signal(Signal::TERM);
    idle.iter_mut().for_each(Raw::expect_end);
    expect_shut(server.address(), b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(download.bytes(LARGE_LEN) == large);
    download.expect_end();
    drop((idle, download));
    let stopped = server.wait();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    assert_eq!(stopped.log.lines().count(), CALLERS + 1);
}

#[test]
fn workers_exit_at_once_on_second_signal() {
    let server = serving(&["--grace", "24h"]);
    let large = fs::File::create(server.root().join("endless")).expect("a file");
    large.set_len(4 << 30).expect("a sparse file");
    let mut idle = callers(&server);
    let mut stalled = server.connect();
    stalled.send("GET /endless HTTP/1.1\r\nHost: test\r\n\r\n");
    stalled.head();
    server.signal(Signal::TERM);
    idle.iter_mut().for_each(Raw::expect_end);
    server.signal(Signal::INT);
    let stopped = server.wait();
    assert_eq!(stopped.status.code(), Some(130), "{}", stopped.stderr);
    assert_eq!(stopped.log.lines().count(), CALLERS + 1);
}

#[test]
fn workers_taken_port_fails_for_any_worker_count() {
    for (first, second) in [("2", "2"), ("2", "1"), ("1", "2")] {
        let server = Server::with(FILES, &["--workers", first]);
        let port = server.address().port().to_string();
        let command = reactor_server()
            .args(["--bind", "127.0.0.1", "--access-log", "off", "--workers", second, &port])
            .arg(server.root())
            .stdin(Stdio::null())
            .output();
        let output = command.expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{first} and {second}: {stderr}");
        assert!(stderr.contains(&format!("{}: the port is in use", server.address())), "{stderr}");
        callers(&server);
    }
}

#[test]
fn workers_conditional_puts_lose_no_update() {
    const CLIENTS: usize = 4;
    const TRIES: usize = 60;
    let server = Server::with(&[("count", b"0")], &["--workers", "2", "--upload"]);
    let count = |client: &mut Raw| {
        let reply = client.get("/count");
        let tag = reply.field("ETag").expect("an entity-tag").to_owned();
        (reply.text().parse::<usize>().expect("a number"), tag)
    };
    let raise = || {
        let mut client = server.connect();
        let mut raised = 0;
        for _ in 0..TRIES {
            let (number, tag) = count(&mut client);
            let body = (number + 1).to_string();
            let fields = format!("If-Match: {tag}\r\nContent-Length: {}", body.len());
            client.send(format!("PUT /count HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n{body}"));
            match client.reply().status {
                204 => raised += 1,
                status => assert_eq!(status, 412),
            }
        }
        raised
    };
    let raised: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(raise)).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).sum()
    });
    assert!(raised > 0);
    assert_eq!(count(&mut server.connect()).0, raised, "an update is lost");
}

#[test]
fn workers_share_one_sum_service() {
    let exchange = Exchanging::spawn(&["--workers", "3"], |_| ());
    for number in 1..10 {
        let mut caller = Raw::connect(exchange.sum);
        caller.send(format!("Client of Eve: {number}\n"));
        assert_eq!(caller.rest(), b"Server of Bob: 42\n");
    }
    let mut last = Raw::connect(exchange.sum);
    last.send("Client of Eve: 0\n").rest();
    expect_shut(exchange.sum, b"Client of Eve: 1\n");
    callers(&exchange.server);
}

#[test]
fn max_connections_holds_for_all_workers_together() {
    // So many that each worker has some: only those of its own can make room for a new one.
    const COUNT: usize = 60;
    let limit = COUNT.to_string();
    let options = ["--workers", "3", "--max-connections", &limit, "--idle-timeout", "24h"];
    let server = Server::with(FILES, &options);
    let mut clients: Vec<Raw> = (0..COUNT).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/small").status, 200));
    let mut newcomer = server.connect();
    assert_eq!(newcomer.get("/small").status, 200);
    server.signal(Signal::USR2);
    let counters = counters(&server.stop().stderr);
    assert_eq!((counters["open"], counters["closed.evicted"]), (COUNT as u64, 1));
}

/// The counters in a line of standard error, by name.
pub(crate) fn counters(stderr: &str) -> HashMap<String, u64> {
    let mut lines = stderr.lines().filter_map(|line| line.strip_prefix("reactor-server: stats: "));
    let line = lines.next().expect("a line of counters");
    assert_eq!(lines.next(), None, "one line for all workers: {stderr}");
    let pairs = line.split(' ').map(|pair| pair.split_once('=').expect("a name and a number"));
    pairs.map(|(name, count)| (name.to_owned(), count.parse().expect("a number"))).collect()
}

#[test]
fn sigusr2_shows_counters_of_all_workers_in_one_line() {
    for workers in ["1", "3"] {
        let server = Server::with(FILES, &["--workers", workers]);
        let (mut received_len, mut sent_len) = (0, 0);
        for _ in 0..CALLERS {
            let mut client = server.connect();
            for (path, status) in [("/small", 200), ("/small", 200), ("/none", 404)] {
                let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
                received_len += request.len() as u64;
                let reply = client.send(request).reply();
                assert_eq!(reply.status, status);
                sent_len += reply.body.len() as u64;
            }
            drop(client.send("nonsense\r\n\r\n").rest());
        }
        server.signal(Signal::USR2);
        let counters = counters(&server.stop().stderr);
        let callers = CALLERS as u64;
        assert_eq!(counters["accepted"], callers, "{workers}");
        assert_eq!(counters["responses.2xx"], 2 * callers, "{workers}");
        assert_eq!(counters["responses.4xx"], 2 * callers, "{workers}");
        assert_eq!(counters["responses.5xx"], 0, "{workers}");
        assert_eq!(counters["bytes.in"], received_len + 12 * callers, "{workers}");
        assert!(counters["bytes.out"] > sent_len + 100 * callers, "{workers}");
        assert_eq!(counters["cache.hits"] + counters["cache.misses"], 3 * callers, "{workers}");
        assert!(counters["cache.hits"] > callers && counters["cache.misses"] > 0, "{workers}: {counters:?}");
        let closed: u64 =
            counters.iter().filter(|(name, _)| name.starts_with("closed.")).map(|(_, n)| n).sum();
        assert_eq!(counters["open"] + closed, callers, "{workers}");
        assert_eq!(counters["closed.refused"], closed, "{workers}: {counters:?}");
    }
}

#[test]
fn more_workers_than_max_connections_serve() {
    let server = Server::with(FILES, &["--workers", "3", "--max-connections", "1"]);
    for _ in 0..20 {
        assert_eq!(server.connect().get("/small").status, 200);
    }
}

#[test]
fn one_worker_runs_in_the_main_thread() {
    let server = Server::serving(FILES);
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid().as_raw_nonzero())).expect("its threads");
    assert_eq!(tasks.count(), 1);
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).expect("its descriptors").count()
}

#[test]
fn panic_of_a_connection_ends_that_connection_alone() {
    const PANICS: u64 = 60;
    for workers in ["1", "2"] {
        let server = Server::spawn(FILES, &["--workers", workers, "--upload"], |command| {
            command.env("REACTOR_PANIC_AT", "/fault");
        });
        let (mut other, mut upload) = (server.connect(), server.connect());
        assert_eq!(other.get("/small").text(), "small");
        upload.send("PUT /new HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        assert!(upload.head().starts_with("HTTP/1.1 100 "));
        let panic_often = || {
            for _ in 0..PANICS / 2 {
                let (response, _) =
                    server.connect().send("GET /fault HTTP/1.1\r\nHost: test\r\n\r\n").rest_until_any_end();
                assert_eq!(response, b"", "{workers}");
            }
        };
        // Each worker opens some with its first requests.
        panic_often();
        let before = descriptors(&server);
        panic_often();
        let deadline = Instant::now() + WAIT_MAX;
        while descriptors(&server) > before {
            assert!(Instant::now() < deadline, "{workers}: it keeps descriptors");
        }
        assert_eq!(other.get("/small").text(), "small");
        assert_eq!(upload.send("data").reply().status, 201);
        server.signal(Signal::USR2);
        let stopped = server.stop();
        assert!(stopped.status.success(), "{workers}: {}", stopped.stderr);
        let is_told = |line: &&str| {
            line.contains("panicked at src/server/handlers/route.rs:") && line.contains("a failpoint")
        };
        assert_eq!(stopped.stderr.lines().filter(is_told).count() as u64, PANICS, "{}", stopped.stderr);
        assert_eq!(counters(&stopped.stderr)["closed.panicked"], PANICS, "{workers}");
    }
}
