//! What a server is to keep up to: `--slo 'p99<10ms,errors<0.1%'`.
//!
//! The clauses of an assertion that a lower rate keeps more easily, how long a step must be to tell
//! whether they hold, and whether they held. It runs nothing.

use std::time::Duration;

use serde::Serialize;

use super::bracket::{PRECISION, SloVerdict};
use crate::load::assertion::{Assertion, Clause, Relation};
use crate::load::report::{describe_warning, in_words};
use crate::load::stats::metric::{Metric, Statistic, TimeKind};
use crate::load::stats::summary::{PERCENTILES, Summary};
use crate::load::stats::validity::{ClientBound, Warning};
use crate::text::units::count;

/// A percentile is told from at least so many requests beyond it: fewer are chance.
const TAIL_COUNT_MIN: f64 = 10.0;
/// A step has so many requests at least, so that the p99 that is always shown means something.
const REQUESTS_MIN: f64 = 1_000.0;
/// A step is at least so long: what servers do once a second is then in each.
pub const STEP_LEN_MIN: Duration = Duration::from_secs(2);
/// A step is at most so long, even if that leaves it with too few requests: a search must end.
pub const STEP_LEN_MAX: Duration = Duration::from_secs(60);

/// An objective, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The clauses as they were written.
    pub text: String,
    assertion: Assertion,
}

/// How a step came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SloResult {
    /// client-bound: the objective was not met, and the client is to blame, so nothing is known of the server.
    pub verdict: SloVerdict,
    /// Why the objective was not met, in words.
    pub reasons: Vec<String>,
}

impl Slo {
    /// Reads the clauses.
    ///
    /// # Errors
    /// The clause that is wrong and how, in words to stand behind the name of the option and a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        let assertion = Assertion::parse(text)?;
        match assertion.0.iter().find_map(|clause| Some((clause, unsupported_reason(clause)?))) {
            Some((clause, refusal)) => Err(format!("'{}': {refusal}", clause.text)),
            None => Ok(Self { text: text.to_owned(), assertion }),
        }
    }

    /// The first clause on the latency, and its limit in microseconds.
    pub fn latency_limit(&self) -> Option<(String, f64)> {
        let is_latency = |clause: &&Clause| matches!(clause.metric, Metric::Time(TimeKind::Corrected, _));
        let clause = self.assertion.0.iter().find(is_latency)?;
        Some((clause.text.clone(), clause.limit))
    }

    /// How many requests it takes to tell.
    pub fn requests_min(&self) -> u64 {
        let needed = self.assertion.0.iter().map(requests_needed).fold(REQUESTS_MIN, f64::max);
        // A share that is all but nought saturates, and the length of the step has its own bound.
        needed.ceil() as u64
    }

    /// How long a step at this rate must be: long enough for its rarest percentile, and for a queue
    /// that grows because the rate is too high by [`PRECISION`] to become longer than a limit.
    pub fn step_len(&self, rate: f64) -> Duration {
        let times = self.assertion.0.iter().filter(|its| matches!(its.metric, Metric::Time(..)));
        let limit_us = times.map(|clause| clause.limit).fold(0.0, f64::max);
        let for_queue = limit_us / 1e6 / (PRECISION - 1.0);
        let secs = (self.requests_min() as f64 / rate).max(for_queue);
        Duration::try_from_secs_f64(secs).unwrap_or(STEP_LEN_MAX).clamp(STEP_LEN_MIN, STEP_LEN_MAX)
    }

    /// Judges a step.
    ///
    /// What the generator does badly only adds to latencies and takes from what is sent. So a step that
    /// meets the objective in spite of it does meet it; of one that does not, nothing is known.
    pub fn judge(&self, summary: &Summary) -> SloResult {
        let validity = &summary.validity;
        let lacks = validity.reasons.iter().any(|reason| matches!(reason, ClientBound::Exhausted { .. }));
        let unreached = validity.warnings.iter().filter(|its| matches!(its, Warning::RateNotReached { .. }));
        let missed = validity.reasons.iter().filter(|its| matches!(its, ClientBound::ScheduleMissed { .. }));
        let unsent = unreached.map(describe_warning).chain(missed.map(|reason| in_words(*reason))).next();
        let mut reasons = self.assertion.judge(summary);
        reasons.extend(unsent.or_else(|| self.waiting(summary)));
        if !reasons.is_empty() {
            reasons.extend(most_common_failure(summary));
        }
        let verdict = match (reasons.is_empty() && !lacks, validity.is_valid()) {
            (true, _) => SloVerdict::Met,
            (false, true) => SloVerdict::Missed,
            (false, false) => {
                reasons = validity.reasons.iter().map(|reason| in_words(*reason)).collect();
                SloVerdict::ClientBound
            }
        };
        SloResult { verdict, reasons }
    }

    /// Requests without an answer have no latency, so no percentile shows them. At the end of a step
    /// that keeps its percentile, no more wait than have just been sent, or are among those beyond it.
    fn waiting(&self, summary: &Summary) -> Option<String> {
        let due = summary.info.due?;
        let rate = due as f64 / summary.info.wall.as_secs_f64().max(1e-9);
        let bearable = |clause: &Clause| match clause.metric {
            Metric::Time(TimeKind::Corrected, Statistic::Percentile(index)) => {
                let (_, quantile) = PERCENTILES.get(index)?;
                Some(rate * clause.limit / 1e6 + (1.0 - quantile) * due as f64 + 1.0)
            }
            Metric::Time(TimeKind::Corrected, Statistic::Max) => Some(rate * clause.limit / 1e6 + 1.0),
            _ => None,
        };
        let bearable = self.assertion.0.iter().filter_map(bearable).reduce(f64::min)?;
        let waiting = due.saturating_sub(summary.totals.sent) + summary.totals.unfinished;
        (waiting as f64 > bearable).then(|| {
            format!("{} of the {} requests were without an answer at the end", count(waiting), count(due))
        })
    }
}

/// Why a clause is no part of an objective.
fn unsupported_reason(clause: &Clause) -> Option<&'static str> {
    match (clause.metric, clause.relation) {
        (Metric::Rate, _) => Some("the rate is what is searched for: leave it out"),
        (Metric::Unfinished, _) => Some("a step ends in the middle of some requests: leave it out"),
        (Metric::Time(TimeKind::Connect, _), _) => {
            Some("connections are there before a step counts: leave it out")
        }
        (Metric::Time(TimeKind::Lag, _), _) => {
            Some("the lag is the client's, not the server's: leave it out")
        }
        (_, Relation::Above | Relation::AtLeast) => Some("an objective is an upper limit: write < or <="),
        _ => None,
    }
}

/// How many requests it takes to tell whether a clause holds.
fn requests_needed(clause: &Clause) -> f64 {
    match clause.metric {
        Metric::Time(_, Statistic::Percentile(index)) => {
            let beyond = PERCENTILES.get(index).map_or(1.0, |(_, quantile)| 1.0 - quantile);
            // Rounded, for 1 - 0.99 is not quite 0.01.
            (TAIL_COUNT_MIN / beyond).round()
        }
        Metric::Errors if clause.limit > 0.0 => (TAIL_COUNT_MIN / clause.limit).round(),
        _ => 0.0,
    }
}

/// How most requests or connections failed, in words; none if none did.
pub(super) fn most_common_failure(summary: &Summary) -> Option<String> {
    let failures = summary.failures.seen().chain(summary.connect_failures.seen());
    let (failure, times) = failures.max_by_key(|(_, times)| *times)?;
    Some(format!("{} (times: {})", failure.describe(), count(times)))
}

#[cfg(test)]
mod tests;
