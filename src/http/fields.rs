//! Borrowed lines and fields of a head (RFC 9110 section 5).
//!
//! Every line must end in CRLF. RFC 9112 section 2.2 allows a bare LF, but recipients that disagree about
//! lines can be attacked. httparse or `fast_path` splits the fields.

use std::fmt;

use memchr::{memchr, memrchr};

use super::limits::{FIELDS_MAX, HEAD_LEN_MAX};

/// Field spans of one head, on the caller's stack.
#[derive(Debug)]
pub struct FieldBuf(pub(super) [FieldSpan; FIELDS_MAX]);

/// Position and length of name and value in a head.
///
/// 16 bits suffice for 16 KiB. Each head begins with [`FIELDS_MAX`] empty spans. Slices would take longer to initialize
/// than a short head takes to parse.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct FieldSpan {
    name: (u16, u16),
    value: (u16, u16),
}

impl FieldBuf {
    /// Empty buffer.
    pub fn new() -> Self {
        FieldBuf([FieldSpan::default(); FIELDS_MAX])
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
    pub(super) fn new(name: (usize, usize), value: (usize, usize)) -> FieldSpan {
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeadError {
    BareLf,
    TooLong,
    TooManyFields,
    /// Not `name ":" OWS value OWS CRLF`.
    Field,
}

impl<'h, 'b> Fields<'h, 'b> {
    pub(super) fn parse(block: &'b [u8], space: &'h mut FieldBuf) -> Result<Fields<'h, 'b>, HeadError> {
        let mut found = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let found = match httparse::parse_headers(block, &mut found) {
            Ok(httparse::Status::Complete((len, fields))) if len == block.len() => fields,
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyFields),
            Ok(_) | Err(_) => return Err(HeadError::Field),
        };
        // An empty slice may point anywhere.
        let span = |part: &[u8]| (part.as_ptr().addr().saturating_sub(block.as_ptr().addr()), part.len());
        for (span_out, field) in space.0.iter_mut().zip(found) {
            let value = if field.value.is_empty() { (0, 0) } else { span(field.value) };
            *span_out = FieldSpan::new(span(field.name.as_bytes()), value);
        }
        Ok(Fields::from_spans(block, space.0.get(..found.len()).unwrap_or_default()))
    }

    /// Names must be tokens.
    pub(super) fn from_spans(head: &'b [u8], spans: &'h [FieldSpan]) -> Fields<'h, 'b> {
        Fields { head, spans }
    }

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
) -> Result<Option<(usize, &'b [u8])>, HeadError> {
    let limit = buf.len().min(HEAD_LEN_MAX);
    let from = (*searched).max(head_start).min(limit);
    let Some(found) = memchr(b'\n', buf.get(from..limit).unwrap_or_default()) else {
        *searched = limit;
        return if limit == HEAD_LEN_MAX { Err(HeadError::TooLong) } else { Ok(None) };
    };
    let lf = from + found;
    let start = if from == head_start || buf.get(from - 1) == Some(&b'\n') {
        from
    } else {
        // The line begins before `searched`.
        let before = buf.get(head_start..from).unwrap_or_default();
        memrchr(b'\n', before).map_or(head_start, |at| head_start + at + 1)
    };
    let Some([line @ .., b'\r']) = buf.get(start..lf) else { return Err(HeadError::BareLf) };
    *searched = lf + 1;
    Ok(Some((start, line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] = b"Host: a\r\nconnection: Keep-Alive ,\t x\r\nEmpty:  \r\nCONNECTION:close\r\n\r\n";

    #[test]
    fn fields_lookup_ignores_case_of_name() {
        let mut space = FieldBuf::new();
        let fields = Fields::parse(BLOCK, &mut space).unwrap();
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
            let parsed = Fields::parse(block.as_bytes(), &mut space);
            match fits {
                true => assert_eq!(parsed.unwrap().iter().count(), count),
                false => assert_eq!(parsed.map(|_| ()), Err(HeadError::TooManyFields)),
            }
        }
    }

    /// httparse scans 8, 16 or 32 bytes at once: tests each byte at several offsets.
    #[test]
    fn fields_name_needs_tchar_and_value_needs_text_bytes() {
        for byte in 0..=u8::MAX {
            for pad in [0, 1, 7, 8, 15, 16, 31, 32, 33, 64] {
                let pad = vec![b'a'; pad];
                let name = [&pad, &[byte][..], b"z: v\r\n\r\n"].concat();
                let value = [b"n: z", &pad[..], &[byte], b"z\r\n\r\n"].concat();
                let name_is_fine = super::super::syntax::is_tchar(byte) || byte == b':';
                let value_is_fine = super::super::syntax::is_text(byte);
                let parses = |block: &[u8]| Fields::parse(block, &mut FieldBuf::new()).is_ok();
                let empty_name = byte == b':' && pad.is_empty();
                assert_eq!(parses(&name), name_is_fine && !empty_name, "{byte:#04x}");
                assert_eq!(parses(&value), value_is_fine, "{byte:#04x}");
            }
        }
    }

    fn walk(buf: &[u8], searched: &mut usize) -> Result<Vec<(Vec<u8>, usize, usize)>, HeadError> {
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
            assert_eq!(walk(buf, &mut 0), Err(HeadError::BareLf));
        }
    }

    #[test]
    fn next_line_unended_head_is_too_long_at_16_kib() {
        let buf = vec![b'a'; HEAD_LEN_MAX];
        assert_eq!(walk(&buf, &mut 0), Err(HeadError::TooLong));
        assert_eq!(walk(&buf[1..], &mut 0), Ok(Vec::new()));
    }
}
