//! The body of a request, read to its end before the answer that waits for it is sent.
//!
//! The body is dropped, or it becomes a file, as the plan of the request has it. Its framing is checked all the same, for
//! the next request begins where it ends. It knows no connection and no deadline.

use std::time::Instant;

use crate::http::{BodyDecoder, ErrorFormat, Reject, RequestBody, Status};
use crate::net::RecvBuf;
use crate::server::handlers::Action;
use crate::server::response::ErrorResponse;

/// A request body that nobody wants is read and dropped up to this length, so that the connection
/// can be used again; a longer one ends it.
const DISCARDED_LEN_MAX: u64 = 1024 * 1024;
/// What the peer is told of a longer one.
pub(super) const UNWANTED_BODY_MESSAGE: &str = "The request has a body that is not wanted here.";

/// A body that is being read.
#[derive(Debug)]
pub(super) struct BodyReceiver {
    body: BodyDecoder,
    received_len: u64,
    pub(super) since: Instant,
    /// What the request gets; none once it is told.
    action: Option<Action>,
}

/// How far the body has come.
#[derive(Debug)]
pub(super) enum ReceiveProgress {
    More,
    /// It is whole, and the plan can be finished.
    Complete(Action),
    /// It will not be whole, and this is the answer to that.
    Failed(ErrorResponse),
}

impl BodyReceiver {
    pub(super) fn new(body: BodyDecoder, action: Action, since: Instant) -> Self {
        Self { body, received_len: 0, since, action: Some(action) }
    }

    /// Bytes of the body that have come, framing and all: a peer cannot hide in chunk extensions.
    pub(super) fn received_len(&self) -> u64 {
        self.received_len
    }

    /// Takes what the receive buffer has of the body. Apart from the steps of a request without a body: inlined, it
    /// costs those 130 instructions.
    #[inline(never)]
    pub(super) fn receive(&mut self, recv_buf: &mut RecvBuf) -> ReceiveProgress {
        while !self.body.is_done() {
            let decoded = match self.body.decode(recv_buf.bytes()) {
                Ok(decoded) => decoded,
                Err(error) => return self.failed(error),
            };
            let consumed = decoded.consumed;
            self.received_len += consumed as u64;
            match &mut self.action {
                Some(Action::Respond(_) | Action::Prepare(_)) if self.received_len > DISCARDED_LEN_MAX => {
                    return self.failed(Reject::new(Status::CONTENT_TOO_LARGE, UNWANTED_BODY_MESSAGE));
                }
                Some(Action::Store(upload)) => {
                    if let Err(error) = upload.write(decoded.data) {
                        return ReceiveProgress::Failed(error);
                    }
                }
                Some(Action::Respond(_) | Action::Prepare(_)) | None => {}
            }
            recv_buf.consume(consumed);
            if consumed == 0 && recv_buf.is_eof() {
                return self.failed(Reject::new(Status::BAD_REQUEST, "The request body ended early."));
            }
            if consumed == 0 {
                return ReceiveProgress::More;
            }
        }
        self.action.take().map_or(ReceiveProgress::More, ReceiveProgress::Complete)
    }

    fn failed(&self, reject: Reject) -> ReceiveProgress {
        ReceiveProgress::Failed(self.error_response(reject.status, reject.message))
    }

    /// The answer to whoever sends a body that will not be whole.
    pub(super) fn error_response(&self, status: Status, message: &'static str) -> ErrorResponse {
        let format = match &self.action {
            Some(Action::Store(upload)) => upload.error_format,
            Some(Action::Respond(_) | Action::Prepare(_)) | None => ErrorFormat::Text,
        };
        ErrorResponse::new(status, message, format)
    }
}

/// Whether this server has no use for the body of a request that has this answer.
pub(super) fn is_redirect_or_error(status: Status) -> bool {
    status.is_error() || status.is_redirect()
}

/// Whether the body of a request is not read: it is too long to be dropped or stored, or a client that waits for
/// leave to send it would send it for nothing.
pub(super) fn is_body_rejected(body: RequestBody, expects_continue: bool, status: Status) -> bool {
    matches!(body, RequestBody::Length(len) if len > DISCARDED_LEN_MAX)
        || status == Status::CONTENT_TOO_LARGE
        || (expects_continue && is_redirect_or_error(status))
}
