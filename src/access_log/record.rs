//! A record, and how a log looks: which format, which header fields, and whether secrets are shown.
//!
//! Owns the words by which a person asks for a format or for fields. It renders nothing.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

/// What one record tells: a request and how it was answered.
///
/// The bytes are the peer's own; the format makes them harmless.
#[derive(Clone, Copy)]
pub struct LogRecord<'a> {
    /// The name of this machine, where the log tells of requests that it has made itself.
    pub host: Option<&'a str>,
    /// Which connection it was, by a number.
    pub connection: u64,
    /// The other side; an IPv4-mapped IPv6 address is printed as IPv4.
    pub peer: SocketAddr,
    /// When the head of the request was complete, since 1970.
    pub unix: Duration,
    /// From then until the answer was handed to the kernel, or its end was read.
    pub duration: Duration,
    /// The request line as it came, without its line end; empty if none came, printed as `-`.
    pub request_line: &'a [u8],
    /// The `Referer` field; only asked for by [`Detail::Line`].
    pub referer: Option<&'a [u8]>,
    /// The `User-Agent` field; only asked for by [`Detail::Line`].
    pub user_agent: Option<&'a [u8]>,
    /// The head of the request as it came, as much of it as came; only asked for by [`Detail::Heads`].
    pub request_head: &'a [u8],
    /// The status code of the answer, if there is one.
    pub status: Option<u16>,
    /// The head of the answer as it was sent; only asked for by [`Detail::Heads`].
    pub response_head: &'a [u8],
    /// The bytes of the answer's body that were sent, without its head.
    pub body_bytes: u64,
    /// Why the connection ended, if it ended with this exchange.
    pub close_reason: Option<&'a dyn Display>,
    /// What was spoken on the connection.
    pub protocol: &'static str,
}

/// How each record is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStyle {
    /// The form of a record.
    pub format: LogFormat,
    /// Which header fields [`LogFormat::Json`] and [`LogFormat::Headers`] keep.
    pub headers: HeaderChoice,
    /// Whether credentials and cookies are written as they are.
    pub shows_secrets: bool,
}

/// The form of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line, as Apache and nginx write it.
    #[default]
    Combined,
    /// The same without referer and user agent, as NCSA httpd wrote it.
    Common,
    /// An object on a line of its own, for programs.
    Json,
    /// A block of lines with an empty line after it, for people.
    Headers,
}

/// Which header fields are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HeaderChoice {
    /// All of them.
    #[default]
    All,
    /// None.
    None,
    /// Those of these names, in any case.
    Only(Vec<String>),
}

/// How much of an exchange a log has a use for; nobody needs to keep more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing: the log is off.
    Nothing,
    /// The request line, the referer and the user agent.
    Line,
    /// Both heads as well.
    Heads,
}

impl LogFormat {
    /// The format that goes by this name.
    ///
    /// # Errors
    /// There is none; the words say which there are.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        match name {
            "combined" => Ok(Self::Combined),
            "common" => Ok(Self::Common),
            "json" => Ok(Self::Json),
            "headers" => Ok(Self::Headers),
            _ => Err("a log format is combined, common, json or headers"),
        }
    }

    /// What must be kept of an exchange for this format.
    pub(super) fn detail(self) -> Detail {
        match self {
            Self::Combined | Self::Common => Detail::Line,
            Self::Json | Self::Headers => Detail::Heads,
        }
    }

    /// The bytes that end a record, and stand nowhere within one.
    pub(super) fn record_end(self) -> &'static [u8] {
        match self {
            Self::Combined | Self::Common | Self::Json => b"\n",
            Self::Headers => b"\n\n",
        }
    }
}

impl HeaderChoice {
    /// Reads `all`, `none`, or names of header fields with commas between them.
    ///
    /// # Errors
    /// What is wrong, in words to stand behind a colon.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            _ if names.iter().all(|name| !name.is_empty() && name.bytes().all(is_token_byte)) => {
                Ok(Self::Only(names))
            }
            _ => Err("write all, none, or names of header fields with commas between them"),
        }
    }

    /// Whether fields of this name are kept.
    pub(super) fn includes(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(names) => names.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_parse_by_name() {
        let rows = [
            ("combined", LogFormat::Combined),
            ("common", LogFormat::Common),
            ("json", LogFormat::Json),
            ("headers", LogFormat::Headers),
        ];
        for (name, format) in rows {
            assert_eq!(LogFormat::parse(name), Ok(format));
        }
        for name in ["", "JSON", "combined "] {
            assert!(LogFormat::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn header_choices_are_all_none_or_names_in_any_case() {
        assert_eq!(HeaderChoice::parse("all"), Ok(HeaderChoice::All));
        assert_eq!(HeaderChoice::parse("none"), Ok(HeaderChoice::None));
        let some = HeaderChoice::parse("Host, user-AGENT").unwrap();
        for (name, kept) in [("host", true), ("User-Agent", true), ("Hos", false), ("", false)] {
            assert_eq!(some.includes(name.as_bytes()), kept, "{name}");
        }
        assert!(HeaderChoice::All.includes(b"x") && !HeaderChoice::None.includes(b"x"));
        for text in ["", ",", "Host,", "Host:", "a b", "h\u{f6}st"] {
            assert!(HeaderChoice::parse(text).is_err(), "{text:?}");
        }
    }
}
