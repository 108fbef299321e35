//! Texts and numbers of validity findings.
//!
//! [`crate::load::stats::validity`] decides which findings there are.

use serde::Serialize;
use serde_json::{Value, json};

use crate::load::stats::metric::MetricUnit;
use crate::load::stats::validity::{CPU_SHARE_MAX, ClientBound, UnfinishedBias, Validity, Warning};
use crate::text::units::{count, duration, plural, share, time};

/// Reason or remark.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Finding {
    pub(super) name: String,
    /// Text with values.
    pub(super) meaning: String,
    /// Values; names end in their unit.
    pub(super) figures: Vec<Number>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Number {
    pub(super) name: String,
    #[cfg_attr(test, schemars(with = "f64"))]
    pub(super) value: Value,
}

pub(super) fn findings(validity: &Validity) -> (Vec<Finding>, Vec<Finding>) {
    let finding = |(name, figures), meaning| Finding { name, meaning, figures };
    let reasons = validity.reasons.iter().map(|its| finding(reason_figures(*its), in_words(*its)));
    let warnings = validity.warnings.iter().map(|its| finding(warning_figures(its), describe_warning(its)));
    (reasons.collect(), warnings.collect())
}

fn named(name: &str, figures: &[(&str, Value)]) -> (String, Vec<Number>) {
    let number = |(name, value): &(&str, Value)| Number { name: (*name).to_owned(), value: value.clone() };
    (name.to_owned(), figures.iter().map(number).collect())
}

fn reason_figures(reason: ClientBound) -> (String, Vec<Number>) {
    match reason {
        ClientBound::Cpu { share } => named("cpu", &[("cpu_share_max", json!(share))]),
        ClientBound::CpuStarved { wanted_share, cpu_share } => {
            named("waited", &[("wanted_share_max", json!(wanted_share)), ("cpu_share_max", json!(cpu_share))])
        }
        ClientBound::Lag { percentile, lag_us, limit_us } => {
            named("lag", &[(&format!("lag_{percentile}_us"), json!(lag_us)), ("limit_us", json!(limit_us))])
        }
        ClientBound::ScheduleMissed { missed, due, cpu_share, wanted_share } => named(
            "missed",
            &[
                ("missed", json!(missed)),
                ("due", json!(due)),
                ("cpu_share_max", json!(cpu_share)),
                ("wanted_share_max", json!(wanted_share)),
            ],
        ),
        ClientBound::Exhausted { failure, count } => named(&failure.to_string(), &[("times", json!(count))]),
        ClientBound::Merged { invalid_runs: runs, of } => {
            named("merged", &[("client_bound_runs", json!(runs)), ("runs", json!(of))])
        }
    }
}

fn warning_figures(warning: &Warning) -> (String, Vec<Number>) {
    match *warning {
        Warning::RateNotReached { missed, due, .. } => {
            named("unreached", &[("missed", json!(missed)), ("due", json!(due))])
        }
        Warning::TooShort => named("short", &[]),
        Warning::DifferentSettings { .. } => named("differing", &[]),
        Warning::UnequalDurations { shortest, longest } => {
            let [shortest, longest] = [shortest, longest].map(|wall| json!(wall.as_secs_f64()));
            named("unequal", &[("shortest_secs", shortest), ("longest_secs", longest)])
        }
        Warning::NotConcurrent { secs } => named("apart", &[("apart_secs", json!(secs))]),
        Warning::LagNearLatency { lag_p99_us, latency_p99_us } => {
            named("late", &[("lag_p99_us", json!(lag_p99_us)), ("latency_p99_us", json!(latency_p99_us))])
        }
        Warning::WaitedForCpu { waited_share } => named("held-up", &[("waited_share", json!(waited_share))]),
        Warning::UnfinishedBias(UnfinishedBias { count, oldest_us, percentile, least_us }) => {
            let percentile = format!("{percentile}_us");
            let [count, oldest_us, least_us] = [count, oldest_us, least_us].map(|number| json!(number));
            named("flattering", &[("unfinished", count), ("oldest_us", oldest_us), (&percentile, least_us)])
        }
        Warning::Resent { requests } => named("resent", &[("requests", json!(requests))]),
        Warning::UnsolicitedBytes { connections } => named("unasked", &[("connections", json!(connections))]),
    }
}

