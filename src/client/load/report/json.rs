//! The report for scripts: one JSON object, whose shape is `schema.json` beside this file.
//!
//! Names end in their unit; what was never recorded is null; no figure is rounded for show.

use serde_json::{Value, json as value};

use super::super::compare::Comparison;
use super::super::failure::FailureCounts;
use super::super::summary::{PERCENTILES, Pacing, Spread, Summary};
use super::comparison;
use super::text::{in_words, remark_in_words};

/// The JSON Schema of the report.
pub const SCHEMA: &str = include_str!("schema.json");

/// What a script reads; with what a comparison says, if there is one.
pub fn json(summary: &Summary, beside: Option<&Comparison>) -> String {
    format!("{:#}\n", object(summary, beside))
}

fn object(summary: &Summary, beside: Option<&Comparison>) -> Value {
    let totals = &summary.totals;
    value!({
        "format": "reactor-http load report",
        "version": 1,
        "run": run(summary),
        "requests": {
            "sent": totals.sent,
            "answered": totals.answered,
            "failed": totals.failed,
            "unfinished": totals.unfinished,
        },
        "answers_per_sec": summary.rate,
        "received_bytes": totals.received_len,
        "received_bytes_per_sec": summary.received_per_sec,
        "error_share": summary.error_share,
        "latency": spread(summary.corrected.as_ref()),
        "latency_uncorrected": spread(summary.uncorrected.as_ref()),
        "first_byte": spread(summary.first_byte.as_ref()),
        "connect": spread(summary.connect.as_ref()),
        "lag": spread(summary.lag.as_ref()),
        "histogram": summary.bars.iter()
            .map(|bar| value!({ "above_us": bar.from_us, "to_us": bar.to_us, "count": bar.count }))
            .collect::<Vec<_>>(),
        "statuses": summary.statuses.iter()
            .map(|(status, count)| value!({ "status": status, "count": count }))
            .collect::<Vec<_>>(),
        "failures": failures(&summary.failures),
        "connect_failures": failures(&summary.connect_failures),
        "urls": urls(summary),
        "slices": slices(summary),
        "client": {
            "cpu_secs": summary.conditions.cpu.as_secs_f64(),
            "cpu_share": summary.cpu_share,
            "cpu_share_max": summary.cpu_share_max,
            "cpu_us_per_answer": summary.cpu_us_per_answer,
        },
        "validity": validity(summary),
        "comparison": beside.map(comparison::object),
    })
}

fn run(summary: &Summary) -> Value {
    let conditions = &summary.conditions;
    let (pacing, due) = match conditions.pacing {
        Pacing::Open { due } => ("open", Some(due)),
        Pacing::Closed => ("closed", None),
    };
    value!({
        "target": conditions.target,
        "loop": pacing,
        "due": due,
        "concurrency": conditions.concurrency,
        "pipeline": conditions.pipeline,
        "threads": conditions.threads,
        "wall_secs": conditions.wall.as_secs_f64(),
        "started_unix_secs": conditions.started_unix_secs,
        "interrupted": conditions.was_interrupted,
        "runs": conditions.merged.map_or(1, |merged| merged.runs),
    })
}

pub(super) fn spread(spread: Option<&Spread>) -> Value {
    let Some(spread) = spread else { return Value::Null };
    let named = PERCENTILES.iter().zip(spread.percentiles_us);
    let percentiles = named.map(|((name, _), us)| (format!("{name}_us"), Value::from(us)));
    let mut object = value!({
        "count": spread.count,
        "min_us": spread.min_us,
        "mean_us": spread.mean_us,
        "stdev_us": spread.stdev_us,
        "max_us": spread.max_us,
    });
    if let Some(fields) = object.as_object_mut() {
        fields.extend(percentiles);
    }
    object
}

fn failures(failures: &FailureCounts) -> Vec<Value> {
    let seen = failures.seen();
    let objects = seen.map(
        |(failure, count)| value!({ "name": failure.name(), "count": count, "meaning": failure.describe() }),
    );
    objects.collect()
}

fn urls(summary: &Summary) -> Vec<Value> {
    let objects = summary.urls.iter().map(|url| {
        value!({
            "url": url.url,
            "sent": url.totals.sent,
            "answered": url.totals.answered,
            "failed": url.totals.failed,
            "received_bytes": url.totals.received_len,
            "latency": spread(url.latency.as_ref()),
        })
    });
    objects.collect()
}

fn slices(summary: &Summary) -> Vec<Value> {
    let objects = summary.slices.iter().map(|slice| {
        value!({
            "start_secs": slice.start.as_secs_f64(),
            "length_secs": slice.length.as_secs_f64(),
            "answered": slice.slice.answered,
            "failed": slice.slice.failed,
            "received_bytes": slice.slice.received_len,
            "answers_per_sec": slice.rate,
            "p50_us": slice.slice.quantile_us(0.5),
            "p99_us": slice.slice.quantile_us(0.99),
        })
    });
    objects.collect()
}

fn validity(summary: &Summary) -> Value {
    let reasons = summary.validity.reasons.iter();
    let reasons = reasons.map(|reason| value!({ "name": reason.name(), "meaning": in_words(*reason) }));
    let remarks = summary.validity.remarks.iter().map(|remark| remark_in_words(*remark));
    value!({
        "valid": summary.validity.is_valid(),
        "client_bound": reasons.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(super) mod tests;
