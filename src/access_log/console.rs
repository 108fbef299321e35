//! Status lines on standard output and diagnostics on standard error, beside the access log.
//!
//! Never blocks; drops and counts excess lines.

use std::io::{self, Write};
use std::time::Instant;

use super::sink::{FdSink, LogSink};
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

    /// Buffers a line.
    pub fn print_line(&mut self, line: &str, now: Instant) {
        self.0.append(now, |buffer| append(buffer, format_args!("{line}\n")));
    }

    /// Writes without blocking; returns when to retry the rest.
    pub fn tick(&mut self, now: Instant) -> Option<Instant> {
        // Always `idle`: a person is watching.
        self.0.tick(now, true)
    }
}

/// Standard error that never blocks: a pipe or a stopped terminal that nobody reads must not stop the server.
#[derive(Debug)]
pub struct Diagnostics {
    sink: FdSink,
    dropped: u64,
}

impl Diagnostics {
    /// Opens standard error.
    ///
    /// # Errors
    /// The descriptor cannot be duplicated.
    pub fn stderr() -> io::Result<Self> {
        Ok(Self { sink: FdSink::shared(io::stderr())?, dropped: 0 })
    }

    /// Prints one line without blocking, or drops it.
    pub fn say(line: &str) {
        let _ = Self::stderr().and_then(|mut out| out.write_all(format!("{line}\n").as_bytes()));
    }

    fn write_line(&mut self, mut line: &[u8]) -> io::Result<()> {
        while !line.is_empty() {
            let written = self.sink.write(line)?;
            line = line.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

impl Write for Diagnostics {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.dropped > 0 {
            let note = format!("{} lines of diagnostics were dropped: nobody read them\n", self.dropped);
            if self.write_line(note.as_bytes()).is_ok() {
                self.dropped = 0;
            }
        }
        if self.dropped > 0 || self.write_line(line).is_err() {
            self.dropped += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
