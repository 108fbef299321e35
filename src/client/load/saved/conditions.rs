//! What a run was measured under, in its file: settings, times and, of a sum, what is known of its runs.
//!
//! Names are the file's own, times whole microseconds, and a schedule is written as on the command line.
//! It opens nothing, and judges nothing beyond what can be read.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::effort::Effort;
use super::super::pacer::Schedule;
use super::super::plan::{Stop, UrlOrder};
use super::super::setup::{Course, KeepAlive, Sent, Setup};
use super::super::summary::{Conditions, Merged, Pacing};
use super::{Node, micros};

pub(super) fn write(conditions: &Conditions) -> Value {
    json!({
        "target": conditions.target,
        "urls": conditions.urls,
        "setup": write_setup(&conditions.setup),
        "course": write_course(&conditions.course),
        "due": conditions.pacing.due(),
        "concurrency": conditions.concurrency,
        "pipeline": conditions.pipeline,
        "wall_us": micros(conditions.wall),
        "threads": conditions.threads,
        "cpu_us": micros(conditions.effort.cpu),
        "cpu_busiest_us": micros(conditions.effort.cpu_busiest),
        "waited_us": conditions.effort.waited.map(micros),
        "wanted_most_us": micros(conditions.effort.wanted_most),
        "started_unix_secs": conditions.started_unix_secs,
        "interrupted": conditions.was_interrupted,
        "merged": conditions.merged.as_ref().map(write_merged),
    })
}

pub(super) fn read(node: &Node) -> Result<Conditions, String> {
    Ok(Conditions {
        target: node.node("target")?.plain()?,
        urls: node.addresses("urls")?,
        setup: read_setup(&node.node("setup")?)?,
        course: read_course(&node.node("course")?)?,
        pacing: match node.known("due")? {
            Some(due) => Pacing::Open { due: due.count("number")? },
            None => Pacing::Closed,
        },
        concurrency: node.number("concurrency")?,
        pipeline: node.number("pipeline")?,
        wall: node.time("wall_us")?,
        threads: node.number("threads")?,
        effort: read_effort(node)?,
        started_unix_secs: node.number("started_unix_secs")?,
        was_interrupted: node.truth("interrupted")?,
        merged: node.known("merged")?.map(|merged| read_merged(&merged)).transpose()?,
    })
}

fn read_effort(node: &Node) -> Result<Effort, String> {
    Ok(Effort {
        cpu: node.time("cpu_us")?,
        cpu_busiest: node.time("cpu_busiest_us")?,
        waited: node.maybe_number("waited_us")?.map(Duration::from_micros),
        wanted_most: node.time("wanted_most_us")?,
    })
}

fn write_setup(setup: &Setup) -> Value {
    let keep_alive_for = match setup.keep_alive {
        KeepAlive::On => None,
        KeepAlive::For(requests) => Some(requests),
        KeepAlive::Off => Some(0),
    };
    json!({
        "method": setup.sent.method,
        "fields": setup.sent.fields.iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect::<Vec<_>>(),
        "body_len": setup.sent.body_len,
        "order": setup.order.map(UrlOrder::name),
        "seed": setup.seed,
        "keep_alive_for": keep_alive_for,
        "timeout_us": micros(setup.timeout),
        "client_version": setup.client_version,
    })
}

fn read_setup(node: &Node) -> Result<Setup, String> {
    let field = |field: Node| {
        Ok::<_, String>((field.text("name")?.to_owned(), field.maybe_text("value")?.map(str::to_owned)))
    };
    let keep_alive = match node.maybe_number("keep_alive_for")? {
        None => KeepAlive::On,
        Some(0) => KeepAlive::Off,
        Some(requests) => KeepAlive::For(requests),
    };
    Ok(Setup {
        sent: Sent {
            method: node.text("method")?.to_owned(),
            fields: node.items("fields")?.map(field).collect::<Result<_, _>>()?,
            body_len: node.maybe_number("body_len")?,
        },
        order: node.maybe_text("order")?.map(UrlOrder::parse).transpose()?,
        seed: node.maybe_number("seed")?,
        keep_alive,
        timeout: node.time("timeout_us")?,
        client_version: node.text("client_version")?.to_owned(),
    })
}

fn write_course(course: &Course) -> Value {
    json!({
        "schedule": course.schedule.to_string(),
        "requests": course.stop.requests,
        "duration_us": course.stop.duration.map(micros),
        "warmup_us": micros(course.warmup),
    })
}

fn read_course(node: &Node) -> Result<Course, String> {
    let wrong = |error| format!("its 'schedule': {error}");
    Ok(Course {
        schedule: Schedule::parse(node.text("schedule")?).map_err(wrong)?,
        stop: Stop {
            requests: node.maybe_number("requests")?,
            duration: node.maybe_number("duration_us")?.map(Duration::from_micros),
        },
        warmup: node.time("warmup_us")?,
    })
}

fn write_merged(merged: &Merged) -> Value {
    json!({
        "runs": merged.runs,
        "client_bound": merged.client_bound,
        "wall_min_us": micros(merged.wall_min),
        "last_started_unix_secs": merged.last_started_unix_secs,
        "differences": merged.differences,
    })
}

fn read_merged(node: &Node) -> Result<Merged, String> {
    Ok(Merged {
        runs: node.number("runs")?,
        client_bound: node.number("client_bound")?,
        wall_min: node.time("wall_min_us")?,
        last_started_unix_secs: node.number("last_started_unix_secs")?,
        differences: node.texts("differences")?,
    })
}
