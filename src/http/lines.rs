//! Finding the lines of a head as it arrives, without looking at any byte twice.
//!
//! It owns the rule that every line ends in CRLF (RFC 9112 section 2.2 lets a recipient take a
//! bare LF; we don't, because two recipients that disagree about lines can be played against each
//! other) and the bound on the whole head. It never looks inside a line.

use memchr::{memchr, memrchr};

use super::head::HEAD_LEN_MAX;

/// Walks the complete lines of a head that has arrived in part.
///
/// All that is kept between two arrivals is how far line ends were searched, in the caller's hands.
#[derive(Debug)]
pub(super) struct LineScan<'s, 'b> {
    buf: &'b [u8],
    first: usize,
    /// Where the next line begins, once it is known; an earlier arrival may have begun it.
    start: Option<usize>,
    searched: &'s mut usize,
}

/// One complete line.
#[derive(Debug)]
pub(super) struct Line<'b> {
    /// The line without its CRLF.
    pub(super) bytes: &'b [u8],
    /// Where it begins in the buffer.
    pub(super) start: usize,
    /// Where the next line begins.
    pub(super) end: usize,
}

/// Why no head can come of these bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineFault {
    /// A line ends in LF without CR.
    BareLf,
    /// No end of the head within [`HEAD_LEN_MAX`].
    TooLong,
}

impl<'s, 'b> LineScan<'s, 'b> {
    /// A walk over the lines of the head that begins at `first`; those before `searched` are done.
    pub(super) fn new(buf: &'b [u8], first: usize, searched: &'s mut usize) -> Self {
        LineScan { buf, first, start: (*searched <= first).then_some(first), searched }
    }

    /// The next line that was not yet seen complete; `None` when more has to arrive first.
    pub(super) fn next(&mut self) -> Result<Option<Line<'b>>, LineFault> {
        let limit = self.buf.len().min(HEAD_LEN_MAX);
        let from = (*self.searched).max(self.first).min(limit);
        let unseen = self.buf.get(from..limit).unwrap_or_default();
        let Some(found) = memchr(b'\n', unseen) else {
            *self.searched = limit;
            return if limit == HEAD_LEN_MAX { Err(LineFault::TooLong) } else { Ok(None) };
        };
        let lf = from + found;
        let start = self.start.unwrap_or_else(|| self.line_start(lf));
        let Some([bytes @ .., b'\r']) = self.buf.get(start..lf) else {
            return Err(LineFault::BareLf);
        };
        let end = lf + 1;
        self.start = Some(end);
        *self.searched = end;
        Ok(Some(Line { bytes, start, end }))
    }

    /// The first line, which an earlier walk has already found complete.
    pub(super) fn first_line(&self) -> &'b [u8] {
        let from_first = self.buf.get(self.first..).unwrap_or_default();
        let len = memchr(b'\n', from_first).unwrap_or(from_first.len());
        match from_first.get(..len) {
            Some([bytes @ .., b'\r']) => bytes,
            _ => from_first,
        }
    }

    fn line_start(&self, lf: usize) -> usize {
        let before = self.buf.get(self.first..lf).unwrap_or_default();
        memrchr(b'\n', before).map_or(self.first, |at| self.first + at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(buf: &[u8], searched: &mut usize) -> Result<Vec<(Vec<u8>, usize, usize)>, LineFault> {
        let mut scan = LineScan::new(buf, 0, searched);
        let mut seen = Vec::new();
        while let Some(line) = scan.next()? {
            seen.push((line.bytes.to_vec(), line.start, line.end));
        }
        Ok(seen)
    }

    #[test]
    fn each_line_is_seen_once_however_it_arrives() {
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
    fn a_bare_lf_is_refused_wherever_it_stands() {
        for buf in [&b"\n"[..], b"a\n", b"a\r\n\n", b"a\r\r\nb\n"] {
            assert_eq!(walk(buf, &mut 0), Err(LineFault::BareLf));
        }
    }

    #[test]
    fn a_head_without_end_is_refused_at_the_bound() {
        let buf = vec![b'a'; HEAD_LEN_MAX];
        assert_eq!(walk(&buf, &mut 0), Err(LineFault::TooLong));
        assert_eq!(walk(&buf[1..], &mut 0), Ok(Vec::new()));
    }
}
