//! Checks of a request before it is routed: host, HTTPS, login.
//!
//! A pending login leaves it in the receive buffer: no body is read, no 100 is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::WorkerState;
use super::exchange::RequestSummary;
use crate::http::{BasicCredentials, Method, RequestHead, Status, error_format};
use crate::server::auth::{LoginAttempt, LoginOutcome};
use crate::server::context::ServerContext;
use crate::server::handlers::error_documents::error_page;
use crate::server::handlers::{
    Action, https_redirect, is_preflight, is_upload_resource, refuse_cross_site, refuse_host, route,
};
use crate::server::response::{ErrorDetail, ErrorResponse};
use crate::server::rules::is_trusted;

#[derive(Debug, Clone, Copy)]
pub(super) struct RequestOrigin {
    /// Behind a trusted proxy, the client.
    pub(super) peer: SocketAddr,
    pub(super) is_tls: bool,
    pub(super) checks_host: bool,
    /// See [`HttpServerProtocol::refuse`](super::HttpServerProtocol::refuse).
    pub(super) is_refused: bool,
}

enum NoLogin {
    /// Until the next step.
    Pending(Instant),
    Refused(ErrorResponse),
}

/// `Err`: a login is pending until then. Not inlined: a cached response comes without it.
#[inline(never)]
pub(super) fn route_if_allowed<'b>(
    bytes: &'b [u8],
    (head, summary): (&RequestHead<'_, 'b>, &mut RequestSummary),
    context: &mut ServerContext,
    (origin, login): (RequestOrigin, &mut Option<Arc<LoginAttempt>>),
) -> Result<Action, Instant> {
    if origin.is_refused {
        let message = "Your address has too many connections to this server; close some, or try again later.";
        let error = ErrorResponse::new(Status::SERVICE_UNAVAILABLE, message);
        return Ok(Action::Respond(error.into()));
    }
    let is_proxy = || is_trusted(&context.config.trusted_proxies, origin.peer);
    // A request whose login is pending was counted.
    if let Some(limit) = context.config.rate_limit.filter(|_| login.is_none() && !is_proxy())
        && let Err(wait) = context.shared.request_rates.admit(origin.peer.ip(), limit, context.now.instant)
    {
        let detail = Some(ErrorDetail::RetryAfter(wait.as_secs() + 1));
        let error =
            ErrorResponse::new(Status::TOO_MANY_REQUESTS, "Your address sends too many requests; wait.");
        return Ok(Action::Respond(ErrorResponse { detail, ..error }.into()));
    }
    if origin.checks_host
        && let Some(refused) = refuse_host(head, context)
    {
        return Ok(refused);
    }
    if let Some(refused) = refuse_cross_site(head, context) {
        return Ok(refused);
    }
    if let Some(port) = context.shared.https_port.filter(|_| !origin.is_tls) {
        return Ok(https_redirect(head, port));
    }
    match check_login(head, login, context, origin) {
        Ok(authorization) => {
            summary.set_authorization(authorization, bytes);
            Ok(route(bytes, head, context))
        }
        Err(NoLogin::Refused(error)) => {
            let wanted = (head.method, error_format(head.accept));
            Ok(Action::Respond(error_page(error, wanted, context)))
        }
        Err(NoLogin::Pending(until)) => Err(until),
    }
}

/// Returns Authorization if a login was needed.
fn check_login<'b>(
    head: &RequestHead<'_, 'b>,
    login: &mut Option<Arc<LoginAttempt>>,
    context: &ServerContext,
    origin: RequestOrigin,
) -> Result<Option<&'b [u8]>, NoLogin> {
    let now = context.now.instant;
    let refused = |status, message| Err(NoLogin::Refused(ErrorResponse::new(status, message)));
    let Some(authenticator) = context.shared.authenticator.as_ref().filter(|_| needs_login(head, context))
    else {
        return Ok(None);
    };
    if must_not_log_in(context, origin) {
        return refused(Status::FORBIDDEN, "This needs a login, which is only possible over HTTPS here.");
    }
    let value = head.fields.first("authorization");
    let Some(credentials) = value.and_then(BasicCredentials::from_field) else {
        return refused(Status::UNAUTHORIZED, "This server asks for a user and a password.");
    };
    if authenticator.is_verified(&credentials) {
        return Ok(value);
    }
    let outcome = login.as_ref().map(|attempt| attempt.outcome(now));
    if outcome.is_none_or(|outcome| outcome == LoginOutcome::Right) {
        let waiter = context.helpers.clone().zip(context.key);
        *login = authenticator.begin(credentials, origin.peer.ip(), waiter, now);
    }
    match login.as_ref().map(|attempt| attempt.outcome(now)) {
        // The passwords were replaced just now.
        Some(LoginOutcome::Right) => Err(NoLogin::Pending(now)),
        Some(LoginOutcome::Pending(until)) => Err(NoLogin::Pending(until)),
        Some(LoginOutcome::Wrong) => refused(Status::UNAUTHORIZED, "The user or the password is wrong."),
        Some(LoginOutcome::TimedOut) => {
            refused(Status::SERVICE_UNAVAILABLE, "The server is still checking the password; try again.")
        }
        None => refused(Status::SERVICE_UNAVAILABLE, "Too many logins at once; try again."),
    }
}

fn needs_login(head: &RequestHead<'_, '_>, context: &ServerContext) -> bool {
    let writes_only = context.config.auth.as_ref().is_some_and(|auth| auth.writes_only);
    // HEAD ends an append, and the upload has a user.
    let is_read = matches!(head.method, Method::Get | Method::Head | Method::Options)
        && !is_upload_resource(head, context);
    !(writes_only && is_read || is_preflight(head, context))
}

/// Beside a TLS port, the plain port takes no passwords.
fn must_not_log_in(context: &ServerContext, origin: RequestOrigin) -> bool {
    !origin.is_tls && context.config.tls.as_ref().is_some_and(|tls| tls.port.is_some())
}

impl WorkerState {
    /// Forgets what old passwords let in.
    pub(super) fn may_use_request_cache(&mut self, origin: RequestOrigin) -> bool {
        let context = &self.context;
        let is_redirected = context.shared.https_port.is_some() && !origin.is_tls;
        if is_redirected || origin.is_refused || context.config.rate_limit.is_some() {
            return false;
        }
        let Some(authenticator) = &context.shared.authenticator else { return true };
        self.request_cache.set_login_generation(authenticator.generation());
        !must_not_log_in(context, origin)
    }
}
