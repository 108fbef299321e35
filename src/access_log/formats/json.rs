//! JSON Lines format (RFC 8259): one object per line.
//!
//! Keys, in this order: `time` (RFC 3339, local, microseconds), `host` (client's log only),
//! `connection`, `peer`, `port`, `user` (if logged in), `method`, `target`, `version`, `request_line`, `request_headers`,
//! `status`, `response_headers`, `body_bytes`, `duration_us`, `close_reason`, `protocol`; over TLS also
//! `tls_resumed`, `tls_version`, `tls_cipher`, `tls_server_name`, `tls_client`. Headers
//! are `[name, value]` in wire order, or `[line, null]` without a colon. `request_line` is null
//! unless malformed; then `method`, `target` and `version` are null.
//!
//! Non-UTF-8 bytes become `{"latin1": string}`: lossless, distinct from any string. Deceptive
//! characters are `\u` escapes.

use std::fmt::Write as _;

use crate::access_log::record::{LogRecord, LogStyle};
use crate::access_log::redact;
use crate::text::{append, json_string};

pub(crate) fn line(out: &mut Vec<u8>, record: &LogRecord<'_>, style: &LogStyle, time: &[u8]) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(time);
    out.push(b'"');
    if let Some(host) = record.host {
        out.extend_from_slice(b",\"host\":");
        json_string(out, |content| content.write_str(host));
    }
    let (peer, port) = (record.peer.ip().to_canonical(), record.peer.port());
    append(out, format_args!(",\"connection\":{},\"peer\":\"{peer}\",\"port\":{port}", record.connection));
    if record.user.is_some() {
        member(out, ",\"user\":", record.user);
    }
    let keys = [",\"method\":", ",\"target\":", ",\"version\":", ",\"request_line\":"];
    for (key, part) in keys.into_iter().zip(request_line(record.request_line)) {
        member(out, key, part);
    }
    out.extend_from_slice(b",\"request_headers\":");
    headers(out, record.request_head, style);
    match record.status {
        Some(status) => append(out, format_args!(",\"status\":{status},\"response_headers\":")),
        None => out.extend_from_slice(b",\"status\":null,\"response_headers\":"),
    }
    headers(out, record.response_head, style);
    let (bytes, micros) = (record.body_bytes, record.duration.as_micros());
    append(out, format_args!(",\"body_bytes\":{bytes},\"duration_us\":{micros},\"close_reason\":"));
    match record.close_reason {
        Some(words) => json_string(out, |content| write!(content, "{words}")),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"protocol\":");
    json_string(out, |content| content.write_str(record.protocol));
    if let Some(tls) = record.tls {
        append(out, format_args!(",\"tls_resumed\":{}", tls.is_resumed));
        member(out, ",\"tls_version\":", Some(tls.version.as_bytes()));
        member(out, ",\"tls_cipher\":", Some(tls.cipher.as_bytes()));
        member(out, ",\"tls_server_name\":", tls.server_name.map(str::as_bytes));
        member(out, ",\"tls_client\":", tls.client.map(str::as_bytes));
    }
    out.extend_from_slice(b"}\n");
}

fn request_line(line: &[u8]) -> [Option<&[u8]>; 4] {
    let mut words = line.split(|&byte| byte == b' ');
    match [words.next(), words.next(), words.next(), words.next()] {
        [Some(method), Some(target), Some(version), None]
            if !method.is_empty() && !target.is_empty() && version.starts_with(b"HTTP/") =>
        {
            [Some(method), Some(target), Some(version), None]
        }
        _ => [None, None, None, Some(line)],
    }
}

fn headers(out: &mut Vec<u8>, head: &[u8], style: &LogStyle) {
    out.push(b'[');
    for (index, field) in redact::fields(head, style).enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        value(out, Some(field.name));
        out.push(b',');
        value(out, field.value);
        out.push(b']');
    }
    out.push(b']');
}

fn member(out: &mut Vec<u8>, key: &str, bytes: Option<&[u8]>) {
    out.extend_from_slice(key.as_bytes());
    value(out, bytes);
}

