//! The request, rendered once from the settings.
//!
//! Values in, bytes out: the default fields, and the changes that were asked for.

use super::config::{Config, FieldEdit};
use crate::http::{end, field, request_line};

/// What `User-Agent` says.
const USER_AGENT: &str = concat!("reactor-client/", env!("CARGO_PKG_VERSION"));

/// Renders the head of the request; it has no body.
pub(super) fn render(config: &Config) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    request_line(&mut out, &config.method, &config.target.path);
    let defaults = [
        ("Host", config.target.authority()),
        ("User-Agent", USER_AGENT.to_owned()),
        ("Accept", "*/*".to_owned()),
    ];
    for (name, value) in &defaults {
        if !config.fields.iter().any(|(edited, _)| edited.eq_ignore_ascii_case(name)) {
            field(&mut out, name, value.as_bytes());
        }
    }
    for (name, edit) in &config.fields {
        if let FieldEdit::Set(value) = edit {
            field(&mut out, name, value.as_bytes());
        }
    }
    end(&mut out);
    out
}
