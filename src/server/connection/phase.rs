//! The names of the states of a server connection, and every transition between them.
//!
//! The table in `state_machine` says what each state waits for; that file alone makes transitions.

/// The names of the states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerPhase {
    /// Waiting for a request, or for the rest of its head.
    Reading,
    /// Understanding what has been received.
    Parsing,
    /// Waiting for the rest of a request's body.
    Receiving,
    /// Finding out, turn by turn, what the head of the answer must say.
    Preparing,
    /// Waiting for the socket to take the answer.
    Writing,
    /// Over; the link sees to it that the peer has read what was sent.
    Closing,
}

/// Every transition there is; [`HttpServerProtocol`](super::HttpServerProtocol) asserts each it makes against this table.
pub const TRANSITIONS: &[(ServerPhase, ServerPhase)] = &[
    (ServerPhase::Reading, ServerPhase::Parsing),
    (ServerPhase::Reading, ServerPhase::Writing),
    (ServerPhase::Reading, ServerPhase::Closing),
    (ServerPhase::Parsing, ServerPhase::Reading),
    (ServerPhase::Parsing, ServerPhase::Receiving),
    (ServerPhase::Parsing, ServerPhase::Preparing),
    (ServerPhase::Parsing, ServerPhase::Writing),
    (ServerPhase::Receiving, ServerPhase::Preparing),
    (ServerPhase::Receiving, ServerPhase::Writing),
    (ServerPhase::Preparing, ServerPhase::Writing),
    (ServerPhase::Writing, ServerPhase::Parsing),
    (ServerPhase::Writing, ServerPhase::Reading),
    (ServerPhase::Writing, ServerPhase::Closing),
];
