//! Taking the chunks off a body (RFC 9112 section 7.1).
//!
//! It owns the chunked grammar, read byte by byte and strictly (a decoder that takes a bare LF or
//! an empty size for fine can be made to see another message than the peer did), and the bounds on
//! what is not data. Extensions and trailers are checked and dropped. It never keeps a byte of the
//! input and never copies data.

use std::error::Error;
use std::fmt;

use crate::http::syntax::{is_tchar, is_text};
use crate::http::{Reject, Status};

/// How long the line before a chunk may be, without CRLF: extensions are hardly ever used.
pub const CHUNK_LINE_LEN_MAX: usize = 256;
/// How long all trailer fields together may be, line ends included.
pub const TRAILERS_LEN_MAX: usize = 4 * 1024;
/// So many hex digits always fit into 64 bits.
const SIZE_DIGITS_MAX: usize = 16;

/// Why a chunked body cannot be read on; the peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadChunk {
    /// A chunk size is missing, signed or not hexadecimal.
    Size,
    /// A chunk size has more than 16 digits.
    SizeTooLong,
    /// What follows a chunk size is no extension.
    Extension,
    /// The line of a chunk size is longer than [`CHUNK_LINE_LEN_MAX`].
    LineTooLong,
    /// A line does not end in CRLF.
    LineEnd,
    /// The data of a chunk is not followed by CRLF.
    DataEnd,
    /// A trailer field is malformed.
    Trailer,
    /// The trailer fields are longer than [`TRAILERS_LEN_MAX`].
    TrailersTooLong,
}

impl BadChunk {
    /// The sentence for people.
    pub const fn why(self) -> &'static str {
        match self {
            BadChunk::Size => "A chunk size in the body is missing or not hexadecimal.",
            BadChunk::SizeTooLong => "A chunk size in the body has more than 16 digits.",
            BadChunk::Extension => "What follows a chunk size in the body is no chunk extension.",
            BadChunk::LineTooLong => "The line of a chunk size is longer than 256 bytes.",
            BadChunk::LineEnd => "A line of the chunked body does not end in CR LF.",
            BadChunk::DataEnd => "A chunk of the body is longer or shorter than its size says.",
            BadChunk::Trailer => "A trailer field after the chunked body is malformed.",
            BadChunk::TrailersTooLong => "The trailer fields are longer than 4 KiB.",
        }
    }
}

impl fmt::Display for BadChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl Error for BadChunk {}

impl From<BadChunk> for Reject {
    fn from(fault: BadChunk) -> Reject {
        match fault {
            BadChunk::TrailersTooLong => Reject::new(Status::HEADER_FIELDS_TOO_LARGE, fault.why()),
            _ => Reject::bad_request(fault.why()),
        }
    }
}

/// One step of reading a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoded<'i> {
    /// So many bytes of the input are done with, framing included. With 0, more input is needed,
    /// or the body is done.
    pub consumed: usize,
    /// The data among them; may be empty although bytes were consumed.
    pub data: &'i [u8],
}

/// Decodes one chunked body, in as many pieces as it arrives in.
#[derive(Clone, Debug)]
pub struct Dechunker {
    state: State,
    /// Bytes of the present size line, or of all trailers: what the bounds are on.
    overhead_len: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Size {
        size: u64,
        digits: usize,
    },
    /// White space between the size and the `;` of an extension.
    BeforeExtension {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    /// Never 0.
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

const FIRST: State = State::Size { size: 0, digits: 0 };

impl Dechunker {
    /// A decoder that waits for the first chunk size.
    pub const fn new() -> Dechunker {
        Dechunker { state: FIRST, overhead_len: 0 }
    }

    /// Whether the last chunk and the trailers have been read to their end.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes up to and including the first data in `input`; what follows it is for the next call.
    pub fn decode<'i>(&mut self, input: &'i [u8]) -> Result<Decoded<'i>, BadChunk> {
        for (consumed, &byte) in input.iter().enumerate() {
            match self.state {
                State::Done => {
                    return Ok(Decoded { consumed, data: b"" });
                }
                State::Data { left } => {
                    let data = self.take_data(left, input.get(consumed..).unwrap_or_default());
                    return Ok(Decoded { consumed: consumed + data.len(), data });
                }
                state => self.state = self.step(state, byte)?,
            }
        }
        Ok(Decoded { consumed: input.len(), data: b"" })
    }

