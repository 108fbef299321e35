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
}

impl ClientTarget {
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
        parse_operands(&[url], &Overrides::default()).map(|(_, target)| target)
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
mod tests {
    use super::*;

    type Parsed = Result<(Option<String>, ClientTarget), String>;

    fn parse_with(line: &str, host: Option<&str>, port: Option<u16>) -> Parsed {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let host = host.map(str::to_owned);
        parse_operands(&words, &Overrides { host, port, keeps_braces: false })
    }

    fn parse(line: &str) -> Parsed {
        parse_with(line, None, None)
    }

    fn target(host: &str, port: u16, path: &str) -> ClientTarget {
        let (host, path) = (host.to_owned(), path.to_owned());
        ClientTarget { host, port, is_tls: false, path }
    }

    #[test]
    fn every_operand_form_parses_to_its_target() {
        let rows = [
            ("", None, "127.0.0.1", 8080, "/"),
            // A method first.
            ("GET", Some("GET"), "127.0.0.1", 8080, "/"),
            ("GET /", Some("GET"), "127.0.0.1", 8080, "/"),
            ("HEAD /x?y", Some("HEAD"), "127.0.0.1", 8080, "/x?y"),
            ("PURGE :81/x", Some("PURGE"), "127.0.0.1", 81, "/x"),
            ("GET h:81/x", Some("GET"), "h", 81, "/x"),
            ("GET http://h/x", Some("GET"), "h", 80, "/x"),
            ("GET index.html", Some("GET"), "index.html", 8080, "/"),
            ("OPTIONS *", Some("OPTIONS"), "127.0.0.1", 8080, "*"),
            // Host and port.
            ("127.0.0.1 8080", None, "127.0.0.1", 8080, "/"),
            ("::1 81", None, "::1", 81, "/"),
            ("[::1] 81 x", None, "::1", 81, "/x"),
            ("localhost 8080 GET /index.html", Some("GET"), "localhost", 8080, "/index.html"),
            ("localhost 6789 HelloWorld.html", None, "localhost", 6789, "/HelloWorld.html"),
            ("h 81 HEAD", Some("HEAD"), "h", 81, "/"),
            ("h 81 LICENSE", None, "h", 81, "/LICENSE"),
            ("h 81 PURGE x", Some("PURGE"), "h", 81, "/x"),
            // A URL, a path, a port.
            ("http://localhost:8080/a%20b?x=1", None, "localhost", 8080, "/a%20b?x=1"),
            ("HTTP://h", None, "h", 80, "/"),
            ("http://sum/x", None, "sum", 80, "/x"),
            ("sum:81/x", None, "sum", 81, "/x"),
            ("/sum", None, "127.0.0.1", 8080, "/sum"),
            ("http://h?x", None, "h", 80, "/?x"),
            ("http://h:/x", None, "h", 80, "/x"),
            ("http://[::1]/x", None, "::1", 80, "/x"),
            ("/x", None, "127.0.0.1", 8080, "/x"),
            ("?x", None, "127.0.0.1", 8080, "/?x"),
            (":8080/x", None, "127.0.0.1", 8080, "/x"),
            (":81", None, "127.0.0.1", 81, "/"),
            // host[:port][/path].
            ("localhost:8080/x", None, "localhost", 8080, "/x"),
            ("localhost", None, "localhost", 8080, "/"),
            ("localhost/x", None, "localhost", 8080, "/x"),
            ("localhost:/x", None, "localhost", 8080, "/x"),
            ("localhost#x", None, "localhost", 8080, "/"),
            ("[::1]:81/x", None, "::1", 81, "/x"),
            ("[::1]", None, "::1", 8080, "/"),
            ("::1", None, "::1", 8080, "/"),
            ("h/http://x", None, "h", 8080, "/http://x"),
        ];
        for (line, method, host, port, path) in rows {
            let wanted = (method.map(str::to_owned), target(host, port, path));
            assert_eq!(parse(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn host_and_port_options_override_operands() {
        let rows = [
            ("", Some("h"), Some(81), "h", 81, "/"),
            ("GET /x", Some("h"), Some(81), "h", 81, "/x"),
            ("http://a:82/x", None, Some(81), "a", 81, "/x"),
            ("http://a/x", None, Some(81), "a", 81, "/x"),
            ("http://a/x", Some("h"), None, "h", 80, "/x"),
            ("a 82 x", Some("h"), Some(81), "h", 81, "/x"),
            ("localhost", None, Some(81), "localhost", 81, "/"),
            ("x.html", Some("h"), None, "h", 8080, "/x.html"),
            (":82/x", Some("h"), None, "h", 82, "/x"),
        ];
        for (line, host, port, wanted_host, wanted_port, path) in rows {
            let (_, found) = parse_with(line, host, port).unwrap();
            assert_eq!(found, target(wanted_host, wanted_port, path), "{line}");
        }
    }

    #[test]
    fn braces_are_kept_in_url_templates() {
        let overrides = Overrides { keeps_braces: true, ..Overrides::default() };
        for (word, path) in [
            ("/a b{SEQ}", "/a%20b{SEQ}"),
            ("http://h/{RAND:1:2}#x", "/{RAND:1:2}"),
            (":81/{SEQ}?n={SEQ}", "/{SEQ}?n={SEQ}"),
            ("h:81", "/"),
        ] {
            let (_, target) = parse_operands(&[word.to_owned()], &overrides).unwrap();
            assert_eq!(target.path, path, "{word}");
        }
    }

    #[test]
    fn every_target_error_names_its_cause() {
        let rows = [
            ("/a /b", "unexpected word '/b'"),
            ("GET h 8080", "unexpected word '8080'"),
            ("h x.html", "unexpected word 'x.html'"),
            ("h 81 x y", "unexpected word 'y'"),
            ("h 81 GET /x y", "unexpected word 'y'"),
            ("h 81 get /x", "'get' is not a method"),
            ("h 99999", "'99999' is not a port"),
            ("h 0", "'0' is not a port"),
            ("h:x", "'x' is not a port"),
            ("h:+80", "'+80' is not a port"),
            ("http://h:70000/", "'70000' is not a port"),
            ("https:///", "the host is empty"),
            ("sum", "'sum' is a command and comes first"),
            ("sum 9042 /x", "a host of this name is written http://sum/"),
            ("ftp://h/", "'ftp://' is not supported"),
            ("u:secret@h", "the host has a user name"),
            ("http:///x", "the host is empty"),
            ("http://:81/x", "'http://:81/x' has no host"),
            ("[::1/x", "is not a"),
            ("[x]:81", "'[x]' is not an IPv6 address"),
            ("[::1]x", "is not a host name or address"),
            ("h%41", "'h%41' is not a host name or address"),
            ("bücher.example", "'bücher.example' is not a host name"),
            ("h\u{1}", "'h\\u{1}' is not a host name"),
        ];
        for (line, part) in rows {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{line}: {error}");
        }
        let empty = parse_operands(&[String::new()], &Overrides::default());
        assert_eq!(empty.unwrap_err(), "the host is empty");
    }

    #[test]
    fn references_resolve_as_in_rfc_3986() {
        let base = ClientTarget { is_tls: true, ..target("a", 443, "/b/c/d;p?q") };
        // Section 5.4, without the fragments, which are not sent.
        let rows = [
            ("g", "https://a/b/c/g"),
            ("./g", "https://a/b/c/g"),
            ("g/", "https://a/b/c/g/"),
            ("/g", "https://a/g"),
            ("//g", "https://g/"),
            ("?y", "https://a/b/c/d;p?y"),
            ("g?y", "https://a/b/c/g?y"),
            ("#s", "https://a/b/c/d;p?q"),
            ("g?y#s", "https://a/b/c/g?y"),
            (";x", "https://a/b/c/;x"),
            ("", "https://a/b/c/d;p?q"),
            (".", "https://a/b/c/"),
            ("./", "https://a/b/c/"),
            ("..", "https://a/b/"),
            ("../g", "https://a/b/g"),
            ("../..", "https://a/"),
            ("../../../g", "https://a/g"),
            ("/./g", "https://a/g"),
            ("/../g", "https://a/g"),
            ("g.", "https://a/b/c/g."),
            ("..g", "https://a/b/c/..g"),
            ("./g/.", "https://a/b/c/g/"),
            ("g/../h", "https://a/b/c/h"),
            ("g?y/../x", "https://a/b/c/g?y/../x"),
            ("/a b\u{e9}", "https://a/a%20b%C3%A9"),
            ("http://u:p@h:81/x#y", "http://h:81/x"),
            ("HTTPS://h", "https://h/"),
        ];
        for (reference, url) in rows {
            assert_eq!(base.resolve(reference).expect(reference).url(), url, "{reference}");
        }
        for reference in ["mailto:a@b", "ftp://h/", "file:///etc/passwd", "http:g", "http:///x", "//h:x/"] {
            assert!(base.resolve(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn authority_brackets_ipv6_and_omits_port_80() {
        let rows = [("h", 80, "h"), ("h", 8080, "h:8080"), ("::1", 80, "[::1]"), ("::1", 8080, "[::1]:8080")];
        for (host, port, authority) in rows {
            assert_eq!(target(host, port, "/").authority(), authority);
        }
    }

    #[test]
    fn request_path_is_percent_encoded_without_fragment() {
        let rows = [
            ("/a b", "/a%20b"),
            ("/a%20b%2F%c3", "/a%20b%2F%c3"),
            ("/100%", "/100%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/%€", "/%25%E2%82%AC"),
            ("/é", "/%C3%A9"),
            ("/a\r\nB: c\t\0\x7f", "/a%0D%0AB:%20c%09%00%7F"),
            ("/a?b c#d?e", "/a?b%20c"),
            ("#", "/"),
            ("/../a/./b", "/../a/./b"),
            ("/[a]'(b)*;=&,+@!$~", "/[a]'(b)*;=&,+@!$~"),
            ("/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ];
        for (text, path) in rows {
            assert_eq!(request_path(text, PATH_ENCODE_SET), path, "{text:?}");
        }
    }
}
