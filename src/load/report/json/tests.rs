//! The report matches its schema exactly, and the schema matches the types.
//!
//! This file implements the part of JSON Schema that the schemas use.

use std::time::Duration;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json as value};

use super::*;
use crate::load::compare::compare;
use crate::load::report::ReportFormat;
use crate::load::run_info::tests::unusual_setup;
use crate::load::run_info::{CpuUsage, RunInfo};
use crate::load::saved::SavedRun;
use crate::load::stats::spread::PERCENTILES;
use crate::load::stats::summary::tests::{empty_summary, info, stalling, stalling_metrics, steady};

/// Names of the reasons against a run.
const REASONS: [&str; 7] = ["cpu", "waited", "lag", "missed", "no-descriptor", "no-port", "merged"];
/// Names of the remarks.
const REMARKS: [&str; 10] = [
    "unreached",
    "short",
    "unequal",
    "apart",
    "differing",
    "late",
    "held-up",
    "flattering",
    "resent",
    "unasked",
];
/// Verdicts on times and rates, then on errors.
const NAMES: [&str; 5] = ["faster", "slower", "no-difference-shown", "too-few-answers", "too-short"];
const ERROR_NAMES: [&str; 4] = ["fewer", "more", "no-difference-shown", "too-few-answers"];
/// Numbers that may be negative.
const SIGNED: [&str; 3] = ["change_share", "low", "high"];

/// Schema of a report type, in the form of the file beside it.
pub(crate) fn generated_schema<T: JsonSchema>(format: &str, description: &str) -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Document<T>>().to_value();
    tidy(&mut schema, "");
    schema["title"] = format.into();
    schema["description"] = description.into();
    schema["properties"]["format"] = value!({ "const": format });
    schema["properties"]["version"]["const"] = 1.into();
    if let Some(comparison) = schema["$defs"].get_mut("document") {
        comparison["properties"]["format"] = value!({ "const": "reactor-http load comparison" });
        comparison["properties"]["version"]["const"] = 1.into();
        comparison["description"] = "Two runs beside one another.".into();
    }
    let share = value!({ "maximum": 1 });
    for (definition, field, more) in [
        ("row", "unit", value!({ "enum": ["us", "per_sec"] })),
        ("row", "verdict", value!({ "enum": NAMES })),
        ("errors", "verdict", value!({ "enum": ERROR_NAMES })),
        ("errors", "before_share", share.clone()),
        ("errors", "after_share", share),
        ("errors", "change_share", value!({ "minimum": -1, "maximum": 1 })),
    ] {
        let field = schema["$defs"].get_mut(definition).map(|schema| &mut schema["properties"][field]);
        if let (Some(Value::Object(field)), Value::Object(more)) = (field, more) {
            field.remove("$ref");
            field.extend(more);
        }
    }
    if let Some(finding) = schema["$defs"].as_object_mut().and_then(|defs| defs.remove("finding")) {
        let lists = &mut schema["$defs"]["validityReport"]["properties"];
        for (list, names) in [("client_bound", &REASONS[..]), ("remarks", &REMARKS)] {
            let mut finding = finding.clone();
            finding["properties"]["name"] = value!({ "enum": names });
            lists[list]["items"] = finding;
        }
    }
    format!("{schema:#}\n")
        .replace("\"document\":", "\"comparison\":")
        .replace("$defs/document", "$defs/comparison")
}

