//! Lines for the person at the server, on standard output, beside the access log's.
//!
//! It writes through the same writer as the log, so a pipe that nobody reads never holds the loop
//! up: what does not fit in its bounded buffer is dropped and counted. Unlike the log, it writes at
//! once. It never makes the lines.

use std::io;
use std::time::Instant;

use super::sink::FdSink;
use super::writer::{LogWriter, WriteLock};
use crate::text::append;

/// Standard output, line by line; dropping it writes what is left.
#[derive(Debug)]
pub struct ConsoleLog(LogWriter<FdSink>);

impl ConsoleLog {
    /// One on standard output.
    ///
    /// # Errors
    /// When the system has no second descriptor for it.
    pub fn stdout() -> io::Result<Self> {
        let sink = FdSink::shared(io::stdout())?;
        Ok(Self(LogWriter::new(sink, "standard output", b"\n", WriteLock::default())))
    }

    /// Takes one line, which has no line end of its own; [`Self::tick`] writes it.
    pub fn print_line(&mut self, line: &str, now: Instant) {
        self.0.append(now, |buffer| append(buffer, format_args!("{line}\n")));
    }

    /// Writes all that standard output takes; if that is not everything, returns when to call again.
    pub fn tick(&mut self, now: Instant) -> Option<Instant> {
        // As if the loop were always idle: a person watches.
        self.0.tick(now, true)
    }
}
