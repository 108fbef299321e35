//! What a request gets: here HTTP and files are introduced to each other.
//!
//! Values in, an [`Answer`] out. It writes nothing and knows no connection.

use std::time::SystemTime;

use super::default_documents;
use super::put::{self, Storing};
use super::reply::{self, Answer, ErrorAnswer};
use super::site::Site;
use crate::files::{Lookup, LookupError, PathError, RelativePath};
use crate::http::{Method, Prose, RequestHead, Status, percent_encode_path, prose_for};
use crate::reactor::Now;

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Plan {
    /// It has its answer, once its body, if it has one, is out of the way.
    Answer(Answer),
    /// Its body is stored; the answer follows from that.
    Store(Box<Storing>),
}

/// Decides what becomes of a request; an error may have a document of the site in its place.
pub(super) fn route(head: &RequestHead<'_, '_>, site: &mut Site, now: Now) -> Plan {
    if head.method == Method::Put {
        return put::plan(head, site);
    }
    Plan::Answer(match choose(head, site, now) {
        Answer::Error(error) => default_documents::instead_of(error, head, site, now),
        answer => answer,
    })
}

fn choose(head: &RequestHead<'_, '_>, site: &mut Site, now: Now) -> Answer {
    match head.method {
        Method::Get | Method::Head => file(head, site, now),
        Method::Options => Answer::Options,
        Method::Unknown => error(head, Status::NOT_IMPLEMENTED, "This server does not know that method."),
        Method::Put | Method::Post | Method::Delete | Method::Patch | Method::Trace | Method::Connect => {
            let why = match site.config.upload {
                Some(_) => "Files here can be fetched with GET and HEAD, and stored with PUT.",
                None => "Files here can be fetched with GET and HEAD, not changed.",
            };
            error(head, Status::METHOD_NOT_ALLOWED, why)
        }
    }
}

fn file(head: &RequestHead<'_, '_>, site: &mut Site, now: Now) -> Answer {
    let path = match RelativePath::parse(head.target.path()) {
        Ok(path) => path,
        Err(fault) => return path_error(head, &fault),
    };
    let Site { cache, store, config, .. } = site;
    match cache.find(store, &path, &config.index, SystemTime::UNIX_EPOCH + now.unix, reply::file_head) {
        Ok(Lookup::File(entry)) => Answer::File(entry),
        Ok(Lookup::Directory) => redirect(head, &path),
        Err(fault) => lookup_error(head, &fault),
    }
}

/// To the same directory with its trailing slash. The path is the normalised one, so that it can
/// never be read as another host (`//host`); the query is kept.
fn redirect(head: &RequestHead<'_, '_>, path: &RelativePath<'_>) -> Answer {
    let mut location = b"/".to_vec();
    percent_encode_path(&mut location, path.as_bytes());
    location.push(b'/');
    if let Some(query) = head.target.query() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    Answer::Redirect { location, prose: prose_for(head.accept) }
}

pub(super) fn path_error(head: &RequestHead<'_, '_>, fault: &PathError) -> Answer {
    match fault {
        PathError::BadEscape => {
            error(head, Status::BAD_REQUEST, "The path has a % that no two hex digits follow.")
        }
        PathError::Nul => error(head, Status::BAD_REQUEST, "The path has a NUL byte in it."),
        PathError::LeavesRoot => {
            error(head, Status::BAD_REQUEST, "The path leads out of the served directory.")
        }
        PathError::Hidden | PathError::NotFound => not_found(head),
    }
}

pub(super) fn lookup_error(head: &RequestHead<'_, '_>, fault: &LookupError) -> Answer {
    match fault {
        LookupError::NotFound => not_found(head),
        LookupError::NoIndex => error(head, Status::NOT_FOUND, "This directory has no index page."),
        LookupError::Forbidden => error(head, Status::FORBIDDEN, "The server may not read this file."),
        LookupError::NotRegular => {
            error(head, Status::FORBIDDEN, "This is not a regular file, so it is not served.")
        }
        LookupError::Busy => {
            error(head, Status::SERVICE_UNAVAILABLE, "The server has no file descriptor to spare; try again.")
        }
        LookupError::Failed(cause) => {
            log::error!(
                "cannot read {}: {cause}",
                String::from_utf8_lossy(head.target.path()).escape_debug()
            );
            error(head, Status::INTERNAL_SERVER_ERROR, "The server could not read this file.")
        }
    }
}

fn not_found(head: &RequestHead<'_, '_>) -> Answer {
    error(head, Status::NOT_FOUND, "There is no such page here.")
}

pub(super) fn error(head: &RequestHead<'_, '_>, status: Status, why: &'static str) -> Answer {
    Answer::Error(ErrorAnswer { status, why, prose: prose_for(head.accept) })
}

/// The answer to what never became a request, or broke off in its body.
pub(super) fn refusal(status: Status, why: &'static str, prose: Prose) -> Answer {
    Answer::Error(ErrorAnswer { status, why, prose })
}
