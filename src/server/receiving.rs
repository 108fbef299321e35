//! The body of a request, read to its end before the answer that waits for it is sent.
//!
//! Here it is dropped; its framing is checked all the same, for the next request begins where it
//! ends. It knows no connection and no deadline.

use std::time::Instant;

use super::reply::Answer;
use crate::http::{BodyReader, Reject, Status};
use crate::net::Inbox;

/// A request body that nobody wants is read and dropped up to this length, so that the connection
/// can be used again; a longer one ends it.
pub(super) const DISCARDED_LEN_MAX: u64 = 1024 * 1024;
/// What the peer is told of a longer one.
pub(super) const TOO_LARGE: &str = "The request has a body that is not wanted here.";

/// A body that is being read, and the answer that waits for its end.
#[derive(Debug)]
pub(super) struct Receiving {
    body: BodyReader,
    received_len: u64,
    pub(super) since: Instant,
    pub(super) answer: Answer,
}

/// How far the body has come.
#[derive(Debug)]
pub(super) enum Progress {
    More,
    Whole,
    Failed(Reject),
}

impl Receiving {
    pub(super) fn new(body: BodyReader, answer: Answer, since: Instant) -> Self {
        Self { body, received_len: 0, since, answer }
    }

    /// Bytes of the body that have come, framing and all: a peer cannot hide in chunk extensions.
    pub(super) fn received_len(&self) -> u64 {
        self.received_len
    }

    /// Takes what the inbox has of the body.
    pub(super) fn take(&mut self, inbox: &mut Inbox) -> Progress {
        while !self.body.is_done() {
            let consumed = match self.body.decode(inbox.bytes()) {
                Ok(decoded) => decoded.consumed,
                Err(fault) => return Progress::Failed(fault.into()),
            };
            inbox.consume(consumed);
            self.received_len += consumed as u64;
            if self.received_len > DISCARDED_LEN_MAX {
                return Progress::Failed(Reject::new(Status::CONTENT_TOO_LARGE, TOO_LARGE));
            }
            if consumed == 0 && inbox.is_eof() {
                return Progress::Failed(Reject::new(Status::BAD_REQUEST, "The request body ended early."));
            }
            if consumed == 0 {
                return Progress::More;
            }
        }
        Progress::Whole
    }
}
