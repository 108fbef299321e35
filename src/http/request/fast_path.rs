//! One-pass parser for complete, ordinary request heads: nearly all.
//!
//! `None` for others: `head` parses them by lines and with httparse, and alone rejects.
//! Parser tests compare both.

use super::request_line::RequestLine;
use crate::http::fields::FieldSpan;
use crate::http::limits::HEAD_LEN_MAX;
use crate::http::syntax::{text_len, token_len};
use crate::http::{FIELDS_MAX, FieldBuf};

pub(super) struct WholeHead<'b> {
    pub(super) line: RequestLine<'b>,
    pub(super) fields_len: usize,
    pub(super) end: usize,
}

pub(super) fn parse<'b>(buf: &'b [u8], start: usize, space: &mut FieldBuf) -> Option<WholeHead<'b>> {
    let buf = buf.get(..HEAD_LEN_MAX).unwrap_or(buf);
    let line = RequestLine::parse_prefix(buf.get(start..)?)?;
    let (fields_len, end) = parse_fields(buf, start + line.bytes.len() + CRLF.len(), space)?;
    Some(WholeHead { line, fields_len, end })
}

const CRLF: &[u8] = b"\r\n";

/// Parses `name ":" OWS value OWS CRLF` lines (RFC 9112 section 5): (count, head end).
///
/// Not inlined: within its caller, the loop gets too few registers.
#[inline(never)]
fn parse_fields(buf: &[u8], mut at: usize, space: &mut FieldBuf) -> Option<(usize, usize)> {
    let mut spans = space.0.iter_mut();
    loop {
        let name_at = at;
        at += token_len(buf.get(at..)?);
        let name = (name_at, at - name_at);
        match buf.get(at..)? {
            [b':', ..] if name.1 > 0 => at += 1,
            [b'\r', b'\n', ..] if name.1 == 0 => break,
            _ => return None,
        }
        while is_ows(*buf.get(at)?) {
            at += 1;
        }
        let value_at = at;
        at += text_len(buf.get(at..)?);
        let mut value_end = at;
        while value_end > value_at && is_ows(*buf.get(value_end - 1)?) {
            value_end -= 1;
        }
        if !buf.get(at..)?.starts_with(CRLF) {
            return None;
        }
        at += CRLF.len();
        *spans.next()? = FieldSpan::new(name, (value_at, value_end - value_at));
    }
    Some((FIELDS_MAX - spans.len(), at + CRLF.len()))
}

fn is_ows(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::request;
    use proptest::prelude::*;

    fn found(input: &[u8]) -> Option<(usize, usize)> {
        let mut space = FieldBuf::new();
        parse(input, 0, &mut space).map(|whole| (whole.fields_len, whole.end))
    }

    #[test]
    fn fast_path_parses_complete_common_heads() {
        for (input, fields_len) in [
            ("GET / HTTP/1.0\r\n\r\n", 0),
            ("GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", 1),
            ("GET http://h/ HTTP/1.1\r\nHost:h\r\nA: \t b\tc \r\nEmpty:\r\nBlank:  \r\n\r\n", 4),
            ("X-Y /\u{e9} HTTP/1.2\r\nHost: h\r\nX_.~: \u{e9}\r\n\r\n", 2),
        ] {
            assert_eq!(found(input.as_bytes()), Some((fields_len, input.len())), "{input}");
            assert_eq!(found(&input.as_bytes()[..input.len() - 1]), None, "{input}");
        }
    }

    #[test]
    fn fast_path_unusual_head_is_none() {
        for input in [
            "\r\nGET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.0\n\r\n",
            "GET / HTTP/1.0\r\n\n",
            "GET / HTTP/1.0\r\nA: b\n\r\n",
            "GET / HTTP/1.0\r\nA : b\r\n\r\n",
            "GET / HTTP/1.0\r\n: b\r\n\r\n",
            "GET / HTTP/1.0\r\n b\r\n\r\n",
            "GET / HTTP/1.0\r\nA: \u{7f}\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET /# HTTP/1.0\r\n\r\n",
            " / HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(found(input.as_bytes()), None, "{input}");
        }
        assert_eq!(
            found(format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(FIELDS_MAX + 1)).as_bytes()),
            None
        );
    }

    proptest! {
        /// A head that arrives byte by byte goes to the slow path, so this compares both.
        #[test]
        fn fast_and_slow_path_parse_the_same(
            lines in proptest::collection::vec("[A-Za-z-]{1,12}:[ \t]{0,2}[ -~]{0,20}[ \t]{0,2}", 0..6),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(b' '), Just(b':'), Just(b'\t'), Just(0), any::<u8>(),
            ]), 0..3),
        ) {
            let lines: String = lines.into_iter().map(|line| line + "\r\n").collect();
            let mut input = format!("GET /a?b HTTP/1.1\r\nHost: h\r\n{lines}\r\n").into_bytes();
            for (index, byte) in changes {
                let at = index.index(input.len());
                input[at] = byte;
            }
            let _ = request(&input, |consumed, _| consumed);
        }
    }
}
