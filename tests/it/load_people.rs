//! What people and scripts are told of a run: while it lasts, beside another, and when it cannot be made.
//!
//! Terminals are real ones, narrow and dumb ones among them. Where figures decide, the runs are made up and
//! saved through the library; no test depends on how fast a server is.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reactor_http::load::engine::pacer::Schedule;
use reactor_http::load::plan::run_plan::Stop;
use reactor_http::load::run_info::{CpuUsage, LoadProfile, RunInfo, Setup};
use reactor_http::load::saved::SavedRun;
use reactor_http::load::stats::metrics::{Metrics, RequestTimes};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{Client, Crowd, End, Habit, Outcome, Screen, Server, at_once, client};

/// As in `load.rs`: on a busy machine the client may be the limit of a real run.
const CLIENT_BOUND: i32 = 97;

fn server() -> Server {
    Server::serving(&[("index.html", b"home")])
}

/// The lines that a terminal was sent, without the escape codes.
fn drawn(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, lines.last_mut()) {
            ('\x1b', _) => {
                let end = letters.find(char::is_ascii_alphabetic);
                assert!(end.is_some_and(|end| "AJK".contains(end)), "a code for more than moving: {end:?}");
            }
            ('\n', _) => lines.push(String::new()),
            ('\r', _) | (_, None) => {}
            (_, Some(line)) => line.push(letter),
        }
    }
    lines
}

#[test]
fn narrow_terminal_gets_lines_under_40_columns() {
    let server = server();
    let port = server.address().port().to_string();
    let args = ["-c", "2", "-z", "900ms", "--warmup", "600ms", "-p", &port];
    let outcome = Client::start(&args, Screen::Narrow, |command| {
        command.env("LC_ALL", "C.UTF-8");
    });
    let outcome = outcome.finish();
    let lines = drawn(&outcome.stderr);
    assert!(lines.iter().all(|line| line.chars().count() < 40), "{lines:?}");
    for part in ["warming up, ", " requests/s", "p50 ", "p99 ", " responses", " errors", " left"] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} is not in {lines:?}");
    }
    assert!(outcome.text().contains("latency"), "{}", outcome.text());
}

#[test]
fn interrupt_clears_progress_block_before_the_report() {
    let server = server();
    let port = server.address().port().to_string();
    let args = ["-c", "2", "-z", "1h", "-p", &port];
    let mut client = Client::start(&args, Screen::Both, |command| {
        command.env("LC_ALL", "C.UTF-8");
    });
    client.stderr().wait_for("requests/s");
    client.signal(Signal::INT);
    let screen = client.finish().stderr;
    let (block, report) = screen.split_once("GET http://").unwrap_or_else(|| panic!("no report: {screen:?}"));
    assert!(block.ends_with("\r\x1b[J"), "{block:?}");
    assert!(report.contains(", interrupted") && !report.contains('\x1b'), "{report:?}");
}

#[test]
fn dumb_or_ascii_terminal_gets_plain_progress_lines() {
    let server = server();
    let port = server.address().port().to_string();
    let args = ["-c", "2", "-z", "700ms", "--every", "250ms", "--warmup", "1s", "-p", &port];
    at_once([("TERM", "dumb"), ("LC_ALL", "POSIX")], |(name, value)| {
        let outcome = Client::start(&args, Screen::Stderr, |command| {
            command.env(name, value);
        });
        let outcome = outcome.finish();
        assert!(!outcome.stderr.contains('\x1b'), "{name}: {:?}", outcome.stderr);
        assert!(outcome.stderr.starts_with("warming up, "), "{name}: {:?}", outcome.stderr);
        assert!(outcome.stderr.contains(" requests/s, p50 "), "{name}: {:?}", outcome.stderr);
    });
}

/// A run of ten seconds of 200 requests, in which each tenth takes this long and the others a fifth of it.
fn made_up(directory: &Path, name: &str, slowest: Duration, cpu: Duration) -> String {
    let mut metrics = Metrics::new(0, Duration::from_secs(1));
    for number in 0..2000u32 {
        let sent = number * Duration::from_millis(5);
        let done = sent + if number % 10 == 0 { slowest } else { slowest / 5 };
        let (url, status, received_len) = (0, 200, 1000);
        metrics.record_sent(url);
        metrics.answered(RequestTimes { url, intended: sent, sent, done }, status, done, received_len);
    }
    let info = RunInfo {
        target: "GET http://localhost/".to_owned(),
        urls: Vec::new(),
        setup: Setup {
            method: "GET".to_owned(),
            fields: Vec::new(),
            body_len: Some(0),
            order: None,
            seed: None,
            keep_alive_for: None,
            timeout: Duration::from_secs(30),
            client_version: "0.1.0".to_owned(),
        },
        profile: LoadProfile {
            schedule: Schedule::Closed,
            stop: Stop { requests: None, duration: Some(Duration::from_secs(10)) },
            warmup: Duration::ZERO,
        },
        due: None,
        concurrency: 4,
        pipeline: 1,
        threads: 1,
        wall: Duration::from_secs(10),
        // By its time, no two runs are the same.
        cpu_usage: CpuUsage::of_thread(cpu + slowest / 1000, None),
        started_unix_secs: 1_700_000_000,
        was_interrupted: false,
        gave_up: false,
        merged: None,
    };
    let path = directory.join(name);
    fs::write(&path, SavedRun { metrics, info }.to_json()).expect("the run is written");
    path.to_str().expect("UTF-8").to_owned()
}

