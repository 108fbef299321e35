//! Distribution of times: count, mean, percentiles.
//!
//! Times that were never recorded have none.

use serde::{Serialize, Serializer};

use super::latency_histogram::LatencyHistogram;

/// Reported percentiles and quantiles.
pub const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Distribution of times; null without times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// Number of times.
    pub count: u64,
    /// Minimum.
    pub min_us: u64,
    /// Mean.
    pub mean_us: f64,
    /// Standard deviation.
    pub stdev_us: f64,
    /// Values of [`PERCENTILES`].
    #[serde(flatten, serialize_with = "write_percentiles")]
    #[cfg_attr(test, schemars(with = "tests::Percentiles"))]
    pub percentiles_us: [u64; PERCENTILES.len()],
    /// Maximum.
    pub max_us: u64,
}

/// Quantile of a percentile's name.
pub fn quantile(percentile: &str) -> Option<f64> {
    PERCENTILES.into_iter().find(|(name, _)| *name == percentile).map(|(_, quantile)| quantile)
}

fn write_percentiles<S: Serializer>(us: &[u64; PERCENTILES.len()], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(PERCENTILES.iter().zip(us).map(|((name, _), us)| (format!("{name}_us"), us)))
}

impl Spread {
    /// Distribution; `None` if empty.
    pub fn of(times: &LatencyHistogram) -> Option<Self> {
        let histogram = times.histogram();
        (!times.is_empty()).then(|| Self {
            count: times.len(),
            min_us: histogram.min(),
            mean_us: histogram.mean(),
            stdev_us: histogram.stdev(),
            percentiles_us: PERCENTILES.map(|(_, quantile)| times.quantile_us(quantile)),
            max_us: histogram.max(),
        })
    }

    /// Statistics with their names, in report order.
    pub fn statistics(self) -> impl Iterator<Item = (&'static str, f64)> {
        let percentiles = PERCENTILES.into_iter().zip(self.percentiles_us);
        let percentiles = percentiles.map(|((name, _), us)| (name, us as f64));
        let lowest = [("min", self.min_us as f64), ("mean", self.mean_us)].into_iter();
        lowest.chain(percentiles).chain([("max", self.max_us as f64)])
    }

    /// Statistic by name, in microseconds.
    pub fn statistic(self, name: &str) -> Option<f64> {
        self.statistics().find(|(its, _)| *its == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    /// JSON form of [`PERCENTILES`].
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    pub(crate) struct Percentiles {
        /// 50 % of the times are at or below this.
        p50_us: u64,
        /// 75 % of the times are at or below this.
        p75_us: u64,
        /// 90 % of the times are at or below this.
        p90_us: u64,
        /// 95 % of the times are at or below this.
        p95_us: u64,
        /// 99 % of the times are at or below this.
        p99_us: u64,
        /// 99.9 % of the times are at or below this.
        #[serde(rename = "p99.9_us")]
        p99_9_us: u64,
        /// 99.99 % of the times are at or below this.
        #[serde(rename = "p99.99_us")]
        p99_99_us: u64,
    }
}
