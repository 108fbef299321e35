//! Figures as people read them: three digits that matter, and the unit beside them.
//!
//! Everything here takes any number, NaN included, and never panics. It reads nothing: that is
//! `load::units`.

use crate::client::words::grouped;

/// `1,234,567`.
pub fn count(count: u64) -> String {
    grouped(count)
}

/// Microseconds: `41 µs`, `1.52 ms`, `3.02 s`.
pub fn time(us: f64) -> String {
    match us {
        // Rounding would otherwise make 1000 µs of what is no millisecond.
        us if us < 999.5 => format!("{} µs", digits(us, 0)),
        us if us < 999_500.0 => scaled(us / 1e3, "ms"),
        us if us < 60e6 => scaled(us / 1e6, "s"),
        us => format!("{:.1} min", us / 60e6),
    }
}

/// Bytes, in powers of 1000: `512 B`, `1.20 kB`.
pub fn bytes(len: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match UNITS.into_iter().find(|(size, _)| len >= size * 0.9995) {
        Some((size, unit)) => scaled(len / size, unit),
        None => format!("{} B", digits(len, 0)),
    }
}

/// So many a second: `12,345/s`, `99.5/s`.
pub fn rate(per_sec: f64) -> String {
    if per_sec >= 99.95 {
        // Below the largest integer by far; beyond it the conversion saturates.
        format!("{}/s", count(per_sec.round() as u64))
    } else {
        format!("{}/s", digits(per_sec, 1))
    }
}

/// A share of the whole: `0 %`, `0.012 %`, `99.3 %`.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.1 => format!("{} %", digits(percent, 3)),
        percent => format!("{} %", digits(percent, 1)),
    }
}

/// A change with its sign: `+12.3 %`.
pub fn change(share: f64) -> String {
    // Rounded first: what is next to nothing has no sign that is worth showing.
    format!("{:+.1} %", (share * 1000.0).round() / 10.0 + 0.0)
}

/// A difference of shares with its sign, in percentage points: `+0.3 pp`, `-0.012 pp`.
pub fn points(share: f64) -> String {
    let points = share * 100.0;
    match points.abs() {
        0.0 => "+0 pp".to_owned(),
        size if size < 0.1 => format!("{points:+.3} pp"),
        _ => format!("{points:+.1} pp"),
    }
}

fn scaled(value: f64, unit: &str) -> String {
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{} {unit}", digits(value, decimals))
}

fn digits(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_matter_and_no_number_is_rounded_into_the_next_unit() {
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
    }

    #[test]
    fn counts_rates_and_shares_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 99.5, 12_345.4].map(rate), ["0.0/s", "99.5/s", "12,345/s"]);
        assert_eq!([0.0, 0.00012, 0.993].map(share), ["0 %", "0.012 %", "99.3 %"]);
        assert_eq!([0.123, -0.01, -0.000_1].map(change), ["+12.3 %", "-1.0 %", "+0.0 %"]);
        assert_eq!([0.0, 0.123, -0.000_12].map(points), ["+0 pp", "+12.3 pp", "-0.012 pp"]);
    }

    #[test]
    fn what_is_no_number_is_still_a_text() {
        for odd in [f64::NAN, f64::INFINITY, -1.0, f64::MAX] {
            for write in [time, bytes, rate, share, change, points] {
                assert!(!write(odd).is_empty());
            }
        }
    }
}
