//! Units of metrics: parsed in limits, shown in reports.
//!
//! A value beside its limit gets enough digits to show its side.

use std::iter;

use serde::Serialize;

use crate::text::{parse_duration, units};

/// Unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MetricUnit {
    /// Microseconds.
    #[serde(rename = "us")]
    Time,
    /// Per second.
    #[serde(rename = "per_sec")]
    Rate,
    /// 0 to 1.
    Share,
    /// Number.
    Count,
}

impl MetricUnit {
    /// Parses a number with its unit: `10ms`, `5k`, `0.1%`.
    ///
    /// # Errors
    ///
    /// The reason, to follow a colon.
    pub fn parse(self, text: &str) -> Result<f64, String> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let number: f64 = digits.parse().map_err(|_| format!("'{text}' does not begin with a number"))?;
        let exponent = match (self, unit.trim()) {
            // Without a unit, `p99<10` would be ten seconds, which is hardly intended.
            (Self::Time, unit) if !unit.is_empty() => {
                let time = parse_duration(&format!("{digits}{unit}"), true, u32::MAX);
                return time.map(|time| time.as_nanos() as f64 / 1e3).map_err(|_| self.refuse(digits, unit));
            }
            (Self::Rate | Self::Count, "") | (Self::Rate, "/s") => 0,
            (Self::Rate | Self::Count, "k") | (Self::Rate, "k/s") => 3,
            (Self::Rate | Self::Count, "m" | "M") | (Self::Rate, "M/s") => 6,
            (Self::Share, "%") => -2,
            (_, unit) => return Err(self.refuse(digits, unit)),
        };
        // Unlike a product, this is the number that a quotient of counts gives.
        Ok(format!("{digits}e{exponent}").parse().unwrap_or(number))
    }

    fn refuse(self, digits: &str, unit: &str) -> String {
        let (thing, units) = match self {
            Self::Time => ("a time needs a unit", format!("{digits}us, {digits}ms or {digits}s")),
            Self::Rate => ("a rate is a number a second", format!("{digits}, {digits}k or {digits}M")),
            Self::Share => ("a share needs a percent sign", format!("{digits}%")),
            Self::Count => ("this is a number", format!("{digits}, {digits}k or {digits}M")),
        };
        let fault = if unit.is_empty() { String::new() } else { format!("'{unit}' is not a unit here; ") };
        format!("{fault}{thing}: {units}")
    }

    /// Value for people.
    pub fn format_value(self, value: f64) -> String {
        match self {
            Self::Time => units::time(value),
            Self::Rate => units::rate(value),
            Self::Share => units::share(value),
            // Counts are non-negative integers.
            Self::Count => units::count(value as u64),
        }
    }

    pub(crate) fn format_beside(self, value: f64, limit: f64) -> String {
        self.show_side(self.format_value(value), value, limit)
    }

    /// Text of a value, with more digits if it does not show on which side of `limit` the value is.
    pub(crate) fn show_side(self, text: String, value: f64, limit: f64) -> String {
        let (number, unit) = text.split_at(text.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
        let read = |text: &str| self.parse(text.replace(',', "").replace("pp", "%").trim_matches(['+', '-']));
        let side = |number: f64| number.abs().total_cmp(&limit.abs());
        let is_clear = |text: &String| read(text).is_ok_and(|shown| side(shown) == side(value));
        let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let in_unit = value / read(&format!("1{unit}")).unwrap_or(1.0);
        let plus = if text.starts_with(['+', '-']) { "+" } else { "" };
        let more = (decimals + 1..=12).map(|len| format!("{in_unit:+.len$}{unit}").replace('+', plus));
        iter::once(text.clone()).chain(more).find(is_clear).unwrap_or_else(|| format!("{in_unit}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_parse_scales_by_suffix() {
        let rows = [
            (MetricUnit::Time, "10ms", 10_000.0),
            (MetricUnit::Time, "1.5 s", 1_500_000.0),
            (MetricUnit::Time, "7µs", 7.0),
            (MetricUnit::Time, "1m30s", 90_000_000.0),
            (MetricUnit::Time, "1min", 60_000_000.0),
            (MetricUnit::Rate, "5000", 5_000.0),
            (MetricUnit::Rate, "5k", 5_000.0),
            (MetricUnit::Share, "0.5%", 0.005),
            (MetricUnit::Count, "3", 3.0),
        ];
        for (unit, text, number) in rows {
            assert_eq!(unit.parse(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn unit_parse_without_valid_suffix_lists_the_units() {
        let rows = [
            (MetricUnit::Time, "10", "a time needs a unit: 10us, 10ms or 10s"),
            (MetricUnit::Time, "10d", "'d' is not a unit here; a time needs a unit: 10us, 10ms or 10s"),
            (MetricUnit::Share, "1", "a share needs a percent sign: 1%"),
            (MetricUnit::Rate, "9%", "'%' is not a unit here; a rate is a number a second: 9, 9k or 9M"),
            (MetricUnit::Time, "ms", "'ms' does not begin with a number"),
            (MetricUnit::Time, "1.2.3ms", "'1.2.3ms' does not begin with a number"),
            (MetricUnit::Time, "", "'' does not begin with a number"),
        ];
        for (unit, text, error) in rows {
            assert_eq!(unit.parse(text), Err(error.to_owned()), "{text}");
        }
    }
}