#[track_caller]
fn json(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).expect("one JSON document")
}

#[test]
fn compare_has_json_and_csv_and_fails_only_if_worse() {
    let directory = tempfile::tempdir().expect("a folder");
    let run =
        |name, ms, cpu| made_up(directory.path(), name, Duration::from_millis(ms), Duration::from_secs(cpu));
    let (fast, slow, bound) = (run("fast.run", 10, 1), run("slow.run", 15, 1), run("bound.run", 15, 10));
    let compare = |args: &[&str]| client(&[&["compare"], args].concat());
    let outcome = compare(&[&fast, &slow, "--format", "json", "--fail-on", "p99>+10%"]).expect(98);
    assert!(
        outcome.complaint().contains("--fail-on failed: p99 went from 10.0 ms to 15.0 ms"),
        "{}",
        outcome.stderr
    );
    let comparison = json(&outcome);
    assert_eq!(comparison["format"], "reactor-http load comparison");
    let verdict = |comparison: &Value, name: &str| {
        let figures = comparison["figures"].as_array().expect("figures").clone();
        figures.iter().find(|figure| figure["name"] == name).expect("the figure")["verdict"].clone()
    };
    assert_eq!([verdict(&comparison, "p99"), verdict(&comparison, "rps")], ["slower", "no-difference-shown"]);
    let same = json(&compare(&[&fast, &fast, "--format", "json", "--fail-on", "p99>+0.1%"]).expect(0));
    assert_eq!(verdict(&same, "p99"), "no-difference-shown");
    let faster = compare(&[&slow, &fast, "--fail-on", "p99>+10%,errors>+1%"]).expect(0);
    assert!(faster.text().contains(" faster\n"), "{}", faster.text());
    let table = compare(&[&fast, &slow, "--format", "csv"]).expect(0);
    assert!(table.text().contains("figures.p99.verdict,slower\r\n"), "{}", table.text());
    let result = compare(&[&fast, &slow, "--fail-on", "p99.9>+1%"]).expect(0);
    assert!(result.stderr.contains("p99.9>+1% was not judged: too few responses"), "{}", result.stderr);
    compare(&[&fast, &bound, "--fail-on", "p99>+10%"]).expect(CLIENT_BOUND);
    compare(&[&fast, &bound, "--allow-client-bound", "--fail-on", "p99>+10%"]).expect(98);
    compare(&[&bound, &fast, "--allow-client-bound", "--fail-on", "p99>+10%"]).expect(0);
    client(&["merge", "--allow-client-bound", &bound, &fast]).expect(0);
    client(&["merge", &fast, &slow]).expect(0);
    let merged = client(&["merge", &bound, &fast, "--format", "json"]).expect(CLIENT_BOUND);
    assert_eq!(
        (&json(&merged)["run"]["runs"], &json(&merged)["validity"]["valid"]),
        (&2.into(), &false.into())
    );
}

#[test]
fn out_naming_an_input_run_is_refused() {
    let directory = tempfile::tempdir().expect("a folder");
    let [one, other] = [("one", 10), ("other", 11)]
        .map(|(name, ms)| made_up(directory.path(), name, Duration::from_millis(ms), Duration::from_secs(1)));
    let before = fs::read(&one).expect("the run");
    let same = directory.path().join("./one").to_str().expect("UTF-8").to_owned();
    for args in [
        &["compare", &one, &other, "--out", &same][..],
        &["merge", &other, &one, "--out", &same],
        &["-n1", "--compare", &one, "--out", &same, "http://127.0.0.1:1/"],
        &["-n1", "--save", &one, "--out", &same, "http://127.0.0.1:1/"],
    ] {
        let result = client(args).expect(2);
        assert!(result.stderr.contains("--out names the same file as "), "{}", result.stderr);
        assert!(fs::read(&one).expect("the run") == before, "{args:?}");
    }
}

#[test]
fn run_with_compare_writes_one_json_or_csv_document() {
    let directory = tempfile::tempdir().expect("a folder");
    let before = made_up(directory.path(), "before", Duration::from_millis(10), Duration::from_secs(1));
    let server = server();
    let port = server.address().port().to_string();
    let run = |format| {
        let args = ["-n", "20", "-s", "--compare", &before, "--format", format, "-p", &port];
        let outcome = client(&args);
        assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{}", outcome.stderr);
        outcome
    };
    let report = json(&run("json"));
    assert_eq!(report["format"], "reactor-http load report");
    assert_eq!(report["comparison"]["figures"][1]["verdict"], "too-short");
    assert!(run("csv").text().contains("comparison.figures.p50.verdict,too-short\r\n"));
    let hdr = run("hdr");
    assert!(hdr.text().starts_with('#') && !hdr.text().contains("interval\n"), "{}", hdr.text());
    assert!(hdr.stderr.contains("95 % interval"), "{}", hdr.stderr);
}

