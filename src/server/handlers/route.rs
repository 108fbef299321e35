//! Which handler answers a request.
//!
//! Redirects come first, then the method decides; an error may be replaced by a document of the site, and
//! conditions and a Range may leave only a part of a file. It writes nothing and knows no connection.

use super::error_documents;
use super::options;
use super::preconditions;
use super::put::{self, UploadInProgress};
use super::static_file;
use crate::http::{Method, RequestHead, Status};
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Pending, Response, error_response};
use crate::server::rules::find_redirect;

/// What becomes of a request.
#[derive(Debug)]
pub(in crate::server) enum Action {
    /// It has its answer, once its body, if it has one, is out of the way.
    Respond(Response),
    /// Its body is stored; the answer follows from that.
    Store(Box<UploadInProgress>),
}

impl Action {
    /// The answer, once the body has come to its end.
    pub(in crate::server) fn finish(self, context: &mut ServerContext) -> Response {
        match self {
            Self::Respond(response) => response,
            Self::Store(upload) => upload.finish(context),
        }
    }
}

/// Decides what becomes of a request.
pub(in crate::server) fn route(
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
    now: Now,
) -> Result<Action, Pending> {
    if let Some(response) = redirect_response(head, context) {
        return Ok(Action::Respond(response));
    }
    if head.method == Method::Put {
        return Ok(match put::begin(head, context, now) {
            Ok(upload) => Action::Store(Box::new(upload)),
            Err(response) => Action::Respond(response),
        });
    }
    let response = match dispatch_by_method(head, context, now)? {
        Response::Error(error) => error_documents::replace_error(error, head, context, now)?,
        response => response,
    };
    Ok(Action::Respond(preconditions::apply_conditions_and_range(response, head, context, now)))
}

fn dispatch_by_method(
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
    now: Now,
) -> Result<Response, Pending> {
    Ok(match head.method {
        Method::Get | Method::Head => static_file::get(head, context, now)?,
        Method::Options => options::options(head, context),
        Method::Unknown => {
            error_response(head, Status::NOT_IMPLEMENTED, "This server does not know that method.")
        }
        Method::Put | Method::Post | Method::Delete | Method::Patch | Method::Trace | Method::Connect => {
            options::not_allowed(head, context)
        }
    })
}

/// What a rule has moved. Who changes something has to send the same again (308); who asks what can be
/// done (OPTIONS), or for what there is nowhere, is not sent away.
fn redirect_response(head: &RequestHead<'_, '_>, context: &ServerContext) -> Option<Response> {
    // Most servers have no such rule, and then nothing is looked at.
    if context.config.redirects.is_empty() {
        return None;
    }
    let status = match head.method {
        Method::Get | Method::Head => Status::MOVED_PERMANENTLY,
        Method::Put | Method::Post | Method::Delete | Method::Patch => Status::PERMANENT_REDIRECT,
        Method::Options | Method::Trace | Method::Connect | Method::Unknown => return None,
    };
    let location = find_redirect(&context.config.redirects, head.target.path(), head.target.query())?;
    let page = ErrorResponse::for_request(head, status, "This page has another address now.");
    Some(Response::Redirect { location, page })
}
