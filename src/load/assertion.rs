//! Assertions about a run: `--assert 'p99<10ms,errors<0.1%,rps>5000'`.
//!
//! A clause is a metric, `<`, `<=`, `>` or `>=`, and a number with its unit; all must hold. A metric without
//! values fails its clause: no response is not fast.

use crate::load::stats::metric::Metric;
use crate::load::stats::summary::Summary;

/// Exit code after a failed clause.
pub const EXIT_CODE: u8 = 99;

/// More are a mistake.
const CLAUSES_MAX: usize = 64;

/// Comparison with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Relation {
    /// Whether the relation holds.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
        }
    }

    pub(super) fn split(clause: &str) -> Option<(&str, Self, &str)> {
        let (metric, rest) = clause.split_at(clause.find(['<', '>'])?);
        let signs = [("<=", Self::AtMost), (">=", Self::AtLeast), ("<", Self::Below), (">", Self::Above)];
        let (relation, value) =
            signs.into_iter().find_map(|(sign, relation)| Some((relation, rest.strip_prefix(sign)?)))?;
        Some((metric.trim(), relation, value.trim()))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    pub(super) text: String,
    pub(super) metric: Metric,
    pub(super) relation: Relation,
    pub(super) limit: f64,
}

/// Clauses that must all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion(pub(super) Vec<Clause>);

impl Assertion {
    /// Parses comma-separated clauses.
    ///
    /// # Errors
    /// The invalid clause and why, to follow a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        Clause::parse_list(text, "a number: p99<10ms", |metric, text| metric.unit().parse(text)).map(Self)
    }

    /// Failed clauses in order, with measured values.
    pub fn judge(&self, summary: &Summary) -> Vec<String> {
        self.0.iter().filter_map(|clause| clause.check(summary)).collect()
    }
}

type ParseLimit = fn(Metric, &str) -> Result<f64, String>;

impl Clause {
    /// `limit` parses the part after the operator; `shape` describes it.
    pub(super) fn parse_list(text: &str, shape: &str, limit: ParseLimit) -> Result<Vec<Self>, String> {
        let clauses: Vec<_> = text.split(',').map(str::trim).collect();
        if clauses.contains(&"") {
            return Err(format!("'{text}' has an empty clause; a clause is written 'p99<10ms'"));
        }
        if clauses.len() > CLAUSES_MAX {
            return Err(format!("there are more than {CLAUSES_MAX} clauses"));
        }
        clauses.into_iter().map(|clause| Self::parse(clause, shape, limit)).collect()
    }

    fn parse(text: &str, shape: &str, limit: ParseLimit) -> Result<Self, String> {
        let named = |error: String| format!("'{text}': {error}");
        let (metric, relation, value) = Relation::split(text)
            .ok_or_else(|| named(format!("a clause is a metric, < or >, and {shape}")))?;
        let metric = Metric::named(metric).map_err(named)?;
        let limit = limit(metric, value).map_err(named)?;
        Ok(Self { text: text.to_owned(), metric, relation, limit })
    }