/// A URL whose host has no address: a label is too long, so that no resolver is asked.
fn nowhere() -> String {
    format!("http://{}.invalid/", "x".repeat(64))
}

#[test]
fn output_files_are_checked_before_and_written_after_the_run() {
    let server = server();
    let port = server.address().port().to_string();
    let directory = tempfile::tempdir().expect("a folder");
    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let (old, new) = (path("old"), path("new"));
    fs::write(&old, "the last report, which is a long one").expect("the file");
    for option in ["--out", "--save"] {
        let outcome = client(&["-n", "5", option, "/nowhere/file", "-p", &port]).expect(1);
        assert!(outcome.complaint().contains("cannot write '/nowhere/file': "), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{option}");
    }
    client(&["-n", "5", "--out", &old, "--save", &new, &nowhere()]).expect(1);
    assert_eq!(fs::read_to_string(&old).expect("it is there"), "the last report, which is a long one");
    assert!(!Path::new(&new).exists(), "nothing came of it");
    assert_eq!(server.stop().log, "", "nobody was asked");
}

#[test]
fn invalid_arguments_and_files_give_one_error_line() {
    let directory = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("the file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (empty, many) = (file("empty", b""), file("many", "/a\n".repeat(1_000_000).as_bytes()));
    let large = file("large", &vec![b'x'; 17 << 20]);
    let at_large = format!("@{large}");
    let here = directory.path().to_str().expect("UTF-8").to_owned();
    let nobody = nowhere();
    let rows: [(&[&str], i32, &str); 14] = [
        (&["--assert", "p98<10ms"], 2, "there is no metric 'p98'"),
        (&["--assert", "p99<10"], 2, "a time needs a unit"),
        (&["--assert", "errors<1"], 2, "a share needs a percent sign"),
        (&["--urls", &empty], 2, "there is no URL in it"),
        (&["--urls", &here], 1, "Is a directory"),
        (&["--urls", &many], 2, "there are more than 100000 URLs"),
        (&["-T", &large, "/x"], 1, "it is longer than 16 MiB"),
        (&["-d", &at_large, "/x"], 1, "it is longer than 16 MiB"),
        (&["--compare", &empty], 1, "not a saved run"),
        (&["--compare", &here], 1, "Is a directory"),
        (&["--order", "ramdom"], 2, "did you mean 'random'?"),
        (&["--format", "jsn"], 2, "did you mean 'json'?"),
        (&["--steps", "fast"], 2, "steps are rates and times"),
        (&[&nobody], 1, "cannot resolve 'xxx"),
    ];
    for (args, code, part) in rows {
        let outcome = client(&[&["-n", "5"], args].concat()).expect(code);
        assert!(outcome.complaint().contains(part), "{args:?}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{args:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn unreached_rate_is_reported_with_its_due_requests() {
    let server = server();
    let port = server.address().port().to_string();
    let outcome = client(&["-q", "1m", "-c", "1", "-z", "600ms", "-s", "--format", "json", "-p", &port]);
    assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{}", outcome.stderr);
    let validity = json(&outcome)["validity"].to_string();
    assert!(validity.contains(" of the 600,000 due requests"), "{validity}");
}

/// A pipe that takes nothing, for nobody reads it; and its other end.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("it need not wait");
    while std::io::Write::write(&mut writer, &[0; 512]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("it waits");
    (reader, writer)
}

#[test]
fn full_output_pipe_does_not_block_run_or_signals() {
    let server = server();
    let port = server.address().port().to_string();
    // How it is going cannot be told, and the run ends all the same.
    for more in [&[][..], &["--threads", "2"], &["--find-rate", "--slo", "p99<1us", "-q", "1"]] {
        let (reader, writer) = full_pipe();
        let args = [&["-c", "2", "-z", "300ms", "--every", "250ms", "-p", &port], more].concat();
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_reactor-client"))
            .args(args)
            .stdout(std::process::Stdio::piped())
            .stderr(writer)
            .spawn()
            .expect("the client starts");
        let mut stdout = child.stdout.take().expect("a pipe");
        let mut first = [0; 1];
        std::io::Read::read_exact(&mut stdout, &mut first).expect("a report");
        // What is said at the very end may have to wait; now nobody does.
        drop(reader);
        let rest = std::io::read_to_string(&mut stdout).expect("the rest of the report");
        child.wait().expect("it ends");
        assert!(rest.contains("p99"), "{more:?}: {rest}");
    }
    // The report cannot be written: one signal ends the run, the next one that.
    let crowd = Crowd::of(Habit::Errs { after: usize::MAX, bytes: Vec::new(), end: End::Close });
    let (_reader, writer) = full_pipe();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_reactor-client"))
        .args(["-c", "2", "-z", "60s", "-s", "-p", &crowd.port()])
        .stdout(writer)
        .spawn()
        .expect("the client starts");
    crowd.wait_for_request();
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("it is ours").is_none() {
        assert!(Instant::now() < until, "it goes on");
        kill_process(Pid::from_child(&child), Signal::INT).expect("the signal is sent");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
