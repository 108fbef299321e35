//! The date of an answer in the one form that is sent (RFC 9110 section 5.6.7).
//!
//! It owns the formatting, and a cache for it, since all answers of one second share their date.
//! It never reads a clock.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

/// 9999-12-31 23:59:59, after which the form has no room for the year.
const UNIX_SECS_MAX: u64 = 253_402_300_799;
/// What a date is before it is written; never seen, for every date fills all of it.
const BLANK: [u8; 29] = [b' '; 29];

/// A second since 1970 as IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// What lies beyond the year 9999 is shown as its last second.
pub fn imf_fixdate(unix_secs: u64) -> [u8; 29] {
    let since_epoch = Duration::from_secs(unix_secs.min(UNIX_SECS_MAX));
    let date = HttpDate::from(UNIX_EPOCH + since_epoch);
    let mut text = BLANK;
    let written = write!(&mut text[..], "{date}");
    debug_assert!(written.is_ok(), "a date has 29 bytes");
    text
}

/// The date that was last asked for, so that it is formatted once a second.
#[derive(Clone, Debug)]
pub struct DateCache {
    unix_secs: u64,
    text: [u8; 29],
}

impl DateCache {
    /// A cache that holds the first second of 1970.
    pub fn new() -> DateCache {
        DateCache { unix_secs: 0, text: imf_fixdate(0) }
    }

    /// The date at that second since 1970.
    pub fn at(&mut self, unix_secs: u64) -> &[u8; 29] {
        if self.unix_secs != unix_secs {
            self.unix_secs = unix_secs;
            self.text = imf_fixdate(unix_secs);
        }
        &self.text
    }
}

impl Default for DateCache {
    fn default() -> Self {
        DateCache::new()
    }
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
    fn known_dates_are_written_as_the_rfc_has_them() {
        for (unix_secs, text) in KNOWN {
            assert_eq!(&imf_fixdate(unix_secs), text);
        }
    }

    #[test]
    fn the_cache_follows_the_clock_both_ways() {
        let mut cache = DateCache::new();
        for (unix_secs, text) in KNOWN.into_iter().chain(KNOWN.into_iter().rev()) {
            assert_eq!(cache.at(unix_secs), text);
            assert_eq!(cache.at(unix_secs), text);
        }
    }
}
