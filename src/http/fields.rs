//! The lines of a head and its fields, borrowed from the buffer they arrived in (RFC 9110 section 5).
//!
//! It owns the search for the lines of a head that arrives in part, the room for the places of its fields,
//! and the ways to look into them. Every line must end in CRLF: RFC 9112 section 2.2 lets a recipient take a
//! bare LF, but two recipients that disagree about lines can be played against each other. A block of field
//! lines is then taken apart by httparse; `fast_path` knows the places already. It never copies a byte and
//! never allocates.

use std::fmt;

use memchr::{memchr, memrchr};

use super::limits::{FIELDS_MAX, HEAD_LEN_MAX};

/// Room for the fields of one head; lives on the caller's stack beside the buffer.
#[derive(Debug)]
pub struct FieldBuf(pub(super) [FieldSpan; FIELDS_MAX]);

/// Where in a head the name and the value of a field stand. A head has 16 KiB at most, so that 16 bits
/// are enough: each head begins with empty places, and those of 64 pairs of slices would take longer to
/// make than a short head takes to read.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct FieldSpan {
    name: (u16, u16),
    value: (u16, u16),
}

impl FieldBuf {
    /// Empty room.
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
    /// The place of a name and a value, each given as where it begins and how long it is. All of it is
    /// within [`HEAD_LEN_MAX`].
    pub(super) fn new(name: (usize, usize), value: (usize, usize)) -> FieldSpan {
        let narrow = |(at, len): (usize, usize)| (at as u16, len as u16);
        FieldSpan { name: narrow(name), value: narrow(value) }
    }
}

/// The fields of a head in the order in which they came.
#[derive(Clone, Copy)]
pub struct Fields<'h, 'b> {
    head: &'b [u8],
    spans: &'h [FieldSpan],
}

/// Why no head can come of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeadError {
    /// A line ends in LF without CR.
    BareLf,
    /// There is no end of the head within [`HEAD_LEN_MAX`].
    TooLong,
    /// There are more than [`FIELDS_MAX`] fields.
    TooManyFields,
    /// A field line is not `name ":" OWS value OWS CRLF`.
    Field,
}

impl<'h, 'b> Fields<'h, 'b> {
    /// Parses a whole block: field lines and the empty line that ends them, all ending in CRLF.
    pub(super) fn parse(block: &'b [u8], space: &'h mut FieldBuf) -> Result<Fields<'h, 'b>, HeadError> {
        let mut found = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let found = match httparse::parse_headers(block, &mut found) {
            Ok(httparse::Status::Complete((len, fields))) if len == block.len() => fields,
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyFields),
            Ok(_) | Err(_) => return Err(HeadError::Field),
        };
        // What is empty may stand anywhere.
        let span = |part: &[u8]| (part.as_ptr().addr().saturating_sub(block.as_ptr().addr()), part.len());
        for (span_out, field) in space.0.iter_mut().zip(found) {
            let value = if field.value.is_empty() { (0, 0) } else { span(field.value) };
            *span_out = FieldSpan::new(span(field.name.as_bytes()), value);
        }
        Ok(Fields::from_spans(block, space.0.get(..found.len()).unwrap_or_default()))
    }

    /// Those that stand in these places of a head. Their names are tokens.
    pub(super) fn from_spans(head: &'b [u8], spans: &'h [FieldSpan]) -> Fields<'h, 'b> {
        Fields { head, spans }
    }

    /// Every field as (name, value), in order; values have no white space around them.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.iter_bytes().map(|(name, value)| (str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The same, with names that nobody need take for text.
    pub(super) fn iter_bytes(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'h, 'b> {
        let head = self.head;
        let part = move |(at, len): (u16, u16)| {
            let at = usize::from(at);
            head.get(at..at + usize::from(len)).unwrap_or_default()
        };
        self.spans.iter().map(move |span| (part(span.name), part(span.value)))
    }

    /// The value of the first field of that name (names compare without regard to case).
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// The values of all fields of that name, in order.
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

/// Walks the complete lines of a head that has arrived in part.
///
/// All that is kept between two arrivals is how far line ends were searched, in the caller's hands.
#[derive(Debug)]
pub(super) struct LineScan<'s, 'b> {
    buf: &'b [u8],
    head_start: usize,
    /// Where the next line begins, once it is known; an earlier arrival may have begun it.
    start: Option<usize>,
    searched: &'s mut usize,
}

/// One complete line.
#[derive(Debug)]
pub(super) struct HeadLine<'b> {
    /// The line without its CRLF.
    pub(super) bytes: &'b [u8],
    /// Where it begins in the buffer.
    pub(super) start: usize,
    /// Where the next line begins.
    pub(super) end: usize,
}

impl<'s, 'b> LineScan<'s, 'b> {
    /// A walk over the lines of the head that begins at `head_start`; those before `searched` are done.
    pub(super) fn new(buf: &'b [u8], first: usize, searched: &'s mut usize) -> Self {
        LineScan { buf, head_start: first, start: (*searched <= first).then_some(first), searched }
    }

    /// The next line that was not yet seen complete; `None` when more has to arrive first.
    pub(super) fn next(&mut self) -> Result<Option<HeadLine<'b>>, HeadError> {
        let limit = self.buf.len().min(HEAD_LEN_MAX);
        let from = (*self.searched).max(self.head_start).min(limit);
        let unseen = self.buf.get(from..limit).unwrap_or_default();
        let Some(found) = memchr(b'\n', unseen) else {
            *self.searched = limit;
            return if limit == HEAD_LEN_MAX { Err(HeadError::TooLong) } else { Ok(None) };
        };
        let lf = from + found;
        let start = self.start.unwrap_or_else(|| {
            let before = self.buf.get(self.head_start..lf).unwrap_or_default();
            memrchr(b'\n', before).map_or(self.head_start, |at| self.head_start + at + 1)
        });
        let Some([bytes @ .., b'\r']) = self.buf.get(start..lf) else {
            return Err(HeadError::BareLf);
        };
        let end = lf + 1;
        self.start = Some(end);
        *self.searched = end;
        Ok(Some(HeadLine { bytes, start, end }))
    }

    /// The first line, which an earlier walk has already found complete.
    pub(super) fn first_line(&self) -> &'b [u8] {
        let from_first = self.buf.get(self.head_start..).unwrap_or_default();
        let len = memchr(b'\n', from_first).unwrap_or(from_first.len());
        match from_first.get(..len) {
            Some([bytes @ .., b'\r']) => bytes,
            _ => from_first,
        }
    }
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

    /// httparse looks at 8, 16 or 32 bytes at once, so each byte is tried at several offsets.
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
        let mut scan = LineScan::new(buf, 0, searched);
        let mut seen = Vec::new();
        while let Some(line) = scan.next()? {
            seen.push((line.bytes.to_vec(), line.start, line.end));
        }
        Ok(seen)
    }

    #[test]
    fn line_scan_whole_or_bytewise_gives_same_lines() {
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
    fn line_scan_bare_lf_is_error() {
        for buf in [&b"\n"[..], b"a\n", b"a\r\n\n", b"a\r\r\nb\n"] {
            assert_eq!(walk(buf, &mut 0), Err(HeadError::BareLf));
        }
    }

    #[test]
    fn line_scan_unended_head_is_too_long_at_16_kib() {
        let buf = vec![b'a'; HEAD_LEN_MAX];
        assert_eq!(walk(&buf, &mut 0), Err(HeadError::TooLong));
        assert_eq!(walk(&buf[1..], &mut 0), Ok(Vec::new()));
    }
}
