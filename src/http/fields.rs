//! Borrowed lines and fields of a head (RFC 9110 section 5).
//!
//! Every line must end in CRLF. RFC 9112 section 2.2 allows a bare LF, but recipients that disagree about
//! lines can be attacked.

use std::fmt;

use memchr::{memchr, memrchr};

use super::limits::{FIELDS_MAX, HEAD_LEN_MAX};
use super::syntax::{text_len, token_len};
use super::{Reject, Status};

pub(super) const CRLF: &[u8] = b"\r\n";

pub(super) const BARE_LF: Reject =
    Reject::bad_request("A line of the request ends in LF alone: end it in CR LF.");
const HEAD_TOO_LONG: Reject = Reject::new(
    Status::HEADER_FIELDS_TOO_LARGE,
    "The request line and the header fields together are longer than 16 KiB.",
);
const TOO_MANY_FIELDS: Reject =
    Reject::new(Status::HEADER_FIELDS_TOO_LARGE, "The request has more than 100 header fields.");
const BAD_FIELD: Reject = Reject::bad_request(
    "A header field is malformed: it must be a name, a colon right after it, and a value without control bytes, \
     all on one line.",
);

/// Field spans of one head, on the caller's stack.
#[derive(Debug)]
pub struct FieldBuf([FieldSpan; FIELDS_MAX]);

/// Position and length of name and value in a head.
///
/// 16 bits suffice for 16 KiB. Each head begins with [`FIELDS_MAX`] empty spans. Slices would take longer to initialize
/// than a short head takes to parse.
#[derive(Clone, Copy, Default, Debug)]
struct FieldSpan {
    name: (u16, u16),
    value: (u16, u16),
}

impl FieldBuf {
    /// Empty buffer.
    pub fn new() -> Self {
        FieldBuf([FieldSpan::default(); FIELDS_MAX])
    }

    /// Parses `name ":" OWS value OWS CRLF` lines (RFC 9112 section 5) from `at`: (count, head end).
    ///
    /// Not inlined: within its caller, the loop gets too few registers.
    #[inline(never)]
    pub(super) fn parse(&mut self, head: &[u8], mut at: usize) -> Result<(usize, usize), Reject> {
        let rest = |at: usize| head.get(at..).ok_or(BAD_FIELD);
        let mut spans = self.0.iter_mut();
        loop {
            let name_at = at;
            at += token_len(rest(at)?);
            let name = (name_at, at - name_at);
            match rest(at)? {
                [b':', ..] if name.1 > 0 => at += 1,
                [b'\r', b'\n', ..] if name.1 == 0 => break,
                _ => return Err(BAD_FIELD),
            }
            while matches!(head.get(at), Some(b' ' | b'\t')) {
                at += 1;
            }
            let value_at = at;
            let (value, after) = rest(at)?.split_at_checked(text_len(rest(at)?)).ok_or(BAD_FIELD)?;
            if !after.starts_with(CRLF) {
                return Err(BAD_FIELD);
            }
            at += value.len() + CRLF.len();
            *spans.next().ok_or(TOO_MANY_FIELDS)? =
                FieldSpan::new(name, (value_at, value.trim_ascii_end().len()));
        }
        Ok((FIELDS_MAX - spans.len(), at + CRLF.len()))
    }

    /// The first `count` fields, which were parsed from `head`.
    pub(super) fn fields<'b>(&self, head: &'b [u8], count: usize) -> Fields<'_, 'b> {
        Fields { head, spans: self.0.get(..count).unwrap_or_default() }
    }
}

impl Default for FieldBuf {
    fn default() -> Self {
        FieldBuf::new()
    }
}

const _: () = assert!(HEAD_LEN_MAX <= u16::MAX as usize);

impl FieldSpan {
    /// Takes (position, length) pairs within [`HEAD_LEN_MAX`].
    fn new(name: (usize, usize), value: (usize, usize)) -> FieldSpan {
        let narrow = |(at, len): (usize, usize)| (at as u16, len as u16);
        FieldSpan { name: narrow(name), value: narrow(value) }
    }
}

