//! Validity verdict: does a run measure the server or the generator?
//!
//! Limits, and findings with their texts. [`super::summary`] judges a run.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::failure::LoadFailure;
use super::metric_unit::MetricUnit;
use crate::load::run_info::{Merged, RunInfo};
use crate::text::units::{count, duration, plural, share, time};

/// Exit code of a client-bound run.
pub const EXIT_CODE: u8 = 97;

/// CPU share without time left to be punctual: most of the rest goes to wake-ups.
pub const CPU_SHARE_MAX: f64 = 0.95;
/// CPU share, used or waited for, from which a missed schedule is the generator's own fault.
pub const CPU_SHARE_BUSY: f64 = 0.85;
/// Shortest run with enough CPU clock ticks for a share.
pub const WALL_MIN: Duration = Duration::from_millis(500);
/// Values needed above a percentile: fewer are single events.
pub const TAIL_COUNT_MIN: f64 = 10.0;
/// Limit of lag / latency at the judged percentile: lag changes that by no more.
pub const LAG_SHARE_MAX: f64 = 0.1;
/// Lag that is always accepted: on a busy host, a woken thread may wait this long for a CPU.
pub const LAG_FLOOR_US: u64 = 2_000;
/// As a share of the longest duration.
const WALL_DIFFERENCE_SHARE_MAX: f64 = 0.05;
/// Lowest lag with a warning, if half of the latency or more.
pub const LAG_WARN_US: u64 = 500;
/// CPU wait share that causes a warning: each latency includes it.
pub const CPU_WAIT_WARN_SHARE: f64 = 0.1;
/// Accepted share of missed requests.
pub const MISSED_SHARE_MAX: f64 = 0.01;

/// Name of [`Finding::schedule_missed`].
pub(crate) const SCHEDULE_MISSED: &str = "missed";
/// Name of [`Finding::rate_not_reached`].
pub(crate) const RATE_NOT_REACHED: &str = "unreached";

/// Reason or remark.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    pub(crate) name: &'static str,
    /// Text with values.
    pub(crate) meaning: String,
    /// Values; names end in their unit.
    pub(crate) figures: Vec<Number>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Number {
    pub(crate) name: String,
    #[cfg_attr(test, schemars(with = "f64"))]
    pub(crate) value: Value,
}

/// Reasons.
impl Finding {
    fn new<const N: usize>(name: &'static str, figures: [(&str, Value); N], meaning: String) -> Self {
        let number = |(name, value): (&str, Value)| Number { name: name.to_owned(), value };
        Self { name, meaning, figures: figures.map(number).into() }
    }

    pub(crate) fn cpu(cpu_share: f64) -> Self {
        let (used, limit) = (share(cpu_share), share(CPU_SHARE_MAX));
        let meaning = format!(
            "the client's busiest thread used {used} of its CPU time (the limit is {limit}): use more \
             --threads, or more hosts"
        );
        Self::new("cpu", [("cpu_share_max", cpu_share.into())], meaning)
    }

    /// Always runnable, with too little CPU.
    pub(crate) fn cpu_starved(wanted_share: f64, cpu_share: f64) -> Self {
        let (wanted, limit, used) = (share(wanted_share), share(CPU_SHARE_MAX), share(cpu_share));
        let meaning = format!(
            "the client was ready to run for {wanted} of the time (the limit is {limit}) and had a \
             processor for {used}: give it a core of its own, or use another host"
        );
        let figures = [("wanted_share_max", wanted_share.into()), ("cpu_share_max", cpu_share.into())];
        Self::new("waited", figures, meaning)
    }

    /// `percentile` may be `max`.
    pub(crate) fn lag(percentile: &str, lag_us: u64, limit_us: u64) -> Self {
        let late = MetricUnit::Time.format_beside(lag_us as f64, limit_us as f64);
        let limit = time(limit_us as f64);
        let meaning = format!("the client itself was {late} late at {percentile} (the limit is {limit})");
        let figures = [(&*format!("lag_{percentile}_us"), lag_us.into()), ("limit_us", limit_us.into())];
        Self::new("lag", figures, meaning)
    }

    /// For lack of CPU.
    pub(crate) fn schedule_missed(missed: u64, due: u64, cpu_share: f64, wanted_share: f64) -> Self {
        let with_wait = match wanted_share > cpu_share {
            true => format!(" ({} with its wait for a processor)", share(wanted_share)),
            false => String::new(),
        };
        let (unsent, all, used) = (count(missed), count(due), share(cpu_share));
        let meaning = format!(
            "the client did not send {unsent} of the {all} due requests, and used {used} of its CPU time{with_wait}"
        );
        let figures = [
            ("missed", missed.into()),
            ("due", due.into()),
            ("cpu_share_max", cpu_share.into()),
            ("wanted_share_max", wanted_share.into()),
        ];
        Self::new(SCHEDULE_MISSED, figures, meaning)
    }

    /// Ports or file descriptors.
    pub(crate) fn exhausted(failure: LoadFailure, times: u64) -> Self {
        let meaning = format!("{} (times: {})", failure.describe(), count(times));
        let name = if failure == LoadFailure::NoPort { "no-port" } else { "no-descriptor" };
        Self::new(name, [("times", times.into())], meaning)
    }

