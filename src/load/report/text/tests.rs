//! Golden texts of synthetic runs.
//!
//! The texts are the files beside this one. `GOLDEN=write cargo test` writes them anew: read the difference
//! before you commit it.

use crate::load::run_info::CpuUsage;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use super::*;
use crate::load::compare;
use crate::load::report::ReportFormat;
use crate::load::run_info::RunInfo;
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::metrics::RequestTimes;
use crate::load::stats::summary::tests::{empty_summary, info, metrics, stalling, stalling_metrics, steady};
use crate::load::stats::validity::Finding;

pub(crate) fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/load/report/text").join(name);
    if env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&path, text).expect("it is written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(text, golden, "{name}\n{text}");
}

#[test]
fn text_of_open_loop_has_both_latencies() {
    compare("open.txt", &text(&stalling()));
}

#[test]
fn text_of_closed_loop_states_its_limits() {
    compare("closed.txt", &text(&steady(5, 1.0)));
}

#[test]
fn text_of_run_without_responses_has_no_latencies() {
    compare("empty.txt", &text(&empty_summary(info())));
}

#[test]
fn text_of_invalid_run_starts_with_its_reasons() {
    let mut metrics = metrics(0);
    metrics.record_sent(0);
    metrics.unfinished([Duration::ZERO; 2]);
    metrics.connect_failed(LoadFailure::NoPort, Duration::ZERO);
    (0..3).for_each(|_| metrics.lag.record(Duration::from_millis(30)));
    let info = RunInfo {
        threads: 2,
        cpu_usage: CpuUsage {
            cpu: Duration::from_secs(11),
            thread_cpu_max: Duration::from_secs(10),
            thread_demand_max: Duration::from_secs(10),
            ..info().cpu_usage
        },
        pipeline: 4,
        was_interrupted: true,
        ..info()
    };
    compare("invalid.txt", &text(&Summary::of(&metrics, &info)));
}

#[test]
fn text_lists_urls_up_to_the_limit() {
    let urls: Vec<_> = (0..30).map(|number| format!("http://localhost:8080/{number}")).collect();
    let info = RunInfo { urls, target: "GET 30 addresses".to_owned(), ..info() };
    let text = text(&Summary::of(&stalling_metrics(30), &info));
    compare("urls.txt", &text[text.find("\n completed").unwrap_or(0)..]);
}

#[test]
fn describe_warning_gives_text_with_figures() {
    let waiting = |count| Finding::unfinished(count, 5_100_000, "p99", 4_000_000);
    for (warning, words) in [
        (
            waiting(50),
            "without a response at the end: 50 requests, after 5.10 s at most; these times count: p99 is 4.00 s \
             or more",
        ),
        (
            waiting(1),
            "without a response at the end: 1 request, after 5.10 s at most; these times count: p99 is 4.00 s \
             or more",
        ),
        (
            Finding::lag_near_latency(1_500, 2_000),
            "the client itself was 1.50 ms late at p99, which is part of the corrected p99 of 2.00 ms; \
             the uncorrected p99 excludes it",
        ),
        (
            Finding::different_settings("time-out: 30.0 s and 5.00 s"),
            "the merged runs differ in time-out: 30.0 s and 5.00 s; the report shows the settings \
             of the first",
        ),
        (
            Finding::waited_for_cpu(0.342),
            "the client waited for a processor for 34.2 % of the time, which is part of the latencies: give \
             it a core of its own before the latencies are attributed to the server",
        ),
        (
            Finding::resent(7),
            "pipelined requests were sent again, because their connection ended before their response \
             (times: 7)",
        ),
        (
            Finding::unsolicited_bytes(3),
            "unsolicited bytes arrived on an idle connection, which was closed (times: 3)",
        ),
    ] {
        assert_eq!(warning.meaning, words);
    }
}

#[test]
fn describe_reason_gives_cpu_waiting_share() {
    for (reason, words) in [
        (
            Finding::cpu_starved(0.97, 0.45),
            "the client was ready to run for 97.0 % of the time (the limit is 95.0 %) \
             and had a processor for 45.0 %: give it a core of its own, or use another host",
        ),
        (
            Finding::schedule_missed(1, 2, 0.5, 0.9),
            "the client did not send 1 of the 2 due requests, and used 50.0 % of its CPU time \
             (90.0 % with its wait for a processor)",
        ),
    ] {
        assert_eq!(reason.meaning, words);
    }
}

#[test]
fn text_counts_404_of_a_url_as_bad_status() {
    let mut metrics = metrics(2);
    for (url, status) in [(0, 200), (1, 404)] {
        let zero = Duration::ZERO;
        metrics.record_sent(url);
        let (intended, sent, first_byte, done) = (zero, zero, zero, zero);
        metrics.answered(RequestTimes { url, intended, sent, done }, status, first_byte, 1);
    }
    let urls = ["http://localhost/a", "http://localhost/b"].map(str::to_owned).to_vec();
    let text = text(&Summary::of(&metrics, &RunInfo { urls, ..info() }));
    let cells = |url: &str| {
        let line = text.lines().find(|line| line.ends_with(url)).unwrap_or_default();
        line.split_whitespace().take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        (cells("/a"), cells("/b")),
        (vec!["1".into(), "0".into(), "0".into()], vec!["1".into(), "1".into(), "0".into()]),
        "{text}"
    );
}

#[test]
fn text_comparison_rows_fit_in_100_columns() {
    let text = comparison(&compare::compare(&steady(20, 1.0), &steady(20, 0.5), 1));
    let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!((words[0], words[words.len() - 1]), ("p50", "faster"), "{text}");
    let errors = text.lines().last().unwrap_or_default();
    assert!(errors.starts_with("errors            0 %        0 %      +0 pp  "), "{text}");
    assert!(errors.ends_with("  -0.038 pp to +0.038 pp  no difference shown"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
}

#[test]
fn text_comparison_of_short_run_has_no_interval() {
    let text = comparison(&compare::compare(&steady(4, 1.0), &steady(4, 0.5), 1));
    let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
    assert!(line.contains("  -  ") && line.ends_with("  run too short"), "{text}");
    assert!(text.contains("\nruns of less than 5 s do not show"), "{text}");
}

#[test]
fn comparison_without_responses_has_no_interval() {
    let empty = empty_summary(info());
    assert!(comparison(&compare::compare(&empty, &empty, 1)).contains("too few responses"));
    let json = ReportFormat::Json.render_comparison(&compare::compare(&empty, &empty, 1));
    assert!(json.contains("\"interval_share\": null"));
}

#[test]
fn csv_comparison_has_figures_by_name() {
    let text = ReportFormat::Csv.render_comparison(&compare::compare(&steady(20, 1.0), &steady(20, 0.5), 1));
    for line in ["figures.rps.before,500.0", "figures.p50.verdict,faster"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
    }
}
