//! HTTP dates: one output format, three input formats (RFC 9110 section 5.6.7).
//!
//! The caller's current time distinguishes 1994 from 2094.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;
use jiff::civil::Date;

use super::syntax::parse_decimal;

/// 9999-12-31 23:59:59; later years have five digits.
const UNIX_SECS_MAX: u64 = 253_402_300_799;

/// IMF-fixdate of a Unix time, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// Times after 9999 give its last second.
pub fn imf_fixdate(unix_secs: u64) -> [u8; 29] {
    let since_epoch = Duration::from_secs(unix_secs.min(UNIX_SECS_MAX));
    let date = HttpDate::from(UNIX_EPOCH + since_epoch);
    let mut text = [b' '; 29];
    let written = write!(&mut text[..], "{date}");
    debug_assert!(written.is_ok(), "a date has 29 bytes");
    text
}

/// The short form is the first three letters.
const DAYS: [&[u8]; 7] =
    [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Mean Gregorian year.
const YEAR_SECS: i64 = 31_556_952;
/// A two-digit year is at most this far ahead; otherwise it is of the last century.
const AHEAD_SECS_MAX: i64 = 50 * YEAR_SECS;

/// Unix time of an IMF-fixdate or obsolete date; `None` if unreadable.
///
/// Obsolete: `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov 6 08:49:37 1994`. A two-digit year is the latest one at most
/// 50 years ahead.
pub fn parse_http_date(text: &[u8], now_unix_secs: u64) -> Option<i64> {
    parse_imf_fixdate(text).or_else(|| parse_asctime(text)).or_else(|| parse_rfc850(text, now_unix_secs))
}

fn parse_imf_fixdate(text: &[u8]) -> Option<i64> {
    let (day_name, rest) = text.split_at_checked(3)?;
    let [b',', b' ', d1, d2, b' ', month @ .., b' ', y1, y2, y3, y4] = rest.get(..13)? else { return None };
    let time = rest.get(13..)?.strip_prefix(b" ")?.strip_suffix(b" GMT")?;
    check_day_name(day_name)?;
    unix_secs(
        parse_number(&[*y1, *y2, *y3, *y4])?,
        parse_month(month)?,
        parse_number(&[*d1, *d2])?,
        parse_time(time)?,
    )
}

fn parse_asctime(text: &[u8]) -> Option<i64> {
    let (day_name, rest) = text.split_at_checked(3)?;
    let [b' ', month @ .., b' ', d1, d2, b' '] = rest.get(..8)? else { return None };
    let (time, year) = rest.get(8..)?.split_at_checked(8)?;
    check_day_name(day_name)?;
    let day = if *d1 == b' ' { parse_number(&[*d2])? } else { parse_number(&[*d1, *d2])? };
    let year = year.strip_prefix(b" ").filter(|year| year.len() == 4)?;
    unix_secs(parse_number(year)?, parse_month(month)?, day, parse_time(time)?)
}

fn parse_rfc850(text: &[u8], now_unix_secs: u64) -> Option<i64> {
    let rest = DAYS.iter().find_map(|name| text.strip_prefix(*name))?.strip_prefix(b", ")?;
    let [d1, d2, b'-', month @ .., b'-', y1, y2] = rest.get(..9)? else { return None };
    let time = parse_time(rest.get(9..)?.strip_prefix(b" ")?.strip_suffix(b" GMT")?)?;
    let (month, day, year) = (parse_month(month)?, parse_number(&[*d1, *d2])?, parse_number(&[*y1, *y2])?);
    let now = now_unix_secs.min(UNIX_SECS_MAX).cast_signed();
    let century = (1970 + now / YEAR_SECS) / 100 * 100;
    let candidates = [century + 100, century, century - 100].into_iter();
    let mut times = candidates.filter_map(|century| unix_secs(century + year, month, day, time));
    times.find(|secs| *secs <= now + AHEAD_SECS_MAX)
}

fn check_day_name(short: &[u8]) -> Option<()> {
    DAYS.iter().any(|name| name.get(..3) == Some(short)).then_some(())
}

fn parse_month(name: &[u8]) -> Option<i64> {
    MONTHS.iter().zip(1..).find(|(month, _)| &month[..] == name).map(|(_, number)| number)
}

/// Second of the day; a leap second becomes the next day's first.
fn parse_time(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (hour, minute, second) =
        (parse_number(&[*h1, *h2])?, parse_number(&[*m1, *m2])?, parse_number(&[*s1, *s2])?);
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 60 + minute) * 60 + second)
}

