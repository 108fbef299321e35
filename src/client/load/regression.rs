//! How much worse a run may be than the one before: `--fail-on 'p99>+10%,rps<-5%,errors>+0.1%'`.
//!
//! A clause fires when the difference is beyond its limit *and* is shown to be more than chance.
//! Changes of the rate and of percentiles are shares of the value before. Errors are counted, not
//! measured: any difference fires that is beyond its limit, in percentage points.

use super::assertion::{Broken, Order, clauses};
use super::compare::{Comparison, Verdict};
use super::figure::{Figure, Statistic, Times, Unit};
use super::report::units;

/// The exit code of a run in which a clause fired.
pub const EXIT_CODE: u8 = 98;

/// One limit.
#[derive(Clone, Debug, PartialEq)]
struct Clause {
    text: String,
    figure: Figure,
    order: Order,
    change: f64,
}

/// Limits, each of which fails the comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits(Vec<Clause>);

impl Limits {
    /// Reads clauses.
    ///
    /// # Errors
    ///
    /// The clause that is wrong and how, in words to stand behind the name of the option and a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        clauses(text)?.map(Clause::parse).collect::<Result<_, _>>().map(Self)
    }

    /// The clauses that fire, in the order in which they were written.
    pub fn judge(&self, comparison: &Comparison) -> Vec<Broken> {
        self.0.iter().filter_map(|clause| clause.judge(comparison)).collect()
    }
}

impl Clause {
    fn parse(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "a clause is a figure, < or >, and a change in percent: p99>+10%";
        let named = |error: &str| format!("'{text}': {error}");
        let (name, order, change) = Order::split(text).ok_or_else(|| named(SHAPE))?;
        let figure = Figure::named(name).map_err(|error| named(&error))?;
        let is_compared = match figure {
            Figure::Rate | Figure::Errors => true,
            Figure::Time(times, statistic) => {
                times == Times::Corrected && matches!(statistic, Statistic::Percentile(_))
            }
            _ => false,
        };
        if !is_compared {
            return Err(named("only rps, errors and the percentiles of the latency are compared"));
        }
        let (sign, number) = match (change.strip_prefix('+'), change.strip_prefix('-')) {
            (Some(number), _) => (1.0, number),
            (_, Some(number)) => (-1.0, number),
            _ => return Err(named("a change has a sign: +10% is a tenth more, -10% a tenth less")),
        };
        let change = sign * Unit::Share.parse(number).map_err(|error| named(&error))?;
        Ok(Self { text: text.to_owned(), figure, order, change })
    }

    fn judge(&self, comparison: &Comparison) -> Option<Broken> {
        let (change, found) = if self.figure == Figure::Errors {
            let (before, after) = comparison.errors;
            (after - before, format!("errors went from {} to {}", units::share(before), units::share(after)))
        } else {
            let row = comparison.row(self.figure)?;
            if !matches!(row.verdict, Verdict::Faster | Verdict::Slower) {
                return None;
            }
            let show = |value| self.figure.unit().show(value);
            let (before, after) = (show(row.before), show(row.after));
            (
                row.change,
                format!("{} went from {before} to {after}, {}", self.figure, units::change(row.change)),
            )
        };
        self.order.holds(change, self.change).then(|| Broken { clause: self.text.clone(), found })
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::compare;
    use super::super::summary::tests::steady;
    use super::*;

    fn fired(text: &str, factor: f64) -> Vec<String> {
        let comparison = compare(&steady(20, 1.0), &steady(20, factor), 1);
        let limits = Limits::parse(text).expect("it can be read");
        limits.judge(&comparison).into_iter().map(|broken| broken.clause).collect()
    }

    #[test]
    fn a_clause_fires_beyond_its_limit() {
        assert_eq!(fired("p99>+10%, p50>+10%,rps<-5%", 1.5), ["p99>+10%", "p50>+10%"]);
        assert_eq!(fired("p99>+60%", 1.5), [""; 0]);
        assert_eq!(fired("p50<-10%", 0.5), ["p50<-10%"]);
    }

    #[test]
    fn what_may_be_chance_does_not_fire() {
        assert_eq!(fired("p50>=-50%,p99>=-50%,p99.99>=-50%,errors>+0.1%", 1.0), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_names_its_clause() {
        let rows = [
            ("p99>10%", "'p99>10%': a change has a sign: +10% is a tenth more, -10% a tenth less"),
            ("p99>+10", "'p99>+10': a share needs a percent sign: 10%"),
            ("max>+1%", "'max>+1%': only rps, errors and the percentiles of the latency are compared"),
            ("p99", "'p99': a clause is a figure, < or >, and a change in percent: p99>+10%"),
        ];
        for (text, error) in rows {
            assert_eq!(Limits::parse(text), Err(error.to_owned()));
        }
    }
}
