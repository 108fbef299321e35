//! Values of several client commands: host and port.
//!
//! Never resolves a name.

use std::ffi::OsStr;
use std::fmt;
use std::net::Ipv6Addr;

use super::{ParsedArgs, quote};

/// Client command for the number exchange; as first word, it is no host.
pub const SUM_COMMAND: &str = "sum";

/// Default host.
pub const HOST_DEFAULT: &str = "127.0.0.1";

/// Single value of an option, parsed.
///
/// # Errors
/// Several values, or option, value and error of `parse`.
pub fn value<T, E: fmt::Display>(
    args: &mut ParsedArgs,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    args.once(name)?.map(|value| parse_value(name, &value, parse)).transpose()
}

/// Parses the value of an option.
///
/// # Errors
/// Option, value and error of `parse`.
pub fn parse_value<T, E: fmt::Display>(
    name: &str,
    value: &OsStr,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let outcome = match value.to_str() {
        Some(text) => parse(text).map_err(|error| error.to_string()),
        None => Err("it is not UTF-8".to_owned()),
    };
    outcome.map_err(|error| {
        let shown = quote(value);
        // Some errors already quote the value.
        match error.starts_with(&shown) {
            true => format!("option '{name}': {error}"),
            false => format!("option '{name}' with {shown}: {error}"),
        }
    })
}

/// Parses a port.
///
/// # Errors
/// No number from 1 to 65535.
pub fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        // `parse` accepts a plus sign.
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(format!("{} is not a port: it is a number from 1 to 65535", quote(text))),
    }
}

/// Parses a name, an IPv4 address, or an IPv6 address with or without brackets.
///
/// # Errors
/// Any other text, such as a host with a port.
pub fn parse_host(text: &str) -> Result<String, String> {
    let is_ipv6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    let bracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    match (bracketed, text) {
        (Some(address), _) if is_ipv6(address) => Ok(address.to_owned()),
        (Some(_), _) => Err(format!("{} is not an IPv6 address", quote(text))),
        (None, "") => Err("the host is empty".to_owned()),
        (None, _) if is_ipv6(text) || text.bytes().all(is_name_byte) => Ok(text.to_owned()),
        (None, _) => Err(format!("{} is not a host name or address", quote(text))),
    }
}
