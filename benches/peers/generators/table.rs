//! The figures of all rounds, as medians and ratios, in a table.
//!
//! A ratio is taken within a round, where both sides met the same machine, and the median of those is
//! shown; so it need not be the quotient of the two medians beside it.

use std::fmt;

use super::generator::Generator;
use super::round::Sample;
use crate::stats::median;

/// One generator's line.
struct Row {
    name: &'static str,
    cpu_us: f64,
    /// The least and the most of any round.
    cpu_us_range: (f64, f64),
    to_floor: f64,
    to_ours: f64,
    per_sec: f64,
    busy: f64,
}

/// What came of all rounds with one number of connections.
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// The medians of these samples; the rounds of all generators are in the same order.
    pub(crate) fn new(samples: &[(Generator, Vec<Sample>)]) -> Self {
        let of = |wanted: Generator| samples.iter().find(|(generator, _)| *generator == wanted);
        let ratio = |samples: &[Sample], to: Generator| {
            let to = of(to).map_or(&[][..], |(_, samples)| samples.as_slice());
            median(samples.iter().zip(to).map(|(sample, to)| sample.cpu_us / to.cpu_us))
        };
        let rows = samples.iter().map(|(generator, samples)| {
            let all = || samples.iter().map(|sample| sample.cpu_us);
            Row {
                name: generator.name(),
                cpu_us: median(all()),
                cpu_us_range: (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max)),
                to_floor: ratio(samples, Generator::Floor),
                to_ours: ratio(samples, Generator::Ours),
                per_sec: median(samples.iter().map(|sample| sample.per_sec)),
                busy: median(samples.iter().map(|sample| sample.busy)),
            }
        });
        Self(rows.collect())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| generator      | µs a request | least to most  | × floor | × ours | requests/s | core |"
        )?;
        writeln!(
            f,
            "|----------------|-------------:|---------------:|--------:|-------:|-----------:|-----:|"
        )?;
        for row in &self.0 {
            let (least, most) = row.cpu_us_range;
            writeln!(
                f,
                "| {:14} | {:12.2} | {:>14} | {:7.2} | {:6.2} | {:10.0} | {:3.0}% |",
                row.name,
                row.cpu_us,
                format!("{least:.2} to {most:.2}"),
                row.to_floor,
                row.to_ours,
                row.per_sec,
                row.busy * 100.0
            )?;
        }
        Ok(())
    }
}
