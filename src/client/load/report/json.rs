//! The report for scripts: one JSON object, whose shape is `schema.json` beside this file.
//!
//! Names end in their unit; what was never recorded is null; no figure is rounded for show.

use serde_json::{Value, json as value};

use super::super::compare::Comparison;
use super::super::failure::FailureCounts;
use super::super::summary::{PERCENTILES, Spread, Summary};
use super::verdict::{Figure, in_words, reason_figures, remark_figures, remark_in_words};
use super::{comparison, settings};

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
        "run": settings::run(&summary.info),
        "requests": {
            "sent": totals.sent,
            "answered": totals.answered,
            "bad_statuses": totals.bad_statuses,
            "failed": totals.failed,
            "unfinished": totals.unfinished,
            "unfinished_oldest_us": summary.oldest_unfinished_us,
            "resent": summary.resent,
        },
        "unasked_connections": summary.unasked,
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
            "cpu_secs": summary.info.cpu_usage.cpu.as_secs_f64(),
            "cpu_share": summary.cpu_share,
            "cpu_share_max": summary.cpu_share_max,
            "waited_secs": summary.info.cpu_usage.waited.map(|waited| waited.as_secs_f64()),
            "waited_share": summary.waited_share,
            "wanted_share_max": summary.wanted_share_max,
            "cpu_us_per_answer": summary.cpu_us_per_answer,
        },
        "validity": validity(summary),
        "comparison": beside.map(comparison::object),
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
            "bad_statuses": url.totals.bad_statuses,
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
            "bad_statuses": slice.slice.bad_statuses,
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
    let said = |name: &str, meaning: String, figures: Vec<Figure>| {
        let figures = figures.into_iter().map(|(name, figure)| value!({ "name": name, "value": figure }));
        value!({ "name": name, "meaning": meaning, "figures": figures.collect::<Vec<_>>() })
    };
    let reasons = reasons.map(|reason| said(reason.name(), in_words(*reason), reason_figures(*reason)));
    let remarks = summary.validity.remarks.iter();
    let remarks = remarks.map(|remark| said(remark.name(), remark_in_words(remark), remark_figures(remark)));
    value!({
        "valid": summary.validity.is_valid(),
        "client_bound": reasons.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(super) mod tests;
