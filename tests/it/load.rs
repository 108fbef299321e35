//! Load mode from the command line to the report, against the real server and against bad ones.
//!
//! What the figures mean is tested where they are made; here it is that the whole hangs together:
//! options reach the engine, the report reaches the person, and exit codes tell scripts.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    Client, Crowd, End, Habit, Outcome, Screen, Scripted, Server, Step, WAIT_MAX, at_once, client,
};

/// A machine that is busy with other tests may make the generator itself the limit; whether it was is not
/// what these tests are about.
const CLIENT_BOUND: i32 = 97;

fn server() -> Server {
    Server::serving(&[("index.html", b"home"), ("a.txt", b"a"), ("b.txt", b"bb"), ("7", b"seven")])
}

/// Runs the client against a server, with these options.
fn load(server: &Server, args: &str) -> Outcome {
    let port = server.address().port().to_string();
    client(&[&["-p", &port], args.split_whitespace().collect::<Vec<_>>().as_slice()].concat())
}

/// The same, for a run that should be well but for the machine.
#[track_caller]
fn good(server: &Server, args: &str) -> Outcome {
    let outcome = load(server, args);
    assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{args}: {}", outcome.stderr);
    outcome
}

#[track_caller]
fn json(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).expect("a JSON report")
}

/// A count of the JSON report.
#[track_caller]
fn count(report: &Value, name: &str) -> u64 {
    let found = report.pointer(&format!("/requests/{name}"));
    found.and_then(Value::as_u64).unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// The request lines that the server has logged.
fn asked(server: Server) -> Vec<String> {
    let log = server.stop().log;
    log.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

#[test]
fn run_sends_exact_request_count_all_answered() {
    for args in [
        "-n 200 -c 8",
        "-n 200 -c 8 --pipeline 4",
        "-n 200 -c 4 --threads 2",
        "-n 200 -c 4 --no-keepalive",
        "-n 200 -c 4 --requests-per-connection 7",
        "-n 200 -c 4 -q 10k",
    ] {
        let server = server();
        let report = json(&good(&server, &format!("{args} --format json -s /a.txt")));
        assert_eq!(count(&report, "sent"), 200, "{args}");
        assert_eq!(count(&report, "answered"), 200, "{args}");
        assert_eq!((count(&report, "failed"), count(&report, "unfinished")), (0, 0), "{args}");
        assert_eq!(asked(server), ["GET /a.txt HTTP/1.1"; 200], "{args}");
    }
}

#[test]
fn timed_run_ends_with_text_report() {
    let server = server();
    let outcome = good(&server, "-c 2 -z 300ms /");
    let text = outcome.text();
    for part in ["requests", "rate", "latency", "p99.9", "status ", "200"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(asked(server).len() > 2);
}

#[test]
fn placeholders_are_rendered_per_request() {
    let server = server();
    good(&server, "-n 3 -c 1 -s /{SEQ}?{RAND:7:7}&{{SEQ}&{x}");
    let lines = [0, 1, 2].map(|seq| format!("GET /{seq}?7&%7BSEQ%7D&%7Bx%7D HTTP/1.1"));
    assert_eq!(asked(server), lines);
}

#[test]
fn warmup_leaves_measured_requests_unchanged() {
    // On a busy machine, a short warm-up may end before its first request.
    let first = ["50ms", "500ms", "5s"].into_iter().find_map(|warmup| {
        let server = server();
        let report = json(&good(&server, &format!("-n 3 -c 1 -s --warmup {warmup} --format json /{{SEQ}}")));
        assert_eq!(count(&report, "sent"), 3);
        let asked = asked(server);
        let (before, measured) = asked.split_at(asked.len() - 3);
        assert_eq!(measured, [0, 1, 2].map(|seq| format!("GET /{seq} HTTP/1.1")));
        before.first().cloned()
    });
    assert_eq!(first.as_deref(), Some("GET /0 HTTP/1.1"));
}

#[test]
fn url_list_is_used_in_order_or_at_random() {
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("urls");
    fs::write(&list, "# pages\n/a.txt\n/b.txt\n\n/7\n").expect("the list");
    let list = list.to_str().expect("UTF-8");
    let server = server();
    good(&server, &format!("-n 4 -c 1 -s --urls {list} HEAD"));
    let lines = ["/a.txt", "/b.txt", "/7", "/a.txt"].map(|path| format!("HEAD {path} HTTP/1.1"));
    assert_eq!(asked(server), lines);
    let runs = [1, 1, 2].map(|seed| {
        let server = self::server();
        good(&server, &format!("-n 40 -c 1 -s --urls {list} --order random --seed {seed}"));
        asked(server)
    });
    assert_eq!(runs[0], runs[1], "the same seed");
    assert_ne!(runs[0], runs[2], "another seed");
}

#[test]
fn load_requests_have_given_fields_and_body() {
    let ok = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Scripted::repeating(&[ok], 2);
    let args =
        ["-n", "2", "-c", "1", "--no-keepalive", "-d", "n={SEQ}", "-H", "X-N: {SEQ}", "-p", &server.port()];
    client(&args);
    for seq in 0..2 {
        let request = server.request();
        for line in [
            "POST / HTTP/1.1".to_owned(),
            format!("X-N: {seq}"),
            "Connection: close".to_owned(),
            "Content-Type: application/x-www-form-urlencoded".to_owned(),
            "Content-Length: 3".to_owned(),
        ] {
            assert!(request.lines().any(|sent| sent == line), "{line} is not in {request}");
        }
    }
}

#[test]
fn connection_close_field_closes_after_each_response() {
    for (args, field) in
        [("-n 20 -c 2", "Connection: close"), ("-n 20 -c 2 -q 500", "connection: TE , Close")]
    {
        let server = Crowd::of(Habit::Errs { after: usize::MAX, bytes: Vec::new(), end: End::Close });
        let port = server.port();
        let words: Vec<_> = args.split(' ').chain(["-s", "-H", field, "-p", &port]).collect();
        let outcome = client(&words);
        assert!(outcome.text().contains("20 sent = 20 completed + 0 failed"), "{}", outcome.text());
        assert!(outcome.text().contains("keep-alive off"), "{}", outcome.text());
        // Near the end, a connection may find that another has sent the last request.
        let connections = server.stop().connections;
        assert!((20..=22).contains(&connections), "{connections}");
    }
    let outcome =
        client(&["-n", "4", "-c", "2", "--pipeline", "2", "-H", "Connection: close", ":1"]).expect(2);
    assert!(outcome.complaint().contains("'Connection: close' sends one request"), "{}", outcome.stderr);
}

#[test]
fn rates_of_a_schedule_are_over_its_whole_length() {
    let rows = [
        ("--ramp 0..0.5/2s", 1, 2000),
        ("--steps 10:500ms,0:1s", 5, 1500),
        ("--steps 10:500ms,0:1s -n 5", 5, 1500),
        ("-q 20 -n 5", 5, 250),
        ("-q 20 -n 5 -c 3 --threads 3", 5, 250),
        ("-q 20 -n 5 --warmup 100ms", 5, 250),
    ];
    let server = server();
    at_once(rows, |(args, answered, length_ms)| {
        let report = json(&good(&server, &format!("{args} -s --format json /")));
        let rate = report["answers_per_sec"].as_f64().expect("a rate");
        let scheduled = answered as f64 * 1e3 / f64::from(length_ms);
        assert_eq!(count(&report, "answered"), answered, "{args}");
        // A busy machine may end the run later.
        assert!(rate <= scheduled && rate > scheduled / 2.0, "{args}: {rate} and {scheduled}");
    });
    // The report names the rate of the schedule, also if the server makes the run longer.
    let slow = Crowd::of(Habit::Errs { after: 1, bytes: Vec::new(), end: End::Silence });
    let args = ["-q", "100", "-n", "3", "-c", "1", "--timeout", "300ms", "-s", "-p", &slow.port()];
    for (format, part) in [("text", " due (100/s)"), ("html", "3 due (100/s)")] {
        let outcome = client(&[&args[..], &["--format", format]].concat());
        assert!(outcome.text().contains(part), "{format}: {}", outcome.text());
    }
}

#[test]
fn silent_seconds_stand_in_progress_lines_and_slices() {
    at_once([1, 2], |threads| {
        let server = server();
        let args = format!("--steps 20:500ms,0:1600ms -c 4 --threads {threads} --every 1s --format json /");
        let outcome = good(&server, &args);
        let lines = outcome.stderr.lines().filter(|line| line.contains("requests/s"));
        // A busy machine may write a line later, and then says so.
        let rates: Vec<_> = lines.filter_map(|line| line.split(',').next()?.split(": ").nth(1)).collect();
        assert_eq!(rates, ["10 requests/s", "0 requests/s"], "{}", outcome.stderr);
        let slices = &json(&outcome)["slices"];
        let answered = [0, 1, 2].map(|index| slices[index]["answered"].as_u64());
        assert_eq!(answered, [Some(10), Some(0), Some(0)], "{slices}");
    });
}

#[test]
fn upload_file_placeholders_stay_literal() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("body");
    fs::write(&file, "{FOO} {SEQ}").expect("the file");
    let server = Server::with(&[], &["--upload"]);
    good(&server, &format!("-n 3 -c 1 -s -T {} /up{{SEQ}}.txt", file.display()));
    for seq in 0..3 {
        let stored = fs::read_to_string(server.root().join(format!("up{seq}.txt"))).expect("it is stored");
        assert_eq!(stored, "{FOO} {SEQ}");
    }
}

#[test]
fn out_option_writes_report_in_each_format() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = server();
    let formats = [
        ("text", "latency"),
        ("json", "\"answered\""),
        ("csv", ","),
        ("hdr", "#["),
        ("html", "<!doctype html>"),
    ];
    for (format, part) in formats {
        let out = dir.path().join(format);
        let outcome = good(&server, &format!("-n 5 -s --format {format} --out {} /", out.display()));
        assert!(outcome.stdout.is_empty(), "{format}");
        let report = fs::read_to_string(out).expect("the report");
        assert!(report.contains(part), "{format}: {report}");
    }
    let outcome = load(&server, "-n 5 -s --out /nowhere/report /").expect(1);
    assert!(outcome.complaint().contains("cannot write '/nowhere/report'"), "{}", outcome.stderr);
}

#[test]
fn failed_assertion_exits_99() {
    let server = server();
    good(&server, "-n 50 -s --assert errors<1%,p50<10s /");
    let outcome = load(&server, "-n 50 -s --assert errors<1%,p50<1us /");
    if outcome.code != Some(CLIENT_BOUND) {
        let outcome = outcome.expect(99);
        assert!(outcome.complaint().contains("p50<1us does not hold"), "{}", outcome.stderr);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("urls");
    fs::write(&list, format!("/none\n{}", "/a.txt\n".repeat(960))).expect("the list");
    let args = format!("-n 961 -s --allow-client-bound --assert errors<0.1% --urls {}", list.display());
    let outcome = load(&server, &args).expect(99);
    let wanted = "errors<0.1% does not hold: errors is 0.104 %";
    assert!(outcome.complaint().ends_with(wanted), "{}", outcome.stderr);
    let outcome = load(&server, "-n 50 --assert p99<10 /").expect(2);
    assert!(outcome.complaint().contains("option '--assert'"), "{}", outcome.stderr);
}

#[test]
fn impossible_run_fails_with_one_line_and_sends_nothing() {
    let server = server();
    let rows = [
        ("-n 5 --urls /nowhere/list", 1, "cannot read '/nowhere/list'"),
        ("-n 5 -T /nowhere/body /x", 1, "cannot read '/nowhere/body'"),
        ("-n 5 /{FOO}", 2, "'{FOO}' is not a placeholder"),
        ("-n 5 -d {RAND:2:1} /", 2, "option '--data': '{RAND:2:1}' ends before it begins"),
        ("-c 100m /", 1, "raise it with `ulimit -n"),
        ("-n 5 -o x /", 2, "--out FILE saves the report"),
        ("--warmup 1s /", 2, "is for load mode"),
    ];
    for (args, code, part) in rows {
        let outcome = load(&server, args).expect(code);
        assert!(outcome.complaint().contains(part), "{args}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{args}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{args}");
    }
    assert_eq!(asked(server), [""; 0], "nobody was bothered");
}

#[test]
fn soft_nofile_limit_is_raised() {
    let server = server();
    let port = server.address().port().to_string();
    let args = ["-n", "100", "-c", "100", "-s", "--format", "json", "-p", &port];
    let client = Client::start(&args, Screen::None, |command| {
        let words: Vec<_> = command.get_args().map(|word| word.to_owned()).collect();
        let program = command.get_program().to_owned();
        *command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -Sn 40; exec \"$0\" \"$@\""]).arg(program).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    });
    let outcome = client.finish();
    assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{}", outcome.stderr);
    assert_eq!(count(&json(&outcome), "answered"), 100);
}

