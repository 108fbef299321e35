//! The options of the number exchange: what they mean together, and what is said of wrong ones.
//!
//! It knows no other option, and never looks whether a port is free.

use std::ffi::{OsStr, OsString};

use super::values::parse_port;
use crate::command_line::{Given, quote};
use crate::server::{Config, SumConfig};
use crate::sum::Name;

/// The server's number if none is given.
const NUMBER_DEFAULT: i64 = 42;

/// Reads `--sum-port` and the options that go with it.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    let port = given.once("--sum-port")?;
    let (name, number) = (given.once("--sum-name")?, given.once("--sum-number")?);
    let no_http = given.flag_once("--no-http")?;
    let Some(port) = port else { return refuse_others(name, number, no_http) };
    config.sum = Some(SumConfig {
        port: parse_port(&port).map_err(|error| given.at("--sum-port", &error))?,
        name: name.as_deref().map(parse_name).transpose()?,
        number: number.as_deref().map_or(Ok(NUMBER_DEFAULT), parse_number)?,
    });
    config.http = !no_http;
    Ok(())
}

fn refuse_others(name: Option<OsString>, number: Option<OsString>, no_http: bool) -> Result<(), String> {
    let given = [("--sum-name", name.is_some()), ("--sum-number", number.is_some()), ("--no-http", no_http)];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(format!("'{option}' goes with --sum-port, which is not given")),
        None => Ok(()),
    }
}

fn parse_name(text: &OsStr) -> Result<Name, String> {
    let refused = |why: String| format!("--sum-name: {} cannot be a name; {why}", quote(text));
    let plain = text.to_str().ok_or_else(|| refused("it is not UTF-8".to_owned()))?;
    Name::new(plain).map_err(|fault| refused(fault.to_string()))
}

fn parse_number(text: &OsStr) -> Result<i64, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("--sum-number: {} is not an integer of 64 bits", quote(text)))
}
