//! Client errors.
//!
//! Exit codes are curl's where curl has one.

use std::fmt;
use std::io;
use std::time::Duration;

use super::connection::FetchError;
use super::tls::TlsError;
use crate::http::ResponseError;
use crate::net::{CloseReason, ConnectError};
use crate::text::units::duration;

/// Error of a run. Displays as one line.
#[derive(Debug)]
pub enum RunError {
    /// Body source cannot be read.
    Source(String, io::Error),
    /// Success response before the whole body was sent.
    EarlyResponse,
    /// No address, or none that accepted a connection.
    Connect(ConnectError),
    /// Incomplete or invalid response.
    Exchange(FetchError),
    /// TLS failed.
    Tls(TlsError),
    /// Status of a failed send, of nothing to save, or with `--fail`.
    Status(String),
    /// Binary body for a terminal.
    BinaryToTerminal,
    /// Body destination cannot be written.
    Sink(String, io::Error),
    /// Log cannot be opened or written: name, error, and what became of the exchange.
    Log(String, io::Error, &'static str),
    /// Digest that differs.
    Digest(String),
    /// Files not sent; exit code of the first.
    Several(String, u8),
    /// A question needs a terminal.
    NoTerminal(String),
    /// Answer other than yes.
    Declined,
    /// Time limit exceeded.
    TimedOut(Duration),
    /// Terminated by this signal.
    Interrupted(i32),
    /// Event loop failure.
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
            Self::BinaryToTerminal | Self::Sink(..) | Self::Log(..) => 23,
            // As in shells.
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Reactor(_) => 1,
        }
    }
}

impl RunError {
    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(
            self,
            Self::Source(..) | Self::EarlyResponse | Self::Exchange(_) | Self::Status(_) | Self::Digest(_)
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

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(name, source) => write!(f, "cannot read {name}: {source}"),
            Self::EarlyResponse => f.write_str("the server responded before it had the whole file"),
            Self::Connect(error) => error.fmt(f),
            Self::Exchange(FetchError::Response(error)) => error.fmt(f),
            Self::Exchange(FetchError::Connection(CloseReason::Failed(kind))) => {
                write!(f, "the connection failed: {kind}")
            }
            Self::Exchange(FetchError::Connection(reason)) => write!(f, "the connection ended: {reason}"),
            Self::Exchange(FetchError::Stopped | FetchError::TimedOut) => {
                f.write_str("the exchange was stopped")
            }
            Self::Tls(error) => error.fmt(f),
            Self::Status(text) | Self::NoTerminal(text) | Self::Digest(text) | Self::Several(text, _) => {
                f.write_str(text)
            }
            Self::Declined => f.write_str("nothing was sent, because the answer was not yes"),
            Self::BinaryToTerminal => f.write_str(
                "the body is binary and was not written to the terminal; save it with -o FILE, or force it with -o -",
            ),
            Self::Sink(name, source) => write!(f, "cannot write {name}: {source}"),
            Self::Log(name, source, exchange) => {
                write!(f, "cannot write the log {name}: {source}; {exchange}")
            }
            Self::TimedOut(limit) => write!(f, "timed out after {}", duration(*limit)),
            Self::Interrupted(_) => f.write_str("interrupted before the response was complete"),
            Self::Reactor(error) => write!(f, "the event loop failed: {error}"),
        }
    }
}

impl std::error::Error for RunError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_match_curl() {
        let cut = FetchError::Response(ResponseError::BodyCutShort(Some(3)));
        for (error, code) in [
            (RunError::Exchange(cut), 18),
            (RunError::Exchange(FetchError::Response(ResponseError::Empty)), 52),
            (RunError::Exchange(FetchError::Response(ResponseError::HeadCutShort)), 56),
            (
                RunError::Exchange(FetchError::Connection(CloseReason::Failed(
                    io::ErrorKind::ConnectionReset,
                ))),
                56,
            ),
            (RunError::Status("404".to_owned()), 22),
            (RunError::BinaryToTerminal, 23),
            (RunError::TimedOut(Duration::from_secs(1)), 28),
            (RunError::Interrupted(2), 130),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }
}
