//! Servers that answer wrongly, each in its own way: each is counted under its own name, and none lost.
//!
//! The real client asks in open and closed loop, over one connection and many, pipelined or not, in
//! one thread and in two. Always: sent = answered + failed + unfinished, exactly, and as many have
//! failed as the server has answered wrongly.

use serde_json::Value;

use crate::harness::{Crowd, End, GOOD, Habit, Scripted, Step, at_once, client};

/// The ways of asking; how many requests, and the options.
const WAYS: [(u64, &str); 6] = [
    (15, "-c 1"),
    (120, "-c 16"),
    (120, "-c 16 --pipeline 8"),
    (120, "-c 16 --threads 2"),
    (120, "-c 16 --pipeline 8 --threads 2 -q 2000"),
    (60, "-c 4 -q 1000"),
];

/// Requests of each connection that are answered properly before the wrong answer.
const AFTER: usize = 2;

#[track_caller]
fn count(report: &Value, name: &str) -> u64 {
    let found = report.pointer(&format!("/requests/{name}"));
    found.and_then(Value::as_u64).unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// The failures of a report, by name, and how often each has come.
fn failures(report: &Value, list: &str) -> Vec<(String, u64)> {
    let named = |failure: &Value| Some((failure["name"].as_str()?.to_owned(), failure["count"].as_u64()?));
    report[list].as_array().expect("a list").iter().filter_map(named).collect()
}

/// Runs the client and looks at the balance.
#[track_caller]
fn report(requests: u64, options: &str, port: &str) -> Value {
    let requests = requests.to_string();
    let fixed = ["-n", &requests, "-s", "--format", "json", "-p", port];
    let outcome = client(&[&fixed[..], &options.split(' ').collect::<Vec<_>>()].concat());
    // Whether the machine was busy is not what these tests are about, nor what a run without answers is.
    assert!(matches!(outcome.code, Some(0 | 1 | 7 | 97)), "{options}: {}", outcome.stderr);
    let report: Value = serde_json::from_slice(&outcome.stdout).expect("a JSON report");
    let [sent, answered, failed, unfinished] =
        ["sent", "answered", "failed", "unfinished"].map(|name| count(&report, name));
    assert_eq!(sent, answered + failed + unfinished, "{options}: {report:#}");
    let named: u64 = failures(&report, "failures").iter().map(|(_, count)| count).sum();
    assert_eq!(failed, named, "{options}: {report:#}");
    report
}

#[track_caller]
fn is_counted_as(failure: &str, after: usize, bytes: &[u8], end: End, more: &str) {
    at_once(WAYS, |(requests, options)| {
        let server = Crowd::of(Habit::Errs { after, bytes: bytes.to_vec(), end });
        let options = format!("{options}{more}");
        let report = report(requests, &options, &server.port());
        let erred = server.stop().erred;
        let failures = failures(&report, "failures");
        if failure == "timed-out" {
            // A server whose connections are all silent for a time-out is given up, with what is in flight.
            // What is pipelined behind a silence is waited for as long.
            let failed = matches!(&failures[..], [(name, 1..)] if name == failure);
            assert!(failed && count(&report, "sent") <= requests, "{options}: {report:#}");
        } else {
            assert_eq!((count(&report, "sent"), count(&report, "unfinished")), (requests, 0), "{options}");
            assert_eq!(failures, [(failure.to_owned(), erred)], "{options}: {report:#}");
        }
        assert!(erred > 0 && (after == 0 || count(&report, "answered") > 0), "{options}: {report:#}");
    });
}

#[test]
fn short_body_is_truncated() {
    let short = &GOOD[..GOOD.len() - 1];
    is_counted_as("truncated", AFTER, short, End::Close, "");
}

#[test]
fn long_body_is_too_long() {
    is_counted_as("too-long", AFTER, &[GOOD, b"!"].concat(), End::Silence, "");
}

#[test]
fn late_surplus_is_too_long_or_reported() {
    let late = || Crowd::of(Habit::Errs { after: AFTER, bytes: GOOD.to_vec(), end: End::Late(b"!") });
    // In a closed loop the next request is on its way by then, and it is what fails.
    let (server, mut failed) = (late(), 0);
    for (name, count) in failures(&report(15, "-c 1", &server.port()), "failures") {
        assert_eq!(name, "too-long");
        failed += count;
    }
    assert!((3..=5).contains(&failed), "{failed}");
    // By a slow schedule nothing is on its way: no request has failed, and the report tells.
    let server = late();
    let report = report(5, "-c 1 -q 5", &server.port());
    let warnings = report["validity"]["remarks"].to_string();
    assert!(warnings.contains("unsolicited bytes arrived") || count(&report, "failed") > 0, "{report:#}");
}

#[test]
fn connection_close_loses_no_request_resends_pipelined() {
    let last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (requests, options) in WAYS {
        let server = Crowd::of(Habit::Errs { after: AFTER, bytes: last.to_vec(), end: End::Close });
        let report = report(requests, options, &server.port());
        assert_eq!((count(&report, "sent"), count(&report, "answered")), (requests, requests), "{report:#}");
        let warnings = report["validity"]["remarks"].to_string();
        // By a schedule, each request may find another connection that has nothing on its way.
        if options.contains("--pipeline") && !options.contains("-q") {
            assert!(warnings.contains("pipelined requests were sent again"), "{warnings}");
        }
    }
}

#[test]
fn invalid_chunk_is_bad_chunk() {
    let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n";
    is_counted_as("bad-chunk", AFTER, bytes, End::Silence, "");
}

#[test]
fn close_without_response_is_closed_early() {
    is_counted_as("closed-early", AFTER, b"", End::Close, "");
}

#[test]
fn garbage_is_bad_head() {
    is_counted_as("bad-head", 0, b"SSH-2.0-OpenSSH_9.2\r\n", End::Silence, "");
    is_counted_as("bad-head", AFTER, b"HTTP/1.1 abc OK\r\n\r\n", End::Silence, "");
}

#[test]
fn limit_that_is_met_is_named() {
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").into_bytes();
    let chunked = |rest: &str| [head("Transfer-Encoding: chunked"), rest.as_bytes().to_vec()].concat();
    let long = head(&format!("X: {}", "x".repeat(256 << 10)));
    let line = chunked(&format!("5;{}\r\n", "x".repeat(256)));
    let trailers = chunked(&format!("0\r\nX: {}\r\n", "x".repeat(4 << 10)));
    is_counted_as("head-too-long", AFTER, &long, End::Silence, "");
    is_counted_as("chunk-too-long", AFTER, &line, End::Silence, "");
    is_counted_as("chunk-too-long", AFTER, &trailers, End::Silence, "");
    is_counted_as("too-many-interims", AFTER, &b"HTTP/1.1 103 Hints\r\n\r\n".repeat(17), End::Silence, "");
    is_counted_as("undecodable", AFTER, &head("Transfer-Encoding: gzip, chunked"), End::Silence, "");
}

#[test]
fn answers_that_curl_reads_are_answered() {
    let rows = [
        "HTTP/1.1 200 OK\nContent-Length:\n 2\n\nok".to_owned(),
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2 \nok\n0\n\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "X: y\r\n".repeat(10_000)),
    ];
    for answer in rows {
        let server = Scripted::repeating(&[Step::send(&answer)], 3);
        let report = report(3, "-c 1 --no-keepalive", &server.port());
        assert_eq!(count(&report, "answered"), 3, "{report:#}");
    }
}

