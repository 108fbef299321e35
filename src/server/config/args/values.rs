//! Parsers of option values.
//!
//! None checks whether a port is free or a file exists.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::access_log::LogDestination;
use crate::cli::{self, quote};
use crate::net::ListenIp;
use crate::server::LOOPBACK;
use crate::server::limits::{MEMORY_MIN, WORKERS_MAX};
use crate::sum::Name;
use crate::text;

/// Longest time: a longer one is probably a mistake.
const DURATION_HOURS_MAX: u32 = 24;

pub(super) fn parse_port(text: &OsStr) -> Result<u16, String> {
    let digits = digits(text).ok_or_else(|| format!("{} is not a port; write 0 to 65535", quote(text)))?;
    digits.parse().map_err(|_| format!("port {digits} is too large; ports go up to 65535"))
}

/// The kernel sends up to 64 KiB at once, so a slower connection seems to stall.
const BANDWIDTH_MIN: u64 = 16 * 1024;

pub(super) fn parse_bandwidth(name: &str, text: &OsStr) -> Result<u64, String> {
    let size = text.to_str().map_or(text, |plain| OsStr::new(plain.strip_suffix("/s").unwrap_or(plain)));
    match parse_size(name, size)? {
        rate if rate < BANDWIDTH_MIN => {
            Err(format!("{name}: {} is too slow; it must be at least 16KiB/s", quote(text)))
        }
        rate => Ok(rate),
    }
}

/// None, or only `localhost`, is the loopback pair. Else `localhost` is two addresses, which must both work.
pub(super) fn parse_bind(texts: &[OsString]) -> Result<Vec<ListenIp>, String> {
    if texts.is_empty() || (texts.len() == 1 && texts[0] == "localhost") {
        return Ok(LOOPBACK.into());
    }
    let mut ips = Vec::with_capacity(texts.len() + 1);
    for text in texts {
        let named: &[IpAddr] = match text == "localhost" {
            true => &[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            false => &[parse_ip(text)?],
        };
        for ip in named {
            if ips.contains(ip) {
                return Err(format!("address {ip} is given twice; leave one out"));
            }
            ips.push(*ip);
        }
    }
    Ok(ips.into_iter().map(|ip| ListenIp { ip, optional: false }).collect())
}

fn parse_ip(text: &OsStr) -> Result<IpAddr, String> {
    let plain = text.to_str().unwrap_or_default();
    let bare = plain
        .strip_prefix('[')
        .and_then(|inside| inside.strip_suffix(']'))
        .filter(|inside| inside.contains(':'));
    match bare.unwrap_or(plain).parse::<IpAddr>() {
        // IPv6 listeners accept IPv6 only, so ::ffff:127.0.0.1 becomes 127.0.0.1.
        Ok(ip) => Ok(ip.to_canonical()),
        Err(_) if plain.parse::<SocketAddr>().is_ok() => {
            Err(format!("{} is an address with a port; give the port with --port", quote(text)))
        }
        Err(_) => {
            Err(format!("{} is not an IP address; write one like 0.0.0.0 or ::1, or localhost", quote(text)))
        }
    }
}

pub(super) fn parse_index(text: &OsStr) -> Result<String, String> {
    let name = text.to_str().filter(|name| !name.is_empty() && !name.starts_with('.') && !name.contains('/'));
    name.map(str::to_owned).ok_or_else(|| {
        format!(
            "{} cannot be an index; it must be a plain file name, not hidden, without a slash",
            quote(text)
        )
    })
}

pub(super) fn parse_destination(text: &OsStr) -> LogDestination {
    match text.as_encoded_bytes() {
        b"off" => LogDestination::Off,
        b"-" => LogDestination::Stdout,
        _ => LogDestination::File(text.into()),
    }
}

pub(super) fn parse_with<T, E: From<&'static str> + Display>(
    name: &str,
    text: &OsStr,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let outcome = text.to_str().map_or(Err("it is not UTF-8".into()), parse);
    outcome.map_err(|error| format!("{name}: {} is invalid: {error}", quote(text)))
}

pub(super) fn parse_choice<T: Copy>(name: &str, choices: &[(&str, T)], text: &OsStr) -> Result<T, String> {
    parse_with(name, text, |text| cli::parse_choice("it", choices, text))
}

