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
pub enum ResponseHeadError {
    /// The bytes do not begin with `HTTP/`.
    NotHttp,
    /// The status line is malformed.
    StatusLine,
    /// The major version is not 1.
    Version,
    /// A line ends in LF without CR.
    BareLf,
    /// The head is longer than [`HEAD_LEN_MAX`](super::HEAD_LEN_MAX).
    HeadTooLong,
    /// There are more than [`FIELDS_MAX`](super::FIELDS_MAX) fields.
    TooManyFields,
    /// A field line is malformed.
    Field,
    /// Content-Length is no number, or there are two that differ.
    ContentLength,
    /// Transfer-Encoding is malformed, or chunked is not last in it.
    TransferEncoding,
    /// A 2xx to CONNECT: what follows would be a tunnel.
    Tunnel,
}

impl fmt::Display for ResponseHeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseHeadError::NotHttp => "the answer is not HTTP: it does not begin with \"HTTP/\"",
            ResponseHeadError::StatusLine => "the status line of the answer is malformed",
            ResponseHeadError::Version => "the answer is in a version of HTTP other than 1.1 and 1.0",
            ResponseHeadError::BareLf => "a line in the head of the answer ends in LF without CR",
            ResponseHeadError::HeadTooLong => "the head of the answer is longer than 16 KiB",
            ResponseHeadError::TooManyFields => "the answer has more than 64 header fields",
            ResponseHeadError::Field => "a header field of the answer is malformed",
            ResponseHeadError::ContentLength => {
                "the Content-Length of the answer is not a number, or there are two that differ"
            }
            ResponseHeadError::TransferEncoding => {
                "the Transfer-Encoding of the answer is malformed, or chunked is not last in it"
            }
            ResponseHeadError::Tunnel => "the server opened a tunnel, which is not supported",
        })
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
