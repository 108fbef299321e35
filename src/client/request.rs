//! Request head.
//!
//! Default fields, framing, user's changes.

use super::config::{ClientConfig, FieldEdit, NamedEdit};
use super::target::ClientTarget;
use crate::http::{RequestBody, content_length, end_head, field, request_line};

pub(crate) const USER_AGENT: &str = concat!("reactor-client/", env!("CARGO_PKG_VERSION"));

/// Longest body without a wait for 100 (Continue), as in curl; bodies of unknown length wait.
pub(super) const NO_EXPECT_LEN_MAX: u64 = 1024 * 1024;

/// `-H Expect:` overrides the default (RFC 9110 section 10.1.1).
pub(super) fn awaits_continue(config: &ClientConfig, framing: RequestBody) -> bool {
    match last_edit(&config.fields, "expect") {
        _ if framing == RequestBody::None => false,
        Some(FieldEdit::Set(value)) => value.eq_ignore_ascii_case("100-continue"),
        Some(FieldEdit::Remove) => false,
        None => !matches!(framing, RequestBody::Length(..=NO_EXPECT_LEN_MAX)),
    }
}

pub(crate) fn last_edit<'a>(edits: &'a [NamedEdit], name: &str) -> Option<&'a FieldEdit> {
    edits.iter().rfind(|(edited, _)| edited.eq_ignore_ascii_case(name)).map(|(_, edit)| edit)
}

pub(super) fn hint(config: &ClientConfig, status: u16) -> &'static str {
    let edit = |name| last_edit(&config.fields, name);
    let is_set = |name| matches!(edit(name), Some(FieldEdit::Set(_)));
    let creates = matches!(edit("if-none-match"), Some(FieldEdit::Set(tag)) if tag == "*");
    match status {
        401 if is_set("authorization") => "; the user name or the password is wrong",
        401 => "; log in with -u USER",
        412 if creates => "; there is something of this name",
        412 => "; what is there does not meet the condition",
        428 => "; set a condition with --create-only or --if-match ETAG",
        _ => "",
    }
}

/// Request line with `path`, and default fields without an edit.
pub(crate) fn begin_head(method: &str, path: &str, target: &ClientTarget, edits: &[NamedEdit]) -> Vec<u8> {
    let mut head = Vec::with_capacity(256);
    request_line(&mut head, method, path);
    for (name, value) in [("Host", &*target.authority()), ("User-Agent", USER_AGENT), ("Accept", "*/*")] {
        if last_edit(edits, name).is_none() {
            field(&mut head, name, value.as_bytes());
        }
    }
    head
}

pub(super) fn render(config: &ClientConfig, framing: RequestBody) -> Vec<u8> {
    let ClientConfig { method, target, fields, .. } = config;
    let mut out = begin_head(method, &target.path, target, fields);
    match framing {
        RequestBody::None => {}
        RequestBody::Length(len) => content_length(&mut out, len),
        RequestBody::Chunked => field(&mut out, "Transfer-Encoding", b"chunked"),
    }
    if awaits_continue(config, framing) && last_edit(fields, "expect").is_none() {
        field(&mut out, "Expect", b"100-continue");
    }
    for (name, edit) in fields {
        if let FieldEdit::Set(value) = edit {
            field(&mut out, name, value.as_bytes());
        }
    }
    end_head(&mut out);
    out
}
