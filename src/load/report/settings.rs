//! Run settings for scripts.
//!
//! The text reports use `Setup` and `LoadProfile` instead.

use serde::Serialize;

use crate::load::plan::run_plan::UrlOrder;
use crate::load::run_info::{RunInfo, SentField, Setup};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RunReport<'a> {
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
    pub(super) fn of(info: &'a RunInfo) -> Self {
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