/// Adds what the derived schema lacks: no other fields, and bounds of numbers.
fn tidy(schema: &mut Value, name: &str) {
    let Some(object) = schema.as_object_mut() else {
        schema.as_array_mut().into_iter().flatten().for_each(|schema| tidy(schema, name));
        return;
    };
    let is_number = object.get("type").is_some_and(|types| has_type(types, &1.5.into()));
    if object.get("format").is_some_and(Value::is_string) {
        object.remove("format");
        object.remove("maximum");
    }
    if is_number && !SIGNED.contains(&name) {
        object.entry("minimum").or_insert(0.into());
    }
    if name == "error_share" {
        object.insert("maximum".to_owned(), 1.into());
    }
    if object.contains_key("properties") {
        object.insert("additionalProperties".to_owned(), false.into());
    }
    let names = object.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<_> = names
        .flat_map(|one| {
            [one.get("const").cloned()]
                .into_iter()
                .flatten()
                .chain(one["enum"].as_array().cloned().unwrap_or_default())
        })
        .collect();
    if !names.is_empty() {
        object.remove("oneOf");
        object.insert("enum".to_owned(), names.into());
    }
    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
        let name = reference.trim_start_matches("#/$defs/");
        let reference = format!("#/$defs/{}", definition(name));
        object.insert("$ref".to_owned(), reference.into());
    }
    if let Some(Value::Object(definitions)) = object.remove("$defs") {
        let renamed = definitions.into_iter().map(|(name, schema)| (definition(&name), schema));
        object.insert("$defs".to_owned(), Value::Object(renamed.collect()));
    }
    for (field, inner) in object {
        match field.as_str() {
            "properties" | "$defs" => {
                inner.as_object_mut().into_iter().flatten().for_each(|(name, inner)| tidy(inner, name));
            }
            _ => tidy(inner, name),
        }
    }
}

/// Definition name: that of the type, or a shorter one.
fn definition(name: &str) -> String {
    match name {
        "SetupReport" => "setup".to_owned(),
        "FailureSummary" => "failure".to_owned(),
        "HistogramBar" => "bar".to_owned(),
        "MetricUnit" => "unit".to_owned(),
        "ConfidenceInterval" => "interval".to_owned(),
        name if name.ends_with("Verdict") => "verdict".to_owned(),
        name if name.starts_with("Document") => "document".to_owned(),
        name => name[..1].to_lowercase() + &name[1..],
    }
}

/// Checks that a schema is current; `WRITE_SCHEMAS` writes it.
pub(crate) fn assert_schema_current(made: &str, schema: &str, path: &str) {
    if std::env::var_os("WRITE_SCHEMAS").is_some() {
        std::fs::write(path, made).expect("it is written");
    }
    assert!(made == schema, "{path} is not what the types say: WRITE_SCHEMAS=1 writes it");
}

#[test]
fn report_schema_matches_its_types() {
    let made = generated_schema::<LoadReport<'static>>(
        "reactor-http load report",
        "What reactor-client --format json writes after a load test. Names end in their unit: _us microseconds, \
         _secs seconds, _bytes bytes, _share 0 to 1. What reactor-client compare --format json writes is \
         $defs/comparison.",
    );
    assert_schema_current(&made, SCHEMA, "src/load/report/schema.json");
}

#[test]
fn report_schema_has_every_percentile() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("it is JSON");
    let spread = &schema["$defs"]["spread"]["properties"];
    assert!(PERCENTILES.iter().all(|(name, _)| spread.get(format!("{name}_us")).is_some()), "{spread}");
}

/// Errors of a value, each with its path.
fn faults(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = reference.trim_start_matches('#');
        return faults(root, root.pointer(pointer).expect("it leads somewhere"), value, path);
    }
    if let Some(either) = schema.get("anyOf").and_then(Value::as_array) {
        let null = either.iter().any(|schema| schema["type"] == "null");
        return if null && value.is_null() { Vec::new() } else { faults(root, &either[0], value, path) };
    }
    let mut found = Vec::new();
    if schema.get("const").is_some_and(|constant| constant != value) {
        found.push(format!("{path} is {value}"));
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|values| !values.contains(value)) {
        found.push(format!("{path} is {value}"));
    }
    if schema.get("type").is_some_and(|types| !has_type(types, value)) {
        found.push(format!("{path} has the wrong type: {value}"));
    }
    let limit = |name| schema.get(name).and_then(Value::as_f64);
    if let Some(number) = value.as_f64()
        && (limit("minimum").is_some_and(|least| number < least)
            || limit("maximum").is_some_and(|most| number > most))
    {
        found.push(format!("{path} is out of bounds: {value}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(faults(root, &schema["items"], item, &format!("{path}[{index}]")));
    }
    if let Some(fields) = value.as_object() {
        found.extend(field_errors(root, schema, fields, path));
    }
    found
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("a type that is not known here: {other}"),
    };
    match types {
        Value::String(name) => is(name),
        types => types.as_array().into_iter().flatten().filter_map(Value::as_str).any(is),
    }
}

