//! Tests of saved runs: round trips, merges, and the rejection of foreign files.
//!
//! Files are texts in memory; some are cut or changed.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::load::engine::pacer::Schedule;
use crate::load::plan::run_plan::Stop;
use crate::load::report::ReportFormat;
use crate::load::run_info::tests::unusual_setup;
use crate::load::run_info::{CpuUsage, LoadProfile, SentField, Setup};
use crate::load::stats::summary::tests::{info, stalling_metrics};
use crate::load::stats::validity::Finding;

fn run(urls: usize) -> SavedRun {
    let urls_named = (0..urls).map(|number| format!("http://localhost/{number}")).collect();
    SavedRun { metrics: stalling_metrics(urls), info: RunInfo { urls: urls_named, ..info() } }
}

/// Another run, `after` seconds later.
fn later(urls: usize, after: u64) -> SavedRun {
    let mut run = run(urls);
    run.info.started_unix_secs += after;
    run
}

#[test]
fn saved_run_roundtrips() {
    for urls in [0, 3] {
        let run = run(urls);
        assert_eq!(SavedRun::read(&run.to_json()), Ok(run));
    }
    let closed = RunInfo { due: None, was_interrupted: true, ..info() };
    let closed = SavedRun { info: closed, ..run(0) };
    assert_eq!(SavedRun::read(&closed.to_json()), Ok(closed));
    let steps = Schedule::Steps(vec![(0.5, Duration::from_secs(3)), (1e8, Duration::from_millis(250))]);
    let stop = Stop { requests: Some(9), duration: None };
    let course = LoadProfile { schedule: steps, stop, warmup: Duration::from_secs(1) };
    for keep_alive_for in [None, Some(1), Some(0)] {
        let odd = RunInfo {
            setup: Setup { keep_alive_for, ..unusual_setup() },
            profile: course.clone(),
            cpu_usage: CpuUsage { run_queue_wait: None, ..info().cpu_usage },
            ..info()
        };
        let odd = SavedRun { info: odd, ..run(0) };
        assert_eq!(SavedRun::read(&odd.to_json()), Ok(odd));
    }
}

#[test]
fn merge_adds_counts_and_keeps_percentiles() {
    let (mut sum, other) = (run(3), later(3, 1));
    sum.merge(&other).expect("they add up");
    let (one, both) = (other.summary(), sum.summary());
    assert_eq!((both.totals.sent, both.rate), (2 * one.totals.sent, 2.0 * one.rate));
    assert_eq!((both.client.cpu_share, both.info.concurrency), (one.client.cpu_share, 100));
    let percentiles = |summary: &Summary| summary.corrected.map(|spread| spread.percentiles_us);
    assert_eq!(percentiles(&both), percentiles(&one), "the same latencies twice");
    assert_eq!(both.info.target, "GET http://localhost:8080/");
}

#[test]
fn merge_with_client_bound_run_is_client_bound() {
    let bound = RunInfo { cpu_usage: CpuUsage { thread_cpu_max: info().wall, ..info().cpu_usage }, ..info() };
    let longer = RunInfo { wall: 3 * info().wall, ..info() };
    let (bound, longer) = (SavedRun { info: bound, ..run(0) }, SavedRun { info: longer, ..run(0) });
    for (first, other) in [(&bound, &longer), (&longer, &bound)] {
        let mut sum = first.clone();
        sum.merge(other).expect("they add up");
        sum.merge(&later(0, 1)).expect("they add up");
        let sum = SavedRun::read(&sum.to_json()).expect("it is read back");
        let validity = sum.summary().validity;
        let hidden = "its share of the CPU time is no more seen in the sum";
        assert_eq!(validity.reasons, [Finding::merged(1, 3)], "{hidden}");
        let (shortest, longest) = (info().wall, 3 * info().wall);
        let unequal = Finding::unequal_durations(shortest, longest);
        assert!(validity.warnings.contains(&unequal), "{:?}", validity.warnings);
    }
}

