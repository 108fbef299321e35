//! Named metrics for limits: `p99`, `connect.max`, `rps`, `errors`.
//!
//! Each stands in the report, so a broken limit is visible there.

use std::fmt;

use super::metric_unit::MetricUnit;
use super::spread::Spread;
use super::summary::Summary;

/// Kind of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeKind {
    /// Latency from the intended start.
    Corrected,
    /// Latency from the actual start.
    Uncorrected,
    /// Time to the first byte.
    FirstByte,
    /// Time to connect.
    Connect,
    /// Generator lag.
    Lag,
}

/// Report metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Statistic of a time, by its name in [`Spread::statistics`], in microseconds.
    Time(TimeKind, &'static str),
    /// Responses per second.
    Rate,
    /// Share of failed and unsent requests, and statuses from 400.
    Errors,
    /// Failed requests.
    Failed,
    /// Unfinished requests.
    Unfinished,
}

const TIMES: [(&str, TimeKind); 5] = [
    ("", TimeKind::Corrected),
    ("uncorrected.", TimeKind::Uncorrected),
    ("first-byte.", TimeKind::FirstByte),
    ("connect.", TimeKind::Connect),
    ("lag.", TimeKind::Lag),
];

const OTHER_METRICS: [(&str, Metric); 4] = [
    ("rps", Metric::Rate),
    ("errors", Metric::Errors),
    ("failed", Metric::Failed),
    ("unfinished", Metric::Unfinished),
];

impl Metric {
    fn all() -> Vec<(String, Self)> {
        let mut all = OTHER_METRICS.map(|(name, metric)| (name.to_owned(), metric)).to_vec();
        for (prefix, times) in TIMES {
            let named = |(name, _)| (format!("{prefix}{name}"), Self::Time(times, name));
            all.extend(Spread::default().statistics().map(named));
        }
        all
    }

    /// Metric by name.
    ///
    /// # Errors
    ///
    /// All names, to follow a colon.
    pub fn named(name: &str) -> Result<Self, String> {
        Self::all().into_iter().find(|(its, _)| its == name).map(|(_, metric)| metric).ok_or_else(|| {
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

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::all().into_iter().find(|(_, its)| its == self);
        f.write_str(&named.map(|(name, _)| name).unwrap_or_default())
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
