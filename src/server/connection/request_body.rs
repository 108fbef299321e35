//! Receiver of a request body, which is discarded or stored before the response.
//!
//! Framing is always checked: the next request starts where the body ends.

use std::mem;
use std::time::Instant;

use crate::http::{BodyDecoder, Reject, RequestBody, Status};
use crate::net::{RecvBuf, SendQueue};
use crate::server::context::ServerContext;
use crate::server::handlers::Action;
use crate::server::response::{ErrorResponse, Response, queue_continue};

/// Longest unwanted body that is discarded, to reuse the connection. A longer one closes it.
const DISCARDED_LEN_MAX: u64 = 1024 * 1024;
pub(super) const UNWANTED_BODY_MESSAGE: &str = "The request has a body, which is not accepted here.";

#[derive(Debug)]
pub(super) struct BodyReceiver {
    framing: RequestBody,
    body: BodyDecoder,
    expects_continue: bool,
    /// With framing: a peer must not hide data in chunk extensions.
    pub(super) received_len: u64,
    pub(super) since: Instant,
    action: Option<Action>,
}

pub(super) enum ReceiveProgress {
    More,
    /// For a helper thread.
    Waiting,
    Complete(Action),
    /// The body stays unread.
    Unwanted(Response),
}

impl BodyReceiver {
    pub(super) fn new(framing: RequestBody, expects_continue: bool, action: Action, since: Instant) -> Self {
        let (body, received_len, action) = (framing.into(), 0, Some(action));
        Self { framing, body, expects_continue, received_len, since, action }
    }

    fn stores(&self) -> bool {
        matches!(self.action, Some(Action::Store(_) | Action::Open(_)))
    }

    /// After an error, the rest of the body stays unread.
    ///
    /// Not inlined: inlining costs 130 instructions per request without a body.
    #[inline(never)]
    pub(super) fn receive(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        context: &ServerContext,
    ) -> Result<ReceiveProgress, ErrorResponse> {
        // An upload may replace or leave a large file, whose close is a job.
        if self.stores() && context.waits_for_helpers() {
            return Ok(ReceiveProgress::Waiting);
        }
        if let Some(Action::Open(opening)) = &mut self.action {
            match opening.poll(context) {
                None => return Ok(ReceiveProgress::Waiting),
                Some(Err(response))
                    if is_body_rejected(self.framing, self.expects_continue, response.status) =>
                {
                    return Ok(ReceiveProgress::Unwanted(response));
                }
                Some(Err(response)) => self.action = Some(Action::Respond(response)),
                Some(Ok(upload)) => {
                    send_queue.push_with(|out| out.extend_from_slice(&upload.interim_response()));
                    self.action = Some(Action::Store(upload));
                }
            }
        }
        if mem::take(&mut self.expects_continue) && !self.body.is_done() {
            queue_continue(send_queue);
        }
        while !self.body.is_done() {
            let decoded = self.body.decode(recv_buf.bytes())?;
            let consumed = decoded.consumed;
            self.received_len += consumed as u64;
            match &mut self.action {
                Some(Action::Respond(_) | Action::Prepare(_)) if self.received_len > DISCARDED_LEN_MAX => {
                    return Err(ErrorResponse::new(Status::CONTENT_TOO_LARGE, UNWANTED_BODY_MESSAGE));
                }
                Some(Action::Store(upload)) => {
                    let framing = recv_buf.bytes().get(..consumed - decoded.data.len()).unwrap_or_default();
                    upload.write(framing, decoded.data, context)?;
                }
                Some(Action::Respond(_) | Action::Prepare(_) | Action::Open(_)) | None => {}
            }
            recv_buf.consume(consumed);
            if consumed == 0 && recv_buf.is_eof() {
                return Err(Reject::bad_request("The request body ended early.").into());
            }
            if consumed == 0 {
                return Ok(ReceiveProgress::More);
            }
        }
        Ok(self.action.take().map_or(ReceiveProgress::More, ReceiveProgress::Complete))
    }

    pub(super) fn timeout_error(&self, context: &ServerContext) -> ErrorResponse {
        if matches!(self.action, Some(Action::Open(_))) || self.stores() && context.waits_for_helpers() {
            let message = "The server is still busy with other files; nothing was stored. Try again.";
            ErrorResponse::new(Status::SERVICE_UNAVAILABLE, message)
        } else {
            ErrorResponse::new(Status::REQUEST_TIMEOUT, "The request body took too long to arrive.")
        }
    }
}

pub(super) fn is_redirect_or_error(status: Status) -> bool {
    status.is_error() || status.is_redirect()
}

/// Too long to discard or store. With `Expect: 100-continue`, also if a redirect or an error would discard it.
pub(super) fn is_body_rejected(body: RequestBody, expects_continue: bool, status: Status) -> bool {
    matches!(body, RequestBody::Length(len) if len > DISCARDED_LEN_MAX)
        || status == Status::CONTENT_TOO_LARGE
        || (expects_continue && is_redirect_or_error(status))
}
