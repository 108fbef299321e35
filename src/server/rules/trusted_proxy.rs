//! `--trusted-proxy`: the client's address from `Forwarded` (RFC 7239) or `X-Forwarded-For`.
//!
//! A client can write any address: those before the last untrusted one do not count.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::http::Fields;
use crate::text::split_once;

/// IP addresses with a common prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Parses `10.0.0.0/8`, or one address.
    ///
    /// # Errors
    /// Expected syntax.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(text).unwrap_or_default();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| "it is not an IP address or a network, such as 10.0.0.0/8 or ::1")
    }
}

pub(crate) fn is_trusted(proxies: &[Network], addr: SocketAddr) -> bool {
    proxies.iter().any(|network| network.0.contains(&addr.ip()))
}

/// An unknown port is 0.
pub(crate) fn client_address(proxies: &[Network], peer: SocketAddr, fields: Fields<'_, '_>) -> SocketAddr {
    let client = |name, address_of: fn(&[u8]) -> Option<&[u8]>| {
        let lines: Vec<&[u8]> = fields.all(name).collect();
        let mut hops = lines.iter().rev().flat_map(|line| rsplit_unquoted(line, b','));
        let mut client = peer;
        while is_trusted(proxies, client)
            && let Some(next) = hops.next().and_then(address_of).and_then(parse_node)
        {
            client = next;
        }
        client
    };
    let (forwarded, other) =
        (client("forwarded", forwarded_for), client("x-forwarded-for", |hop| Some(hop.trim_ascii())));
    match () {
        () if other == peer || other.ip() == forwarded.ip() => forwarded,
        () if forwarded == peer => other,
        // A proxy passes on the field that it does not set: one is forged.
        () => peer,
    }
}

fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    let mut pairs = rsplit_unquoted(element, b';').filter_map(|pair| split_once(pair, b'='));
    pairs.find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"for")).map(|(_, value)| value)
}

/// From the end, which the trusted proxy wrote.
fn rsplit_unquoted(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    bytes.rsplit(move |&byte| {
        is_quoted ^= byte == b'"';
        byte == separator && !is_quoted
    })
}

/// RFC 7239 section 6.
fn parse_node(node: &[u8]) -> Option<SocketAddr> {
    let node = str::from_utf8(node).ok()?.trim().trim_matches('"');
    let ip = || node.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let addr = node.parse().ok().or_else(|| Some(SocketAddr::new(ip()?, 0)))?;
    Some(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{FieldBuf, parse_request};

    fn network(text: &str) -> Network {
        Network::parse(text.as_bytes()).expect(text)
    }

    /// Client of a request with these fields from `10.0.0.1`; 10.0.0.0/8 and fd00::/8 are trusted.
    fn client(fields: &str) -> String {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let mut space = FieldBuf::new();
        let (_, head) = parse_request(request.as_bytes(), &mut 0, &mut space).unwrap().unwrap();
        let proxies = [network("10.0.0.0/8"), network("fd00::/8")];
        client_address(&proxies, ([10, 0, 0, 1], 4000).into(), head.fields).to_string()
    }

    #[test]
    fn network_contains_addresses_of_its_prefix() {
        for (text, ip, expected) in [
            ("10.1.2.3/8", "10.255.0.0", true),
            ("10.1.2.3/8", "11.0.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fe80::1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::1", "::1", true),
            ("192.0.2.128/25", "192.0.2.127", false),
        ] {
            assert_eq!(network(text).0.contains(&ip.parse::<IpAddr>().unwrap()), expected, "{text} {ip}");
        }
    }

    #[test]
    fn network_in_other_form_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0/8",
            "::/129",
            "[::1]",
            "a",
            "10.0.0.1:80",
        ] {
            Network::parse(text.as_bytes()).expect_err(text);
        }
    }

    #[test]
    fn client_is_rightmost_address_that_is_not_trusted() {
        for (fields, expected) in [
            ("", "10.0.0.1:4000"),
            ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7:0"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.9.9.9\r\n", "192.0.2.7:0"),
            ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7,fd00::1\r\n", "192.0.2.7:0"),
            ("X-Forwarded-For: 192.0.2.7:443\r\n", "192.0.2.7:443"),
            ("X-Forwarded-For: 2001:db8::7\r\n", "[2001:db8::7]:0"),
            ("X-Forwarded-For: [2001:db8::7]:443\r\n", "[2001:db8::7]:443"),
            ("X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7:0"),
            ("X-Forwarded-For: 10.0.0.2, 10.0.0.3\r\n", "10.0.0.2:0"),
            ("X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.3\r\n", "10.0.0.3:0"),
            ("X-Forwarded-For: 6.6.6.6,\r\n", "10.0.0.1:4000"),
            ("X-Forwarded-For: \u{e9}\r\n", "10.0.0.1:4000"),
            ("Forwarded: for=192.0.2.7\r\n", "192.0.2.7:0"),
            ("Forwarded: proto=https; For=\"[2001:db8::7]:80\" ;by=10.0.0.1\r\n", "[2001:db8::7]:80"),
            ("Forwarded: for=6.6.6.6, for=192.0.2.7;host=\"a,b;for=1.1.1.1\"\r\n", "192.0.2.7:0"),
            ("Forwarded: for=\"6.6.6.6, for=192.0.2.7\r\n", "192.0.2.7:0"),
            ("Forwarded: for=6.6.6.6, proto=https\r\n", "10.0.0.1:4000"),
            ("Forwarded: for=_hidden, for=10.0.0.2\r\n", "10.0.0.2:0"),
        ] {
            assert_eq!(client(fields), expected, "{fields}");
        }
    }

    #[test]
    fn client_of_two_fields_that_differ_is_the_peer() {
        let both = |forwarded: &str| {
            client(&format!("Forwarded: for={forwarded}\r\nX-Forwarded-For: 192.0.2.7\r\n"))
        };
        assert_eq!(both("192.0.2.7"), "192.0.2.7:0");
        assert_eq!(both("6.6.6.6"), "10.0.0.1:4000");
        assert_eq!(both("unknown"), "192.0.2.7:0");
    }

    #[test]
    fn client_of_untrusted_peer_is_the_peer() {
        let request = b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
        let mut space = FieldBuf::new();
        let (_, head) = parse_request(request, &mut 0, &mut space).unwrap().unwrap();
        let peer = ([192, 0, 2, 1], 4000).into();
        assert_eq!(client_address(&[network("10.0.0.0/8")], peer, head.fields), peer);
        assert_eq!(client_address(&[], peer, head.fields), peer);
    }
}
