//! Record time: `20/Nov/2026:12:52:23 +0000` or `2026-11-20T12:52:23.000007+00:00`.
//!
//! Never reads the clock.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::record::LogFormat;
use crate::text::append;

/// Microsecond digits in RFC 3339 text.
const MICROS: std::ops::Range<usize> = 20..26;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Caches the last rendered second, which repeats thousands of times under load.
#[derive(Debug)]
pub(super) struct TimeCache {
    zone: TimeZone,
    format: LogFormat,
    unix_secs: Option<u64>,
    text: Vec<u8>,
}

impl TimeCache {
    pub(super) fn new(zone: TimeZone, format: LogFormat) -> Self {
        Self { zone, format, unix_secs: None, text: Vec::with_capacity(32) }
    }

    pub(super) fn at(&mut self, unix: Duration) -> &[u8] {
        let unix_secs = unix.as_secs();
        if self.unix_secs != Some(unix_secs) {
            self.render(unix_secs);
            self.unix_secs = Some(unix_secs);
        }
        if matches!(self.format, LogFormat::Json | LogFormat::Headers)
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

    /// Not jiff's `strftime`: with its errors it adds 220 kB per program.
    fn render(&mut self, unix_secs: u64) {
        // Out of range only after year 9999; then 1970 will do.
        let timestamp = i64::try_from(unix_secs).ok().and_then(|secs| Timestamp::from_second(secs).ok());
        let timestamp = timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
        let offset = self.zone.to_offset(timestamp);
        let local = offset.to_datetime(timestamp);
        let (year, month, day) = (local.year(), local.month(), local.day());
        let (hour, minute, second) = (local.hour(), local.minute(), local.second());
        let mins = offset.seconds() / 60;
        let (sign, hours, mins) = (if mins < 0 { '-' } else { '+' }, mins.abs() / 60, mins.abs() % 60);
        let text = &mut self.text;
        text.clear();
        match self.format {
            LogFormat::Combined | LogFormat::Common => {
                let month = MONTHS.get(month as usize - 1).unwrap_or(&"Jan");
                append(text, format_args!("{day:02}/{month}/{year:04}:"));
                append(text, format_args!("{hour:02}:{minute:02}:{second:02} {sign}{hours:02}{mins:02}"));
            }
            LogFormat::Json | LogFormat::Headers => {
                append(text, format_args!("{year:04}-{month:02}-{day:02}T"));
                append(
                    text,
                    format_args!("{hour:02}:{minute:02}:{second:02}.000000{sign}{hours:02}:{mins:02}"),
                );
            }
        }
    }
}

const ZONE_FILE: &str = "/etc/localtime";
/// Longest zone file that is read; the longest known one has 4 KiB.
const ZONE_LEN_MAX: u64 = 64 * 1024;

/// Local time zone, or else UTC.
///
/// Reads `/etc/localtime` unless `TZ` is set. `TimeZone::system` also lists all zone directories
/// for an unused name: half of the startup's system calls.
pub(super) fn local_zone() -> TimeZone {
    zone_from_file(env::var_os("TZ").as_deref(), Path::new(ZONE_FILE)).unwrap_or_else(TimeZone::system)
}

fn zone_from_file(tz: Option<&OsStr>, file: &Path) -> Option<TimeZone> {
    if tz.is_some() {
        return None;
    }
    let mut data = Vec::new();
    File::open(file).ok()?.take(ZONE_LEN_MAX).read_to_end(&mut data).ok()?;
    TimeZone::tzif("local", &data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;

    use jiff::tz::offset;

    fn at(zone: TimeZone, unix_secs: u64) -> String {
        let mut cache = TimeCache::new(zone, LogFormat::Common);
        String::from_utf8(cache.at(Duration::from_secs(unix_secs)).to_vec()).unwrap()
    }

    #[test]
    fn common_log_time_matches_apache_and_nginx() {
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
    fn half_hour_offset_keeps_minutes_and_sign() {
        for (seconds, tail) in [(19_800, "+0530"), (-12_600, "-0330"), (-1_800, "-0030")] {
            let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).unwrap());
            assert!(at(zone, 0).ends_with(tail), "{tail}");
        }
    }

    #[test]
    fn summer_time_follows_the_zone() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut cache = TimeCache::new(zone, LogFormat::Common);
        let mut at =
            |unix_secs| String::from_utf8(cache.at(Duration::from_secs(unix_secs)).to_vec()).unwrap();
        assert_eq!(at(1_795_179_143), "20/Nov/2026:13:52:23 +0100");
        assert_eq!(at(1_782_900_000), "01/Jul/2026:12:00:00 +0200");
        assert_eq!(at(1_795_179_143), "20/Nov/2026:13:52:23 +0100");
    }

    #[test]
    fn cached_second_still_gets_own_microseconds() {
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(-12_600).unwrap());
        let mut cache = TimeCache::new(zone, LogFormat::Json);
        for (micros, digits) in [(7, "000007"), (999_999, "999999"), (0, "000000"), (120_340, "120340")] {
            let time = Duration::from_secs(1_795_179_143) + Duration::from_micros(micros);
            assert_eq!(
                str::from_utf8(cache.at(time)).unwrap(),
                format!("2026-11-20T09:22:23.{digits}-03:30")
            );
        }
    }

    /// A zone at UTC+04:30 all year: a header without transitions, then the 64-bit version and the
    /// rule (RFC 8536 section 3).
    fn tzif() -> Vec<u8> {
        let header = |version| {
            let counts = [0, 0, 0, 0, 1, 4u32].map(u32::to_be_bytes).concat();
            [&b"TZif"[..], &[version], &[0; 15], &counts].concat()
        };
        let zone = [&16_200i32.to_be_bytes()[..], &[0, 0], b"XYZ\0"].concat();
        [header(b'2'), zone.clone(), header(b'2'), zone, b"\nXYZ-4:30\n".to_vec()].concat()
    }

    fn offset_secs(zone: &TimeZone) -> i32 {
        zone.to_offset(Timestamp::UNIX_EPOCH).seconds()
    }

    #[test]
    fn zone_file_is_used_only_if_tz_is_unset() {
        let directory = tempfile::tempdir().expect("a folder");
        let file = directory.path().join("localtime");
        assert!(zone_from_file(None, &file).is_none(), "there is none");
        fs::write(&file, tzif()).expect("writes");
        assert_eq!(zone_from_file(None, &file).map(|zone| offset_secs(&zone)), Some(16_200));
        assert!(zone_from_file(Some("Etc/UTC".as_ref()), &file).is_none());
        assert!(zone_from_file(Some("".as_ref()), &file).is_none());
        fs::write(&file, "no zone").expect("writes");
        assert!(zone_from_file(None, &file).is_none());
        fs::write(&file, vec![0; 1 << 20]).expect("writes");
        assert!(zone_from_file(None, &file).is_none());
    }

    #[test]
    fn local_zone_equals_jiff_system_zone() {
        assert_eq!(offset_secs(&local_zone()), offset_secs(&TimeZone::system()));
    }
}
