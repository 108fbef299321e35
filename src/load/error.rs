//! Errors of a run and their exit codes.
//!
//! Each displays as one line.

use std::io;

use thiserror::Error;

use super::assertion;
use super::compare::thresholds;
use super::stats::validity;
use crate::client::tls::TlsError;

const EXIT_USAGE: u8 = 2;
const EXIT_FAILED: u8 = 1;
/// Same as of a fetch without a connection.
const EXIT_UNREACHABLE: u8 = 7;

/// Failure of a run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Usage error found after parsing.
    #[error("{0}")]
    Usage(String),
    /// The run could not be made.
    #[error("{0}")]
    Failed(String),
    /// No request was answered.
    #[error("no request got a response; see failures in the report")]
    NoResponse,
    /// Ended early: nothing was answered.
    #[error("{0}")]
    GaveUp(String),
    /// TLS is not usable.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// A signal came before anything was measured.
    #[error("interrupted before anything was measured")]
    NothingMeasured,
    /// The load generator was the bottleneck.
    #[error("INVALID: client-bound; see the reason in the report")]
    ClientBound,
    /// Failed clauses of `--assert`.
    #[error("assertion failed: {}", .0.join("; "))]
    AssertionFailed(Vec<String>),
    /// The lowest rate misses the objective.
    #[error("{0}")]
    SloNotMet(String),
    /// The generator failed before the server.
    #[error("{0}")]
    GeneratorSaturated(String),
    /// Failed clauses of `--fail-on`.
    #[error("--fail-on failed: {}", .0.join("; "))]
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
