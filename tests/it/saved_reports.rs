//! Saved runs of earlier versions, and the keys of the JSON reports, which other programs read.
//!
//! `fixtures/` has runs and reports as they were when the formats were frozen. A saved run must stay readable
//! and give the same report; a report of a new run must have the same keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Server, client, client_in};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(name)
}

#[track_caller]
fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The keys of a value, each with those above it: `.slices[].p50_us`.
#[derive(Default)]
struct Keys {
    all: BTreeSet<String>,
    /// Keys with null or an empty list, so nothing below them can be seen.
    empty: BTreeSet<String>,
}

impl Keys {
    fn of(value: &Value) -> Self {
        let mut keys = Self::default();
        keys.add(value, "");
        keys
    }

    fn add(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(fields) => {
                for (key, inner) in fields {
                    let path = format!("{path}.{key}");
                    self.add(inner, &path);
                    self.all.insert(path);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().for_each(|item| self.add(item, &format!("{path}[]")));
            }
            Value::Array(_) | Value::Null => {
                self.empty.insert(path.to_owned());
            }
            _ => {}
        }
    }

    /// Whether a key may be missing because what is above it is empty.
    fn hides(&self, key: &str) -> bool {
        let below =
            |path: &String| key.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.empty.iter().any(below)
    }
}

/// What has changed in the keys of a report: `frozen` are the reports that have all keys between them.
fn changes(frozen: &[&Value], fresh: &Value) -> Vec<String> {
    let known: BTreeSet<String> = frozen.iter().flat_map(|report| Keys::of(report).all).collect();
    let fresh = Keys::of(fresh);
    let added = fresh.all.difference(&known).map(|key| format!("added: {key}"));
    let missing =
        known.difference(&fresh.all).filter(|key| !fresh.hides(key)).map(|key| format!("missing: {key}"));
    added.chain(missing).collect()
}

/// The arguments of a command on saved runs, in words.
fn on_runs(words: &str) -> Vec<String> {
    let word = |word: &str| {
        if word.ends_with(".run") { fixture(word).display().to_string() } else { word.to_owned() }
    };
    words.split(' ').map(word).collect()
}

#[test]
fn saved_runs_give_the_frozen_reports() {
    // Some of the runs were made by a busy machine, which the exit code tells.
    let rows = [
        ("compare before.run after.run", 0, "comparison.json"),
        ("merge before.run after.run", 97, "merged-report.json"),
        ("merge failed.run failed-other", 0, "failed-report.json"),
        ("merge closed.run closed-other", 0, "closed-report.json"),
    ];
    let directory = tempfile::tempdir().expect("a folder");
    for name in ["failed", "closed"] {
        let mut run = json(&fixture(&format!("{name}.run")));
        // The longest run counts, so the report stays as it was.
        let wall_us = &mut run["conditions"]["wall_us"];
        *wall_us = (wall_us.as_u64().expect("a length") - 1).into();
        fs::write(directory.path().join(format!("{name}-other")), run.to_string()).expect("the run");
    }
    for (words, code, name) in rows {
        let words = on_runs(&format!("{words} --format json"));
        let words = words.iter().map(String::as_str).collect::<Vec<_>>();
        let outcome = client_in(directory.path(), &words).expect(code);
        let report: Value = serde_json::from_slice(&outcome.stdout).expect("a JSON report");
        assert_eq!(report, json(&fixture(name)), "{name}");
    }
}

#[test]
fn merged_saved_runs_equal_the_frozen_run() {
    let directory = tempfile::tempdir().expect("a folder");
    let words = on_runs("merge before.run after.run --out report --save sum");
    client_in(directory.path(), &words.iter().map(String::as_str).collect::<Vec<_>>()).expect(97);
    let mut sum = json(&directory.path().join("sum"));
    let merged = sum["conditions"]["merged"].as_object_mut().expect("an object");
    // Runs of earlier versions have no identities.
    let ids = merged.remove("ids").expect("identities");
    assert_eq!(ids.as_array().map(Vec::len), Some(2), "{ids}");
    assert_eq!(sum, json(&fixture("merged.run")));
}

#[test]
fn new_run_and_report_have_the_frozen_keys() {
    let directory = tempfile::tempdir().expect("a folder");
    fs::write(directory.path().join("urls"), "/a.txt\n/missing\n").expect("the list");
    let server = Server::serving(&[("a.txt", b"a")]);
    let (port, before) = (server.address().port().to_string(), fixture("before.run").display().to_string());
    let words =
        "-n 40 -c 2 -q 400 -s --urls urls -H X-Run:{SEQ} --format json --out report --save run --compare";
    let words = words.split(' ').chain([before.as_str(), "-p", &port]).collect::<Vec<_>>();
    let outcome = client_in(directory.path(), &words);
    assert!(matches!(outcome.code, Some(0 | 97)), "{}", outcome.stderr);
    let frozen =
        ["run-report.json", "merged-report.json", "failed-report.json"].map(|name| json(&fixture(name)));
    let changed = changes(&frozen.each_ref(), &json(&directory.path().join("report")));
    assert_eq!(changed, [""; 0], "the report");
    let frozen = ["before.run", "merged.run"].map(|name| json(&fixture(name)));
    let changed = changes(&frozen.each_ref(), &json(&directory.path().join("run")));
    assert_eq!(changed, [""; 0], "the saved run");
}

#[test]
fn find_rate_report_has_the_frozen_keys() {
    let server = Server::serving(&[("index.html", b"home")]);
    let port = server.address().port().to_string();
    let words = "--find-rate --slo p99<1us -z 250ms -q 100 -s --format json -p".split(' ');
    let outcome = client(&words.chain([port.as_str()]).collect::<Vec<_>>());
    assert!(matches!(outcome.code, Some(97 | 99)), "{}", outcome.stderr);
    let report: Value = serde_json::from_slice(&outcome.stdout).expect("a JSON report");
    assert_eq!(changes(&[&json(&fixture("find-rate.json"))], &report), [""; 0]);
}

#[test]
fn key_changes_lists_added_and_missing_keys() {
    let frozen = serde_json::json!({"a": {"b": 1}, "c": [{"d": 2}], "e": null});
    let rows = [
        (serde_json::json!({"a": {"b": 7}, "c": [{"d": 0}], "e": null}), vec![]),
        (serde_json::json!({"a": null, "c": [], "e": null}), vec![]),
        (serde_json::json!({"a": {"x": 1}, "c": [], "e": null}), vec!["added: .a.x", "missing: .a.b"]),
        (serde_json::json!({"a": {"b": 1}, "c": [{"d": 2}]}), vec!["missing: .e"]),
        (serde_json::json!({"a": {"b": 1}, "c": [{"d": 2}], "e": {"f": 1}}), vec!["added: .e.f"]),
    ];
    for (fresh, expected) in rows {
        assert_eq!(changes(&[&frozen], &fresh), expected, "{fresh}");
    }
}
