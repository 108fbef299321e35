//! From an answer to bytes on the outbox: the one writer of HTTP/1.1 responses.
//!
//! `types` has the answers as values. `file` sends files, whole or in part, from heads that are rendered once and
//! kept with them; `error_page` sends what is worded for a person; `stream` what is made while it is sent; `tail`
//! is what every head ends with. Nothing here decides anything about the connection.

mod error_page;
mod file;
mod stream;
mod tail;
mod types;

use self::error_page::RenderedPage;
pub(super) use self::file::{FileHead, Part, entity_tag, file_head, multipart};
pub(super) use self::stream::{BodySource, Framing, Made, Stream};
use self::tail::{CommonHeaders, queue_head};
pub(super) use self::types::{
    Allow, Answer, ErrorAnswer, Later, PreparingResponse, RequestFlags, StoredAnswer, error, lookup_error,
    path_error, refusal,
};
use super::Config;
use crate::http::{Version, content_length, field, unsatisfied_range};
use crate::net::Outbox;
use crate::reactor::Now;

/// The writer of responses, with what many of them have in common.
#[derive(Debug)]
pub(super) struct ResponseWriter {
    common: CommonHeaders,
    page: RenderedPage,
}

/// What has been queued in answer, in positions of the outbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body_starts: u64,
    /// `u64::MAX` as long as there is more of it to be made.
    pub(super) ends: u64,
    /// The end of the connection is the end of its body.
    pub(super) until_close: bool,
}

impl ResponseWriter {
    pub(super) fn new(config: &Config) -> Self {
        Self { common: CommonHeaders::new(config), page: RenderedPage::default() }
    }

    /// Queues the answer to a request, after which the connection may close.
    pub(super) fn queue(
        &mut self,
        outbox: &mut Outbox,
        answer: &Answer,
        request: RequestFlags,
        closes: bool,
        now: Now,
    ) -> Reply {
        let (status, head_only) = (answer.status(), request.head_only);
        let tail = self.common.tail(status, connection_option(request, closes), now.unix_secs());
        let page = &mut self.page;
        let body_starts = match answer {
            Answer::File(entry, part) => file::queue(outbox, entry, part, head_only, tail),
            Answer::Options { allow, preflight } => queue_head(outbox, status, tail, |out| {
                field(out, "Allow", allow.as_bytes());
                out.extend_from_slice(preflight.as_deref().unwrap_or_default());
            }),
            Answer::Stored(StoredAnswer { stored, location }) => queue_head(outbox, status, tail, |out| {
                if stored.created {
                    content_length(out, 0);
                    field(out, "Location", location);
                }
                // No Last-Modified: what has just been written may change once more in the same second.
                if let Some(identity) = stored.identity {
                    field(out, "ETag", entity_tag(identity, None).as_bytes());
                }
            }),
            Answer::Redirect { location, page: error } => {
                page.queue(outbox, error, head_only, tail, |out| field(out, "Location", location))
            }
            Answer::Error(error) => page.queue(outbox, error, head_only, tail, |_| ()),
            Answer::Unsatisfiable { complete_len, error } => {
                page.queue(outbox, error, head_only, tail, |out| unsatisfied_range(out, *complete_len))
            }
            Answer::ErrorPage { status, allow, entry } => {
                error_page::queue_from_file(outbox, (*status, *allow), &entry.resource, head_only, tail)
            }
            Answer::Stream(stream) => queue_head(outbox, status, tail, |out| stream.fields(out)),
            Answer::Gather(_) => outbox.queued_total(),
        };
        let (ends, until_close) = match answer {
            Answer::Stream(stream) if !head_only => (u64::MAX, stream.framing() == Framing::UntilClose),
            _ => (outbox.queued_total(), false),
        };
        Reply { status: status.code(), body_starts, ends, until_close }
    }
}

/// Asks for the body of a request that waits to be told (RFC 9110 section 10.1.1).
pub(super) fn queue_continue(outbox: &mut Outbox) {
    outbox.push_static(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// What the answer must say of the connection (RFC 9112 section 9.3).
fn connection_option(request: RequestFlags, closes: bool) -> Option<&'static [u8]> {
    if closes {
        return Some(b"close");
    }
    (request.version == Version::Http10 && request.keep_alive_asked).then_some(b"keep-alive")
}
