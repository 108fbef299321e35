//! Writer of responses: from a value to bytes in the send queue.
//!
//! HTTP/1.0 peers get what that version defines.

use super::common_headers::{CommonHeaders, ResponseOutput};
use super::error::RenderedPage;
use super::file::queue_file;
use super::stream::StreamFraming;
use super::types::{Body, RequestFlags, Response};
use crate::http::{Version, content_length, field};
use crate::net::SendQueue;
use crate::reactor::Now;
use crate::server::ServerConfig;

pub(crate) struct ResponseWriter {
    common: CommonHeaders,
    page: RenderedPage,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ResponseSpan {
    pub(crate) status: u16,
    pub(crate) body_start: u64,
    /// `u64::MAX` until a streamed body is complete.
    pub(crate) end: u64,
    /// Chunk framing before `end`.
    pub(crate) framing_len: u64,
    pub(crate) until_close: bool,
}

impl ResponseWriter {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self { common: CommonHeaders::new(config), page: RenderedPage::default() }
    }

    pub(crate) fn write(
        &mut self,
        send_queue: &mut SendQueue,
        response: &Response,
        request: RequestFlags,
        (closes, is_tls): (bool, bool),
        now: Now,
    ) -> ResponseSpan {
        let (status, head_only) = (response.status, request.head_only);
        let mut head_end =
            self.common.head_end(status, connection_field(request, closes), is_tls, now.unix_secs());
        head_end.fields = response.fields.as_deref().unwrap_or_default();
        let mut out = ResponseOutput { send_queue, status, head_end, head_only };
        let mut until_close = false;
        let mut is_complete = true;
        let body_start = match &response.body {
            Body::File(entry, part) => queue_file(&mut out, entry, part),
            Body::ErrorPage(error) => self.page.queue(&mut out, (*error, request.errors)),
            Body::Empty => out.queue_head(|_| {}),
            Body::Bytes { media_type, bytes } => {
                let body_start = out.queue_head(|head| {
                    field(head, "Content-Type", media_type.as_bytes());
                    content_length(head, bytes.len() as u64);
                });
                out.queue_shared(bytes, 0..bytes.len());
                body_start
            }
            Body::Stream(stream) => {
                is_complete = head_only;
                until_close = !head_only && stream.framing == StreamFraming::UntilClose;
                out.queue_head(|head| stream.write_fields(head))
            }
        };
        let end = if is_complete { send_queue.queued_total() } else { u64::MAX };
        ResponseSpan { status: status.code(), body_start, end, framing_len: 0, until_close }
    }
}

/// RFC 9110 section 10.1.1.
pub(crate) fn queue_continue(send_queue: &mut SendQueue) {
    send_queue.push_static(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// RFC 9112 section 9.3.
fn connection_field(request: RequestFlags, closes: bool) -> &'static [u8] {
    match request.version {
        _ if closes => b"Connection: close\r\n",
        Version::Http10 => b"Connection: keep-alive\r\n",
        Version::Http11 => b"",
    }
}
