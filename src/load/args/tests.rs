//! Tests of the load mode command line: the setting of each option, and each error message.
//!
//! Nothing is opened or sent.

use super::*;

pub(super) fn try_settings(line: &str) -> Result<Settings, String> {
    let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    match parse(args) {
        Ok(Command::Run(client_task)) => match *client_task {
            ClientTask::Load(settings) => Ok(*settings),
            ClientTask::Fetch(_) => panic!("{line}: a single request"),
        },
        Err(error) => Err(error.to_string()),
        other => panic!("{line}: {other:?}"),
    }
}

pub(super) fn settings(line: &str) -> Settings {
    try_settings(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn seven_options_select_load_mode_others_do_not() {
    let search = "--find-rate --slo p99<1s";
    for line in ["-c 2", "-n 1", "-z 1s", "-q 5", "--steps 5:1s", "--ramp 0..5/1s", "-n1 -c1", search] {
        settings(line);
    }
    for line in ["", "/", "-X POST /", "-s"] {
        let args = line.split_whitespace().map(OsString::from).collect();
        let Ok(Command::Run(client_task)) = parse(args) else { panic!("{line}") };
        assert!(matches!(*client_task, ClientTask::Fetch(_)), "{line}");
    }
}

#[test]
fn minimal_load_options_get_defaults() {
    let Settings {
        plan,
        target_selection,
        method,
        payload,
        format,
        report_path,
        progress_interval,
        silent,
        ..
    } = settings("-c 50 GET /");
    assert_eq!(plan.stop, Stop { requests: None, duration: Some(secs(10)) });
    assert_eq!((plan.schedule, plan.concurrency, plan.threads), (Schedule::Closed, 50, 1));
    assert_eq!((plan.warmup, plan.pipeline, plan.keep_alive), (Duration::ZERO, 1, true));
    assert_eq!((plan.requests_per_connection, plan.timeout), (None, secs(30)));
    assert_eq!((plan.order, plan.seed, plan.method), (UrlOrder::Sequential, 0, Method::Get));
    assert!(
        matches!(target_selection, TargetSelection::One(target) if target.authority() == "127.0.0.1:8080")
    );
    assert_eq!((method.as_str(), payload, format, report_path), ("GET", None, ReportFormat::Text, None));
    assert_eq!((progress_interval, silent), (secs(10), false));
}

#[test]
fn stop_follows_from_options() {
    for (line, requests, duration) in [
        ("-c 2", None, Some(secs(10))),
        ("-c 2 -n 10k", Some(10_000), None),
        ("-n 1.5m", Some(1_500_000), None),
        ("-z 1m30s", None, Some(secs(90))),
        ("-z 90", None, Some(secs(90))),
        ("-n 100 -z 2s", Some(100), Some(secs(2))),
        ("-q 100", None, Some(secs(10))),
        ("-q 100 -n 200", Some(200), None),
        ("--steps 100:30s,200:30s", None, Some(secs(60))),
        ("--ramp 0..5000/60s", None, Some(secs(60))),
        ("--ramp 0..5000/60s -n 100", Some(100), Some(secs(60))),
    ] {
        assert_eq!(settings(line).plan.stop, Stop { requests, duration }, "{line}");
    }
}

#[test]
fn concurrency_follows_from_options() {
    for (line, concurrency, threads) in [
        ("-z 1s", 50, 1),
        ("-n 10", 10, 1),
        ("-n 1", 1, 1),
        ("-c 1 -n 5", 1, 1),
        ("-c 2k", 2000, 1),
        ("-z 1s --threads 64", 64, 64),
        ("-c 4 --threads 4", 4, 4),
    ] {
        let plan = settings(line).plan;
        assert_eq!((plan.concurrency, plan.threads), (concurrency, threads), "{line}");
    }
}

#[test]
fn rate_steps_and_ramp_options_set_schedule() {
    let steps = vec![(100.0, secs(30)), (0.0, secs(1)), (2000.0, Duration::from_millis(500))];
    for (line, schedule) in [
        ("-q 2k", Schedule::Constant(2000.0)),
        ("--rate=0.5/s", Schedule::Constant(0.5)),
        ("--steps 100:30s,0:1s,2k:500ms", Schedule::Steps(steps.clone())),
        ("--ramp 0..5k/60s", Schedule::Ramp { from: 0.0, to: 5000.0, over: secs(60) }),
        ("--steps 100:30,0:1,2k:.5", Schedule::Steps(steps)),
        ("--ramp 100..0/1m", Schedule::Ramp { from: 100.0, to: 0.0, over: secs(60) }),
    ] {
        assert_eq!(settings(line).plan.schedule, schedule, "{line}");
    }
}

#[test]
fn each_load_option_sets_its_setting() {
    let line = "-n 10k -c 8 --warmup 2s --pipeline 4 --requests-per-connection 100 --timeout 5s --threads 2 \
                --order random --seed 7 --every 1s --format json --out r.json --save a.run --compare b.run --fail-on p99>+10% --assert p99<10ms -s \
                -H X:{SEQ} --host h -p 81 a/{SEQ}";
    let settings = settings(line);
    let plan = &settings.plan;
    assert_eq!((plan.warmup, plan.pipeline, plan.requests_per_connection), (secs(2), 4, Some(100)));
    assert_eq!((plan.timeout, plan.order, plan.seed), (secs(5), UrlOrder::Random, 7));
    assert_eq!(
        (settings.progress_interval, settings.format, settings.silent),
        (secs(1), ReportFormat::Json, true)
    );
    assert_eq!((settings.report_path, settings.save_path), (Some("r.json".into()), Some("a.run".into())));
    assert_eq!(
        (settings.baseline_path, settings.thresholds),
        (Some("b.run".into()), Thresholds::parse("p99>+10%").ok())
    );
    assert_eq!(settings.assertion, Assertion::parse("p99<10ms").ok());
    assert_eq!(settings.fields, [("X".to_owned(), FieldEdit::Set("{SEQ}".to_owned()))]);
    let TargetSelection::One(target) = settings.target_selection else { panic!("one place") };
    assert_eq!((target.authority().as_str(), target.path.as_str()), ("h:81", "/a/{SEQ}"));
    assert!(!super::tests::settings("-n 5 --no-keepalive").plan.keep_alive);
    assert_eq!(super::tests::settings("-n 5 --out -").report_path, None);
}

#[test]
fn load_method_and_body_options_match_single_request() {
    let file = |name: &str| Some(Payload::Source(Source::File(name.into())));
    let data = |data: Vec<Data>| Some(Payload::Data(data));
    let text = |text: &str| Data::Text(text.into());
    for (line, method, payload) in [
        ("-n 1 -X DELETE /", "DELETE", None),
        ("-n 1 -I /", "HEAD", None),
        ("-n 1 -T x /a", "PUT", file("x")),
        ("-n 1 PUT /x", "PUT", file("x")),
        ("-n 1 -X POST -T - /a", "POST", Some(Payload::Source(Source::Stdin))),
        ("-n 1 -d a=1 /", "POST", data(vec![text("a=1")])),
        (
            "-n 1 -d a=1 -d @f -d @- PUT /",
            "PUT",
            data(vec![text("a=1"), Data::File(Source::File("f".into())), Data::File(Source::Stdin)]),
        ),
        ("-n 1 POST / --data={SEQ}", "POST", data(vec![text("{SEQ}")])),
        ("-n 1 --urls l -T x POST", "POST", file("x")),
    ] {
        let settings = settings(line);
        assert_eq!((settings.method.as_str(), settings.payload), (method, payload), "{line}");
    }
}

#[test]
fn urls_option_reads_file_or_stdin() {
    let list = |list, host: Option<&str>, port| {
        let host = host.map(str::to_owned);
        TargetSelection::List(list, Overrides { host, port, keeps_braces: true })
    };
    assert_eq!(
        settings("-c 2 --urls u.txt").target_selection,
        list(Source::File("u.txt".into()), None, None)
    );
    let options = settings("-c 2 --urls - --host h -p 81 HEAD");
    assert_eq!(
        (options.target_selection, options.method.as_str()),
        (list(Source::Stdin, Some("h"), Some(81)), "HEAD")
    );
}

/// Checks the error message of each line.
#[track_caller]
fn check_errors(rows: &[(&str, &str)]) {
    for (line, wanted) in rows {
        // A message that ends in a question mark needs no semicolon.
        let separator = if wanted.ends_with('?') { "" } else { ";" };
        assert_eq!(
            try_settings(line),
            Err(format!("{wanted}{separator} see reactor-client --help")),
            "{line}"
        );
    }
}

#[test]
fn out_of_range_values_get_one_line_errors() {
    check_errors(&[
        ("-z 0", "option '--duration': '0' is too short; it must be above 0"),
        ("-z 1000000h", "option '--duration': '1000000h' is too long; at most 8760h"),
        ("-n 5 --timeout 0", "option '--timeout': '0' is too short; it must be above 0"),
        ("-n 99999999999999999999", "option '--requests' with '99999999999999999999': that is too many"),
        ("-q 9999999999", "option '--rate' with '9999999999': that is more than 100 million a second"),
        (
            "-q 1e308",
            "option '--rate' with '1e308': a rate is requests per second, above 0, such as 200, 0.5 or 10k",
        ),
        (
            "-n 5 --format jsn",
            "option '--format' with 'jsn': the format is text, json, csv, hdr or html; did you mean 'json'?",
        ),
        (
            "-n 5 --order ramdom",
            "option '--order' with 'ramdom': the order is sequential or random; did you mean 'random'?",
        ),
        ("-n 5 -T a -T b /in/", "-T names several files, and load mode sends one: leave out the others"),
        ("-n 5 -y", "option '--yes' is for a single request; in load mode, nothing is asked"),
        ("-n 5 -I -d a", "-d sends a body, and HEAD has none: leave one out"),
        ("-n 5 -d a -X HEAD", "-d sends a body, and HEAD has none: leave one out"),
        ("-n 5 --threads 0", "option '--threads' with '0': it is a whole number above 0, such as 50"),
        ("-n 5 --pipeline 0", "option '--pipeline' with '0': it is a whole number above 0, such as 50"),
        ("--ramp soon", "option '--ramp' with 'soon': a ramp is two rates and a time, such as 0..5000/60s"),
    ]);
}

#[test]
fn invalid_load_options_get_one_line_errors() {
    for (line, wanted) in [
        ("-c 1", "'-c 1' alone is a single request: leave it out, or set -n or -z"),
        ("-c 0", "option '--concurrency' with '0': it is a whole number above 0, such as 50"),
        ("-c x", "option '--concurrency' with 'x': it is a whole number above 0, such as 50"),
        ("-n 0", "option '--requests' with '0': it is a whole number above 0, such as 500, 10k or 1.5m"),
        ("-z 0s", "option '--duration': '0s' is too short; it must be above 0"),
        ("-z soon", "option '--duration': 'soon' is not a time; write it like 500ms, 10s, 1m30s or 2h"),
        ("-q 0", "option '--rate' with '0': a rate is requests per second, above 0, such as 200, 0.5 or 10k"),
        ("-q 5 --steps 1:1s", "-q, --steps and --ramp each set the rate: leave out all but one"),
        ("--steps 1:1s -z 5s", "--steps and --ramp set the length of the run: leave -z out"),
        ("--steps 5", "option '--steps' with '5': steps are rates and times, such as 100:30s,200:30s"),
        (
            "--steps 5:1s,6:1x",
            "option '--steps' with '5:1s,6:1x': '6:1x': '1x' is not a time; write it like 500ms, 10s, 1m30s or 2h",
        ),
        ("--steps 0:1s", "option '--steps' with '0:1s': every rate is 0: nothing would be sent"),
        ("--ramp 0..5", "option '--ramp' with '0..5': a ramp is two rates and a time, such as 0..5000/60s"),
        ("--ramp 0..0/1s", "option '--ramp' with '0..0/1s': both rates are 0: nothing would be sent"),
        ("-n 5 --format xml", "option '--format' with 'xml': the format is text, json, csv, hdr or html"),
        ("-n 5 --order any", "option '--order' with 'any': the order is sequential or random"),
        ("-n 5 --seed -1", "option '--seed' with '-1': a seed is a whole number below 2^64, such as 1"),
        (
            "-n 5 --every 1ms",
            "option '--every' with '1ms': progress does not change more often than every 250ms",
        ),
        ("-n 5 --pipeline 2000", "option '--pipeline' with '2000': at most 1024 are allowed"),
        ("-n 5 --out=", "option '--out' needs the name of a file"),
        ("-n 5 -o x", "option '--output' is for a single request; in load mode, --out FILE saves the report"),
        (
            "-n 5 -v",
            "option '--verbose' is for a single request; in load mode, responses are counted, not shown",
        ),
        (
            "-n 5 -m 3",
            "option '--max-time' is for a single request; in load mode, -z ends the run, --timeout a request",
        ),
        ("-n 5 -f", "option '--fail' is for a single request; in load mode, --assert checks a run"),
        ("-n 5 -d a -T b", "-T and -d both give a body: leave one out"),
        ("-n 5 -d @", "option '--data' needs the name of a file after its @"),
        ("-n 5 -d @- -T -", "-T and -d both give a body: leave one out"),
        ("-n 5 -d @- --urls -", "standard input cannot be read twice: name a file instead of one -"),
        ("-n 5 --urls u GET /x", "'/x' and --urls both name a target: leave one out"),
        ("-n 5 --urls u PUT", "PUT sends a file, and --urls names none: name it with -T FILE"),
        (
            "-n 5 -d a -H Content-Length:5",
            "option '--header' with 'Content-Length': the file determines this field",
        ),
        ("-n 5 --fail-on p99>+10%", "--fail-on needs an earlier run: name it with --compare RUN"),
        ("-n 5 -c 10", "-n 5 leaves some of 10 connections without a request: raise -n or lower -c"),
        (
            "-c 2 --threads 3",
            "each of 3 threads needs a connection, and -c is 2: raise -c or lower --threads",
        ),
        ("-n 5 /a /b", "unexpected word '/b'"),
    ] {
        assert_eq!(try_settings(line), Err(format!("{wanted}; see reactor-client --help")), "{line}");
    }
}

#[test]
fn single_request_options_are_refused_in_load_mode() {
    let refused: Vec<_> = client::args::PROGRAM.specs.iter().filter(|spec| spec.instead.is_some()).collect();
    assert_eq!(refused.len(), 17);
    for OptionSpec { long: name, value_kind, .. } in refused {
        let takes_value = matches!(value_kind, crate::cli::ValueKind::Required(_));
        let line = format!("-n 5 {name}{}", if takes_value { "=1" } else { "" });
        let error = try_settings(&line).unwrap_err();
        assert!(error.starts_with(&format!("option '{name}' is for a single request")), "{error}");
    }
}