#[test]
fn refused_connections_exit_1_with_report() {
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.local_addr().expect("an address").port().to_string()
    };
    let outcome = client(&["-c", "2", "-z", "300ms", "-s", "-p", &port]);
    assert!(matches!(outcome.code, Some(1)), "{:?}: {}", outcome.code, outcome.stderr);
    assert!(outcome.complaint().contains("no request got a response"), "{}", outcome.stderr);
    assert!(outcome.text().contains("refused"), "{}", outcome.text());
}

#[test]
fn sigint_ends_run_with_partial_report() {
    for threads in ["1", "2"] {
        let server = server();
        let port = server.address().port().to_string();
        let args = [
            "-c",
            "2",
            "-z",
            "1h",
            "--every",
            "250ms",
            "--threads",
            threads,
            "--format",
            "json",
            "-p",
            &port,
        ];
        let mut client = Client::start(&args, Screen::None, |_| ());
        client.stderr().wait_for("requests/s");
        client.signal(Signal::INT);
        let outcome = client.finish();
        assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{}", outcome.stderr);
        let report = json(&outcome);
        let sum = count(&report, "answered") + count(&report, "failed") + count(&report, "unfinished");
        assert!(count(&report, "answered") > 0);
        assert_eq!(count(&report, "sent"), sum);
    }
}

