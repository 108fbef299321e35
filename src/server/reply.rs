//! From an answer to bytes on the outbox: heads, error pages, file bodies.
//!
//! The head of a file is rendered once ([`file_head`]) and kept with the file; only the date and
//! the fate of the connection are added to each answer. It decides nothing about the connection.

use std::rc::Rc;

use super::allow::Allow;
use super::error_page;
use super::exchange::{Exchange, Reply};
use super::site::Site;
use crate::files::{Content, Entry, Identity, Resource, Stored};
use crate::http::{Prose, Status, Version, content_length, end, field, imf_fixdate, status_line};
use crate::net::Outbox;
use crate::reactor::Now;

/// Bodies up to this length are copied behind their head, so that one segment and one `write` carry
/// both; longer ones are shared instead.
const COPIED_LEN_MAX: usize = 4 * 1024;

/// What a request gets.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    File(Rc<Entry<Box<[u8]>>>),
    Redirect {
        location: Vec<u8>,
        page: ErrorAnswer,
    },
    Options {
        allow: Allow,
        /// What is said to a page of another origin that asks before it sends.
        preflight: Option<Box<[u8]>>,
    },
    Stored(StoredAnswer),
    Error(ErrorAnswer),
    /// An error whose body is a file of the site.
    ErrorPage {
        status: Status,
        allow: Option<Allow>,
        entry: Rc<Entry<Box<[u8]>>>,
    },
}

/// A file that has been stored, and its path as it stands in a URL.
#[derive(Debug, Clone)]
pub(super) struct StoredAnswer {
    pub(super) stored: Stored,
    pub(super) location: Vec<u8>,
}

/// An error, and how its body is to be worded.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorAnswer {
    pub(super) status: Status,
    pub(super) why: &'static str,
    pub(super) prose: Prose,
    /// The methods of the resource, if this is about its methods.
    pub(super) allow: Option<Allow>,
}

impl ErrorAnswer {
    pub(super) fn new(status: Status, why: &'static str, prose: Prose) -> Self {
        Self { status, why, prose, allow: None }
    }
}

impl Answer {
    pub(super) fn status(&self) -> Status {
        match self {
            Self::File(_) => Status::OK,
            Self::Redirect { page, .. } => page.status,
            Self::Options { .. } => Status::NO_CONTENT,
            Self::Stored(answer) if answer.stored.created => Status::CREATED,
            Self::Stored(_) => Status::NO_CONTENT,
            Self::Error(error) => error.status,
            Self::ErrorPage { status, .. } => *status,
        }
    }
}

/// Renders the head of a file's answer, up to what changes from answer to answer; `cache_control` says
/// how long it keeps, if a rule does.
pub(super) fn file_head(resource: &Resource, cache_control: Option<&[u8]>) -> Box<[u8]> {
    let mut head = Vec::with_capacity(256);
    status_line(&mut head, Status::OK);
    field(&mut head, "Content-Type", resource.media_type.as_bytes());
    content_length(&mut head, resource.len);
    if let Some(value) = cache_control {
        field(&mut head, "Cache-Control", value);
    }
    validators(&mut head, resource.modified_secs, resource.identity);
    head.into_boxed_slice()
}

/// What tells one version of a file from another (RFC 9110 section 8.8).
fn validators(head: &mut Vec<u8>, modified_secs: Option<i64>, identity: Identity) {
    if let Some(secs) = modified_secs.and_then(|secs| u64::try_from(secs).ok()) {
        field(head, "Last-Modified", &imf_fixdate(secs));
    }
    field(head, "ETag", entity_tag(identity).as_bytes());
}

/// A strong entity-tag (RFC 9110 section 8.8.3): other bytes have another one.
fn entity_tag(identity: Identity) -> String {
    let Identity { inode, len, modified_nanos, changed_nanos } = identity;
    format!("\"{inode:x}-{len:x}-{modified_nanos:x}-{changed_nanos:x}\"")
}

/// Queues the answer to an exchange.
pub(super) fn queue(
    outbox: &mut Outbox,
    answer: &Answer,
    exchange: &Exchange,
    closes: bool,
    site: &mut Site,
    now: Now,
) -> Reply {
    let Site { dates, rules, scratch, .. } = site;
    let date = dates.at(now.unix_secs());
    let tail = Tail { common: &rules.common, date, connection: connection_option(exchange, closes) };
    let body_starts = match answer {
        Answer::File(entry) => queue_file(outbox, entry, exchange.head_only, tail),
        Answer::Options { allow, preflight } => queue_head(outbox, Status::NO_CONTENT, tail, |out| {
            field(out, "Allow", allow.as_bytes());
            out.extend_from_slice(preflight.as_deref().unwrap_or_default());
        }),
        Answer::Stored(stored) => queue_stored(outbox, answer.status(), stored, tail),
        Answer::Redirect { location, page } => {
            queue_page(outbox, page, Some(location), exchange.head_only, scratch, tail)
        }
        Answer::Error(error) => queue_page(outbox, error, None, exchange.head_only, scratch, tail),
        Answer::ErrorPage { status, allow, entry } => {
            queue_error_page(outbox, (*status, *allow), &entry.resource, exchange.head_only, tail)
        }
    };
    Reply { status: answer.status().code(), body_starts, ends: outbox.queued_total() }
}

