//! Failure kinds of the load generator.
//!
//! Scripts rely on the names: never rename one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::http::body::chunked::{LINE_TOO_LONG, TRAILERS_TOO_LONG};
use crate::http::{ResponseError, ResponseHeadError};
use crate::text::units::count;

/// Reason of a failed request or connection.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, derive_more::Display,
)]
#[serde(rename_all = "kebab-case")]
#[display(rename_all = "kebab-case")]
pub enum LoadFailure {
    /// Connection refused.
    Refused,
    /// Connect time-out.
    ConnectTimedOut,
    /// Other connect error.
    ConnectFailed,
    /// Failed TLS handshake.
    HandshakeFailed,
    /// Certificate that is not trusted.
    CertificateRefused,
    /// Response time-out.
    TimedOut,
    /// Connection reset.
    Reset,
    /// Connection closed before the response.
    ClosedEarly,
    /// Connection closed within the response.
    Truncated,
    /// Invalid response head.
    BadHead,
    /// Response head over the limit.
    HeadTooLong,
    /// Too many interim responses.
    TooManyInterims,
    /// Transfer coding other than chunked.
    Undecodable,
    /// Bad chunk framing (RFC 9112 section 7.1).
    BadChunk,
    /// Chunk size line or trailers over the limit.
    ChunkTooLong,
    /// Unsolicited bytes after the response.
    TooLong,
    /// No file descriptor left.
    NoDescriptor,
    /// No local port left.
    NoPort,
    /// Send failed.
    SendFailed,
}

impl LoadFailure {
    /// Text for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Refused => "the server refused the connection: no listener, or its queue is full",
            Self::ConnectTimedOut => "the connection was not made in time",
            Self::ConnectFailed => "the connection could not be made",
            Self::HandshakeFailed => "the server or the client ended the TLS handshake",
            Self::CertificateRefused => {
                "the server's certificate is not trusted: --cacert trusts one, -k any"
            }
            Self::TimedOut => "the response was not complete within the time-out",
            Self::Reset => "the server reset the connection",
            Self::ClosedEarly => "the server closed the connection without a response",
            Self::Truncated => "the server closed the connection in the middle of a response",
            Self::BadHead => "the response head is invalid",
            Self::HeadTooLong => "the response head is longer than 256 KiB",
            Self::TooManyInterims => "more than 16 interim responses preceded a response",
            Self::Undecodable => "the Transfer-Encoding of a response is not supported: only chunked is",
            Self::ChunkTooLong => "a chunk-size line is longer than 256 bytes, or the trailers than 4 KiB",
            Self::BadChunk => "the chunked body is malformed",
            Self::TooLong => "bytes followed the end of a response",
            Self::NoDescriptor => "the client has no file descriptors left: raise the limit (ulimit -n)",
            Self::NoPort => "the client has no local ports left: keep connections alive, or use fewer",
            Self::SendFailed => "the request could not be sent",
        }
    }

    pub(super) const CLIENT_SIDE: [Self; 2] = [Self::NoDescriptor, Self::NoPort];
}

impl From<ResponseError> for LoadFailure {
    fn from(error: ResponseError) -> Self {
        match error {
            ResponseError::Empty => Self::ClosedEarly,
            ResponseError::HeadCutShort | ResponseError::BodyCutShort(_) => Self::Truncated,
            ResponseError::Chunk(LINE_TOO_LONG | TRAILERS_TOO_LONG) => Self::ChunkTooLong,
            ResponseError::Chunk(_) => Self::BadChunk,
            ResponseError::Head(ResponseHeadError::HEAD_TOO_LONG) => Self::HeadTooLong,
            ResponseError::Head(ResponseHeadError::TRANSFER_ENCODING) => Self::Undecodable,
            ResponseError::TooManyInterims => Self::TooManyInterims,
            ResponseError::Head(_) | ResponseError::SwitchingProtocols => Self::BadHead,
        }
    }
}

/// Failure counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCounts(BTreeMap<LoadFailure, u64>);

impl FailureCounts {
    /// Adds failures.
    pub fn add(&mut self, failure: LoadFailure, count: u64) {
        let sum = self.0.entry(failure).or_default();
        *sum = sum.saturating_add(count);
    }

    /// Count of a failure.
    pub fn of(&self, failure: LoadFailure) -> u64 {
        self.0.get(&failure).copied().unwrap_or(0)
    }

    /// Counts above 0, in enum order.
    pub fn seen(&self) -> impl Iterator<Item = (LoadFailure, u64)> + '_ {
        self.0.iter().map(|(failure, count)| (*failure, *count)).filter(|(_, count)| *count > 0)
    }

    /// Labels such as `connection refused: 45`.
    pub fn connect_labels(&self) -> Vec<String> {
        let name = |failure: LoadFailure| failure.to_string().replace("connect-", "");
        let label = |(failure, times)| format!("connection {}: {}", name(failure), count(times));
        self.seen().map(label).collect()
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (failure, count) in other.seen() {
            self.add(failure, count);
        }
    }

    /// Sum of counts.
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

#[cfg(test)]
pub(super) mod tests;
