//! Errors of the peer: a request to be refused, and a response that cannot be used.
//!
//! A [`Reject`] carries the status to answer with; a [`ResponseHeadError`] has nobody to be answered. Errors of
//! ours are other types. It never formats the answer.

use std::error::Error;
use std::fmt;

use super::Status;

/// The peer's fault: the status to answer with, and a sentence for the body of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reject {
    /// What to answer with.
    pub status: Status,
    /// One or two plain sentences that name the fault, and the remedy where there is one.
    pub message: &'static str,
}

impl Reject {
    /// A fault to be answered with `status` and the sentence `message`.
    pub const fn new(status: Status, message: &'static str) -> Reject {
        Reject { status, message }
    }

    /// A fault to be answered with 400: the bytes are not what RFC 9112 allows.
    pub const fn bad_request(message: &'static str) -> Reject {
        Reject::new(Status::BAD_REQUEST, message)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

impl Error for Reject {}

/// Why some bytes are no response that we can use; the server's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResponseHeadError(&'static str);

impl ResponseHeadError {
    /// The bytes do not begin with `HTTP/`.
    pub const NOT_HTTP: Self = Self("the answer is not HTTP: it does not begin with \"HTTP/\"");
    /// The status line is malformed.
    pub const STATUS_LINE: Self = Self("the status line of the answer is malformed");
    /// The major version is not 1.
    pub const VERSION: Self = Self("the answer is in a version of HTTP other than 1.1 and 1.0");
    /// A line ends in LF without CR.
    pub const BARE_LF: Self = Self("a line in the head of the answer ends in LF without CR");
    /// The head is longer than [`HEAD_LEN_MAX`](super::HEAD_LEN_MAX).
    pub const HEAD_TOO_LONG: Self = Self("the head of the answer is longer than 16 KiB");
    /// There are more than [`FIELDS_MAX`](super::FIELDS_MAX) fields.
    pub const TOO_MANY_FIELDS: Self = Self("the answer has more than 64 header fields");
    /// A field line is malformed.
    pub const FIELD: Self = Self("a header field of the answer is malformed");
    /// Content-Length is no number, or there are two that differ.
    pub const CONTENT_LENGTH: Self =
        Self("the Content-Length of the answer is not a number, or there are two that differ");
    /// Transfer-Encoding is malformed, or chunked is not last in it.
    pub const TRANSFER_ENCODING: Self =
        Self("the Transfer-Encoding of the answer is malformed, or chunked is not last in it");
    /// A 2xx to CONNECT: what follows would be a tunnel.
    pub const TUNNEL: Self = Self("the server opened a tunnel, which is not supported");
}

impl fmt::Display for ResponseHeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for ResponseHeadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reject_displays_status_and_message() {
        let reject = Reject::bad_request("The Host field is missing.");
        assert_eq!(reject.to_string(), "400 Bad Request: The Host field is missing.");
    }
}
