//! Words and values that several commands of the client read: a host, a port.
//!
//! Owns the words about a wrong value, `option '--port': …`. It never resolves a name.

use std::ffi::OsStr;
use std::fmt;
use std::net::Ipv6Addr;

use super::{ParsedArgs, quote};

/// The command of `reactor-client` that asks for the number exchange: as the first word it is no host.
pub const SUM_COMMAND: &str = "sum";

/// The host that is asked if none is named.
pub const HOST_DEFAULT: &str = "127.0.0.1";

/// The value of an option as `parse` reads it, the last one if there are several.
///
/// # Errors
/// What `parse` says, behind the name of the option and the value.
pub fn value<T, E: fmt::Display>(
    args: &mut ParsedArgs,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    args.last(name).map(|value| parse_value(name, &value, parse)).transpose()
}

/// Understands the value of an option, or says which value of which option it is not.
///
/// # Errors
/// What `parse` says, behind the name of the option and the value.
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
        // Some errors quote the value themselves; once is enough.
        match error.starts_with(&shown) {
            true => format!("option '{name}': {error}"),
            false => format!("option '{name}' with {shown}: {error}"),
        }
    })
}

/// Reads a port to connect to.
///
/// # Errors
/// The text is no number from 1 to 65535.
pub fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        // `parse` takes a plus sign.
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(format!("{} is not a port: it is a number from 1 to 65535", quote(text))),
    }
}

/// Reads a host without a port: a name, an IPv4 address, an IPv6 address with or without brackets.
///
/// # Errors
/// The text is none of these.
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
