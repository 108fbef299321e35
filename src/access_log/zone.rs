//! The time zone of the system, found with as little reading as can be.
//!
//! It is a file, unless the environment names another. The library that understands it would first list
//! the folders of all time zones there are, to know what the file is called: half of the system calls of
//! a start, for a name that no record has. Owns nothing.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jiff::tz::TimeZone;

/// Where systems have theirs.
const FILE: &str = "/etc/localtime";
/// The longest files of the zones that there are have 4 KiB.
const LEN_MAX: u64 = 64 * 1024;

/// The time zone that times are local to; UTC if there is none to be found.
pub(super) fn local() -> TimeZone {
    choose(env::var_os("TZ").as_deref(), Path::new(FILE)).unwrap_or_else(TimeZone::system)
}

/// The zone in this file, if the environment leaves it to that and there is one in it.
fn choose(named: Option<&OsStr>, file: &Path) -> Option<TimeZone> {
    if named.is_some() {
        return None;
    }
    TimeZone::tzif("local", &read(file).ok()?).ok()
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    File::open(file)?.take(LEN_MAX).read_to_end(&mut data)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::fs;

    /// A zone four hours and a half ahead of UTC, all the year: a header and no transitions, then the same
    /// with numbers of 64 bits and the rule (RFC 8536 section 3).
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
    fn the_zone_is_that_of_the_file_unless_another_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("localtime");
        assert!(choose(None, &file).is_none(), "there is none");
        fs::write(&file, tzif()).expect("writes");
        assert_eq!(choose(None, &file).map(|zone| offset_secs(&zone)), Some(16_200));
        assert!(choose(Some("Etc/UTC".as_ref()), &file).is_none());
        assert!(choose(Some("".as_ref()), &file).is_none());
        fs::write(&file, "no zone").expect("writes");
        assert!(choose(None, &file).is_none());
        fs::write(&file, vec![0; 1 << 20]).expect("writes");
        assert!(choose(None, &file).is_none());
    }

    #[test]
    fn it_is_the_one_that_the_library_finds() {
        assert_eq!(offset_secs(&local()), offset_secs(&TimeZone::system()));
    }
}
