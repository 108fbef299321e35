//! The page is well formed, self-contained, complete and readable.
//!
//! It has the values of every other report, texts beside charts, and colours with enough contrast.

use crate::load::run_info::CpuUsage;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::load::report::json;
use crate::load::run_info::RunInfo;
use crate::load::run_info::tests::unusual_setup;
use crate::load::saved::SavedRun;
use crate::load::stats::metrics::{Metrics, RequestTimes};
use crate::load::stats::summary::tests::{empty_summary, info, metrics, stalling, stalling_metrics, steady};
use crate::text::units::{bytes, count, rate, share, time};

/// Elements without an end tag.
const VOID: [&str; 3] = ["meta", "br", "hr"];

/// Markup errors: attributes need double quotes, and elements must nest.
pub(crate) fn markup_errors(page: &str) -> Vec<String> {
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!doctype html>").unwrap_or(page);
    while let Some(at) = rest.find('<') {
        let Some(len) = rest[at..].find('>') else {
            found.push("a tag without an end".to_owned());
            break;
        };
        let tag = &rest[at + 1..at + len];
        rest = &rest[at + len + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        if tag.matches('"').count() % 2 == 1 || tag.matches("=\"").count() * 2 != tag.matches('"').count() {
            found.push(format!("odd quotes in <{tag}>"));
        }
        match tag {
            tag if tag.starts_with('/') => match open.pop() {
                Some(last) if last == name => {}
                last => found.push(format!("</{name}> ends {last:?}")),
            },
            tag if tag.ends_with('/') || VOID.contains(&name) => {}
            _ => open.push(name),
        }
    }
    found.extend(open.iter().map(|name| format!("<{name}> has no end")));
    found.extend(page.split('&').skip(1).filter(|after| !after.contains(';')).map(str::to_owned));
    found
}

/// External references and scripts of a page.
pub(crate) fn external_references(page: &str) -> Vec<&'static str> {
    let words = [
        " src=",
        " href=",
        "url(",
        "@import",
        "@font-face",
        "<script",
        "<link",
        "<iframe",
        "<object",
        "<embed",
        "<img",
        "<base",
        "<use",
        "javascript:",
        " onload",
        " onclick",
        " style=",
    ];
    words.into_iter().filter(|word| page.to_lowercase().contains(word)).collect()
}

fn several(urls: usize, metrics: Metrics) -> Summary {
    let urls = (0..urls).map(|url| format!("http://localhost/{url}?<script src=x>\"'&\u{202e}")).collect();
    SavedRun { metrics, info: RunInfo { urls, ..info() } }.summary()
}

/// Closed loop with one response every ten seconds, the first at once.
fn sparse_run(answers: u64) -> Summary {
    let mut metrics = metrics(0);
    let mut wall = Duration::ZERO;
    for number in 0..answers {
        let sent = Duration::from_secs(number * 10);
        let done = sent + Duration::from_micros(77 + number);
        metrics.record_sent(0);
        let (intended, first_byte) = (sent, done);
        metrics.answered(RequestTimes { url: 0, intended, sent, done }, 200, first_byte, 100);
        wall = done;
    }
    Summary::of(&metrics, &RunInfo { due: None, wall, ..info() })
}

/// Runs of all kinds.
fn runs() -> Vec<(&'static str, Summary)> {
    let hostile = "G<ET http://x/\"><script src=//y>alert(1)</script>&\u{202e}";
    vec![
        ("open", stalling()),
        ("closed", steady(5, 1.0)),
        ("nothing", empty_summary(info())),
        ("no time at all", empty_summary(RunInfo { wall: Duration::ZERO, ..info() })),
        ("one answer", sparse_run(1)),
        ("an hour", sparse_run(361)),
        ("two addresses", several(2, stalling_metrics(2))),
        ("a hundred addresses", several(150, stalling_metrics(150))),
        (
            "invalid",
            empty_summary(RunInfo {
                cpu_usage: CpuUsage { thread_cpu_max: info().wall, ..info().cpu_usage },
                ..info()
            }),
        ),
        ("hostile", empty_summary(RunInfo { target: hostile.to_owned(), ..info() })),
    ]
}