    fn check(&self, summary: &Summary) -> Option<String> {
        let found = match self.metric.of(summary) {
            Some(value) if self.relation.holds(value, self.limit) => return None,
            Some(value) => {
                format!("{} is {}", self.metric, self.metric.unit().format_beside(value, self.limit))
            }
            None => format!("nothing was recorded for {}", self.metric),
        };
        Some(format!("{} does not hold: {found}", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stats::metric_unit::MetricUnit;
    use crate::load::stats::summary::tests::{empty_summary, info, stalling};

    fn failed_lines(text: &str, summary: &Summary) -> Vec<String> {
        let assertion = Assertion::parse(text).expect("it can be read");
        assertion.judge(summary)
    }

    #[test]
    fn failed_clauses_are_listed_with_measured_values() {
        let summary = stalling();
        assert_eq!(failed_lines("p50<10ms, rps > 100,errors<50%,connect.max<1s", &summary), [""; 0]);
        let rows = [
            (
                "p50<1us,rps>1M",
                vec!["p50<1us does not hold: p50 is 800 µs", "rps>1M does not hold: rps is 200/s"],
            ),
            ("errors<=0.1%", vec!["errors<=0.1% does not hold: errors is 0.2 %"]),
            ("errors<0.2%", vec!["errors<0.2% does not hold: errors is 0.25 %"]),
            ("failed<1", vec!["failed<1 does not hold: failed is 5"]),
            ("unfinished>=2", vec![]),
            ("unfinished>2", vec!["unfinished>2 does not hold: unfinished is 2"]),
        ];
        for (text, lines) in rows {
            assert_eq!(failed_lines(text, &summary), lines, "{text}");
        }
    }

    #[test]
    fn failed_clause_shows_the_side_of_the_limit() {
        let rows = [
            ("errors<0.1%", 0.001_04, "0.104 %"),
            ("errors<0.1%", 0.001, "0.1 %"),
            ("errors<=0.7%", 0.007_000_1, "0.70001 %"),
            ("errors>99.9%", 0.998_96, "99.896 %"),
            ("rps>5000", 4_999.7, "4999.7/s"),
            ("rps>5k", 5_000.0, "5,000/s"),
            ("rps>99.9", 99.86, "99.86/s"),
            ("p99<=10ms", 10_007.0, "10.01 ms"),
            ("p99<2ms", 2_001.0, "2.001 ms"),
            ("mean<=100us", 100.3, "100.3 µs"),
            ("mean<41.3us", 41.300_000_4, "41.3000004 µs"),
            ("max<=90s", 90_001_000.0, "1.50002 min"),
            ("failed<3", 3.0, "3"),
        ];
        for (text, value, shown) in rows {
            let clause = Assertion::parse(text).expect("it can be read").0.remove(0);
            let Clause { metric, relation, limit, .. } = clause;
            assert!(!relation.holds(value, limit), "{text}");
            assert_eq!(metric.unit().format_beside(value, limit), shown, "{text}");
        }
    }

    /// The limit is the number that the same share of requests gives.
    #[test]
    fn share_limit_equals_the_quotient_of_counts() {
        for permille in 0..1000_u32 {
            let limit = MetricUnit::Share.parse(&format!("{}.{}%", permille / 10, permille % 10));
            assert_eq!(limit, Ok(f64::from(permille) / 1000.0));
        }
    }

    #[test]
    fn relation_at_limit_holds_only_with_equals_sign() {
        let rows = [
            (Relation::Below, [true, false, false]),
            (Relation::AtMost, [true, true, false]),
            (Relation::Above, [false, false, true]),
            (Relation::AtLeast, [false, true, true]),
        ];
        for (relation, holds) in rows {
            assert_eq!([1.0, 2.0, 3.0].map(|value| relation.holds(value, 2.0)), holds, "{relation:?}");
        }
    }

    #[test]
    fn latency_clause_without_responses_fails() {
        let summary = empty_summary(info());
        let lines = ["p99<10s", "errors<1%"].map(|clause| {
            let (metric, _) = clause.split_once('<').expect("a limit");
            format!("{clause} does not hold: nothing was recorded for {metric}")
        });
        assert_eq!(failed_lines("p99<10s,errors<1%", &summary), lines);
    }

    #[test]
    fn parse_invalid_assertion_error_names_clause() {
        let rows = [
            ("p99<10", "'p99<10': a time needs a unit: 10us, 10ms or 10s"),
            ("rps>1,p99", "'p99': a clause is a metric, < or >, and a number: p99<10ms"),
            ("p99<10ms,", "'p99<10ms,' has an empty clause; a clause is written 'p99<10ms'"),
            ("errors<5", "'errors<5': a share needs a percent sign: 5%"),
            ("p99==1ms", "'p99==1ms': a clause is a metric, < or >, and a number: p99<10ms"),
        ];
        for (text, error) in rows {
            assert_eq!(Assertion::parse(text), Err(error.to_owned()));
        }
        let unknown = Assertion::parse("latency<1ms").expect_err("there is none");
        assert!(
            unknown.starts_with("'latency<1ms': there is no metric 'latency': there are rps, "),
            "{unknown}"
        );
        assert!(Assertion::parse(&"rps>1,".repeat(70)).is_err());
    }
}
