//! The options for the files that are kept in memory: how fresh, and how many bytes of them.
//!
//! Owns how both are written and what they mean together. What it takes to keep them fresh is for
//! `files` to know.

use std::ffi::OsStr;

use super::values::parse_size;
use crate::command_line::{Given, quote};
use crate::server::{CacheMode, Config};

/// Reads `--cache` and `--cache-size`.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    if let Some(value) = given.once("--cache")? {
        config.cache = parse(&value)?;
    }
    let Some(value) = given.once("--cache-size")? else { return Ok(()) };
    // What no memory holds is no limit.
    config.cache_len_max = parse_size("--cache-size", &value)?.try_into().unwrap_or(usize::MAX);
    match config.cache {
        CacheMode::Off if !given.is_off("--cache-size") => {
            Err("--cache-size limits what --cache off does not keep; leave one of them out".to_owned())
        }
        _ => Ok(()),
    }
}

fn parse(text: &OsStr) -> Result<CacheMode, String> {
    match text.to_str() {
        Some("fresh") => Ok(CacheMode::Fresh),
        Some("stat") => Ok(CacheMode::Stat),
        Some("off") => Ok(CacheMode::Off),
        _ => Err(format!("--cache: {} is neither fresh, stat nor off; write one of them", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::args::Command;
    use crate::server::args::tests::parse as parse_line;

    #[test]
    fn files_are_kept_in_three_ways_and_up_to_a_size() {
        let default = Config::default();
        let cases: &[(&[&str], CacheMode, usize)] = &[
            (&[], CacheMode::Fresh, default.cache_len_max),
            (&["--cache", "stat"], CacheMode::Stat, default.cache_len_max),
            (&["--cache=off"], CacheMode::Off, default.cache_len_max),
            (&["--cache-size=1GiB"], CacheMode::Fresh, 1 << 30),
            (&["--cache=stat", "--cache-size", "500k"], CacheMode::Stat, 500_000),
        ];
        for (line, mode, len_max) in cases {
            match parse_line(line.iter().map(Into::into).collect(), false) {
                Ok(Command::Run(config)) => {
                    assert_eq!((config.cache, config.cache_len_max), (*mode, *len_max))
                }
                other => panic!("{line:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        for (line, told) in [
            (&["--cache", "on"][..], "--cache: 'on' is neither fresh, stat nor off; write one of them"),
            (&["--cache-size", "0"], "--cache-size: '0' is too small"),
            (&["--cache-size", "some"], "--cache-size: 'some' is not a size"),
            (&["--cache=off", "--cache-size=1M"], "--cache-size limits what --cache off does not keep"),
        ] {
            let error = parse_line(line.iter().map(Into::into).collect(), false).unwrap_err().to_string();
            assert!(error.contains(told), "{line:?}: {error}");
        }
    }
}