/// Asks for the body of a request that waits to be told (RFC 9110 section 10.1.1).
pub(super) fn queue_continue(outbox: &mut Outbox) {
    outbox.push_static(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// What differs from answer to answer at the end of a head.
#[derive(Clone, Copy)]
struct Tail<'a> {
    /// What goes with every answer.
    common: &'a [u8],
    date: &'a [u8; 29],
    connection: Option<&'static [u8]>,
}

/// What the answer must say of the connection (RFC 9112 section 9.3).
fn connection_option(exchange: &Exchange, closes: bool) -> Option<&'static [u8]> {
    if closes {
        return Some(b"close");
    }
    (exchange.version == Version::Http10 && exchange.keep_alive_asked).then_some(b"keep-alive")
}

fn finish_head(out: &mut Vec<u8>, tail: Tail<'_>) {
    out.extend_from_slice(tail.common);
    field(out, "Date", tail.date);
    if let Some(connection) = tail.connection {
        field(out, "Connection", connection);
    }
    end(out);
}

/// Queues a head and returns where its body begins.
fn queue_head(outbox: &mut Outbox, status: Status, tail: Tail<'_>, fields: impl FnOnce(&mut Vec<u8>)) -> u64 {
    outbox.push_with(|out| {
        status_line(out, status);
        fields(out);
        finish_head(out, tail);
    });
    outbox.queued_total()
}

fn queue_file(outbox: &mut Outbox, entry: &Entry<Box<[u8]>>, head_only: bool, tail: Tail<'_>) -> u64 {
    outbox.push_with(|out| {
        out.extend_from_slice(&entry.value);
        finish_head(out, tail);
    });
    let body_starts = outbox.queued_total();
    if !head_only {
        queue_content(outbox, &entry.resource);
    }
    body_starts
}

fn queue_content(outbox: &mut Outbox, resource: &Resource) {
    match &resource.content {
        Content::Memory(bytes) if bytes.len() <= COPIED_LEN_MAX => {
            outbox.push_with(|out| out.extend_from_slice(bytes));
        }
        Content::Memory(bytes) => outbox.push_shared(Rc::clone(bytes)),
        Content::Static(bytes) => outbox.push_static(bytes),
        Content::File(file) => outbox.push_file(Rc::clone(file), 0, resource.len),
    }
}

/// Queues an error whose body is a file. The file's validators are not the error's: no cache may
/// take one for the other.
fn queue_error_page(
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
        queue_content(outbox, resource);
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

/// Queues the confirmation that a file is stored, with the validators of what it is now.
fn queue_stored(outbox: &mut Outbox, status: Status, answer: &StoredAnswer, tail: Tail<'_>) -> u64 {
    queue_head(outbox, status, tail, |out| {
        if status == Status::CREATED {
            content_length(out, 0);
            field(out, "Location", &answer.location);
        }
        validators(out, Some(answer.stored.modified_secs), answer.stored.identity);
    })
}

/// Queues an answer whose body is a sentence for a person.
fn queue_page(
    outbox: &mut Outbox,
    error: &ErrorAnswer,
    location: Option<&[u8]>,
    head_only: bool,
    body: &mut Vec<u8>,
    tail: Tail<'_>,
) -> u64 {
    body.clear();
    let html = error.prose == Prose::Html;
    error_page::render(body, error.status.code(), error.status.reason(), error.why, html);
    let body_starts = queue_head(outbox, error.status, tail, |out| {
        let media_type: &[u8] = if html { b"text/html; charset=utf-8" } else { b"text/plain; charset=utf-8" };
        field(out, "Content-Type", media_type);
        content_length(out, body.len() as u64);
        if let Some(location) = location {
            field(out, "Location", location);
        }
        // The form of the page was chosen by what the client accepts.
        field(out, "Vary", b"Accept");
        status_fields(out, error.status, error.allow);
    });
    if !head_only {
        outbox.push_with(|out| out.extend_from_slice(body));
    }
    body_starts
}
