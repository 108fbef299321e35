//! Configuration and conditions of a run, for reports and saved runs.
//!
//! Built once from the plan, without secret field values.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access_log::{REDACTED, is_secret};
use crate::client::config::{FieldEdit, NamedEdit};
use crate::client::target::ClientTarget;
use crate::load::engine::pacer::Schedule;
use crate::load::plan::run_plan::{Plan, Stop, UrlOrder};
use crate::load::plan::template::RequestParts;
use crate::load::stats::latency_histogram::{maybe_micros, micros};
use crate::text::units::{bytes, count, duration};

/// Limit of steps shown as text.
const STEPS_SHOWN_MAX: usize = 4;
/// Limit of listed differences: with more, the user knows that the runs differ.
const DIFFERENCES_SHOWN_MAX: usize = 20;

/// Configuration and conditions of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Method and URL: `GET http://localhost:8080/`.
    pub target: String,
    /// URLs in the order of the metrics; may be empty for one.
    pub urls: Vec<String>,
    /// Setup; after a merge, the setup of the first run.
    pub setup: Setup,
    /// Load profile; after a merge, the profile of each run.
    #[serde(rename = "course")]
    pub profile: LoadProfile,
    /// Requests due by the end; `None` in a closed loop.
    pub due: Option<u64>,
    /// Connections over all threads.
    pub concurrency: u64,
    /// Requests in flight on one connection.
    pub pipeline: u64,
    /// Threads of the generator.
    pub threads: u64,
    /// Length without warm-up.
    #[serde(rename = "wall_us", with = "micros")]
    pub wall: Duration,
    /// CPU usage in that time.
    #[serde(flatten)]
    pub cpu_usage: CpuUsage,
    /// Start, in Unix seconds.
    pub started_unix_secs: u64,
    /// Whether a signal ended the run early.
    #[serde(rename = "interrupted")]
    pub was_interrupted: bool,
    /// Whether the run ended early because nothing was answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gave_up: bool,
    /// Data about merged runs; `None` for a single run.
    pub merged: Option<Merged>,
}

/// Setup shared by all runs of a command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Request method, as sent.
    pub method: String,
    /// Non-default fields, in the order given.
    pub fields: Vec<SentField>,
    /// Body length in bytes, 0 without a body; `None` if it varies.
    pub body_len: Option<u64>,
    /// URL order; `None` for one URL.
    pub order: Option<UrlOrder>,
    /// Random seed; `None` if nothing is random.
    pub seed: Option<u64>,
    /// Requests per connection: 0 without keep-alive, `None` if the server decides.
    pub keep_alive_for: Option<u64>,
    /// Time-out of requests and connects.
    #[serde(rename = "timeout_us", with = "micros")]
    pub timeout: Duration,
    /// Version of `reactor-client`.
    pub client_version: String,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SentField {
    /// Its name.
    pub name: String,
    /// Its value, (redacted) if it is a secret; null where a default field is left out.
    pub value: Option<String>,
}

/// Schedule, end and warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadProfile {
    /// Schedule of the requests.
    pub schedule: Schedule,
    /// End conditions.
    #[serde(flatten)]
    pub stop: Stop,
    /// Time before measuring begins.
    #[serde(rename = "warmup_us", with = "micros")]
    pub warmup: Duration,
}

/// CPU usage of the generator while measuring; shows a client bottleneck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuUsage {
    /// User and kernel CPU time of all threads.
    #[serde(rename = "cpu_us", with = "micros")]
    pub cpu: Duration,
    /// CPU time of the busiest thread; if equal to `wall`, it bounded the run.
    #[serde(rename = "cpu_busiest_us", with = "micros")]
    pub thread_cpu_max: Duration,
    /// Run-queue wait of all threads; `None` if unknown.
    #[serde(rename = "waited_us", with = "maybe_micros")]
    pub run_queue_wait: Option<Duration>,
    /// Largest CPU time plus known run-queue wait of one thread.
    #[serde(rename = "wanted_most_us", with = "micros")]
    pub thread_demand_max: Duration,
}

/// Merged runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Number of runs.
    pub runs: u64,
    /// Runs that were invalid alone: sums hide a single run's bottleneck.
    pub client_bound: u64,
    /// Length of the shortest run; the rate uses the longest.
    #[serde(rename = "wall_min_us", with = "micros")]
    pub wall_min: Duration,
    /// Latest start, in Unix seconds.
    pub last_started_unix_secs: u64,
    /// Differing settings, as text.
    pub differences: Vec<String>,
    /// Start in seconds, length and CPU time in microseconds of each run: together, no two runs share them.
    #[serde(default)]
    pub ids: Vec<[u64; 3]>,
}

