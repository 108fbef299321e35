//! Status lines on standard output, beside the access log.
//!
//! Uses the log's writer: never blocks; drops and counts excess lines.

use std::io;
use std::time::Instant;

use super::sink::FdSink;
use super::writer::{LogWriter, WriteLock};
use crate::text::append;

/// Buffered standard output; dropping it writes the rest.
#[derive(Debug)]
pub struct ConsoleLog(LogWriter<FdSink>);

impl ConsoleLog {
    /// Opens standard output.
    ///
    /// # Errors
    /// The descriptor cannot be duplicated.
    pub fn stdout() -> io::Result<Self> {
        let sink = FdSink::shared(io::stdout())?;
        Ok(Self(LogWriter::new(sink, "standard output", b"\n", WriteLock::default())))
    }

    /// Buffers `line` and a line end.
    pub fn print_line(&mut self, line: &str, now: Instant) {
        self.0.append(now, |buffer| append(buffer, format_args!("{line}\n")));
    }

    /// Writes without blocking; returns when to retry the rest.
    pub fn tick(&mut self, now: Instant) -> Option<Instant> {
        // Always `idle`: a person is watching.
        self.0.tick(now, true)
    }
}
