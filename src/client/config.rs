//! Checked settings of one client run.
//!
//! Opens and resolves nothing.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::source::Payload;
use super::target::{ClientTarget, KnownHost};
use super::tls::TlsOptions;
use crate::access_log::{LogDestination, LogStyle};
use crate::http::{DigestAlgorithm, is_token};

/// Settings of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Request target.
    pub target: ClientTarget,
    /// Request method, as sent.
    pub method: String,
    /// Changes to request fields, in order, by field name.
    pub fields: Vec<NamedEdit>,
    /// Destination of the body.
    pub output: OutputChoice,
    /// Writes the response head before the body.
    pub include: bool,
    /// Shows all header fields on standard error.
    pub verbose: bool,
    /// Disables messages on standard error.
    pub silent: bool,
    /// Shows errors despite `silent`.
    pub show_error: bool,
    /// Fails for status 400 and above, without body output.
    pub fail: bool,
    /// Redirects to follow at most; `None` follows none.
    pub redirects_max: Option<u32>,
    /// Time limit of the run.
    pub max_time: Option<Duration>,
    /// Time limit for connecting.
    pub connect_timeout: Option<Duration>,
    /// Log destination.
    pub log: LogDestination,
    /// Log style.
    pub log_style: LogStyle,
    /// TLS options.
    pub tls: TlsOptions,
    /// Hosts that are not resolved.
    pub known_hosts: Vec<KnownHost>,
    /// Request body.
    pub upload: Option<Payload>,
    pub(crate) more_uploads: Vec<(Payload, String)>,
    pub(crate) repr_digest: Option<DigestAlgorithm>,
    /// Resumes uploads.
    pub resume: bool,
    /// User whose password is asked for.
    pub login_user: Option<OsString>,
    /// Deletes without a question.
    pub assume_yes: bool,
}

impl ClientConfig {
    pub(super) fn set_field(&mut self, name: &str, edit: FieldEdit) {
        self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), edit));
    }
}

/// Field name, and its edit.
pub type NamedEdit = (String, FieldEdit);

/// Change to one request field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldEdit {
    /// Replaces a default field; the value may be empty.
    Set(String),
    /// Omits the default field.
    Remove,
}

/// Destination of the response body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputChoice {
    /// Standard output, except binary bodies to a terminal.
    Stdout,
    /// Standard output, always.
    ForcedStdout,
    /// File.
    File(PathBuf),
    /// File named by the path, for success only: an error page would take the name of what was asked for.
    RemoteName(PathBuf),
}

/// Parses `N: V`, `N:` or `N;`, as curl's `-H` (RFC 9110 section 5: token, then field value).
pub(super) fn parse_field(text: &str) -> Result<NamedEdit, &'static str> {
    let (name, edit) = match (text.split_once(':'), text.strip_suffix(';')) {
        (Some((name, value)), _) => match value.trim_matches([' ', '\t']) {
            "" => (name, FieldEdit::Remove),
            value => (name, FieldEdit::Set(value.to_owned())),
        },
        (None, Some(name)) => (name, FieldEdit::Set(String::new())),
        (None, None) => return Err("a header field is written 'Name: value'"),
    };
    if !is_token(name.as_bytes()) {
        return Err("a field name is letters, digits and !#$%&'*+-.^_`|~, with no space");
    }
    match &edit {
        FieldEdit::Set(value) if value.chars().any(|c| c.is_control() && c != '\t') => {
            Err("a field value cannot hold line ends or control characters")
        }
        _ => Ok((name.to_owned(), edit)),
    }
}

pub(super) fn parse_method(text: &str) -> Result<String, &'static str> {
    if !is_token(text.as_bytes()) {
        return Err("a method is one word such as GET");
    }
    // CONNECT takes a host and port; its response has no body (RFC 9110 section 9.3.6).
    if text == "CONNECT" {
        return Err("tunnels are not supported");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_emptied_and_removed_as_curl_does() {
        let set = |value: &str| FieldEdit::Set(value.to_owned());
        let rows = [
            ("Accept: text/plain", "Accept", set("text/plain")),
            ("Accept:text/plain \t", "Accept", set("text/plain")),
            ("X: a: b;", "X", set("a: b;")),
            ("X: a\tb", "X", set("a\tb")),
            ("X: é", "X", set("é")),
            ("Accept:", "Accept", FieldEdit::Remove),
            ("Accept:  ", "Accept", FieldEdit::Remove),
            ("Accept;", "Accept", set("")),
        ];
        for (text, name, edit) in rows {
            assert_eq!(parse_field(text), Ok((name.to_owned(), edit)), "{text}");
        }
    }

    #[test]
    fn malformed_fields_and_control_characters_are_rejected() {
        for text in [
            "",
            ":",
            ";",
            "no colon",
            "A B: c",
            "A : c",
            " A: c",
            "Ä: c",
            "A: b\r\nC: d",
            "A: b\nC: d",
            "A: \0",
            "A: \x7f",
            "A: \u{9b}1m",
            "A\r\nB;",
        ] {
            assert!(parse_field(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_method_is_a_token_and_keeps_its_case() {
        for text in ["GET", "get", "M-SEARCH"] {
            assert_eq!(parse_method(text).as_deref(), Ok(text));
        }
        for text in ["", "GET /", "GE\nT", "É", "CONNECT"] {
            assert!(parse_method(text).is_err(), "{text:?}");
        }
    }
}