impl RunInfo {
    pub(super) fn target_and_urls(plan: &Plan, method: &str) -> (String, Vec<String>) {
        let urls: Vec<_> = plan.targets.iter().map(ClientTarget::url).collect();
        match urls.as_slice() {
            [] => (format!("{method} "), urls),
            [only] => (format!("{method} {only}"), Vec::new()),
            [first, more @ ..] => (format!("{method} {first} and {} more", more.len()), urls),
        }
    }

    /// Length of the schedule in the run: a slow server makes only the run longer.
    pub(super) fn scheduled(&self) -> Duration {
        self.profile.schedule.end(self.profile.stop.requests).map_or(self.wall, |end| end.min(self.wall))
    }

    /// Adds a concurrent run of another host; `merged` describes both.
    pub(super) fn merge(&mut self, other: &Self, mut merged: Merged) -> Result<(), String> {
        if self.due.is_some() != other.due.is_some() {
            return Err("one run followed a schedule and the other did not".to_owned());
        }
        if self.urls != other.urls {
            return Err("the runs have different lists of URLs".to_owned());
        }
        merged.add_differences(differences(self, other));
        if self.target != other.target {
            self.target = format!("{} + {}", self.target, other.target);
        }
        self.due = self.due.zip(other.due).map(|(due, more)| due.saturating_add(more));
        self.concurrency = self.concurrency.saturating_add(other.concurrency);
        self.pipeline = self.pipeline.max(other.pipeline);
        self.wall = self.wall.max(other.wall);
        self.threads = self.threads.saturating_add(other.threads);
        self.cpu_usage.merge(&other.cpu_usage);
        self.started_unix_secs = self.started_unix_secs.min(other.started_unix_secs);
        self.was_interrupted |= other.was_interrupted;
        self.gave_up |= other.gave_up;
        self.merged = Some(merged);
        Ok(())
    }
}

