//! Numbers as people type them, read: `10k`, `1.5m`, `250ms`, `1m30s`, `5000/s`.
//!
//! It owns the suffixes and what is said when one is missing. It knows no option, and shows nothing: that
//! is `report::units`.

use std::time::Duration;

/// The longest time that can be asked for, a year: more is a slip, and could overflow an instant.
const SECS_MAX: f64 = 365.0 * 86_400.0;
/// More requests than this are a slip: at a million a second they take thirty years.
const COUNT_MAX: f64 = 1e15;
/// The highest rate that can be asked for, a hundred million a second: beyond it a nanosecond counts.
pub(super) const RATE_MAX: f64 = 1e8;

/// The units of time, the longer name first where one begins like another.
const UNITS: [(&str, f64); 6] =
    [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Reads a whole number with `k` or `m` behind it, or nothing: `500`, `10k`, `1.5m`.
///
/// # Errors
/// What is wrong, in words to stand behind a colon.
pub fn parse_count(text: &str) -> Result<u64, &'static str> {
    const NOT_A_COUNT: &str = "it is a whole number above 0, such as 500, 10k or 1.5m";
    let count = parse_scaled(text).ok_or(NOT_A_COUNT)?;
    match count {
        count if count > COUNT_MAX => Err("that is too many"),
        count if count < 1.0 || count.fract() != 0.0 => Err(NOT_A_COUNT),
        count => Ok(count as u64),
    }
}

/// Reads a number per second: `200`, `0.5`, `10k`, `10k/s`; nought only if `may_be_nought`.
///
/// # Errors
/// What is wrong, in words to stand behind a colon.
pub fn parse_rate(text: &str, may_be_nought: bool) -> Result<f64, &'static str> {
    const NOT_A_RATE: &str = "a rate is requests per second, above 0, such as 200, 0.5 or 10k";
    let rate = parse_scaled(text.strip_suffix("/s").unwrap_or(text)).ok_or(NOT_A_RATE)?;
    match rate {
        rate if rate > RATE_MAX => Err("that is more than 100 million a second"),
        rate if rate == 0.0 && !may_be_nought => Err(NOT_A_RATE),
        rate => Ok(rate),
    }
}

/// Reads a time with its unit: `10s`, `250ms`, `1m30s`, `0.5h`; it may be nought, which needs no unit.
///
/// # Errors
/// What is wrong, in words to stand behind a colon; a missing unit is told with what to write.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let not_a_time = || "a time is a number and a unit, such as 10s, 250ms or 1m30s".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut secs, mut rest) = (0.0, text);
    loop {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_len);
        let number: f64 = number.parse().map_err(|_| not_a_time())?;
        if after.is_empty() {
            return Err(format!("the unit is missing; {text}s are seconds, {text}ms milliseconds"));
        }
        let unit = UNITS.iter().find(|(unit, _)| after.starts_with(unit));
        let (unit, scale) = unit.ok_or_else(not_a_time)?;
        secs += number * scale;
        rest = after.strip_prefix(unit).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
    }
    match secs {
        secs if secs > SECS_MAX => Err("that is longer than a year".to_owned()),
        secs => Duration::try_from_secs_f64(secs).map_err(|_| not_a_time()),
    }
}

/// The same for a time that cannot be nought.
///
/// # Errors
/// What is wrong, in words to stand behind a colon.
pub fn parse_some_time(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
    }
}

/// A decimal number, times a thousand or a million.
fn parse_scaled(text: &str) -> Option<f64> {
    let (digits, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1e3),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1e6),
        _ => (text, 1.0),
    };
    // The parser of floating-point numbers takes signs, exponents and "inf" as well.
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = is_plain.then(|| digits.parse().ok())??;
    // What is a whole number on paper is one here: 1.1m is not a hair more than 1,100,000.
    let scaled = number * scale;
    Some(if (scaled - scaled.round()).abs() < 1e-6 { scaled.round() } else { scaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_and_millions() {
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
    fn rates_are_per_second_and_may_be_fractions() {
        for (text, rate) in [("200", 200.0), ("0.5", 0.5), ("10k", 10_000.0), ("10k/s", 10_000.0)] {
            assert_eq!(parse_rate(text, false), Ok(rate), "{text}");
        }
        assert_eq!(parse_rate("0", true), Ok(0.0));
        for text in ["", "0", "-5", "/s", "5/m", "101m", "NaN"] {
            assert!(parse_rate(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, millis) in [
            ("10s", 10_000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("0.5h", 1_800_000),
            ("1s5ms", 1_005),
            ("0s", 0),
            ("0", 0),
        ] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_time("10us"), Ok(Duration::from_micros(10)));
        assert_eq!(parse_time("10µs"), Ok(Duration::from_micros(10)));
        for text in ["", "s", "-1s", "1x", "1s x", "1 s", "1sec", ".s", "9999999h"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        for text in ["0ms", "0"] {
            assert_eq!(parse_some_time(text), Err("it must be longer than 0".to_owned()));
        }
    }

    #[test]
    fn a_missing_unit_is_told_with_what_to_write() {
        assert_eq!(parse_time("10").unwrap_err(), "the unit is missing; 10s are seconds, 10ms milliseconds");
    }
}