fn value(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return out.extend_from_slice(b"null") };
    match str::from_utf8(bytes) {
        Ok(text) => json_string(out, |content| content.write_str(text)),
        Err(_) => {
            out.extend_from_slice(b"{\"latin1\":");
            json_string(out, |content| {
                bytes.iter().try_for_each(|&byte| content.write_char(char::from(byte)))
            });
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::tests::{arbitrary_head, record, wire};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    const TIME: &[u8] = b"2026-11-20T12:52:23.000007+01:00";

    fn rendered(record: &LogRecord<'_>, style: &LogStyle) -> String {
        let mut out = Vec::new();
        line(&mut out, record, style, TIME);
        String::from_utf8(out).expect("a line is UTF-8")
    }

    /// Decodes the bytes of a JSON value.
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
    fn line_is_an_object_with_every_key() {
        let record = LogRecord {
            close_reason: Some(&"refused: \"it\""),
            request_head: b"GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n\r\n",
            response_head: b"HTTP/1.1 200 OK\r\nServer: s\r\n\r\n",
            ..record()
        };
        let text = rendered(&record, &LogStyle::default());
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
    fn malformed_request_line_is_logged_whole() {
        let lines: [&[u8]; 9] = [
            b"",
            b"GET",
            b"GET / ",
            b"GET  / HTTP/1.1",
            b" GET / HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b"a b c",
            b"a b HTTP/1 d",
            b"\xff",
        ];
        for line in lines {
            let record = LogRecord { request_line: line, ..record() };
            let logged: Value = serde_json::from_str(&rendered(&record, &LogStyle::default())).unwrap();
            assert_eq!([&logged["method"], &logged["target"], &logged["version"]], [&Value::Null; 3]);
            assert_eq!(bytes_of(&logged["request_line"]).unwrap(), line);
        }
    }

    #[test]
    fn non_utf8_bytes_become_a_latin1_object() {
        let written = |bytes: &[u8]| {
            let mut out = Vec::new();
            value(&mut out, Some(bytes));
            String::from_utf8(out).expect("UTF-8")
        };
        let text = written("caf\u{e9} \u{61c}\u{202e}\u{9b}\u{7f}\n".as_bytes());
        assert_eq!(text, "\"caf\u{e9} \\u061c\\u202e\\u009b\\u007f\\u000a\"");
        assert_eq!(written(b"caf\xe9\x9b"), "{\"latin1\":\"caf\u{e9}\\u009b\"}");
    }

    #[test]
    fn client_record_has_host_and_may_have_null_status() {
        let record = LogRecord { host: Some("here"), status: None, ..record() };
        let logged: Value = serde_json::from_str(&rendered(&record, &LogStyle::default())).unwrap();
        assert_eq!((&logged["host"], &logged["status"]), (&json!("here"), &Value::Null));
    }

    proptest! {
        #[test]
        fn line_round_trips_any_heads(
            request_line in proptest::collection::vec(any::<u8>(), 0..60),
            (request, response) in (arbitrary_head(), arbitrary_head()),
        ) {
            let (request_head, response_head) = (wire(&request), wire(&response));
            let record =
                LogRecord { request_line: &request_line, request_head: &request_head, response_head: &response_head, ..record() };
            let text = rendered(&record, &LogStyle { shows_secrets: true, ..LogStyle::default() });
            prop_assert_eq!(text.matches('\n').count(), 1);
            prop_assert!(!text.trim_end_matches('\n').chars().any(char::is_control));
            let logged: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(headers_of(&logged["request_headers"]), request);
            prop_assert_eq!(headers_of(&logged["response_headers"]), response);
            let line = match bytes_of(&logged["request_line"]) {
                Some(line) => line,
                None => ["method", "target", "version"].map(|key| bytes_of(&logged[key]).unwrap()).join(&b' '),
            };
            prop_assert_eq!(line, request_line);
        }

        #[test]
        fn any_head_bytes_give_exactly_one_json_line(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let record = LogRecord { request_line: &head, request_head: &head, response_head: &head, ..record() };
            let text = rendered(&record, &LogStyle::default());
            prop_assert_eq!(text.matches('\n').count(), 1);
            let logged: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(logged.as_object().unwrap().len(), 15);
        }
    }
}
