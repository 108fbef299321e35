//! The search for the highest rate, from the command line to the report: against the real server, and
//! against one whose capacity is known.
//!
//! How it searches is tested where it is decided, in virtual time; steps are short here, and a machine
//! that is busy may make any of them fail.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Client, Crowd, Habit, Outcome, Screen, Server, Stalls, at_once, client};

/// A machine that is busy with other tests may make the generator itself the limit.
const CLIENT_BOUND: i32 = 97;
/// What the search says where no rate meets the objective.
const NOT_MET: i32 = 99;

fn find(port: &str, args: &str) -> Outcome {
    let words = args.split_whitespace().collect::<Vec<_>>();
    client(&[&["--find-rate", "-p", port], words.as_slice()].concat())
}

fn server() -> (Server, String) {
    let server = Server::serving(&[("index.html", b"home")]);
    let port = server.address().port().to_string();
    (server, port)
}

#[track_caller]
fn json(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).expect("a JSON report")
}

/// A server that does one request after the other, over all its connections, each in the same time.
struct Counter {
    address: SocketAddr,
    is_closed: Arc<AtomicBool>,
    door: Option<JoinHandle<()>>,
}

impl Counter {
    fn taking(time: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (is_closed, free_at) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Instant::now())));
        let closed = Arc::clone(&is_closed);
        let door = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if closed.load(Ordering::Relaxed) {
                    return;
                }
                let free_at = Arc::clone(&free_at);
                thread::spawn(move || attend(stream, &free_at, time));
            }
        });
        Self { address, is_closed, door: Some(door) }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        // This wakes the door, which then sees that it is closed.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(door)) = (woken, self.door.take()) {
            let _ = door.join();
        }
    }
}

/// Answers whatever comes, until the client leaves; each request waits for all that came before.
fn attend(mut stream: TcpStream, free_at: &Mutex<Instant>, time: Duration) {
    // Nothing is ever sent here: it only serves to wait.
    let (_keep, never) = mpsc::channel::<()>();
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|len| len > 0) {
        let done_at = {
            let mut free_at = free_at.lock().expect("nobody panics with it");
            *free_at = (*free_at).max(Instant::now()) + time;
            *free_at
        };
        let _ = never.recv_timeout(done_at.saturating_duration_since(Instant::now()));
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

#[test]
fn find_rate_finds_the_capacity_of_a_known_server() {
    let server = Counter::taking(Duration::from_millis(5));
    let args = "-q 150 -c 8 -z 500ms --warmup 100ms -s --slo p90<20ms,errors<1% --format json /";
    let outcome = find(&server.address.port().to_string(), args);
    assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{:?}: {}", outcome.code, outcome.stderr);
    let report = json(&outcome);
    let rate = report["answer"]["rate_per_sec"].as_f64().expect("a rate");
    // It does 200 a second, and as many as wait at the end of a step without being late; a machine that
    // is busy makes it less.
    assert!(rate > 0.0 && rate <= 225.0, "{report}");
    if outcome.code == Some(0) {
        assert_eq!(report["answer"]["outcome"], "found");
        let above = report["answer"]["above_per_sec"].as_f64().expect("a rate");
        assert!(above > rate && above <= rate * 1.05, "{report}");
    }
}

#[test]
fn find_rate_reports_in_every_format() {
    let (_server, port) = server();
    let directory = tempfile::tempdir().expect("a folder");
    let rows = [
        ("text", "meets the objective"),
        ("json", "\"curve\""),
        ("csv", "rate_per_sec,"),
        ("html", "Latency by rate"),
    ];
    at_once(rows, |(format, part)| {
        let out = directory.path().join(format);
        let args = format!("-z 100ms --slo p99<100ms,errors<1% --format {format} --out {} /", out.display());
        let outcome = find(&port, &args);
        assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{:?}: {}", outcome.code, outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{format}");
        let report = std::fs::read_to_string(out).expect("the report");
        assert!(report.contains(part), "{format}: {report}");
        for part in ["estimating the first rate with a closed loop", "step 1: ", "met: p50 "] {
            assert!(outcome.stderr.contains(part), "{part} is not in {}", outcome.stderr);
        }
    });
}

