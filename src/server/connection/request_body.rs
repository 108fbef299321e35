//! The body of a request, read to its end before the answer that waits for it is sent.
//!
//! It has a sink: the body is dropped, or it becomes a file. Its framing is checked all the same, for
//! the next request begins where it ends. It knows no connection and no deadline.

use std::time::Instant;

use crate::http::{BodyReader, Prose, Reject, Status};
use crate::net::Inbox;
use crate::server::context::ServerContext;
use crate::server::handlers::Storing;
use crate::server::response::{Answer, ErrorAnswer};

/// A request body that nobody wants is read and dropped up to this length, so that the connection
/// can be used again; a longer one ends it.
pub(super) const DISCARDED_LEN_MAX: u64 = 1024 * 1024;
/// What the peer is told of a longer one.
pub(super) const TOO_LARGE: &str = "The request has a body that is not wanted here.";

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Receiving {
    body: BodyReader,
    received_len: u64,
    pub(super) since: Instant,
    /// None once it has given its answer.
    sink: Option<Sink>,
}

/// What becomes of a body.
#[derive(Debug)]
pub(super) enum Sink {
    /// It is dropped; this is the answer that waits for its end.
    Discard(Answer),
    /// It becomes a file; the answer follows from that.
    Store(Box<Storing>),
}

/// How far the body has come.
#[derive(Debug)]
pub(super) enum Progress {
    More,
    /// It is whole, and the sink has all of it.
    Whole(Sink),
    /// It will not be whole, and this is the answer to that.
    Failed(ErrorAnswer),
}

impl Receiving {
    pub(super) fn new(body: BodyReader, sink: Sink, since: Instant) -> Self {
        Self { body, received_len: 0, since, sink: Some(sink) }
    }

    /// Bytes of the body that have come, framing and all: a peer cannot hide in chunk extensions.
    pub(super) fn received_len(&self) -> u64 {
        self.received_len
    }

    /// Takes what the inbox has of the body.
    pub(super) fn take(&mut self, inbox: &mut Inbox) -> Progress {
        while !self.body.is_done() {
            let decoded = match self.body.decode(inbox.bytes()) {
                Ok(decoded) => decoded,
                Err(fault) => return self.failed(fault.into()),
            };
            let consumed = decoded.consumed;
            self.received_len += consumed as u64;
            match &mut self.sink {
                Some(Sink::Discard(_)) if self.received_len > DISCARDED_LEN_MAX => {
                    return self.failed(Reject::new(Status::CONTENT_TOO_LARGE, TOO_LARGE));
                }
                Some(Sink::Store(storing)) => {
                    if let Err(error) = storing.take(decoded.data) {
                        return Progress::Failed(error);
                    }
                }
                Some(Sink::Discard(_)) | None => {}
            }
            inbox.consume(consumed);
            if consumed == 0 && inbox.is_eof() {
                return self.failed(Reject::new(Status::BAD_REQUEST, "The request body ended early."));
            }
            if consumed == 0 {
                return Progress::More;
            }
        }
        self.sink.take().map_or(Progress::More, Progress::Whole)
    }

    fn failed(&self, reject: Reject) -> Progress {
        Progress::Failed(self.refusal(reject.status, reject.why))
    }

    /// The answer to whoever sends a body that will not be whole.
    pub(super) fn refusal(&self, status: Status, why: &'static str) -> ErrorAnswer {
        let prose = match &self.sink {
            Some(Sink::Store(storing)) => storing.prose(),
            Some(Sink::Discard(_)) | None => Prose::Plain,
        };
        ErrorAnswer::new(status, why, prose)
    }
}

impl Sink {
    /// The body has come to its end.
    pub(super) fn finish(self, context: &mut ServerContext) -> Answer {
        match self {
            Self::Discard(answer) => answer,
            Self::Store(storing) => storing.finish(context),
        }
    }
}
