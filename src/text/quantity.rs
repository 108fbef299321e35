//! Quantities in options: durations, sizes, counts, rates.
//!
//! One grammar for all options, variables and files. Only a time limit (`p99<10ms`) requires a unit:
//! users rarely intend bare seconds there. Errors follow the value, which the caller quotes.
//! Each option defines its meaning of zero.

use std::time::Duration;

/// In seconds; a longer name before its prefix.
const TIME_UNITS: [(&str, f64); 7] =
    [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("m", 60.0), ("h", 3600.0)];

/// Powers of 1000, or of 1024 with an `i`.
const SIZE_PREFIXES: [&str; 5] = ["", "k", "m", "g", "t"];

/// Largest count; more is a typing error: at a million per second, it takes 30 years.
const COUNT_MAX: f64 = 1e15;
/// Highest rate per second; above it, single nanoseconds matter.
pub const RATE_MAX: f64 = 1e8;

/// Parses a duration such as `10s`, `1m30s`, `0.5h`; a bare number is seconds.
///
/// # Errors
/// Invalid text, more than `hours_max`, or a forbidden zero.
pub fn parse_duration(text: &str, zero_allowed: bool, hours_max: u32) -> Result<Duration, String> {
    let secs = parse_secs(text).ok_or("is not a time; write it like 500ms, 10s, 1m30s or 2h")?;
    if secs > f64::from(hours_max) * 3600.0 {
        return Err(format!("is too long; at most {hours_max}h"));
    }
    match Duration::from_secs_f64(secs) {
        Duration::ZERO if !zero_allowed => Err("is too short; it must be above 0".to_owned()),
        time => Ok(time),
    }
}

/// At least 0, perhaps infinite.
fn parse_secs(text: &str) -> Option<f64> {
    let (mut secs, mut rest) = (0.0, text);
    loop {
        // `f64` would also accept signs and exponents.
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, after) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let number: f64 = number.parse().ok()?;
        if after.is_empty() {
            return (rest.len() == text.len()).then_some(number);
        }
        let (unit, scale) = TIME_UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        secs += number * scale;
        rest = after.strip_prefix(unit)?;
        if rest.is_empty() {
            return Some(secs);
        }
    }
}

/// Parses a size above 0 such as `500k`, `1GiB`, in any case; a bare number is bytes.
///
/// # Errors
/// Invalid text, zero, or more than 64 bits.
pub fn parse_size(text: &str) -> Result<u64, &'static str> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.to_ascii_lowercase();
    let (base, prefix) = match unit.strip_suffix("ib") {
        Some(prefix) => (1024_u64, prefix),
        None => (1000, unit.strip_suffix('b').unwrap_or(&unit)),
    };
    let power = SIZE_PREFIXES.iter().position(|known| *known == prefix);
    let Some(power) = power.filter(|_| !digits.is_empty() && unit != "ib") else {
        return Err("is not a size; write it like 500k, 20M, 1GiB");
    };
    match digits.parse::<u64>().ok().and_then(|count| count.checked_mul(base.pow(power as u32))) {
        Some(0) => Err("is too small; it must be above 0"),
        Some(len) => Ok(len),
        None => Err("is too large a number"),
    }
}

/// Parses a whole number above 0: `500`, `10k`, `1.5m`.
///
/// # Errors
/// Text for after a colon.
pub fn parse_count(text: &str) -> Result<u64, &'static str> {
    const NOT_A_COUNT: &str = "it is a whole number above 0, such as 500, 10k or 1.5m";
    match parse_scaled(text).ok_or(NOT_A_COUNT)? {
        count if count > COUNT_MAX => Err("that is too many"),
        count if count < 1.0 || count.fract() != 0.0 => Err(NOT_A_COUNT),
        count => Ok(count as u64),
    }
}

/// Parses a rate per second: `200`, `0.5`, `10k/s`; 0 only if `zero_allowed`.
///
/// # Errors
/// Text for after a colon.
pub fn parse_rate(text: &str, zero_allowed: bool) -> Result<f64, &'static str> {
    const NOT_A_RATE: &str = "a rate is requests per second, above 0, such as 200, 0.5 or 10k";
    match parse_scaled(text.strip_suffix("/s").unwrap_or(text)).ok_or(NOT_A_RATE)? {
        rate if rate > RATE_MAX => Err("that is more than 100 million a second"),
        rate if rate == 0.0 && !zero_allowed => Err(NOT_A_RATE),
        rate => Ok(rate),
    }
}

