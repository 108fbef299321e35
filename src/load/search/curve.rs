//! Results of a search, the only input of its reports.
//!
//! It selects the deciding step of a repeated rate.

use serde::Serialize;

use super::bracket::{SearchEnd, SearchOutcome, SloVerdict, StepResult, combined_verdict};
use super::slo::{Slo, SloResult};
use crate::load::run_info::Setup;
use crate::load::stats::spread::Spread;
use crate::load::stats::summary::Summary;
use crate::load::stats::validity::WALL_MIN;
use crate::text::units::rate;

/// Settings and results of a search.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Curve {
    /// Request method and URL.
    pub target: String,
    /// Number of URLs.
    #[serde(rename = "addresses")]
    pub urls: u64,
    /// Setup of all steps.
    #[serde(skip)]
    pub setup: Setup,
    /// Clauses of --slo, as written.
    pub objective: String,
    /// First latency clause, and its limit in microseconds.
    #[serde(skip)]
    pub latency_limit: Option<(String, f64)>,
    /// Requests needed per step.
    pub requests_min: u64,
    /// Connections at a time.
    pub concurrency: u64,
    /// Requests on a connection at a time.
    pub pipeline: u64,
    /// Threads of the client.
    pub threads: u64,
    /// Start of the search.
    pub started_unix_secs: u64,
    /// Length of all runs, with warm-ups.
    pub wall_secs: f64,
    /// Steps in order.
    #[serde(skip)]
    pub steps: Vec<RateStep>,
    /// Outcome.
    #[serde(skip)]
    pub answer: SearchOutcome,
}

/// Results at one rate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RateStep {
    /// Scheduled requests a second.
    #[serde(rename = "rate_per_sec")]
    pub rate: f64,
    /// Length, without warm-up.
    pub length_secs: f64,
    /// Verdict.
    #[serde(flatten)]
    pub slo_result: SloResult,
    /// Requests that were due.
    pub due: u64,
    /// Due requests that were sent.
    pub sent: u64,
    /// Sent requests with a whole response, of any status.
    pub answered: u64,
    /// Responses a second.
    pub answers_per_sec: f64,
    /// Failures and statuses of 400 or above, as a share of ended requests.
    pub error_share: f64,
    /// Latency from the due time.
    pub latency: Option<Spread>,
    /// CPU share of the client's busiest thread.
    pub client_cpu_share_max: f64,
    /// Whether 99 % of run.requests_min were due.
    #[serde(rename = "enough_requests")]
    pub has_enough_requests: bool,
}

impl RateStep {
    /// Metrics of a step.
    pub fn of(rate: f64, objective: &Slo, summary: &Summary) -> Self {
        let totals = &summary.totals;
        let due = summary.info.due.unwrap_or(totals.sent);
        Self {
            rate,
            length_secs: summary.info.wall.as_secs_f64(),
            slo_result: objective.judge(summary),
            due,
            sent: totals.sent,
            answered: totals.answered,
            answers_per_sec: summary.rate,
            error_share: summary.error_share,
            latency: summary.corrected,
            client_cpu_share_max: summary.client.cpu_share_max,
            // Tolerance of 1 %: the last requests may be due after the end.
            has_enough_requests: due.saturating_add(due / 100) >= objective.requests_min(),
        }
    }

    /// Whether no request succeeded: at a lower rate, none would. An overloaded client may get no response.
    pub fn has_only_errors(&self) -> bool {
        match self.answered {
            0 => self.slo_result.verdict == SloVerdict::Missed,
            _ => self.slo_result.verdict != SloVerdict::Met && self.error_share >= 1.0,
        }
    }

    pub(crate) fn percentile_us(&self, name: &str) -> Option<f64> {
        self.latency?.statistic(name)
    }

    /// Rate and verdict.
    pub fn result(&self) -> StepResult {
        StepResult { rate: self.rate, verdict: self.slo_result.verdict }
    }
}

impl Curve {
    /// Steps by rate, then by number, with numbers from 1.
    pub fn by_rate(&self) -> Vec<(usize, &RateStep)> {
        let mut steps: Vec<_> = (1..).zip(&self.steps).collect();
        steps.sort_unstable_by(|(i, one), (j, other)| one.rate.total_cmp(&other.rate).then(i.cmp(j)));
        steps
    }

    /// Outcome as a sentence.
    pub fn in_words(&self) -> String {
        let is_down = self.steps.last().is_some_and(RateStep::has_only_errors);
        let SearchOutcome { end, rate_per_sec, above_per_sec } = self.answer;
        let (found, above) = (rate_per_sec.map(rate), above_per_sec.map(rate));
        let meets = found.as_ref().map(|found| format!("{found} meets the objective"));
        let known = meets.iter().cloned().chain(above.as_ref().map(|above| format!("{above} does not")));
        let known = known.collect::<Vec<_>>().join(", ");
        match (end, meets, above) {
            (SearchEnd::Found, Some(_), Some(_)) => known,
            (SearchEnd::Found, Some(meets), None) => format!("{meets}, and no higher rate can be set"),
            (SearchEnd::ClientBound, Some(meets), Some(above)) => {
                format!("at least {meets}: at {above} the client reached its limit")
            }
            (SearchEnd::ClientBound, None, Some(above)) => {
                format!("the server's limit is unknown: the client reached its own limit at {above}")
            }
            (SearchEnd::NotMet, _, Some(lowest)) if is_down => {
                format!("no rate meets the objective: at {lowest} every request ended in an error")
            }
            (SearchEnd::NotMet, _, Some(lowest)) => format!("not even {lowest} meets the objective"),
            _ => {
                let known = if known.is_empty() { "no result" } else { &known };
                let why = if is_down { ", when no request succeeded any more" } else { "" };
                format!("the search ended early{why}: {known}")
            }
        }
    }

    /// Whether steps were too short to measure the generator's CPU.
    pub fn has_short_steps(&self) -> bool {
        self.steps.iter().any(|step| step.length_secs < WALL_MIN.as_secs_f64())
    }

    /// Last step with the combined verdict of each rate, by rate.
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

    /// Deciding steps that missed the objective.
    pub fn failed(&self) -> Vec<&RateStep> {
        let mut steps = self.deciding_steps();
        steps.retain(|step| step.slo_result.verdict != SloVerdict::Met);
        steps
    }
}

#[cfg(test)]
pub(crate) mod tests;
