//! A run in a file, and several runs as one: sums and histograms, never percentiles.
//!
//! The file is JSON; its histograms are those of all HdrHistograms (V2, compressed, base64). It opens
//! nothing: text in, a run out. What was written by somebody else is checked, and refused in words.

mod conditions;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::failure::{Failure, FailureCounts};
use super::metrics::{Metrics, MetricsSettings, Totals, URL_FIGURES_MAX, UrlMetrics};
use super::recorder::{COUNT_MAX, Recorder};
use super::series::{SLICES_MAX, Series};
use super::setup::differences;
use super::summary::{Conditions, Merged, Pacing, Summary};

/// What stands at the beginning of a file, so that no other JSON is taken for a run.
const FORMAT: &str = "reactor-http load run";
/// Changes when an older program could not read the file.
const VERSION: u64 = 1;
/// Values of a file, about: a list of a hundred thousand addresses is in it, more was not written here,
/// and each takes far more memory than the few letters that it may be.
const VALUES_MAX: usize = 250_000;
/// More differences between the runs of a sum are not told one by one: who adds up runs of so many kinds
/// knows.
const DIFFERENCES_MAX: usize = 20;

/// Sums and what they were measured under: all that is known of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedRun {
    /// The sums.
    pub metrics: Metrics,
    /// What they were measured under.
    pub conditions: Conditions,
}

impl Merged {
    fn and(&self, other: &Self) -> Self {
        let mut both = Self {
            runs: self.runs.saturating_add(other.runs),
            client_bound: self.client_bound.saturating_add(other.client_bound),
            wall_min: self.wall_min.min(other.wall_min),
            last_started_unix_secs: self.last_started_unix_secs.max(other.last_started_unix_secs),
            differences: self.differences.clone(),
        };
        both.add(other.differences.clone());
        both
    }

    /// Adds what is not there yet.
    fn add(&mut self, differences: Vec<String>) {
        for difference in differences {
            if self.differences.len() < DIFFERENCES_MAX && !self.differences.contains(&difference) {
                self.differences.push(difference);
            }
        }
    }
}

