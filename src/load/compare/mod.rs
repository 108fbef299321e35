//! Two runs beside one another: what differs, and whether the difference is more than chance.
//!
//! The interval of each difference is that of a seeded bootstrap, in `bootstrap.rs`; that of the errors,
//! which are counted, is in `error_rate_test.rs`. A figure is called faster or slower only if its interval leaves
//! out nought and the difference is one that two single runs can show; anything else is "no difference
//! shown", which is not "the same". Each figure is judged by itself: of twenty that have not changed, one
//! may be called different.

pub(super) mod bootstrap;
mod error_rate_test;
pub mod thresholds;

use serde::{Serialize, Serializer};

use super::run_info::{RunInfo, differences};
use crate::load::plan::random::Random;
use crate::load::stats::metric::{Metric, MetricUnit, Statistic, TimeKind};
use crate::load::stats::summary::{PERCENTILES, Summary, ratio};
use crate::text::units;
use bootstrap::{BLOCKS_MIN, Draw, Sample, interval};
use error_rate_test::Proportion;

/// Runs that are drawn: the ends of the interval then move by less than a tenth of its length.
const DRAWS: usize = 1000;
/// Smaller differences come from one start of a program to the next, which a single run cannot show.
const CHANGE_MIN: f64 = 0.01;
/// So many answers must lie above a percentile before it is compared: fewer are single events.
const TAIL_COUNT_MIN: f64 = 10.0;

/// What a difference shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ComparisonVerdict {
    /// The second run was better.
    Faster,
    /// The second run was worse.
    Slower,
    /// The second run had fewer errors.
    Fewer,
    /// The second run had more errors.
    More,
    /// It could be chance.
    #[serde(rename = "no-difference-shown")]
    NotSignificant,
    /// There are too few answers to say anything.
    #[serde(rename = "too-few-answers")]
    TooFewResponses,
    /// A run was too short to tell how seconds differ.
    TooShort,
}

impl ComparisonVerdict {
    /// It, in words for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Fewer => "fewer",
            Self::More => "more",
            Self::NotSignificant => "no difference shown",
            Self::TooFewResponses => "too few answers",
            Self::TooShort => "too short a run",
        }
    }

    /// Whether there is a difference, and it is more than chance.
    pub fn is_significant(self) -> bool {
        matches!(self, Self::Faster | Self::Slower | Self::Fewer | Self::More)
    }

    /// Whether there was too little to judge by.
    pub fn is_open(self) -> bool {
        matches!(self, Self::TooFewResponses | Self::TooShort)
    }
}

/// One figure of two runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    /// As in --fail-on: rps, p50, p99.
    #[serde(rename = "name", serialize_with = "write_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub metric: Metric,
    /// What it is counted in.
    pub unit: MetricUnit,
    /// Its value in the first run.
    pub before: f64,
    /// Its value in the second.
    pub after: f64,
    /// The difference as a share of the value before: 0.1 is a tenth more.
    #[serde(rename = "change_share")]
    pub change: f64,
    /// Where that lies with a confidence of 95 %; null when a run is too short to tell.
    #[serde(rename = "interval_share", serialize_with = "write_interval")]
    #[cfg_attr(test, schemars(with = "Option<ConfidenceInterval>"))]
    pub interval: Option<(f64, f64)>,
    /// What it shows, beyond chance.
    pub verdict: ComparisonVerdict,
}

/// The share of the requests that failed or were answered with a status of 400 or above.
#[derive(Serialize)]
#[serde(remote = "Row")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Errors"))]
struct Errors {
    /// Their share in the first run, 0 to 1.
    #[serde(rename = "before_share")]
    before: f64,
    /// Their share in the second.
    #[serde(rename = "after_share")]
    after: f64,
    /// The difference of the two: 0.01 is one percentage point more.
    #[serde(rename = "change_share")]
    change: f64,
    /// Where that lies with a confidence of 95 %; null when nothing was answered and nothing failed.
    #[serde(rename = "interval_share", serialize_with = "write_interval")]
    #[cfg_attr(test, schemars(with = "Option<ConfidenceInterval>"))]
    interval: Option<(f64, f64)>,
    /// What it shows, beyond chance.
    verdict: ComparisonVerdict,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Side {
    /// What was asked.
    pub target: String,
    /// When it began.
    pub started_unix_secs: u64,
    /// How long it took, warm-up left out.
    pub wall_secs: f64,
    /// Whether its figures are the server's.
    #[serde(rename = "valid")]
    pub is_valid: bool,
}

/// Two runs beside one another.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Comparison {
    /// The first run.
    pub before: Side,
    /// The second run.
    pub after: Side,
    /// The rate and the percentiles.
    #[serde(rename = "figures")]
    pub rows: Vec<Row>,
    // Their change and its interval are differences, not shares of the value before.
    /// The errors.
    #[serde(serialize_with = "Errors::serialize")]
    #[cfg_attr(test, schemars(with = "Errors"))]
    pub errors: Row,
    /// What speaks against comparing the runs, in words.
    pub caveats: Vec<String>,
}