#[test]
fn merge_counts_runs_and_warns_if_not_concurrent() {
    let mut sum = run(0);
    sum.merge(&later(0, 9)).expect("they add up");
    assert_eq!(sum.summary().validity.warnings, []);
    assert!(ReportFormat::Text.render(&sum.summary(), None).contains(", 2 runs as one\n"));
    let (mut both, mut others) = (sum.clone(), later(0, 1));
    others.merge(&later(0, 2)).expect("they add up");
    both.merge(&others).expect("they add up");
    assert!(ReportFormat::Json.render(&both.summary(), None).contains("\"runs\": 4"));
    sum.merge(&later(0, 10)).expect("they add up");
    assert_eq!(sum.summary().validity.warnings, [Finding::not_concurrent(10)]);
}

#[test]
fn merge_reports_each_different_setting_once() {
    let (mut sum, mut both) = (run(0), later(0, 4));
    let other = Setup { timeout: Duration::from_secs(5), ..info().setup };
    let other = |started_unix_secs| SavedRun {
        info: RunInfo {
            started_unix_secs,
            setup: other.clone(),
            cpu_usage: CpuUsage { run_queue_wait: None, ..info().cpu_usage },
            ..info()
        },
        ..run(0)
    };
    for after in 1..4 {
        sum.merge(&other(info().started_unix_secs + after)).expect("they add up");
    }
    both.merge(&sum).expect("they add up");
    both = SavedRun::read(&both.to_json()).expect("it is read back");
    let difference = "time-out: 30.0 s and 5.00 s".to_owned();
    assert_eq!(both.summary().validity.warnings, [Finding::different_settings(&difference)]);
    let text = ReportFormat::Text.render(&both.summary(), None);
    let words = "the merged runs differ in time-out: 30.0 s and 5.00 s; the report";
    assert!(text.contains(words) && text.contains("open loop (200/s each), 10,035 due"), "{text}");
    assert_eq!(both.info.cpu_usage.run_queue_wait, None, "it is not known of all");
}

#[test]
fn merge_of_incompatible_runs_fails_with_reason() {
    let mut sum = run(0);
    let closed = SavedRun { info: RunInfo { due: None, ..later(0, 1).info }, ..run(0) };
    assert_eq!(sum.merge(&closed), Err("one run followed a schedule and the other did not".to_owned()));
    assert_eq!(sum.merge(&later(3, 1)), Err("the runs have different lists of URLs".to_owned()));
    let others = RunInfo { urls: vec!["http://localhost/x".to_owned(); 3], ..later(3, 1).info };
    let others = SavedRun { info: others, ..run(3) };
    assert_eq!(run(3).merge(&others), Err("the runs have different lists of URLs".to_owned()));
    assert_eq!(sum, run(0), "nothing was added");
}

#[test]
fn merge_of_the_same_run_twice_is_refused() {
    let refused = Err("it has a run that is already merged: name each run once".to_owned());
    assert_eq!(run(0).merge(&run(0)), refused);
    let (mut sum, mut others) = (run(0), later(0, 2));
    sum.merge(&later(0, 1)).expect("they add up");
    others.merge(&later(0, 1)).expect("they add up");
    let mut sum = SavedRun::read(&sum.to_json()).expect("it is read back");
    for other in [run(0), later(0, 1), others, sum.clone()] {
        let before = sum.clone();
        assert_eq!(sum.merge(&other), refused);
        assert_eq!(sum, before, "nothing was added");
    }
    sum.merge(&later(0, 2)).expect("they add up");
}

#[test]
fn merged_run_of_an_older_version_is_read() {
    let mut sum = run(0);
    sum.merge(&later(0, 1)).expect("they add up");
    let text = sum.to_json();
    let at = text.find("\"ids\":").expect("ids");
    let end = at + text[at..].find("]],").expect("the end") + 3;
    let old = format!("{}{}", &text[..at], &text[end..]);
    let mut old = SavedRun::read(&old).expect("it is read");
    old.merge(&later(0, 2)).expect("they add up");
}

