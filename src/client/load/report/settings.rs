//! The settings of a run for scripts, in the report of a run and in that of a search.
//!
//! What people read of them are the words of [`Setup`] and [`Course`] themselves.

use serde_json::{Value, json};

use super::super::plan::UrlOrder;
use super::super::setup::{Course, KeepAlive, Setup};
use super::super::summary::Conditions;

/// What a run was made under.
pub(super) fn run(conditions: &Conditions) -> Value {
    let due = conditions.pacing.due();
    json!({
        "target": conditions.target,
        "addresses": conditions.urls.len().max(1),
        "loop": if due.is_some() { "open" } else { "closed" },
        "due": due,
        "concurrency": conditions.concurrency,
        "pipeline": conditions.pipeline,
        "threads": conditions.threads,
        "wall_secs": conditions.wall.as_secs_f64(),
        "started_unix_secs": conditions.started_unix_secs,
        "interrupted": conditions.was_interrupted,
        "runs": conditions.merged.as_ref().map_or(1, |merged| merged.runs),
        "course": course(&conditions.course),
        "setup": setup(&conditions.setup),
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
    let requests = match setup.keep_alive {
        KeepAlive::On => None,
        KeepAlive::For(requests) => Some(requests),
        KeepAlive::Off => Some(1),
    };
    let fields = setup.sent.fields.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    json!({
        "method": setup.sent.method,
        "fields": fields.collect::<Vec<_>>(),
        "body_bytes": setup.sent.body_len,
        "order": setup.order.map(UrlOrder::name),
        "seed": setup.seed,
        "keep_alive": setup.keep_alive != KeepAlive::Off,
        "requests_per_connection": requests,
        "timeout_secs": setup.timeout.as_secs_f64(),
        "client_version": setup.client_version,
    })
}
