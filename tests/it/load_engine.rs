//! The engine of the load generator against servers that answer, and against those that do not.
//!
//! In each run, whatever the server does: sent = answered + failed + unfinished, exactly.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use allocation_counter::measure;
use reactor_http::client::target::ClientTarget;
use reactor_http::load::engine::app::{Endpoints, RunResult};
use reactor_http::load::engine::interrupt::Interrupt;
use reactor_http::load::engine::pacer::Schedule;
use reactor_http::load::engine::threads;
use reactor_http::load::plan::run_plan::{Plan, Stop};
use reactor_http::load::plan::template::{RequestParts, RequestTemplate};
use reactor_http::load::stats::failure::LoadFailure;
use reactor_http::load::stats::time_series::RequestTotals;

use crate::harness::{Crowd, End, Habit, Log, Scripted, Server, Step, WAIT_MAX};

/// What one connection does until it has sent so many requests, or fails.
fn plan(requests: u64) -> Plan {
    let targets = vec![ClientTarget {
        host: "localhost".to_owned(),
        port: 80,
        is_tls: false,
        path: "/a.txt".to_owned(),
    }];
    let parts = RequestParts { method: "GET", fields: &[], body: None, keep_alive: true };
    Plan {
        request: RequestTemplate::new(&targets, &parts).expect("no placeholders"),
        targets,
        stop: Stop { requests: Some(requests), duration: None },
        timeout: WAIT_MAX,
        ..Plan::default()
    }
}

fn run(plan: &Plan, addresses: &[SocketAddr]) -> RunResult {
    let endpoints = Endpoints { addresses: vec![addresses.to_vec(); plan.targets.len()], tls: None };
    let result = threads::run(plan, &endpoints, &Interrupt::default(), Duration::MAX, &mut |_, _| {})
        .expect("the engine runs");
    assert!(result.metrics.is_balanced(), "{:?}", result.metrics.series.totals);
    result
}

/// Sent, answered, failed, unfinished.
fn totals(result: &RunResult) -> [u64; 4] {
    let RequestTotals { sent, answered, failed, unfinished, .. } = result.metrics.series.totals;
    [sent, answered, failed, unfinished]
}

fn address(server: &Scripted) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port().parse().expect("a port")))
}

#[test]
fn engine_answers_all_per_concurrency_threads_pipeline() {
    let server = Server::serving(&[("a.txt", b"hello")]);
    for (concurrency, threads, pipeline) in [(1, 1, 1), (7, 1, 1), (7, 3, 1), (4, 2, 5)] {
        let result = run(&Plan { concurrency, threads, pipeline, ..plan(1000) }, &[server.address()]);
        assert_eq!(totals(&result), [1000, 1000, 0, 0]);
        assert_eq!(result.metrics.connect.len(), concurrency as u64);
        assert!(!result.was_interrupted && !result.was_unreachable && result.unsent == 0);
    }
}

#[test]
fn connections_without_keep_alive_are_reopened() {
    let server = Server::serving(&[("a.txt", b"hello")]);
    let result = run(&Plan { keep_alive: false, concurrency: 3, ..plan(30) }, &[server.address()]);
    assert_eq!(totals(&result), [30, 30, 0, 0]);
    // Near the end, a connection may find that another has sent the last request.
    assert!((30..=32).contains(&result.metrics.connect.len()));
    let result = run(&Plan { requests_per_connection: Some(4), ..plan(10) }, &[server.address()]);
    assert_eq!((totals(&result), result.metrics.connect.len()), ([10, 10, 0, 0], 3));
}

#[test]
fn engine_counts_each_failure_kind() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (script, failure) in [
        (vec![Step::send(format!("{ok}hell"))], LoadFailure::Truncated),
        (vec![Step::send(format!("{ok}hello!")), Step::Silence], LoadFailure::TooLong),
        (vec![Step::send(format!("{chunked}zz\r\n")), Step::Silence], LoadFailure::BadChunk),
        (vec![], LoadFailure::ClosedEarly),
        (vec![Step::Trickle(b"SSH-2.0-what".to_vec()), Step::Silence], LoadFailure::BadHead),
        (vec![Step::send("HTTP/1.1 200 OK\r\n"), Step::Reset], LoadFailure::Reset),
    ] {
        let server = Scripted::repeating(&script, 3);
        let result = run(&plan(3), &[address(&server)]);
        assert_eq!(totals(&result), [3, 0, 3, 0], "{failure:?}");
        assert_eq!(result.metrics.failures.seen().collect::<Vec<_>>(), [(failure, 3)]);
    }
}

#[test]
fn silent_server_is_timed_out() {
    let server = Scripted::repeating(&[Step::Silence], 2);
    let result = run(&Plan { timeout: Duration::from_millis(150), ..plan(2) }, &[address(&server)]);
    assert_eq!(totals(&result), [2, 0, 2, 0]);
    assert_eq!(result.metrics.failures.of(LoadFailure::TimedOut), 2);
}

#[test]
fn in_flight_request_at_end_is_unfinished() {
    let server = Scripted::following(&[Step::Silence]);
    let stop = Stop { requests: None, duration: Some(Duration::from_millis(100)) };
    let result = run(&Plan { stop, ..plan(0) }, &[address(&server)]);
    assert_eq!(totals(&result), [1, 0, 0, 1]);
    assert!(result.wall >= Duration::from_millis(100));
}