#[test]
fn invalid_saved_run_is_refused_with_reason() {
    let text = run(0).to_json();
    let rows = [
        ("", "not a saved run: EOF while parsing a value at line 1 column 0"),
        ("{}", "not a saved run: --save writes one"),
        (&text.replace("\"version\":1", "\"version\":2"), "saved by a newer reactor-client"),
        (
            &text.replace("\"version\":1", "\"version\":\"x\""),
            "not a saved run: its 'version' is not a number",
        ),
        (&text.replace("\"version\":1", "\"version_\":1"), "not a saved run: it has no 'version'"),
        (&text.replace("\"sent\":2007", "\"sent\":2006"), "its requests do not add up"),
        (&text.replace("\"sent\":2007", "\"sent\":-1"), "its 'sent' is not a number"),
        (&text.replace("\"lag\"", "\"log\""), "not a saved run: missing field `lag`"),
        (
            &text.replace("\"reset\"", "\"bad luck\""),
            "not a saved run: unknown variant `bad luck`, expected one of `refused`, `connect-timed-out`, \
             `connect-failed`, `handshake-failed`, `certificate-refused`, `timed-out`, `reset`, `closed-early`, `truncated`, `bad-head`, `head-too-long`, \
             `too-many-interims`, `undecodable`, `bad-chunk`, `chunk-too-long`, `too-long`, `no-descriptor`, \
             `no-port`, `send-failed`",
        ),
        (&text.replace("\"reset\"", "\"\\u001b\""), "its 'failures' has a name that is not plain text"),
        (&text.replace("\"GET\"", "\"\\u001b\""), "its 'method' is not text"),
        (
            &text.replace("\"200/s\"", "\"200/m\""),
            "not a saved run: its 'schedule': a rate is requests per second, above 0, such as 200, 0.5 or 10k",
        ),
        (
            &text.replace("\"timeout_us\":30000000", "\"timeout_us\":null"),
            "not a saved run: invalid type: null, expected u64",
        ),
        (&text.replace("\"200\"", "\"2000\""), "not a saved run: its 'statuses' is not a list of statuses"),
        (&text.replace("\"200\":", "\"200\":18446744073709551615,\"500\":"), "its '200' is not a number"),
        (&text.replace("GET http", "GET \\u001b[2Jhttp"), "its 'target' is not plain text"),
        (&text.replace("GET http", "GET \u{202e}http"), "its 'target' is not plain text"),
        (&format!("[{}0]", "0,".repeat(VALUES_MAX)), "not a saved run: it is too large"),
    ];
    for (text, error) in rows {
        assert_eq!(SavedRun::read(text).map(|_| ()), Err(error.to_owned()));
    }
}

#[test]
fn header_field_with_tab_or_utf8_roundtrips_and_merges() {
    let with = |value: &str| {
        let mut run = run(0);
        run.info.setup.fields = vec![SentField { name: "X".to_owned(), value: Some(value.to_owned()) }];
        run
    };
    let mut sum = with("a\tb");
    assert_eq!(SavedRun::read(&sum.to_json()), Ok(sum.clone()));
    let mut other = with("é");
    other.info.started_unix_secs += 1;
    sum.merge(&other).expect("they add up");
    let differences = sum.info.merged.as_ref().map_or(0, |merged| merged.differences.len());
    assert_eq!((SavedRun::read(&sum.to_json()), differences), (Ok(sum), 1));
}

#[test]
fn saved_run_with_huge_counts_is_refused_or_does_not_overflow() {
    let text = run(0).to_json();
    let before = SavedRun::read(&text).expect("a run").summary();
    let (_, slices) = text.split_once("\"slices\":").expect("slices");
    for huge in [u64::MAX, 1 << 53] {
        let slices = slices.replace("\"failed\":0", &format!("\"failed\":{huge}"));
        let changed = text.replace(text.split_once("\"slices\":").expect("slices").1, &slices);
        assert_ne!(changed, text);
        if let Ok(read) = SavedRun::read(&changed) {
            crate::load::compare::compare(&before, &read.summary(), 0);
            assert_eq!(huge, 1 << 53);
        }
    }
}

#[test]
fn saved_run_url_metrics_are_truncated_to_the_limit() {
    let text = run(3).to_json();
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let one = value["urls"][0].clone();
    value["urls"] = Value::Array(vec![one; 2 * URL_FIGURES_MAX]);
    let read = SavedRun::read(&value.to_string()).expect("a run");
    assert_eq!(read.metrics.urls.len(), URL_FIGURES_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn corrupt_saved_run_never_panics(at in 0.0..1.0f64, byte in 32u8..127) {
        let text = run(0).to_json();
        let at = (text.len() as f64 * at) as usize;
        let _ = SavedRun::read(&text[..at]).map(|run| run.summary());
        let mut changed = text.into_bytes();
        changed[at] = byte;
        let _ = String::from_utf8(changed).map(|text| SavedRun::read(&text).map(|run| run.summary()));
    }
}