pub(in crate::load) fn in_words(reason: ClientBound) -> String {
    match reason {
        ClientBound::Cpu { share: used } => format!(
            "the client's busiest thread used {} of its CPU time (the limit is {}): use more --threads, or \
             more hosts",
            share(used),
            share(CPU_SHARE_MAX)
        ),
        ClientBound::CpuStarved { wanted_share, cpu_share } => format!(
            "the client was ready to run for {} of the time (the limit is {}) and had a \
             processor for {}: give it a core of its own, or use another host",
            share(wanted_share),
            share(CPU_SHARE_MAX),
            share(cpu_share)
        ),
        ClientBound::Lag { percentile, lag_us, limit_us } => format!(
            "the client itself was {} late at {percentile} (the limit is {})",
            MetricUnit::Time.format_beside(lag_us as f64, limit_us as f64),
            time(limit_us as f64)
        ),
        ClientBound::ScheduleMissed { missed, due, cpu_share, wanted_share } => format!(
            "the client did not send {} of the {} due requests, and used {} of its CPU time{}",
            count(missed),
            count(due),
            share(cpu_share),
            match wanted_share > cpu_share {
                true => format!(" ({} with its wait for a processor)", share(wanted_share)),
                false => String::new(),
            }
        ),
        ClientBound::Exhausted { failure, count: times } => {
            format!("{} (times: {})", failure.describe(), count(times))
        }
        ClientBound::Merged { invalid_runs: runs, of } => {
            format!("{runs} of the {of} merged runs: see the reason in the report of each")
        }
    }
}

pub(in crate::load) fn describe_warning(warning: &Warning) -> String {
    match *warning {
        Warning::RateNotReached { missed, due, were_busy } => format!(
            "the rate was not reached: {} of the {} due requests were not sent, because {}",
            count(missed),
            count(due),
            match were_busy {
                true => "no connection was free: the server is too slow for this rate, or -c is too low",
                false => "the server refused connections or gave no response",
            }
        ),
        Warning::UnfinishedBias(UnfinishedBias { count, oldest_us, percentile, least_us }) => format!(
            "without a response at the end: {}, after {} at most; these times count: {percentile} is {} or more",
            plural(count, "request"),
            time(oldest_us as f64),
            time(least_us as f64)
        ),
        Warning::WaitedForCpu { waited_share } => format!(
            "the client waited for a processor for {} of the time, which is part of the latencies: give it a \
             core of its own before the latencies are attributed to the server",
            share(waited_share)
        ),
        Warning::LagNearLatency { lag_p99_us, latency_p99_us } => format!(
            "the client itself was {} late at p99, which is part of the corrected p99 of {}; the uncorrected \
             p99 excludes it",
            time(lag_p99_us as f64),
            time(latency_p99_us as f64)
        ),
        Warning::Resent { requests } => format!(
            "pipelined requests were sent again, because their connection ended before their response \
             (times: {})",
            count(requests)
        ),
        Warning::UnsolicitedBytes { connections } => format!(
            "unsolicited bytes arrived on an idle connection, which was closed (times: {})",
            count(connections)
        ),
        Warning::TooShort => "the run is too short to show how busy the client was".to_owned(),
        Warning::UnequalDurations { shortest, longest } => format!(
            "the merged runs took from {} to {}; the rate is over the longest",
            duration(shortest),
            duration(longest)
        ),
        Warning::DifferentSettings { ref difference } => {
            format!("the merged runs differ in {difference}; the report shows the settings of the first")
        }
        Warning::NotConcurrent { secs } => format!(
            "the merged runs were not concurrent, but began within {}; the rate adds them as if they were",
            time(secs as f64 * 1e6)
        ),
    }
}
