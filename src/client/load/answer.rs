//! One answer, checked to the last byte of its framing and counted, never kept.
//!
//! It reads what [`AnswerReader`](crate::client::reader::AnswerReader) reads, by the same parsers, but
//! hands out no pieces: a load generator only wants to know whether the answer was right, and how long
//! it was. It owns no buffer and no connection.

use super::failure::Failure;
use crate::http::{BodyReader, FieldSpace, Method, ResponseBody, parse_response};

/// Interim answers (1xx) before the final one; more are no conversation but a trick.
const INTERIMS_MAX: u32 = 16;

/// The answer to a request for another protocol.
const SWITCHING_PROTOCOLS: u16 = 101;

/// Longer heads than this are read anew each time: they are rare, and the copy is what it costs.
const KNOWN_LEN_MAX: usize = 1024;

/// The last head that was read, and what it says. A server under load sends the same head again and
/// again, but for its date; the same bytes say the same, so they need not be understood twice.
#[derive(Debug, Default)]
pub struct KnownHead {
    bytes: Vec<u8>,
    said: Option<Said>,
}

/// What the head of a final answer says.
#[derive(Clone, Copy, Debug)]
struct Said {
    method: Method,
    status: u16,
    body: ResponseBody,
    keep_alive: bool,
}

impl KnownHead {
    fn recall(&self, bytes: &[u8], method: Method) -> Option<(usize, Said)> {
        let said = self.said.filter(|said| said.method == method)?;
        bytes.starts_with(&self.bytes).then_some((self.bytes.len(), said))
    }

    fn learn(&mut self, bytes: &[u8], said: Said) {
        if bytes.len() <= KNOWN_LEN_MAX {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
            self.said = Some(said);
        }
    }
}

/// One answer that is being read.
#[derive(Debug)]
pub struct Answer {
    method: Method,
    stage: Stage,
    interims: u32,
    status: u16,
    keep_alive: bool,
    received_len: u64,
}

#[derive(Debug)]
enum Stage {
    Head { searched_len: usize },
    Body(BodyReader),
}

impl Answer {
    /// The answer to a request with this method: the answer to HEAD has no body.
    pub fn new(method: Method) -> Self {
        let stage = Stage::Head { searched_len: 0 };
        Self { method, stage, interims: 0, status: 0, keep_alive: false, received_len: 0 }
    }

    /// The status of the final answer; 0 until its head has come.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the connection can carry another request.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Bytes taken so far: heads, framing and body.
    pub fn received_len(&self) -> u64 {
        self.received_len
    }