impl Setup {
    /// Settings that affect metrics, without secrets.
    pub(super) fn of(plan: &Plan, parts: &RequestParts<'_>) -> Self {
        let field = |(name, edit): &NamedEdit| {
            let value = match edit {
                FieldEdit::Set(value) if !is_secret(name.as_bytes()) => Some(value.clone()),
                FieldEdit::Set(_) => Some(String::from_utf8_lossy(REDACTED).into_owned()),
                FieldEdit::Remove => None,
            };
            SentField { name: name.clone(), value }
        };
        let order = (plan.targets.len() > 1).then_some(plan.order);
        let is_random = order == Some(UrlOrder::Random) || plan.request.is_random();
        Self {
            method: parts.method.to_owned(),
            fields: parts.fields.iter().map(field).collect(),
            body_len: parts.body.map_or(Some(0), |body| body.constant().map(|bytes| bytes.len() as u64)),
            order,
            seed: is_random.then_some(plan.seed),
            keep_alive_for: if plan.keep_alive { plan.requests_per_connection } else { Some(0) },
            timeout: plan.timeout,
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub(super) fn entries(&self) -> [(&'static str, String); 8] {
        let field = |SentField { name, value }: &SentField| match value {
            Some(value) => format!("{name}: {value}"),
            None => format!("no {name}"),
        };
        let body = match self.body_len {
            Some(0) => "none".to_owned(),
            Some(len) => bytes(len as f64),
            None => "of different lengths".to_owned(),
        };
        let keep_alive = match self.keep_alive_for {
            None => "on".to_owned(),
            Some(0) => "off".to_owned(),
            Some(1) => "for 1 request".to_owned(),
            Some(requests) => format!("for {} requests", count(requests)),
        };
        [
            ("method", self.method.clone()),
            ("extra fields", self.fields.iter().map(field).collect::<Vec<_>>().join("; ")),
            ("body", body),
            ("order", self.order.map_or_else(String::new, |order| order.to_string())),
            ("keep-alive", keep_alive),
            ("time-out", time_text(self.timeout)),
            ("reactor-client", self.client_version.clone()),
            (SEED_ENTRY, self.seed.map_or_else(String::new, |seed| seed.to_string())),
        ]
    }

    pub(super) fn summary_line(&self) -> String {
        let named = |(name, value): (&str, String)| match (name, value.as_str()) {
            ("method", _) | (_, "") | ("body", "none") => None,
            ("extra fields" | "body", value) => Some(format!("{name}: {value}")),
            (name, value) => Some(format!("{name} {value}")),
        };
        self.entries().into_iter().filter_map(named).collect::<Vec<_>>().join(", ")
    }
}

/// No difference: merged runs need different seeds, or they repeat one another.
const SEED_ENTRY: &str = "seed";
const SCHEDULE_ENTRY: &str = "schedule";
const END_ENTRY: &str = "ends after";

impl LoadProfile {
    pub(super) fn schedule_text(&self) -> String {
        match &self.schedule {
            Schedule::Steps(steps) if steps.len() > STEPS_SHOWN_MAX => {
                let first = steps.iter().take(STEPS_SHOWN_MAX).copied().collect();
                format!("{},... {} steps", Schedule::Steps(first), count(steps.len() as u64))
            }
            schedule => schedule.to_string(),
        }
    }

    pub(super) fn entries(&self) -> [(&'static str, String); 3] {
        let ends = [
            self.stop.requests.map(|requests| format!("{} requests", count(requests))),
            self.stop.duration.map(time_text),
        ];
        [
            (SCHEDULE_ENTRY, self.schedule_text()),
            ("warm-up", time_text(self.warmup)),
            (END_ENTRY, ends.into_iter().flatten().collect::<Vec<_>>().join(" or ")),
        ]
    }
}

fn time_text(len: Duration) -> String {
    if len.is_zero() { "none".to_owned() } else { duration(len) }
}

impl CpuUsage {
    /// CPU usage of one thread.
    pub fn of_thread(cpu: Duration, waited: Option<Duration>) -> Self {
        Self {
            cpu,
            thread_cpu_max: cpu,
            run_queue_wait: waited,
            thread_demand_max: cpu.saturating_add(waited.unwrap_or_default()),
        }
    }

    /// Adds other threads or another run.
    pub fn merge(&mut self, other: &Self) {
        self.cpu = self.cpu.saturating_add(other.cpu);
        self.thread_cpu_max = self.thread_cpu_max.max(other.thread_cpu_max);
        self.run_queue_wait =
            self.run_queue_wait.zip(other.run_queue_wait).map(|(one, more)| one.saturating_add(more));
        self.thread_demand_max = self.thread_demand_max.max(other.thread_demand_max);
    }
}

impl Merged {
    pub(super) fn combine(mut self, other: Self) -> Result<Self, String> {
        if other.ids.iter().any(|id| self.ids.contains(id)) {
            return Err("it has a run that is already merged: name each run once".to_owned());
        }
        self.ids.extend(other.ids);
        self.runs = self.runs.saturating_add(other.runs);
        self.client_bound = self.client_bound.saturating_add(other.client_bound);
        self.wall_min = self.wall_min.min(other.wall_min);
        self.last_started_unix_secs = self.last_started_unix_secs.max(other.last_started_unix_secs);
        self.add_differences(other.differences);
        Ok(self)
    }

    fn add_differences(&mut self, differences: Vec<String>) {
        for difference in differences {
            if self.differences.len() < DIFFERENCES_SHOWN_MAX && !self.differences.contains(&difference) {
                self.differences.push(difference);
            }
        }
    }
}

/// Differences that can affect metrics: `time-out: 30.0 s and 5.00 s`.
pub(super) fn differences(one: &RunInfo, other: &RunInfo) -> Vec<String> {
    let (first, second) = (&one.profile.schedule, &other.profile.schedule);
    let are_open = first.is_open_loop() && second.is_open_loop();
    let entries = |run: &RunInfo| {
        let in_flight = ("requests in flight per connection", count(run.pipeline));
        run.setup.entries().into_iter().chain(run.profile.entries()).chain([in_flight])
    };
    let shown = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let difference = |((name, one), (_, other))| {
        let is_different = match name {
            SEED_ENTRY | END_ENTRY => false,
            SCHEDULE_ENTRY => are_open && first != second,
            _ => one != other,
        };
        is_different.then(|| format!("{name}: {} and {}", shown(one), shown(other)))
    };
    entries(one).zip(entries(other)).filter_map(difference).collect()
}

#[cfg(test)]
pub(super) mod tests;