#[test]
fn silence_is_timed_out() {
    is_counted_as("timed-out", AFTER, b"", End::Silence, " --timeout 400ms");
    is_counted_as("timed-out", AFTER, &GOOD[..GOOD.len() - 1], End::Silence, " --timeout 400ms");
}

#[test]
fn stopped_server_report_shows_unfinished_and_missed_rate() {
    let server = Crowd::of(Habit::Errs { after: 20, bytes: Vec::new(), end: End::Silence });
    let outcome = client(&["-c", "4", "-q", "200", "-z", "1500ms", "-s", "-p", &server.port()]);
    let text = outcome.text();
    // It was answering for 400 ms, and since then four requests wait and 220 more are due.
    for part in [
        "= 80 completed + 0 failed + 4 unfinished",
        " not sent)",
        "without a response at the end: 2",
        "these times count: p",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // A client that had to wait for a processor does not blame the server.
    let missed = ["the rate was not reached: 2", "INVALID: client-bound\n  the client did not send 2"];
    assert!(missed.iter().any(|part| text.contains(part)), "{text}");
}

#[test]
fn reset_connection_is_reset() {
    is_counted_as("reset", AFTER, b"", End::Reset, "");
    is_counted_as("reset", AFTER, &GOOD[..20], End::Reset, "");
}

#[test]
fn partial_head_is_truncated() {
    is_counted_as("truncated", AFTER, b"HTTP/1.1 200 OK\r\nConte", End::Close, "");
}

#[test]
fn closed_port_is_refused_and_sends_nothing() {
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.local_addr().expect("an address").port().to_string()
    };
    at_once(WAYS, |(requests, options)| {
        let report = report(requests, &format!("{options} --timeout 400ms"), &port);
        assert_eq!(count(&report, "sent"), 0, "{options}");
        let refused = failures(&report, "connect_failures");
        assert!(matches!(&refused[..], [(name, 1..)] if name == "refused"), "{options}: {report:#}");
    });
}
