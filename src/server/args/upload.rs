//! The options for uploads: a directory beneath the root, and a size.
//!
//! Owns how both are written, what they mean together, and what is said of a wrong one. It never looks
//! whether the directory is there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::command_line::{Given, quote};
use crate::server::Config;

/// The units of sizes, in small letters, and their bytes.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];

/// Reads whether files can be stored, where, and how large they may be.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    config.upload = given.once("--upload")?.map(|value| parse_directory(&value)).transpose()?;
    let Some(value) = given.once("--max-upload")? else { return Ok(()) };
    config.upload_len_max = parse_size("--max-upload", &value)?;
    match config.upload {
        Some(_) => Ok(()),
        None if given.is_off("--upload") => Ok(()),
        None => Err("--max-upload limits uploads, which are off; turn them on with --upload".to_owned()),
    }
}

/// Reads where uploads may go: beneath the root, in plain names; anywhere there if nothing is said.
fn parse_directory(text: &OsStr) -> Result<PathBuf, String> {
    let bytes = text.as_bytes();
    let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
    let is_plain = |name: &[u8]| !name.is_empty() && !name.starts_with(b".");
    if text.is_empty() || bytes.split(|&byte| byte == b'/').all(is_plain) {
        return Ok(OsString::from(OsStr::from_bytes(bytes)).into());
    }
    Err(format!(
        "--upload: {} is not a path beneath the root; write it like incoming or notes/incoming, \
         with no name that begins with a dot",
        quote(text)
    ))
}

/// Reads a size: digits and a unit, without one bytes; `name` is the option that it belongs to.
fn parse_size(name: &str, text: &OsStr) -> Result<u64, String> {
    let plain = text.to_str().unwrap_or_default();
    let unit_start = plain.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(plain.len());
    let (digits, unit) = plain.split_at(unit_start);
    let unit = unit.to_ascii_lowercase();
    let unit_len = UNITS.iter().find(|(known, _)| *known == unit).filter(|_| !digits.is_empty());
    let Some((_, unit_len)) = unit_len else {
        return Err(format!("{name}: {} is not a size; write it like 500k, 20M, 1GiB", quote(text)));
    };
    match digits.parse::<u64>().ok().and_then(|count| count.checked_mul(*unit_len)) {
        Some(0) => Err(format!("{name}: {} is too small; it must be above 0", quote(text))),
        Some(len) => Ok(len),
        None => Err(format!("{name}: {} is too large a number", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_that_people_write() {
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
            assert_eq!(parse_size("--max-upload", OsStr::new(text)), Ok(len), "{text}");
        }
        for (text, fault) in [
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
            let error = parse_size("--max-upload", OsStr::new(text)).unwrap_err();
            assert!(error.starts_with("--max-upload: ") && error.contains(fault), "{text}: {error}");
        }
    }

    #[test]
    fn a_directory_is_named_beneath_the_root() {
        for (text, path) in [("", ""), ("incoming", "incoming"), ("a/b c/", "a/b c")] {
            assert_eq!(parse_directory(OsStr::new(text)), Ok(PathBuf::from(path)), "{text}");
        }
        for text in ["/", "/srv", ".", "..", "a/../b", "./a", "a//b", "a/.b", "a/./b", "a//"] {
            let error = parse_directory(OsStr::new(text)).unwrap_err();
            assert!(error.contains("is not a path beneath the root"), "{text}: {error}");
        }
    }
}
