//! The settings of a run for scripts, in the report of a run and in that of a search.
//!
//! What people read of them are the words of [`Setup`] and [`Course`] themselves.

use serde_json::{Value, json};

use super::super::plan::UrlOrder;
use super::super::run_info::{Course, RunInfo, Setup};

/// What a run was made under.
pub(super) fn run(info: &RunInfo) -> Value {
    let due = info.due;
    json!({
        "target": info.target,
        "addresses": info.urls.len().max(1),
        "loop": if due.is_some() { "open" } else { "closed" },
        "due": due,
        "concurrency": info.concurrency,
        "pipeline": info.pipeline,
        "threads": info.threads,
        "wall_secs": info.wall.as_secs_f64(),
        "started_unix_secs": info.started_unix_secs,
        "interrupted": info.was_interrupted,
        "runs": info.merged.as_ref().map_or(1, |merged| merged.runs),
        "course": course(&info.course),
        "setup": setup(&info.setup),
    })
}

fn course(course: &Course) -> Value {
    json!({
        "schedule": course.schedule.to_string(),
        "requests_max": course.stop.requests,
        "duration_secs": course.stop.duration.map(|duration| duration.as_secs_f64()),
        "warmup_secs": course.warmup.as_secs_f64(),
    })
}

/// How a run or a search was set up.
pub(super) fn setup(setup: &Setup) -> Value {
    json!({
        "method": setup.method,
        "fields": setup.fields,
        "body_bytes": setup.body_len,
        "order": setup.order.map(UrlOrder::name),
        "seed": setup.seed,
        "keep_alive": setup.keep_alive_for != Some(0),
        "requests_per_connection": setup.keep_alive_for.map(|requests| requests.max(1)),
        "timeout_secs": setup.timeout.as_secs_f64(),
        "client_version": setup.client_version,
    })
}
