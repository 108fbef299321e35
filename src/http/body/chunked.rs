//! Decoder for chunked bodies (RFC 9112 section 7.1).
//!
//! Strict for requests: a decoder that accepts a bare LF may see another message than its peer. Never accepts an empty
//! size. Extensions and trailers are checked and dropped.

use crate::http::syntax::{is_tchar, is_text};
use crate::http::{Reject, Status};

/// Longest size line in bytes, without CRLF; extensions are rare.
pub const CHUNK_LINE_LEN_MAX: usize = 256;
/// Longest trailer section in bytes, with line ends.
pub const TRAILERS_LEN_MAX: usize = 4 * 1024;
/// 16 hex digits always fit into 64 bits.
const SIZE_DIGITS_MAX: usize = 16;

pub(crate) const BAD_SIZE: Reject =
    Reject::bad_request("A chunk size in the body is missing or not hexadecimal.");
const SIZE_TOO_LONG: Reject = Reject::bad_request("A chunk size in the body has more than 16 digits.");
const BAD_EXTENSION: Reject = Reject::bad_request("A chunk extension in the body is malformed.");
/// Size line over [`CHUNK_LINE_LEN_MAX`].
pub const LINE_TOO_LONG: Reject = Reject::bad_request("A chunk-size line is longer than 256 bytes.");
const BAD_LINE_END: Reject = Reject::bad_request("A line of the chunked body does not end in CR LF.");
const BAD_DATA_END: Reject = Reject::bad_request("A chunk of the body is longer or shorter than its size.");
const BAD_TRAILER: Reject = Reject::bad_request("A trailer field after the chunked body is malformed.");
/// Trailers over [`TRAILERS_LEN_MAX`].
pub const TRAILERS_TOO_LONG: Reject =
    Reject::new(Status::HEADER_FIELDS_TOO_LARGE, "The trailer fields are longer than 4 KiB.");

use ChunkedState as S;

/// Decoding step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoded<'i> {
    /// Consumed bytes, framing included; 0 if the body is done or needs input.
    pub consumed: usize,
    /// Data among them; may be empty.
    pub data: &'i [u8],
}

