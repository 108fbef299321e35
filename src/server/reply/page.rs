//! Answers whose body is worded for a person: rendered here, or a page of the site.
//!
//! They are no representation of what was asked for, so they carry no validator, and neither conditions
//! nor a Range ever touch them.

use super::file::queue_whole;
use super::{ErrorAnswer, Tail, queue_head};
use crate::files::Resource;
use crate::http::{Prose, Status, content_length, field, status_line};
use crate::net::Outbox;
use crate::server::allow::Allow;
use crate::server::error_page;

/// The answer of this kind that was queued last, for most that follow are the same: what is not there is
/// asked for again and again.
#[derive(Debug, Default)]
pub(in crate::server) struct RenderedPage {
    error: Option<ErrorAnswer>,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl RenderedPage {
    /// Makes it the answer to that error.
    fn render(&mut self, error: &ErrorAnswer) {
        if self.error.as_ref() == Some(error) {
            return;
        }
        self.error = Some(*error);
        let (head, body) = (&mut self.head, &mut self.body);
        body.clear();
        let html = error.prose == Prose::Html;
        error_page::render(body, error.status.code(), error.status.reason(), error.why, html);
        head.clear();
        status_line(head, error.status);
        let media_type: &[u8] = if html { b"text/html; charset=utf-8" } else { b"text/plain; charset=utf-8" };
        field(head, "Content-Type", media_type);
        content_length(head, body.len() as u64);
        // The form of the page was chosen by what the client accepts.
        field(head, "Vary", b"Accept");
        status_fields(head, error.status, error.allow);
    }
}

/// Queues an answer whose body is a sentence for a person, with `more` fields of its own.
pub(super) fn queue(
    outbox: &mut Outbox,
    error: &ErrorAnswer,
    head_only: bool,
    page: &mut RenderedPage,
    tail: Tail<'_>,
    more: impl FnOnce(&mut Vec<u8>),
) -> u64 {
    page.render(error);
    let body = if head_only { &[] } else { page.body.as_slice() };
    outbox.push_with(|out| {
        out.extend_from_slice(&page.head);
        more(out);
        tail.finish(out);
        out.extend_from_slice(body);
    });
    outbox.queued_total() - body.len() as u64
}

/// Queues an error whose body is a file. The file's validators are not the error's: no cache may
/// take one for the other.
pub(super) fn queue_from_file(
    outbox: &mut Outbox,
    (status, allow): (Status, Option<Allow>),
    resource: &Resource,
    head_only: bool,
    tail: Tail<'_>,
) -> u64 {
    let body_starts = queue_head(outbox, status, tail, |out| {
        field(out, "Content-Type", resource.media_type.as_bytes());
        content_length(out, resource.len);
        status_fields(out, status, allow);
    });
    if !head_only {
        queue_whole(outbox, resource);
    }
    body_starts
}

/// What an error of this status must say, whatever its body.
fn status_fields(out: &mut Vec<u8>, status: Status, allow: Option<Allow>) {
    if let Some(allow) = allow {
        field(out, "Allow", allow.as_bytes());
    }
    if status == Status::SERVICE_UNAVAILABLE {
        field(out, "Retry-After", b"1");
    }
}
