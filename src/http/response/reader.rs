//! Incremental response reader: interim heads, final head, body, end.
//!
//! Owns no buffer or connection: the client and the load generator share it. Checks framing to the last byte (RFC 9112
//! section 6.3).

use super::head::{ResponseHead, parse_response};
use crate::http::{BodyDecoder, Method, Reject, ResponseBody, ResponseHeadError};

/// Most interim responses; more are an attack or a fault.
const INTERIMS_MAX: u32 = 16;

const SWITCHING_PROTOCOLS: u16 = 101;

/// Longest stored head: longer ones are rare, and copies cost time.
const LAST_HEAD_LEN_MAX: usize = 1024;

/// Reader of one response.
#[derive(Debug)]
pub struct ResponseReader {
    method: Method,
    stage: ReadStage,
    interims: u32,
    /// Final status; 0 before the final head.
    pub status: u16,
    /// Whether the connection can carry another request.
    pub keep_alive: bool,
    /// Bytes that [`Self::check`] consumed, framing included.
    pub received_len: u64,
}

#[derive(Debug)]
enum ReadStage {
    Head { searched_len: usize, has_begun: bool },
    Body(BodyDecoder),
    Ended,
}

/// Part of a response.
#[derive(Debug)]
pub enum ResponseEvent<'b> {
    /// Interim head (1xx); another follows.
    Interim(ResponseHead<'b>),
    /// Final head.
    Head(ResponseHead<'b>),
    /// Body data; empty for framing alone.
    Body(&'b [u8]),
    /// End of the response.
    End,
}

/// Consumed bytes and a part of the response; `None` if incomplete.
pub type NextEvent<'b> = Result<Option<(usize, ResponseEvent<'b>)>, ResponseError>;

/// Error in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Malformed head.
    #[error("{0}")]
    Head(ResponseHeadError),
    /// Malformed chunk.
    #[error("the body of the response is invalid: {}", .0.message)]
    Chunk(Reject),
    /// Too many interim responses.
    #[error("the server sends too many interim responses")]
    TooManyInterims,
    /// Unrequested protocol switch (RFC 9110 section 15.2.2).
    #[error("the server switches to another protocol")]
    SwitchingProtocols,
    /// Connection end before the response.
    #[error("the server closed the connection without a response")]
    Empty,
    /// Connection end in the head.
    #[error("the connection ended within the response head")]
    HeadCutShort,
    /// Connection end in the body; missing bytes, if known.
    #[error("the body was cut short: {}", missing_part(*.0))]
    BodyCutShort(Option<u64>),
}

fn missing_part(len: Option<u64>) -> String {
    len.map_or("its last chunk is missing".to_owned(), |len| format!("{len} bytes of it are missing"))
}

/// Last checked head.
///
/// Under load, only the date in a server's heads changes. Equal bytes need no second parse.
#[derive(Debug, Default)]
pub struct LastHead {
    bytes: Vec<u8>,
    summary: Option<HeadSummary>,
}

#[derive(Clone, Copy, Debug)]
struct HeadSummary {
    method: Method,
    status: u16,
    body: ResponseBody,
    keep_alive: bool,
}

impl LastHead {
    fn match_prefix(&self, bytes: &[u8], method: Method) -> Option<(usize, HeadSummary)> {
        let summary = self.summary.filter(|summary| summary.method == method)?;
        bytes.starts_with(&self.bytes).then_some((self.bytes.len(), summary))
    }

    fn store(&mut self, bytes: &[u8], summary: HeadSummary) {
        if bytes.len() <= LAST_HEAD_LEN_MAX {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
            self.summary = Some(summary);
        }
    }
}

impl ResponseReader {
    /// Reader for the response to `method`; HEAD gives no body.
    pub fn new(method: Method) -> Self {
        let stage = ReadStage::Head { searched_len: 0, has_begun: false };
        Self { method, stage, interims: 0, status: 0, keep_alive: false, received_len: 0 }
    }

