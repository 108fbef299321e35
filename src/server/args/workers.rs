//! The option for how many threads serve: a number, or one for each core.
//!
//! Owns how it is written and what is said of a wrong one. It counts no cores.

use std::ffi::OsStr;

use super::values::parse_count;
use crate::command_line::{Given, quote};
use crate::server::Config;
use crate::server::workers::WORKERS_MAX;

/// Reads `--workers`.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    if let Some(value) = given.once("--workers")? {
        config.workers = parse(&value)?;
    }
    Ok(())
}

fn parse(text: &OsStr) -> Result<Option<usize>, String> {
    if text == "auto" {
        return Ok(None);
    }
    match parse_count("--workers", text) {
        Ok(count) if count <= WORKERS_MAX => Ok(Some(count)),
        Ok(_) => Err(format!("--workers: {} are too many; at most {WORKERS_MAX}", quote(text))),
        Err(error) => Err(format!("{error}, nor auto for one on each core")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_a_number_or_one_for_each_core() {
        let cases = [
            ("auto", Ok(None)),
            ("1", Ok(Some(1))),
            ("256", Ok(Some(256))),
            ("257", Err("--workers: '257' are too many; at most 256")),
            ("0", Err("--workers: '0' is not a number from 1 up, nor auto for one on each core")),
            ("Auto", Err("--workers: 'Auto' is not a number from 1 up, nor auto for one on each core")),
            ("", Err("--workers: '' is not a number from 1 up, nor auto for one on each core")),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(OsStr::new(text)), expected.map_err(str::to_owned), "{text}");
        }
    }
}
