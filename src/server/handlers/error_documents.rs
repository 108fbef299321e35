//! Files that answer for others: the one for what is not there, and pages for errors.
//!
//! It takes the place of an error that `route` has decided on, and of nothing else: a file that is
//! found never comes by here. Both kinds come out of the same cache as every file, as fresh as any.
//! Should one be missing itself, the error stays as it was.

use super::pending::HandlerError;
use super::static_file::{accepted_encodings, find, pending_lookup};
use crate::files::{
    ContentSource, EncodingPreferences, FoundContent, Lookup, LookupError, PathError, RelativePath,
};
use crate::http::{Method, RequestHead, Status, error_format};
use crate::reactor::Now;
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, FilePart, Response, lookup_error};

/// The response to a request that came to `error`.
pub(super) fn replace_error(
    error: ErrorResponse,
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
    now: Now,
) -> Result<Response, HandlerError> {
    let error = match fallback(error, head, context, now) {
        Ok(Some(response)) => return Ok(response),
        Ok(None) => error,
        Err(HandlerError::Error(error)) => error,
        Err(pending) => return Err(pending),
    };
    Ok(error_page(error, head.method, context, now))
}

/// The file for what is not there, or why it cannot be had. A hidden name is refused, not missing:
/// it stays an error.
fn fallback(
    error: ErrorResponse,
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
    now: Now,
) -> Result<Option<Response>, HandlerError> {
    let ServerContext { cache, store, config, .. } = context;
    let Some(path) = &config.fallback else { return Ok(None) };
    let is_hidden = || matches!(RelativePath::parse(head.target.path()), Err(PathError::Hidden));
    if error.status != Status::NOT_FOUND || !is_get_or_head(head.method) || is_hidden() {
        return Ok(None);
    }
    let accepted = accepted_encodings(head, config, now);
    match find(cache, (store, config), path, &accepted, now) {
        Ok(Lookup::File(entry)) => Ok(Some(Response::file(entry, FilePart::Whole))),
        Ok(Lookup::Pending) => Err(pending_lookup(path, accepted)),
        Ok(Lookup::Directory) | Err(LookupError::NotFound) => Ok(None),
        // Not "not found", which is what caches would remember.
        Err(error) => Err(lookup_error(&error, head.target.path(), error_format(head.accept)).into()),
    }
}

/// The error with the page for its status, if there is one. That there is no such method is said to
/// every method; the other pages are for who fetches.
fn error_page(error: ErrorResponse, method: Method, context: &mut ServerContext, now: Now) -> Response {
    let ServerContext { cache, store, config, .. } = context;
    let status = error.status;
    let page = config.error_pages.iter().find(|page| page.status == status);
    let Some(page) = page.filter(|_| is_get_or_head(method) || status == Status::METHOD_NOT_ALLOWED) else {
        return error.into();
    };
    // As it is: an error is not worth making anything for, and its fields say nothing of encodings.
    match find(cache, (store, config), &page.path, &EncodingPreferences::PLAIN, now) {
        Ok(Lookup::File(entry)) => Response::error_document(&error, entry),
        Ok(Lookup::Directory | Lookup::Pending) | Err(_) => error.into(),
    }
}

fn is_get_or_head(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head)
}

/// Says at the start which documents are not there; they may come later, so it is no error.
pub(in crate::server) fn warn_of_missing(config: &ServerConfig, store: &ContentSource) {
    let fallback = config.fallback.iter().map(|path| ("--fallback".to_owned(), path));
    let pages = config.error_pages.iter();
    let pages = pages.map(|page| (format!("--error-page {}", page.status.code()), &page.path));
    for (option, path) in fallback.chain(pages) {
        let reason = match store.lookup(path, &config.index) {
            Ok(FoundContent::File(_)) => continue,
            Ok(FoundContent::Directory) => "it is a directory".to_owned(),
            Err(fault) => fault.to_string(),
        };
        log::warn!("{option}: cannot serve {path} for now: {reason}");
    }
}
