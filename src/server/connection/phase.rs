//! States of a server connection and their transitions.
//!
//! Only `state_machine` makes transitions.

use std::sync::Arc;

use super::request_body::BodyReceiver;
use crate::server::auth::LoginAttempt;
use crate::server::handlers::PendingResponse;
use crate::server::response::StreamedBody;

/// State of a server connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerPhase {
    /// Waits for a request head.
    Reading,
    /// Parses the receive buffer.
    Parsing,
    /// Waits for a request body.
    Receiving,
    /// Runs a job that ends with a response.
    Preparing,
    /// Waits for the socket to take output.
    Writing,
    /// Ends: `net` lingers until the peer has read the output.
    Closing,
}

#[derive(Debug)]
pub(super) enum HttpServerState {
    Reading,
    Parsing(Option<Arc<LoginAttempt>>),
    Receiving(Box<BodyReceiver>),
    /// Thin pointer: every idle connection holds this enum.
    Preparing(Box<Box<dyn PendingResponse>>),
    Writing(Option<Box<StreamedBody>>),
    Closing,
}

impl HttpServerState {
    pub(super) fn phase(&self) -> ServerPhase {
        match self {
            Self::Reading => ServerPhase::Reading,
            Self::Parsing(_) => ServerPhase::Parsing,
            Self::Receiving(_) => ServerPhase::Receiving,
            Self::Preparing(_) => ServerPhase::Preparing,
            Self::Writing(_) => ServerPhase::Writing,
            Self::Closing => ServerPhase::Closing,
        }
    }
}

/// All transitions; [`HttpServerProtocol`](super::HttpServerProtocol) asserts each in debug builds.
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
