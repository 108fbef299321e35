//! The options for what is told: where requests are logged, how, and what else is said.
//!
//! Owns what they mean together. It opens no file.

use super::values::{parse_destination, parse_words};
use crate::access_log::{Destination, Format, HeaderChoice, Style};
use crate::command_line::Given;
use crate::server::Config;

/// Reads the options for the access log, `--quiet` and `--verbose`.
pub(super) fn read(given: &mut Given, config: &mut Config) -> Result<(), String> {
    config.quiet = given.flag_once("--quiet")?;
    match given.once("--access-log")? {
        Some(value) => config.access_log = parse_destination(value),
        None if config.quiet => config.access_log = Destination::Off,
        None => {}
    }
    config.log_style = style(given)?;
    config.verbose = given.flag_once("--verbose")?;
    Ok(())
}

fn style(given: &mut Given) -> Result<Style, String> {
    let mut style = Style { secrets: given.flag_once("--log-secrets")?, ..Style::default() };
    if let Some(value) = given.once("--log-format")? {
        style.format = parse_words("--log-format", &value, Format::parse)?;
    }
    if let Some(value) = given.once("--log-headers")? {
        style.headers = parse_words("--log-headers", &value, HeaderChoice::parse)?;
    }
    Ok(style)
}