fn parse_scaled(text: &str) -> Option<f64> {
    let (digits, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1e3),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1e6),
        _ => (text, 1.0),
    };
    // `f64` would also accept signs, exponents and "inf".
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = is_plain.then(|| digits.parse().ok())??;
    // Removes float errors: 1.1m must be the whole number 1,100,000.
    let scaled = number * scale;
    Some(if (scaled - scaled.round()).abs() < 1e-6 { scaled.round() } else { scaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_duration_accepts_every_unit() {
        let cases = [
            ("500ms", 500_000),
            ("10s", 10_000_000),
            ("10", 10_000_000),
            ("2m", 120_000_000),
            ("2min", 120_000_000),
            ("1h", 3_600_000_000),
            ("1m30s", 90_000_000),
            ("1min30s", 90_000_000),
            ("1s5ms", 1_005_000),
            ("0.5h", 1_800_000_000),
            ("1.5s", 1_500_000),
            ("0.25", 250_000),
            (".5", 500_000),
            ("5.", 5_000_000),
            ("1.1s", 1_100_000),
            ("1ms", 1_000),
            ("10us", 10),
            ("10µs", 10),
            ("24h", 86_400_000_000),
            ("86400", 86_400_000_000),
        ];
        for (text, micros) in cases {
            assert_eq!(parse_duration(text, false, 24), Ok(Duration::from_micros(micros)), "{text}");
        }
        for text in ["0", "0.0", "0ms", "0.0h"] {
            assert_eq!(parse_duration(text, true, 24), Ok(Duration::ZERO), "{text}");
        }
    }

    #[test]
    fn parse_duration_error_states_remedy() {
        let wrong_form = [
            "", "s", "-1", "+1", "-1s", ".", ".s", "1.2.3", "1e3", "1d", "1x", "10 s", "1 s", "10S", "10sec",
            "1s x", "1m30", "inf", "NaN", "٣s", "1s ", "é",
        ];
        let not_a_time = Err("is not a time; write it like 500ms, 10s, 1m30s or 2h".to_owned());
        for text in wrong_form {
            assert_eq!(parse_duration(text, true, 24), not_a_time, "{text}");
        }
        let huge = "9".repeat(400);
        for text in ["24.01h", "86401", "25h", "24h1ms", "99999999999", &huge] {
            let too_long = Err("is too long; at most 24h".to_owned());
            assert_eq!(parse_duration(text, true, 24), too_long, "{text}");
        }
        for text in ["0", "0ms", "0s", "0.0000000001s"] {
            let too_short = Err("is too short; it must be above 0".to_owned());
            assert_eq!(parse_duration(text, false, 24), too_short, "{text}");
        }
    }

    #[test]
    fn parse_size_accepts_si_and_binary_units() {
        for (text, len) in [
            ("1", 1),
            ("123B", 123),
            ("5k", 5_000),
            ("5K", 5_000),
            ("5KiB", 5_120),
            ("20M", 20_000_000),
            ("20MB", 20_000_000),
            ("1MiB", 1_048_576),
            ("1g", 1_000_000_000),
            ("1GiB", 1 << 30),
            ("3TiB", 3 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(len), "{text}");
        }
        for (text, message) in [
            ("", "is not a size"),
            ("k", "is not a size"),
            ("-1", "is not a size"),
            ("1.5G", "is not a size"),
            ("5 k", "is not a size"),
            ("5x", "is not a size"),
            ("0", "is too small"),
            ("0k", "is too small"),
            ("18446744073709551616", "is too large"),
            ("99999999TiB", "is too large"),
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn parse_count_accepts_k_and_m() {
        for (text, count) in
            [("1", 1), ("500", 500), ("10k", 10_000), ("1.5K", 1_500), ("1.1m", 1_100_000), ("2M", 2_000_000)]
        {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        for text in ["", "0", "-1", "+1", "k", "1e3", "0.5", "1.0005k", "ten", "10g", "inf", "9999999999m"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parse_rate_accepts_per_second_and_fractions() {
        for (text, rate) in [("200", 200.0), ("0.5", 0.5), ("10k", 10_000.0), ("10k/s", 10_000.0)] {
            assert_eq!(parse_rate(text, false), Ok(rate), "{text}");
        }
        assert_eq!(parse_rate("0", true), Ok(0.0));
        for text in ["", "0", "-5", "/s", "5/m", "101m", "NaN"] {
            assert!(parse_rate(text, false).is_err(), "{text}");
        }
    }
}
