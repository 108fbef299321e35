//! Lines of the number exchange.
//!
//! `Client of NAME: N`, `Server of NAME: N`, `error: WHY`.

use super::TIMEOUT;
use crate::text::is_deceptive;

/// Longest line, with line end; ample for name and number.
pub const LINE_LEN_MAX: usize = 256;

/// Sender of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumRole {
    /// Connecting side.
    Client,
    /// Responding side.
    Server,
}

impl SumRole {
    fn prefix(self) -> &'static str {
        match self {
            Self::Client => "Client of ",
            Self::Server => "Server of ",
        }
    }
}

pub(super) const ERROR: &str = "error: ";

/// Printable name: one non-blank line, no deceptive characters.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// Blank, too long, or deceptive.
    pub fn new(name: &str) -> Result<Self, SumLineError> {
        // Leaves space for the other words and the longest number.
        const ROOM: usize = LINE_LEN_MAX - "Client of : -9223372036854775808\r\n".len();
        if name.trim().is_empty() || name.len() > ROOM || name.chars().any(is_deceptive) {
            return Err(SumLineError::Name);
        }
        Ok(Self(name.to_owned()))
    }

    /// First valid candidate, else `somebody`.
    pub fn first_valid<S: AsRef<str>>(candidates: impl IntoIterator<Item = S>) -> Self {
        let name = candidates.into_iter().find_map(|candidate| Self::new(candidate.as_ref()).ok());
        name.unwrap_or_else(|| Self("somebody".to_owned()))
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumLine {
    /// Sender's name.
    pub name: Name,
    /// Sender's number.
    pub number: i64,
}

/// Line error, worded for the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumLineError {
    /// No line end in [`LINE_LEN_MAX`] bytes.
    #[error("a line has at most {LINE_LEN_MAX} bytes")]
    TooLong,
    /// Closed before the line end.
    #[error("the line has no end")]
    CutShort,
    /// Not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// Not in the role's form.
    #[error("the line is not of the form '{}NAME: NUMBER'", .0.prefix())]
    Form(SumRole),
    /// Not a valid [`Name`].
    #[error("a name is a short text without control characters")]
    Name,
    /// Not a 64-bit integer.
    #[error("the number is not an integer from {} to {}", i64::MIN, i64::MAX)]
    Number,
    /// Too slow; see [`super::TIMEOUT`].
    #[error("no complete line arrived within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// Server's refusal.
    #[error("{0}")]
    Refused(String),
}

