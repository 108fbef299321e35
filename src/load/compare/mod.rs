//! Comparison of two runs.
//!
//! A change counts only if its interval excludes 0 and it reaches `CHANGE_MIN`. "No difference shown" is not
//! "equal". Each metric is judged alone: of twenty unchanged ones, one may be called different.

pub(super) mod bootstrap;
mod error_rate_test;
pub mod thresholds;

use fastrand::Rng;
use serde::{Serialize, Serializer};

use super::run_info::{RunInfo, differences};
use crate::load::stats::metric::{Metric, TimeKind};
use crate::load::stats::metric_unit::MetricUnit;
use crate::load::stats::spread::PERCENTILES;
use crate::load::stats::summary::{Summary, ratio};
use crate::load::stats::validity::TAIL_COUNT_MIN;
use crate::text::units;
use bootstrap::{BLOCKS_MIN, Draw, Sample, interval};
use error_rate_test::Proportion;

/// Number of draws: the interval's ends then move by less than a tenth of its length.
const DRAWS: usize = 1000;
/// Smallest change that counts: smaller ones occur between starts of one program.
///
/// A single run cannot show them.
const CHANGE_MIN: f64 = 0.01;

/// Verdict on a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, derive_more::Display)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[display(rename_all = "lowercase")]
pub enum ComparisonVerdict {
    /// Better run.
    Faster,
    /// Worse run.
    Slower,
    /// Fewer errors.
    Fewer,
    /// More errors.
    More,
    /// Possibly chance.
    #[serde(rename = "no-difference-shown")]
    #[display("no difference shown")]
    NotSignificant,
    /// Too few responses.
    #[serde(rename = "too-few-answers")]
    #[display("too few responses")]
    TooFewResponses,
    /// Run too short to show how seconds differ.
    #[display("run too short")]
    TooShort,
}

impl ComparisonVerdict {
    /// Whether the difference exceeds chance.
    pub fn is_significant(self) -> bool {
        matches!(self, Self::Faster | Self::Slower | Self::Fewer | Self::More)
    }

    /// Whether data was too little.
    pub fn is_open(self) -> bool {
        matches!(self, Self::TooFewResponses | Self::TooShort)
    }
}

/// One metric of two runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    /// As in --fail-on: rps, p50, p99.
    #[serde(rename = "name", serialize_with = "write_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub metric: Metric,
    /// Unit.
    pub unit: MetricUnit,
    /// First value; null if nothing was recorded.
    pub before: Option<f64>,
    /// Second value; null if nothing was recorded.
    pub after: Option<f64>,
    /// Change as a share of the first value: 0.1 is a tenth more. Null without two values, or from 0.
    #[serde(rename = "change_share")]
    pub change: Option<f64>,
    /// 95 % confidence interval; null for short runs, or if a part of the first run got no response.
    #[serde(rename = "interval_share", serialize_with = "write_interval")]
    #[cfg_attr(test, schemars(with = "Option<ConfidenceInterval>"))]
    pub interval: Option<(f64, f64)>,
    /// Verdict beyond chance.
    pub verdict: ComparisonVerdict,
}

