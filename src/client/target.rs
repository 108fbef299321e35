//! Request target from operands.
//!
//! Never resolves names. Keeps `.` and `..` segments: the server decides.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStringExt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::cli::{HOST_DEFAULT, SUM_COMMAND, parse_host, parse_port, quote};

/// Port of `reactor-server`, for all but `http://` URLs.
const PORT_DEFAULT: u16 = 8080;

/// Default port of `http://` URLs (RFC 9110 section 4.2.1).
const PORT_HTTP: u16 = 80;
const PORT_HTTPS: u16 = 443;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];

/// Encoded characters: space, controls, and those excluded by RFC 3986. `%` depends on the next two.
const PATH_ENCODE_SET: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Set without braces: the template renderer encodes loose braces.
const TEMPLATE_ENCODE_SET: &AsciiSet = &PATH_ENCODE_SET.remove(b'{').remove(b'}');

/// Request target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTarget {
    /// Host name or address; IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the scheme is https.
    pub is_tls: bool,
    /// Path and query in origin-form (RFC 9112 section 3.2.1), or `*`.
    pub path: String,
}

impl ClientTarget {
    /// Scheme, authority and path.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }

    /// `Host` field value (RFC 9110 section 7.2): IPv6 in brackets, port unless the scheme's own.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port {
            port if port == default_port(self.is_tls) => host,
            port => format!("{host}:{port}"),
        }
    }

    /// Target of a URI reference in a response (RFC 3986 section 5.2). Drops its user and fragment.
    pub(super) fn resolve(&self, reference: &str) -> Result<Self, String> {
        let scheme = if self.is_tls { "https" } else { "http" };
        let first = reference.split(['/', '?', '#']).next().unwrap_or_default();
        let mut url = match (first.contains(':'), reference.starts_with("//")) {
            (true, _) => reference.to_owned(),
            (false, true) => format!("{scheme}:{reference}"),
            (false, false) => {
                let path = request_path(&merge_paths(&self.path, reference), PATH_ENCODE_SET);
                return Ok(Self { path, ..self.clone() });
            }
        };
        if split_scheme(&url).is_none() {
            return Err(format!("{} is not an address of http:// or https://", quote(&url)));
        }
        take_login(&mut url);
        let (_, target) = parse_operands(&[url], &Overrides::default())?;
        Ok(Self { path: merge_paths("/", &target.path), ..target })
    }

    pub(super) fn has_origin_of(&self, other: &Self) -> bool {
        let is_same_host = self.host.eq_ignore_ascii_case(&other.host);
        is_same_host && (self.port, self.is_tls) == (other.port, other.is_tls)
    }
}

/// A relative reference, merged with the path that it is relative to, without dot segments.
fn merge_paths(base: &str, reference: &str) -> String {
    let base_path = base.split(['?', '#']).next().unwrap_or_default();
    let directory = base_path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let merged = match reference.as_bytes().first() {
        None | Some(b'#') => return base.to_owned(),
        Some(b'?') => return format!("{base_path}{reference}"),
        Some(b'/') => reference.to_owned(),
        Some(_) => format!("{directory}/{reference}"),
    };
    let (path, rest) = merged.split_at(merged.find(['?', '#']).unwrap_or(merged.len()));
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        segments.push("");
    }
    format!("/{}{rest}", segments.join("/"))
}

/// Addresses of `--resolve` for a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHost {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl KnownHost {
    /// Addresses that replace those of the resolver; empty if there are none.
    pub(crate) fn find(known: &[Self], host: &str, port: u16) -> Vec<SocketAddr> {
        let host = host.trim_end_matches('.');
        let found = known.iter().filter(|known| known.host.eq_ignore_ascii_case(host) && known.port == port);
        found.flat_map(|known| &known.addresses).map(|&ip| (ip, port).into()).collect()
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form = "it is HOST:PORT:ADDRESS, such as example.com:443:127.0.0.1";
        let (host, rest) = text.split_once(':').ok_or(form)?;
        let (port, addresses) = rest.split_once(':').ok_or(form)?;
        let address = |text: &str| text.trim_matches(['[', ']']).parse().map_err(|_| form);
        let addresses = addresses.split(',').map(address).collect::<Result<_, _>>()?;
        Ok(Self { host: parse_host(host.trim_end_matches('.'))?, port: parse_port(port)?, addresses })
    }
}

/// Options that override operands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) keeps_braces: bool,
}

#[derive(Default)]
struct ParsedUrl {
    host: Option<String>,
    port: Option<u16>,
    is_tls: bool,
    path: String,
}

/// First match wins: nothing; a method first; digits as second word; one target word.
pub(crate) fn parse_operands(
    words: &[String],
    overrides: &Overrides,
) -> Result<(Option<String>, ClientTarget), String> {
    let (method, url) = match words {
        [word, ..] if word == SUM_COMMAND => {
            return Err(format!(
                "'{SUM_COMMAND}' is a command and comes first, before all options; a host of this name is \
                 written http://{SUM_COMMAND}/, a path /{SUM_COMMAND}"
            ));
        }
        [method, rest @ ..] if is_method(method) => (Some(method), parse_url_or_path(rest, overrides)?),
        [host, port, rest @ ..] if is_number(port) => parse_host_port(host, port, rest)?,
        rest => (None, parse_url_or_path(rest, overrides)?),
    };
    let encode_set = if overrides.keeps_braces { TEMPLATE_ENCODE_SET } else { PATH_ENCODE_SET };
    let target = ClientTarget {
        host: overrides.host.clone().or(url.host).unwrap_or_else(|| HOST_DEFAULT.to_owned()),
        port: overrides.port.or(url.port).unwrap_or(PORT_DEFAULT),
        is_tls: url.is_tls,
        path: request_path(&url.path, encode_set),
    };
    Ok((method.cloned(), target))
}

