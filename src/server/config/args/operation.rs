//! The options for how the server runs: what is logged and told, how long and how many, on how many
//! threads, and the number exchange beside HTTP.
//!
//! Owns what they mean together, and what is said of wrong ones. It opens no file, counts no cores, and
//! never looks whether a port is free.

use std::ffi::{OsStr, OsString};

use super::values::{parse_count, parse_destination, parse_port, parse_time, parse_with};
use crate::access_log::{HeaderChoice, LogDestination, LogFormat};
use crate::cli::{ParsedArgs, quote};
use crate::server::limits::WORKERS_MAX;
use crate::server::{ServerConfig, SumConfig};
use crate::sum::Name;

/// The server's number if none is given.
const NUMBER_DEFAULT: i64 = 42;

/// Reads the options for the access log, `--quiet` and `--verbose`.
pub(super) fn read_log(parsed: &mut ParsedArgs, config: &mut ServerConfig) -> Result<(), String> {
    config.quiet = parsed.flag_once("--quiet")?;
    match parsed.once("--access-log")? {
        Some(value) => config.access_log = parse_destination(value),
        None if config.quiet => config.access_log = LogDestination::Off,
        None => {}
    }
    let style = &mut config.log_style;
    style.shows_secrets = parsed.flag_once("--log-secrets")?;
    parsed
        .set("--log-format", &mut style.format, |text| parse_with("--log-format", text, LogFormat::parse))?;
    let headers = |text: &OsStr| parse_with("--log-headers", text, HeaderChoice::parse);
    parsed.set("--log-headers", &mut style.headers, headers)?;
    config.verbose = parsed.flag_once("--verbose")?;
    Ok(())
}

/// Reads how long and how many, and on how many threads.
pub(super) fn read_limits(parsed: &mut ParsedArgs, config: &mut ServerConfig) -> Result<(), String> {
    for (name, time, zero_allowed) in [
        ("--idle-timeout", &mut config.idle_timeout, false),
        ("--header-timeout", &mut config.header_timeout, false),
        ("--grace", &mut config.grace, true),
    ] {
        parsed.set(name, time, |text| parse_time(name, text, zero_allowed))?;
    }
    config.connections_max =
        parsed.read("--max-connections", |text| parse_count("--max-connections", text))?;
    parsed.set("--workers", &mut config.workers, parse_workers)
}

/// Reads `--sum-port` and the options that go with it.
pub(super) fn read_sum(parsed: &mut ParsedArgs, config: &mut ServerConfig) -> Result<(), String> {
    let port = parsed.once("--sum-port")?;
    let (name, number) = (parsed.once("--sum-name")?, parsed.once("--sum-number")?);
    let no_http = parsed.flag_once("--no-http")?;
    let Some(port) = port else { return refuse_sum_options(name, number, no_http) };
    config.sum = Some(SumConfig {
        port: parse_port(&port).map_err(|error| parsed.locate_error_of("--sum-port", &error))?,
        name: name.as_deref().map(parse_name).transpose()?,
        number: number.as_deref().map_or(Ok(NUMBER_DEFAULT), parse_number)?,
    });
    config.http = !no_http;
    Ok(())
}

fn parse_workers(text: &OsStr) -> Result<Option<usize>, String> {
    if text == "auto" {
        return Ok(None);
    }
    match parse_count("--workers", text) {
        Ok(count) if count <= WORKERS_MAX => Ok(Some(count)),
        Ok(_) => Err(format!("--workers: {} are too many; at most {WORKERS_MAX}", quote(text))),
        Err(error) => Err(format!("{error}, nor auto for one on each core")),
    }
}

fn refuse_sum_options(name: Option<OsString>, number: Option<OsString>, no_http: bool) -> Result<(), String> {
    let parsed = [("--sum-name", name.is_some()), ("--sum-number", number.is_some()), ("--no-http", no_http)];
    match parsed.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(format!("'{option}' goes with --sum-port, which is not given")),
        None => Ok(()),
    }
}

fn parse_name(text: &OsStr) -> Result<Name, String> {
    let refused = |reason: String| format!("--sum-name: {} cannot be a name; {reason}", quote(text));
    let plain = text.to_str().ok_or_else(|| refused("it is not UTF-8".to_owned()))?;
    Name::new(plain).map_err(|error| refused(error.to_string()))
}

fn parse_number(text: &OsStr) -> Result<i64, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("--sum-number: {} is not an integer of 64 bits", quote(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_accepts_auto_or_1_to_256() {
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
            assert_eq!(parse_workers(OsStr::new(text)), expected.map_err(str::to_owned), "{text}");
        }
    }
}
