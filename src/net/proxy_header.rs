//! PROXY protocol, version 2: a first header names the client.
//!
//! Source: proxy-protocol.txt of HAProxy.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;

use super::CloseReason;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// With extensions, far above what proxies send.
const PROXY_HEADER_LEN_MAX: usize = 4096;

const MALFORMED: CloseReason = CloseReason::Refused("a malformed PROXY header");

/// The client that the header names, if there is one. `None` needs more input.
pub(super) fn receive(socket: &mut TcpStream) -> Result<Option<Option<SocketAddr>>, CloseReason> {
    let mut buffer = [0; PROXY_HEADER_LEN_MAX];
    let failed = |error: io::Error| CloseReason::Failed(error.kind());
    let len = match socket.peek(&mut buffer) {
        Ok(0) => return Err(CloseReason::PeerClosed),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        peeked => peeked.map_err(failed)?,
    };
    let Some((len, client)) = parse_proxy_header(buffer.get(..len).unwrap_or_default())? else {
        return Ok(None);
    };
    socket.read_exact(buffer.get_mut(..len).unwrap_or_default()).map_err(failed)?;
    Ok(Some(client))
}

/// Length and client of the header; 0 if there is none. `None` needs more input.
pub fn parse_proxy_header(bytes: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, CloseReason> {
    if bytes.iter().zip(&SIGNATURE).any(|(byte, expected)| byte != expected) {
        return Ok(Some((0, None)));
    }
    let Some((&[version, family, len @ ..], rest)) =
        bytes.get(SIGNATURE.len()..).and_then(<[u8]>::split_first_chunk::<4>)
    else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes(len));
    let header_len = SIGNATURE.len() + 4 + len;
    if header_len > PROXY_HEADER_LEN_MAX {
        return Err(MALFORMED);
    }
    let Some(rest) = rest.get(..len) else { return Ok(None) };
    let client = match (version, family) {
        (0x21, 0x11) => client_address(rest.first_chunk::<4>().copied(), rest.get(8..12)),
        (0x21, 0x21) => client_address(rest.first_chunk::<16>().copied(), rest.get(32..36)),
        // LOCAL, or no address of TCP.
        (0x20, _) | (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => return Ok(Some((header_len, None))),
        _ => None,
    };
    Ok(Some((header_len, Some(client.ok_or(MALFORMED)?))))
}

fn client_address(ip: Option<impl Into<IpAddr>>, ports: Option<&[u8]>) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip?.into().to_canonical(), u16::from_be_bytes(*ports?.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version, family], &len, rest].concat()
    }

    const V4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x11, 0x22, 0, 80];

    #[test]
    fn header_whole_in_parts_and_with_more_names_client() {
        let v6 = [&[0x20, 1, 0xd, 0xb8], &[0; 11][..], &[7], &[0; 16], &[0x11, 0x22, 0, 80]].concat();
        let extended = [V4, &[4, 0, 1, 0], &[0; 900]].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, V4), Some("192.0.2.7:4386")),
            (header(0x21, 0x21, &v6), Some("[2001:db8::7]:4386")),
            (header(0x21, 0x11, &extended), Some("192.0.2.7:4386")),
            (header(0x20, 0x11, V4), None),
            (header(0x20, 0, b""), None),
            (header(0x21, 0, V4), None),
            (header(0x21, 0x31, &[0; 216]), None),
        ] {
            let expected = Some((bytes.len(), expected.map(|client| client.parse().unwrap())));
            assert_eq!(parse_proxy_header(&bytes), Ok(expected));
            assert_eq!(parse_proxy_header(&[&bytes[..], b"GET / HTTP/1.1"].concat()), Ok(expected));
            for len in 1..bytes.len() {
                assert_eq!(parse_proxy_header(&bytes[..len]), Ok(None), "{len}");
            }
        }
    }

    #[test]
    fn header_malformed_or_too_long_is_refused() {
        for bytes in [
            header(0x11, 0x11, V4),
            header(0x22, 0x11, V4),
            header(0x21, 0x11, &V4[..11]),
            header(0x21, 0x21, V4),
            header(0x21, 0x13, V4),
            header(0x21, 0x41, V4),
            header(0x21, 0x11, &[0; PROXY_HEADER_LEN_MAX]),
        ] {
            assert_eq!(parse_proxy_header(&bytes), Err(MALFORMED), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn other_first_bytes_are_no_header() {
        for bytes in [&b"GET / HTTP/1.1"[..], b"\x16\x03", b"\r\nGET", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"]
        {
            assert_eq!(parse_proxy_header(bytes), Ok(Some((0, None))));
        }
    }
}
