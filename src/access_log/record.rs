//! Log records and log styles.
//!
//! Parses format and field options; renders nothing.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

/// One exchange, in raw peer bytes; the format escapes them.
#[derive(Clone, Copy)]
pub struct LogRecord<'a> {
    /// This host's name, in the client's log.
    pub host: Option<&'a str>,
    /// Connection number.
    pub connection: u64,
    /// Peer; IPv4-mapped IPv6 is logged as IPv4.
    pub peer: SocketAddr,
    /// User who is logged in.
    pub user: Option<&'a [u8]>,
    /// Unix time of the complete request head.
    pub unix: Duration,
    /// Time until the response was passed to the kernel, or read.
    pub duration: Duration,
    /// Request line without line end, or empty.
    pub request_line: &'a [u8],
    /// `Referer`, for [`Detail::Line`].
    pub referer: Option<&'a [u8]>,
    /// `User-Agent`, for [`Detail::Line`].
    pub user_agent: Option<&'a [u8]>,
    /// Request head, maybe incomplete, for [`Detail::Heads`].
    pub request_head: &'a [u8],
    /// Response status code.
    pub status: Option<u16>,
    /// Response head as sent, for [`Detail::Heads`].
    pub response_head: &'a [u8],
    /// Body bytes sent, without head.
    pub body_bytes: u64,
    /// Close reason, if the connection ended.
    pub close_reason: Option<&'a dyn Display>,
    /// Protocol name.
    pub protocol: &'static str,
    /// TLS of the connection; the json and headers formats show it.
    pub tls: Option<LogTls<'a>>,
}

/// TLS of a connection. Names come from the peer.
#[derive(Clone, Copy, Debug)]
pub struct LogTls<'a> {
    /// Protocol version, such as `TLSv1.3`.
    pub version: &'a str,
    /// Cipher suite.
    pub cipher: &'a str,
    /// Host name that the client named.
    pub server_name: Option<&'a str>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
    /// Subject of the client's certificate.
    pub client: Option<&'a str>,
}

/// Format, field selection and redaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStyle {
    /// Record format.
    pub format: LogFormat,
    /// Fields in JSON and headers records.
    pub headers: HeaderChoice,
    /// Disables redaction.
    pub shows_secrets: bool,
}

/// Record format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Combined format of Apache and nginx.
    #[default]
    Combined,
    /// Common format of NCSA httpd: no `Referer` or `User-Agent`.
    Common,
    /// One JSON object per line.
    Json,
    /// Block of lines, for people.
    Headers,
}

/// Header fields to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HeaderChoice {
    /// All fields.
    #[default]
    All,
    /// No fields.
    None,
    /// These fields, case-insensitive.
    Only(Vec<String>),
}

/// Parts that a log needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Log off.
    Nothing,
    /// Request line, `Referer`, `User-Agent`.
    Line,
    /// `Line` and both heads.
    Heads,
}

impl LogFormat {
    /// Parses a format name.
    ///
    /// # Errors
    /// A list of the format names.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        match name {
            "combined" => Ok(Self::Combined),
            "common" => Ok(Self::Common),
            "json" => Ok(Self::Json),
            "headers" => Ok(Self::Headers),
            _ => Err("a log format is combined, common, json or headers"),
        }
    }

    pub(super) fn detail(self) -> Detail {
        match self {
            Self::Combined | Self::Common => Detail::Line,
            Self::Json | Self::Headers => Detail::Heads,
        }
    }

    /// Terminator; never inside a record.
    pub(super) fn record_end(self) -> &'static [u8] {
        match self {
            Self::Combined | Self::Common | Self::Json => b"\n",
            Self::Headers => b"\n\n",
        }
    }
}

impl HeaderChoice {
    /// Parses `all`, `none`, or comma-separated field names.
    ///
    /// # Errors
    /// Expected syntax, to print after a colon.
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
