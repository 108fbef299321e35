//! OPTIONS, 405 and `Allow` (RFC 9110 sections 9.1, 9.3.7 and 10.2.1).
//!
//! `files` checks whether PUT is possible; only an upload shows permissions and free space.

use std::os::unix::ffi::OsStrExt;

use super::pending::HandlerError;
use crate::files::{PathError, may_store};
use crate::http::{Method, RequestHead, RequestTarget, Status, field};
use crate::server::context::ServerContext;
use crate::server::response::{Allow, ErrorResponse, Response, path_error};
use crate::server::rules::preflight_fields;

pub(super) fn options(head: &RequestHead<'_, '_>, context: &ServerContext) -> Result<Response, HandlerError> {
    let allow = allow(head, context).map_err(|error| path_error(head, &error))?;
    let mut fields = Vec::new();
    field(&mut fields, "Allow", allow.as_bytes());
    if context.config.cors.is_some() {
        fields.extend(preflight_fields(head.fields, allow.as_bytes()).unwrap_or_default());
    }
    Ok(Response::empty(Status::NO_CONTENT, fields))
}

/// It has no credentials (Fetch standard, section 3.3.5).
pub(in crate::server) fn is_preflight(head: &RequestHead<'_, '_>, context: &ServerContext) -> bool {
    head.method == Method::Options
        && context.config.cors.is_some()
        && preflight_fields(head.fields, b"").is_some()
}

pub(super) fn not_allowed(head: &RequestHead<'_, '_>, context: &ServerContext) -> ErrorResponse {
    // An invalid path has no other methods.
    let allow = allow(head, context).unwrap_or(Allow::Fetch);
    let message = match allow {
        Allow::Fetch => "This resource can be fetched with GET and HEAD, not changed.",
        Allow::FetchAndStore => "Files here can be fetched with GET and HEAD, and stored with PUT.",
    };
    let error = ErrorResponse::for_request(head, Status::METHOD_NOT_ALLOWED, message);
    ErrorResponse { allow: Some(allow), ..error }
}

/// A file that PUT could create counts.
fn allow(head: &RequestHead<'_, '_>, context: &ServerContext) -> Result<Allow, PathError> {
    let directory = context.config.upload.as_ref().map(|directory| directory.as_os_str().as_bytes());
    let may_be_stored = match (head.target, directory) {
        // `*` is the whole server. CONNECT names no resource of it.
        (RequestTarget::Asterisk | RequestTarget::Authority(_), directory) => directory.is_some(),
        (RequestTarget::Origin(_) | RequestTarget::Absolute { .. }, directory) => {
            match (context.config.parse_upload_path(head.target.path()), directory) {
                (Ok(path), Some(directory)) => may_store(&context.store, directory, &path),
                (Ok(_) | Err(PathError::Hidden | PathError::NotFound), _) => false,
                (Err(error), _) => return Err(error),
            }
        }
    };
    Ok(if may_be_stored { Allow::FetchAndStore } else { Allow::Fetch })
}
