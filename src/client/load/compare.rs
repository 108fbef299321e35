//! Two runs beside one another: what differs, and whether the difference is more than chance.
//!
//! The interval of each difference is that of a seeded bootstrap, in `resample.rs`. A figure is
//! called faster or slower only if its interval leaves out nought and the difference is one that two
//! single runs can show; anything else is "no difference shown", which is not "the same".

use std::fmt::Write;

use super::figure::{Figure, Statistic, Times};
use super::report::units;
use super::resample::{Draw, Random, Sample};
use super::summary::{PERCENTILES, Summary, ratio};

/// Runs that are drawn: the ends of the interval then move by less than a tenth of its length.
const DRAWS: usize = 1000;
/// How much of the draws lies in the interval.
const CONFIDENCE: f64 = 0.95;
/// Smaller differences come from one start of a program to the next, which a single run cannot show.
const CHANGE_MIN: f64 = 0.01;
/// So many answers must lie above a percentile before it is compared: fewer are single events.
const TAIL_MIN: f64 = 10.0;

/// What a difference shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The second run was better.
    Faster,
    /// The second run was worse.
    Slower,
    /// It could be chance.
    NotShown,
    /// There are too few answers to say anything.
    TooFew,
}

impl Verdict {
    /// It, in words for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NotShown => "no difference shown",
            Self::TooFew => "too few answers",
        }
    }
}

/// One figure of two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The figure.
    pub figure: Figure,
    /// Its value in the first run.
    pub before: f64,
    /// Its value in the second.
    pub after: f64,
    /// The difference as a share of the first value: 0.1 is a tenth more.
    pub change: f64,
    /// Where the difference lies with a confidence of 95 %.
    pub interval: (f64, f64),
    /// What it shows.
    pub verdict: Verdict,
}

/// Two runs beside one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The rate and the percentiles.
    pub rows: Vec<Row>,
    /// The shares of errors, before and after.
    pub errors: (f64, f64),
    /// What speaks against comparing them at all, in words.
    pub caveats: Vec<String>,
}

/// Compares the second run with the first.
pub fn compare(before: &Summary, after: &Summary, seed: u64) -> Comparison {
    let mut random = Random::new(seed);
    let samples = (Sample::of(before), Sample::of(after));
    let draws: Vec<(Draw, Draw)> =
        (0..DRAWS).map(|_| (samples.0.draw(&mut random), samples.1.draw(&mut random))).collect();
    let mut rows = vec![row(Figure::Rate, (before, after), &draws, |draw| draw.rate, true)];
    for (index, (_, quantile)) in PERCENTILES.iter().enumerate() {
        let figure = Figure::Time(Times::Corrected, Statistic::Percentile(index));
        let beyond = |summary: &Summary| summary.corrected_times.len() as f64 * (1.0 - quantile);
        let is_enough = beyond(before).min(beyond(after)) >= TAIL_MIN;
        let value = |draw: &Draw| draw.percentiles_us.get(index).copied().unwrap_or(0.0);
        rows.push(row(figure, (before, after), &draws, value, is_enough));
    }
    Comparison { rows, errors: (before.error_share, after.error_share), caveats: caveats(before, after) }
}

fn caveats(before: &Summary, after: &Summary) -> Vec<String> {
    let mut caveats = Vec::new();
    for (run, which) in [(before, "first"), (after, "second")] {
        if !run.validity.is_valid() {
            caveats
                .push(format!("INVALID: the {which} run was client-bound, so its figures are the client's"));
        }
    }
    if before.is_open() != after.is_open() {
        caveats.push(
            "only one of the runs followed a schedule, so their latencies mean different things".to_owned(),
        );
    }
    let (one, other) = (&before.conditions, &after.conditions);
    let pairs = [
        ("connections", one.concurrency, other.concurrency),
        ("requests on each at a time", one.pipeline, other.pipeline),
        ("threads", one.threads, other.threads),
    ];
    let differing = pairs.into_iter().filter(|(_, one, other)| one != other);
    caveats
        .extend(differing.map(|(name, one, other)| format!("the runs differ in {name}: {one} and {other}")));
    caveats
}

fn row(
    figure: Figure,
    (before, after): (&Summary, &Summary),
    draws: &[(Draw, Draw)],
    value: impl Fn(&Draw) -> f64,
    is_enough: bool,
) -> Row {
    let mut changes: Vec<f64> = draws.iter().map(|(one, other)| change(value(one), value(other))).collect();
    changes.sort_by(f64::total_cmp);
    // At most the number of draws.
    let outside = (changes.len() as f64 * (1.0 - CONFIDENCE) / 2.0) as usize;
    let at = |index: usize| changes.get(index).copied().unwrap_or(0.0);
    let interval = (at(outside), at(changes.len().saturating_sub(outside + 1)));
    let value = |summary| figure.of(summary).unwrap_or(0.0);
    let (before, after) = (value(before), value(after));
    let change = change(before, after);
    let verdict = match is_enough && before > 0.0 && after > 0.0 {
        true => verdict(figure, change, interval),
        false => Verdict::TooFew,
    };
    Row { figure, before, after, change, interval, verdict }
}

fn change(before: f64, after: f64) -> f64 {
    ratio(after - before, before)
}

