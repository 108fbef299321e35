//! A run in a file, and several runs as one: sums and histograms, never percentiles.
//!
//! The file is JSON; its histograms are those of all HdrHistograms (V2, compressed, base64). Text in, a run
//! out; `read_run` reads the file. What was written by somebody else is checked, and refused in words.

pub mod commands;

use std::fs::File;
use std::path::Path;

use serde::{Deserialize, de};
use serde_json::{Value, json};

use super::error::LoadError;
use super::output::read_bounded;
use super::run_info::{CpuUsage, Merged, RunInfo};
use crate::cli::quote;
use crate::load::plan::run_plan::Stop;
use crate::load::stats::latency_histogram::COUNT_MAX;
use crate::load::stats::metrics::{Latencies, Metrics, URL_FIGURES_MAX};
use crate::load::stats::summary::Summary;
use crate::load::stats::time_series::TimeSeries;

/// What stands at the beginning of a file, so that no other JSON is taken for a run.
const FORMAT: &str = "reactor-http load run";
/// Changes when an older program could not read the file.
const VERSION: u64 = 1;
/// A longer file is no run of ours: it would be read into memory whole, twice.
const RUN_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Values of a file, about: a list of a hundred thousand addresses is in it, more was not written here,
/// and each takes far more memory than the few letters that it may be.
const VALUES_MAX: usize = 250_000;

/// Sums and what they were measured under: all that is known of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedRun {
    /// The sums.
    pub metrics: Metrics,
    /// What they were measured under.
    pub info: RunInfo,
}

impl SavedRun {
    /// The quotients.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.metrics, &self.info)
    }

    /// Adds a run that another machine made at the same time.
    ///
    /// # Errors
    ///
    /// Why the two do not add up, in words to stand behind a colon.
    pub fn merge(&mut self, other: &Self) -> Result<(), String> {
        let merged = self.merge_info().combine(other.merge_info());
        self.info.merge(&other.info, merged)?;
        self.metrics.merge(&other.metrics);
        Ok(())
    }

    /// What is to be known of it in a sum.
    fn merge_info(&self) -> Merged {
        self.info.merged.clone().unwrap_or_else(|| Merged {
            runs: 1,
            client_bound: u64::from(!self.summary().validity.is_valid()),
            wall_min: self.info.wall,
            last_started_unix_secs: self.info.started_unix_secs,
            differences: Vec::new(),
        })
    }

    /// The file of this run.
    pub fn to_json(&self) -> String {
        // Only maps whose keys are not text fail, and a run has none.
        let mut value = json!(self.metrics);
        let added =
            [("conditions", json!(self.info)), ("format", FORMAT.into()), ("version", VERSION.into())];
        if let Value::Object(members) = &mut value {
            members.extend(added.map(|(name, value)| (name.to_owned(), value)));
        }
        format!("{value}\n")
    }

    /// Reads the file of a run.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words to stand behind its name and a colon.
    pub fn read(text: &str) -> Result<Self, String> {
        if count_values_max(text) > VALUES_MAX {
            return Err("not a saved run: there is too much in it".to_owned());
        }
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not a saved run: {error}"))?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err("not a saved run: --save writes one".to_owned());
        }
        check("run", &value)?;
        match value.get("version").map(Value::as_u64) {
            Some(Some(VERSION)) => {}
            Some(Some(_)) => return Err("saved by a newer reactor-client".to_owned()),
            Some(None) => return Err("not a saved run: its 'version' is no number".to_owned()),
            None => return Err("not a saved run: it has no 'version'".to_owned()),
        }
        let mut run = Self::of(&value).map_err(|error| format!("not a saved run: {error}"))?;
        run.metrics.urls.truncate(URL_FIGURES_MAX);
        match run.metrics.is_balanced() {
            true => Ok(run),
            false => Err("its requests do not add up".to_owned()),
        }
    }

    /// The run in a file. Of what it is made of, each is read by itself and from the same kind of value, for
    /// flattened fields make a copy of the code that reads them.
    fn of(value: &Value) -> serde_json::Result<Self> {
        let of_info = value.get("conditions").ok_or_else(|| de::Error::missing_field("conditions"))?;
        let mut metrics = Metrics::deserialize(value)?;
        metrics.latencies = Latencies::deserialize(value)?;
        metrics.series = TimeSeries::deserialize(value)?;
        let mut info = RunInfo::deserialize(of_info)?;
        info.cpu_usage = CpuUsage::deserialize(of_info)?;
        info.profile.stop = Stop::deserialize(&of_info["course"])?;
        Ok(Self { metrics, info })
    }
}

/// Reads a run that `--save` has kept.
///
/// # Errors
/// It cannot be read, or is no run.
pub(super) fn read_run(path: &Path) -> Result<SavedRun, LoadError> {
    let bytes = File::open(path)
        .and_then(|mut file| read_bounded(&mut file, RUN_LEN_MAX))
        .map_err(|error| LoadError::Failed(format!("cannot read {}: {error}", quote(path))))?;
    let text = String::from_utf8(bytes).map_err(|_| "not a saved run: it is not UTF-8".to_owned());
    let run = text.and_then(|text| SavedRun::read(&text));
    run.map_err(|error| LoadError::Failed(format!("{}: {error}", quote(path))))
}

/// How many values a JSON text has at most: one begins it, and each of the others follows one of these.
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

/// Refuses numbers that cannot be added to many others, and text that a terminal must not be shown.
///
/// Nothing is added to a seed. The value of a header field may have tabs. What is asked for is
/// percent-encoded, so nothing else was written here.
fn check(name: &str, value: &Value) -> Result<(), String> {
    let is_text = |text: &str| !text.chars().any(|letter| letter.is_control() && letter != '\t');
    let is_plain = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match value {
        Value::Number(number) if name != "seed" && number.as_u64().is_none_or(|count| count > COUNT_MAX) => {
            Err(format!("its '{name}' is no number"))
        }
        Value::String(text) if matches!(name, "target" | "urls") && !is_plain(text) => {
            Err(format!("its '{name}' is no plain text"))
        }
        Value::String(text) if !is_text(text) => Err(format!("its '{name}' is no text")),
        Value::Array(items) => items.iter().try_for_each(|item| check(name, item)),
        Value::Object(fields) => fields.iter().try_for_each(|(field, value)| match is_plain(field) {
            true => check(field, value),
            false => Err(format!("its '{name}' has a name that is no plain text")),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
