//! Units in output: SI prefixes, three significant digits.
//!
//! Functions accept any number, NaN included, and never panic.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Each is 1000 times the previous unit.
const BYTE_UNITS: &[&str] = &["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// `1,234,567`.
pub fn count(number: u64) -> String {
    Grouped(number).to_string()
}

/// `1 file`, `1,200 files`.
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", Grouped(number), if number == 1 { "" } else { "s" })
}

/// `41 µs`, `1.52 ms`, `3.02 s`, `1.5 min`.
pub fn duration(time: Duration) -> String {
    self::time(time.as_secs_f64() * 1e6)
}

/// Duration in microseconds.
pub fn time(us: f64) -> String {
    if us >= 60e6 {
        format!("{:.1} min", us / 60e6)
    } else {
        Scaled { value: us, digits: 3, units: &["µs", "ms", "s"] }.to_string()
    }
}

/// `512 B`, `1.20 kB`.
pub fn bytes(len: f64) -> String {
    Scaled { value: len, digits: 3, units: BYTE_UNITS }.to_string()
}

/// Two significant digits for file sizes: `532 B`, `4.2 MB`.
pub fn size(len: u64) -> impl Display {
    // Rounds ties up: the nearest binary fraction may be below the tie.
    Scaled { value: len as f64 * (1.0 + f64::EPSILON), digits: 2, units: BYTE_UNITS }
}

/// `12,345/s`, `99.5/s`.
pub fn rate(per_sec: f64) -> String {
    // Real rates fit; the conversion saturates.
    if per_sec >= 99.95 { format!("{}/s", count(per_sec.round() as u64)) } else { format!("{per_sec:.1}/s") }
}

/// Share: `0 %`, `0.012 %`, `99.3 %`.
pub fn share(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.1 => format!("{percent:.3} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// Signed change: `+12.3 %`.
pub fn change(share: f64) -> String {
    // Rounded first: a change near zero shows no minus sign.
    format!("{:+.1} %", (share * 1000.0).round() / 10.0 + 0.0)
}

/// Signed difference of shares in percentage points: `+0.3 pp`, `-0.012 pp`.
pub fn points(share: f64) -> String {
    let points = share * 100.0;
    match points.abs() {
        0.0 => "+0 pp".to_owned(),
        size if size < 0.1 => format!("{points:+.3} pp"),
        _ => format!("{points:+.1} pp"),
    }
}

/// Number with thousands separators.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ 0..1000 => write!(f, "{number}"),
            number => write!(f, "{},{:03}", Grouped(number / 1000), number % 1000),
        }
    }
}

/// Number below 1000 of its unit, with `digits` significant digits.
struct Scaled {
    value: f64,
    digits: i32,
    units: &'static [&'static str],
}

impl Display for Scaled {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A value that rounds to 1000 uses the next unit.
        let is_short = |power: i32| self.value / 1000f64.powi(power) < 999.5;
        let last = self.units.len() as i32 - 1;
        let power =
            (0..last).find(|&power| is_short(power)).unwrap_or(if self.value.is_nan() { 0 } else { last });
        let value = self.value / 1000f64.powi(power);
        // The first unit has no decimals. Rounding up to another integer digit removes a decimal.
        let decimals_max = if power == 0 { 0 } else { self.digits - 1 };
        let fits = |&decimals: &i32| value < 10f64.powi(self.digits - decimals) - 0.5 * 10f64.powi(-decimals);
        let decimals = (1..=decimals_max).rev().find(fits).unwrap_or_default();
        let unit = self.units.get(power as usize).copied().unwrap_or_default();
        write!(f, "{value:.*} {unit}", decimals as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_bytes_show_three_significant_digits() {
        let times = [
            (0.0, "0 µs"),
            (41.2, "41 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (9_996.0, "10.0 ms"),
            (99_960.0, "100 ms"),
            (999_600.0, "1.00 s"),
            (60e6, "1.0 min"),
            (3.6e9, "60.0 min"),
        ];
        for (us, text) in times {
            assert_eq!(time(us), text);
        }
        let lengths =
            [(0.0, "0 B"), (999.0, "999 B"), (1200.0, "1.20 kB"), (999_600.0, "1.00 MB"), (5e13, "50.0 TB")];
        for (len, text) in lengths {
            assert_eq!(bytes(len), text);
        }
        assert_eq!(duration(Duration::from_micros(999_999)), "1.00 s");
    }

    #[test]
    fn size_shows_two_significant_digits_below_1000() {
        for (len, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (9949, "9.9 kB"),
            (9950, "10 kB"),
            (10_499, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (4_203_981, "4.2 MB"),
            (5 << 30, "5.4 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(len).to_string(), text, "{len}");
        }
        // Ties are rounded up.
        for len in (1050_u64..9950).step_by(100) {
            let tenths = len.div_ceil(100);
            assert_eq!(size(len).to_string(), format!("{}.{} kB", tenths / 10, tenths % 10), "{len}");
        }
    }

    #[test]
    fn counts_rates_and_shares_are_formatted() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!([0, 1, 1000].map(|number| plural(number, "file")), ["0 files", "1 file", "1,000 files"]);
        assert_eq!([0.0, 99.5, 12_345.4].map(rate), ["0.0/s", "99.5/s", "12,345/s"]);
        assert_eq!([0.0, 0.00012, 0.993].map(share), ["0 %", "0.012 %", "99.3 %"]);
        assert_eq!([0.123, -0.01, -0.000_1].map(change), ["+12.3 %", "-1.0 %", "+0.0 %"]);
        assert_eq!([0.0, 0.123, -0.000_12].map(points), ["+0 pp", "+12.3 pp", "-0.012 pp"]);
    }

    #[test]
    fn nan_and_infinity_are_formatted_without_panic() {
        for odd in [f64::NAN, f64::INFINITY, -1.0, f64::MAX] {
            for write in [time, bytes, rate, share, change, points] {
                assert!(!write(odd).is_empty());
            }
        }
    }
}
