//! Access log front end.
//!
//! Never reads the clock.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::formats::{combined, headers, json};
use super::record::{Detail, LogFormat, LogRecord, LogStyle};
use super::redact;
use super::sink::FdSink;
use super::time::{TimeCache, local_zone};
use super::writer::{LogWriter, WriteLock};

/// Destination of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// No log; no line is formatted.
    Off,
    /// Standard output: file, pipe, terminal or socket.
    Stdout,
    /// File, appended to; created if missing.
    File(PathBuf),
}

impl LogDestination {
    /// Check of opening that creates no file.
    ///
    /// # Errors
    /// The error of opening.
    pub fn check_open(&self) -> io::Result<()> {
        match self {
            Self::Off | Self::Stdout => Ok(()),
            Self::File(path) => FdSink::check_open_append(path),
        }
    }
}

/// Access log, or a no-op if off; dropping it writes the rest.
#[derive(Debug)]
pub struct AccessLog {
    active: Option<ActiveLog>,
}

#[derive(Debug)]
struct ActiveLog {
    writer: LogWriter<FdSink>,
    style: LogStyle,
    time: TimeCache,
    path: Option<PathBuf>,
}

impl AccessLog {
    /// Opens the destination; reads the time zone once.
    ///
    /// # Errors
    /// A directory, no permission, a FIFO without reader.
    pub fn open_styled(destination: &LogDestination, style: LogStyle) -> io::Result<Self> {
        Self::open_locked(destination, style, WriteLock::default())
    }

    /// One log per thread; a shared lock keeps records whole.
    ///
    /// # Errors
    /// See [`AccessLog::open_styled`].
    pub fn open_for_threads(
        destination: &LogDestination,
        style: &LogStyle,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let lock = WriteLock::default();
        (0..count).map(|_| Self::open_locked(destination, style.clone(), lock.share())).collect()
    }

    fn open_locked(destination: &LogDestination, style: LogStyle, lock: WriteLock) -> io::Result<Self> {
        let (sink, path) = match destination {
            LogDestination::Off => return Ok(Self { active: None }),
            LogDestination::Stdout => (FdSink::shared(io::stdout())?, None),
            LogDestination::File(path) => (FdSink::open_append(path)?, Some(path.clone())),
        };
        let writer = LogWriter::new(sink, "access log", style.format.record_end(), lock);
        let time = TimeCache::new(local_zone(), style.format);
        Ok(Self { active: Some(ActiveLog { writer, style, time, path }) })
    }

    /// Parts of an exchange to record.
    pub fn detail(&self) -> Detail {
        self.active.as_ref().map_or(Detail::Nothing, |active| active.style.format.detail())
    }

    /// If false, build no records.
    pub fn is_on(&self) -> bool {
        self.active.is_some()
    }

    /// Appends a record; redacts a stray secret in its `request_line`, for the caller too.
    pub fn record(&mut self, record: &mut LogRecord<'_>, now: Instant) {
        let Some(ActiveLog { writer, style, time, .. }) = &mut self.active else { return };
        let time = time.at(record.unix);
        record.request_line = redact::redact_request_line(record.request_line, style);
        writer.append(now, |buffer| match style.format {
            LogFormat::Combined => combined::line(buffer, record, true, time),
            LogFormat::Common => combined::line(buffer, record, false, time),
            LogFormat::Json => json::line(buffer, record, style, time),
            LogFormat::Headers => headers::block(buffer, record, style, time),
        });
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// Records were lost, for this reason.
    pub fn finish(&mut self) -> io::Result<()> {
        self.active.as_mut().map_or(Ok(()), |active| active.writer.finish())
    }

    /// Reopens the file by name, after log rotation.
    ///
    /// Earlier records go to the old file, which is kept on error.
    pub fn reopen(&mut self) {
        let Some(ActiveLog { writer, path: Some(path), .. }) = &mut self.active else { return };
        writer.flush();
        match FdSink::open_append(path) {
            Ok(sink) => {
                writer.set_sink(sink, FdSink::is_same_file);
                log::info!("access log: reopened {}", path.display());
            }
            Err(error) => log::error!(
                "access log: cannot reopen {}: {error}; the open file stays in use",
                path.display()
            ),
        }
    }

    /// Writes if due; returns the next call's time, later than `now`.
    ///
    /// `idle`: the loop has no other work, the best time to write.
    pub fn tick(&mut self, now: Instant, idle: bool) -> Option<Instant> {
        self.active.as_mut()?.writer.tick(now, idle)
    }
}
