//! Host of a request: 421 for an unknown one, and the redirect to HTTPS.
//!
//! They come before the route.

use super::route::{Action, redirect_to};
use crate::http::{RequestHead, RequestTarget, Status};
use crate::server::context::ServerContext;
use crate::server::response::ErrorResponse;
use crate::server::rules::answers_to;

const HTTPS_PORT: u16 = 443;

/// 308 to the same path on the TLS port (RFC 9110 section 4.2.2); a relative path cannot name the scheme.
pub(in crate::server) fn https_redirect(head: &RequestHead<'_, '_>, https_port: u16) -> Action {
    let Some(host) = without_port(authority_of(head)) else {
        let message = "This server speaks HTTPS, and the request names no host.";
        return Action::Respond(ErrorResponse::for_request(head, Status::BAD_REQUEST, message).into());
    };
    let mut location = [b"https://", host].concat();
    if https_port != HTTPS_PORT {
        location.extend_from_slice(format!(":{https_port}").as_bytes());
    }
    let (path, query) = head.target.path_and_query();
    location.extend_from_slice(path.strip_prefix(b"*").unwrap_or(path));
    if let Some(query) = query {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    redirect_to(head, Status::PERMANENT_REDIRECT, &location)
}

/// 421: a page of this name could read and write here (DNS rebinding).
pub(in crate::server) fn refuse_host(
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
) -> Option<Action> {
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
    Some(Action::Respond(ErrorResponse::for_request(head, Status::MISDIRECTED_REQUEST, message).into()))
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
