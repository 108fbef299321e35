//! What a search came to: a step for each rate that was tried, and the answer. Every report of a search
//! is a function of a [`Curve`] and of nothing else.
//!
//! It owns the figures of each step, and which step stands for a rate that was tried twice. It runs and
//! judges nothing.

use std::time::Duration;

use serde::Serialize;

use super::bracket::{SearchOutcome, SloVerdict, StepResult, combined_verdict};
use super::slo::{Slo, SloResult};
use crate::load::run_info::Setup;
use crate::load::stats::latency_histogram::secs;
use crate::load::stats::summary::{Spread, Summary};
use crate::load::stats::validity::WALL_MIN;
use crate::text::units::rate;

/// A search and its figures. Its JSON is what it was made under.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Curve {
    /// What was asked.
    pub target: String,
    /// How many addresses.
    #[serde(rename = "addresses")]
    pub urls: u64,
    /// How all steps were set up.
    #[serde(skip)]
    pub setup: Setup,
    /// The clauses of --slo, as they were written.
    pub objective: String,
    /// Its first clause on the latency, and the limit in microseconds.
    #[serde(skip)]
    pub latency_limit: Option<(String, f64)>,
    /// Requests that a step needs to tell whether they hold.
    pub requests_min: u64,
    /// Connections at a time.
    pub concurrency: u64,
    /// Requests on a connection at a time.
    pub pipeline: u64,
    /// Threads of the client.
    pub threads: u64,
    /// When it began.
    pub started_unix_secs: u64,
    /// How long all runs of the search took, warm-ups included.
    #[serde(rename = "wall_secs", serialize_with = "secs")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub wall: Duration,
    /// The steps, in the order in which they were made.
    #[serde(skip)]
    pub steps: Vec<RateStep>,
    /// What was found.
    #[serde(skip)]
    pub answer: SearchOutcome,
}

/// What one rate came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RateStep {
    /// Requests a second, as they were to be sent.
    #[serde(rename = "rate_per_sec")]
    pub rate: f64,
    /// How long it took, warm-up left out.
    #[serde(rename = "length_secs", serialize_with = "secs")]
    #[cfg_attr(test, schemars(with = "f64"))]
    pub wall: Duration,
    /// How it came out.
    #[serde(flatten)]
    pub slo_result: SloResult,
    /// Requests that were to be sent.
    pub due: u64,
    /// Of those, sent.
    pub sent: u64,
    /// Of those, answered, whatever the status.
    pub answered: u64,
    /// Answers a second.
    pub answers_per_sec: f64,
    /// Of those that came to an end, failed or answered with 400 or above.
    pub error_share: f64,
    /// From when a request was due.
    pub latency: Option<Spread>,
    /// What the client's busiest thread used of its CPU time.
    #[serde(rename = "client_cpu_share_max")]
    pub cpu_share_max: f64,
    /// Whether there were as many as run.requests_min, but for one in a hundred.
    #[serde(rename = "enough_requests")]
    pub has_enough_requests: bool,
}

impl RateStep {
    /// The figures of a step at this rate.
    pub fn of(rate: f64, objective: &Slo, summary: &Summary) -> Self {
        let totals = &summary.totals;
        let due = summary.info.due.unwrap_or(totals.sent);
        Self {
            rate,
            wall: summary.info.wall,
            slo_result: objective.judge(summary),
            due,
            sent: totals.sent,
            answered: totals.answered,
            answers_per_sec: summary.rate,
            error_share: summary.error_share,
            latency: summary.corrected,
            cpu_share_max: summary.client.cpu_share_max,
            // The last of a thousand may fall on the end of the step.
            has_enough_requests: due.saturating_add(due / 100) >= objective.requests_min(),
        }
    }

    /// What the search needs to know of it.
    pub fn result(&self) -> StepResult {
        StepResult { rate: self.rate, verdict: self.slo_result.verdict }
    }
}

impl Curve {
    /// The steps by rate; those at the same rate stay in the order in which they were made. With the
    /// number of each, from 1.
    pub fn by_rate(&self) -> Vec<(usize, &RateStep)> {
        let mut steps: Vec<_> = (1..).zip(&self.steps).collect();
        steps.sort_unstable_by(|(i, one), (j, other)| one.rate.total_cmp(&other.rate).then(i.cmp(j)));
        steps
    }

    /// What was found, in one sentence.
    pub fn in_words(&self) -> String {
        match self.answer {
            SearchOutcome::Found { rate: found, above: Some(above) } => {
                format!("{} meets the objective, {} does not", rate(found), rate(above))
            }
            SearchOutcome::Found { rate: found, above: None } => {
                format!("{} meets the objective, and no higher rate can be asked for", rate(found))
            }
            SearchOutcome::GaveOut { rate: Some(found), above } => {
                let (found, above) = (rate(found), rate(above));
                format!("at least {found} meets the objective: at {above} it was the client that gave out")
            }
            SearchOutcome::GaveOut { rate: None, above } => {
                format!("nothing is known of the server: the client gave out at {} already", rate(above))
            }
            SearchOutcome::NotMet { lowest } => format!("not even {} meets the objective", rate(lowest)),
            SearchOutcome::Interrupted { rate: found, above } => {
                let known = [
                    found.map(|found| format!("{} meets the objective", rate(found))),
                    above.map(|above| format!("{} does not", rate(above))),
                ];
                let known: Vec<_> = known.into_iter().flatten().collect();
                let known = if known.is_empty() { "nothing is known".to_owned() } else { known.join(", ") };
                let is_silent = self.steps.last().is_some_and(|step| step.answered == 0);
                let why = if is_silent { ", when nothing was answered any more" } else { "" };
                format!("the search was ended before its time{why}: {known}")
            }
        }
    }

    /// The answer's name for scripts.
    pub fn outcome_name(&self) -> &'static str {
        match self.answer {
            SearchOutcome::Found { .. } => "found",
            SearchOutcome::GaveOut { .. } => "client-bound",
            SearchOutcome::NotMet { .. } => "not-met",
            SearchOutcome::Interrupted { .. } => "interrupted",
        }
    }

    /// The highest rate that is known to meet the objective, and the lowest that is known not to.
    pub fn ends(&self) -> (Option<f64>, Option<f64>) {
        match self.answer {
            SearchOutcome::Found { rate, above } => (Some(rate), above),
            SearchOutcome::GaveOut { rate, above } => (rate, Some(above)),
            SearchOutcome::NotMet { lowest } => (None, Some(lowest)),
            SearchOutcome::Interrupted { rate, above } => (rate, above),
        }
    }

    /// Whether steps were too short to tell how busy the generator was.
    pub fn has_short_steps(&self) -> bool {
        self.steps.iter().any(|step| step.wall < WALL_MIN)
    }

    /// Of the steps at each rate the last that says what they come to together, by rate.
    pub fn deciding_steps(&self) -> Vec<&RateStep> {
        let by_rate = self.by_rate();
        let rates = by_rate.chunk_by(|(_, one), (_, other)| one.rate == other.rate);
        let telling = rates.filter_map(|steps| {
            let verdict = combined_verdict(steps.iter().map(|(_, step)| step.slo_result.verdict));
            let mut telling = steps.iter().filter(|(_, step)| step.slo_result.verdict == verdict);
            telling.next_back().map(|(_, step)| *step)
        });
        telling.collect()
    }

    /// Those of them that did not meet the objective.
    pub fn failed(&self) -> Vec<&RateStep> {
        let mut steps = self.deciding_steps();
        steps.retain(|step| step.slo_result.verdict != SloVerdict::Met);
        steps
    }
}

#[cfg(test)]
pub(in crate::load) mod tests;
