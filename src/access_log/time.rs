//! The time of a record: `20/Nov/2026:12:52:23 +0000` or `2026-11-20T12:52:23.000007+00:00`.
//!
//! It owns the time zone and the last rendered second; a busy server asks for the same second
//! thousands of times. It never reads the clock.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Where the six digits of the microseconds stand in the time of RFC 3339.
const MICROS: std::ops::Range<usize> = 20..26;

/// How a time is written, always in local time with its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As Apache and nginx do, to the second.
    Classic,
    /// RFC 3339, to the microsecond.
    Rfc3339,
}

/// Renders times in a time zone, and remembers the last second.
#[derive(Debug)]
pub(super) struct TimeCache {
    zone: TimeZone,
    shape: Shape,
    unix_secs: Option<u64>,
    text: Vec<u8>,
}

impl TimeCache {
    /// A cache for one time zone.
    pub(super) fn new(zone: TimeZone, shape: Shape) -> Self {
        Self { zone, shape, unix_secs: None, text: Vec::with_capacity(32) }
    }

    /// The text for a time since 1970.
    pub(super) fn at(&mut self, unix: Duration) -> &[u8] {
        let unix_secs = unix.as_secs();
        if self.unix_secs != Some(unix_secs) {
            self.render(unix_secs);
            self.unix_secs = Some(unix_secs);
        }
        if self.shape == Shape::Rfc3339
            && let Some(digits) = self.text.get_mut(MICROS)
        {
            let mut micros = unix.subsec_micros();
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + (micros % 10) as u8;
                micros /= 10;
            }
        }
        &self.text
    }

    fn render(&mut self, unix_secs: u64) {
        // Only years beyond 9999 are out of range; a clock that wrong may as well say 1970.
        let timestamp = i64::try_from(unix_secs).ok().and_then(|secs| Timestamp::from_second(secs).ok());
        let timestamp = timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
        let offset = self.zone.to_offset(timestamp);
        let local = offset.to_datetime(timestamp);
        let offset_mins = offset.seconds() / 60;
        let sign = if offset_mins < 0 { '-' } else { '+' };
        let (offset_hours, offset_mins) = (offset_mins.abs() / 60, offset_mins.abs() % 60);
        let (year, month, day) = (local.year(), local.month(), local.day());
        let (hour, minute, second) = (local.hour(), local.minute(), local.second());
        self.text.clear();
        // Writing to a vector cannot fail.
        let _ = match self.shape {
            Shape::Classic => {
                let month =
                    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"Jan");
                write!(
                    self.text,
                    "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} \
                     {sign}{offset_hours:02}{offset_mins:02}"
                )
            }
            Shape::Rfc3339 => write!(
                self.text,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000000\
                 {sign}{offset_hours:02}:{offset_mins:02}"
            ),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use jiff::tz::offset;

    fn at(zone: TimeZone, unix_secs: u64) -> String {
        let mut cache = TimeCache::new(zone, Shape::Classic);
        String::from_utf8(cache.at(Duration::from_secs(unix_secs)).to_vec()).unwrap()
    }

    #[test]
    fn a_second_reads_as_in_the_logs_of_apache_and_nginx() {
        let rows = [
            (0, 0, "01/Jan/1970:00:00:00 +0000"),
            (0, 1_795_179_143, "20/Nov/2026:12:52:23 +0000"),
            (2, 1_795_179_143, "20/Nov/2026:14:52:23 +0200"),
            (-5, 1_795_179_143, "20/Nov/2026:07:52:23 -0500"),
            (0, 1_709_164_800, "29/Feb/2024:00:00:00 +0000"),
            (0, 1_798_761_599, "31/Dec/2026:23:59:59 +0000"),
            (0, u64::MAX, "01/Jan/1970:00:00:00 +0000"),
        ];
        for (hours, unix_secs, text) in rows {
            assert_eq!(at(TimeZone::fixed(offset(hours)), unix_secs), text);
        }
    }

    #[test]
    fn an_offset_of_half_hours_keeps_its_minutes_and_its_sign() {
        for (seconds, tail) in [(19_800, "+0530"), (-12_600, "-0330"), (-1_800, "-0030")] {
            let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).unwrap());
            assert!(at(zone, 0).ends_with(tail), "{tail}");
        }
    }

    #[test]
    fn summer_time_follows_the_zone() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut cache = TimeCache::new(zone, Shape::Classic);
        let mut at =
            |unix_secs| String::from_utf8(cache.at(Duration::from_secs(unix_secs)).to_vec()).unwrap();
        assert_eq!(at(1_795_179_143), "20/Nov/2026:13:52:23 +0100");
        assert_eq!(at(1_782_900_000), "01/Jul/2026:12:00:00 +0200");
        assert_eq!(at(1_795_179_143), "20/Nov/2026:13:52:23 +0100");
    }

    #[test]
    fn microseconds_are_those_of_each_record_though_the_second_is_cached() {
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(-12_600).unwrap());
        let mut cache = TimeCache::new(zone, Shape::Rfc3339);
        for (micros, digits) in [(7, "000007"), (999_999, "999999"), (0, "000000"), (120_340, "120340")] {
            let time = Duration::from_secs(1_795_179_143) + Duration::from_micros(micros);
            assert_eq!(
                str::from_utf8(cache.at(time)).unwrap(),
                format!("2026-11-20T09:22:23.{digits}-03:30")
            );
        }
    }
}