fn verdict(figure: Figure, change: f64, (low, high): (f64, f64)) -> Verdict {
    let is_shown = (low > 0.0 || high < 0.0) && change.abs() >= CHANGE_MIN;
    match (is_shown, (change > 0.0) == (figure == Figure::Rate)) {
        (false, _) => Verdict::NotShown,
        (true, true) => Verdict::Faster,
        (true, false) => Verdict::Slower,
    }
}

impl Comparison {
    /// The row of a figure.
    pub fn row(&self, figure: Figure) -> Option<&Row> {
        self.rows.iter().find(|row| row.figure == figure)
    }

    /// The comparison for people.
    pub fn text(&self) -> String {
        let mut out =
            format!("{:8} {:>10} {:>10} {:>10}  {:22}\n", "", "before", "after", "change", "95 % interval");
        for row in &self.rows {
            let show = |value| row.figure.unit().show(value);
            let interval = format!("{} to {}", units::change(row.interval.0), units::change(row.interval.1));
            let _ = writeln!(
                out,
                "{:8} {:>10} {:>10} {:>10}  {interval:22} {}",
                row.figure.to_string(),
                show(row.before),
                show(row.after),
                units::change(row.change),
                row.verdict.describe()
            );
        }
        let errors = [self.errors.0, self.errors.1].map(units::share);
        let _ = writeln!(out, "{:8} {:>10} {:>10}", "errors", errors[0], errors[1]);
        for caveat in &self.caveats {
            let _ = writeln!(out, "{caveat}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{conditions, nothing, steady};
    use super::super::validity::ClientBound;
    use super::*;

    fn verdicts(before: &Summary, after: &Summary) -> Vec<Verdict> {
        compare(before, after, 1).rows.iter().map(|row| row.verdict).collect()
    }

    #[test]
    fn a_run_beside_itself_shows_no_difference() {
        let run = steady(20, 1.0);
        let verdicts = verdicts(&run, &run);
        assert!(
            verdicts.iter().all(|verdict| matches!(verdict, Verdict::NotShown | Verdict::TooFew)),
            "{verdicts:?}"
        );
        assert_eq!(verdicts.last(), Some(&Verdict::TooFew), "p99.99 of a few thousand answers");
    }

    #[test]
    fn a_run_with_half_the_latency_is_faster_and_the_other_way_round_slower() {
        for secs in [5, 20] {
            let (slow, fast) = (steady(secs, 1.0), steady(secs, 0.5));
            assert_eq!(verdicts(&slow, &fast)[1..6], [Verdict::Faster; 5], "{secs} s");
            assert_eq!(verdicts(&fast, &slow)[1..6], [Verdict::Slower; 5], "{secs} s");
            let p50 = compare(&slow, &fast, 1).rows[1];
            assert!((p50.change + 0.5).abs() < 0.02, "{p50:?}");
            assert!(p50.interval.0 <= p50.change && p50.change <= p50.interval.1, "{p50:?}");
        }
    }

    #[test]
    fn the_rate_counts_the_other_way_round_than_times() {
        assert_eq!(verdict(Figure::Rate, 0.2, (0.1, 0.3)), Verdict::Faster);
        assert_eq!(verdict(Figure::Rate, -0.2, (-0.3, -0.1)), Verdict::Slower);
        assert_eq!(verdict(Figure::Rate, 0.2, (-0.1, 0.3)), Verdict::NotShown);
        assert_eq!(verdict(Figure::Rate, 0.009, (0.008, 0.01)), Verdict::NotShown);
    }

    #[test]
    fn the_same_seed_compares_the_same() {
        let (one, other) = (steady(12, 1.0), steady(12, 1.02));
        assert_eq!(compare(&one, &other, 3), compare(&one, &other, 3));
    }

    #[test]
    fn a_person_reads_a_table() {
        let text = compare(&steady(20, 1.0), &steady(20, 0.5), 1).text();
        let line = text.lines().find(|line| line.starts_with("p50 ")).unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words[0], words[words.len() - 1]), ("p50", "faster"), "{text}");
        assert!(text.contains("\nerrors          0 %        0 %\n"), "{text}");
    }

    #[test]
    fn what_speaks_against_the_comparison_is_said() {
        let (before, mut after) = (steady(5, 1.0), steady(5, 1.0));
        assert_eq!(compare(&before, &after, 1).caveats, [""; 0]);
        after.conditions.concurrency = 64;
        after.validity.reasons.push(ClientBound::Cpu { share: 1.0 });
        let caveats = [
            "INVALID: the second run was client-bound, so its figures are the client's",
            "the runs differ in connections: 50 and 64",
        ];
        assert_eq!(compare(&before, &after, 1).caveats, caveats);
        assert!(
            compare(&before, &after, 1).text().ends_with("\nthe runs differ in connections: 50 and 64\n")
        );
    }

    #[test]
    fn runs_without_answers_are_compared_without_a_verdict() {
        let empty = nothing(conditions());
        assert!(verdicts(&empty, &empty).iter().all(|verdict| *verdict == Verdict::TooFew));
        assert!(verdicts(&steady(5, 1.0), &empty).iter().all(|verdict| *verdict == Verdict::TooFew));
        assert!(compare(&empty, &empty, 1).text().contains("too few answers"));
    }
}