/// Where a difference lies.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ConfidenceInterval {
    /// Its lower end.
    low: f64,
    /// Its upper end.
    high: f64,
}

fn write_name<S: Serializer>(metric: &Metric, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(metric)
}

fn write_interval<S: Serializer>(ends: &Option<(f64, f64)>, to: S) -> Result<S::Ok, S::Error> {
    ends.map(|(low, high)| ConfidenceInterval { low, high }).serialize(to)
}

/// Compares the second run with the first.
pub fn compare(before: &Summary, after: &Summary, seed: u64) -> Comparison {
    let mut random = Random::new(seed);
    let samples = (Sample::of(before), Sample::of(after));
    let draws: Vec<(Draw, Draw)> =
        (0..DRAWS).map(|_| (samples.0.draw(&mut random), samples.1.draw(&mut random))).collect();
    let drawn = PairedDraws { draws, blocks: samples.0.blocks.len().min(samples.1.blocks.len()) };
    let mut rows = vec![row(Metric::Rate, (before, after), &drawn, |draw| draw.rate, true)];
    for (index, (_, quantile)) in PERCENTILES.iter().enumerate() {
        let metric = Metric::Time(TimeKind::Corrected, Statistic::Percentile(index));
        let beyond = |summary: &Summary| summary.corrected_times.len() as f64 * (1.0 - quantile);
        let is_enough = beyond(before).min(beyond(after)) >= TAIL_COUNT_MIN;
        let value = |draw: &Draw| draw.percentiles_us.get(index).copied().unwrap_or(0.0);
        rows.push(row(metric, (before, after), &drawn, value, is_enough));
    }
    let mut caveats = caveats(before, after);
    if drawn.blocks < BLOCKS_MIN {
        caveats.push(format!(
            "runs of less than {BLOCKS_MIN} s do not show how one second differs from the next, so no time or rate is judged"
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

/// What could have been, for both runs.
struct PairedDraws {
    draws: Vec<(Draw, Draw)>,
    /// How many blocks the run with fewer of them has.
    blocks: usize,
}

fn caveats(before: &Summary, after: &Summary) -> Vec<String> {
    let mut caveats = Vec::new();
    for (run, which) in [(before, "first"), (after, "second")] {
        if !run.validity.is_valid() {
            caveats
                .push(format!("INVALID: the {which} run was client-bound, so its figures are the client's"));
        }
    }
    if before.is_open_loop() != after.is_open_loop() {
        caveats.push(
            "only one of the runs followed a schedule, so their latencies mean different things".to_owned(),
        );
    }
    let (one, other) = (&before.info, &after.info);
    if one.target != other.target || one.urls != other.urls {
        caveats.push(format!("the runs asked different things: {} and {}", one.target, other.target));
    }
    let due_per_sec = |info: &RunInfo| Some(ratio(info.due? as f64, info.wall.as_secs_f64()));
    if let (Some(one_due), Some(other_due)) = (due_per_sec(one), due_per_sec(other))
        && one.profile.schedule == other.profile.schedule
        && (one_due - other_due).abs() > one_due.max(other_due) * CHANGE_MIN
    {
        let (one, other) = (units::rate(one_due), units::rate(other_due));
        caveats.push(format!("the runs differ in what was asked of the server: {one} and {other}"));
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
    drawn: &PairedDraws,
    value: impl Fn(&Draw) -> f64,
    is_enough: bool,
) -> Row {
    let changes = drawn.draws.iter().map(|(one, other)| change(value(one), value(other)));
    let interval = interval(changes.collect(), drawn.blocks);
    let value = |summary| metric.of(summary).unwrap_or(0.0);
    let (before, after) = (value(before), value(after));
    let change = change(before, after);
    let verdict = match interval {
        _ if !is_enough || before <= 0.0 || after <= 0.0 => ComparisonVerdict::TooFewResponses,
        Some(interval) => verdict(metric, change, interval),
        None => ComparisonVerdict::TooShort,
    };
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
    let (before, after) = (before.error_share, after.error_share);
    let (metric, unit) = (Metric::Errors, Metric::Errors.unit());
    Row { metric, unit, before, after, change: after - before, interval, verdict }
}

fn change(before: f64, after: f64) -> f64 {
    ratio(after - before, before)
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
    /// All figures, the errors last.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain([&self.errors])
    }
}

impl Row {
    /// A change of it, in words: of the errors in percentage points, of others as a share of the value before.
    pub(super) fn format_change(&self, change: f64) -> String {
        if self.metric == Metric::Errors { units::points(change) } else { units::change(change) }
    }
}

#[cfg(test)]
mod tests;
