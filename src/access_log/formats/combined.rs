//! Common log format (NCSA httpd) and combined format (Apache, nginx).
//!
//! Common: `peer - user [time] "request line" status bytes`. Combined adds ` "referer" "user agent"`,
//! for GoAccess and similar tools. No input can end a field or line, or send control sequences to a
//! terminal.

use std::net::IpAddr;

use super::{decimal, quoted, word};
use crate::access_log::record::LogRecord;
use crate::text::append;

pub(crate) fn line(out: &mut Vec<u8>, record: &LogRecord<'_>, is_combined: bool, time: &[u8]) {
    // IPv4 client on a dual-stack socket: `::ffff:192.0.2.1` becomes `192.0.2.1`.
    address(out, record.peer.ip().to_canonical());
    out.extend_from_slice(b" - ");
    word(out, record.user);
    out.extend_from_slice(b" [");
    out.extend_from_slice(time);
    out.extend_from_slice(b"] ");
    let request_line = (!record.request_line.is_empty()).then_some(record.request_line);
    quoted(out, request_line);
    out.push(b' ');
    match record.status {
        Some(status) => decimal(out, status.into()),
        None => out.push(b'-'),
    }
    out.push(b' ');
    decimal(out, record.body_bytes);
    if is_combined {
        for value in [record.referer, record.user_agent] {
            out.push(b' ');
            quoted(out, value);
        }
    }
    out.push(b'\n');
}

fn address(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (index, part) in ip.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                decimal(out, part.into());
            }
        }
        IpAddr::V6(ip) => append(out, format_args!("{ip}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::tests::record as plain_record;

    use proptest::prelude::*;

    const TIME: &[u8] = b"20/Nov/2026:12:52:23 +0000";

    fn rendered(record: &LogRecord<'_>) -> String {
        let mut out = Vec::new();
        line(&mut out, record, true, TIME);
        String::from_utf8(out).expect("a line is ASCII")
    }

    fn record<'a>(request_line: &'a [u8], referer: Option<&'a [u8]>) -> LogRecord<'a> {
        LogRecord {
            peer: "192.0.2.7:4000".parse().unwrap(),
            request_line,
            body_bytes: 1024,
            referer,
            user_agent: Some(b"curl/8.5.0"),
            ..plain_record()
        }
    }

    /// Fields of a line, unescaped as a log reader would.
    fn parse_back(line: &str) -> Option<Vec<Vec<u8>>> {
        let line = line.strip_suffix('\n')?;
        let (peer, rest) = line.split_once(" - - [")?;
        let (time, rest) = rest.split_once("] ")?;
        let (request_line, rest) = unquote(rest)?;
        let (status, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        let (bytes, rest) = rest.split_once(' ')?;
        let (referer, rest) = unquote(rest)?;
        let (user_agent, rest) = unquote(rest.strip_prefix(' ')?)?;
        rest.is_empty().then(|| {
            let plain = [peer, time, status, bytes].map(|text| text.as_bytes().to_vec());
            [&plain[..], &[request_line, referer, user_agent]].concat()
        })
    }

    fn unquote(text: &str) -> Option<(Vec<u8>, &str)> {
        let mut value = Vec::new();
        let mut rest = text.strip_prefix('"')?;
        loop {
            let byte = *rest.as_bytes().first()?;
            rest = &rest[1..];
            match byte {
                b'"' => return Some((value, rest)),
                b'\\' if rest.starts_with('x') => {
                    value.push(u8::from_str_radix(rest.get(1..3)?, 16).ok()?);
                    rest = &rest[3..];
                }
                b'\\' => {
                    value.push(*rest.as_bytes().first()?);
                    rest = &rest[1..];
                }
                b' '..=b'~' => value.push(byte),
                _ => return None,
            }
        }
    }

    #[test]
    fn combined_line_matches_apache_and_nginx() {
        let text = rendered(&record(b"GET /a?b HTTP/1.1", Some(b"http://h/")));
        assert_eq!(
            text,
            "192.0.2.7 - - [20/Nov/2026:12:52:23 +0000] \"GET /a?b HTTP/1.1\" 200 1024 \
             \"http://h/\" \"curl/8.5.0\"\n"
        );
    }

    #[test]
    fn ipv4_mapped_peer_prints_as_ipv4() {
        let rows = [("::ffff:192.0.2.1", "192.0.2.1 "), ("::1", "::1 "), ("2001:db8::7", "2001:db8::7 ")];
        for (peer, start) in rows {
            let mut record = record(b"GET / HTTP/1.1", None);
            record.peer = (peer.parse::<std::net::IpAddr>().unwrap(), 4000).into();
            assert!(rendered(&record).starts_with(start), "{peer}");
        }
    }

    #[test]
    fn absent_field_is_a_hyphen_and_empty_field_is_empty() {
        let mut record = record(b"", Some(b""));
        record.user_agent = None;
        record.body_bytes = 0;
        assert!(rendered(&record).ends_with("] \"-\" 200 0 \"\" \"-\"\n"));
    }

    #[test]
    fn dangerous_bytes_are_escaped() {
        let rows: [(&[u8], &str); 8] = [
            (b"a\"b", "a\\\"b"),
            (b"a\\b", "a\\\\b"),
            (b"a\r\nb", "a\\x0D\\x0Ab"),
            (b"\x1b[31m", "\\x1B[31m"),
            (b"\0", "\\x00"),
            (b"\t", "\\x09"),
            (b"\x7f", "\\x7F"),
            ("é".as_bytes(), "\\xC3\\xA9"),
        ];
        for (sent, shown) in rows {
            let text = rendered(&record(sent, None));
            assert!(text.contains(&format!("] \"{shown}\" 200 ")), "{text}");
        }
    }

    #[test]
    fn common_line_matches_ncsa_httpd() {
        let mut out = Vec::new();
        line(&mut out, &plain_record(), false, b"20/Nov/2026:12:52:23 +0000");
        let text = str::from_utf8(&out).unwrap();
        assert_eq!(text, "127.0.0.1 - - [20/Nov/2026:12:52:23 +0000] \"GET / HTTP/1.1\" 200 5\n");
    }

    #[test]
    fn record_without_status_prints_a_hyphen() {
        let mut out = Vec::new();
        line(&mut out, &LogRecord { status: None, body_bytes: 0, ..plain_record() }, false, b"");
        assert!(out.ends_with(b"\"GET / HTTP/1.1\" - 0\n"), "{out:?}");
    }

    proptest! {
        #[test]
        fn combined_line_round_trips_any_bytes(
            request_line in proptest::collection::vec(any::<u8>(), 1..60),
            referer in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60)),
            // Mostly bytes that an attacker would try.
            user_agent in proptest::collection::vec(
                prop_oneof![Just(b'"'), Just(b'\\'), Just(b'\n'), Just(b'x'), any::<u8>()], 0..60),
            status in 100_u16..600,
            body_bytes in any::<u64>(),
        ) {
            let mut record = record(&request_line, referer.as_deref());
            record.user_agent = Some(&user_agent);
            record.status = Some(status);
            record.body_bytes = body_bytes;
            let text = rendered(&record);
            prop_assert_eq!(text.matches('\n').count(), 1);
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
            let fields = vec![
                b"192.0.2.7".to_vec(),
                TIME.to_vec(),
                status.to_string().into_bytes(),
                body_bytes.to_string().into_bytes(),
                request_line.clone(),
                referer.clone().unwrap_or(b"-".to_vec()),
                user_agent.clone(),
            ];
            prop_assert_eq!(parse_back(&text), Some(fields));
        }
    }
}
