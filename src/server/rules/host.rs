//! `--host`: names that the server answers to, against DNS rebinding.
//!
//! IP addresses cannot be rebound.

use std::net::Ipv4Addr;

use crate::http::has_host;
use crate::net::host_name;

/// Host name, or `*` and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Vec<u8>);

impl HostName {
    /// Parses `name`, `*.name` or `*`.
    ///
    /// # Errors
    /// Expected syntax.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let name = without_dot(text);
        let rest = name.strip_prefix(b"*.").unwrap_or(name);
        if text == b"*" || has_host(rest) && !rest.iter().any(|byte| b"*:".contains(byte)) {
            return Ok(Self(name.to_vec()));
        }
        Err("it is not a host name without port, such as files.example, nor *.example or *")
    }

    fn matches(&self, name: &[u8]) -> bool {
        let (known, end) = match self.0.strip_prefix(b"*") {
            Some(end) if end.len() < name.len() => (end, name.get(name.len() - end.len()..)),
            _ => (&*self.0, Some(name)),
        };
        end.is_some_and(|end| end.eq_ignore_ascii_case(known))
    }
}

pub(crate) fn local_names() -> impl Iterator<Item = HostName> {
    let own = host_name();
    let label = own.split('.').next().unwrap_or_default().to_owned();
    ["localhost".into(), "*.localhost".into(), own, label].map(|name| HostName(name.into_bytes())).into_iter()
}

pub(crate) fn answers_to(names: &[HostName], host: &[u8]) -> bool {
    let name = without_dot(host);
    let is_ipv4 = || str::from_utf8(name).is_ok_and(|name| name.parse::<Ipv4Addr>().is_ok());
    name.starts_with(b"[") || is_ipv4() || names.iter().any(|known| known.matches(name))
}

/// Whether an option has this name; `*` has none.
pub(crate) fn is_named(names: &[HostName], name: &[u8]) -> bool {
    names.iter().any(|known| known.0 != b"*" && known.matches(without_dot(name)))
}

fn without_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(names: &[&str], host: &str) -> bool {
        let named = names.iter().map(|name| HostName::parse(name.as_bytes()).expect(name));
        answers_to(&local_names().chain(named).collect::<Vec<_>>(), host.as_bytes())
    }

    #[test]
    fn local_names_and_addresses_are_answered() {
        let own = host_name();
        let label = own.split('.').next().unwrap_or_default();
        for host in ["localhost", "LocalHost.", "a.localhost", "a.b.LOCALHOST", "127.0.0.1", "10.1.2.3", &own]
        {
            assert!(answers(&[], host), "{host}");
        }
        for host in ["[::1]", "[fe80::1%25eth0]", &own.to_uppercase(), label] {
            assert!(answers(&[], host), "{host}");
        }
        let others = ["evil.example", ".localhost", "xlocalhost", "localhost.evil.example", "127.0.0.1.evil"];
        for host in
            others.into_iter().chain(["127.1", "0x7f000001", "127.0.0.1.", "localhost..", "a%2elocalhost"])
        {
            assert_eq!(answers(&[], host), host == "127.0.0.1.", "{host}");
        }
    }

    #[test]
    fn host_option_adds_names_ends_or_all() {
        for (name, host, expected) in [
            ("files.example", "Files.Example", true),
            ("FILES.example.", "files.example", true),
            ("files.example", "a.files.example", false),
            ("*.example", "a.b.example", true),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("*", "evil.example", true),
            ("files.example", "localhost", true),
        ] {
            assert_eq!(answers(&[name], host), expected, "{name} for {host}");
        }
    }

    #[test]
    fn host_option_with_port_or_scheme_is_refused() {
        for text in [
            "",
            ".",
            "a:80",
            "http://a",
            "a/b",
            "a b",
            "*a",
            "a.*",
            "*.*",
            "*.",
            "[::1]",
            "user@a",
            "caf\u{e9}",
        ] {
            HostName::parse(text.as_bytes()).expect_err(text);
        }
    }
}
