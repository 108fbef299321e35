//! Bracketing search for the highest rate that meets the objective.
//!
//! The rate doubles until a miss, or is divided by four until a success. Then it is bisected on a logarithmic scale to
//! [`PRECISION`]. A failed rate is tried once more: a hiccup of the system is not the server's limit.

use serde::Serialize;

use crate::text::RATE_MAX;

/// Largest final ratio of failed to met rate.
pub const PRECISION: f64 = 1.05;
/// Lowest rate, per second; less is no load.
pub const RATE_MIN: f64 = 1.0;
/// Limit of the search time: from `RATE_MAX` to `RATE_MIN` or back, then bisection, with failed rates tried
/// twice.
pub const STEPS_MAX: usize = 48;

const RATE_UP_FACTOR: f64 = 2.0;
/// Larger than [`RATE_UP_FACTOR`]: steps at lower rates are longer.
const RATE_DOWN_DIVISOR: f64 = 4.0;

/// Result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, derive_more::Display)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[display(rename_all = "kebab-case")]
pub enum SloVerdict {
    /// The objective was met.
    Met,
    /// The server missed the objective.
    Missed,
    /// Missed because of the generator; the server's limit is unknown.
    ClientBound,
}

/// Rate and verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepResult {
    /// Requests per second.
    pub rate: f64,
    /// Verdict.
    pub verdict: SloVerdict,
}

/// Next action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextStep {
    /// Try this rate.
    Try(f64),
    /// Stop with this outcome.
    Done(SearchOutcome),
}

/// Reason why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, derive_more::Display)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[display(rename_all = "kebab-case")]
pub enum SearchEnd {
    /// The highest rate that meets the objective is known, to [`PRECISION`].
    Found,
    /// The client was the bottleneck: the server may take more.
    ClientBound,
    /// The lowest rate failed too.
    NotMet,
    /// The search ended early.
    Interrupted,
}

/// Outcome of a search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SearchOutcome {
    /// client-bound: the client was the bottleneck above rate_per_sec. not-met: the lowest rate failed too.
    #[serde(rename = "outcome")]
    pub end: SearchEnd,
    /// Highest rate known to meet the objective, or null.
    pub rate_per_sec: Option<f64>,
    /// Lowest rate known to fail, or null; if found or client-bound, at most 1.05 times rate_per_sec.
    pub above_per_sec: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bracket {
    met: Option<f64>,
    above: Option<StepResult>,
}

impl Bracket {
    fn of(steps: &[StepResult]) -> Self {
        let mut bracket = Self::default();
        for tries in steps.chunk_by(|one, other| one.rate == other.rate) {
            let rate = tries.first().map_or(RATE_MIN, |result| result.rate);
            match combined_verdict(tries.iter().map(|result| result.verdict)) {
                SloVerdict::Met => bracket.met = Some(rate),
                verdict => bracket.above = Some(StepResult { rate, verdict }),
            }
        }
        bracket
    }

    fn next(&self, start: f64) -> NextStep {
        let rate = match (self.met, self.above) {
            (None, None) => start.clamp(RATE_MIN, RATE_MAX),
            (Some(met), None) if met < RATE_MAX => (met * RATE_UP_FACTOR).min(RATE_MAX),
            (None, Some(above)) if above.rate > RATE_MIN => (above.rate / RATE_DOWN_DIVISOR).max(RATE_MIN),
            (Some(met), Some(above)) if above.rate > met * PRECISION => (met * above.rate).sqrt(),
            (_, Some(StepResult { verdict: SloVerdict::ClientBound, .. })) => {
                return NextStep::Done(self.ended(SearchEnd::ClientBound));
            }
            (Some(_), _) => return NextStep::Done(self.ended(SearchEnd::Found)),
            (None, _) => return NextStep::Done(self.ended(SearchEnd::NotMet)),
        };
        NextStep::Try(rounded(rate))
    }

    fn ended(&self, end: SearchEnd) -> SearchOutcome {
        let above_per_sec = self.above.map(|above| above.rate);
        SearchOutcome { end, rate_per_sec: self.met, above_per_sec }
    }
}

/// `start` is the first rate.
pub fn next(start: f64, steps: &[StepResult]) -> NextStep {
    if let Some(unsure) = unconfirmed(steps) {
        return NextStep::Try(unsure.rate);
    }
    match steps.len() {
        len if len >= STEPS_MAX => NextStep::Done(so_far(steps)),
        _ => Bracket::of(steps).next(start),
    }
}

/// Verdict on one rate: met if any try met it; else client-bound if any was. The server may not be at fault.
pub fn combined_verdict(verdicts: impl Iterator<Item = SloVerdict>) -> SloVerdict {
    let rank = |verdict: &SloVerdict| (*verdict == SloVerdict::Met, *verdict == SloVerdict::ClientBound);
    verdicts.max_by_key(rank).unwrap_or(SloVerdict::ClientBound)
}

/// Ignores a single failed try.
pub fn so_far(steps: &[StepResult]) -> SearchOutcome {
    let confirmed = steps.len() - usize::from(unconfirmed(steps).is_some());
    Bracket::of(steps.get(..confirmed).unwrap_or_default()).ended(SearchEnd::Interrupted)
}

fn unconfirmed(steps: &[StepResult]) -> Option<StepResult> {
    let (last, before) = steps.split_last()?;
    let is_second = before.last().is_some_and(|before| before.rate == last.rate);
    (last.verdict != SloVerdict::Met && !is_second).then_some(*last)
}

/// Three digits: readable, repeatable, finer than the interval.
fn rounded(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.max(f64::MIN_POSITIVE).log10().floor() - 2.0);
    // For a unit below 1, dividing by its inverse gives exactly 1.02.
    let rounded =
        if unit < 1.0 { (rate / unit).round() / unit.recip().round() } else { (rate / unit).round() * unit };
    if rounded.is_finite() && rounded > 0.0 { rounded } else { rate }
}

#[cfg(test)]
pub(crate) mod tests;
