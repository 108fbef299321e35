//! Saved runs: sums and histograms, never percentiles, so that runs can be merged.
//!
//! JSON with standard HdrHistograms (V2, compressed, base64).

pub mod commands;

use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize, de};
use serde_json::{Value, json};

use super::error::LoadError;
use super::output::read_bounded;
use super::run_info::{Merged, RunInfo};
use crate::cli::quote;
use crate::load::report::Document;
use crate::load::stats::latency_histogram::{COUNT_MAX, to_us};
use crate::load::stats::metrics::{Metrics, URL_FIGURES_MAX};
use crate::load::stats::summary::Summary;
use crate::load::stats::time_series::{SLICES_MAX, TimeSeries};

/// Distinguishes a saved run from other JSON.
const FORMAT: &str = "reactor-http load run";
/// [`Document::of`] writes it; increases when older programs could not read the file.
const VERSION: u64 = 1;
/// Limit in bytes: the file is in memory twice.
const RUN_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Approximate: a value takes far more memory than its text.
///
/// A list of 100,000 URLs fits, and this program writes no more.
const VALUES_MAX: usize = 250_000;

/// Statuses have three digits (RFC 9110 section 15).
const STATUS_MAX: u16 = 999;

/// Data of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SavedRun {
    /// Sums.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Configuration and conditions.
    #[serde(rename = "conditions")]
    pub info: RunInfo,
}

impl SavedRun {
    /// Computed results.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.metrics, &self.info)
    }

    /// Adds a concurrent run of another host.
    ///
    /// # Errors
    /// Why the runs do not match, to follow a colon.
    pub fn merge(&mut self, other: &Self) -> Result<(), String> {
        let merged = self.merge_info().combine(other.merge_info())?;
        self.info.merge(&other.info, merged)?;
        self.metrics.merge(&other.metrics);
        Ok(())
    }

    fn merge_info(&self) -> Merged {
        self.info.merged.clone().unwrap_or_else(|| Merged {
            runs: 1,
            client_bound: u64::from(!self.summary().validity.is_valid()),
            wall_min: self.info.wall,
            last_started_unix_secs: self.info.started_unix_secs,
            differences: Vec::new(),
            ids: vec![[self.info.started_unix_secs, to_us(self.info.wall), to_us(self.info.cpu_usage.cpu)]],
        })
    }

    /// JSON text.
    pub fn to_json(&self) -> String {
        format!("{}\n", json!(Document::of(FORMAT, self)))
    }

    /// Parses a saved run.
    ///
    /// # Errors
    /// The fault, to follow a colon.
    pub fn read(text: &str) -> Result<Self, String> {
        if count_values_max(text) > VALUES_MAX {
            return Err("not a saved run: it is too large".to_owned());
        }
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not a saved run: {error}"))?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err("not a saved run: --save writes one".to_owned());
        }
        check("run", &value)?;
        match value.get("version").map(Value::as_u64) {
            Some(Some(VERSION)) => {}
            Some(Some(_)) => return Err("saved by a newer reactor-client".to_owned()),
            Some(None) => return Err("not a saved run: its 'version' is not a number".to_owned()),
            None => return Err("not a saved run: it has no 'version'".to_owned()),
        }
        let mut run = Self::of(&value).map_err(|error| format!("not a saved run: {error}"))?;
        run.metrics.urls.truncate(URL_FIGURES_MAX);
        run.metrics.series.slices.truncate(SLICES_MAX);
        run.metrics.series.slice_len = TimeSeries::new(run.metrics.series.slice_len).slice_len;
        match run.metrics.is_balanced() {
            true => Ok(run),
            false => Err("its requests do not add up".to_owned()),
        }
    }

    /// Separate calls: flattened fields duplicate the generated code.
    fn of(value: &Value) -> serde_json::Result<Self> {
        let of_info = value.get("conditions").ok_or_else(|| de::Error::missing_field("conditions"))?;
        let metrics = Metrics::deserialize(value)?;
        if metrics.statuses.keys().any(|status| *status > STATUS_MAX) {
            return Err(de::Error::custom("its 'statuses' is not a list of statuses"));
        }
        Ok(Self { metrics, info: RunInfo::deserialize(of_info)? })
    }
}

pub(super) fn read_run(path: &Path) -> Result<SavedRun, LoadError> {
    let bytes = File::open(path)
        .and_then(|mut file| read_bounded(&mut file, RUN_LEN_MAX))
        .map_err(|error| LoadError::Failed(format!("cannot read {}: {error}", quote(path))))?;
    let text = String::from_utf8(bytes).map_err(|_| "not a saved run: it is not UTF-8".to_owned());
    let run = text.and_then(|text| SavedRun::read(&text));
    run.map_err(|error| LoadError::Failed(format!("{}: {error}", quote(path))))
}

/// Upper bound: the first value, and one after each `,`, `[` and `{`.
fn count_values_max(text: &str) -> usize {
    let (mut count, mut is_string, mut is_escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b',' | b'[' | b'{' if !is_string => count += 1,
            _ => {}
        }
    }
    count
}

/// Rejects numbers too large to add, and text unsafe for terminals. Seeds are not added. Field values may contain tabs.
fn check(name: &str, value: &Value) -> Result<(), String> {
    let is_text = |text: &str| !text.chars().any(|letter| letter.is_control() && letter != '\t');
    let is_plain = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match value {
        Value::Number(number) if name != "seed" && number.as_u64().is_none_or(|count| count > COUNT_MAX) => {
            Err(format!("its '{name}' is not a number"))
        }
        Value::String(text) if matches!(name, "target" | "urls") && !is_plain(text) => {
            Err(format!("its '{name}' is not plain text"))
        }
        Value::String(text) if !is_text(text) => Err(format!("its '{name}' is not text")),
        Value::Array(items) => items.iter().try_for_each(|item| check(name, item)),
        Value::Object(fields) => fields.iter().try_for_each(|(field, value)| match is_plain(field) {
            true => check(field, value),
            false => Err(format!("its '{name}' has a name that is not plain text")),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