impl SumLine {
    /// Parses a line: (consumed, line), or `None` if incomplete.
    ///
    /// # Errors
    /// Invalid line.
    pub fn parse(role: SumRole, bytes: &[u8]) -> Result<Option<(usize, Self)>, SumLineError> {
        let Some(len) = bytes.iter().take(LINE_LEN_MAX).position(|&byte| byte == b'\n') else {
            return if bytes.len() >= LINE_LEN_MAX { Err(SumLineError::TooLong) } else { Ok(None) };
        };
        let line = bytes.get(..len).unwrap_or_default();
        let text = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line))
            .map_err(|_| SumLineError::NotUtf8)?;
        if role == SumRole::Server
            && let Some(message) = text.strip_prefix(ERROR)
        {
            return Err(SumLineError::Refused(message.chars().filter(|&c| !is_deceptive(c)).collect()));
        }
        let rest = text.strip_prefix(role.prefix()).ok_or(SumLineError::Form(role))?;
        // The last colon: names may contain colons.
        let (name, number) = rest.rsplit_once(": ").ok_or(SumLineError::Form(role))?;
        let name = Name::new(name)?;
        // `i64` accepts a plus sign, the form does not.
        let number = number.parse().ok().filter(|_| !number.starts_with('+')).ok_or(SumLineError::Number)?;
        Ok(Some((len + 1, Self { name, number })))
    }

    /// Formats the line, without line end.
    pub fn format_as(&self, role: SumRole) -> String {
        format!("{}{}: {}", role.prefix(), self.name, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, number: i64) -> SumLine {
        SumLine { name: Name::new(name).expect("a name"), number }
    }

    #[test]
    fn parse_line_whole_partial_and_with_trailing_bytes() {
        for (text, expected) in [
            ("Client of Ada: 7\n", line("Ada", 7)),
            ("Client of Ada: 7\r\n", line("Ada", 7)),
            ("Client of a: b: -3\n", line("a: b", -3)),
            ("Client of Zoë Ω: 100\n", line("Zoë Ω", 100)),
            ("Client of x: 9223372036854775807\n", line("x", i64::MAX)),
            ("Client of x: -9223372036854775808\n", line("x", i64::MIN)),
        ] {
            let bytes = text.as_bytes();
            for len in 0..bytes.len() {
                assert_eq!(SumLine::parse(SumRole::Client, &bytes[..len]), Ok(None), "{text:?} cut at {len}");
            }
            let whole = Ok(Some((bytes.len(), expected)));
            assert_eq!(SumLine::parse(SumRole::Client, bytes), whole);
            assert_eq!(SumLine::parse(SumRole::Client, &[bytes, b"more\n"].concat()), whole);
        }
    }

    #[test]
    fn parse_bad_line_gives_its_error() {
        let long = format!("Client of {}: 7\n", "x".repeat(LINE_LEN_MAX));
        for (bytes, expected) in [
            (&b"\n"[..], SumLineError::Form(SumRole::Client)),
            (b"Server of Ada: 7\n", SumLineError::Form(SumRole::Client)),
            (b"client of Ada: 7\n", SumLineError::Form(SumRole::Client)),
            (b"Client of Ada 7\n", SumLineError::Form(SumRole::Client)),
            (b"Client of : 7\n", SumLineError::Name),
            (b"Client of \x1b[31m: 7\n", SumLineError::Name),
            (b"Client of  : 7\n", SumLineError::Name),
            (b"Client of a\x00b: 7\n", SumLineError::Name),
            (b"Client of a\rb: 7\n", SumLineError::Name),
            ("Client of a\u{85}b: 7\n".as_bytes(), SumLineError::Name),
            ("Client of a\u{202e}b: 7\n".as_bytes(), SumLineError::Name),
            ("Client of \u{200f}: 7\n".as_bytes(), SumLineError::Name),
            ("Client of a\u{61c}1: 7\n".as_bytes(), SumLineError::Name),
            (b"Client of \xff: 7\n", SumLineError::NotUtf8),
            (b"Client of Ada: \n", SumLineError::Number),
            (b"Client of Ada: +7\n", SumLineError::Number),
            (b"Client of Ada: 7.5\n", SumLineError::Number),
            (b"Client of Ada: 9223372036854775808\n", SumLineError::Number),
            (long.as_bytes(), SumLineError::TooLong),
            (b"error: no\n", SumLineError::Form(SumRole::Client)),
        ] {
            assert_eq!(
                SumLine::parse(SumRole::Client, bytes),
                Err(expected),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn parse_accepts_256_bytes_and_rejects_longer_lines() {
        let of_len = |len: usize| {
            let number_len = len - "Client of A: \n".len();
            format!("Client of A: {}7\n", "0".repeat(number_len - 1))
        };
        assert_eq!(SumLine::parse(SumRole::Client, of_len(256).as_bytes()), Ok(Some((256, line("A", 7)))));
        assert_eq!(SumLine::parse(SumRole::Client, of_len(257).as_bytes()), Err(SumLineError::TooLong));
        assert_eq!(SumLine::parse(SumRole::Client, &[b'x'; 255]), Ok(None));
        assert_eq!(SumLine::parse(SumRole::Client, &[b'x'; 256]), Err(SumLineError::TooLong));
    }

    #[test]
    fn first_valid_falls_back_to_somebody() {
        assert_eq!(Name::first_valid(["", "a\nb", "Ada", "Bob"]).to_string(), "Ada");
        assert_eq!(Name::first_valid(["", " "]).to_string(), "somebody");
    }

    #[test]
    fn parse_reads_the_longest_line_that_write_makes() {
        let longest = (1..LINE_LEN_MAX).rev().find_map(|len| Name::new(&"x".repeat(len)).ok());
        let line = SumLine { name: longest.expect("a name"), number: i64::MIN };
        let out = line.format_as(SumRole::Server) + "\n";
        assert!(out.len() > LINE_LEN_MAX - 3);
        assert_eq!(SumLine::parse(SumRole::Server, out.as_bytes()), Ok(Some((out.len(), line))));
    }

    #[test]
    fn parse_refusal_drops_deceptive_characters() {
        let out = format!("{ERROR}no\u{1b}[31m, \u{202e}never\n");
        let refused = SumLineError::Refused("no[31m, never".to_owned());
        assert_eq!(SumLine::parse(SumRole::Server, out.as_bytes()), Err(refused));
    }

    #[test]
    fn parse_reads_what_write_makes() {
        let out = line("Ada", -1).format_as(SumRole::Server) + "\n";
        assert_eq!(out, "Server of Ada: -1\n");
        assert_eq!(SumLine::parse(SumRole::Server, out.as_bytes()), Ok(Some((out.len(), line("Ada", -1)))));
    }
}