    fn take_data<'i>(&mut self, left: u64, input: &'i [u8]) -> &'i [u8] {
        let len = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let left = left - len as u64;
        self.state = match left {
            0 => State::DataCr,
            left => State::Data { left },
        };
        input.get(..len).unwrap_or_default()
    }

    /// One byte of what is not data. Each arm is one row of the grammar.
    fn step(&mut self, state: State, byte: u8) -> Result<State, BadChunk> {
        match state {
            State::Size { .. } | State::BeforeExtension { .. } | State::Extension { .. } => {
                self.step_in_size_line(state, byte)
            }
            State::SizeLf { size } => {
                self.overhead_len = 0;
                match (byte, size) {
                    (b'\n', 0) => Ok(State::TrailerStart),
                    (b'\n', left) => Ok(State::Data { left }),
                    _ => Err(BadChunk::LineEnd),
                }
            }
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => Ok(FIRST),
            State::DataCr | State::DataLf => Err(BadChunk::DataEnd),
            State::EndLf if byte == b'\n' => Ok(State::Done),
            State::EndLf => Err(BadChunk::LineEnd),
            _ => self.step_in_trailer(state, byte),
        }
    }

    /// `chunk-size [ chunk-ext ] CR`. An extension is not looked into: any text will do.
    fn step_in_size_line(&mut self, state: State, byte: u8) -> Result<State, BadChunk> {
        let next = match (state, byte) {
            (State::Size { digits: 0, .. }, b'\r' | b';' | b' ' | b'\t') => {
                return Err(BadChunk::Size);
            }
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS_MAX {
                    return Err(BadChunk::SizeTooLong);
                }
                let value = char::from(byte).to_digit(16).unwrap_or_default();
                State::Size { size: (size << 4) | u64::from(value), digits: digits + 1 }
            }
            (State::Size { size, .. } | State::Extension { size }, b'\r') => {
                return Ok(State::SizeLf { size });
            }
            (State::Size { size, .. } | State::BeforeExtension { size }, b';') => State::Extension { size },
            (State::Size { size, .. } | State::BeforeExtension { size }, b' ' | b'\t') => {
                State::BeforeExtension { size }
            }
            (State::Extension { size }, _) if is_text(byte) => State::Extension { size },
            (_, b'\n') => return Err(BadChunk::LineEnd),
            (State::Size { .. }, _) => return Err(BadChunk::Size),
            _ => return Err(BadChunk::Extension),
        };
        self.count(CHUNK_LINE_LEN_MAX, BadChunk::LineTooLong)?;
        Ok(next)
    }

    /// `*( field-name ":" field-value CRLF ) CR`, up to the LF that ends the body.
    fn step_in_trailer(&mut self, state: State, byte: u8) -> Result<State, BadChunk> {
        let next = match (state, byte) {
            (State::TrailerStart, b'\r') => return Ok(State::EndLf),
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerStart | State::TrailerName, _) if is_tchar(byte) => State::TrailerName,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if is_text(byte) => State::TrailerValue,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::TrailerLf, _) | (_, b'\n') => return Err(BadChunk::LineEnd),
            _ => return Err(BadChunk::Trailer),
        };
        self.count(TRAILERS_LEN_MAX, BadChunk::TrailersTooLong)?;
        Ok(next)
    }

    fn count(&mut self, len_max: usize, fault: BadChunk) -> Result<(), BadChunk> {
        self.overhead_len += 1;
        if self.overhead_len > len_max {
            return Err(fault);
        }
        Ok(())
    }
}

