//! One JSON object a line (RFC 8259, "JSON Lines"), for programs.
//!
//! Every line has the same keys in the same order: `time` (RFC 3339, microseconds, local time with its
//! offset), `host` (the client's log only: the machine that asks), `connection` (a number), `peer`,
//! `port`, `method`, `target`, `version`, `request_line`, `request_headers`, `status`,
//! `response_headers`, `body_bytes`, `duration_us`, `close_reason`, `protocol`. Headers are pairs
//! `[name, value]` in wire order; a line without a colon is `[line, null]`. Where the request line is no
//! method, target and version, these three are null and `request_line` has it; otherwise that is null.
//!
//! Bytes that are UTF-8 are a string. Others are `{"latin1": string}`, in which each character stands for
//! the byte of its number: nothing is lost, and no string can be taken for it. What could play tricks
//! on a reader's terminal is written as `\u` escapes. It never allocates.

use std::fmt::{self, Display};
use std::io::Write;

use crate::access_log::Record;
use crate::access_log::record::Style;
use crate::access_log::redact;

/// Appends the line of one record, whose time is already text.
pub(in crate::access_log) fn line(out: &mut Vec<u8>, record: &Record<'_>, style: &Style, time: &[u8]) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(time);
    out.push(b'"');
    if let Some(host) = record.host {
        out.extend_from_slice(b",\"host\":");
        value(out, host.as_bytes());
    }
    let (peer, port) = (record.peer.ip().to_canonical(), record.peer.port());
    // Writing to a vector cannot fail.
    let _ =
        write!(out, ",\"connection\":{},\"peer\":\"{peer}\",\"port\":{port},\"method\":", record.connection);
    request_line(out, record.request_line);
    out.extend_from_slice(b",\"request_headers\":");
    headers(out, record.request_head, style);
    let _ = match record.status {
        Some(status) => write!(out, ",\"status\":{status},\"response_headers\":"),
        None => write!(out, ",\"status\":null,\"response_headers\":"),
    };
    headers(out, record.response_head, style);
    let (bytes, micros) = (record.body_bytes, record.duration.as_micros());
    let _ = write!(out, ",\"body_bytes\":{bytes},\"duration_us\":{micros},\"close_reason\":");
    match record.closed {
        Some(words) => displayed(out, words),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"protocol\":");
    value(out, record.protocol.as_bytes());
    out.extend_from_slice(b"}\n");
}

/// The values of method, target and version, with the names of those that follow, and of the whole line.
fn request_line(out: &mut Vec<u8>, line: &[u8]) {
    let mut parts = line.split(|&byte| byte == b' ');
    let words = [parts.next(), parts.next(), parts.next()].map(|part| part.filter(|part| !part.is_empty()));
    let [method, target, version] = match (words, parts.next()) {
        ([Some(_), Some(_), Some(version)], None) if version.starts_with(b"HTTP/") => words,
        _ => [None; 3],
    };
    for (part, next) in [(method, ",\"target\":"), (target, ",\"version\":"), (version, ",\"request_line\":")]
    {
        optional(out, part);
        out.extend_from_slice(next.as_bytes());
    }
    optional(out, method.is_none().then_some(line));
}

fn headers(out: &mut Vec<u8>, bytes: &[u8], style: &Style) {
    out.push(b'[');
    for (index, field) in redact::fields(bytes, style).enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        value(out, field.name);
        out.push(b',');
        optional(out, field.value);
        out.push(b']');
    }
    out.push(b']');
}

fn optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => value(out, bytes),
        None => out.extend_from_slice(b"null"),
    }
}

/// Any bytes.
fn value(out: &mut Vec<u8>, bytes: &[u8]) {
    match str::from_utf8(bytes) {
        Ok(text) => string(out, text.chars()),
        Err(_) => {
            out.extend_from_slice(b"{\"latin1\":");
            string(out, bytes.iter().map(|&byte| char::from(byte)));
            out.push(b'}');
        }
    }
}

fn displayed(out: &mut Vec<u8>, words: &dyn Display) {
    out.push(b'"');
    // Writing to a vector cannot fail.
    let _ = fmt::write(&mut Escaped(out), format_args!("{words}"));
    out.push(b'"');
}

fn string(out: &mut Vec<u8>, characters: impl Iterator<Item = char>) {
    out.push(b'"');
    for character in characters {
        push(out, character);
    }
    out.push(b'"');
}

/// Escapes what is displayed into it.
struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().for_each(|character| push(self.0, character));
        Ok(())
    }
}