/// Decoder of one chunked body.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: ChunkedState,
    /// Size so far, then remaining data bytes.
    left: u64,
    /// Bytes of the size line or of all trailers, for the limits.
    overhead_len: usize,
    is_lenient: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ChunkedState {
    Size,
    BeforeExtension,
    ExtensionStart,
    ExtensionName,
    AfterExtensionName,
    ExtensionValueStart,
    ExtensionValue,
    Quoted,
    QuotedPair,
    AfterQuoted,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl ChunkedDecoder {
    /// Initial decoder, strict: for requests.
    pub const NEW: ChunkedDecoder =
        ChunkedDecoder { state: ChunkedState::Size, left: 0, overhead_len: 0, is_lenient: false };

    /// Initial decoder that reads what curl reads: for responses.
    ///
    /// A line may end in LF alone. Any text may follow a size, and stand in a trailer.
    pub const LENIENT: ChunkedDecoder = ChunkedDecoder { is_lenient: true, ..ChunkedDecoder::NEW };

    /// Whether the body is complete, trailers included.
    pub fn is_done(&self) -> bool {
        self.state == ChunkedState::Done
    }

    /// Decodes up to the end of the first data.
    pub fn decode<'i>(&mut self, input: &'i [u8]) -> Result<Decoded<'i>, Reject> {
        for (consumed, &byte) in input.iter().enumerate() {
            match self.state {
                ChunkedState::Done => return Ok(Decoded { consumed, data: b"" }),
                ChunkedState::Data => {
                    let data = take_up_to(&mut self.left, input.get(consumed..).unwrap_or_default());
                    if self.left == 0 {
                        self.state = ChunkedState::DataCr;
                    }
                    return Ok(Decoded { consumed: consumed + data.len(), data });
                }
                state if self.is_lenient => self.state = self.step_leniently(state, byte)?,
                state => self.state = self.step(state, byte)?,
            }
        }
        Ok(Decoded { consumed: input.len(), data: b"" })
    }

    /// One framing byte, replaced by one that the strict grammar has in its place.
    fn step_leniently(&mut self, state: ChunkedState, byte: u8) -> Result<ChunkedState, Reject> {
        match (state, byte) {
            (S::SizeLf | S::DataLf | S::TrailerLf | S::EndLf, _) => self.step(state, byte),
            (_, b'\n') => {
                let line_end = self.step_leniently(state, b'\r')?;
                self.step(line_end, b'\n')
            }
            (S::BeforeExtension, b'\r') => self.step(S::Size, b'\r'),
            (S::Size, b';') | (S::BeforeExtension, _) => self.step(state, b' '),
            (S::TrailerStart | S::TrailerValue, _) if byte != b'\r' => self.step(S::TrailerValue, b' '),
            _ => self.step(state, byte),
        }
    }

    fn step(&mut self, state: ChunkedState, byte: u8) -> Result<ChunkedState, Reject> {
        match state {
            S::SizeLf => {
                self.overhead_len = 0;
                match (byte, self.left) {
                    (b'\n', 0) => Ok(S::TrailerStart),
                    (b'\n', _) => Ok(S::Data),
                    _ => Err(BAD_LINE_END),
                }
            }
            S::DataCr if byte == b'\r' => Ok(S::DataLf),
            S::DataLf if byte == b'\n' => Ok(S::Size),
            S::DataCr | S::DataLf => Err(BAD_DATA_END),
            S::EndLf if byte == b'\n' => Ok(S::Done),
            S::EndLf => Err(BAD_LINE_END),
            S::TrailerStart | S::TrailerName | S::TrailerValue | S::TrailerLf => {
                self.step_in_trailer(state, byte)
            }
            _ => self.step_in_size_line(state, byte),
        }
    }

    /// `chunk-size [ chunk-ext ] CR` (RFC 9112 section 7.1.1).
    fn step_in_size_line(&mut self, state: ChunkedState, byte: u8) -> Result<ChunkedState, Reject> {
        let next = match (state, byte) {
            // In `Size`, `overhead_len` counts only digits.
            (S::Size, b'\r' | b';' | b' ' | b'\t') if self.overhead_len == 0 => {
                return Err(BAD_SIZE);
            }
            (S::Size, _) if byte.is_ascii_hexdigit() => {
                if self.overhead_len == SIZE_DIGITS_MAX {
                    return Err(SIZE_TOO_LONG);
                }
                let value = char::from(byte).to_digit(16).unwrap_or_default();
                self.left = (self.left << 4) | u64::from(value);
                S::Size
            }
            (S::Size | S::ExtensionName | S::ExtensionValue | S::AfterQuoted, b'\r') => return Ok(S::SizeLf),
            (S::Quoted, b'"') => S::AfterQuoted,
            (S::Quoted, b'\\') => S::QuotedPair,
            (S::Quoted | S::QuotedPair, _) if is_text(byte) => S::Quoted,
            (S::ExtensionStart | S::ExtensionName, _) if is_tchar(byte) => S::ExtensionName,
            (S::ExtensionName | S::AfterExtensionName, b'=') => S::ExtensionValueStart,
            (S::ExtensionValueStart, b'"') => S::Quoted,
            (S::ExtensionValueStart | S::ExtensionValue, _) if is_tchar(byte) => S::ExtensionValue,
            (S::ExtensionStart | S::ExtensionValueStart, b' ' | b'\t') => state,
            (S::ExtensionName | S::AfterExtensionName, b' ' | b'\t') => S::AfterExtensionName,
            (S::Size | S::BeforeExtension | S::ExtensionValue | S::AfterQuoted, b' ' | b'\t') => {
                S::BeforeExtension
            }
            (S::ExtensionStart | S::ExtensionValueStart, b';') => return Err(BAD_EXTENSION),
            (_, b';') => S::ExtensionStart,
            (_, b'\n') => return Err(BAD_LINE_END),
            (S::Size, _) => return Err(BAD_SIZE),
            _ => return Err(BAD_EXTENSION),
        };
        self.count_overhead(CHUNK_LINE_LEN_MAX, LINE_TOO_LONG)?;
        Ok(next)
    }

    /// `*( field-name ":" field-value CRLF ) CR`.
    fn step_in_trailer(&mut self, state: ChunkedState, byte: u8) -> Result<ChunkedState, Reject> {
        let next = match (state, byte) {
            (S::TrailerStart, b'\r') => return Ok(S::EndLf),
            (S::TrailerName, b':') => S::TrailerValue,
            (S::TrailerStart | S::TrailerName, _) if is_tchar(byte) => S::TrailerName,
            (S::TrailerValue, b'\r') => S::TrailerLf,
            (S::TrailerValue, _) if is_text(byte) => S::TrailerValue,
            (S::TrailerLf, b'\n') => S::TrailerStart,
            (S::TrailerLf, _) | (_, b'\n') => return Err(BAD_LINE_END),
            _ => return Err(BAD_TRAILER),
        };
        self.count_overhead(TRAILERS_LEN_MAX, TRAILERS_TOO_LONG)?;
        Ok(next)
    }

    fn count_overhead(&mut self, len_max: usize, error: Reject) -> Result<(), Reject> {
        self.overhead_len += 1;
        if self.overhead_len > len_max {
            return Err(error);
        }
        Ok(())
    }
}