    /// Next part.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> NextEvent<'b> {
        match &self.stage {
            ReadStage::Head { .. } => self.next_head(bytes),
            ReadStage::Body(_) | ReadStage::Ended => self.next_body_event(bytes),
        }
    }

    /// Validates and consumes bytes: (consumed bytes, is complete).
    pub fn check(&mut self, bytes: &[u8], last: &mut LastHead) -> Result<(usize, bool), ResponseError> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let is_in_head = matches!(self.stage, ReadStage::Head { .. });
            let step = match is_in_head.then(|| last.match_prefix(rest, self.method)).flatten() {
                Some((len, summary)) => {
                    self.begin_body(summary);
                    // The same head was checked before.
                    Some((len, ResponseEvent::Body(&[])))
                }
                None => self.next(rest)?,
            };
            let Some((len, event)) = step else { return Ok((taken, false)) };
            match &event {
                ResponseEvent::Interim(head) if head.status == SWITCHING_PROTOCOLS => {
                    return Err(ResponseError::SwitchingProtocols);
                }
                ResponseEvent::Head(head) => {
                    last.store(rest.get(..len).unwrap_or_default(), HeadSummary::of(head, self.method));
                }
                _ => {}
            }
            taken += len;
            self.received_len += len as u64;
            if matches!(event, ResponseEvent::End) {
                return Ok((taken, true));
            }
        }
    }

    fn next_head<'b>(&mut self, bytes: &'b [u8]) -> NextEvent<'b> {
        let ReadStage::Head { searched_len, has_begun: began } = &mut self.stage else { return Ok(None) };
        *began |= !bytes.is_empty();
        let parsed = parse_response(bytes, searched_len, self.method).map_err(ResponseError::Head)?;
        let Some((len, head)) = parsed else { return Ok(None) };
        if (100..200).contains(&head.status) {
            self.interims += 1;
            if self.interims > INTERIMS_MAX {
                return Err(ResponseError::TooManyInterims);
            }
            return Ok(Some((len, ResponseEvent::Interim(head))));
        }
        self.begin_body(HeadSummary::of(&head, self.method));
        Ok(Some((len, ResponseEvent::Head(head))))
    }

    fn begin_body(&mut self, summary: HeadSummary) {
        self.status = summary.status;
        self.keep_alive = summary.keep_alive;
        self.stage = ReadStage::Body(summary.body.into());
    }

    fn next_body_event<'b>(&mut self, bytes: &'b [u8]) -> NextEvent<'b> {
        let ReadStage::Body(body) = &mut self.stage else { return Ok(None) };
        let mut taken = 0;
        while !body.is_done() {
            let rest = bytes.get(taken..).unwrap_or_default();
            let decoded = body.decode(rest).map_err(ResponseError::Chunk)?;
            taken += decoded.consumed;
            if !decoded.data.is_empty() {
                return Ok(Some((taken, ResponseEvent::Body(decoded.data))));
            }
            if decoded.consumed == 0 {
                // Framing alone has no data.
                return Ok((taken > 0).then_some((taken, ResponseEvent::Body(&[]))));
            }
        }
        self.stage = ReadStage::Ended;
        Ok(Some((taken, ResponseEvent::End)))
    }

    /// Checks completeness at the end of the connection.
    pub fn end_of_input(&self) -> Result<(), ResponseError> {
        match &self.stage {
            ReadStage::Ended | ReadStage::Body(BodyDecoder::UntilClose) => Ok(()),
            ReadStage::Body(body) if body.is_done() => Ok(()),
            ReadStage::Body(BodyDecoder::Sized { left }) => Err(ResponseError::BodyCutShort(Some(*left))),
            ReadStage::Body(BodyDecoder::Chunked(_)) => Err(ResponseError::BodyCutShort(None)),
            ReadStage::Head { has_begun: false, .. } => Err(ResponseError::Empty),
            ReadStage::Head { .. } => Err(ResponseError::HeadCutShort),
        }
    }
}

