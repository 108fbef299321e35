//! JSON report, and CSV of its figures.
//!
//! JSON is one object, as in `schema.json`. CSV has one figure a line (RFC 4180).
//! Names end in their unit. A time never recorded is null. Values are not rounded. A name in CSV is the path in
//! JSON; an array's element has its first known member as its name, or its index.

use serde::Serialize;
use serde_json::{Value, json};

use crate::load::compare::Comparison;
use crate::load::plan::run_plan::UrlOrder;
use crate::load::run_info::{RunInfo, SentField, Setup};
use crate::load::stats::summary::Summary;
use crate::load::stats::validity::Finding;

/// JSON Schema of a report.
pub const SCHEMA: &str = include_str!("schema.json");
/// Members that tell the elements of an array apart.
const NAMING: [&str; 6] = ["name", "status", "failure", "url", "start_secs", "step"];

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Document<T> {
    format: &'static str,
    /// Changes when a reader of the former version could misread the report.
    version: u64,
    #[serde(flatten)]
    content: T,
}

impl<T: Serialize> Document<T> {
    pub(crate) fn of(format: &'static str, content: T) -> Self {
        Self { format, version: 1, content }
    }

    /// Text with a line end; names in alphabetical order.
    pub(super) fn to_text(&self) -> String {
        format!("{:#}\n", json!(self))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LoadReport<'a> {
    run: RunReport<'a>,
    #[serde(flatten)]
    summary: &'a Summary,
    validity: ValidityReport<'a>,
    /// Comparison with the run of --compare, or null.
    comparison: Option<Document<&'a Comparison>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ValidityReport<'a> {
    /// Whether the results are the server's; if not, the exit code is 97.
    valid: bool,
    /// Reasons why the client was the bottleneck.
    client_bound: &'a [Finding],
    /// Other findings.
    remarks: &'a [Finding],
}

/// JSON of a run.
pub fn json(summary: &Summary, beside: Option<&Comparison>) -> String {
    load_report(summary, beside).to_text()
}

pub(super) fn load_report<'a>(
    summary: &'a Summary,
    beside: Option<&'a Comparison>,
) -> Document<impl Serialize + 'a> {
    let validity = &summary.validity;
    let report = LoadReport {
        run: RunReport::of(&summary.info),
        summary,
        validity: ValidityReport {
            valid: validity.is_valid(),
            client_bound: &validity.reasons,
            remarks: &validity.warnings,
        },
        comparison: beside.map(comparison),
    };
    Document::of("reactor-http load report", report)
}

pub(super) fn comparison(comparison: &Comparison) -> Document<&Comparison> {
    Document::of("reactor-http load comparison", comparison)
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RunReport<'a> {
    target: &'a str,
    addresses: usize,
    /// open: sent by a schedule; closed: after responses.
    #[cfg_attr(test, schemars(extend("enum" = ["open", "closed"])))]
    r#loop: &'static str,
    /// Requests due; null in a closed loop.
    due: Option<u64>,
    concurrency: u64,
    /// Requests in flight per connection.
    pipeline: u64,
    threads: u64,
    /// Duration without warm-up.
    wall_secs: f64,
    started_unix_secs: u64,
    /// Whether a signal ended the run.
    interrupted: bool,
    /// Number of merged runs, or 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    runs: u64,
    /// Load profile of each run.
    course: CourseReport,
    setup: SetupReport<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CourseReport {
    /// closed, or as in -q, --steps, --ramp: 200/s, 100:30s,200:30s, 0..5000/60s.
    schedule: String,
    /// Planned requests, or null.
    requests_max: Option<u64>,
    /// Planned duration, or null.
    duration_secs: Option<f64>,
    warmup_secs: f64,
}

/// Settings; of merged runs, those of the first.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SetupReport<'a> {
    method: &'a str,
    /// Non-default fields.
    fields: &'a [SentField],
    /// Body length, or 0; null if bodies differ.
    body_bytes: Option<u64>,
    /// URL order; null for one URL.
    order: Option<UrlOrder>,
    /// Seed, or null.
    seed: Option<u64>,
    keep_alive: bool,
    /// Requests per connection; null if unlimited.
    requests_per_connection: Option<u64>,
    /// Time-out of requests and connects.
    timeout_secs: f64,
    client_version: &'a str,
}

impl<'a> RunReport<'a> {
    fn of(info: &'a RunInfo) -> Self {
        let course = &info.profile;
        Self {
            target: &info.target,
            addresses: info.urls.len().max(1),
            r#loop: if info.due.is_some() { "open" } else { "closed" },
            due: info.due,
            concurrency: info.concurrency,
            pipeline: info.pipeline,
            threads: info.threads,
            wall_secs: info.wall.as_secs_f64(),
            started_unix_secs: info.started_unix_secs,
            interrupted: info.was_interrupted,
            runs: info.merged.as_ref().map_or(1, |merged| merged.runs),
            course: CourseReport {
                schedule: course.schedule.to_string(),
                requests_max: course.stop.requests,
                duration_secs: course.stop.duration.map(|duration| duration.as_secs_f64()),
                warmup_secs: course.warmup.as_secs_f64(),
            },
            setup: SetupReport::of(&info.setup),
        }
    }
}

impl<'a> SetupReport<'a> {
    pub(super) fn of(setup: &'a Setup) -> Self {
        Self {
            method: &setup.method,
            fields: &setup.fields,
            body_bytes: setup.body_len,
            order: setup.order,
            seed: setup.seed,
            keep_alive: setup.keep_alive_for != Some(0),
            requests_per_connection: setup.keep_alive_for.map(|requests| requests.max(1)),
            timeout_secs: setup.timeout.as_secs_f64(),
            client_version: &setup.client_version,
        }
    }
}

/// CSV of a report; null is an empty cell.
pub(super) fn csv(report: &impl Serialize) -> String {
    let mut csv = "name,value\r\n".to_owned();
    append(&mut csv, "", &json!(report));
    csv
}

fn append(csv: &mut String, name: &str, value: &Value) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| append(csv, &below(key), value)),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(index, element)| {
            let naming = NAMING.iter().find_map(|member| element.get(member)).map(bare);
            append(csv, &below(&naming.unwrap_or(index.to_string())), element);
        }),
        value => csv.push_str(&format!("{},{}\r\n", cell(name), cell(&bare(value)))),
    }
}

fn bare(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn cell(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests;
