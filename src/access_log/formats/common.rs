//! The common log format of NCSA httpd, which the combined one begins with.
//!
//! `peer - - [time] "request line" status bytes`. Whatever a client sends, it cannot end a field or a
//! line, nor bring control sequences to the terminal of whoever reads the log. It never allocates.

use std::io::Write;
use std::net::IpAddr;

use super::{decimal, quoted};
use crate::access_log::Record;

/// Appends the line of one record, whose time is already text.
pub(in crate::access_log) fn line(out: &mut Vec<u8>, record: &Record<'_>, time: &[u8]) {
    fields(out, record, time);
    out.push(b'\n');
}

/// The same without the end of the line.
pub(super) fn fields(out: &mut Vec<u8>, record: &Record<'_>, time: &[u8]) {
    // `::ffff:192.0.2.1` is a client of IPv4 on a socket that listens for both: `192.0.2.1`.
    address(out, record.peer.ip().to_canonical());
    out.extend_from_slice(b" - - [");
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
        // Writing to a vector cannot fail.
        IpAddr::V6(ip) => _ = write!(out, "{ip}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::tests::record;

    #[test]
    fn a_line_reads_as_it_did_in_1995() {
        let mut out = Vec::new();
        line(&mut out, &record(), b"20/Nov/2026:12:52:23 +0000");
        let text = str::from_utf8(&out).unwrap();
        assert_eq!(text, "127.0.0.1 - - [20/Nov/2026:12:52:23 +0000] \"GET / HTTP/1.1\" 200 5\n");
    }

    #[test]
    fn an_exchange_without_an_answer_has_no_status() {
        let mut out = Vec::new();
        line(&mut out, &Record { status: None, body_bytes: 0, ..record() }, b"");
        assert!(out.ends_with(b"\"GET / HTTP/1.1\" - 0\n"), "{out:?}");
    }
}
