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
        outbox: &mut SendQueue,
        answer: &Response,
        request: RequestFlags,
        closes: bool,
        now: Now,
    ) -> ResponseSpan {
        let (status, head_only) = (answer.status(), request.head_only);
        let tail = self.common.head_end(status, connection_option(request, closes), now.unix_secs());
        let page = &mut self.page;
        let body_starts = match answer {
            Response::File(entry, part) => file::queue_file(outbox, entry, part, head_only, tail),
            Response::Options { allow, preflight } => queue_head(outbox, status, tail, |out| {
                field(out, "Allow", allow.as_bytes());
                out.extend_from_slice(preflight.as_deref().unwrap_or_default());
            }),
            Response::Stored(StoredResponse { stored, location }) => {
                queue_head(outbox, status, tail, |out| {
                    if stored.created {
                        content_length(out, 0);
                        field(out, "Location", location);
                    }
                    // No Last-Modified: what has just been written may change once more in the same second.
                    if let Some(identity) = stored.version {
                        field(out, "ETag", entity_tag(identity, None).as_bytes());
                    }
                })
            }
            Response::Redirect { location, page: error } => {
                page.queue(outbox, error, head_only, tail, |out| field(out, "Location", location))
            }
            Response::Error(error) => page.queue(outbox, error, head_only, tail, |_| ()),
            Response::Unsatisfiable { complete_len, error } => {
                page.queue(outbox, error, head_only, tail, |out| unsatisfied_range(out, *complete_len))
            }
            Response::ErrorPage { status, allow, entry } => {
                error_page::queue_from_file(outbox, (*status, *allow), &entry.resource, head_only, tail)
            }
            Response::Stream(stream) => queue_head(outbox, status, tail, |out| stream.write_fields(out)),
            Response::Prepare(_) => outbox.queued_total(),
        };
        let (ends, until_close) = match answer {
            Response::Stream(stream) if !head_only => (u64::MAX, stream.framing == StreamFraming::UntilClose),
            _ => (outbox.queued_total(), false),
        };
        ResponseSpan { status: status.code(), body_start: body_starts, end: ends, until_close }
    }
}

/// Asks for the body of a request that waits to be told (RFC 9110 section 10.1.1).
pub(in crate::server) fn queue_continue(outbox: &mut SendQueue) {
    outbox.push_static(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// What the answer must say of the connection (RFC 9112 section 9.3).
fn connection_option(request: RequestFlags, closes: bool) -> Option<&'static [u8]> {
    if closes {
        return Some(b"close");
    }
    (request.version == Version::Http10 && request.http10_keep_alive).then_some(b"keep-alive")
}