#[test]
fn sigint_while_reading_url_list_exits_130() {
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("urls");
    mknodat(CWD, &list, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    let args = ["-c", "2", "-z", "1h", "--urls", list.to_str().expect("UTF-8")];
    let client = Client::start(&args, Screen::None, |_| ());
    let deadline = Instant::now() + WAIT_MAX;
    // It cannot be opened for writing until somebody reads.
    let writer = loop {
        match open(&list, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
            Err(Errno::NXIO) if Instant::now() < deadline => thread::yield_now(),
            writer => break writer.expect("the client reads its list"),
        }
    };
    client.signal(Signal::INT);
    let outcome = client.finish().expect(130);
    assert!(outcome.stdout.is_empty());
    drop(writer);
}

#[test]
fn each_report_format_shows_setup_without_secrets() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a folder"));
    let run = dir.path().join("run");
    let run = run.to_str().expect("UTF-8");
    for format in ["text", "json", "csv", "hdr", "html"] {
        let port = server.address().port().to_string();
        let line = "-n 20 -c 2 --timeout 9s --requests-per-connection 5 -X PUT -d s3cret-body /none";
        let fields = ["-H", "Cookie: id=s3cret", "-H", "X-Kind: a,b"];
        let files = ["-p", &port, "--format", format, "--save", run];
        let words: Vec<_> = line.split_whitespace().chain(fields).chain(files).collect();
        let outcome = client(&words);
        assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{format}: {}", outcome.stderr);
        let saved = fs::read_to_string(run).expect("the run is kept");
        assert!(!outcome.text().contains("s3cret") && !saved.contains("s3cret"), "{format}");
        for part in ["X-Kind", "(redacted)", "9", "PUT", env!("CARGO_PKG_VERSION")] {
            assert!(outcome.text().contains(part), "{format}: {part} in {}", outcome.text());
        }
        if format == "json" {
            let report = json(&outcome);
            let setup = &report["run"]["setup"];
            assert_eq!((&setup["timeout_secs"], &setup["body_bytes"]), (&9.0.into(), &11.into()));
            assert_eq!(count(&report, "bad_statuses"), count(&report, "answered"));
        }
    }
}

