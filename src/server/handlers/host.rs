//! Host of a request: 421, 403 for other sites, redirect to HTTPS.
//!
//! They come before the route.

use super::route::{Action, redirect_to};
use crate::http::{Method, RequestHead, RequestTarget, Status, append_query};
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::ErrorResponse;
use crate::server::rules::{answers_to, is_named};

const HTTPS_PORT: u16 = 443;

/// RFC 9110 section 4.2.2; a relative path cannot name the scheme.
pub(crate) fn https_redirect(head: &RequestHead<'_, '_>, https_port: u16) -> Action {
    let Some(host) = without_port(authority_of(head)) else {
        let message = "This server speaks HTTPS, and the request names no host.";
        return Action::Respond(ErrorResponse::new(Status::BAD_REQUEST, message).into());
    };
    let mut location = [b"https://", host].concat();
    if https_port != HTTPS_PORT {
        location.extend_from_slice(format!(":{https_port}").as_bytes());
    }
    let (path, query) = head.target.path_and_query();
    location.extend_from_slice(path.strip_prefix(b"*").unwrap_or(path));
    append_query(&mut location, query);
    redirect_to(Status::PERMANENT_REDIRECT, &location)
}

/// A page of this name could read and write here (DNS rebinding).
pub(crate) fn refuse_host(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> Option<Action> {
    let authority = authority_of(head);
    // Nearly all requests name the host of the one before.
    if context.answered_authority == authority {
        return None;
    }
    if without_port(authority).is_none_or(|host| answers_to(&context.host_names, host)) {
        context.answered_authority = authority.to_vec();
        return None;
    }
    let message = "This server does not answer to the host name in the request: --host NAME adds a name.";
    Some(Action::Respond(ErrorResponse::new(Status::MISDIRECTED_REQUEST, message).into()))
}

/// A browser would add its login and reach private hosts.
pub(crate) fn refuse_cross_site(head: &RequestHead<'_, '_>, context: &ServerContext) -> Option<Action> {
    let is_read = matches!(head.method, Method::Get | Method::Head | Method::Options);
    if is_read || context.config.upload.is_none() || is_own_site(head, &context.config) {
        return None;
    }
    let message = "A page of another site must not change anything here: --cors=ORIGIN allows its requests.";
    Some(Action::Respond(ErrorResponse::new(Status::FORBIDDEN, message).into()))
}

/// Clients other than browsers send neither field. Older browsers, and all over plain HTTP, send only Origin.
fn is_own_site(head: &RequestHead<'_, '_>, config: &ServerConfig) -> bool {
    let origin = head.fields.first("origin");
    // A form comes with the login of the browser, which CORS never grants here.
    let cors = config.cors.as_ref().filter(|_| head.method != Method::Post);
    if cors.is_some_and(|cors| cors.grants(origin.unwrap_or_default())) {
        return true;
    }
    if let Some(site) = head.fields.first("sec-fetch-site") {
        return matches!(site, b"same-origin" | b"none");
    }
    let Some(origin) = origin else { return true };
    let Some(at) = origin.windows(3).position(|bytes| bytes == b"://") else { return false };
    let authority = origin.get(at + 3..).unwrap_or_default();
    let name = without_port(authority).unwrap_or_default();
    let is_own = !authority.is_empty() && authority_of(head).eq_ignore_ascii_case(authority);
    is_own || is_named(&config.hosts, name)
}

fn authority_of<'b>(head: &RequestHead<'_, 'b>) -> &'b [u8] {
    match head.target {
        RequestTarget::Absolute { authority, .. } => authority,
        _ => head.host.unwrap_or_default(),
    }
}

/// RFC 9112 section 3.2.2. `None` if empty.
fn without_port(authority: &[u8]) -> Option<&[u8]> {
    let host = match authority.iter().rposition(|&byte| byte == b':') {
        Some(at) if !authority.ends_with(b"]") => authority.get(..at)?,
        _ => authority,
    };
    Some(host).filter(|host| !host.is_empty())
}
