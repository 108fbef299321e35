//! Client errors.
//!
//! Exit codes are curl's where curl has one.

use std::io;
use std::time::Duration;

use super::connection::FetchError;
use super::tls::TlsError;
use crate::http::ResponseError;
use crate::net::{CloseReason, ConnectError};
use crate::text::units::duration;

/// Error of a run. Displays as one line.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Body source cannot be read.
    #[error("cannot read {0}: {1}")]
    Source(String, io::Error),
    /// Success response before the whole body was sent.
    #[error("the server responded before it had the whole file")]
    EarlyResponse,
    /// No address, or none that accepted a connection.
    #[error("{0}")]
    Connect(ConnectError),
    /// Incomplete or invalid response.
    #[error("{0}")]
    Exchange(FetchError),
    /// TLS failed.
    #[error("{0}")]
    Tls(TlsError),
    /// Status of a failed send, of nothing to save, or with `--fail`.
    #[error("{0}")]
    Status(String),
    /// A redirect that names no target.
    #[error("the server redirects to a place that is not supported: {0}")]
    BadRedirect(String),
    /// More redirects than allowed: their number, and the next address.
    #[error("more than {0} redirects; the next is to {1}; --max-redirs allows more")]
    TooManyRedirects(u32, String),
    /// Binary body for a terminal.
    #[error(
        "the body is binary and was not written to the terminal; save it with -o FILE, or force it with -o -"
    )]
    BinaryToTerminal,
    /// Body destination cannot be written.
    #[error("cannot write {0}: {1}")]
    Sink(String, io::Error),
    /// Log cannot be opened or written: name, error, and what became of the exchange.
    #[error("cannot write the log {0}: {1}; {2}")]
    Log(String, io::Error, &'static str),
    /// Digest that differs.
    #[error("{0}")]
    Digest(String),
    /// Error with what it leaves, such as files not sent; exit code of the first.
    #[error("{0}")]
    Several(String, u8),
    /// A question needs a terminal.
    #[error("{0}")]
    NoTerminal(String),
    /// Answer other than yes.
    #[error("nothing was sent, because the answer was not yes")]
    Declined,
    /// Time limit exceeded.
    #[error("timed out after {}", duration(*.0))]
    TimedOut(Duration),
    /// Terminated by this signal.
    #[error("interrupted before the response was complete")]
    Interrupted(i32),
    /// Event loop failure.
    #[error("the event loop failed: {0}")]
    Reactor(io::Error),
}

impl RunError {
    /// Exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(ConnectError::Resolve(..)) => 6,
            Self::Connect(_) => 7,
            Self::Source(..)
            | Self::Exchange(FetchError::Connection(
                CloseReason::FileTruncated | CloseReason::FileFailed(_),
            )) => 26,
            Self::Digest(_) => 56,
            Self::Several(_, code) => *code,
            Self::NoTerminal(_) => 2,
            Self::Declined => 42,
            Self::Tls(error) => error.exit_code(),
            Self::EarlyResponse => 55,
            Self::Exchange(FetchError::Response(ResponseError::BodyCutShort(_))) => 18,
            Self::Exchange(FetchError::Response(ResponseError::Empty)) => 52,
            Self::Exchange(FetchError::TimedOut) | Self::TimedOut(_) => 28,
            Self::Exchange(_) => 56,
            Self::Status(_) => 22,
            Self::BadRedirect(_) => 3,
            Self::TooManyRedirects(..) => 47,
            Self::BinaryToTerminal | Self::Sink(..) | Self::Log(..) => 23,
            // As in shells.
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Reactor(_) => 1,
        }
    }

    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(
            self,
            Self::Source(..)
                | Self::EarlyResponse
                | Self::Exchange(_)
                | Self::Status(_)
                | Self::Digest(_)
                | Self::BadRedirect(_)
                | Self::TooManyRedirects(..)
        )
    }
}

impl From<ConnectError> for RunError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::TimedOut(limit) => Self::TimedOut(limit),
            error => Self::Connect(error),
        }
    }
}
