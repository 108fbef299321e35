//! The ways in which a request of the load generator fails, each with its name and its words.
//!
//! A name is for scripts and stays as it is; the words are for people. Reports have the order of [`LoadFailure`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::http::ResponseError;

/// Why a request has no answer, or a connection did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadFailure {
    /// The peer refused the connection.
    Refused,
    /// The connection was not there in time.
    ConnectTimedOut,
    /// The connection could not be made, for another reason.
    ConnectFailed,
    /// The answer was not whole in time.
    TimedOut,
    /// The peer reset the connection.
    Reset,
    /// The peer closed the connection before any byte of the answer.
    ClosedEarly,
    /// The peer closed the connection within the answer.
    Truncated,
    /// The head of the answer is not HTTP.
    BadHead,
    /// The chunked body of the answer is not framed as RFC 9112 section 7.1 has it.
    BadChunk,
    /// Bytes came behind the end of the answer that nobody had asked for.
    TooLong,
    /// The client has no file descriptor left.
    NoDescriptor,
    /// The client has no local port left.
    NoPort,
    /// The request could not be sent.
    SendFailed,
}

impl LoadFailure {
    /// What it means, in words for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Refused => "the server refused the connection: nobody listens there, or its queue is full",
            Self::ConnectTimedOut => "the connection was not made in time",
            Self::ConnectFailed => "the connection could not be made",
            Self::TimedOut => "the answer was not whole within the time-out",
            Self::Reset => "the server reset the connection",
            Self::ClosedEarly => "the server closed the connection without an answer",
            Self::Truncated => "the server closed the connection in the middle of an answer",
            Self::BadHead => "what came is not the head of an HTTP/1.1 answer",
            Self::BadChunk => "the chunks of a body are not framed as HTTP/1.1 has it",
            Self::TooLong => "bytes came behind the end of an answer",
            Self::NoDescriptor => "the client has no file descriptors left: raise the limit (ulimit -n)",
            Self::NoPort => "the client has no local ports left: keep connections alive, or use fewer",
            Self::SendFailed => "the request could not be sent",
        }
    }

    /// Those of the client, not of the server.
    pub(super) const CLIENT_SIDE: [Self; 2] = [Self::NoDescriptor, Self::NoPort];
}

/// Its name for scripts.
impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl From<ResponseError> for LoadFailure {
    fn from(error: ResponseError) -> Self {
        match error {
            ResponseError::Empty => Self::ClosedEarly,
            ResponseError::HeadCutShort | ResponseError::BodyCutShort(_) => Self::Truncated,
            ResponseError::Chunk(_) => Self::BadChunk,
            ResponseError::Head(_) | ResponseError::TooManyInterims | ResponseError::SwitchingProtocols => {
                Self::BadHead
            }
        }
    }
}

/// How often each failure has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCounts(BTreeMap<LoadFailure, u64>);

impl FailureCounts {
    /// Counts some.
    pub fn add(&mut self, failure: LoadFailure, count: u64) {
        let sum = self.0.entry(failure).or_default();
        *sum = sum.saturating_add(count);
    }

    /// How many there were of one kind.
    pub fn of(&self, failure: LoadFailure) -> u64 {
        self.0.get(&failure).copied().unwrap_or(0)
    }

    /// Those that have come at all, in the order of [`LoadFailure`].
    pub fn seen(&self) -> impl Iterator<Item = (LoadFailure, u64)> + '_ {
        self.0.iter().map(|(failure, count)| (*failure, *count)).filter(|(_, count)| *count > 0)
    }

    /// Adds those of another thread or run.
    pub fn merge(&mut self, other: &Self) {
        for (failure, count) in other.seen() {
            self.add(failure, count);
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

#[cfg(test)]
pub(super) mod tests;