pub(super) fn parse_count(name: &str, text: &OsStr) -> Result<usize, String> {
    match digits(text).map(str::parse) {
        Some(Ok(count)) if count > 0 => Ok(count),
        Some(Err(_)) => Err(format!("{name}: {} is too large a number", quote(text))),
        _ => Err(format!("{name}: {} is not a number from 1 up", quote(text))),
    }
}

pub(super) fn parse_time(name: &str, value: &OsStr, zero_allowed: bool) -> Result<Duration, String> {
    let time = text::parse_duration(value.to_str().unwrap_or_default(), zero_allowed, DURATION_HOURS_MAX);
    time.map_err(|error| format!("{name}: {} {error}", quote(value)))
}

pub(super) fn parse_size(name: &str, value: &OsStr) -> Result<u64, String> {
    let len = text::parse_size(value.to_str().unwrap_or_default());
    len.map_err(|error| format!("{name}: {} {error}", quote(value)))
}

pub(super) fn parse_user(text: &OsStr) -> Result<String, String> {
    text.to_str().map(str::to_owned).ok_or_else(|| format!("--user: {} is not UTF-8", quote(text)))
}

pub(super) fn parse_memory(text: &OsStr) -> Result<u64, String> {
    let memory = parse_size("--memory", text)?;
    let too_small = || format!("--memory: {} is too small; at least 16MiB", quote(text));
    if memory < MEMORY_MIN { Err(too_small()) } else { Ok(memory) }
}

/// `auto` is `None`: one per core.
pub(super) fn parse_workers(text: &OsStr) -> Result<Option<usize>, String> {
    if text == "auto" {
        return Ok(None);
    }
    match parse_count("--workers", text) {
        Ok(count) if count <= WORKERS_MAX => Ok(Some(count)),
        Ok(_) => Err(format!("--workers: {} are too many; at most {WORKERS_MAX}", quote(text))),
        Err(error) => Err(format!("{error}, nor auto for one on each core")),
    }
}

pub(super) fn parse_name(text: &OsStr) -> Result<Name, String> {
    let refused = |reason: String| format!("--sum-name: {} cannot be a name; {reason}", quote(text));
    let plain = text.to_str().ok_or_else(|| refused("it is not UTF-8".to_owned()))?;
    Name::new(plain).map_err(|error| refused(error.to_string()))
}

pub(super) fn parse_number(text: &OsStr) -> Result<i64, String> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("--sum-number: {} is not an integer of 64 bits", quote(text)))
}

