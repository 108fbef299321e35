//! Regression thresholds: `--fail-on 'p99>+10%,rps<-5%,errors>+0.1%'`.
//!
//! A clause fires if the change is beyond its limit *and* beyond chance. If a run got no response, every clause fires.

use super::{Comparison, Row};
use crate::load::assertion::Clause;
use crate::load::stats::metric::{Metric, TimeKind};
use crate::load::stats::metric_unit::MetricUnit;
use crate::load::stats::spread::quantile;

/// Exit code if a clause fired.
pub const EXIT_CODE: u8 = 98;

/// Clauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds(Vec<Clause>);

impl Thresholds {
    /// Parses clauses.
    ///
    /// # Errors
    ///
    /// The wrong clause and the reason, to follow the option and a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        Clause::parse_list(text, "a change in percent: p99>+10%", parse_change).map(Self)
    }

    /// Fired clauses in order, with values.
    pub fn judge(&self, comparison: &Comparison) -> Vec<String> {
        self.0.iter().filter_map(|clause| check(clause, comparison)).collect()
    }

    /// Clauses with too little data.
    pub fn open(&self, comparison: &Comparison) -> Vec<String> {
        self.0.iter().filter_map(|clause| open(clause, comparison)).collect()
    }
}

fn parse_change(metric: Metric, change: &str) -> Result<f64, String> {
    let is_compared = match metric {
        Metric::Rate | Metric::Errors => true,
        Metric::Time(times, name) => times == TimeKind::Corrected && quantile(name).is_some(),
        _ => false,
    };
    if !is_compared {
        return Err("only rps, errors and the percentiles of the latency are compared".to_owned());
    }
    let (sign, number) = match (change.strip_prefix('+'), change.strip_prefix('-')) {
        (Some(number), _) => (1.0, number),
        (_, Some(number)) => (-1.0, number),
        _ => return Err("a change has a sign: +10% is a tenth more, -10% a tenth less".to_owned()),
    };
    Ok(sign * MetricUnit::Share.parse(number)?)
}

fn row<'a>(clause: &Clause, comparison: &'a Comparison) -> Option<&'a Row> {
    comparison.rows().find(|row| row.metric == clause.metric)
}

fn check(clause: &Clause, comparison: &Comparison) -> Option<String> {
    if let Some(run) = comparison.silent_run() {
        return Some(format!("{} cannot be judged: the {run} run got no response", clause.text));
    }
    let row = row(clause, comparison)?;
    let change = row.change.filter(|change| clause.relation.holds(*change, clause.limit))?;
    let shown = MetricUnit::Share.show_side(row.format_change(change), change, clause.limit);
    let [before, after] = [row.before?, row.after?].map(|value| row.unit.format_value(value));
    let line = || format!("{} went from {before} to {after}, {shown} ({})", row.metric, clause.text);
    row.verdict.is_significant().then(line)
}

