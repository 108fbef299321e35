//! The load generator against servers that are dead, that hang, or that go away in the middle of a run.
//!
//! No run may call such a server good. On a busy machine a run may be client-bound besides; then the
//! figures are looked at all the same.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Client, Crowd, End, Habit, Outcome, Screen, Stalls, at_once, client};

const CLIENT_BOUND: i32 = 97;
const BROKEN: i32 = 99;
const GAVE_UP: i32 = 7;

/// Answers each request.
fn good() -> Crowd {
    let never = Duration::from_secs(3600);
    Crowd::of(Habit::Stalls(Stalls { first: never, every: never, len: Duration::ZERO }))
}

/// A port without a listener.
fn refusing_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port().to_string()
}

/// Answers so many requests of each connection, and then says nothing.
fn hanging(after: usize) -> Crowd {
    Crowd::of(Habit::Errs { after, bytes: Vec::new(), end: End::Silence })
}

fn dead() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port().to_string()
}

fn words(args: &str) -> Vec<&str> {
    args.split_whitespace().collect()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("a report: {}", outcome.stderr))
}

#[track_caller]
fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {report:#}"))
}

/// The server goes away at the first progress line.
fn with_server_killed(args: &str) -> Outcome {
    let server = good();
    let mut client = Client::start(&words(&format!("{args} :{}/", server.port())), Screen::None, |_| ());
    client.stderr().wait_for(" requests/s, ");
    server.stop();
    client.finish()
}

#[track_caller]
fn expect_broken(outcome: &Outcome, clause: &str) {
    assert!(matches!(outcome.code, Some(BROKEN | CLIENT_BOUND)), "{:?}: {}", outcome.code, outcome.stderr);
    let told = outcome.complaint();
    assert!(told.contains(clause) || outcome.code == Some(CLIENT_BOUND), "{told}");
}

#[test]
fn killed_server_fails_time_of_each_slot_closed_loop() {
    let outcome = with_server_killed("-c 4 -z 2s --every 500ms --format json --assert errors<40%");
    expect_broken(&outcome, "errors<40% does not hold: errors is ");
    let report = json(&outcome);
    // Three quarters of the time, or less if the first line came late.
    let share = report["error_share"].as_f64().expect("a share");
    assert!((0.4..0.9).contains(&share), "{report:#}");
    assert!(number(&report, "/requests/unsent") > 0 && number(&report, "/connect_failures/0/count") > 0);
    // Progress lines tell it too.
    let last = outcome.stderr.lines().rfind(|line| line.contains(" requests/s, ")).expect("a line");
    assert!(last.contains(" errors, connection refused: "), "{}", outcome.stderr);
}

#[test]
fn killed_server_fails_each_due_request_open_loop() {
    let outcome = with_server_killed("-c 4 -q 100 -z 2s --every 500ms --format json --assert errors<40%");
    expect_broken(&outcome, "errors<40% does not hold: errors is ");
    let report = json(&outcome);
    let [due, answered, failed, unsent] =
        ["run/due", "requests/answered", "requests/failed", "requests/unsent"]
            .map(|name| number(&report, &format!("/{name}")));
    assert_eq!((due, answered + failed + unsent), (200, 200), "{report:#}");
    let share = report["error_share"].as_f64().expect("a share");
    assert!((share - (failed + unsent) as f64 / 200.0).abs() < 1e-9 && unsent >= 80, "{report:#}");
}

#[test]
fn killed_server_stands_in_each_report_format() {
    let rows = [
        ("text", [" not sent; connection refused: ", "failure    connections"]),
        ("csv", ["requests.unsent,", "connect_failures.refused.count,"]),
        ("html", [" not sent; connection refused: ", "Failed connections"]),
        ("hdr", ["Tag=uncorrected", " not sent; connection refused: "]),
    ];
    at_once(rows, |(format, parts)| {
        let outcome = with_server_killed(&format!("-c 2 -z 1s --every 250ms --format {format}"));
        for part in parts {
            assert!(outcome.text().contains(part), "{format}: no {part} in {}", outcome.text());
        }
    });
}