/// One character of a string (RFC 8259 section 7).
fn push(out: &mut Vec<u8>, character: char) {
    match character {
        '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
        ' '..='~' => out.push(character as u8),
        _ if is_tricky(character) => {
            // All of these are below U+10000: no surrogate pairs. Writing to a vector cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        }
        _ => {
            let mut bytes = [0; 4];
            out.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
        }
    }
}

/// Controls, line separators, and marks that are invisible or turn the direction of writing.
fn is_tricky(character: char) -> bool {
    let is_mark = matches!(character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    character.is_control() || is_mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::tests::{arbitrary_head, record, wire};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    const TIME: &[u8] = b"2026-11-20T12:52:23.000007+01:00";

    fn rendered(record: &Record<'_>, style: &Style) -> String {
        let mut out = Vec::new();
        line(&mut out, record, style, TIME);
        String::from_utf8(out).expect("a line is UTF-8")
    }

    /// The bytes that a value stands for.
    fn bytes_of(value: &Value) -> Option<Vec<u8>> {
        match value {
            Value::String(text) => Some(text.as_bytes().to_vec()),
            Value::Object(object) => {
                let text = object.get("latin1").filter(|_| object.len() == 1)?.as_str()?;
                text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
            }
            _ => None,
        }
    }

    fn headers_of(value: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pair = |pair: &Value| (bytes_of(&pair[0]).unwrap(), bytes_of(&pair[1]).unwrap());
        value.as_array().unwrap().iter().map(pair).collect()
    }

    #[test]
    fn a_line_is_an_object_that_tells_everything() {
        let record = Record {
            closed: Some(&"refused: \"it\""),
            request_head: b"GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n\r\n",
            response_head: b"HTTP/1.1 200 OK\r\nServer: s\r\n\r\n",
            ..record()
        };
        let text = rendered(&record, &Style::default());
        assert!(
            text.starts_with("{\"time\":\"2026-11-20T12:52:23.000007+01:00\",\"connection\":7,"),
            "{text}"
        );
        let expected = json!({
            "time": "2026-11-20T12:52:23.000007+01:00",
            "connection": 7,
            "peer": "127.0.0.1",
            "port": 4000,
            "method": "GET",
            "target": "/",
            "version": "HTTP/1.1",
            "request_line": null,
            "request_headers": [["Host", "a"], ["Cookie", "(redacted)"]],
            "status": 200,
            "response_headers": [["Server", "s"]],
            "body_bytes": 5,
            "duration_us": 123,
            "close_reason": "refused: \"it\"",
            "protocol": "HTTP/1.1",
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn a_request_line_that_makes_no_sense_is_told_whole() {
        let lines: [&[u8]; 7] =
            [b"", b"GET", b"GET / ", b"GET  / HTTP/1.1", b"a b c", b"a b HTTP/1 d", b"\xff"];
        for line in lines {
            let record = Record { request_line: line, ..record() };
            let told: Value = serde_json::from_str(&rendered(&record, &Style::default())).unwrap();
            assert_eq!([&told["method"], &told["target"], &told["version"]], [&Value::Null; 3]);
            assert_eq!(bytes_of(&told["request_line"]).unwrap(), line);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_have_a_form_of_their_own() {
        let mut out = Vec::new();
        value(&mut out, "caf\u{e9} \u{61c}\u{202e}\u{9b}\u{7f}\n".as_bytes());
        assert_eq!(str::from_utf8(&out).unwrap(), "\"caf\u{e9} \\u061c\\u202e\\u009b\\u007f\\u000a\"");
        out.clear();
        value(&mut out, b"caf\xe9\x9b");
        assert_eq!(str::from_utf8(&out).unwrap(), "{\"latin1\":\"caf\u{e9}\\u009b\"}");
    }

    #[test]
    fn the_log_of_a_client_names_its_host_and_may_have_no_answer() {
        let record = Record { host: Some("here"), status: None, ..record() };
        let told: Value = serde_json::from_str(&rendered(&record, &Style::default())).unwrap();
        assert_eq!((&told["host"], &told["status"]), (&json!("here"), &Value::Null));
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_one_line_that_a_parser_reads_back(
            request_line in proptest::collection::vec(any::<u8>(), 0..60),
            (request, response) in (arbitrary_head(), arbitrary_head()),
        ) {
            let (request_head, response_head) = (wire(&request), wire(&response));
            let record =
                Record { request_line: &request_line, request_head: &request_head, response_head: &response_head, ..record() };
            let text = rendered(&record, &Style { secrets: true, ..Style::default() });
            prop_assert_eq!(text.matches('\n').count(), 1);
            prop_assert!(!text.trim_end_matches('\n').chars().any(char::is_control));
            let told: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(headers_of(&told["request_headers"]), request);
            prop_assert_eq!(headers_of(&told["response_headers"]), response);
            let line = match bytes_of(&told["request_line"]) {
                Some(line) => line,
                None => ["method", "target", "version"].map(|key| bytes_of(&told[key]).unwrap()).join(&b' '),
            };
            prop_assert_eq!(line, request_line);
        }

        #[test]
        fn any_bytes_for_a_head_are_one_line_of_json(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let record = Record { request_line: &head, request_head: &head, response_head: &head, ..record() };
            let text = rendered(&record, &Style::default());
            prop_assert_eq!(text.matches('\n').count(), 1);
            let told: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(told.as_object().unwrap().len(), 15);
        }
    }
}