#[test]
fn html_of_any_run_is_well_formed_and_self_contained() {
    for (what, summary) in runs() {
        let page = html(&summary);
        assert_eq!(markup_errors(&page), [""; 0], "{what}");
        // Hostile descriptions are text in the page.
        let own = page.replace("script src=", "");
        assert_eq!(external_references(&own), [""; 0], "{what}");
        for number in ["NaN", "\"inf", "-inf", " inf"] {
            assert!(!page.contains(number), "{what}: {number}");
        }
        assert!(page.len() < 400_000, "{what}: {}", page.len());
        assert!(page.ends_with("</html>\n"), "{what}");
    }
}

#[test]
fn html_checks_detect_bad_markup_and_external_references() {
    for page in ["<p>", "<p></b>", "</p>", "<p a=b\">", "<p", "<p a='b\"'></p>", "a & b"] {
        assert!(!markup_errors(page).is_empty(), "{page}");
    }
    for page in ["<a href=\"http://x/\">", "<IMG src=x>", "a { background: url(x) }"] {
        assert!(!external_references(page).is_empty(), "{page}");
    }
}

/// Value of the JSON report, as the page writes it.
fn told(report: &Value, pointer: &str, write: impl Fn(f64) -> String) -> String {
    let value = report.pointer(pointer).and_then(Value::as_f64);
    format!(">{}<", write(value.unwrap_or_else(|| panic!("there is {pointer}"))))
}

#[test]
fn html_report_has_the_figures_of_the_json_report() {
    let number = |value: f64| count(value as u64);
    for (what, summary) in
        [("open", stalling()), ("closed", steady(5, 1.0)), ("two", several(2, stalling_metrics(2)))]
    {
        let (page, report) = (html(&summary), json(&summary, None));
        let report: Value = serde_json::from_str(&report).expect("it is JSON");
        let mut wanted = vec![
            told(&report, "/answers_per_sec", rate),
            told(&report, "/requests/sent", number),
            told(&report, "/error_share", share),
            told(&report, "/client/cpu_share", share),
            told(&report, "/received_bytes_per_sec", |len| format!("{}/s", bytes(len))),
            told(&report, "/statuses/0/count", number),
            told(&report, "/histogram/0/count", number),
            told(&report, "/slices/2/answers_per_sec", rate),
            told(&report, "/slices/2/p99_us", time),
            told(&report, "/first_byte/mean_us", time),
        ];
        let latencies =
            if summary.is_open_loop() { vec!["latency", "latency_uncorrected"] } else { vec!["latency"] };
        for figure in ["min_us", "mean_us", "stdev_us", "p50_us", "p75_us", "p99.9_us", "p99.99_us", "max_us"]
        {
            wanted.extend(latencies.iter().map(|of| told(&report, &format!("/{of}/{figure}"), time)));
        }
        if summary.is_open_loop() {
            wanted.push(told(&report, "/failures/0/count", number));
            wanted.push(format!(">{}<", report["failures"][0]["meaning"].as_str().expect("words")));
            wanted.push(told(&report, "/lag/max_us", time));
        }
        for text in wanted {
            assert!(page.contains(&text), "{what}: {text} in {page}");
        }
    }
}

#[test]
fn html_report_escapes_urls_and_title() {
    let page = html(&several(2, stalling_metrics(2)));
    assert!(page.contains("http://localhost/1?&lt;script src=x&gt;&quot;&#39;&amp;\u{fffd}</th>"), "{page}");
    assert_eq!(super::page("<b>", "", ""), super::page("<b>", "", "").replace("<b>", "&lt;b&gt;"));
}