impl SavedRun {
    /// The quotients.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.metrics, &self.conditions)
    }

    /// Adds a run that another machine made at the same time.
    ///
    /// # Errors
    ///
    /// Why the two do not add up, in words to stand behind a colon.
    pub fn merge(&mut self, other: &Self) -> Result<(), String> {
        let pacing = match (self.conditions.pacing, other.conditions.pacing) {
            (Pacing::Closed, Pacing::Closed) => Pacing::Closed,
            (Pacing::Open { due }, Pacing::Open { due: more }) => {
                Pacing::Open { due: due.saturating_add(more) }
            }
            _ => return Err("one run followed a schedule and the other did not".to_owned()),
        };
        if self.conditions.urls != other.conditions.urls {
            return Err("the runs have different lists of addresses".to_owned());
        }
        let mut merged = self.merged().and(&other.merged());
        merged.add(differences(&self.conditions, &other.conditions));
        let (sum, other_sum) = (&mut self.conditions, &other.conditions);
        if sum.target != other_sum.target {
            sum.target = format!("{} + {}", sum.target, other_sum.target);
        }
        sum.pacing = pacing;
        sum.concurrency = sum.concurrency.saturating_add(other_sum.concurrency);
        sum.pipeline = sum.pipeline.max(other_sum.pipeline);
        sum.wall = sum.wall.max(other_sum.wall);
        sum.threads = sum.threads.saturating_add(other_sum.threads);
        sum.effort.merge(&other_sum.effort);
        sum.started_unix_secs = sum.started_unix_secs.min(other_sum.started_unix_secs);
        sum.was_interrupted |= other_sum.was_interrupted;
        sum.merged = Some(merged);
        self.metrics.merge(&other.metrics);
        Ok(())
    }

    /// What is to be known of it in a sum.
    fn merged(&self) -> Merged {
        self.conditions.merged.clone().unwrap_or_else(|| Merged {
            runs: 1,
            client_bound: u64::from(!self.summary().validity.is_valid()),
            wall_min: self.conditions.wall,
            last_started_unix_secs: self.conditions.started_unix_secs,
            differences: Vec::new(),
        })
    }

    /// The file of this run.
    pub fn write(&self) -> String {
        let metrics = &self.metrics;
        let statuses = (0u16..).zip(&metrics.statuses).filter(|(_, count)| **count > 0);
        let statuses: Map<_, _> =
            statuses.map(|(status, count)| (status.to_string(), json!(count))).collect();
        let urls = metrics.urls.iter();
        let urls = urls.map(|url| json!({ "totals": totals(&url.totals), "latency": encode(&url.latency) }));
        let value = json!({
            "format": FORMAT,
            "version": VERSION,
            "conditions": conditions::write(&self.conditions),
            "totals": totals(&metrics.totals),
            "both": encode(&metrics.latencies.both),
            "corrected": encode(&metrics.latencies.corrected),
            "uncorrected": encode(&metrics.latencies.uncorrected),
            "first_byte": encode(&metrics.first_byte),
            "connect": encode(&metrics.connect),
            "lag": encode(&metrics.lag),
            "unfinished": encode(&metrics.unfinished),
            "resent": metrics.resent,
            "unasked": metrics.unasked,
            "statuses": statuses,
            "failures": failures(&metrics.failures),
            "connect_failures": failures(&metrics.connect_failures),
            "urls": urls.collect::<Vec<_>>(),
            "slice_us": micros(metrics.series.slice()),
            "slices": slices(&metrics.series),
        });
        format!("{value}\n")
    }

    /// Reads the file of a run.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words to stand behind its name and a colon.
    pub fn read(text: &str) -> Result<Self, String> {
        if values(text) > VALUES_MAX {
            return Err("not a saved run: there is too much in it".to_owned());
        }
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not a saved run: {error}"))?;
        let run = Node { name: "run", value: &value };
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err("not a saved run: --save writes one".to_owned());
        }
        if run.number("version")? != VERSION {
            return Err("saved by a newer reactor-client".to_owned());
        }
        let mut metrics = Metrics::new(MetricsSettings { urls: 0, slice: Duration::from_secs(1) });
        metrics.totals = read_totals(&run.node("totals")?)?;
        metrics.latencies.both = run.recorder("both")?;
        metrics.latencies.corrected = run.recorder("corrected")?;
        metrics.latencies.uncorrected = run.recorder("uncorrected")?;
        metrics.first_byte = run.recorder("first_byte")?;
        metrics.connect = run.recorder("connect")?;
        metrics.lag = run.recorder("lag")?;
        metrics.unfinished = run.recorder("unfinished")?;
        metrics.resent = run.number("resent")?;
        metrics.unasked = run.number("unasked")?;
        read_statuses(&run, &mut metrics.statuses)?;
        metrics.failures = read_failures(&run.node("failures")?)?;
        metrics.connect_failures = read_failures(&run.node("connect_failures")?)?;
        metrics.series = read_series(&run)?;
        for url in run.items("urls")?.take(URL_FIGURES_MAX) {
            let totals = read_totals(&url.node("totals")?)?;
            metrics.urls.push(UrlMetrics { totals, latency: url.recorder("latency")? });
        }
        if !metrics.is_balanced() {
            return Err("its requests do not add up".to_owned());
        }
        Ok(Self { metrics, conditions: conditions::read(&run.node("conditions")?)? })
    }
}

/// How many values a JSON text has at most: one begins it, and each of the others follows one of these.
fn values(text: &str) -> usize {
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

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn encode(recorder: &Recorder) -> String {
    STANDARD.encode(recorder.encode())
}

fn totals(totals: &Totals) -> Value {
    json!({
        "sent": totals.sent,
        "answered": totals.answered,
        "bad_statuses": totals.bad_statuses,
        "failed": totals.failed,
        "unfinished": totals.unfinished,
        "received_len": totals.received_len,
    })
}

fn failures(counts: &FailureCounts) -> Value {
    counts
        .seen()
        .map(|(failure, count)| (failure.name().to_owned(), json!(count)))
        .collect::<Map<_, _>>()
        .into()
}

fn slices(series: &Series) -> Vec<Value> {
    let slices = series.slices().iter().map(|slice| {
        json!({
            "answered": slice.answered,
            "bad_statuses": slice.bad_statuses,
            "failed": slice.failed,
            "received_len": slice.received_len,
            "latency": encode(&slice.latency()),
        })
    });
    slices.collect()
}

/// A value of the file, with its name for errors.
struct Node<'a> {
    name: &'a str,
    value: &'a Value,
}