fn field_errors(
    root: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    path: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(inner) => found.extend(faults(root, inner, field, &format!("{path}.{name}"))),
            None => found.push(format!("{path}.{name} is not in the schema")),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(
        required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{path}.{name} is missing")),
    );
    found
}

fn check(report: &str) -> Vec<String> {
    check_against(SCHEMA, report)
}

/// Differences between a report and a schema.
pub(crate) fn check_against(schema: &str, report: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let report: Value = serde_json::from_str(report).expect("the report is JSON");
    faults(&schema, &schema, &report, "report")
}

#[test]
fn json_report_of_any_run_matches_the_schema() {
    let urls = vec!["http://localhost/a".to_owned(), "http://localhost/b".to_owned()];
    let several = SavedRun { metrics: stalling_metrics(2), info: RunInfo { urls, ..info() } };
    let invalid = empty_summary(RunInfo {
        cpu_usage: CpuUsage { thread_cpu_max: info().wall, ..info().cpu_usage },
        ..info()
    });
    assert!(!invalid.validity.is_valid());
    let held_up = empty_summary(RunInfo {
        setup: unusual_setup(),
        cpu_usage: CpuUsage { run_queue_wait: None, thread_demand_max: info().wall, ..info().cpu_usage },
        ..info()
    });
    let mut merged = several.clone();
    let apart = RunInfo { setup: unusual_setup(), started_unix_secs: 1, ..several.info.clone() };
    merged.merge(&SavedRun { info: apart, ..several.clone() }).expect("they add up");
    for summary in [
        stalling(),
        steady(5, 1.0),
        empty_summary(info()),
        several.summary(),
        invalid,
        held_up,
        merged.summary(),
    ] {
        assert_eq!(check(&json(&summary, None)), [""; 0]);
    }
}

#[test]
fn json_comparison_alone_and_in_report_matches_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let (empty, slower) = (empty_summary(info()), (steady(20, 1.0), steady(20, 2.0)));
    for (before, after) in [slower, (empty.clone(), empty), (stalling(), steady(4, 1.0))] {
        let compared = compare(&before, &after, 1);
        let alone: Value = serde_json::from_str(&comparison(&compared).to_text()).expect("it is JSON");
        assert_eq!(faults(&schema, &schema["$defs"]["comparison"], &alone, "comparison"), [""; 0]);
        let report = json(&after, Some(&compared));
        assert_eq!(check(&report), [""; 0]);
        let report: Value = serde_json::from_str(&report).expect("it is one document");
        assert_eq!(report["comparison"], alone);
        let p50 = &alone["figures"][1];
        assert_eq!((&p50["name"], &p50["unit"]), (&"p50".into(), &"us".into()));
    }
}

#[test]
fn schema_check_finds_every_deviation() {
    let report = json(&stalling(), None);
    let rows = [
        ("\"version\": 1", "\"version\": 2", "report.version is 2"),
        ("\"loop\": \"open\"", "\"loop\": \"ajar\"", "report.run.loop is \"ajar\""),
        ("\"answers_per_sec\": 200.0,\n  \"client\"", "\"client\"", "report.answers_per_sec is missing"),
        ("\"threads\": 1", "\"threads\": \"1\"", "report.run.threads has the wrong type: \"1\""),
        ("\"threads\": 1", "\"threads\": -1", "report.run.threads is out of bounds: -1"),
        ("\"sent\"", "\"posted\"", "report.requests.posted is not in the schema"),
    ];
    for (from, to, fault) in rows {
        assert!(report.contains(from), "{from} in {report}");
        assert!(check(&report.replacen(from, to, 1)).contains(&fault.to_owned()), "{fault}");
    }
}

