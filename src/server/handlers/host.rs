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
    let Some(host) = host_of(head) else {
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
pub(in crate::server) fn refuse_host(head: &RequestHead<'_, '_>, context: &ServerContext) -> Option<Action> {
    let is_served = host_of(head).is_none_or(|host| answers_to(&context.host_names, host));
    let message = "This server does not answer to the host name in the request: --host NAME adds a name.";
    let error = || ErrorResponse::for_request(head, Status::MISDIRECTED_REQUEST, message);
    (!is_served).then(|| Action::Respond(error().into()))
}

/// Without port (RFC 9112 section 3.2.2). `None` if empty.
fn host_of<'b>(head: &RequestHead<'_, 'b>) -> Option<&'b [u8]> {
    let authority = match head.target {
        RequestTarget::Absolute { authority, .. } => authority,
        _ => head.fields.first("host")?,
    };
    let host = match authority.iter().rposition(|&byte| byte == b':') {
        Some(at) if !authority.ends_with(b"]") => authority.get(..at)?,
        _ => authority,
    };
    Some(host).filter(|host| !host.is_empty())
}