/// Error shares of both runs.
#[derive(Serialize)]
#[serde(remote = "Row")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Errors"))]
struct Errors {
    /// First share, 0 to 1; null if no request ended.
    #[serde(rename = "before_share")]
    before: Option<f64>,
    /// Second share; null if no request ended.
    #[serde(rename = "after_share")]
    after: Option<f64>,
    /// Difference: 0.01 is one percentage point more. Null without two shares.
    #[serde(rename = "change_share")]
    change: Option<f64>,
    /// 95 % confidence interval; null if no request of a run ended.
    #[serde(rename = "interval_share", serialize_with = "write_interval")]
    #[cfg_attr(test, schemars(with = "Option<ConfidenceInterval>"))]
    interval: Option<(f64, f64)>,
    verdict: ComparisonVerdict,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Side {
    /// Target.
    pub target: String,
    /// Start time.
    pub started_unix_secs: u64,
    /// Duration without warm-up.
    pub wall_secs: f64,
    /// Whether the results are the server's.
    #[serde(rename = "valid")]
    pub is_valid: bool,
}

/// Comparison of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Comparison {
    /// First run.
    pub before: Side,
    /// Second run.
    pub after: Side,
    /// Rate and percentiles.
    #[serde(rename = "figures")]
    pub rows: Vec<Row>,
    /// Error share; its change is a difference.
    #[serde(serialize_with = "Errors::serialize")]
    #[cfg_attr(test, schemars(with = "Errors"))]
    pub errors: Row,
    /// Reasons against the comparison.
    pub caveats: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ConfidenceInterval {
    low: f64,
    high: f64,
}

fn write_name<S: Serializer>(metric: &Metric, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(metric)
}

fn write_interval<S: Serializer>(ends: &Option<(f64, f64)>, to: S) -> Result<S::Ok, S::Error> {
    ends.map(|(low, high)| ConfidenceInterval { low, high }).serialize(to)
}

/// Compares two runs.
pub fn compare(before: &Summary, after: &Summary, seed: u64) -> Comparison {
    let mut random = Rng::with_seed(seed);
    let samples = (Sample::of(before), Sample::of(after));
    let draws: Vec<(Draw, Draw)> =
        (0..DRAWS).map(|_| (samples.0.draw(&mut random), samples.1.draw(&mut random))).collect();
    let blocks = samples.0.blocks.len().min(samples.1.blocks.len());
    let interval_of = |value: &dyn Fn(&Draw) -> f64| {
        let changes = draws.iter().map(|(one, other)| change(value(one), value(other)));
        interval(changes.collect(), blocks)
    };
    let mut rows = vec![row(Metric::Rate, (before, after), interval_of(&|draw| draw.rate), true)];
    for (index, (name, quantile)) in PERCENTILES.iter().enumerate() {
        let metric = Metric::Time(TimeKind::Corrected, name);
        let beyond = |summary: &Summary| summary.corrected_times.len() as f64 * (1.0 - quantile);
        let is_enough = beyond(before).min(beyond(after)) >= TAIL_COUNT_MIN;
        let interval = interval_of(&|draw| draw.percentiles_us.get(index).copied().unwrap_or(0.0));
        rows.push(row(metric, (before, after), interval, is_enough));
    }
    let mut caveats = caveats(before, after);
    if blocks < BLOCKS_MIN {
        caveats.push(format!(
            "runs of less than {BLOCKS_MIN} s do not show how seconds differ, so no time or rate is judged"
        ));
    }
    Comparison { before: side(before), after: side(after), rows, errors: errors(before, after), caveats }
}

fn side(run: &Summary) -> Side {
    Side {
        target: run.info.target.clone(),
        started_unix_secs: run.info.started_unix_secs,
        wall_secs: run.info.wall.as_secs_f64(),
        is_valid: run.validity.is_valid(),
    }
}

fn caveats(before: &Summary, after: &Summary) -> Vec<String> {
    let mut caveats = Vec::new();
    for (run, which) in [(before, "first"), (after, "second")] {
        if !run.validity.is_valid() {
            caveats.push(format!("INVALID: the {which} run was client-bound, so it measured the client"));
        }
    }
    if before.is_open_loop() != after.is_open_loop() {
        caveats.push(
            "only one of the runs followed a schedule, so their latencies are not comparable".to_owned(),
        );
    }
    let (one, other) = (&before.info, &after.info);
    if one.target != other.target || one.urls != other.urls {
        caveats.push(format!("the runs have different targets: {} and {}", one.target, other.target));
    }
    let due_per_sec = |info: &RunInfo| Some(ratio(info.due? as f64, info.wall.as_secs_f64()));
    if let (Some(one_due), Some(other_due)) = (due_per_sec(one), due_per_sec(other))
        && one.profile.schedule == other.profile.schedule
        && (one_due - other_due).abs() > one_due.max(other_due) * CHANGE_MIN
    {
        let (one, other) = (units::rate(one_due), units::rate(other_due));
        caveats.push(format!("the runs differ in the rate that was due: {one} and {other}"));
    }
    let pairs =
        [("connections", one.concurrency, other.concurrency), ("threads", one.threads, other.threads)];
    let counts = pairs.into_iter().filter(|(_, one, other)| one != other);
    let counts = counts.map(|(name, one, other)| format!("{name}: {one} and {other}"));
    let differing = differences(one, other).into_iter().chain(counts);
    caveats.extend(differing.map(|difference| format!("the runs differ in {difference}")));
    caveats
}

fn row(
    metric: Metric,
    (before, after): (&Summary, &Summary),
    interval: Option<(f64, f64)>,
    is_enough: bool,
) -> Row {
    let (before, after) = (metric.of(before), metric.of(after));
    let change = before.zip(after).map(|(before, after)| change(before, after)).filter(|it| it.is_finite());
    let verdict = match (change, interval) {
        _ if !is_enough || before <= Some(0.0) || after <= Some(0.0) => ComparisonVerdict::TooFewResponses,
        (Some(change), Some(interval)) => verdict(metric, change, interval),
        _ => ComparisonVerdict::TooShort,
    };
    let interval = interval.filter(|(_, high)| high.is_finite());
    Row { metric, unit: metric.unit(), before, after, change, interval, verdict }
}

fn errors(before: &Summary, after: &Summary) -> Row {
    let interval = error_rate_test::difference_interval(Proportion::of(before), Proportion::of(after));
    let verdict = match interval {
        Some((low, _)) if low > 0.0 => ComparisonVerdict::More,
        Some((_, high)) if high < 0.0 => ComparisonVerdict::Fewer,
        Some(_) => ComparisonVerdict::NotSignificant,
        None => ComparisonVerdict::TooFewResponses,
    };
    let (metric, unit) = (Metric::Errors, Metric::Errors.unit());
    let (before, after) = (metric.of(before), metric.of(after));
    let change = before.zip(after).map(|(before, after)| after - before);
    Row { metric, unit, before, after, change, interval, verdict }
}

/// Infinite from 0.
fn change(before: f64, after: f64) -> f64 {
    if before == after { 0.0 } else { (after - before) / before }
}

fn verdict(metric: Metric, change: f64, (low, high): (f64, f64)) -> ComparisonVerdict {
    let is_shown = (low > 0.0 || high < 0.0) && change.abs() >= CHANGE_MIN;
    match (is_shown, (change > 0.0) == (metric == Metric::Rate)) {
        (false, _) => ComparisonVerdict::NotSignificant,
        (true, true) => ComparisonVerdict::Faster,
        (true, false) => ComparisonVerdict::Slower,
    }
}

impl Comparison {
    fn silent_run(&self) -> Option<&'static str> {
        let rates = self.rows.first().map(|rate| [("first", rate.before), ("second", rate.after)])?;
        rates.into_iter().find_map(|(name, rate)| (rate == Some(0.0)).then_some(name))
    }

    /// All rows, errors last.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain([&self.errors])
    }
}

impl Row {
    pub(super) fn format_change(&self, change: f64) -> String {
        if self.metric == Metric::Errors { units::points(change) } else { units::change(change) }
    }
}

#[cfg(test)]
mod tests;
