//! Error documents: `--fallback` and `--error-page` files.
//!
//! They replace errors, never found files, and come from the file cache.

use super::pending::{HandlerError, HandlerResult};
use super::static_file::{accepted_encodings, find, pending_lookup};
use crate::files::{ContentSource, EncodingPreferences, Lookup, LookupError, PathError};
use crate::http::{ErrorFormat, Method, RequestHead, Status, accepts_page, error_format};
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::{Body, ErrorResponse, FilePart, Response, lookup_error};

pub(super) fn replace_error(
    error: ErrorResponse,
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
) -> HandlerResult {
    let error = match fallback(error, head, context) {
        Ok(Some(response)) => return Ok(response),
        Ok(None) => error,
        Err(HandlerError::Error(error)) => error,
        Err(pending) => return Err(pending),
    };
    Ok(error_page(error, (head.method, error_format(head.accept)), context))
}

/// Destinations of the parts of a page.
const PAGE_PARTS: &str = "audio audioworklet font image manifest paintworklet script serviceworker sharedworker \
    style track video worker";

/// Not for a part of a page, where HTML hides a mistake. Plain HTTP beyond localhost has no Sec-Fetch-Dest.
fn wants_page(head: &RequestHead<'_, '_>) -> bool {
    let destination = head.fields.first("sec-fetch-dest").unwrap_or_default();
    let is_part = PAGE_PARTS.split(' ').any(|part| part.as_bytes() == destination);
    !is_part && accepts_page(head.accept)
}

/// For a 404. A hidden name is refused, not missing, and a page is no well-known file: their errors stay.
fn fallback(
    error: ErrorResponse,
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
) -> Result<Option<Response>, HandlerError> {
    let config = &context.config;
    let Some(path) = &config.fallback else { return Ok(None) };
    let is_hidden = || matches!(config.parse_upload_path(head.target.path()), Err(PathError::Hidden));
    if error.status != Status::NOT_FOUND || !is_get_or_head(head.method) || is_hidden() || !wants_page(head) {
        return Ok(None);
    }
    let accepted = accepted_encodings(head, context);
    match find(&mut context.cache, (&context.store, config), path, &accepted, context.now) {
        Ok(Lookup::File(entry)) => Ok(Some(Response::file(entry, FilePart::Whole))),
        Ok(Lookup::Pending) => Err(pending_lookup(path, accepted)),
        Err(LookupError::Directory | LookupError::NotFound) => Ok(None),
        // Not a 404: caches would store it.
        Err(error) => Err(lookup_error(&error, head.target.path()).into()),
    }
}

/// Every method gets the 405 page; only GET and HEAD get others.
pub(crate) fn error_page(
    error: ErrorResponse,
    (method, format): (Method, ErrorFormat),
    context: &mut ServerContext,
) -> Response {
    let ServerContext { cache, store, config, .. } = context;
    let status = error.status;
    // A program cannot read a page.
    let is_for_program = format == ErrorFormat::Json;
    let page = config.error_pages.iter().find(|page| page.status == status && !is_for_program);
    let Some(page) = page.filter(|_| is_get_or_head(method) || status == Status::METHOD_NOT_ALLOWED) else {
        return error.into();
    };
    // Plain: its head lacks Content-Encoding.
    match find(cache, (store, config), &page.path, &EncodingPreferences::PLAIN, context.now) {
        Ok(Lookup::File(entry)) => Response::error_document(&error, entry),
        Ok(Lookup::Pending) | Err(_) => error.into(),
    }
}

pub(crate) fn with_page(response: Response, format: ErrorFormat, context: &mut ServerContext) -> Response {
    match (&response.body, &response.fields) {
        (Body::ErrorPage(error), None) => error_page(*error, (Method::Get, format), context),
        _ => response,
    }
}

fn is_get_or_head(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head)
}

/// Only logs: they may come later.
pub(crate) fn warn_of_missing(config: &ServerConfig, store: &ContentSource) {
    let fallback = config.fallback.iter().map(|path| ("--fallback".to_owned(), path));
    let pages = config.error_pages.iter();
    let pages = pages.map(|page| (format!("--error-page {}", page.status.code()), &page.path));
    for (option, path) in fallback.chain(pages) {
        let reason = match store.lookup(path, &config.index) {
            Ok(_) => continue,
            Err(fault) => fault.to_string(),
        };
        log::warn!("{option}: cannot serve {path} for now: {reason}");
    }
}