#[test]
fn html_report_states_verdict_and_limits_in_text() {
    let runs = runs();
    let rows = [
        ("open", "<strong>Valid</strong>"),
        ("open", "Corrected: from when a request was due. Uncorrected: from when it was sent."),
        ("closed", "During a stall no requests are sent"),
        ("invalid", "<title>INVALID: client-bound - GET"),
        ("invalid", "the client&#39;s busiest thread used 100.0 % of its CPU time"),
        ("nothing", "<strong>No responses</strong>"),
        ("nothing", "the rate was not reached"),
        ("nothing", "There is none, because there are no responses."),
        ("a hundred addresses", "(all others)"),
        ("an hour", "60 min"),
    ];
    for (what, part) in rows {
        let summary = runs.iter().find(|(name, _)| *name == what).map(|(_, summary)| html(summary));
        assert!(summary.is_some_and(|page| page.contains(part)), "{what}: {part}");
    }
}

#[test]
fn html_report_lists_the_settings() {
    let page = html(&empty_summary(RunInfo { setup: unusual_setup(), ..info() }));
    for (name, value) in [
        ("schedule", "200/s"),
        ("ends after", "10.0 s"),
        ("warm-up", "none"),
        ("method", "POST"),
        ("extra fields", "Authorization: (redacted); no User-Agent"),
        ("body", "of different lengths"),
        ("keep-alive", "for 100 requests"),
        ("time-out", "250 ms"),
        ("reactor-client", "0.2.0"),
        ("waited for a processor", "5.0 %"),
    ] {
        assert!(page.contains(&format!("<dt>{name}</dt><dd>{value}</dd>")), "{name} in {page}");
    }
    assert!(!html(&empty_summary(info())).contains("<dt>seed</dt>"), "there is none");
}

#[test]
fn html_report_has_a_chart_only_where_there_is_data() {
    let ids = |summary: &Summary| {
        let page = html(summary);
        let ids = ["curve", "rates", "latencies"].into_iter();
        ids.filter(|id| page.contains(&format!("<figure class=\"chart\" id=\"{id}\">"))).collect::<Vec<_>>()
    };
    assert_eq!(ids(&stalling()), ["curve", "rates", "latencies"]);
    assert_eq!(ids(&sparse_run(1)), ["curve", "rates", "latencies"]);
    assert_eq!(ids(&empty_summary(info())), [""; 0]);
}

/// Colours of the light or the dark style.
fn colours(style: &str) -> impl Fn(&str) -> [f64; 3] {
    move |name| {
        let (_, value) = style.split_once(&format!("--{name}: #")).expect("the colour is named");
        let digits: String = value.chars().take_while(char::is_ascii_hexdigit).collect();
        let digits = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => digits,
        };
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits")))
    }
}

/// Relative luminance (WCAG 2).
fn luminance(colour: [f64; 3]) -> f64 {
    let parts = colour.map(|part| part / 255.0);
    let linear =
        parts.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
    linear.iter().zip([0.2126, 0.7152, 0.0722]).map(|(part, weight)| part * weight).sum()
}

#[test]
fn style_colours_meet_wcag_contrast() {
    let (light, dark) =
        STYLE.split_once("@media screen and (prefers-color-scheme: dark)").expect("two looks");
    for style in [light, dark] {
        let colour = colours(style);
        let ratio = |one: &str, other: &str| {
            let (one, other) = (luminance(colour(one)) + 0.05, luminance(colour(other)) + 0.05);
            (one / other).max(other / one)
        };
        for behind in ["page", "card"] {
            for text in ["text", "soft", "good", "bad", "note", "c0"] {
                assert!(ratio(text, behind) >= 4.5, "{text} on {behind}: {}", ratio(text, behind));
            }
            for line in ["edge", "c1", "c2", "c3"] {
                assert!(ratio(line, behind) >= 3.0, "{line} on {behind}: {}", ratio(line, behind));
            }
        }
    }
}
