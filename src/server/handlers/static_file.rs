//! GET and HEAD of a file or directory.
//!
//! Conditions and Range are applied elsewhere.

use std::time::SystemTime;

use super::pending::{HandlerError, HandlerResult, PendingLookup};
use super::{archive, drop_box, listing};
use crate::files::{
    Coding, ContentSource, EncodingPreferences, FileCache, Lookup, LookupError, RelativePath, file_name,
};
use crate::http::{
    ContentCoding, Method, RequestHead, Status, append_query, directory_reference, field_line,
};
use crate::reactor::Now;
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::{
    ErrorResponse, FileHead, FilePart, Response, file_head, lookup_error, path_error,
};
use crate::server::rules::cache_control;

const CLEAN_EXTENSION: &str = ".html";

pub(super) fn get(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> HandlerResult {
    let (path, query) = head.target.path_and_query();
    let path = context.config.parse_path(path).map_err(|error| path_error(&error))?;
    if let Some(response) = drop_box_response(head, &path, &context.config) {
        return response;
    }
    if let Some(query) = query
        && let Some(response) = archive::archive_response(query, head, &path, context)
    {
        return response;
    }
    let accepted = accepted_encodings(head, context);
    let ServerContext { cache, store, config, .. } = context;
    let mut found = find(cache, (store, config), &path, &accepted, context.now);
    if config.clean_urls
        && matches!(found, Err(LookupError::Directory | LookupError::NotFound))
        && let Some(page) = path.with_extension(CLEAN_EXTENSION)
    {
        // A missing page keeps the first result.
        match find(cache, (store, config), &page, &accepted, context.now) {
            Err(LookupError::Directory | LookupError::NotFound) => {}
            Ok(Lookup::Pending) => return Err(pending_lookup(&page, accepted)),
            page => found = page,
        }
    }
    match found {
        Ok(Lookup::File(entry)) => Ok(Response::file(entry, FilePart::Whole)),
        Err(LookupError::Directory) => Ok(trailing_slash_redirect(head, &path)),
        Ok(Lookup::Pending) => Err(pending_lookup(&path, accepted)),
        Err(LookupError::NoIndex) if config.listings_enabled() => {
            listing::listing_response(&path, head, context)
        }
        Err(error) => Err(lookup_error(&error, head.target.path()).into()),
    }
}

fn drop_box_response(
    head: &RequestHead<'_, '_>,
    path: &RelativePath<'_>,
    config: &ServerConfig,
) -> Option<HandlerResult> {
    if !drop_box::contains(path.as_bytes(), config) {
        return None;
    }
    if path.as_bytes() != config.upload_dir() {
        let error = lookup_error(&LookupError::NotFound, head.target.path());
        return Some(Err(error.into()));
    }
    Some(Ok(match path.has_trailing_slash() {
        true => listing::drop_box_page(path, head.target.query() == Some(b"stored")),
        false => trailing_slash_redirect(head, path),
    }))
}

pub(super) fn pending_lookup(path: &RelativePath<'_>, accepted: EncodingPreferences) -> HandlerError {
    HandlerError::Lookup(PendingLookup { path: path.to_owned(), accepted })
}

pub(super) fn is_pending(lookup: &mut PendingLookup, context: &mut ServerContext) -> bool {
    lookup.accepted = lookup.accepted.in_tick(context.now.instant);
    let ServerContext { cache, store, config, now, .. } = context;
    matches!(find(cache, (store, config), &lookup.path, &lookup.accepted, *now), Ok(Lookup::Pending))
}

pub(super) fn find(
    cache: &mut FileCache<FileHead>,
    (store, config): (&ContentSource, &ServerConfig),
    path: &RelativePath<'_>,
    accepted: &EncodingPreferences,
    now: Now,
) -> Result<Lookup<FileHead>, LookupError> {
    if config.one_file && *file_name(path, &config.index) != *config.index.as_bytes() {
        return Err(LookupError::NotFound);
    }
    let now = SystemTime::UNIX_EPOCH + now.unix;
    cache.find(store, path, &config.index, accepted, now, |resource| {
        let name = file_name(path, &config.index);
        let is_fallback = config.fallback.as_ref().is_some_and(|page| *page.as_bytes() == *name);
        file_head(resource, cache_control(&config.cache_control, &name), is_fallback)
    })
}

/// Never compress for a Range request: compressed bytes may differ between requests.
pub(super) fn accepted_encodings(head: &RequestHead<'_, '_>, context: &ServerContext) -> EncodingPreferences {
    if head.content_codings.is_empty() {
        return EncodingPreferences::PLAIN;
    }
    let has_range =
        head.has_conditions_or_range && head.method == Method::Get && head.fields.first("range").is_some();
    let may_compress = context.config.compress && !has_range;
    let codings = head.content_codings.iter().map(|coding| match coding {
        ContentCoding::Brotli => Coding::Brotli,
        ContentCoding::Zstd => Coding::Zstd,
        ContentCoding::Gzip => Coding::Gzip,
    });
    EncodingPreferences::new(codings, may_compress.then_some(context.now.instant))
}

/// Relative: a proxy may serve the root elsewhere.
fn trailing_slash_redirect(head: &RequestHead<'_, '_>, path: &RelativePath<'_>) -> Response {
    let name = path.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut location = directory_reference(name);
    append_query(&mut location, head.target.query());
    let message = "The page is a folder: its address ends in a slash.";
    let page = ErrorResponse::new(Status::MOVED_PERMANENTLY, message);
    Response::error(page, field_line("Location", &location))
}