/// Trailers of a complete body, from its framing after the last data.
pub(crate) fn trailers(framing: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    // The end of the data, and the size line.
    let lines = framing.strip_prefix(b"\r\n").unwrap_or(framing).split(|&byte| byte == b'\n').skip(1);
    lines.filter_map(|line| {
        let mut parts = line.splitn(2, |&byte| byte == b':');
        Some((parts.next()?, parts.next()?.trim_ascii()))
    })
}

pub(super) fn take_up_to<'i>(left: &mut u64, input: &'i [u8]) -> &'i [u8] {
    let len = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    *left -= len as u64;
    input.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::BodyDecoder;
    use crate::http::testing::body;

    /// Data of a complete body, `None` if incomplete; read three ways.
    fn decoded(input: &[u8]) -> Result<Option<Vec<u8>>, Reject> {
        let seen = body(input, &BodyDecoder::Chunked(ChunkedDecoder::NEW))?;
        assert!(!seen.is_done || seen.consumed == input.len());
        Ok(seen.is_done.then_some(seen.data))
    }

    #[test]
    fn decoder_whole_bodies_give_their_data() {
        for (input, data) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5\r\nhello\r\n6\r\n\r\nbody\r\n0\r\n\r\n", "hello\r\nbody"),
            ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
            ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
            ("1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
            ("1;a;b=c;d\r\nx\r\n0\r\n\r\n", "x"),
            ("1 \t; a = \"b;\\\"\t\u{e9}\"\r\nx\r\n0 ; a ;b= \"\" ;c\r\n\r\n", "x"),
            ("1\r\nx\r\n0\r\nA: b\r\nC:\r\nD:\td\u{e9}\r\n\r\n", "x"),
        ] {
            let found = decoded(input.as_bytes());
            assert_eq!(found, Ok(Some(data.as_bytes().to_vec())), "{input:?}");
        }
    }

    #[test]
    fn lenient_decoder_reads_what_curl_reads() {
        for (input, data) in [
            ("5\r\nhello\r\n0\r\n\r\n", Ok("hello")),
            ("5 \t\r\nhello\r\n0 \r\n\r\n", Ok("hello")),
            ("5\nhello\n0\n\n", Ok("hello")),
            ("5;a\nhello\r\n0\nA: b\nC: d\r\n\r\n", Ok("hello")),
            ("5 what \u{1};\"\r\nhello\r\n0\r\nno colon\r\n\r\n", Ok("hello")),
            ("\nhello", Err(BAD_SIZE)),
            (";a\r\n", Err(BAD_SIZE)),
            (" 5\r\n", Err(BAD_SIZE)),
            ("5g\r\n", Err(BAD_SIZE)),
            ("5 \rhello", Err(BAD_LINE_END)),
            ("5\nhell\n", Ok("")),
            ("4\nhello\n", Err(BAD_DATA_END)),
            ("00000000000000005\n", Err(SIZE_TOO_LONG)),
            (&format!("5;{}\n", "a".repeat(CHUNK_LINE_LEN_MAX)), Err(LINE_TOO_LONG)),
            (&format!("0\n{}", "a".repeat(TRAILERS_LEN_MAX + 1)), Err(TRAILERS_TOO_LONG)),
        ] {
            let seen = body(input.as_bytes(), &BodyDecoder::Chunked(ChunkedDecoder::LENIENT));
            let found = seen.map(|seen| if seen.is_done { seen.data } else { Vec::new() });
            assert_eq!(found, data.map(|data: &str| data.as_bytes().to_vec()), "{input:?}");
        }
    }

    #[test]
    fn decoder_truncated_body_is_never_done() {
        let input = b"5;x\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
        for len in 0..input.len() {
            assert_eq!(decoded(&input[..len]), Ok(None), "{len} bytes");
        }
    }

    #[test]
    fn decoder_bad_grammar_gives_its_error() {
        for (input, error) in [
            (&b"\r\n"[..], BAD_SIZE),
            (b";a\r\n", BAD_SIZE),
            (b" 1\r\n", BAD_SIZE),
            (b"\t1\r\n", BAD_SIZE),
            (b"+1\r\n", BAD_SIZE),
            (b"-1\r\n", BAD_SIZE),
            (b"0x1\r\n", BAD_SIZE),
            (b"1_0\r\n", BAD_SIZE),
            (b"g\r\n", BAD_SIZE),
            (b"1g\r\n", BAD_SIZE),
            (b"1,\r\n", BAD_SIZE),
            (b"1\0\r\n", BAD_SIZE),
            (b"\xb1\r\n", BAD_SIZE),
            (b"00000000000000001\r\n", SIZE_TOO_LONG),
            (b"fffffffffffffffff\r\n", SIZE_TOO_LONG),
            (b"1 \r\n", BAD_EXTENSION),
            (b"1 2\r\n", BAD_EXTENSION),
            (b"1 a\r\n", BAD_EXTENSION),
            (b"1;\r\n", BAD_EXTENSION),
            (b"1;;a\r\n", BAD_EXTENSION),
            (b"1;=b\r\n", BAD_EXTENSION),
            (b"1;a=\r\n", BAD_EXTENSION),
            (b"1;a=;b\r\n", BAD_EXTENSION),
            (b"1;a b\r\n", BAD_EXTENSION),
            (b"1;a=b c\r\n", BAD_EXTENSION),
            (b"1;a \r\n", BAD_EXTENSION),
            (b"1;a=b \r\n", BAD_EXTENSION),
            (b"1;a=\"b\"c\r\n", BAD_EXTENSION),
            (b"1;a=\"b\r\n", BAD_EXTENSION),
            (b"1;a=\"\\\0\"\r\n", BAD_EXTENSION),
            (b"1;a@b\r\n", BAD_EXTENSION),
            (b"1;a\0\r\n", BAD_EXTENSION),
            (b"1;a\x7f\r\n", BAD_EXTENSION),
            (b"\n", BAD_LINE_END),
            (b"1\nx\r\n", BAD_LINE_END),
            (b"1\rx\r\n", BAD_LINE_END),
            (b"1\r\r\n", BAD_LINE_END),
            (b"1 \n", BAD_LINE_END),
            (b"1;a\nx\r\n", BAD_LINE_END),
            (b"1;a\rb\r\n", BAD_LINE_END),
            (b"1\r\nxy\r\n", BAD_DATA_END),
            (b"1\r\nx\n", BAD_DATA_END),
            (b"1\r\nx\ry", BAD_DATA_END),
            (b"2\r\nx\r\n0\r\n\r\n", BAD_DATA_END),
            (b"0\r\n\n", BAD_LINE_END),
            (b"0\r\n\rx", BAD_LINE_END),
            (b"0\r\nA: b\n", BAD_LINE_END),
            (b"0\r\nA: b\rc", BAD_LINE_END),
            (b"0\r\nA\n", BAD_LINE_END),
            (b"0\r\nA: \0", BAD_TRAILER),
            (b"0\r\n: b", BAD_TRAILER),
            (b"0\r\n A: b", BAD_TRAILER),
            (b"0\r\nA : b", BAD_TRAILER),
            (b"0\r\nA\r\n", BAD_TRAILER),
            (b"0\r\nA: b\r\n c", BAD_TRAILER),
            (b"0\r\nGET / HTTP/1.1\r\n", BAD_TRAILER),
        ] {
            assert_eq!(decoded(input), Err(error), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn decoder_largest_chunk_size_does_not_overflow() {
        let mut decoder = ChunkedDecoder::NEW;
        let step = decoder.decode(b"ffffffffffffffff\r\nabc").unwrap();
        assert_eq!((step.consumed, step.data), (21, &b"abc"[..]));
        assert_eq!((decoder.state, decoder.left), (ChunkedState::Data, u64::MAX - 3));
    }

    #[test]
    fn decoder_bounds_size_lines_and_trailers() {
        let line = |len: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(len - 2));
        assert_eq!(decoded(line(CHUNK_LINE_LEN_MAX).as_bytes()), Ok(Some(b"x".to_vec())));
        let too_long = decoded(line(CHUNK_LINE_LEN_MAX + 1).as_bytes());
        assert_eq!(too_long, Err(LINE_TOO_LONG));
        let spaces = format!("1{}", " ".repeat(CHUNK_LINE_LEN_MAX));
        assert_eq!(decoded(spaces.as_bytes()), Err(LINE_TOO_LONG));

        let trailers = |len: usize| {
            let (lines, rest) = (len / 8 - 1, len % 8);
            let last = format!("B: {}\r\n", "b".repeat(3 + rest));
            format!("0\r\n{}{last}\r\n", "A: bcd\r\n".repeat(lines))
        };
        assert_eq!(decoded(trailers(TRAILERS_LEN_MAX).as_bytes()), Ok(Some(Vec::new())));
        let too_long = decoded(trailers(TRAILERS_LEN_MAX + 1).as_bytes());
        assert_eq!(too_long, Err(TRAILERS_TOO_LONG));
    }

    #[test]
    fn chunk_errors_carry_their_status() {
        assert_eq!(BAD_SIZE.status, Status::BAD_REQUEST);
        assert_eq!(TRAILERS_TOO_LONG.status, Status::HEADER_FIELDS_TOO_LARGE);
    }
}
