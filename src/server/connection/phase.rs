//! The names of a connection's states, and every transition between them.
//!
//! What each waits for, and until when, is told by the table in `conn`, which alone makes them.

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a request, or for the rest of its head.
    Reading,
    /// Understanding what has been received.
    Parsing,
    /// Waiting for the rest of a request's body.
    Receiving,
    /// Finding out, turn by turn, what the head of the answer must say.
    Gathering,
    /// Waiting for the socket to take the answer.
    Writing,
    /// Over; the link sees to it that the peer has read what was sent.
    Closing,
}

/// Every transition there is; `Conn` asserts each it makes against this table.
pub const TRANSITIONS: &[(Phase, Phase)] = &[
    (Phase::Reading, Phase::Parsing),
    (Phase::Reading, Phase::Writing),
    (Phase::Reading, Phase::Closing),
    (Phase::Parsing, Phase::Reading),
    (Phase::Parsing, Phase::Receiving),
    (Phase::Parsing, Phase::Gathering),
    (Phase::Parsing, Phase::Writing),
    (Phase::Receiving, Phase::Gathering),
    (Phase::Receiving, Phase::Writing),
    (Phase::Gathering, Phase::Writing),
    (Phase::Writing, Phase::Parsing),
    (Phase::Writing, Phase::Reading),
    (Phase::Writing, Phase::Closing),
];