fn digits(text: &OsStr) -> Option<&str> {
    text.to_str().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    const NOT_UTF8: &[u8] = b"caf\xe9";

    fn os_strings(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn port_digits_in_range_accepted_else_error() {
        let cases = [
            ("0", Ok(0)),
            ("8080", Ok(8080)),
            ("0080", Ok(80)),
            ("65535", Ok(65535)),
            ("65536", Err("port 65536 is too large; ports go up to 65535")),
            ("99999999999999999999", Err("port 99999999999999999999 is too large; ports go up to 65535")),
            ("+80", Err("'+80' is not a port; write 0 to 65535")),
            ("http", Err("'http' is not a port; write 0 to 65535")),
            ("8080/", Err("'8080/' is not a port; write 0 to 65535")),
            ("٣", Err("'٣' is not a port; write 0 to 65535")),
            ("", Err("'' is not a port; write 0 to 65535")),
        ];
        for (text, expected) in cases {
            let expected = expected.map_err(str::to_owned);
            assert_eq!(parse_port(OsStr::new(text)), expected, "{text}");
        }
    }

    #[test]
    fn bind_addresses_parsed_in_every_form() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["127.0.0.1"], &["127.0.0.1"]),
            (&["::1"], &["::1"]),
            (&["[::1]"], &["::1"]),
            (&["0.0.0.0", "::"], &["0.0.0.0", "::"]),
            (&["::ffff:10.0.0.1"], &["10.0.0.1"]),
            (&["localhost", "10.0.0.1"], &["127.0.0.1", "::1", "10.0.0.1"]),
        ];
        for (words, ips) in cases {
            let required = |ip: &&str| ListenIp { ip: ip.parse().unwrap(), optional: false };
            let ips = ips.iter().map(required).collect();
            assert_eq!(parse_bind(&os_strings(words)), Ok(ips), "{words:?}");
        }
        for words in [&[][..], &["localhost"]] {
            let ips = parse_bind(&os_strings(words)).unwrap();
            let found: Vec<_> = ips.iter().map(|listen| (listen.ip.to_string(), listen.optional)).collect();
            assert_eq!(found, [("127.0.0.1".to_owned(), false), ("::1".to_owned(), true)], "{words:?}");
        }
    }

    #[test]
    fn bind_invalid_address_gets_error_with_remedy() {
        let cases: &[(&[&str], &str)] = &[
            (&["::1", "[::1]"], "address ::1 is given twice; leave one out"),
            (&["localhost", "localhost"], "address 127.0.0.1 is given twice; leave one out"),
            (&["0.0.0.0:80"], "'0.0.0.0:80' is an address with a port; give the port with --port"),
            (&["[::]:80"], "'[::]:80' is an address with a port; give the port with --port"),
            (
                &["example.org"],
                "'example.org' is not an IP address; write one like 0.0.0.0 or ::1, or localhost",
            ),
            (
                &["[10.0.0.1]"],
                "'[10.0.0.1]' is not an IP address; write one like 0.0.0.0 or ::1, or localhost",
            ),
            (&["::1", ""], "'' is not an IP address; write one like 0.0.0.0 or ::1, or localhost"),
        ];
        for (words, expected) in cases {
            let outcome = parse_bind(&os_strings(words));
            assert_eq!(outcome, Err((*expected).to_owned()), "{words:?}");
        }
    }

    #[test]
    fn index_other_than_plain_file_name_rejected() {
        for name in ["index.html", "home", "a b", "é.html", "-x"] {
            assert_eq!(parse_index(OsStr::new(name)), Ok(name.to_owned()));
        }
        let wrong = ["", ".", "..", ".index", "a/b", "/index.html", "index.html/"];
        let wrong = wrong.iter().map(|name| name.as_bytes());
        for name in wrong.chain([NOT_UTF8]).map(OsStr::from_bytes) {
            let line = parse_index(name).unwrap_err();
            assert!(line.starts_with(&quote(name)), "{line}");
            assert!(line.ends_with("a plain file name, not hidden, without a slash"), "{line}");
        }
    }

    #[test]
    fn log_destination_parses_off_stdout_or_file() {
        let file = |name: &[u8]| LogDestination::File(OsStr::from_bytes(name).into());
        let cases = [
            (&b"off"[..], LogDestination::Off),
            (b"-", LogDestination::Stdout),
            (b"access.log", file(b"access.log")),
            (b"./off", file(b"./off")),
            (NOT_UTF8, file(NOT_UTF8)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_destination(OsStr::from_bytes(text)), expected);
        }
    }

    #[test]
    fn parse_time_error_names_option() {
        let (day, over) = (OsStr::new("24h"), OsStr::new("25h"));
        assert_eq!(parse_time("--grace", day, false), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_time("--grace", OsStr::new("0"), true), Ok(Duration::ZERO));
        let too_long = "--grace: '25h' is too long; at most 24h".to_owned();
        assert_eq!(parse_time("--grace", over, true), Err(too_long));
        assert!(parse_time("--grace", OsStr::from_bytes(NOT_UTF8), true).is_err());
    }

    #[test]
    fn parse_count_below_one_rejected() {
        let cases = [
            ("1", Ok(1)),
            ("10000", Ok(10_000)),
            ("0", Err("-n: '0' is not a number from 1 up")),
            ("-1", Err("-n: '-1' is not a number from 1 up")),
            ("1k", Err("-n: '1k' is not a number from 1 up")),
            ("", Err("-n: '' is not a number from 1 up")),
            ("99999999999999999999", Err("-n: '99999999999999999999' is too large a number")),
        ];
        for (text, expected) in cases {
            let expected = expected.map_err(str::to_owned);
            assert_eq!(parse_count("-n", OsStr::new(text)), expected, "{text}");
        }
    }

    #[test]
    fn parse_size_error_names_option() {
        assert_eq!(parse_size("--max-upload", OsStr::new("5KiB")), Ok(5_120));
        let not_a_size = "--max-upload: '5x' is not a size; write it like 500k, 20M, 1GiB".to_owned();
        assert_eq!(parse_size("--max-upload", OsStr::new("5x")), Err(not_a_size));
        assert!(parse_size("--max-upload", OsStr::from_bytes(NOT_UTF8)).is_err());
    }

    #[test]
    fn memory_is_at_least_16_mib() {
        assert_eq!(parse_memory(OsStr::new("16MiB")), Ok(16 << 20));
        let too_small = "--memory: '16M' is too small; at least 16MiB".to_owned();
        assert_eq!(parse_memory(OsStr::new("16M")), Err(too_small));
    }

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