/// At most four digits.
fn parse_number(digits: &[u8]) -> Option<i64> {
    parse_decimal(digits).map(u64::cast_signed)
}

/// Proleptic Gregorian calendar.
fn unix_secs(year: i64, month: i64, day: i64, secs_of_day: i64) -> Option<i64> {
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    Some(date.duration_since(Date::constant(1970, 1, 1)).as_secs() + secs_of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(u64, &[u8; 29]); 5] = [
        (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (1_709_164_800, b"Thu, 29 Feb 2024 00:00:00 GMT"),
        (253_402_300_799, b"Fri, 31 Dec 9999 23:59:59 GMT"),
        (u64::MAX, b"Fri, 31 Dec 9999 23:59:59 GMT"),
    ];

    #[test]
    fn imf_fixdate_known_dates_match_rfc_form() {
        for (unix_secs, text) in KNOWN {
            assert_eq!(&imf_fixdate(unix_secs), text);
        }
    }

    const NOV_1994: i64 = 784_111_777;
    /// The first second of 2026.
    const NOW: u64 = 1_767_225_600;

    fn parse(text: &str) -> Option<i64> {
        parse_http_date(text.as_bytes(), NOW)
    }

    #[test]
    fn parse_http_date_accepts_all_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(NOV_1994), "{text}");
        }
        assert_eq!(parse("Sat Nov 12 08:49:37 1994"), Some(NOV_1994 + 6 * 86_400));
        assert_eq!(parse("Wednesday, 09-Nov-94 08:49:37 GMT"), Some(NOV_1994 + 3 * 86_400));
        // Wrong day of the week, and dates that other servers send.
        assert_eq!(parse("Mon, 06 Nov 1994 08:49:37 GMT"), Some(NOV_1994));
        assert_eq!(parse("Wed, 31 Dec 1969 23:59:59 GMT"), Some(-1));
        assert_eq!(parse("Sat, 01 Jan 0000 00:00:00 GMT"), Some(-62_167_219_200));
        assert_eq!(parse("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_800));
    }

    #[test]
    fn imf_fixdate_output_parses_to_same_second() {
        // Steps of 11 days and a fraction, to the year 9999: covers each day of the year.
        for unix_secs in (0..=UNIX_SECS_MAX).step_by(977_777) {
            assert_eq!(parse_http_date(&imf_fixdate(unix_secs), NOW), Some(unix_secs.cast_signed()));
        }
        assert_eq!(parse_http_date(&imf_fixdate(UNIX_SECS_MAX), 0), Some(UNIX_SECS_MAX.cast_signed()));
    }

    #[test]
    fn parse_http_date_invalid_text_is_none() {
        for text in [
            "",
            "0",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 gmt",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun,  6 Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1900 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Someday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "S\u{fc}n Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn rfc850_two_digit_year_is_at_most_50_years_ahead() {
        let year = |text: &str, now: &[u8]| {
            let now = parse_http_date(now, 0).expect("a date").cast_unsigned();
            let secs = parse_http_date(text.as_bytes(), now).expect("a date").cast_unsigned();
            String::from_utf8_lossy(&imf_fixdate(secs)[12..16]).into_owned()
        };
        for (text, now, expected) in [
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "1994"),
            ("Sunday, 06-Nov-75 08:49:37 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "2075"),
            ("Sunday, 06-Nov-76 08:49:37 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "1976"),
            ("Sunday, 06-Nov-76 08:49:37 GMT", "Thu, 05 Nov 2026 00:00:00 GMT", "1976"),
            ("Sunday, 06-Nov-76 08:49:37 GMT", "Thu, 07 Nov 2026 12:00:00 GMT", "2076"),
            ("Sunday, 06-Nov-26 08:49:37 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "2026"),
            ("Sunday, 06-Nov-00 08:49:37 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "2000"),
            ("Sunday, 06-Nov-10 08:49:37 GMT", "Thu, 01 Jan 2095 00:00:00 GMT", "2110"),
            ("Tuesday, 29-Feb-00 08:49:37 GMT", "Thu, 01 Jan 2095 00:00:00 GMT", "2000"),
        ] {
            assert_eq!(year(text, now.as_bytes()), expected, "{text} seen at {now}");
        }
    }
}