fn parse_host_port<'a>(
    host: &str,
    port: &str,
    rest: &'a [String],
) -> Result<(Option<&'a String>, ParsedUrl), String> {
    let (method, file) = match rest {
        [] => (None, None),
        [word] if METHODS.contains(&word.as_str()) => (Some(word), None),
        [file] => (None, Some(file)),
        [method, file] if is_method(method) => (Some(method), Some(file)),
        [file, extra] if !METHODS.contains(&file.to_ascii_uppercase().as_str()) => {
            return unexpected_word(extra);
        }
        [method, _file] => {
            return Err(format!(
                "{} is not a method: methods are upper case letters, such as {}",
                quote(method),
                method.to_ascii_uppercase()
            ));
        }
        [_, _, extra, ..] => return unexpected_word(extra),
    };
    let (host, port) = (Some(parse_host(host)?), Some(parse_port(port)?));
    Ok((method, ParsedUrl { host, port, is_tls: false, path: file.cloned().unwrap_or_default() }))
}

/// At most one word: URL, `/path`, `:port/path`, `*`, `host[:port][/path]`. After `--host`, a bare
/// word is a path.
fn parse_url_or_path(words: &[String], overrides: &Overrides) -> Result<ParsedUrl, String> {
    let word = match words {
        [] => return Ok(ParsedUrl::default()),
        [word] => word.as_str(),
        [_, extra, ..] => return unexpected_word(extra),
    };
    if let Some((scheme, rest)) = split_scheme(word) {
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" if cfg!(feature = "tls") => true,
            "https" => {
                let message = "https:// needs a program with TLS; build it with the cargo feature tls";
                return Err(message.to_owned());
            }
            _ => {
                let scheme = quote(format!("{scheme}://"));
                return Err(format!("{scheme} is not supported; use http:// or https://"));
            }
        };
        let mut url = parse_authority_and_path(rest)?;
        url.port = url.port.or(Some(default_port(is_tls)));
        url.is_tls = is_tls;
        if url.host.is_none() {
            return Err(format!("{} has no host", quote(word)));
        }
        return Ok(url);
    }
    let is_path = word.starts_with(['/', '?']) || word == "*";
    let is_bare = !word.starts_with(':');
    if is_path || (is_bare && overrides.host.is_some()) {
        return Ok(ParsedUrl { path: word.to_owned(), ..ParsedUrl::default() });
    }
    // As on the server, a bare number is a port.
    match is_number(word.split(['/', '?', '#']).next().unwrap_or_default()) {
        true => parse_authority_and_path(&format!(":{word}")),
        false => parse_authority_and_path(word),
    }
}

fn parse_authority_and_path(text: &str) -> Result<ParsedUrl, String> {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, path) = text.split_at(end);
    if authority.contains('@') {
        return Err("the host has a user name: give it with -u, or write http:// before it".to_owned());
    }
    let (host, port) = split_port(authority);
    let has_host = !host.is_empty() || port.is_none();
    let host = has_host.then(|| parse_host(host)).transpose()?;
    // RFC 3986 section 3.2.3: an empty port means the default.
    let port = port.filter(|port| !port.is_empty()).map(parse_port).transpose()?;
    Ok(ParsedUrl { host, port, is_tls: false, path: path.to_owned() })
}

/// Splits at the last colon, but never an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((_, port)) if port.ends_with(']') => (authority, None),
        Some((host, port)) if authority.parse::<Ipv6Addr>().is_err() => (host, Some(port)),
        _ => (authority, None),
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { PORT_HTTPS } else { PORT_HTTP }
}

pub(super) fn take_login(word: &mut String) -> Option<OsString> {
    let (scheme, rest) = split_scheme(word)?;
    let len = rest.split(['/', '?', '#']).next()?.rfind('@')?;
    let login = percent_decode_str(rest.get(..len)?).collect();
    let start = scheme.len() + "://".len();
    word.replace_range(start..=start + len, "");
    Some(OsString::from_vec(login))
}

fn split_scheme(word: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = word.split_once("://")?;
    let is_scheme_byte = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    scheme.bytes().all(is_scheme_byte).then_some((scheme, rest))
}

fn is_method(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

fn unexpected_word<T>(extra: &str) -> Result<T, String> {
    Err(format!("unexpected word {}", quote(extra)))
}

fn request_path(text: &str, escaped: &'static AsciiSet) -> String {
    let text = text.split_once('#').map_or(text, |(text, _fragment)| text);
    if text == "*" {
        return text.to_owned();
    }
    let mut path = String::with_capacity(text.len() + 1);
    if !text.starts_with('/') {
        path.push('/');
    }
    for (index, part) in text.split('%').enumerate() {
        if index > 0 {
            path.push_str(if is_escape(part) { "%" } else { "%25" });
        }
        path.extend(utf8_percent_encode(part, escaped));
    }
    path
}

fn is_escape(rest: &str) -> bool {
    matches!(rest.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