impl HeadSummary {
    fn of(head: &ResponseHead<'_>, method: Method) -> Self {
        Self { method, status: head.status, body: head.body, keep_alive: head.keep_alive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::chunked::BAD_SIZE;

    type Read = Result<(usize, u16), ResponseError>;

    /// Result of these bytes, at once and byte by byte: consumed length, and status or error.
    fn read(bytes: &[u8]) -> Read {
        let whole = read_in_pieces(bytes, bytes.len().max(1));
        assert_eq!(whole, read_in_pieces(bytes, 1), "{}", bytes.escape_ascii());
        whole
    }

    fn read_in_pieces(bytes: &[u8], step: usize) -> Read {
        let (mut reader, mut last) = (ResponseReader::new(Method::Get), LastHead::default());
        let (mut taken, mut end) = (0, 0);
        while end < bytes.len() {
            end = (end + step).min(bytes.len());
            let (len, is_whole) = reader.check(&bytes[taken..end], &mut last)?;
            taken += len;
            if is_whole {
                assert_eq!(reader.received_len, taken as u64);
                return Ok((taken, reader.status));
            }
        }
        reader.end_of_input()?;
        Ok((taken, reader.status))
    }

    #[test]
    fn response_is_complete_or_gives_its_error() {
        let sized = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let chunked = b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        let interim = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let until_close = b"HTTP/1.0 200 OK\r\n\r\nhello";
        let cases: &[(&[u8], Read)] = &[
            (sized, Ok((sized.len(), 200))),
            (&[sized, &b"more"[..]].concat(), Ok((sized.len(), 200))),
            (chunked, Ok((chunked.len(), 404))),
            (interim, Ok((interim.len(), 204))),
            (until_close, Ok((until_close.len(), 200))),
            (b"", Err(ResponseError::Empty)),
            (b"HTTP/1.1 200 OK\r\nConte", Err(ResponseError::HeadCutShort)),
            (&sized[..sized.len() - 1], Err(ResponseError::BodyCutShort(Some(1)))),
            (&chunked[..chunked.len() - 1], Err(ResponseError::BodyCutShort(None))),
            (b"SSH-2.0-OpenSSH\r\n", Err(ResponseError::Head(ResponseHeadError::NOT_HTTP))),
            (
                b"HTTP/1.1 101 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                Err(ResponseError::SwitchingProtocols),
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                Err(ResponseError::Head(ResponseHeadError::CONTENT_LENGTH)),
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
                Err(ResponseError::Chunk(BAD_SIZE)),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), *expected, "{}", bytes.escape_ascii());
        }
        assert_eq!(read(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(17)), Err(ResponseError::TooManyInterims));
    }

    #[test]
    fn response_to_head_has_no_body() {
        let mut reader = ResponseReader::new(Method::Head);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(reader.check(head, &mut LastHead::default()), Ok((head.len(), true)));
        assert!(reader.keep_alive);
    }

    #[test]
    fn last_head_same_bytes_reused_other_bytes_parsed() {
        let mut last = LastHead::default();
        let mut read = |text: &str, method| {
            let mut reader = ResponseReader::new(method);
            let taken = reader.check(text.as_bytes(), &mut last);
            (taken, reader.status, reader.keep_alive)
        };
        let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        for _ in 0..3 {
            assert_eq!(read(hello, Method::Get), (Ok((hello.len(), true)), 200, true));
        }
        // Other method, shorter body, other status, truncated head, longer head.
        assert_eq!(read(&hello[..38], Method::Head), (Ok((38, true)), 200, true));
        assert_eq!(read(&hello[..40], Method::Get), (Ok((40, false)), 200, true));
        assert_eq!(read(&hello.replace("200", "404"), Method::Get).1, 404);
        assert_eq!(read(&hello[..36], Method::Get), (Ok((0, false)), 0, false));
        let closing = hello.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(read(&closing, Method::Get), (Ok((closing.len(), true)), 200, false));
        let long = hello.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(LAST_HEAD_LEN_MAX)));
        for text in [&long, &closing] {
            assert_eq!(read(text, Method::Get).0, Ok((text.len(), true)));
        }
    }
}