impl<'a> Node<'a> {
    fn node(&self, name: &'a str) -> Result<Node<'a>, String> {
        let value = self.value.get(name).ok_or_else(|| format!("its {} has no '{name}'", self.name))?;
        Ok(Node { name, value })
    }

    fn wrong(&self, what: &str) -> String {
        format!("its '{}' is no {what}", self.name)
    }

    fn number(&self, name: &'a str) -> Result<u64, String> {
        self.node(name)?.count("number")
    }

    /// It, as a number that can be added to many others.
    fn count(&self, what: &str) -> Result<u64, String> {
        self.value.as_u64().filter(|count| *count <= COUNT_MAX).ok_or_else(|| self.wrong(what))
    }

    fn text(&self, name: &'a str) -> Result<&'a str, String> {
        self.node(name)?.shown()
    }

    /// What is not there is null.
    fn known(&self, name: &'a str) -> Result<Option<Node<'a>>, String> {
        Ok(Some(self.node(name)?).filter(|node| !node.value.is_null()))
    }

    fn maybe_number(&self, name: &'a str) -> Result<Option<u64>, String> {
        let node = self.known(name)?;
        node.map(|node| node.value.as_u64().ok_or_else(|| node.wrong("number"))).transpose()
    }

    fn maybe_text(&self, name: &'a str) -> Result<Option<&'a str>, String> {
        self.known(name)?.map(|node| node.shown()).transpose()
    }

    fn truth(&self, name: &'a str) -> Result<bool, String> {
        let node = self.node(name)?;
        node.value.as_bool().ok_or_else(|| node.wrong("true or false"))
    }

    fn texts(&self, name: &'a str) -> Result<Vec<String>, String> {
        self.items(name)?.map(|text| text.shown().map(str::to_owned)).collect()
    }

    fn addresses(&self, name: &'a str) -> Result<Vec<String>, String> {
        self.items(name)?.map(|address| address.plain()).collect()
    }

    /// It, as text that a terminal may be shown. The value of a field may have tabs.
    fn shown(&self) -> Result<&'a str, String> {
        let is_harmless = |text: &&str| !text.chars().any(|letter| letter.is_control() && letter != '\t');
        self.value.as_str().filter(is_harmless).ok_or_else(|| self.wrong("text"))
    }

    /// It, as what is asked for: that is percent-encoded, so nothing else was written here.
    fn plain(&self) -> Result<String, String> {
        let text = self.value.as_str().filter(|text| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
        text.map(str::to_owned).ok_or_else(|| self.wrong("plain text"))
    }

    fn time(&self, name: &'a str) -> Result<Duration, String> {
        self.number(name).map(Duration::from_micros)
    }

    fn items(&self, name: &'a str) -> Result<impl Iterator<Item = Node<'a>> + use<'a>, String> {
        let node = self.node(name)?;
        let items = node.value.as_array().ok_or_else(|| node.wrong("list"))?;
        Ok(items.iter().map(move |value| Node { name, value }))
    }

    fn fields(&self) -> Result<&'a Map<String, Value>, String> {
        self.value.as_object().ok_or_else(|| self.wrong("object"))
    }

    fn recorder(&self, name: &'a str) -> Result<Recorder, String> {
        let bytes = STANDARD.decode(self.text(name)?).map_err(|_| format!("its '{name}' is no base64"))?;
        Recorder::decode(&bytes).map_err(|error| format!("its '{name}': {error}"))
    }
}

fn read_totals(node: &Node) -> Result<Totals, String> {
    Ok(Totals {
        sent: node.number("sent")?,
        answered: node.number("answered")?,
        bad_statuses: node.number("bad_statuses")?,
        failed: node.number("failed")?,
        unfinished: node.number("unfinished")?,
        received_len: node.number("received_len")?,
    })
}

fn read_statuses(run: &Node, statuses: &mut [u64]) -> Result<(), String> {
    let node = run.node("statuses")?;
    for (status, count) in node.fields()? {
        let index = status.parse::<usize>().ok();
        let place =
            index.and_then(|index| statuses.get_mut(index)).ok_or_else(|| node.wrong("list of statuses"))?;
        *place = Node { name: node.name, value: count }.count("list of numbers")?;
    }
    Ok(())
}

fn read_failures(node: &Node) -> Result<FailureCounts, String> {
    let mut counts = FailureCounts::default();
    for (name, count) in node.fields()? {
        let failure = Failure::named(name).ok_or_else(|| node.wrong("list of failures"))?;
        counts.add(failure, Node { name: node.name, value: count }.count("list of numbers")?);
    }
    Ok(counts)
}

fn read_series(run: &Node) -> Result<Series, String> {
    let slice = run.time("slice_us")?;
    let mut series = Series::new(slice);
    for (index, node) in (0u32..).zip(run.items("slices")?.take(SLICES_MAX)) {
        let slice = series.at(slice.saturating_mul(index));
        slice.answered = node.number("answered")?;
        slice.bad_statuses = node.number("bad_statuses")?;
        slice.failed = node.number("failed")?;
        slice.received_len = node.number("received_len")?;
        slice.restore(&node.recorder("latency")?);
    }
    Ok(series)
}

#[cfg(test)]
mod tests;
