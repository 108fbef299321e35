//! The writer of responses: from an answer to bytes on the outbox.
//!
//! It writes HTTP/1.1, and to a peer of HTTP/1.0 what that understands. It decides nothing about the connection.

use super::common_headers::{CommonHeaders, queue_head};
use super::error_page::{self, RenderedPage};
use super::file::{self, entity_tag};
use super::stream::StreamFraming;
use super::types::{RequestFlags, Response, StoredResponse};
use crate::http::{Version, content_length, field, unsatisfied_range};
use crate::net::SendQueue;
use crate::reactor::Now;
use crate::server::ServerConfig;

/// The writer of responses, with what many of them have in common.
#[derive(Debug)]
pub(in crate::server) struct ResponseWriter {
    common: CommonHeaders,
    page: RenderedPage,
}

/// What has been queued in answer, in positions of the outbox.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct ResponseSpan {
    pub(in crate::server) status: u16,
    pub(in crate::server) body_start: u64,
    /// `u64::MAX` as long as there is more of it to be made.
    pub(in crate::server) end: u64,
    /// The end of the connection is the end of its body.
    pub(in crate::server) until_close: bool,
}

impl ResponseWriter {
    pub(in crate::server) fn new(config: &ServerConfig) -> Self {
        Self { common: CommonHeaders::new(config), page: RenderedPage::default() }
    }

    /// Queues the answer to a request, after which the connection may close.
    pub(in crate::server) fn write(
        &mut self,
        send_queue: &mut SendQueue,
        response: &Response,
        request: RequestFlags,
        closes: bool,
        now: Now,
    ) -> ResponseSpan {
        let (status, head_only) = (response.status(), request.head_only);
        let head_end = self.common.head_end(status, connection_option(request, closes), now.unix_secs());
        let page = &mut self.page;
        let body_start = match response {
            Response::File(entry, part) => file::queue_file(send_queue, entry, part, head_only, head_end),
            Response::Options { allow, preflight } => queue_head(send_queue, status, head_end, |out| {
                field(out, "Allow", allow.as_bytes());
                out.extend_from_slice(preflight.as_deref().unwrap_or_default());
            }),
            Response::Stored(StoredResponse { stored, location }) => {
                queue_head(send_queue, status, head_end, |out| {
                    if stored.created {
                        content_length(out, 0);
                        field(out, "Location", location);
                    }
                    // No Last-Modified: what has just been written may change once more in the same second.
                    if let Some(version) = stored.version {
                        field(out, "ETag", entity_tag(version, None).as_bytes());
                    }
                })
            }
            Response::Redirect { location, page: error } => {
                page.queue(send_queue, error, head_only, head_end, |out| field(out, "Location", location))
            }
            Response::Error(error) => page.queue(send_queue, error, head_only, head_end, |_| ()),
            Response::Unsatisfiable { complete_len, error } => {
                page.queue(send_queue, error, head_only, head_end, |out| {
                    unsatisfied_range(out, *complete_len)
                })
            }
            Response::ErrorPage { status, allow, entry } => error_page::queue_from_file(
                send_queue,
                (*status, *allow),
                &entry.resource,
                head_only,
                head_end,
            ),
            Response::Stream(stream) => {
                queue_head(send_queue, status, head_end, |out| stream.write_fields(out))
            }
            Response::Prepare(_) => send_queue.queued_total(),
        };
        let (end, until_close) = match response {
            Response::Stream(stream) if !head_only => (u64::MAX, stream.framing == StreamFraming::UntilClose),
            _ => (send_queue.queued_total(), false),
        };
        ResponseSpan { status: status.code(), body_start, end, until_close }
    }
}

/// Asks for the body of a request that waits to be told (RFC 9110 section 10.1.1).
pub(in crate::server) fn queue_continue(send_queue: &mut SendQueue) {
    send_queue.push_static(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// What the answer must say of the connection (RFC 9112 section 9.3).
fn connection_option(request: RequestFlags, closes: bool) -> Option<&'static [u8]> {
    if closes {
        return Some(b"close");
    }
    (request.version == Version::Http10 && request.http10_keep_alive).then_some(b"keep-alive")
}