#[test]
fn hung_server_breaks_error_and_latency_assertions() {
    let rows = [
        ("-c 4 -q 200 -z 1500ms --assert errors<1%", "errors<1% does not hold"),
        ("-c 4 -q 200 -z 1500ms --assert p99<100ms", "p99<100ms does not hold: p99 is 1."),
        // So few wait that only the requests that were never sent show it.
        ("-c 1 -q 100 -z 1500ms --assert p90<100ms", "p90<100ms does not hold: p90 is 1."),
        ("-c 4 -z 2s --assert errors<1%", "errors<1% does not hold"),
        ("-c 4 -z 2s --timeout 500ms --assert errors<1%", "errors<1% does not hold"),
    ];
    at_once(rows, |(args, clause)| {
        let server = hanging(20);
        expect_broken(&client(&words(&format!("{args} -s :{}/", server.port()))), clause);
    });
}

#[test]
fn request_in_flight_at_end_is_no_error() {
    for args in ["-c 4 -z 500ms", "-c 4 -q 100 -z 500ms"] {
        let server = good();
        let outcome = client(&words(&format!("{args} -s --format json :{}/", server.port())));
        let report = json(&outcome);
        assert_eq!(
            (report.pointer("/requests/unsent"), &report["error_share"]),
            (None, &0.0.into()),
            "{args}"
        );
    }
    let server = hanging(1);
    let report = json(&client(&words(&format!("-c 4 -q 10 -z 500ms -s --format json :{}/", server.port()))));
    assert_eq!((report.pointer("/requests/unsent"), number(&report, "/requests/failed")), (None, 0));
}

/// Runs over two hosts; answered, sent and failed of each.
#[track_caller]
fn over_two_hosts(args: &str, hosts: [&str; 2]) -> [[u64; 3]; 2] {
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("urls");
    fs::write(&list, hosts.map(|port| format!("http://127.0.0.1:{port}/\n")).concat()).expect("the list");
    let list = list.to_str().expect("UTF-8");
    let report = json(&client(&words(&format!("{args} -s --format json --urls {list}"))));
    [0, 1].map(|host| {
        ["answered", "sent", "failed"].map(|name| number(&report, &format!("/urls/{host}/{name}")))
    })
}

#[test]
fn dead_host_of_several_keeps_its_share_of_requests() {
    for args in ["-n 20 -c 4", "-n 20 -c 4 --threads 2", "-n 20 -c 4 -q 100", "-n 20 -c 4 --pipeline 2"] {
        let server = good();
        let hosts = over_two_hosts(args, [&server.port(), &dead()]);
        assert_eq!(hosts, [[10, 10, 0], [0, 0, 10]], "{args}");
    }
}

#[test]
fn hung_host_of_several_keeps_its_share_of_requests() {
    let (server, hung) = (good(), hanging(0));
    let hosts = over_two_hosts("-q 100 -z 1s -c 4", [&server.port(), &hung.port()]);
    // The last of its requests may be younger than an error.
    assert_eq!(hosts[0], [50, 50, 0]);
    assert!(hosts[1][1] == 2 && (47..=48).contains(&hosts[1][2]), "{hosts:?}");
    // In a closed loop, all wait for it in the end; it got every other request until then.
    let [ours, theirs] = over_two_hosts("-z 500ms -c 4", [&server.port(), &hung.port()]);
    assert!(ours[1] <= 4 && theirs[..2] == [0, 2], "{ours:?} {theirs:?}");
}

#[test]
fn hosts_need_a_connection_each_in_every_thread() {
    let outcome = {
        let dir = tempfile::tempdir().expect("a folder");
        let list = dir.path().join("urls");
        fs::write(&list, "http://127.0.0.1:1/\nhttp://127.0.0.1:2/\n").expect("the list");
        let list = list.to_str().expect("UTF-8");
        client(&words(&format!("-n 20 -c 3 --threads 2 --urls {list}"))).expect(1)
    };
    assert!(outcome.complaint().contains("and there are 3: raise -c"), "{}", outcome.stderr);
}

