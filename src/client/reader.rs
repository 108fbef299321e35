//! Answers, read piece by piece: interim heads, the final head, the body, the end.
//!
//! Bytes in, pieces out: it owns no buffer and no connection, so one reader serves any client that
//! sits on a link. Framing is checked to the last byte (RFC 9112 section 6.3).

use std::fmt;

use crate::http::{BadChunk, BadResponse, BodyReader, FieldSpace, Method, ResponseHead, parse_response};

/// Interim answers (1xx) before the final one; more are no conversation but a trick.
const INTERIMS_MAX: u32 = 16;

/// One answer that is being read.
#[derive(Debug)]
pub struct AnswerReader {
    method: Method,
    stage: Stage,
    interims: u32,
}

#[derive(Debug)]
enum Stage {
    Head { searched_len: usize, began: bool },
    Body(BodyReader),
    Ended,
}

/// A piece of an answer.
#[derive(Debug)]
pub enum Piece<'h, 'b> {
    /// The head of an interim answer (1xx); another follows.
    Interim(ResponseHead<'h, 'b>),
    /// The head of the final answer.
    Head(ResponseHead<'h, 'b>),
    /// A part of its body; empty where only framing was understood.
    Body(&'b [u8]),
    /// The answer is whole.
    End,
}

/// Why an answer cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAnswer {
    /// Its head makes no sense.
    Head(BadResponse),
    /// Its chunks make no sense.
    Chunk(BadChunk),
    /// Interim answers do not end.
    Interims,
    /// The connection ended before anything of an answer had come.
    Empty,
    /// The connection ended within the head.
    HeadCutShort,
    /// The connection ended within the body; so many bytes were still to come, if that was known.
    BodyCutShort(Option<u64>),
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(fault) => fault.fmt(f),
            Self::Chunk(fault) => write!(f, "the body of the answer is not valid: {fault}"),
            Self::Interims => f.write_str("the server sends one interim answer after the other"),
            Self::Empty => f.write_str("the server closed the connection without an answer"),
            Self::HeadCutShort => f.write_str("the connection ended within the head of the answer"),
            Self::BodyCutShort(Some(left)) => {
                write!(f, "the body was cut short: {left} bytes of it are missing")
            }
            Self::BodyCutShort(None) => f.write_str("the body was cut short: its last chunk is missing"),
        }
    }
}

impl std::error::Error for BadAnswer {}

impl AnswerReader {
    /// A reader of the answer to a request with this method: the answer to HEAD has no body.
    pub fn new(method: Method) -> Self {
        Self { method, stage: Stage::Head { searched_len: 0, began: false }, interims: 0 }
    }

    /// Understands the next piece of `bytes`: how many of them it took, and what it is; `None` when
    /// more must come first.
    ///
    /// # Errors
    /// When the bytes are no answer.
    pub fn next<'h, 'b>(
        &mut self,
        bytes: &'b [u8],
        space: &'h mut FieldSpace,
    ) -> Result<Option<(usize, Piece<'h, 'b>)>, BadAnswer> {
        match &mut self.stage {
            Stage::Head { .. } => self.head(bytes, space),
            Stage::Body(body) if body.is_done() => {
                self.stage = Stage::Ended;
                Ok(Some((0, Piece::End)))
            }
            Stage::Body(body) => {
                let mut taken = 0;
                while let Some(rest) = bytes.get(taken..) {
                    let decoded = body.decode(rest).map_err(BadAnswer::Chunk)?;
                    taken += decoded.consumed;
                    if !decoded.data.is_empty() {
                        return Ok(Some((taken, Piece::Body(decoded.data))));
                    }
                    if body.is_done() {
                        self.stage = Stage::Ended;
                        return Ok(Some((taken, Piece::End)));
                    }
                    if decoded.consumed == 0 {
                        break;
                    }
                }
                // Framing alone: it is taken, and there is nothing to show for it yet.
                Ok((taken > 0).then_some((taken, Piece::Body(&[]))))
            }
            Stage::Ended => Ok(None),
        }
    }

    fn head<'h, 'b>(
        &mut self,
        bytes: &'b [u8],
        space: &'h mut FieldSpace,
    ) -> Result<Option<(usize, Piece<'h, 'b>)>, BadAnswer> {
        let Stage::Head { searched_len, began } = &mut self.stage else { return Ok(None) };
        *began |= !bytes.is_empty();
        let parsed = parse_response(bytes, searched_len, space, self.method).map_err(BadAnswer::Head)?;
        let Some((len, head)) = parsed else { return Ok(None) };
        *searched_len = 0;
        if (100..200).contains(&head.status) {
            self.interims += 1;
            if self.interims > INTERIMS_MAX {
                return Err(BadAnswer::Interims);
            }
            return Ok(Some((len, Piece::Interim(head))));
        }
        self.stage = Stage::Body(head.body.into());
        Ok(Some((len, Piece::Head(head))))
    }

    /// The connection has ended: is the answer whole?
    ///
    /// # Errors
    /// What is missing.
    pub fn end_of_input(&mut self) -> Result<(), BadAnswer> {
        match &self.stage {
            Stage::Ended => Ok(()),
            Stage::Body(body) if body.is_done() || body.ends_at_close() => {
                self.stage = Stage::Ended;
                Ok(())
            }
            Stage::Body(body) => Err(BadAnswer::BodyCutShort(body.left())),
            Stage::Head { began: false, .. } if self.interims == 0 => Err(BadAnswer::Empty),
            Stage::Head { .. } => Err(BadAnswer::HeadCutShort),
        }
    }
}