/// Fields of a head, in order.
#[derive(Clone, Copy)]
pub struct Fields<'h, 'b> {
    head: &'b [u8],
    spans: &'h [FieldSpan],
}

impl<'h, 'b> Fields<'h, 'b> {
    /// Fields as (name, value), without outer white space.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.iter_bytes().map(|(name, value)| (str::from_utf8(name).unwrap_or_default(), value))
    }

    pub(super) fn iter_bytes(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'h, 'b> {
        let head = self.head;
        let part = move |(at, len): (u16, u16)| {
            let at = usize::from(at);
            head.get(at..at + usize::from(len)).unwrap_or_default()
        };
        self.spans.iter().map(move |span| (part(span.name), part(span.value)))
    }

    /// First value of a field; names ignore case.
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// Values of a field, in order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b, 'n> {
        let is_meant = |candidate: &[u8]| candidate.eq_ignore_ascii_case(name.as_bytes());
        self.iter_bytes().filter(move |(candidate, _)| is_meant(candidate)).map(|(_, value)| value)
    }
}

impl fmt::Debug for Fields<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, value.escape_ascii().to_string())))
            .finish()
    }
}

/// Next complete line of a partial head, and its start; `None` if more bytes are needed.
///
/// Between calls, the caller keeps only `searched`.
pub(super) fn next_line<'b>(
    buf: &'b [u8],
    head_start: usize,
    searched: &mut usize,
) -> Result<Option<(usize, &'b [u8])>, Reject> {
    let limit = buf.len().min(HEAD_LEN_MAX);
    let from = (*searched).max(head_start).min(limit);
    let Some(found) = memchr(b'\n', buf.get(from..limit).unwrap_or_default()) else {
        *searched = limit;
        return if limit == HEAD_LEN_MAX { Err(HEAD_TOO_LONG) } else { Ok(None) };
    };
    let lf = from + found;
    let start = if from == head_start || buf.get(from - 1) == Some(&b'\n') {
        from
    } else {
        // The line begins before `searched`.
        let before = buf.get(head_start..from).unwrap_or_default();
        memrchr(b'\n', before).map_or(head_start, |at| head_start + at + 1)
    };
    let Some([line @ .., b'\r']) = buf.get(start..lf) else { return Err(BARE_LF) };
    *searched = lf + 1;
    Ok(Some((start, line)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'h, 'b>(block: &'b [u8], space: &'h mut FieldBuf) -> Result<Fields<'h, 'b>, Reject> {
        let (count, end) = space.parse(block, 0)?;
        assert_eq!(end, block.len());
        Ok(space.fields(block, count))
    }

    const BLOCK: &[u8] = b"Host: a\r\nconnection: Keep-Alive ,\t x\r\nEmpty:  \r\nCONNECTION:close\r\n\r\n";

    #[test]
    fn fields_lookup_ignores_case_of_name() {
        let mut space = FieldBuf::new();
        let fields = parse(BLOCK, &mut space).unwrap();
        assert_eq!(fields.first("hOST"), Some(&b"a"[..]));
        assert_eq!(fields.first("empty"), Some(&b""[..]));
        assert_eq!(fields.first("missing"), None);
        let all: Vec<&[u8]> = fields.all("Connection").collect();
        assert_eq!(all, [&b"Keep-Alive ,\t x"[..], b"close"]);
        assert_eq!(fields.iter().count(), 4);
    }

    #[test]
    fn fields_64_accepted_65_too_many() {
        for (count, fits) in [(FIELDS_MAX, true), (FIELDS_MAX + 1, false)] {
            let block = "a: b\r\n".repeat(count) + "\r\n";
            let mut space = FieldBuf::new();
            let parsed = parse(block.as_bytes(), &mut space);
            match fits {
                true => assert_eq!(parsed.unwrap().iter().count(), count),
                false => assert_eq!(parsed.map(|_| ()), Err(TOO_MANY_FIELDS)),
            }
        }
    }

    /// The scan takes 8 bytes at once: tests each byte at several offsets.
    #[test]
    fn fields_name_needs_tchar_and_value_needs_text_bytes() {
        for byte in 0..=u8::MAX {
            for pad in [0, 1, 7, 8, 15, 16, 31, 32, 33, 64] {
                let pad = vec![b'a'; pad];
                let name = [&pad, &[byte][..], b"z: v\r\n\r\n"].concat();
                let value = [b"n: z", &pad[..], &[byte], b"z\r\n\r\n"].concat();
                let name_is_fine = super::super::syntax::is_tchar(byte) || byte == b':';
                let value_is_fine = super::super::syntax::is_text(byte);
                let parses = |block: &[u8]| parse(block, &mut FieldBuf::new()).is_ok();
                let empty_name = byte == b':' && pad.is_empty();
                assert_eq!(parses(&name), name_is_fine && !empty_name, "{byte:#04x}");
                assert_eq!(parses(&value), value_is_fine, "{byte:#04x}");
            }
        }
    }

    proptest! {
        /// httparse also accepts a bare LF.
        #[test]
        fn fields_are_those_of_httparse(
            lines in proptest::collection::vec("[A-Za-z-]{1,12}:[ \t]{0,2}[ -~]{0,20}[ \t]{0,2}", 0..6),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(b' '), Just(b':'), Just(b'\t'), Just(0), any::<u8>(),
            ]), 0..3),
        ) {
            let lines: String = lines.into_iter().map(|line| line + "\r\n").collect();
            let mut block = format!("{lines}\r\n").into_bytes();
            for (index, byte) in changes {
                let at = index.index(block.len());
                block[at] = byte;
            }
            let mut expected = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let expected = match httparse::parse_headers(&block, &mut expected) {
                Ok(httparse::Status::Complete((end, fields))) => Some((end, fields.to_vec())),
                _ => None,
            };
            let has_bare_lf = |end: usize| {
                let ends = memchr::memchr_iter(b'\n', &block[..end]);
                ends.into_iter().any(|at| at == 0 || block[at - 1] != b'\r')
            };
            let expected = expected.filter(|(end, _)| !has_bare_lf(*end));
            let mut space = FieldBuf::new();
            let found = space.parse(&block, 0).ok();
            prop_assert_eq!(found.map(|(_, end)| end), expected.as_ref().map(|(end, _)| *end));
            if let (Some((count, _)), Some((_, expected))) = (found, expected) {
                let expected: Vec<_> = expected.iter().map(|field| (field.name, field.value)).collect();
                prop_assert_eq!(space.fields(&block, count).iter().collect::<Vec<_>>(), expected);
            }
        }
    }

    fn walk(buf: &[u8], searched: &mut usize) -> Result<Vec<(Vec<u8>, usize, usize)>, Reject> {
        let mut seen = Vec::new();
        while let Some((start, line)) = next_line(buf, 0, searched)? {
            seen.push((line.to_vec(), start, *searched));
        }
        Ok(seen)
    }

    #[test]
    fn next_line_whole_or_bytewise_gives_same_lines() {
        let buf = b"ab\r\n\r\nc\rd\r\n";
        let whole = walk(buf, &mut 0).unwrap();
        let mut searched = 0;
        let bytewise: Vec<_> =
            (0..=buf.len()).flat_map(|len| walk(&buf[..len], &mut searched).unwrap()).collect();
        let expected = [(b"ab".to_vec(), 0, 4), (b"".to_vec(), 4, 6), (b"c\rd".to_vec(), 6, 11)];
        assert_eq!(whole, expected);
        assert_eq!(bytewise, expected);
    }

    #[test]
    fn next_line_bare_lf_is_error() {
        for buf in [&b"\n"[..], b"a\n", b"a\r\n\n", b"a\r\r\nb\n"] {
            assert_eq!(walk(buf, &mut 0), Err(BARE_LF));
        }
    }

    #[test]
    fn next_line_unended_head_is_too_long_at_16_kib() {
        let buf = vec![b'a'; HEAD_LEN_MAX];
        assert_eq!(walk(&buf, &mut 0), Err(HEAD_TOO_LONG));
        assert_eq!(walk(&buf[1..], &mut 0), Ok(Vec::new()));
    }
}