    pub(crate) fn merged(invalid_runs: u64, of: u64) -> Self {
        let meaning = format!("{invalid_runs} of the {of} merged runs: see the reason in the report of each");
        Self::new("merged", [("client_bound_runs", invalid_runs.into()), ("runs", of.into())], meaning)
    }

    // Remarks, which leave a run valid.
    /// `were_busy`: all connections waited for a server that answers.
    pub(crate) fn rate_not_reached(missed: u64, due: u64, were_busy: bool) -> Self {
        let reason = match were_busy {
            true => "no connection was free: the server is too slow for this rate, or -c is too low",
            false => "the server refused connections or gave no response",
        };
        let (unsent, all) = (count(missed), count(due));
        let meaning = format!(
            "the rate was not reached: {unsent} of the {all} due requests were not sent, because {reason}"
        );
        Self::new(RATE_NOT_REACHED, [("missed", missed.into()), ("due", due.into())], meaning)
    }

    pub(crate) fn too_short() -> Self {
        Self::new("short", [], "the run is too short to show how busy the client was".to_owned())
    }

    /// The rate uses the longest of the merged runs.
    pub(crate) fn unequal_durations(shortest: Duration, longest: Duration) -> Self {
        let (least, most) = (duration(shortest), duration(longest));
        let meaning = format!("the merged runs took from {least} to {most}; the rate is over the longest");
        let [shortest, longest] = [shortest, longest].map(|wall| wall.as_secs_f64().into());
        Self::new("unequal", [("shortest_secs", shortest), ("longest_secs", longest)], meaning)
    }

    /// Time from the first start to the last.
    pub(crate) fn not_concurrent(secs: u64) -> Self {
        let meaning = format!(
            "the merged runs were not concurrent, but began within {}; the rate adds them as if they were",
            time(secs as f64 * 1e6)
        );
        Self::new("apart", [("apart_secs", secs.into())], meaning)
    }

    pub(crate) fn different_settings(difference: &str) -> Self {
        let meaning =
            format!("the merged runs differ in {difference}; the report shows the settings of the first");
        Self::new("differing", [], meaning)
    }

    /// Accepted lag that is half of the latency or more.
    pub(crate) fn lag_near_latency(lag_p99_us: u64, latency_p99_us: u64) -> Self {
        let (lag, latency) = (time(lag_p99_us as f64), time(latency_p99_us as f64));
        let meaning = format!(
            "the client itself was {lag} late at p99, which is part of the corrected p99 of {latency}; the \
             uncorrected p99 excludes it"
        );
        let figures = [("lag_p99_us", lag_p99_us.into()), ("latency_p99_us", latency_p99_us.into())];
        Self::new("late", figures, meaning)
    }

    pub(crate) fn waited_for_cpu(waited_share: f64) -> Self {
        let waited = share(waited_share);
        let meaning = format!(
            "the client waited for a processor for {waited} of the time, which is part of the latencies: give \
             it a core of its own before the latencies are attributed to the server"
        );
        Self::new("held-up", [("waited_share", waited_share.into())], meaning)
    }

    /// Requests in flight at the end, which raise a percentile to `least_us` or more: their latency is unknown, but
    /// longer than their wait.
    pub(crate) fn unfinished(requests: u64, oldest_us: u64, percentile: &str, low_us: u64) -> Self {
        let (waiting, oldest) = (plural(requests, "request"), time(oldest_us as f64));
        let least = time(low_us as f64);
        let meaning = format!(
            "without a response at the end: {waiting}, after {oldest} at most; these times count: {percentile} \
             is {least} or more"
        );
        let figures = [
            ("unfinished", requests.into()),
            ("oldest_us", oldest_us.into()),
            (&*format!("{percentile}_us"), low_us.into()),
        ];
        Self::new("flattering", figures, meaning)
    }

    pub(crate) fn resent(requests: u64) -> Self {
        let meaning = format!(
            "pipelined requests were sent again, because their connection ended before their response \
             (times: {})",
            count(requests)
        );
        Self::new("resent", [("requests", requests.into())], meaning)
    }

    pub(crate) fn unsolicited_bytes(connections: u64) -> Self {
        let times = count(connections);
        let meaning =
            format!("unsolicited bytes arrived on an idle connection, which was closed (times: {times})");
        Self::new("unasked", [("connections", connections.into())], meaning)
    }
}

/// Verdict on a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validity {
    /// Reasons.
    pub reasons: Vec<Finding>,
    /// Other findings.
    pub warnings: Vec<Finding>,
}

impl Validity {
    /// Whether the results are the server's.
    pub fn is_valid(&self) -> bool {
        self.reasons.is_empty()
    }

    pub(super) fn add_merge_findings(&mut self, merged: &Merged, info: &RunInfo) {
        if merged.client_bound > 0 {
            self.reasons.push(Finding::merged(merged.client_bound, merged.runs));
        }
        let (shortest, longest) = (merged.wall_min, info.wall);
        if longest.saturating_sub(shortest).as_secs_f64() > longest.as_secs_f64() * WALL_DIFFERENCE_SHARE_MAX
        {
            self.warnings.push(Finding::unequal_durations(shortest, longest));
        }
        let secs = merged.last_started_unix_secs.saturating_sub(info.started_unix_secs);
        if secs > 0 && secs >= longest.as_secs() {
            self.warnings.push(Finding::not_concurrent(secs));
        }
        self.warnings.extend(merged.differences.iter().map(|it| Finding::different_settings(it)));
    }
}

#[cfg(test)]
mod tests;
