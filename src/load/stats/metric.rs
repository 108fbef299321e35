//! Named metrics for limits: `p99`, `connect.max`, `rps`, `errors`.
//!
//! Each stands in the report, so a broken limit is visible there.

use super::metric_unit::MetricUnit;
use super::spread::Spread;
use super::summary::Summary;

/// Kind of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum TimeKind {
    /// Latency from the intended start.
    #[display("")]
    Corrected,
    /// Latency from the actual start.
    #[display("uncorrected.")]
    Uncorrected,
    /// Time to the first byte.
    #[display("first-byte.")]
    FirstByte,
    /// Time to connect.
    #[display("connect.")]
    Connect,
    /// Generator lag.
    #[display("lag.")]
    Lag,
}

/// Report metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
#[display(rename_all = "lowercase")]
pub enum Metric {
    /// Statistic of a time, by its name in [`Spread::statistics`], in microseconds.
    #[display("{_0}{_1}")]
    Time(TimeKind, &'static str),
    /// Responses per second.
    #[display("rps")]
    Rate,
    /// Share of failed and unsent requests, and statuses from 400.
    Errors,
    /// Failed requests.
    Failed,
    /// Unfinished requests.
    Unfinished,
}

const TIMES: [TimeKind; 5] =
    [TimeKind::Corrected, TimeKind::Uncorrected, TimeKind::FirstByte, TimeKind::Connect, TimeKind::Lag];

const OTHER_METRICS: [Metric; 4] = [Metric::Rate, Metric::Errors, Metric::Failed, Metric::Unfinished];

impl Metric {
    /// Metric by name.
    ///
    /// # Errors
    ///
    /// All names, to follow a colon.
    pub fn named(name: &str) -> Result<Self, String> {
        let of = |kind| Spread::default().statistics().map(move |(name, _)| Self::Time(kind, name));
        let mut all = OTHER_METRICS.into_iter().chain(TIMES.into_iter().flat_map(of));
        all.find(|metric| metric.to_string() == name).ok_or_else(|| {
            format!(
                "there is no metric '{name}': there are rps, errors, failed, unfinished, min, mean, p50, \
                 p75, p90, p95, p99, p99.9, p99.99 and max, and times also after uncorrected., first-byte., \
                 connect. and lag."
            )
        })
    }

    /// Unit.
    pub fn unit(self) -> MetricUnit {
        match self {
            Self::Time(..) => MetricUnit::Time,
            Self::Rate => MetricUnit::Rate,
            Self::Errors => MetricUnit::Share,
            Self::Failed | Self::Unfinished => MetricUnit::Count,
        }
    }

    /// Value in a run; `None` if not recorded.
    pub fn of(self, summary: &Summary) -> Option<f64> {
        match self {
            Self::Time(times, name) => {
                let spread = match times {
                    TimeKind::Corrected => &summary.corrected,
                    TimeKind::Uncorrected => &summary.uncorrected,
                    TimeKind::FirstByte => &summary.first_byte,
                    TimeKind::Connect => &summary.connect,
                    TimeKind::Lag => &summary.lag,
                };
                spread.as_ref()?.statistic(name)
            }
            Self::Rate => Some(summary.rate),
            Self::Errors => (summary.ended_count() > 0).then_some(summary.error_share),
            Self::Failed => Some(summary.totals.failed as f64),
            Self::Unfinished => Some(summary.totals.unfinished as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_name_roundtrips_unknown_name_is_an_error() {
        for name in ["rps", "errors", "failed", "unfinished", "min", "mean", "max", "p50", "p99.99"] {
            assert_eq!(Metric::named(name).map(|metric| metric.to_string()), Ok(name.to_owned()));
        }
        for name in ["uncorrected.p99.9", "first-byte.mean", "connect.max", "lag.p50"] {
            assert_eq!(Metric::named(name).map(|metric| metric.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "p98", "p", "connect.", "connect.rps", "P99"] {
            assert!(Metric::named(name).is_err(), "{name:?}");
        }
    }
}
