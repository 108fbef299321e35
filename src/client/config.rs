//! The settings of one run of the client, checked: what to ask, whom, and what to do with the answer.
//!
//! It owns the meaning of single values: a header field, a method. It never reads the command line,
//! opens nothing and resolves nothing.

use std::path::PathBuf;
use std::time::Duration;

use super::source::Payload;
use super::target::ClientTarget;
use crate::access_log::{LogDestination, LogStyle};
use crate::http::is_token;

/// Everything one run of the client needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Whom to ask, and for what.
    pub target: ClientTarget,
    /// The request's method, as it is sent: `GET`, `HEAD`, ...
    pub method: String,
    /// Changes to the fields of the request, in the order given, by field name.
    pub fields: Vec<(String, FieldEdit)>,
    /// Where the body goes.
    pub output: OutputChoice,
    /// Show the head of the answer on standard output, before the body.
    pub include: bool,
    /// Show every header field both ways on standard error.
    pub verbose: bool,
    /// Say nothing on standard error, unless `show_error` is set too.
    pub silent: bool,
    /// Say what went wrong even if `silent`.
    pub show_error: bool,
    /// A status of 400 or above is a failure, and its body is not shown.
    pub fail: bool,
    /// The longest the whole run may take.
    pub max_time: Option<Duration>,
    /// The longest that connecting may take.
    pub connect_timeout: Option<Duration>,
    /// Where the exchange is logged.
    pub log: LogDestination,
    /// How it is logged.
    pub log_style: LogStyle,
    /// What is sent as the body of the request.
    pub upload: Option<Payload>,
}

/// What happens to one field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldEdit {
    /// The field is sent with this value, in the place of a default one; the value may be empty.
    Set(String),
    /// The default field of this name is not sent.
    Remove,
}

/// Where the body of the answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputChoice {
    /// To standard output, unless that is a terminal and the body is binary.
    Stdout,
    /// To standard output, whatever it is.
    ForcedStdout,
    /// To this file.
    File(PathBuf),
}

/// Reads `N: V`, `N:` or `N;`, as curl's `-H` does (RFC 9110 section 5: token, then field value).
///
/// # Errors
///
/// What is wrong, in words to stand behind a colon.
pub(super) fn parse_field(text: &str) -> Result<(String, FieldEdit), &'static str> {
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

/// Reads a request method.
///
/// # Errors
///
/// What is wrong, in words to stand behind a colon.
pub(super) fn parse_method(text: &str) -> Result<String, &'static str> {
    if !is_token(text.as_bytes()) {
        return Err("a method is one word such as GET");
    }
    // Its target is a host and port, and what follows its answer is not a body (RFC 9110 section 9.3.6).
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
