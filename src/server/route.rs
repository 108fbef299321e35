//! What a request gets: here HTTP and files are introduced to each other.
//!
//! Values in, an [`Answer`] out. It writes nothing and knows no connection.

use std::time::SystemTime;

use super::Config;
use super::allow;
use super::archive;
use super::codings;
use super::default_documents;
use super::listing;
use super::put::{self, Storing};
use super::reply::{self, Answer, ErrorAnswer, Part};
use super::rules::{cache_control, moved};
use super::selection;
use super::site::Site;
use crate::files::{FileCache, Lookup, LookupError, PathError, RelativePath, Store, Wanted, file_name};
use crate::http::{Method, Prose, RequestHead, Status, percent_encode_path, prose_for};
use crate::reactor::Now;
use crate::text::OneLine;

/// What `--clean-urls` lets addresses do without.
const CLEAN_EXTENSION: &str = ".html";
/// What is said of what is not there.
const NO_SUCH_PAGE: &str = "There is no such page here.";

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Plan {
    /// It has its answer, once its body, if it has one, is out of the way.
    Answer(Answer),
    /// Its body is stored; the answer follows from that.
    Store(Box<Storing>),
}

/// What a request gets is being made: the same request finds out more in the next turn.
#[derive(Debug)]
pub(super) struct Later;

/// Decides what becomes of a request; an error may have a document of the site in its place.
pub(super) fn route(head: &RequestHead<'_, '_>, site: &mut Site, now: Now) -> Result<Plan, Later> {
    if let Some(answer) = redirected(head, &site.config) {
        return Ok(Plan::Answer(answer));
    }
    if head.method == Method::Put {
        return Ok(put::plan(head, site, now));
    }
    let answer = match choose(head, site, now)? {
        Answer::Error(error) => default_documents::instead_of(error, head, site, now)?,
        answer => answer,
    };
    let answer = if head.is_qualified { selection::narrow(answer, head, site, now) } else { answer };
    Ok(Plan::Answer(answer))
}

fn choose(head: &RequestHead<'_, '_>, site: &mut Site, now: Now) -> Result<Answer, Later> {
    Ok(match head.method {
        Method::Get | Method::Head => file(head, site, now)?,
        Method::Options => allow::options(head, site),
        Method::Unknown => error(head, Status::NOT_IMPLEMENTED, "This server does not know that method."),
        Method::Put | Method::Post | Method::Delete | Method::Patch | Method::Trace | Method::Connect => {
            allow::not_allowed(head, site)
        }
    })
}

/// What a rule has moved. Who changes something has to send the same again (308); who asks what can be
/// done (OPTIONS), or for what there is nowhere, is not sent away.
fn redirected(head: &RequestHead<'_, '_>, config: &Config) -> Option<Answer> {
    // Most servers have no such rule, and then nothing is looked at.
    if config.redirects.is_empty() {
        return None;
    }
    let status = match head.method {
        Method::Get | Method::Head => Status::MOVED_PERMANENTLY,
        Method::Put | Method::Post | Method::Delete | Method::Patch => Status::PERMANENT_REDIRECT,
        Method::Options | Method::Trace | Method::Connect | Method::Unknown => return None,
    };
    let location = moved(&config.redirects, head.target.path(), head.target.query())?;
    Some(Answer::Redirect {
        location,
        page: error_answer(head, status, "This page has another address now."),
    })
}

/// What a path stands for, with the head of its answer if it is a file, in the encoding that suits.
pub(super) fn find(
    cache: &mut FileCache<reply::FileHead>,
    (store, config): (&Store, &Config),
    path: &RelativePath<'_>,
    wanted: &Wanted,
    now: Now,
) -> Result<Lookup<reply::FileHead>, LookupError> {
    let now = SystemTime::UNIX_EPOCH + now.unix;
    cache.find(store, path, &config.index, wanted, now, |resource| {
        let name = file_name(path, &config.index);
        reply::file_head(resource, cache_control(&config.cache_control, &name))
    })
}

fn file(head: &RequestHead<'_, '_>, site: &mut Site, now: Now) -> Result<Answer, Later> {
    let (path, query) = head.target.path_and_query();
    let path = match RelativePath::parse(path) {
        Ok(path) => path,
        Err(fault) => return Ok(path_error(head, &fault)),
    };
    if let Some(query) = query
        && let Some(answer) = archive::asked_for(query, head, &path, site)
    {
        return Ok(answer);
    }
    let Site { cache, store, config, .. } = site;
    let wanted = codings::wanted(head, config, now);
    let mut found = find(cache, (store, config), &path, &wanted, now);
    if config.clean_urls
        && matches!(found, Ok(Lookup::Directory) | Err(LookupError::NotFound))
        && let Some(page) = path.with_extension(CLEAN_EXTENSION)
    {
        // What is itself not there leaves what was found.
        match find(cache, (store, config), &page, &wanted, now) {
            Ok(Lookup::Directory) | Err(LookupError::NotFound) => {}
            page => found = page,
        }
    }
    match found {
        Ok(Lookup::File(entry)) => Ok(Answer::File(entry, Part::Whole)),
        Ok(Lookup::Directory) => Ok(redirect(head, &path)),
        Ok(Lookup::Later) => Err(Later),
        Err(LookupError::NoIndex) if config.lists() => Ok(listing::of(&path, head, site)),
        Err(fault) => Ok(lookup_error(head, &fault)),
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
    let why = "The page is a directory: its address ends in a slash.";
    Answer::Redirect { location, page: error_answer(head, Status::MOVED_PERMANENTLY, why) }
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
    unavailable(fault, head.target.path(), prose_for(head.accept))
}

/// The answer to what cannot be had, where the head may be gone; what is our fault is logged.
pub(super) fn unavailable(fault: &LookupError, path: &[u8], prose: Prose) -> Answer {
    let (status, why) = match fault {
        LookupError::NotFound => (Status::NOT_FOUND, NO_SUCH_PAGE),
        LookupError::NoIndex => (Status::NOT_FOUND, "This directory has no index page."),
        LookupError::Forbidden => (Status::FORBIDDEN, "The server may not read this file."),
        LookupError::NotRegular => (Status::FORBIDDEN, "This is not a regular file, so it is not served."),
        LookupError::Busy => {
            (Status::SERVICE_UNAVAILABLE, "The server has no file descriptor to spare; try again.")
        }
        LookupError::Failed(cause) => {
            log::error!("cannot read {}: {cause}", OneLine(path));
            (Status::INTERNAL_SERVER_ERROR, "The server could not read this file.")
        }
    };
    refusal(status, why, prose)
}

fn not_found(head: &RequestHead<'_, '_>) -> Answer {
    error(head, Status::NOT_FOUND, NO_SUCH_PAGE)
}

pub(super) fn error(head: &RequestHead<'_, '_>, status: Status, why: &'static str) -> Answer {
    Answer::Error(error_answer(head, status, why))
}

/// The same as a value of its own, in the form that the client accepts.
pub(super) fn error_answer(head: &RequestHead<'_, '_>, status: Status, why: &'static str) -> ErrorAnswer {
    ErrorAnswer::new(status, why, prose_for(head.accept))
}

/// The same where there is no head to look at: of what never became a request, or is over.
pub(super) fn refusal(status: Status, why: &'static str, prose: Prose) -> Answer {
    Answer::Error(ErrorAnswer::new(status, why, prose))
}
