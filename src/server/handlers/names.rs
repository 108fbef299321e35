//! DELETE and MKCOL: names below the upload directory.
//!
//! The change runs on a helper thread, then its directories are synced.

use std::sync::PoisonError;

use super::options::not_allowed;
use super::pending::{Changed, HandlerError, HandlerResult, PendingChange};
use super::preconditions::{UploadPreconditions, check_required};
use super::put::created_fields;
use super::upload_error::parse_upload_path;
use crate::files::{RelativePath, UploadError, UploadTarget};
use crate::http::{Preconditions, RequestBody, RequestHead, Status};
use crate::server::context::ServerContext;
use crate::server::response::{Allow, ErrorResponse, Problem};

pub(super) fn delete(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> HandlerResult {
    if !context.config.allow_delete || context.config.upload.is_none() {
        return Err(ErrorResponse::from(Problem::DELETING_OFF).into());
    }
    check_required(head, &context.config)?;
    let path = changed_path(head, context)?;
    let target = UploadTarget::open(&context.store, context.config.upload_dir(), &path, false);
    let target = target.map_err(|cause| match cause {
        UploadError::Directory => ErrorResponse::from(Problem::UPLOAD_DIRECTORY),
        UploadError::NoParent => UploadError::Absent.into(),
        cause => cause.into(),
    })?;
    let conditions = UploadPreconditions::new(Preconditions::from_fields(head.fields), true, context.now);
    let changed = PendingChange::start(context, false, move |rename_lock| {
        let _rename_guard = rename_lock.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.check(&target).and_then(|()| target.remove())?;
        Ok(Changed { status: Status::NO_CONTENT, fields: Vec::new(), directories: vec![target.directory()] })
    });
    changed.map_err(HandlerError::Job)
}

/// RFC 4918 section 9.3.
pub(super) fn mkcol(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> HandlerResult {
    if !context.config.allow_mkdir || context.config.upload.is_none() {
        return Err(ErrorResponse::from(Problem::MAKING_DIRECTORIES_OFF).into());
    }
    let path = changed_path(head, context)?;
    let config = &context.config;
    let (may_replace, may_delete) = (!config.no_overwrite, config.allow_delete);
    let taken = not_allowed(head, context);
    let refused = move |cause: UploadError| match cause {
        UploadError::Directory => taken,
        cause => cause.into(),
    };
    let target = UploadTarget::open(&context.store, config.upload_dir(), &path, false).map_err(refused)?;
    if !target.may_make_directory() {
        return Err(taken.into());
    }
    let conditions = UploadPreconditions::new(Preconditions::from_fields(head.fields), true, context.now);
    let fields = created_fields(&[path.as_bytes(), b"/"].concat());
    let changed = PendingChange::start(context, false, move |_| {
        let made = conditions.check(&target).and_then(|()| target.make_directory());
        made.map_err(|cause| {
            // Another request was first.
            let (put, delete) = (target.may_store(may_replace), may_delete && target.may_remove());
            let error = refused(cause);
            ErrorResponse { allow: error.allow.map(|_| Allow { put, delete, ..Allow::default() }), ..error }
        })?;
        Ok(Changed { status: Status::CREATED, fields, directories: vec![target.directory()] })
    });
    changed.map_err(HandlerError::Job)
}

fn changed_path<'b>(
    head: &RequestHead<'_, 'b>,
    context: &mut ServerContext,
) -> Result<RelativePath<'b>, ErrorResponse> {
    // The change comes before a body could be received.
    if head.body != RequestBody::None {
        let message = "The request has a body, which this method does not take.";
        return Err(ErrorResponse::new(Status::UNSUPPORTED_MEDIA_TYPE, message));
    }
    context.follow_root(true);
    parse_upload_path(head, &context.config)
}