#[test]
fn engine_tries_all_addresses_aborts_if_all_refuse() {
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused = refusing.local_addr().expect("its address");
    drop(refusing);
    let server = Server::serving(&[("a.txt", b"hello")]);
    let result = run(&Plan { concurrency: 2, ..plan(10) }, &[refused, server.address()]);
    assert_eq!(totals(&result), [10, 10, 0, 0]);
    assert!(result.metrics.series.connect_failures.of(LoadFailure::Refused) >= 1);

    let result = run(&Plan { timeout: Duration::from_millis(200), ..plan(10) }, &[refused]);
    assert!(result.was_unreachable);
    assert_eq!(totals(&result), [0; 4]);
}

#[test]
fn engine_allocations_do_not_grow_with_requests() {
    let server = Server::serving(&[("a.txt", b"hello")]);
    for (schedule, pipeline) in
        [(Schedule::Closed, 1), (Schedule::Closed, 8), (Schedule::Constant(20_000.0), 1)]
    {
        let mut spent = [0, 0];
        for (spent, requests) in spent.iter_mut().zip([2_000, 8_000]) {
            let plan = Plan { concurrency: 4, pipeline, schedule: schedule.clone(), ..plan(requests) };
            *spent =
                measure(|| assert_eq!(totals(&run(&plan, &[server.address()]))[1], requests)).count_total;
        }
        // A slice of the series takes some, and so does a latency that is longer than all before.
        let [few, many] = spent;
        assert!(many < few + 100, "{schedule:?} {pipeline}: {few} and {many}");
    }
}

#[test]
fn connections_spread_evenly_and_reopen_after_close() {
    // The first request of each connection is answered, and the second one is not.
    let habit = Habit::Errs { after: 1, bytes: Vec::new(), end: End::Close };
    for threads in [1, 2] {
        let servers = [Crowd::of(habit.clone()), Crowd::of(habit.clone())];
        let addresses = servers.each_ref().map(Crowd::address);
        // Ten connections send one request each, and that is all.
        let result = run(&Plan { concurrency: 10, threads, ..plan(10) }, &addresses);
        assert_eq!(totals(&result), [10, 10, 0, 0]);
        assert_eq!(servers.map(|server| server.stop().connections), [5, 5]);

        let server = Crowd::of(habit.clone());
        let result = run(&Plan { concurrency: 4, threads, ..plan(80) }, &[server.address()]);
        let Log { erred, connections, .. } = server.stop();
        assert_eq!(totals(&result), [80, 80 - erred, erred, 0]);
        // Each connection that ended has had a follower, but for those of the end.
        assert!((erred..=erred + 4).contains(&connections), "{erred} {connections}");
    }
}

#[test]
fn refused_connects_back_off() {
    let refused =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let stop = Stop { requests: None, duration: Some(Duration::from_millis(400)) };
    let result = run(&Plan { stop, concurrency: 10, ..plan(0) }, &[refused]);
    // Ten connections, at 0, 10, 30, 70, 150 and 310 ms.
    let attempts = result.metrics.series.connect_failures.of(LoadFailure::Refused);
    assert!((10..=60).contains(&attempts), "{attempts}");
}

#[test]
fn open_loop_sends_all_scheduled_requests() {
    let server = Server::serving(&[("a.txt", b"hello")]);
    let schedule = Schedule::Steps(vec![
        (1000.0, Duration::from_millis(200)),
        (0.0, Duration::from_millis(50)),
        (200.0, Duration::from_millis(100)),
    ]);
    let stop = Stop::default();
    for threads in [1, 2] {
        let plan = Plan { concurrency: 20, schedule: schedule.clone(), stop, threads, ..plan(0) };
        let result = run(&plan, &[server.address()]);
        assert_eq!(totals(&result), [220, 220, 0, 0]);
        assert!(result.wall >= Duration::from_millis(345));
    }
}

#[test]
fn observer_is_called_at_its_interval_only() {
    let server = Server::serving(&[("a.txt", b"hello")]);
    let stop = Stop { requests: None, duration: Some(Duration::from_millis(900)) };
    for threads in [1, 2] {
        // Once at the start; with threads, once at the end.
        for (interval, expected) in [(Duration::from_millis(200), 3..=6), (Duration::MAX, 0..=2)] {
            let plan = Plan { stop, concurrency: 2, threads, ..plan(0) };
            let mut calls = 0;
            let endpoints = Endpoints { addresses: [vec![server.address()]].into(), tls: None };
            threads::run(&plan, &endpoints, &Interrupt::default(), interval, &mut |_, _| calls += 1)
                .expect("the engine runs");
            assert!(expected.contains(&calls), "{threads} {interval:?}: {calls}");
        }
    }
}

#[test]
fn due_requests_without_free_connection_are_unsent() {
    let server = Scripted::following(&[Step::Silence]);
    let schedule = Schedule::Constant(100.0);
    let stop = Stop { requests: None, duration: Some(Duration::from_millis(200)) };
    let result = run(&Plan { schedule, stop, ..plan(0) }, &[address(&server)]);
    assert_eq!(totals(&result), [1, 0, 0, 1]);
    // All but the first, and perhaps the last: it was due 10 ms before the end.
    let unsent = result.metrics.series.totals.unsent;
    assert!(unsent >= 18 && unsent + result.unsent == 19, "{unsent} {}", result.unsent);
}