fn open(clause: &Clause, comparison: &Comparison) -> Option<String> {
    let verdict = row(clause, comparison)?.verdict;
    let is_open = verdict.is_open() && comparison.silent_run().is_none();
    is_open.then(|| format!("{} was not judged: {verdict}", clause.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compare::{ComparisonVerdict, compare};
    use crate::load::stats::summary::Summary;
    use crate::load::stats::summary::tests::{empty_summary, info, steady};

    fn fired(text: &str, factor: f64) -> Vec<String> {
        let comparison = compare(&steady(20, 1.0), &steady(20, factor), 1);
        let thresholds = Thresholds::parse(text).expect("it can be read");
        let clause = |line: &String| line.rsplit_once(" (")?.1.strip_suffix(')').map(str::to_owned);
        thresholds.judge(&comparison).iter().map(|line| clause(line).expect("a clause")).collect()
    }

    #[test]
    fn threshold_clause_fails_beyond_its_limit() {
        assert_eq!(fired("p99>+10%, p50>+10%,rps<-5%", 1.5), ["p99>+10%", "p50>+10%"]);
        assert_eq!(fired("p99>+60%", 1.5), [""; 0]);
        assert_eq!(fired("p50<-10%", 0.5), ["p50<-10%"]);
        assert_eq!(fired("p50<-60%", 0.5), [""; 0]);
    }

    #[test]
    fn threshold_clause_holds_if_change_is_not_significant() {
        assert_eq!(fired("p50>=-50%,p99>=-50%,p99.99>=-50%,errors>+0.1%", 1.0), [""; 0]);
    }

    #[test]
    fn errors_clause_fails_only_if_increase_is_significant() {
        let with_errors = |share| Summary { error_share: share, ..steady(20, 1.0) };
        let thresholds = Thresholds::parse("errors>+0.01%").expect("it can be read");
        for (share, fires) in [(0.0, false), (0.000_2, false), (0.002, true)] {
            let comparison = compare(&with_errors(0.0), &with_errors(share), 1);
            assert_eq!(!thresholds.judge(&comparison).is_empty(), fires, "{share}: {:?}", comparison.errors);
        }
        let fired = thresholds.judge(&compare(&with_errors(0.0), &with_errors(0.002), 1));
        assert_eq!(fired[0], "errors went from 0 % to 0.2 %, +0.2 pp (errors>+0.01%)");
    }

    #[test]
    fn silent_run_fails_every_clause() {
        let thresholds = Thresholds::parse("p99>+10%,rps<-5%,errors>+1%").expect("it can be read");
        let (silent, good) = (empty_summary(info()), steady(20, 1.0));
        for (before, after, which) in
            [(&good, &silent, "second"), (&silent, &good, "first"), (&silent, &silent, "first")]
        {
            let comparison = compare(before, after, 1);
            let line = |clause| format!("{clause} cannot be judged: the {which} run got no response");
            assert_eq!(thresholds.judge(&comparison), ["p99>+10%", "rps<-5%", "errors>+1%"].map(line));
            assert_eq!(thresholds.open(&comparison), [""; 0]);
        }
    }

    #[test]
    fn failed_clause_shows_on_which_side_of_its_limit() {
        let line = |text: &str, change| {
            let comparison = compare(&steady(20, 1.0), &steady(20, 2.0), 1);
            let mut rows = comparison.rows;
            rows[0].change = Some(change);
            rows[0].verdict = ComparisonVerdict::Slower;
            let thresholds = Thresholds::parse(text).expect("it can be read");
            thresholds.judge(&Comparison { rows, ..comparison }).join("; ")
        };
        let rows = [
            ("rps<-5%", -0.050_4, "-5.04 %"),
            ("rps<-5%", -0.2, "-20.0 %"),
            ("rps<=-5%", -0.05, "-5.0 %"),
            ("rps>+10%", 0.100_04, "+10.004 %"),
            ("rps<+0%", -0.000_3, "-0.03 %"),
        ];
        for (clause, change, shown) in rows {
            let wanted = format!(", {shown} ({clause})");
            assert!(line(clause, change).ends_with(&wanted), "{}: {wanted}", line(clause, change));
        }
    }

    #[test]
    fn clause_with_too_little_data_is_undecided() {
        let thresholds = Thresholds::parse("p50>+10%,p99.99>+10%,errors>+1%").expect("it can be read");
        let open = |secs| thresholds.open(&compare(&steady(secs, 1.0), &steady(secs, 2.0), 1));
        assert_eq!(open(20), ["p99.99>+10% was not judged: too few responses"]);
        let both =
            ["p50>+10% was not judged: run too short", "p99.99>+10% was not judged: too few responses"];
        assert_eq!(open(3), both);
    }

    #[test]
    fn thresholds_parse_error_names_the_clause() {
        let rows = [
            ("p99>10%", "'p99>10%': a change has a sign: +10% is a tenth more, -10% a tenth less"),
            ("p99>+10", "'p99>+10': a share needs a percent sign: 10%"),
            ("max>+1%", "'max>+1%': only rps, errors and the percentiles of the latency are compared"),
            ("p99", "'p99': a clause is a metric, < or >, and a change in percent: p99>+10%"),
        ];
        for (text, error) in rows {
            assert_eq!(Thresholds::parse(text), Err(error.to_owned()));
        }
    }
}
