//! OPTIONS, 405 and `Allow` (RFC 9110 sections 9.1, 9.3.7 and 10.2.1).
//!
//! They tell what the methods do on this path.

use super::drop_box;
use super::pending::HandlerResult;
use super::put::accepts_uploads;
use super::upload_resource::support_fields;
use crate::files::{PathError, UploadTarget};
use crate::http::{Method, RequestHead, RequestTarget, Status, field};
use crate::server::context::ServerContext;
use crate::server::response::{Allow, ErrorResponse, Response, path_error};
use crate::server::rules::preflight_fields;

pub(super) fn options(head: &RequestHead<'_, '_>, context: &ServerContext) -> HandlerResult {
    let allow = allow(head, context).map_err(|error| path_error(&error))?;
    let fields = if allow.put { support_fields(&context.config) } else { Vec::new() };
    Ok(allowed_methods(head, context, &allow.to_bytes(), fields))
}

pub(super) fn allowed_methods(
    head: &RequestHead<'_, '_>,
    context: &ServerContext,
    methods: &[u8],
    mut fields: Vec<u8>,
) -> Response {
    field(&mut fields, "Allow", methods);
    if context.config.cors.is_some() {
        fields.extend(preflight_fields(head.fields, methods).unwrap_or_default());
    }
    Response::empty(Status::NO_CONTENT, fields)
}

/// A preflight has no credentials (Fetch standard, section 3.3.5).
pub(crate) fn is_preflight(head: &RequestHead<'_, '_>, context: &ServerContext) -> bool {
    head.method == Method::Options
        && context.config.cors.is_some()
        && preflight_fields(head.fields, b"").is_some()
}

pub(super) fn not_allowed(head: &RequestHead<'_, '_>, context: &ServerContext) -> ErrorResponse {
    let allow = allow(head, context).unwrap_or_default();
    let message = if allow == Allow::default() {
        "This resource can be fetched with GET and HEAD, not changed."
    } else {
        "This path does not have this method; the Allow field of this response names those that it has."
    };
    let error = ErrorResponse::new(Status::METHOD_NOT_ALLOWED, message);
    ErrorResponse { allow: Some(allow), ..error }
}

/// A file that PUT could create counts.
fn allow(head: &RequestHead<'_, '_>, context: &ServerContext) -> Result<Allow, PathError> {
    let config = &context.config;
    // Without a login, nothing tells which files exist. `*` is the whole server; CONNECT names no resource of it.
    if matches!(head.target, RequestTarget::Asterisk | RequestTarget::Authority(_))
        || (context.shared.authenticator.is_some() && is_preflight(head, context))
    {
        let put = config.upload.is_some();
        let (delete, mkcol) = (put && config.allow_delete, put && config.allow_mkdir);
        return Ok(Allow { put, post: put, delete, mkcol });
    }
    let path = match config.parse_upload_path(head.target.path()) {
        Err(PathError::Hidden | PathError::NotFound) => return Ok(Allow::default()),
        path => path?,
    };
    if config.upload.is_none() {
        return Ok(Allow::default());
    }
    let post = accepts_uploads(&path, context);
    if drop_box::contains(path.as_bytes(), config) {
        let is_directory = path.as_bytes() == config.upload_dir();
        let put = !is_directory && !drop_box::contains_directory_of(path.as_bytes(), config);
        return Ok(Allow { put, post, ..Allow::default() });
    }
    let target = UploadTarget::open(&context.store, config.upload_dir(), &path, config.allow_mkdir);
    let Ok(target) = target else { return Ok(Allow { post, ..Allow::default() }) };
    Ok(Allow {
        put: target.may_store(!config.no_overwrite),
        post,
        delete: config.allow_delete && target.may_remove(),
        mkcol: config.allow_mkdir && target.may_make_directory(),
    })
}