#[test]
fn find_rate_not_met_exits_99() {
    let (_server, port) = server();
    let outcome = find(&port, "-q 1 -z 200ms -s --slo p50<1us /");
    if outcome.code != Some(CLIENT_BOUND) {
        let outcome = outcome.expect(NOT_MET);
        assert!(outcome.complaint().contains("not even 1.0/s meets the objective"), "{}", outcome.stderr);
        assert!(outcome.text().contains("p50<1us does not hold"), "{}", outcome.text());
    }
}

#[test]
fn find_rate_without_a_server_exits_1() {
    let port = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.local_addr().expect("an address").port().to_string()
    };
    for (start, part) in [("", "the server refused the connection"), ("-q 1", "see failures in the report")] {
        let outcome = find(&port, &format!("{start} -z 200ms -s --slo p99<1s /")).expect(1);
        let complaint = outcome.complaint();
        assert!(complaint.contains("no request got a response"), "{}", outcome.stderr);
        assert!(complaint.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn find_rate_interrupted_exits_1_with_a_report() {
    let (_server, port) = server();
    let args = ["--find-rate", "--slo", "p99<1s", "-z", "1h", "--warmup", "0s", "-q", "10", "-p", &port];
    let mut client = Client::start(&args, Screen::None, |_| ());
    client.stderr().wait_for("step 1: 10.0/s for 60.0 min");
    client.signal(Signal::INT);
    let outcome = client.finish().expect(1);
    assert!(outcome.complaint().contains("ended early: no result"), "{}", outcome.stderr);
    assert!(outcome.text().contains("0 steps"), "{}", outcome.text());
}

#[test]
fn find_rate_usage_error_sends_no_request() {
    let (server, port) = server();
    for (args, part) in [
        ("/", "--find-rate needs an objective"),
        ("--slo p99<1 /", "a time needs a unit"),
        ("--slo p99<1s --save x /", "option '--save' is not for --find-rate"),
    ] {
        let outcome = find(&port, args).expect(2);
        assert!(outcome.complaint().contains(part), "{args}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{args}: {}", outcome.stderr);
    }
    assert_eq!(server.stop().log, "");
}

/// The server goes away after the first rate that meets the objective: what a busy machine misses before
/// that, or answers after that, changes nothing.
#[test]
fn find_rate_with_server_gone_is_interrupted_not_found() {
    let never = Duration::from_secs(3600);
    let server = Crowd::of(Habit::Stalls(Stalls { first: never, every: never, len: Duration::ZERO }));
    let args = "--find-rate -c 1 -q 100 -z 200ms --warmup 0s --slo p99<5s -p";
    let args: Vec<_> = args.split_whitespace().collect();
    let mut client = Client::start(&[&args[..], &[&server.port()]].concat(), Screen::None, |_| ());
    client.stderr().wait_for("  met: ");
    server.stop();
    let outcome = client.finish().expect(1);
    let parts = ["ended early, when no request succeeded any more: ", "/s meets the objective, "];
    assert!(parts.iter().all(|part| outcome.complaint().contains(part)), "{}", outcome.stderr);
}

#[test]
fn find_rate_of_errors_only_ends_after_two_steps() {
    let (_server, port) = server();
    for (start, words) in [("", "every request ended in an error"), ("-q 50", "at 50.0/s every request")] {
        let args = format!("{start} -z 200ms --slo p99<5s,errors<0.1% /none");
        let outcome = find(&port, &args).expect(NOT_MET);
        assert!(outcome.complaint().contains("no rate meets the objective: "), "{}", outcome.stderr);
        assert!(outcome.complaint().contains(words), "{}", outcome.stderr);
        assert!(outcome.text().contains(" 2 steps,"), "{}", outcome.text());
        assert!(!outcome.stderr.contains("step 3"), "{}", outcome.stderr);
    }
}
