//! From an answer to bytes on the outbox.
//!
//! `file` sends files, whole or in part, from heads that are rendered once and kept with them; `page` sends
//! what is worded for a person; `tail` is what every head ends with. It decides nothing about the connection.

mod file;
mod page;
mod tail;

use std::rc::Rc;

pub(super) use self::file::{FileHead, Part, entity_tag, file_head, multipart};
pub(super) use self::page::RenderedPage;
use self::tail::Tail;
pub(super) use self::tail::Tails;
use super::allow::Allow;
use super::exchange::{Exchange, Reply};
use super::site::Site;
use super::stream::{Framing, Gathering, Stream};
use crate::files::{Entry, Stored};
use crate::http::{Prose, Status, Version, content_length, field, status_line, unsatisfied_range};
use crate::net::Outbox;
use crate::reactor::Now;

/// What a request gets.
#[derive(Debug)]
pub(super) enum Answer {
    /// A file, or what a condition or a Range makes of it.
    File(Rc<Entry<FileHead>>, Part),
    /// 416: a file has nothing of what is asked for; it has that many bytes.
    Unsatisfiable {
        complete_len: u64,
        error: ErrorAnswer,
    },
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
        entry: Rc<Entry<FileHead>>,
    },
    /// Work in slices that comes to another answer.
    Gather(Box<Gathering>),
    /// A body that is made while it is sent.
    Stream(Box<Stream>),
}

/// A file that has been stored, and its path as it stands in a URL.
#[derive(Debug, Clone)]
pub(super) struct StoredAnswer {
    pub(super) stored: Stored,
    pub(super) location: Vec<u8>,
}

/// An error, and how its body is to be worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            Self::File(_, part) => part.status(),
            Self::Gather(_) | Self::Stream(_) => Status::OK,
            Self::Unsatisfiable { error, .. } => error.status,
            Self::Redirect { page, .. } => page.status,
            Self::Options { .. } => Status::NO_CONTENT,
            Self::Stored(answer) if answer.stored.created => Status::CREATED,
            Self::Stored(_) => Status::NO_CONTENT,
            Self::Error(error) => error.status,
            Self::ErrorPage { status, .. } => *status,
        }
    }

    /// Decides how a peer of this version is told where the body ends, if that is not known yet.
    pub(super) fn frame_for(&mut self, version: Version) -> Option<Framing> {
        match self {
            Self::Stream(stream) => Some(stream.frame_for(version)),
            _ => None,
        }
    }
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
    let Site { tails, rules, page: rendered, cache, .. } = site;
    let status = answer.status();
    let tails = tails.at(now.unix_secs(), rules);
    let tail = tails.of(exchange, status == Status::NOT_MODIFIED, closes);
    let head_only = exchange.head_only;
    let body_starts = match answer {
        Answer::File(entry, part) => file::queue(outbox, entry, part, head_only, tail),
        Answer::Options { allow, preflight } => queue_head(outbox, Status::NO_CONTENT, tail, |out| {
            field(out, "Allow", allow.as_bytes());
            out.extend_from_slice(preflight.as_deref().unwrap_or_default());
        }),
        Answer::Stored(stored) => {
            // The next request may have come with this one, and it may be for what is stored now.
            cache.fall_behind();
            queue_stored(outbox, status, stored, tail)
        }
        Answer::Redirect { location, page } => {
            page::queue(outbox, page, head_only, rendered, tail, |out| field(out, "Location", location))
        }
        Answer::Error(error) => page::queue(outbox, error, head_only, rendered, tail, |_| ()),
        Answer::Unsatisfiable { complete_len, error } => {
            page::queue(outbox, error, head_only, rendered, tail, |out| unsatisfied_range(out, *complete_len))
        }
        Answer::ErrorPage { status, allow, entry } => {
            page::queue_from_file(outbox, (*status, *allow), &entry.resource, head_only, tail)
        }
        Answer::Stream(stream) => queue_head(outbox, Status::OK, tail, |out| stream.fields(out)),
        Answer::Gather(_) => outbox.queued_total(),
    };
    let (ends, until_close) = match answer {
        Answer::Stream(stream) if !exchange.head_only => (u64::MAX, stream.framing() == Framing::UntilClose),
        _ => (outbox.queued_total(), false),
    };
    Reply { status: status.code(), body_starts, ends, until_close }
}

/// Asks for the body of a request that waits to be told (RFC 9110 section 10.1.1).
pub(super) fn queue_continue(outbox: &mut Outbox) {
    outbox.push_static(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// Queues a head and returns where its body begins.
fn queue_head(outbox: &mut Outbox, status: Status, tail: Tail<'_>, fields: impl FnOnce(&mut Vec<u8>)) -> u64 {
    outbox.push_with(|out| {
        status_line(out, status);
        fields(out);
        tail.finish(out);
    });
    outbox.queued_total()
}

/// Queues the confirmation that a file is stored, with the entity-tag that it has now.
fn queue_stored(outbox: &mut Outbox, status: Status, answer: &StoredAnswer, tail: Tail<'_>) -> u64 {
    queue_head(outbox, status, tail, |out| {
        if status == Status::CREATED {
            content_length(out, 0);
            field(out, "Location", &answer.location);
        }
        // No Last-Modified: what has just been written may change once more in the same second.
        if let Some(identity) = answer.stored.identity {
            field(out, "ETag", entity_tag(identity, None).as_bytes());
        }
    })
}
