//! Multi-line record with both heads, for people.
//!
//! A title, `> ` request lines, `< ` response lines (as curl), `* ` close reason, an empty line.
//! Bytes are escaped (`\xHH`, `\\`): no client can forge a line or block.

use std::fmt;

use super::unquoted;
use crate::access_log::record::{LogRecord, LogStyle, LogTls};
use crate::access_log::redact::{self, HeaderField};
use crate::text::append;

pub(crate) fn block(out: &mut Vec<u8>, record: &LogRecord<'_>, style: &LogStyle, time: &[u8]) {
    title(out, record, time);
    if let Some(user) = record.user {
        out.extend_from_slice(b"\n* user ");
        unquoted(out, user);
    }
    if let Some(LogTls { version, cipher, server_name, is_resumed, client }) = record.tls {
        append(out, format_args!("\n* {version}, {cipher}{}", if is_resumed { ", resumed" } else { "" }));
        for (label, name) in [(", for ", server_name), (", client ", client)] {
            if let Some(name) = name {
                out.extend_from_slice(label.as_bytes());
                unquoted(out, name.as_bytes());
            }
        }
    }
    let request_line = if record.request_line.is_empty() { b"-" } else { record.request_line };
    lines(out, b"\n> ", Some(request_line), redact::fields(record.request_head, style));
    let status_line = record.response_head.split(|&byte| byte == b'\r').find(|line| !line.is_empty());
    lines(out, b"\n< ", status_line, redact::fields(record.response_head, style));
    if let Some(words) = record.close_reason {
        out.extend_from_slice(b"\n* closed: ");
        // A write to a `Vec` cannot fail.
        let _ = fmt::write(&mut EscapingWriter(out), format_args!("{words}"));
    }
    out.extend_from_slice(b"\n\n");
}

fn title(out: &mut Vec<u8>, record: &LogRecord<'_>, time: &[u8]) {
    let mut peer = record.peer;
    peer.set_ip(peer.ip().to_canonical());
    out.extend_from_slice(time);
    out.push(b' ');
    match record.host {
        Some(host) => {
            unquoted(out, host.as_bytes());
            append(out, format_args!(" to {peer}: "));
        }
        None => append(out, format_args!("{peer} connection {}: ", record.connection)),
    }
    match record.status {
        Some(status) => append(out, format_args!("{status}, ")),
        None => out.extend_from_slice(b"no answer, "),
    }
    append(out, format_args!("{} bytes in {} us", record.body_bytes, record.duration.as_micros()));
}

fn lines<'a>(
    out: &mut Vec<u8>,
    prefix: &[u8],
    first: Option<&'a [u8]>,
    fields: impl Iterator<Item = HeaderField<'a>>,
) {
    let first = first.map(|name| HeaderField { name, value: None });
    for HeaderField { name, value } in first.into_iter().chain(fields) {
        out.extend_from_slice(prefix);
        unquoted(out, name);
        if let Some(value) = value {
            out.extend_from_slice(b": ");
            unquoted(out, value);
        }
    }
}

struct EscapingWriter<'a>(&'a mut Vec<u8>);

impl fmt::Write for EscapingWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        unquoted(self.0, text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::tests::{arbitrary_head, record, undo_unquoted, wire};

    use proptest::prelude::*;

    fn rendered(record: &LogRecord<'_>, style: &LogStyle) -> String {
        let mut out = Vec::new();
        block(&mut out, record, style, b"2026-11-20T12:52:23.000007+01:00");
        String::from_utf8(out).expect("a block is ASCII")
    }

    #[test]
    fn a_block_shows_both_heads() {
        let record = LogRecord {
            close_reason: Some(&"finished"),
            request_head: b"GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n\r\n",
            response_head: b"HTTP/1.1 200 OK\r\nServer: s\r\n\r\n",
            ..record()
        };
        let lines = [
            "2026-11-20T12:52:23.000007+01:00 127.0.0.1:4000 connection 7: 200, 5 bytes in 123 us",
            "> GET / HTTP/1.1",
            "> Host: a",
            "> Cookie: (redacted)",
            "< HTTP/1.1 200 OK",
            "< Server: s",
            "* closed: finished",
            "\n",
        ];
        assert_eq!(rendered(&record, &LogStyle::default()), lines.join("\n"));
    }

    #[test]
    fn exchange_without_request_line_or_response_is_a_block() {
        let record = LogRecord { host: Some("here"), request_line: b"", status: None, ..record() };
        let lines = [
            "2026-11-20T12:52:23.000007+01:00 here to 127.0.0.1:4000: no answer, 5 bytes in 123 us",
            "> -",
            "\n",
        ];
        assert_eq!(rendered(&record, &LogStyle::default()), lines.join("\n"));
    }

    proptest! {
        #[test]
        fn block_round_trips_any_heads(
            request_line in proptest::collection::vec(any::<u8>(), 1..60),
            (request, response) in (arbitrary_head(), arbitrary_head()),
        ) {
            let (request_head, response_head) = (wire(&request), wire(&response));
            let record =
                LogRecord { request_line: &request_line, request_head: &request_head, response_head: &response_head, ..record() };
            let text = rendered(&record, &LogStyle { shows_secrets: true, ..LogStyle::default() });
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
            prop_assert_eq!(text.find("\n\n"), Some(text.len() - 2));
            let back = |prefix: &str| -> Vec<Vec<u8>> {
                text.lines().skip(1).filter_map(|line| line.strip_prefix(prefix)).map(|line| undo_unquoted(line).unwrap()).collect()
            };
            let joined = |(name, value): &(Vec<u8>, Vec<u8>)| [&name[..], b": ", value].concat();
            let sent: Vec<_> = std::iter::once(request_line.clone()).chain(request.iter().map(joined)).collect();
            prop_assert_eq!(back("> "), sent);
            let answered: Vec<_> = std::iter::once(b"GET / HTTP/1.1".to_vec()).chain(response.iter().map(joined)).collect();
            prop_assert_eq!(back("< "), answered);
            prop_assert_eq!(text.lines().count(), 4 + request.len() + response.len());
        }

        #[test]
        fn any_head_bytes_give_exactly_one_block(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let record = LogRecord { request_line: &head, request_head: &head, response_head: &head, ..record() };
            let text = rendered(&record, &LogStyle::default());
            prop_assert_eq!(text.find("\n\n"), Some(text.len() - 2));
            prop_assert!(text.lines().skip(1).all(|line| line.is_empty() || line.starts_with("> ") || line.starts_with("< ")));
        }
    }
}
