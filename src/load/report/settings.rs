//! The settings of a run for scripts, in the report of a run and in that of a search.
//!
//! What people read of them are the words of [`Setup`] and [`LoadProfile`](crate::load::run_info::LoadProfile) themselves.

use serde::Serialize;

use crate::load::plan::run_plan::UrlOrder;
use crate::load::run_info::{RunInfo, SentField, Setup};

/// What the figures were measured under.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RunReport<'a> {
    /// What was asked.
    target: &'a str,
    /// How many addresses.
    addresses: usize,
    /// Whether a schedule or the answers decided when requests were sent.
    #[cfg_attr(test, schemars(extend("enum" = ["open", "closed"])))]
    r#loop: &'static str,
    /// Requests that the schedule wanted sent; null in a closed loop.
    due: Option<u64>,
    /// Connections at a time.
    concurrency: u64,
    /// Requests on a connection at a time.
    pipeline: u64,
    /// Threads of the client.
    threads: u64,
    /// How long the run took, warm-up left out.
    wall_secs: f64,
    /// When it began.
    started_unix_secs: u64,
    /// Whether a signal ended it before its time.
    interrupted: bool,
    /// How many runs were added up, 1 if it is none of reactor-client merge.
    #[cfg_attr(test, schemars(range(min = 1)))]
    runs: u64,
    /// What was to happen when; of runs that were added up, in each of them.
    course: CourseReport,
    /// How it was set up.
    setup: SetupReport<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CourseReport {
    /// closed, or as -q, --steps or --ramp have it: 200/s, 100:30s,200:30s, 0..5000/60s.
    schedule: String,
    /// Requests after which it was to end; null if there is no such number.
    requests_max: Option<u64>,
    /// Time after which it was to end; null if there is none.
    duration_secs: Option<f64>,
    /// How long it ran before anything counted.
    warmup_secs: f64,
}

/// How a run or the runs of a search were set up; of runs that were added up, the first of them.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SetupReport<'a> {
    /// The method of the requests.
    method: &'a str,
    /// Fields beside those that are always sent.
    fields: &'a [SentField],
    /// The length of each body, 0 without one; null if they differ.
    body_bytes: Option<u64>,
    /// How the next of several addresses is chosen; null if there is one.
    order: Option<UrlOrder>,
    /// What random choices follow from; null if there are none.
    seed: Option<u64>,
    /// Whether a connection is kept for another request.
    keep_alive: bool,
    /// Requests after which a connection is closed; null if it is kept.
    requests_per_connection: Option<u64>,
    /// How long a request may take, and a connection to be made.
    timeout_secs: f64,
    /// The version of reactor-client.
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
