//! Errors of the peer: rejected requests and unusable responses.
//!
//! [`Reject`] has our response status; [`ResponseHeadError`] gets no response.

use super::Status;

/// Rejected request: response status and body message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Reject {
    /// Response status.
    pub status: Status,
    /// Plain sentences: the fault, then a remedy if possible.
    pub message: &'static str,
}

impl Reject {
    /// Rejection with any status.
    pub const fn new(status: Status, message: &'static str) -> Reject {
        Reject { status, message }
    }

    /// Rejection with 400: the bytes violate RFC 9112.
    pub const fn bad_request(message: &'static str) -> Reject {
        Reject::new(Status::BAD_REQUEST, message)
    }
}

/// Unusable response head, the server's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ResponseHeadError(&'static str);

impl ResponseHeadError {
    /// No `HTTP/` at the start.
    pub const NOT_HTTP: Self = Self("the response is not HTTP: it does not begin with \"HTTP/\"");
    /// Malformed status line.
    pub const STATUS_LINE: Self = Self("the status line of the response is malformed");
    /// Major version other than 1.
    pub const VERSION: Self = Self("the response has an HTTP version other than 1.1 and 1.0");
    /// Head longer than [`RESPONSE_HEAD_LEN_MAX`](super::RESPONSE_HEAD_LEN_MAX).
    pub const HEAD_TOO_LONG: Self = Self("the response head is longer than 256 KiB");
    /// Malformed field line.
    pub const FIELD: Self = Self("a header field of the response is malformed");
    /// Content-Length not a number, or two that differ.
    pub const CONTENT_LENGTH: Self =
        Self("the Content-Length of the response is not a number, or it has two that differ");
    /// Any coding but chunked, or a malformed one.
    pub const TRANSFER_ENCODING: Self =
        Self("the Transfer-Encoding of the response is not chunked alone, and no other is supported");
    /// 2xx to CONNECT: a tunnel would follow.
    pub const TUNNEL: Self = Self("the server opened a tunnel, which is not supported");
}