impl Default for Dechunker {
    fn default() -> Self {
        Dechunker::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::body;
    use crate::http::{BodyReader, Status};

    /// The data of a whole body, `None` if more has to come; read three ways.
    fn decoded(input: &[u8]) -> Result<Option<Vec<u8>>, BadChunk> {
        let seen = body(input, &BodyReader::chunked())?;
        assert!(!seen.is_done || seen.consumed == input.len());
        Ok(seen.is_done.then_some(seen.data))
    }

    #[test]
    fn whole_bodies_are_decoded() {
        for (input, data) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5\r\nhello\r\n6\r\n\r\nbody\r\n0\r\n\r\n", "hello\r\nbody"),
            ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
            ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
            ("1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
            ("1;\r\nx\r\n0\r\n\r\n", "x"),
            ("1 \t; a = \"b;\u{e9}\" \r\nx\r\n0\r\n\r\n", "x"),
            ("1\r\nx\r\n0\r\nA: b\r\nC:\r\nD:\td\u{e9}\r\n\r\n", "x"),
        ] {
            let found = decoded(input.as_bytes());
            assert_eq!(found, Ok(Some(data.as_bytes().to_vec())), "{input:?}");
        }
    }

    #[test]
    fn a_body_that_is_cut_short_is_never_done() {
        let input = b"5;x\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
        for len in 0..input.len() {
            assert_eq!(decoded(&input[..len]), Ok(None), "{len} bytes");
        }
    }

    #[test]
    fn what_is_not_the_grammar_is_refused() {
        for (input, fault) in [
            (&b"\r\n"[..], BadChunk::Size),
            (b";a\r\n", BadChunk::Size),
            (b" 1\r\n", BadChunk::Size),
            (b"\t1\r\n", BadChunk::Size),
            (b"+1\r\n", BadChunk::Size),
            (b"-1\r\n", BadChunk::Size),
            (b"0x1\r\n", BadChunk::Size),
            (b"1_0\r\n", BadChunk::Size),
            (b"g\r\n", BadChunk::Size),
            (b"1g\r\n", BadChunk::Size),
            (b"1,\r\n", BadChunk::Size),
            (b"1\0\r\n", BadChunk::Size),
            (b"\xb1\r\n", BadChunk::Size),
            (b"00000000000000001\r\n", BadChunk::SizeTooLong),
            (b"fffffffffffffffff\r\n", BadChunk::SizeTooLong),
            (b"1 \r\n", BadChunk::Extension),
            (b"1 2\r\n", BadChunk::Extension),
            (b"1 a\r\n", BadChunk::Extension),
            (b"1;a\0\r\n", BadChunk::Extension),
            (b"1;a\x7f\r\n", BadChunk::Extension),
            (b"\n", BadChunk::LineEnd),
            (b"1\nx\r\n", BadChunk::LineEnd),
            (b"1\rx\r\n", BadChunk::LineEnd),
            (b"1\r\r\n", BadChunk::LineEnd),
            (b"1 \n", BadChunk::LineEnd),
            (b"1;a\nx\r\n", BadChunk::LineEnd),
            (b"1;a\rb\r\n", BadChunk::LineEnd),
            (b"1\r\nxy\r\n", BadChunk::DataEnd),
            (b"1\r\nx\n", BadChunk::DataEnd),
            (b"1\r\nx\ry", BadChunk::DataEnd),
            (b"2\r\nx\r\n0\r\n\r\n", BadChunk::DataEnd),
            (b"0\r\n\n", BadChunk::LineEnd),
            (b"0\r\n\rx", BadChunk::LineEnd),
            (b"0\r\nA: b\n", BadChunk::LineEnd),
            (b"0\r\nA: b\rc", BadChunk::LineEnd),
            (b"0\r\nA\n", BadChunk::LineEnd),
            (b"0\r\nA: \0", BadChunk::Trailer),
            (b"0\r\n: b", BadChunk::Trailer),
            (b"0\r\n A: b", BadChunk::Trailer),
            (b"0\r\nA : b", BadChunk::Trailer),
            (b"0\r\nA\r\n", BadChunk::Trailer),
            (b"0\r\nA: b\r\n c", BadChunk::Trailer),
            (b"0\r\nGET / HTTP/1.1\r\n", BadChunk::Trailer),
        ] {
            assert_eq!(decoded(input), Err(fault), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn the_largest_size_is_no_overflow() {
        let mut reader = Dechunker::new();
        let step = reader.decode(b"ffffffffffffffff\r\nabc").unwrap();
        assert_eq!((step.consumed, step.data), (21, &b"abc"[..]));
        assert_eq!(reader.state, State::Data { left: u64::MAX - 3 });
    }

    #[test]
    fn size_lines_and_trailers_are_bounded() {
        let line = |len: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(len - 2));
        assert_eq!(decoded(line(CHUNK_LINE_LEN_MAX).as_bytes()), Ok(Some(b"x".to_vec())));
        let too_long = decoded(line(CHUNK_LINE_LEN_MAX + 1).as_bytes());
        assert_eq!(too_long, Err(BadChunk::LineTooLong));
        let spaces = format!("1{}", " ".repeat(CHUNK_LINE_LEN_MAX));
        assert_eq!(decoded(spaces.as_bytes()), Err(BadChunk::LineTooLong));

        let trailers = |len: usize| {
            let (lines, rest) = (len / 8 - 1, len % 8);
            let last = format!("B: {}\r\n", "b".repeat(3 + rest));
            format!("0\r\n{}{last}\r\n", "A: bcd\r\n".repeat(lines))
        };
        assert_eq!(decoded(trailers(TRAILERS_LEN_MAX).as_bytes()), Ok(Some(Vec::new())));
        let too_long = decoded(trailers(TRAILERS_LEN_MAX + 1).as_bytes());
        assert_eq!(too_long, Err(BadChunk::TrailersTooLong));
    }

    #[test]
    fn a_fault_becomes_a_refusal_with_the_same_sentence() {
        let reject = Reject::from(BadChunk::Size);
        assert_eq!((reject.status, reject.why), (Status::BAD_REQUEST, BadChunk::Size.why()));
        let reject = Reject::from(BadChunk::TrailersTooLong);
        assert_eq!(reject.status, Status::HEADER_FIELDS_TOO_LARGE);
    }
}
