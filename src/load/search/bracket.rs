//! The highest rate that meets an objective: which rate is to be tried next, or what was found.
//!
//! A pure function of what was tried so far, without a clock: [`next`]. From where it begins it doubles
//! the rate until the objective is missed, or divides it by four until it is met; then it halves the
//! interval on a logarithmic scale until the two ends are within [`PRECISION`] of one another.
//!
//! Measuring is noisy, and one hiccup of the machine is not the server's limit. So a rate that does not
//! meet the objective is tried once more, and [`combined_verdict`] says what both come to.

use std::fmt;

use serde::Serialize;

use crate::text::RATE_MAX;

/// The answer is found when the lowest rate that fails is at most so many times the highest that does not.
pub const PRECISION: f64 = 1.05;
/// No rate below this is tried, in requests a second: it is no load any more.
pub const RATE_MIN: f64 = 1.0;
/// No search takes more steps, whatever is found: from `RATE_MAX` down to `RATE_MIN`, or back, and
/// then into the interval, with each rate that fails tried twice. It bounds how long a search takes.
pub const STEPS_MAX: usize = 48;

/// What the rate is multiplied by as long as the objective is met.
const RATE_UP_FACTOR: f64 = 2.0;
/// What it is divided by as long as it is not: where the search begins much too high, the steps that
/// are yet to come are long.
const RATE_DOWN_DIVISOR: f64 = 4.0;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SloVerdict {
    /// The objective was met.
    Met,
    /// The server did not meet it.
    Missed,
    /// It was not met, and the generator is to blame, so nothing is known of the server.
    ClientBound,
}

/// Its name for scripts.
impl fmt::Display for SloVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A step that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepResult {
    /// Requests a second.
    pub rate: f64,
    /// What it came to.
    pub verdict: SloVerdict,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextStep {
    /// Try this rate.
    Try(f64),
    /// Stop: this was found.
    Done(SearchOutcome),
}

/// What a search came to. Rates are requests a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchOutcome {
    /// The highest rate that meets the objective, within [`PRECISION`].
    Found {
        /// It.
        rate: f64,
        /// The lowest rate that does not; none where no higher rate can be asked for.
        above: Option<f64>,
    },
    /// The server takes at least this rate; what more it takes, this generator cannot tell.
    GaveOut {
        /// The highest rate that met the objective, if one did.
        rate: Option<f64>,
        /// Where the generator gave out.
        above: f64,
    },
    /// Not even the lowest rate meets it.
    NotMet {
        /// The lowest.
        lowest: f64,
    },
    /// It was ended before its time.
    Interrupted {
        /// The highest rate so far that met the objective.
        rate: Option<f64>,
        /// The lowest so far that did not.
        above: Option<f64>,
    },
}

/// Between which rates the answer lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bracket {
    met: Option<f64>,
    above: Option<StepResult>,
}

impl Bracket {
    /// What the steps so far come to.
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

    /// The rate that tells most, if the answer is not there yet.
    fn next(&self, start: f64) -> NextStep {
        match (self.met, self.above) {
            (None, None) => NextStep::Try(rounded(start).clamp(RATE_MIN, RATE_MAX)),
            (Some(met), None) if met >= RATE_MAX => {
                NextStep::Done(SearchOutcome::Found { rate: met, above: None })
            }
            (Some(met), None) => NextStep::Try(rounded(met * RATE_UP_FACTOR).min(RATE_MAX)),
            (None, Some(above)) if above.rate <= RATE_MIN => NextStep::Done(outcome(None, above)),
            (None, Some(above)) => NextStep::Try(rounded(above.rate / RATE_DOWN_DIVISOR).max(RATE_MIN)),
            (Some(met), Some(above)) if above.rate <= met * PRECISION => {
                NextStep::Done(outcome(Some(met), above))
            }
            (Some(met), Some(above)) => NextStep::Try(rounded((met * above.rate).sqrt())),
        }
    }
}

/// What to try when these steps have been made, in this order, or what was found. The first rate is
/// `start`.
pub fn next(start: f64, steps: &[StepResult]) -> NextStep {
    if let Some(unsure) = unconfirmed(steps) {
        return NextStep::Try(unsure.rate);
    }
    match steps.len() {
        len if len >= STEPS_MAX => NextStep::Done(so_far(steps)),
        _ => Bracket::of(steps).next(start),
    }
}

/// What the tries at one rate come to: it is met if one of them met it. If none did, and one of them
/// says that it was the generator, that stands: what may be its fault is not laid to the server.
pub fn combined_verdict(verdicts: impl Iterator<Item = SloVerdict>) -> SloVerdict {
    let rank = |verdict: &SloVerdict| (*verdict == SloVerdict::Met, *verdict == SloVerdict::ClientBound);
    verdicts.max_by_key(rank).unwrap_or(SloVerdict::ClientBound)
}

/// What is known when a search is ended before its time. What failed only once is not believed.
pub fn so_far(steps: &[StepResult]) -> SearchOutcome {
    let confirmed = steps.len() - usize::from(unconfirmed(steps).is_some());
    let bracket = Bracket::of(steps.get(..confirmed).unwrap_or_default());
    SearchOutcome::Interrupted { rate: bracket.met, above: bracket.above.map(|above| above.rate) }
}

/// The last step, if its rate failed and was tried only once.
fn unconfirmed(steps: &[StepResult]) -> Option<StepResult> {
    let (last, before) = steps.split_last()?;
    let is_second = before.last().is_some_and(|before| before.rate == last.rate);
    (last.verdict != SloVerdict::Met && !is_second).then_some(*last)
}

fn outcome(met: Option<f64>, above: StepResult) -> SearchOutcome {
    match (above.verdict, met) {
        (SloVerdict::ClientBound, rate) => SearchOutcome::GaveOut { rate, above: above.rate },
        (_, Some(rate)) => SearchOutcome::Found { rate, above: Some(above.rate) },
        (_, None) => SearchOutcome::NotMet { lowest: above.rate },
    }
}

/// To three digits, which can be read and repeated; the interval is never as narrow as that.
fn rounded(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.max(f64::MIN_POSITIVE).log10().floor() - 2.0);
    // Where the unit is a fraction, dividing by its inverse is what gives 1.02 and not a hair more.
    let rounded =
        if unit < 1.0 { (rate / unit).round() / unit.recip().round() } else { (rate / unit).round() * unit };
    if rounded.is_finite() && rounded > 0.0 { rounded } else { rate }
}

#[cfg(test)]
mod tests;