#[test]
fn sigint_in_warmup_exits_1_nothing_measured() {
    for threads in ["1", "2"] {
        let server = Crowd::of(Habit::Errs { after: 1, bytes: Vec::new(), end: End::Silence });
        let args = ["-c", "2", "-n", "9", "--warmup", "1h", "--threads", threads, "-p", &server.port()];
        let client = Client::start(&args, Screen::None, |_| ());
        server.wait_for_request();
        client.signal(Signal::INT);
        let outcome = client.finish().expect(1);
        assert!(outcome.complaint().ends_with("interrupted before anything was measured"));
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn progress_block_on_terminal_only() {
    let server = server();
    let port = server.address().port().to_string();
    let args = ["-c", "2", "-z", "900ms", "-p", &port];
    let outcome = Client::start(&args, Screen::Stderr, |command| {
        command.env("LC_ALL", "C.UTF-8");
    });
    let quiet = Client::start(&[&args[..], &["-s"]].concat(), Screen::Stderr, |_| ());
    let piped = Client::start(&args, Screen::None, |_| ());
    let [outcome, quiet, piped] = [outcome, quiet, piped].map(Client::finish);
    assert!(outcome.stderr.contains("requests/s   p50 "), "{:?}", outcome.stderr);
    assert!(outcome.stderr.contains("\x1b[3A"), "it is redrawn: {:?}", outcome.stderr);
    assert!(outcome.stderr.contains("\x1b[J"), "it is taken away: {:?}", outcome.stderr);
    assert!(outcome.text().contains("latency"));
    assert!(!quiet.stderr.contains('\x1b'), "{:?}", quiet.stderr);
    assert!(!piped.stderr.contains('\x1b'), "{:?}", piped.stderr);
}

#[test]
fn saved_runs_can_be_compared_and_merged() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let (one, two, both) = (path("one.run"), path("two.run"), path("both.run"));
    let server = server();
    good(&server, &format!("-n 40 -c 2 -s --save {one} /a.txt"));
    let second = good(&server, &format!("-n 60 -c 2 -s --save {two} --compare {one} /a.txt"));
    assert!(second.text().contains("before") && second.text().contains("after"), "{}", second.text());
    let compared = client(&["compare", &one, &two]).expect(0);
    assert!(compared.text().contains("p50"), "{}", compared.text());
    let outcome = client(&["merge", &one, &two, "--format", "json", "--save", &both]);
    assert!(matches!(outcome.code, Some(0 | CLIENT_BOUND)), "{}", outcome.stderr);
    let merged = json(&client(&["merge", &one, &two, "--format", "json"]));
    assert_eq!(count(&merged, "answered"), 100);
    let third = path("three.run");
    good(&server, &format!("-n 20 -c 2 -s --save {third} /a.txt"));
    assert!(client(&["merge", &both, &third]).text().contains(", 3 runs as one"));
    for again in [[&one, &one], [&both, &one], [&two, &both], [&both, &both]] {
        let outcome = client(&["merge", again[0], again[1]]).expect(1);
        let wanted = "it has a run that is already merged: name each run once";
        assert!(outcome.complaint().ends_with(wanted), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
    }
    client(&["merge", &one, &two, &one]).expect(1);
    let outcome = client(&["compare", &one, "/nowhere.run"]).expect(1);
    assert!(outcome.complaint().contains("cannot read '/nowhere.run'"), "{}", outcome.stderr);
    let outcome = client(&["merge", &one]).expect(2);
    assert!(outcome.stderr.contains("see reactor-client merge --help"), "{}", outcome.stderr);
}
