//! Resumable uploads (draft-ietf-httpbis-resumable-upload-11): creation, HEAD, PATCH, DELETE.
//!
//! It reads the request; `upload_resource` does the rest.

use std::sync::Arc;
use std::time::SystemTime;

use super::options::allowed_methods;
use super::put::check_content;
use super::upload_digest::{CONTENT_DIGEST, REPR_DIGEST, UploadDigests};
use super::upload_resource::{
    AppendRequest, INTEROP_VERSION, MEDIA_TYPE, OpeningUpload, Operation, PREFIX, boolean, integer, item,
    partials, support_fields,
};
use crate::files::{PartialId, UploadError};
use crate::http::{Method, RequestBody, RequestHead, Status, Version, end_head, field};
use crate::server::context::{ServerContext, run_job};
use crate::server::response::{ErrorResponse, Problem, Response};

/// Fields of a creation that matter when the upload is complete.
const STORED_FIELDS: [&str; 5] =
    ["If-Match", "If-None-Match", "If-Unmodified-Since", "Repr-Digest", "X-OC-Mtime"];

const MEDIA_TYPE_MESSAGE: &str = "An upload takes only the Content-Type application/partial-upload.";
const METHODS_MESSAGE: &str =
    "This is an unfinished upload: HEAD tells its offset, PATCH appends, DELETE cancels.";

/// Redirect rules do not apply to it.
pub(crate) fn is_upload_resource(head: &RequestHead<'_, '_>, context: &ServerContext) -> bool {
    context.config.upload.is_some() && head.target.path().starts_with(PREFIX)
}

pub(super) fn route(
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
) -> Option<Result<Box<OpeningUpload>, Response>> {
    context.config.upload.as_ref()?;
    let begun = match head.target.path().strip_prefix(PREFIX).map(PartialId::parse) {
        Some(Some(id)) => {
            use_upload(head, context).map(|operation| (id, operation)).map_err(|response| *response)
        }
        Some(None) => Err(ErrorResponse::from(UploadError::NoUpload).into()),
        None if head.method == Method::Put => {
            let is_complete = boolean(head.fields, "upload-complete")?;
            let version = item(head.fields, "upload-draft-interop-version");
            let wants_interim = version == Some(INTEROP_VERSION) && head.version != Version::Http10;
            // Without a 104, the client would not learn the resource before the upload is complete.
            if is_complete && !wants_interim {
                return None;
            }
            create(head, context, is_complete, wants_interim).map_err(Response::from)
        }
        None => return None,
    };
    Some(begun.map(|(id, operation)| OpeningUpload::new(id, operation, head, context)))
}

fn use_upload(head: &RequestHead<'_, '_>, context: &ServerContext) -> Result<Operation, Box<Response>> {
    let (mut fields, methods) = (support_fields(&context.config), b"HEAD, PATCH, DELETE, OPTIONS");
    let media_type = item(head.fields, "content-type").unwrap_or_default();
    let (status, message) = match head.method {
        Method::Head => return Ok(Operation::TellOffset),
        Method::Delete => return Ok(Operation::Cancel),
        Method::Patch if media_type.eq_ignore_ascii_case(MEDIA_TYPE) => {
            return append(head).map_err(|error| Box::new(error.into()));
        }
        Method::Patch => (Status::UNSUPPORTED_MEDIA_TYPE, MEDIA_TYPE_MESSAGE),
        Method::Options => return Err(Box::new(allowed_methods(head, context, methods, fields))),
        _ => {
            field(&mut fields, "Allow", methods);
            (Status::METHOD_NOT_ALLOWED, METHODS_MESSAGE)
        }
    };
    Err(Box::new(Response::error(ErrorResponse::new(status, message), fields)))
}

fn create(
    head: &RequestHead<'_, '_>,
    context: &ServerContext,
    is_complete: bool,
    wants_interim: bool,
) -> Result<(PartialId, Operation), ErrorResponse> {
    check_content(head, &context.config, &[REPR_DIGEST])?;
    let mut append = append_request(head, 0, is_complete)?;
    append.creation = Some(stored_head(head, append.len, context.user(head).as_deref()));
    append.wants_interim = wants_interim;
    Ok((PartialId::random()?, Operation::Append(append)))
}

fn append(head: &RequestHead<'_, '_>) -> Result<Operation, ErrorResponse> {
    let refused = |message| ErrorResponse::new(Status::BAD_REQUEST, message);
    let message = "The Upload-Offset is missing or is no number: HEAD tells it.";
    let offset = integer(head.fields, "upload-offset").ok_or(refused(message))?;
    let message = "Upload-Complete is missing: send ?1 with the last part, else ?0.";
    let is_complete = boolean(head.fields, "upload-complete").ok_or(refused(message))?;
    append_request(head, offset, is_complete).map(Operation::Append)
}

fn append_request(
    head: &RequestHead<'_, '_>,
    offset: u64,
    is_complete: bool,
) -> Result<AppendRequest, ErrorResponse> {
    let stated = integer(head.fields, "upload-length");
    let (part_len, is_exact) = match head.body {
        RequestBody::None => (0, true),
        RequestBody::Length(len) => (len, true),
        RequestBody::Chunked => (0, false),
    };
    let end = offset.saturating_add(part_len);
    let final_len = (is_complete && is_exact).then_some(end);
    if stated.is_some_and(|len| len < end || final_len.is_some_and(|end| end != len)) {
        return Err(Problem::INCONSISTENT_UPLOAD_LENGTH.into());
    }
    let digests = UploadDigests::begin(head, &[CONTENT_DIGEST], false)?;
    let (len, creation) = (stated.or(final_len), None);
    Ok(AppendRequest { creation, offset, end, is_complete, len, wants_interim: false, digests })
}

fn stored_head(head: &RequestHead<'_, '_>, len: Option<u64>, user: Option<&[u8]>) -> Vec<u8> {
    let mut out = [b"PUT ", head.target.path(), b" HTTP/1.1\r\nHost: localhost\r\n"].concat();
    for name in STORED_FIELDS {
        head.fields.all(name).for_each(|value| field(&mut out, name, value));
    }
    user.into_iter().for_each(|user| field(&mut out, "Upload-User", user));
    if let Some(len) = len {
        field(&mut out, "Upload-Length", len.to_string().as_bytes());
    }
    end_head(&mut out);
    out
}

pub(crate) fn sweep(context: &ServerContext) {
    let Ok(partials) = partials(&context.store, &context.config, false) else { return };
    let (leases, now) = (Arc::clone(&context.shared.upload_leases), context.now.unix);
    run_job(context.helpers.as_ref(), None, move || {
        let outcome = partials.sweep(SystemTime::UNIX_EPOCH + now, &leases);
        outcome.unwrap_or_else(|error| log::error!("cannot look for expired uploads: {error:?}"));
    });
}
