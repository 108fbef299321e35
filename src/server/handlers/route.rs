//! Choice of the handler for a request.
//!
//! Order: redirects, method, error documents, conditions and Range.

use std::time::Duration;

use super::pending::{HandlerError, HandlerResult, PendingLookup, PendingResponse, ResponseOrJob};
use super::put::{self, ReceivingUpload};
use super::upload_resource::OpeningUpload;
use super::{error_documents, form, names, options, preconditions, repr_digest, resumable, static_file};
use crate::files::UploadError;
use crate::http::{FieldBuf, Method, RequestHead, Status, field_line, parse_request};
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Response};
use crate::server::rules::find_redirect;

#[derive(Debug)]
pub(crate) enum Action {
    /// Respond after the request body is discarded.
    Respond(Response),
    Prepare(Box<dyn PendingResponse>),
    /// Opened before the request body is received.
    Open(Box<OpeningUpload>),
    Store(Box<dyn ReceivingUpload>),
}

impl Action {
    pub(crate) fn status(&self) -> Option<Status> {
        match self {
            Self::Respond(response) => Some(response.status),
            Self::Prepare(_) => Some(Status::OK),
            Self::Open(_) | Self::Store(_) => None,
        }
    }

    pub(crate) fn finish(self, context: &mut ServerContext) -> ResponseOrJob {
        match self {
            Self::Respond(response) => Ok(response),
            Self::Prepare(job) => Err(job),
            // It is opened before.
            Self::Open(_) => Ok(ErrorResponse::from(UploadError::NoUpload).into()),
            Self::Store(upload) => upload.finish(context),
        }
    }
}

struct PendingRequest {
    bytes: Box<[u8]>,
    lookup: PendingLookup,
    /// If the file became a directory.
    job: Option<Box<dyn PendingResponse>>,
    job_has_begun: bool,
}

impl PendingResponse for PendingRequest {
    fn poll(&mut self, context: &mut ServerContext) -> Option<Response> {
        if let Some(job) = &mut self.job {
            self.job_has_begun = true;
            return job.poll(context);
        }
        if static_file::is_pending(&mut self.lookup, context) {
            return None;
        }
        let mut field_buf = FieldBuf::new();
        let parsed = parse_request(&self.bytes, &mut 0, &mut field_buf);
        // It was parsed before.
        let Ok(Some((_, head))) = parsed else { return Some(self.on_timeout()) };
        match handle(&head, context) {
            Ok(response) => Some(response),
            Err(HandlerError::Error(error)) => Some(error.into()),
            Err(HandlerError::Lookup(lookup)) => {
                self.lookup = lookup;
                None
            }
            Err(HandlerError::Job(job)) => {
                self.job = Some(job);
                None
            }
        }
    }

    fn helper_timeout(&self) -> Option<Duration> {
        self.job.as_ref().filter(|_| self.job_has_begun)?.helper_timeout()
    }

    fn on_timeout(&mut self) -> Response {
        if let Some(job) = &mut self.job {
            return job.on_timeout();
        }
        let message = "The server is compressing many files; try again.";
        ErrorResponse::new(Status::SERVICE_UNAVAILABLE, message).into()
    }
}

/// For tests: a panic of a connection.
#[cfg(debug_assertions)]
fn fail_point(head: &RequestHead<'_, '_>) {
    let path = std::env::var_os("REACTOR_PANIC_AT");
    assert!(path.is_none_or(|path| path.as_encoded_bytes() != head.target.path()), "a failpoint of tests");
}

pub(crate) fn route(bytes: &[u8], head: &RequestHead<'_, '_>, context: &mut ServerContext) -> Action {
    #[cfg(debug_assertions)]
    fail_point(head);
    let is_resource = resumable::is_upload_resource(head, context);
    if let Some(action) = redirect_response(head, context).filter(|_| !is_resource) {
        return action;
    }
    if let Some(opening) = resumable::route(head, context) {
        return opening.map_or_else(Action::Respond, Action::Open);
    }
    let stored = match head.method {
        Method::Put => Some(put::begin(head, context)),
        Method::Post if context.config.upload.is_some() => Some(form::begin(head, context)),
        _ => None,
    };
    if let Some(stored) = stored {
        return stored.map_or_else(|error| Action::Respond(error.into()), Action::Store);
    }
    match handle(head, context) {
        Ok(response) => Action::Respond(response),
        Err(HandlerError::Error(error)) => Action::Respond(error.into()),
        Err(HandlerError::Job(job)) => Action::Prepare(job),
        Err(HandlerError::Lookup(lookup)) => Action::Prepare(Box::new(PendingRequest {
            bytes: bytes.into(),
            lookup,
            job: None,
            job_has_begun: false,
        })),
    }
}

fn handle(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> HandlerResult {
    let response = match dispatch_by_method(head, context) {
        Err(HandlerError::Error(error)) => error_documents::replace_error(error, head, context)?,
        result => result?,
    };
    let response = preconditions::apply_conditions_and_range(response, head, context);
    if head.wants_repr_digest { repr_digest::add(response, head, context) } else { Ok(response) }
}

fn dispatch_by_method(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> HandlerResult {
    match head.method {
        Method::Get | Method::Head => static_file::get(head, context),
        Method::Options => options::options(head, context),
        Method::Delete => names::delete(head, context),
        Method::Mkcol => names::mkcol(head, context),
        Method::Unknown => {
            let message = "This server does not support this method.";
            Err(ErrorResponse::new(Status::NOT_IMPLEMENTED, message).into())
        }
        Method::Put | Method::Post | Method::Patch | Method::Trace | Method::Connect => {
            Err(options::not_allowed(head, context).into())
        }
    }
}

/// 308 keeps method and body. OPTIONS asks about this URL itself.
fn redirect_response(head: &RequestHead<'_, '_>, context: &ServerContext) -> Option<Action> {
    if context.config.redirects.is_empty() {
        return None;
    }
    let status = match head.method {
        Method::Get | Method::Head => Status::MOVED_PERMANENTLY,
        Method::Put | Method::Post | Method::Delete | Method::Patch | Method::Mkcol => {
            Status::PERMANENT_REDIRECT
        }
        Method::Options | Method::Trace | Method::Connect | Method::Unknown => return None,
    };
    let location = find_redirect(&context.config.redirects, head.target.path(), head.target.query())?;
    Some(redirect_to(status, &location))
}

pub(super) fn redirect_to(status: Status, location: &[u8]) -> Action {
    let page = ErrorResponse::new(status, "This page has another address now.");
    Action::Respond(Response::error(page, field_line("Location", location)))
}