/// Parsed report.
fn read(summary: &Summary) -> Value {
    serde_json::from_str(&json(summary, None)).expect("it is JSON")
}

#[test]
fn json_report_has_setup_and_course_values() {
    let report = read(&empty_summary(RunInfo { setup: unusual_setup(), ..info() }));
    assert_eq!(
        report["run"]["setup"],
        value!({
            "method": "POST",
            "fields": [
                { "name": "Authorization", "value": "(redacted)" },
                { "name": "User-Agent", "value": null },
            ],
            "body_bytes": null,
            "order": "random",
            "seed": u64::MAX,
            "keep_alive": true,
            "requests_per_connection": 100,
            "timeout_secs": 0.25,
            "client_version": "0.2.0",
        })
    );
    let course = value!({
        "schedule": "200/s", "requests_max": null, "duration_secs": 10.0, "warmup_secs": 0.0,
    });
    assert_eq!(report["run"]["course"], course);
}

#[test]
fn json_findings_have_numeric_figures() {
    let mut metrics = stalling_metrics(0);
    metrics.resent += 7;
    metrics.unasked += 1;
    metrics.record_sent(0);
    metrics.unfinished([Duration::from_secs(4); 2]);
    let report = read(&Summary::of(&metrics, &info()));
    assert_eq!((&report["requests"]["resent"], &report["unasked_connections"]), (&7.into(), &1.into()));
    assert_eq!(report["requests"]["unfinished_oldest_us"].as_u64().map(|us| us / 10_000), Some(400));
    let remarks = report["validity"]["remarks"].as_array().expect("remarks");
    let figures = |name: &str| {
        let remark = remarks.iter().find(|remark| remark["name"] == name);
        remark.unwrap_or_else(|| panic!("no {name} in {remarks:?}"))["figures"].clone()
    };
    assert_eq!(figures("resent"), value!([{ "name": "requests", "value": 7 }]));
    assert_eq!(figures("unasked"), value!([{ "name": "connections", "value": 1 }]));
    assert_eq!(figures("flattering")[0], value!({ "name": "unfinished", "value": 3 }));
    let held_up = read(&empty_summary(RunInfo {
        cpu_usage: CpuUsage { thread_demand_max: info().wall, ..info().cpu_usage },
        ..info()
    }));
    let figure = &held_up["validity"]["client_bound"][0]["figures"][0];
    assert_eq!(*figure, value!({ "name": "wanted_share_max", "value": 1.0 }));
}

#[test]
fn json_report_figures_are_not_rounded() {
    let report: Value = serde_json::from_str(&json(&stalling(), None)).expect("it is JSON");
    assert_eq!(report["requests"]["sent"], 2007);
    assert_eq!(report["latency"]["p99.9_us"], 200_831);
    assert_eq!(report["failures"][0]["name"], "timed-out");
    assert_eq!(report["slices"][1]["start_secs"], 1.0);
    assert_eq!(report["lag"]["max_us"], 20);
}

#[test]
fn csv_report_has_all_figures_of_json() {
    let text = ReportFormat::Csv.render(&stalling(), None);
    assert!(text.starts_with("name,value\r\n"), "{text}");
    assert!(text.lines().count() > 60, "{text}");
    for line in [
        "requests.sent,2007",
        "requests.bad_statuses,0",
        "statuses.200.count,2000",
        "failures.timed-out.count,2",
        "run.wall_secs,10.0",
        "run.setup.keep_alive,true",
        "run.setup.seed,",
        "run.course.schedule,200/s",
        "client.waited_share,0.05",
        "slices.3.0.bad_statuses,0",
        "validity.valid,true",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
    }
    let text = ReportFormat::Csv.render(&empty_summary(info()), None);
    assert!(text.contains("\r\nlatency,\r\n") && text.contains("\r\nanswers_per_sec,0.0\r\n"), "{text}");
}

#[test]
fn csv_cell_with_comma_or_quote_is_quoted() {
    assert_eq!(csv(&json!({"/a,\"b\"": ["x,y"]})), "name,value\r\n\"/a,\"\"b\"\".0\",\"x,y\"\r\n");
}
