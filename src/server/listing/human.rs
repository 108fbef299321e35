//! Numbers for people: sizes, counts and times.
//!
//! Pure arithmetic, in UTC and in the decimal units of file managers. It knows no clock, no language
//! and no markup.

use std::fmt;

/// The units of sizes, each a thousand of the one before.
const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// Seconds of a day.
const DAY_SECS: i64 = 86_400;

/// 0000-01-01 and 9999-12-31 23:59:59, between which a year has four digits.
const UNIX_SECS_RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// A length in bytes, such as `532 B`, `4.2 MB` or `17 GB`: two digits at the least where there is a
/// fraction to tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut unit, mut unit_len) = (0, 1);
        // What would be shown as 1000 of a unit is 1.0 of the next.
        while unit + 1 < UNITS.len() && rounded(self.0, unit_len) >= 1000 {
            unit += 1;
            unit_len *= 1000;
        }
        let name = UNITS.get(unit).copied().unwrap_or_default();
        let tenths = rounded(self.0, (unit_len / 10).max(1));
        if unit > 0 && tenths < 100 {
            write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
        } else {
            write!(f, "{} {name}", rounded(self.0, unit_len))
        }
    }
}

fn rounded(len: u64, unit_len: u64) -> u64 {
    len / unit_len + u64::from(len % unit_len >= unit_len.div_ceil(2))
}

/// A number with commas between its thousands, such as `100,000`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grouped(pub(super) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Grouped(self.0 / 1000), self.0 % 1000)
    }
}

/// How many there are of something, such as `1 file` or `12 files`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) usize, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", Grouped(self.0 as u64), self.1)
    }
}

/// A second, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
}

impl Time {
    /// The second that is so many after the beginning of 1970, if its year has four digits.
    pub(super) fn at(unix_secs: i64) -> Option<Time> {
        if !UNIX_SECS_RANGE.contains(&unix_secs) {
            return None;
        }
        // Years that begin in March end with the day that not every year has, and 400 of them are
        // always as long. 719,468 days after the first of March of the year 0 it was 1970.
        let day = unix_secs.div_euclid(DAY_SECS) + 719_468;
        let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Of five months that follow one another from March on, 31 days have the 1st, 3rd and 5th.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Some(Time {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            second_of_day: unix_secs.rem_euclid(DAY_SECS),
        })
    }
}

/// As RFC 3339 has it, such as `2026-11-20T15:41:09Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Time { year, month, day, second_of_day } = self;
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A time to the minute, such as `2026-11-20 15:41`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minute(pub(super) Time);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Time { year, month, day, second_of_day } = self.0;
        let (hour, minute) = (second_of_day / 3600, second_of_day / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_digits_or_more_and_no_thousands() {
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
            assert_eq!(Size(len).to_string(), text, "{len}");
        }
    }

    #[test]
    fn counts_are_grouped_and_agree_with_their_noun() {
        for (count, text) in [
            (0, "0 files"),
            (1, "1 file"),
            (999, "999 files"),
            (1000, "1,000 files"),
            (1_002_003, "1,002,003 files"),
        ] {
            assert_eq!(Count(count, "file").to_string(), text);
        }
        assert_eq!(Grouped(u64::MAX).to_string(), "18,446,744,073,709,551,615");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (unix_secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Time::at(unix_secs).map(|time| time.to_string()).as_deref(), Some(text));
        }
        assert_eq!(
            Time::at(784_111_777).map(|time| Minute(time).to_string()).as_deref(),
            Some("1994-11-06 08:49")
        );
        assert_eq!((Time::at(253_402_300_800), Time::at(i64::MIN), Time::at(i64::MAX)), (None, None, None));
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let days = |year: i64, month: i64| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1899, 12, 31);
        for day in -25_567..=47_847 {
            expected = match expected {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == days(year, month) => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
            let time = Time::at(day * DAY_SECS).expect("in range");
            assert_eq!((time.year, time.month, time.day), expected, "day {day}");
        }
        assert_eq!(expected, (2101, 1, 1));
    }
}
