//! Service-level objective: `--slo 'p99<10ms,errors<0.1%'`.
//!
//! It owns the allowed clauses, and a step's length and verdict.

use std::time::Duration;

use serde::Serialize;

use super::bracket::{PRECISION, SloVerdict};
use crate::load::assertion::{Assertion, Clause, Relation};
use crate::load::stats::metric::{Metric, TimeKind};
use crate::load::stats::spread::quantile;
use crate::load::stats::summary::Summary;
use crate::load::stats::validity::{RATE_NOT_REACHED, SCHEDULE_MISSED, TAIL_COUNT_MIN};
use crate::text::units::count;

/// The p99, which is always shown, needs them.
const REQUESTS_MIN: f64 = 1_000.0;
/// Shortest step; includes what servers do once a second.
pub const STEP_LEN_MIN: Duration = Duration::from_secs(2);
/// Longest step, even with too few requests: a search must end.
pub const STEP_LEN_MAX: Duration = Duration::from_secs(60);

/// Validated objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// Clauses as written.
    pub text: String,
    assertion: Assertion,
}

/// Verdict on a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SloResult {
    /// client-bound: missed because of the client, so the server's limit is unknown.
    pub verdict: SloVerdict,
    /// Why the objective was not met, in words.
    pub reasons: Vec<String>,
}

impl Slo {
    /// Parses the clauses.
    ///
    /// # Errors
    /// The invalid clause and why, to follow a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        let assertion = Assertion::parse(text)?;
        match assertion.0.iter().find_map(|clause| Some((clause, unsupported_reason(clause)?))) {
            Some((clause, refusal)) => Err(format!("'{}': {refusal}", clause.text)),
            None => Ok(Self { text: text.to_owned(), assertion }),
        }
    }

    /// First latency clause, and its limit in microseconds.
    pub fn latency_limit(&self) -> Option<(String, f64)> {
        let is_latency = |clause: &&Clause| matches!(clause.metric, Metric::Time(TimeKind::Corrected, _));
        let clause = self.assertion.0.iter().find(is_latency)?;
        Some((clause.text.clone(), clause.limit))
    }

    /// Requests needed for a verdict.
    pub fn requests_min(&self) -> u64 {
        let needed = self.assertion.0.iter().map(requests_needed).fold(REQUESTS_MIN, f64::max);
        // Saturates for a share close to 0; [`STEP_LEN_MAX`] bounds the step.
        needed.ceil() as u64
    }

    /// Step length: enough requests for the rarest percentile.
    ///
    /// If the rate is too high by [`PRECISION`], the queue must outgrow the latency limit within the step.
    pub fn step_len(&self, rate: f64) -> Duration {
        let times = self.assertion.0.iter().filter(|its| matches!(its.metric, Metric::Time(..)));
        let limit_us = times.map(|clause| clause.limit).fold(0.0, f64::max);
        let for_queue = limit_us / 1e6 / (PRECISION - 1.0);
        let secs = (self.requests_min() as f64 / rate).max(for_queue);
        Duration::try_from_secs_f64(secs).unwrap_or(STEP_LEN_MAX).clamp(STEP_LEN_MIN, STEP_LEN_MAX)
    }

    /// Generator faults only add latency and reduce what is sent. Despite them, a met objective is valid, but
    /// a missed one proves nothing.
    pub fn judge(&self, summary: &Summary) -> SloResult {
        let validity = &summary.validity;
        let lacks = summary.exhausted().next().is_some();
        let mut findings = validity.warnings.iter().chain(&validity.reasons);
        let unsent = findings.find(|its| [RATE_NOT_REACHED, SCHEDULE_MISSED].contains(&its.name));
        let mut reasons = self.assertion.judge(summary);
        reasons.extend(unsent.map(|its| its.meaning.clone()).or_else(|| self.waiting(summary)));
        if !reasons.is_empty() {
            reasons.extend(most_common_failure(summary));
        }
        let verdict = match (reasons.is_empty() && !lacks, validity.is_valid()) {
            (true, _) => SloVerdict::Met,
            (false, true) => SloVerdict::Missed,
            (false, false) => {
                reasons = validity.reasons.iter().map(|reason| reason.meaning.clone()).collect();
                SloVerdict::ClientBound
            }
        };
        SloResult { verdict, reasons }
    }

    /// Percentiles omit requests without a response. If a percentile holds, only recent requests, or the
    /// share beyond it, wait at the end.
    fn waiting(&self, summary: &Summary) -> Option<String> {
        let due = summary.info.due?;
        let rate = due as f64 / summary.info.wall.as_secs_f64().max(1e-9);
        let bearable = |clause: &Clause| match clause.metric {
            Metric::Time(TimeKind::Corrected, name) => {
                let quantile = if name == "max" { 1.0 } else { quantile(name)? };
                Some(rate * clause.limit / 1e6 + (1.0 - quantile) * due as f64 + 1.0)
            }
            _ => None,
        };
        let bearable = self.assertion.0.iter().filter_map(bearable).reduce(f64::min)?;
        let waiting = due.saturating_sub(summary.totals.sent) + summary.totals.unfinished;
        (waiting as f64 > bearable)
            .then(|| format!("{} of the {} requests had no response at the end", count(waiting), count(due)))
    }
}

fn unsupported_reason(clause: &Clause) -> Option<&'static str> {
    match (clause.metric, clause.relation) {
        (Metric::Rate, _) => Some("the rate is the result of the search: leave it out"),
        (Metric::Unfinished, _) => Some("each step ends with unfinished requests: leave it out"),
        (Metric::Time(TimeKind::Connect, _), _) => {
            Some("connections are opened before a step is measured: leave it out")
        }
        (Metric::Time(TimeKind::Lag, _), _) => {
            Some("the lag is the client's, not the server's: leave it out")
        }
        (_, Relation::Above | Relation::AtLeast) => Some("an objective is an upper limit: write < or <="),
        _ => None,
    }
}

fn requests_needed(clause: &Clause) -> f64 {
    match clause.metric {
        // 1 - 0.99 is not exactly 0.01.
        Metric::Time(_, name) => quantile(name).map_or(0.0, |its| (TAIL_COUNT_MIN / (1.0 - its)).round()),
        Metric::Errors if clause.limit > 0.0 => (TAIL_COUNT_MIN / clause.limit).round(),
        _ => 0.0,
    }
}

pub(crate) fn most_common_failure(summary: &Summary) -> Option<String> {
    let failures = summary.failures.seen().chain(summary.connect_failures.seen());
    let (failure, times) = failures.max_by_key(|(_, times)| *times)?;
    Some(format!("{} (times: {})", failure.describe(), count(times)))
}

#[cfg(test)]
mod tests;
