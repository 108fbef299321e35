//! Request head.
//!
//! Default fields, framing, user's changes.

use super::config::{ClientConfig, FieldEdit};
use crate::http::{RequestBody, content_length, end_head, field, request_line};

pub(crate) const USER_AGENT: &str = concat!("reactor-client/", env!("CARGO_PKG_VERSION"));

/// Longest body without a wait for 100 (Continue), as in curl; bodies of unknown length wait.
pub(super) const NO_EXPECT_LEN_MAX: u64 = 1024 * 1024;

/// `-H Expect:` overrides the default (RFC 9110 section 10.1.1).
pub(super) fn awaits_continue(config: &ClientConfig, framing: RequestBody) -> bool {
    match last_edit(config, "expect") {
        _ if framing == RequestBody::None => false,
        Some(FieldEdit::Set(value)) => value.eq_ignore_ascii_case("100-continue"),
        Some(FieldEdit::Remove) => false,
        None => !matches!(framing, RequestBody::Length(..=NO_EXPECT_LEN_MAX)),
    }
}

fn last_edit<'a>(config: &'a ClientConfig, name: &str) -> Option<&'a FieldEdit> {
    config.fields.iter().rfind(|(edited, _)| edited.eq_ignore_ascii_case(name)).map(|(_, edit)| edit)
}

pub(super) fn hint(config: &ClientConfig, status: u16) -> &'static str {
    let is_set = |name| matches!(last_edit(config, name), Some(FieldEdit::Set(_)));
    let creates = matches!(last_edit(config, "if-none-match"), Some(FieldEdit::Set(tag)) if tag == "*");
    match status {
        401 if is_set("authorization") => "; the user name or the password is wrong",
        401 => "; log in with -u USER",
        412 if creates => "; there is something of this name",
        412 => "; what is there does not meet the condition",
        428 => "; set a condition with --create-only or --if-match ETAG",
        _ => "",
    }
}

pub(super) fn render(config: &ClientConfig, framing: RequestBody) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    request_line(&mut out, &config.method, &config.target.path);
    let defaults = [
        ("Host", config.target.authority()),
        ("User-Agent", USER_AGENT.to_owned()),
        ("Accept", "*/*".to_owned()),
    ];
    for (name, value) in &defaults {
        if last_edit(config, name).is_none() {
            field(&mut out, name, value.as_bytes());
        }
    }
    match framing {
        RequestBody::None => {}
        RequestBody::Length(len) => content_length(&mut out, len),
        RequestBody::Chunked => field(&mut out, "Transfer-Encoding", b"chunked"),
    }
    if awaits_continue(config, framing) && last_edit(config, "expect").is_none() {
        field(&mut out, "Expect", b"100-continue");
    }
    for (name, edit) in &config.fields {
        if let FieldEdit::Set(value) = edit {
            field(&mut out, name, value.as_bytes());
        }
    }
    end_head(&mut out);
    out
}