    /// Takes what belongs to the answer off `bytes`: how many those are, and whether it is whole.
    ///
    /// # Errors
    /// When the bytes are no answer.
    pub fn take(&mut self, bytes: &[u8], known: &mut KnownHead) -> Result<(usize, bool), Failure> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let (len, goes_on) = match &mut self.stage {
                Stage::Head { .. } => self.take_head(rest, known)?,
                Stage::Body(body) if body.is_done() => return Ok((taken, true)),
                Stage::Body(body) => {
                    let len = body.decode(rest).map_err(|_| Failure::BadChunk)?.consumed;
                    (len, len > 0)
                }
            };
            taken += len;
            self.received_len += len as u64;
            if !goes_on {
                return Ok((taken, false));
            }
        }
    }

    fn take_head(&mut self, bytes: &[u8], known: &mut KnownHead) -> Result<(usize, bool), Failure> {
        let Stage::Head { searched_len } = &mut self.stage else { return Ok((0, true)) };
        if let Some((len, said)) = known.recall(bytes, self.method) {
            self.take_in(said);
            return Ok((len, true));
        }
        let mut space = FieldSpace::new();
        let parsed = parse_response(bytes, searched_len, &mut space, self.method);
        let Some((len, head)) = parsed.map_err(|_| Failure::BadHead)? else { return Ok((0, false)) };
        // Nobody has asked for another protocol (RFC 9110 section 15.2.2).
        if head.status == SWITCHING_PROTOCOLS {
            return Err(Failure::BadHead);
        }
        if (100..200).contains(&head.status) {
            self.interims += 1;
            return if self.interims > INTERIMS_MAX { Err(Failure::BadHead) } else { Ok((len, true)) };
        }
        let (method, status, body, keep_alive) = (self.method, head.status, head.body, head.keep_alive);
        let said = Said { method, status, body, keep_alive };
        known.learn(bytes.get(..len).unwrap_or_default(), said);
        self.take_in(said);
        Ok((len, true))
    }

    fn take_in(&mut self, said: Said) {
        self.status = said.status;
        self.keep_alive = said.keep_alive;
        self.stage = Stage::Body(said.body.into());
    }

    /// The connection has ended, and `began` tells whether any byte of the answer had come: is it whole?
    ///
    /// # Errors
    /// How it is not.
    pub fn end_of_input(&self, began: bool) -> Result<(), Failure> {
        match &self.stage {
            Stage::Body(body) if body.is_done() || body.ends_at_close() => Ok(()),
            Stage::Head { .. } if !began => Err(Failure::ClosedEarly),
            Stage::Head { .. } | Stage::Body(_) => Err(Failure::Truncated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<(usize, u16), Failure>;

    /// What becomes of these bytes and then the end of the connection, whole and byte by byte: how much
    /// is taken, and the status or the failure.
    fn read(bytes: &[u8]) -> Read {
        let whole = read_in_pieces(bytes, bytes.len().max(1));
        assert_eq!(whole, read_in_pieces(bytes, 1), "{}", bytes.escape_ascii());
        whole
    }

    fn read_in_pieces(bytes: &[u8], step: usize) -> Read {
        let (mut answer, mut known) = (Answer::new(Method::Get), KnownHead::default());
        let (mut taken, mut end) = (0, 0);
        while end < bytes.len() {
            end = (end + step).min(bytes.len());
            let (len, is_whole) = answer.take(&bytes[taken..end], &mut known)?;
            taken += len;
            if is_whole {
                assert_eq!(answer.received_len(), taken as u64);
                return Ok((taken, answer.status()));
            }
        }
        answer.end_of_input(!bytes.is_empty())?;
        Ok((taken, answer.status()))
    }

    #[test]
    fn an_answer_is_whole_or_has_its_failure() {
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
            (b"", Err(Failure::ClosedEarly)),
            (b"HTTP/1.1 200 OK\r\nConte", Err(Failure::Truncated)),
            (&sized[..sized.len() - 1], Err(Failure::Truncated)),
            (&chunked[..chunked.len() - 1], Err(Failure::Truncated)),
            (b"SSH-2.0-OpenSSH\r\n", Err(Failure::BadHead)),
            (b"HTTP/1.1 101 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Err(Failure::BadHead)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Err(Failure::BadHead)),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", Err(Failure::BadChunk)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), *expected, "{}", bytes.escape_ascii());
        }
        assert_eq!(read(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(17)), Err(Failure::BadHead));
    }

    #[test]
    fn the_answer_to_head_has_no_body() {
        let mut answer = Answer::new(Method::Head);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(answer.take(head, &mut KnownHead::default()), Ok((head.len(), true)));
        assert!(answer.keep_alive());
    }

    #[test]
    fn a_head_that_is_known_says_the_same_and_one_that_differs_is_read() {
        let mut known = KnownHead::default();
        let mut read = |text: &str, method| {
            let mut answer = Answer::new(method);
            let taken = answer.take(text.as_bytes(), &mut known);
            (taken, answer.status(), answer.keep_alive())
        };
        let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        for _ in 0..3 {
            assert_eq!(read(hello, Method::Get), (Ok((hello.len(), true)), 200, true));
        }
        // The same head with another method, a shorter body, another status; a head cut short; a longer one.
        assert_eq!(read(&hello[..38], Method::Head), (Ok((38, true)), 200, true));
        assert_eq!(read(&hello[..40], Method::Get), (Ok((40, false)), 200, true));
        assert_eq!(read(&hello.replace("200", "404"), Method::Get).1, 404);
        assert_eq!(read(&hello[..36], Method::Get), (Ok((0, false)), 0, false));
        let closing = hello.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(read(&closing, Method::Get), (Ok((closing.len(), true)), 200, false));
        let long = hello.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(KNOWN_LEN_MAX)));
        for text in [&long, &closing] {
            assert_eq!(read(text, Method::Get).0, Ok((text.len(), true)));
        }
    }
}
