//! Errors of a run and their exit codes.
//!
//! Each displays as one line.

use std::fmt;
use std::io;

use super::assertion;
use super::compare::thresholds;
use super::stats::validity;
use crate::client::tls::TlsError;

const EXIT_USAGE: u8 = 2;
const EXIT_FAILED: u8 = 1;
/// Same as of a fetch without a connection.
const EXIT_UNREACHABLE: u8 = 7;

/// Failure of a run.
#[derive(Debug)]
pub enum LoadError {
    /// Usage error found after parsing.
    Usage(String),
    /// The run could not be made.
    Failed(String),
    /// No request was answered.
    NoResponse,
    /// Ended early: nothing was answered.
    GaveUp(String),
    /// TLS is not usable.
    Tls(TlsError),
    /// A signal came before anything was measured.
    NothingMeasured,
    /// The load generator was the bottleneck.
    ClientBound,
    /// Failed clauses of `--assert`.
    AssertionFailed(Vec<String>),
    /// The lowest rate misses the objective.
    SloNotMet(String),
    /// The generator failed before the server.
    GeneratorSaturated(String),
    /// Failed clauses of `--fail-on`.
    Regressed(Vec<String>),
}

impl LoadError {
    pub(super) fn signal_watch_failed(error: io::Error) -> Self {
        Self::Failed(format!("cannot watch for signals: {error}"))
    }

    /// Process exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::Failed(_) | Self::NoResponse | Self::NothingMeasured => EXIT_FAILED,
            Self::GaveUp(_) => EXIT_UNREACHABLE,
            Self::Tls(error) => error.exit_code(),
            Self::ClientBound | Self::GeneratorSaturated(_) => validity::EXIT_CODE,
            Self::AssertionFailed(_) | Self::SloNotMet(_) => assertion::EXIT_CODE,
            Self::Regressed(_) => thresholds::EXIT_CODE,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message)
            | Self::Failed(message)
            | Self::GaveUp(message)
            | Self::SloNotMet(message)
            | Self::GeneratorSaturated(message) => f.write_str(message),
            Self::Tls(error) => error.fmt(f),
            Self::NoResponse => f.write_str("no request got a response; see failures in the report"),
            Self::NothingMeasured => f.write_str("interrupted before anything was measured"),
            Self::ClientBound => f.write_str("INVALID: client-bound; see the reason in the report"),
            Self::AssertionFailed(clauses) => write!(f, "assertion failed: {}", clauses.join("; ")),
            Self::Regressed(clauses) => write!(f, "--fail-on failed: {}", clauses.join("; ")),
        }
    }
}

impl std::error::Error for LoadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_error_has_exit_code_and_one_line() {
        let regressed = ["p99<10ms", "p99<11ms"].map(|clause| format!("p99 is 12 ms ({clause})"));
        let failed = ["p99<10ms", "p99<11ms"].map(|clause| format!("{clause} does not hold: p99 is 12 ms"));
        for (error, code, line) in [
            (LoadError::Usage("u".to_owned()), 2, "u"),
            (LoadError::Failed("f".to_owned()), 1, "f"),
            (LoadError::NoResponse, 1, "no request got a response; see failures in the report"),
            (LoadError::GaveUp("r".to_owned()), 7, "r"),
            (LoadError::NothingMeasured, 1, "interrupted before anything was measured"),
            (LoadError::ClientBound, 97, "INVALID: client-bound; see the reason in the report"),
            (LoadError::GeneratorSaturated("g".to_owned()), 97, "g"),
            (LoadError::SloNotMet("n".to_owned()), 99, "n"),
            (
                LoadError::Regressed(regressed.to_vec()),
                98,
                "--fail-on failed: p99 is 12 ms (p99<10ms); p99 is 12 ms (p99<11ms)",
            ),
            (
                LoadError::AssertionFailed(failed.to_vec()),
                99,
                "assertion failed: p99<10ms does not hold: p99 is 12 ms; p99<11ms does not hold: p99 is 12 ms",
            ),
        ] {
            assert_eq!((error.exit_code(), error.to_string().as_str()), (code, line));
        }
    }
}
