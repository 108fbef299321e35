//! Tests of the run info: it has all that affects metrics, and no secret.
//!
//! Other tests use its fixtures.

use std::ffi::OsString;

use super::*;
use crate::cli::Command;
use crate::load::args;
use crate::load::args::Settings;
use crate::load::prepared_run::build_plan;
use crate::load::stats::summary::tests::info;

/// Typical setup.
pub(crate) fn setup() -> Setup {
    Setup {
        method: "GET".to_owned(),
        fields: Vec::new(),
        body_len: Some(0),
        order: None,
        seed: None,
        keep_alive_for: None,
        timeout: Duration::from_secs(30),
        client_version: "0.1.0".to_owned(),
    }
}

/// Setup that differs from the default in each field.
pub(crate) fn unusual_setup() -> Setup {
    let field = |name: &str, value: Option<&str>| SentField {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    Setup {
        method: "POST".to_owned(),
        fields: vec![field("Authorization", Some("(redacted)")), field("User-Agent", None)],
        body_len: None,
        order: Some(UrlOrder::Random),
        seed: Some(u64::MAX),
        keep_alive_for: Some(100),
        timeout: Duration::from_millis(250),
        client_version: "0.2.0".to_owned(),
    }
}

/// Profile of 200 requests per second for ten seconds.
pub(crate) fn profile() -> LoadProfile {
    LoadProfile {
        schedule: Schedule::Constant(200.0),
        stop: Stop { requests: None, duration: Some(Duration::from_secs(10)) },
        warmup: Duration::ZERO,
    }
}

/// Settings of a command line, with `|` between its words.
pub(crate) fn settings(line: &str) -> Settings {
    let words = line.split('|').map(OsString::from).collect();
    match args::parse(words) {
        Ok(Command::Run(run)) => match *run {
            args::ClientTask::Load(settings) => *settings,
            other => panic!("{line}: {other:?}"),
        },
        other => panic!("{line}: {other:?}"),
    }
}

/// Setup of a command line.
fn setup_of(line: &str) -> Setup {
    build_plan(&settings(line)).expect("it goes together").1
}

#[test]
fn setup_from_options_redacts_secret_fields() {
    let plain = setup_of("-c|2|/");
    assert_eq!(plain, Setup { client_version: env!("CARGO_PKG_VERSION").to_owned(), ..setup() });
    let with_secrets =
        setup_of("-c|2|-H|authorization: Bearer s3cret|-H|COOKIE: id=s3cret|-H|Accept: a/b|-H|User-Agent:|/");
    let fields = "authorization: (redacted); COOKIE: (redacted); Accept: a/b; no User-Agent";
    assert_eq!(with_secrets.entries()[1], ("extra fields", fields.to_owned()));
    assert!(!format!("{with_secrets:?}").contains("s3cret"));
    assert_eq!(setup_of("-c|2|--no-keepalive|/").keep_alive_for, Some(0));
    assert_eq!(setup_of("-c|2|--requests-per-connection|9|/").keep_alive_for, Some(9));
    assert_eq!(setup_of("-c|2|--timeout|2s|/").timeout, Duration::from_secs(2));
}

#[test]
fn setup_seed_if_random_body_len_if_constant() {
    for (line, seed, body_len) in [
        ("-c|2|--seed|7|/", None, Some(0)),
        ("-c|2|--seed|7|/{RAND:1:9}", Some(7), Some(0)),
        ("-c|2|--seed|7|-d|abc|POST|/", None, Some(3)),
        ("-c|2|--seed|7|-d|{SEQ}|POST|/", None, None),
        ("-c|2|--seed|7|-d|{RAND:1:9}|POST|/", Some(7), None),
    ] {
        let setup = setup_of(line);
        assert_eq!((setup.seed, setup.body_len), (seed, body_len), "{line}");
    }
    assert!(setup_of("-c|2|-d|abc|POST|/").entries()[1].1.starts_with("Content-Type: "));
}

#[test]
fn setup_line_omits_method_and_default_fields_and_body() {
    assert_eq!(setup().summary_line(), "keep-alive on, time-out 30.0 s, reactor-client 0.1.0");
    assert_eq!(
        unusual_setup().summary_line(),
        "extra fields: Authorization: (redacted); no User-Agent, body: of different lengths, order random, \
         keep-alive for 100 requests, time-out 250 ms, reactor-client 0.2.0, seed 18446744073709551615"
    );
}

#[test]
fn schedule_text_of_many_steps_is_truncated() {
    let steps = |count| Schedule::Steps(vec![(100.0, Duration::from_secs(1)); count]);
    let words = |schedule| LoadProfile { schedule, ..profile() }.schedule_text();
    assert_eq!(words(steps(2)), "100:1s,100:1s");
    assert_eq!(words(steps(1_000)), "100:1s,100:1s,100:1s,100:1s,... 1,000 steps");
    let stop = Stop { requests: Some(5_000), duration: Some(Duration::from_secs(1)) };
    assert_eq!(LoadProfile { stop, ..profile() }.entries()[2].1, "5,000 requests or 1.00 s");
}

#[test]
fn differences_list_both_values() {
    let plain = info();
    assert_eq!(differences(&plain, &plain), [""; 0]);
    let seeded = RunInfo { setup: Setup { seed: Some(9), ..setup() }, ..info() };
    assert_eq!(differences(&plain, &seeded), [""; 0]);
    let schedule = Schedule::Ramp { from: 0.0, to: 10.0, over: Duration::from_secs(5) };
    let profile = LoadProfile { schedule, warmup: Duration::from_secs(1), ..profile() };
    let other = RunInfo { setup: unusual_setup(), profile, pipeline: 4, ..info() };
    assert_eq!(
        differences(&plain, &other),
        [
            "method: GET and POST",
            "extra fields: none and Authorization: (redacted); no User-Agent",
            "body: none and of different lengths",
            "order: none and random",
            "keep-alive: on and for 100 requests",
            "time-out: 30.0 s and 250 ms",
            "reactor-client: 0.1.0 and 0.2.0",
            "schedule: 200/s and 0..10/5s",
            "warm-up: none and 1.00 s",
            "requests in flight per connection: 1 and 4",
        ]
    );
    let closed = LoadProfile { schedule: Schedule::Closed, ..other.profile.clone() };
    let closed = RunInfo { profile: closed, ..other };
    assert!(!differences(&plain, &closed).iter().any(|difference| difference.starts_with("schedule")));
}

#[test]
fn cpu_usage_merge_sums_and_keeps_thread_maximum() {
    let secs = Duration::from_secs;
    let mut sum = CpuUsage::of_thread(secs(3), Some(secs(1)));
    sum.merge(&CpuUsage::of_thread(secs(2), Some(secs(5))));
    let (cpu, cpu_busiest, waited, wanted_most) = (secs(5), secs(3), Some(secs(6)), secs(7));
    assert_eq!(
        sum,
        CpuUsage { cpu, thread_cpu_max: cpu_busiest, run_queue_wait: waited, thread_demand_max: wanted_most }
    );
    sum.merge(&CpuUsage::of_thread(secs(4), None));
    let (cpu, cpu_busiest, waited) = (secs(9), secs(4), None);
    assert_eq!(
        sum,
        CpuUsage { cpu, thread_cpu_max: cpu_busiest, run_queue_wait: waited, thread_demand_max: wanted_most },
        "not of all is it known"
    );
}
