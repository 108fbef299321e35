//! The time of a line, as the combined format writes it: `20/Nov/2026:12:52:23 +0000`.
//!
//! It owns the time zone and the last rendered second; a busy server asks for the same second
//! thousands of times. It never reads the clock.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Renders seconds in a time zone, and remembers the last one.
#[derive(Debug)]
pub(super) struct TimeCache {
    zone: TimeZone,
    unix_secs: Option<i64>,
    text: Vec<u8>,
}

impl TimeCache {
    /// A cache for one time zone.
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { zone, unix_secs: None, text: Vec::with_capacity(32) }
    }

    /// The text for a second since 1970, local time with its offset from UTC.
    pub(super) fn at(&mut self, unix_secs: i64) -> &[u8] {
        if self.unix_secs != Some(unix_secs) {
            self.render(unix_secs);
            self.unix_secs = Some(unix_secs);
        }
        &self.text
    }

    fn render(&mut self, unix_secs: i64) {
        // Only years beyond 9999 are out of range; a clock that wrong may as well say 1970.
        let timestamp = Timestamp::from_second(unix_secs).unwrap_or(Timestamp::UNIX_EPOCH);
        let offset = self.zone.to_offset(timestamp);
        let local = offset.to_datetime(timestamp);
        let month =
            usize::try_from(local.month() - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"Jan");
        let offset_mins = offset.seconds() / 60;
        let sign = if offset_mins < 0 { '-' } else { '+' };
        let (offset_hours, offset_mins) = (offset_mins.abs() / 60, offset_mins.abs() % 60);
        self.text.clear();
        // Writing to a vector cannot fail.
        let _ = write!(
            self.text,
            "{:02}/{month}/{:04}:{:02}:{:02}:{:02} {sign}{offset_hours:02}{offset_mins:02}",
            local.day(),
            local.year(),
            local.hour(),
            local.minute(),
            local.second(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use jiff::tz::offset;

    fn at(zone: TimeZone, unix_secs: i64) -> String {
        String::from_utf8(TimeCache::new(zone).at(unix_secs).to_vec()).unwrap()
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
            (0, i64::MAX, "01/Jan/1970:00:00:00 +0000"),
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
        let mut cache = TimeCache::new(zone);
        assert_eq!(cache.at(1_795_179_143), b"20/Nov/2026:13:52:23 +0100");
        assert_eq!(cache.at(1_782_900_000), b"01/Jul/2026:12:00:00 +0200");
        assert_eq!(cache.at(1_795_179_143), b"20/Nov/2026:13:52:23 +0100");
    }
}