#[test]
fn dead_server_ends_run_with_exit_code_7() {
    let rows = ["-n 10 -c 2", "-z 1h -c 2", "-n 10 -c 2 -q 1", "-n 10 -c 4 --threads 2", "-n 10 --warmup 1h"];
    at_once(rows, |args| {
        let args = format!("{args} --assert errors<1% :{}/", dead());
        let outcome = client(&words(&args)).expect(GAVE_UP);
        let told = outcome.complaint();
        assert!(told.contains("gave up: the server refused the connection"), "{args}: {told}");
        assert!(outcome.text().contains(", given up"), "{args}: {}", outcome.text());
    });
    assert_eq!(over_two_hosts("-n 10 -c 2", [&dead(), &dead()]), [[0; 3]; 2]);
}

#[test]
fn hanging_connects_end_run_after_timeout_with_exit_code_7() {
    // The queue of this listener is full, so the kernel ignores each further SYN.
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&listener, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listen(&listener, 0).expect("it listens");
    let address = getsockname(&listener).expect("an address");
    let address = std::net::SocketAddr::try_from(address).expect("of IPv4");
    let _waiting = [0; 3].map(|_| TcpStream::connect(address).expect("it is begun"));
    let outcome = client(&words(&format!("-n 10 -c 2 --timeout 1s :{}/", address.port()))).expect(GAVE_UP);
    assert!(
        outcome.complaint().contains("gave up: the connection was not made in time"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn server_gone_in_the_middle_ends_run_after_timeout() {
    let rows = ["-n 1000000 -c 2", "-n 1000000 -c 2 -q 1k"];
    at_once(rows, |args| {
        let outcome = with_server_killed(&format!("{args} --timeout 500ms --every 250ms"));
        assert!(matches!(outcome.code, Some(GAVE_UP | CLIENT_BOUND)), "{args}: {}", outcome.stderr);
    });
    at_once(rows, |args| {
        let server = hanging(0);
        let outcome = client(&words(&format!("{args} --timeout 500ms -s :{}/", server.port())));
        assert!(matches!(outcome.code, Some(GAVE_UP | CLIENT_BOUND)), "{args}: {}", outcome.stderr);
        assert!(outcome.text().contains(", given up"), "{args}: {}", outcome.text());
    });
}

#[test]
fn run_without_responses_fails_each_clause_of_fail_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let [alive, dead] =
        ["alive", "dead"].map(|name| dir.path().join(name).to_str().expect("UTF-8").to_owned());
    let (server, refusing) = (good(), refusing_port());
    client(&["-n", "200", "-c", "2", "-s", "--save", &alive, "-p", &server.port()]);
    client(&["-z", "300ms", "-c", "2", "-s", "--save", &dead, "-p", &refusing]).expect(1);
    let clauses = ["p99>+10%", "rps<-5%", "errors>+1%"];
    let failing = ["--allow-client-bound", "--fail-on", "p99>+10%,rps<-5%,errors>+1%"];
    for (files, which) in [([&alive, &dead], "second"), ([&dead, &alive], "first"), ([&dead, &dead], "first")]
    {
        let outcome = client(&[&["compare", files[0], files[1]], &failing[..]].concat()).expect(98);
        let line = |clause| format!("{clause} cannot be judged: the {which} run got no response");
        let wanted = format!("--fail-on failed: {}", clauses.map(line).join("; "));
        assert!(outcome.complaint().ends_with(&wanted), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("was not judged"), "{}", outcome.stderr);
    }
    let args = ["-n", "9", "-z", "300ms", "-c", "2", "-s", "--compare", &alive, "-p", &refusing];
    client(&[&args, &failing[..]].concat()).expect(98);

    let table = client(&["compare", &dead, &alive]).expect(0);
    let row = |name: &str| -> Vec<String> {
        let table = table.text();
        let line = table.lines().find(|line| line.starts_with(name)).expect("a row").to_owned();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        (&row("rps")[1], &row("rps")[3..5]),
        (&"0.0/s".to_owned(), &["from", "0"].map(str::to_owned)[..])
    );
    assert_eq!((row("p99")[1].as_str(), row("p99")[4].as_str()), ("-", "-"));
    let json: Value = serde_json::from_slice(&client(&["compare", &dead, &alive, "--format", "json"]).stdout)
        .expect("a JSON report");
    assert_eq!((&json["figures"][0]["before"], &json["figures"][1]["before"]), (&0.0.into(), &Value::Null));
    assert_eq!(json["figures"][0]["change_share"], Value::Null);
    let csv = client(&["compare", &dead, &alive, "--format", "csv"]);
    let csv = csv.text();
    assert!(
        csv.contains("\nfigures.rps.before,0.0\r")
            && csv.contains("\nfigures.p99.before,\r")
            && csv.contains("\nfigures.rps.change_share,\r"),
        "{csv}"
    );
}

/// Stops the client for so long while it measures.
fn paused(len: Duration, args: &[&str]) -> Outcome {
    let server = good();
    let port = server.port();
    let args = [&["-q", "100", "-z", "2s", "-c", "4", "--every", "250ms", "-p", &port], args].concat();
    let mut client = Client::start(&args, Screen::None, |_| ());
    // By then it has its connections.
    client.stderr().wait_for("requests/s");
    client.signal(Signal::STOP);
    let end = Instant::now() + len;
    while Instant::now() < end {
        thread::park_timeout(end - Instant::now());
    }
    client.signal(Signal::CONT);
    client.finish()
}

#[test]
fn client_bound_run_exits_97_unless_it_is_allowed() {
    let long = Duration::from_millis(400);
    let outcome = paused(long, &["--assert", "p50<1us"]).expect(CLIENT_BOUND);
    assert!(outcome.text().contains(" late at max (the limit is "), "{}", outcome.text());
    let outcome = paused(long, &["--allow-client-bound", "--assert", "errors<1%"]).expect(0);
    assert!(outcome.text().contains("INVALID: client-bound"), "{}", outcome.text());
    paused(long, &["--allow-client-bound", "--assert", "p50<1us"]).expect(BROKEN);
}

/// A hiccup of 30 ms makes three requests of two hundred late, so the p99 too, but not the p95.
#[test]
fn one_hiccup_of_the_client_does_not_make_a_run_invalid() {
    let outcome = paused(Duration::from_millis(30), &["--allow-client-bound"]).expect(0);
    // A machine that is busy may make the client later than that.
    assert!(!outcome.text().contains("late at p99 (the limit is "), "{}", outcome.text());
}

#[test]
fn notes_blame_no_low_c_if_server_is_dead_or_hung() {
    let hung = hanging(0);
    at_once([dead(), hung.port()], |port| {
        for format in ["json", "text"] {
            let args = format!("-q 200 -z 600ms -c 1 -s --format {format} :{port}/");
            let outcome = client(&words(&args));
            for part in ["-c is too low", "part of the ", "too short"] {
                assert!(!outcome.text().contains(part), "{part} in {}", outcome.text());
            }
        }
    });
    // In the middle too: only refused requests were not sent.
    let outcome = with_server_killed("-c 1 -q 100 -z 1s --every 250ms --format json");
    let validity = json(&outcome)["validity"].to_string();
    assert!(
        validity.contains("the rate was not reached") || outcome.code == Some(CLIENT_BOUND),
        "{validity}"
    );
    assert!(!validity.contains("-c is too low"), "{validity}");
}

#[test]
fn hung_server_of_several_connections_ends_run_at_first_timeout() {
    let server = hanging(2);
    let outcome = client(&words(&format!("-n 100 -c 4 --timeout 1s -s --format json :{}/", server.port())));
    assert!(matches!(outcome.code, Some(GAVE_UP | CLIENT_BOUND)), "{}", outcome.stderr);
    // Each connection has lost one request.
    assert_eq!(number(&json(&outcome), "/requests/failed"), 4);
}

#[test]
fn server_that_never_answers_gets_estimate_below_its_slots() {
    let server = hanging(0);
    let outcome =
        client(&words(&format!("-z 1500ms -c 4 --timeout 500ms --format json :{}/", server.port())));
    let report = json(&outcome);
    assert!(
        number(&report, "/requests/unsent") <= 4 && number(&report, "/requests/failed") >= 8,
        "{report:#}"
    );
}
