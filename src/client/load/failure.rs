//! The ways in which a request of the load generator fails, each with its name and its words.
//!
//! A name is for scripts and stays as it is; the words are for people. It never counts.

use crate::http::ResponseError;

/// Why a request has no answer, or a connection did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
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

impl Failure {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 13] = [
        Self::Refused,
        Self::ConnectTimedOut,
        Self::ConnectFailed,
        Self::TimedOut,
        Self::Reset,
        Self::ClosedEarly,
        Self::Truncated,
        Self::BadHead,
        Self::BadChunk,
        Self::TooLong,
        Self::NoDescriptor,
        Self::NoPort,
        Self::SendFailed,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ConnectTimedOut => "connect-timed-out",
            Self::ConnectFailed => "connect-failed",
            Self::TimedOut => "timed-out",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed-early",
            Self::Truncated => "truncated",
            Self::BadHead => "bad-head",
            Self::BadChunk => "bad-chunk",
            Self::TooLong => "too-long",
            Self::NoDescriptor => "no-descriptor",
            Self::NoPort => "no-port",
            Self::SendFailed => "send-failed",
        }
    }

    /// The failure of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.name() == name)
    }

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

    /// Whether the client gave out, not the server.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::NoDescriptor | Self::NoPort)
    }

    /// Its place in [`Self::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl From<ResponseError> for Failure {
    fn from(error: ResponseError) -> Self {
        match error {
            ResponseError::Empty => Self::ClosedEarly,
            ResponseError::HeadCutShort | ResponseError::BodyCutShort(_) => Self::Truncated,
            ResponseError::Chunk(_) => Self::BadChunk,
            ResponseError::Head(_) | ResponseError::Interims | ResponseError::SwitchingProtocols => {
                Self::BadHead
            }
        }
    }
}

/// How often each failure has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts([u64; Failure::COUNT]);

impl FailureCounts {
    /// Counts some.
    pub fn add(&mut self, failure: Failure, count: u64) {
        if let Some(sum) = self.0.get_mut(failure.index()) {
            *sum = sum.saturating_add(count);
        }
    }

    /// How many there were of one kind.
    pub fn of(&self, failure: Failure) -> u64 {
        self.0.get(failure.index()).copied().unwrap_or(0)
    }

    /// Those that have come at all, in the order of [`Failure::ALL`].
    pub fn seen(&self) -> impl Iterator<Item = (Failure, u64)> + '_ {
        Failure::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// Adds those of another thread or run.
    pub fn merge(&mut self, other: &Self) {
        for (failure, count) in other.seen() {
            self.add(failure, count);
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_failure_has_a_place_a_name_and_words_of_its_own() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure.index(), index);
            assert_eq!(Failure::named(failure.name()), Some(failure));
        }
        let words: BTreeSet<_> = Failure::ALL.map(Failure::describe).into();
        assert_eq!(words.len(), Failure::COUNT);
        assert_eq!(Failure::named("bad luck"), None);
    }

    #[test]
    fn counts_add_up() {
        let mut counts = FailureCounts::default();
        counts.add(Failure::SendFailed, 2);
        counts.add(Failure::Refused, 1);
        let mut both = counts.clone();
        both.merge(&counts);
        assert_eq!(both.seen().collect::<Vec<_>>(), [(Failure::Refused, 2), (Failure::SendFailed, 4)]);
        assert_eq!((both.total(), both.of(Failure::Reset)), (6, 0));
    }
}
