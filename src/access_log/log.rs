//! An access log that is open, or nothing at all.
//!
//! It owns the destination and when a file is opened anew. It never reads the clock.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::formats::{combined, headers, json};
use super::record::{Detail, LogFormat, LogRecord, LogStyle};
use super::redact;
use super::sink::FdSink;
use super::time::{TimeCache, local_zone};
use super::writer::{LogWriter, WriteLock};

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// Nowhere: no line is formatted at all.
    Off,
    /// Standard output, whatever it is: a file, a pipe, a terminal, a socket.
    Stdout,
    /// A file, which is created if it is not there and appended to if it is.
    File(PathBuf),
}

impl LogDestination {
    /// Looks whether it could be opened, without making it.
    ///
    /// # Errors
    ///
    /// What opening it would say.
    pub fn check_open(&self) -> io::Result<()> {
        match self {
            Self::Off | Self::Stdout => Ok(()),
            Self::File(path) => FdSink::check_open_append(path),
        }
    }
}

/// The access log, or nothing at all if it is off.
///
/// Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    active: Option<ActiveLog>,
}

/// What a log needs that is not off.
#[derive(Debug)]
struct ActiveLog {
    writer: LogWriter<FdSink>,
    style: LogStyle,
    time: TimeCache,
    /// The file, if it is one that can be opened anew.
    path: Option<PathBuf>,
}

impl AccessLog {
    /// Opens the destination; the system's time zone is looked up here, once.
    ///
    /// # Errors
    ///
    /// What opening the file says: a directory, no permission, a FIFO without a reader.
    pub fn open_styled(destination: &LogDestination, style: LogStyle) -> io::Result<Self> {
        Self::open_locked(destination, style, WriteLock::default())
    }

    /// Opens the destination once for each of so many threads: logs that write whole records among
    /// each other's.
    ///
    /// # Errors
    ///
    /// As [`AccessLog::open_styled`].
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

    /// How much of an exchange a record needs.
    pub fn detail(&self) -> Detail {
        self.active.as_ref().map_or(Detail::Nothing, |active| active.style.format.detail())
    }

    /// Whether records go anywhere; if not, there is no need to gather one.
    pub fn is_on(&self) -> bool {
        self.active.is_some()
    }

    /// Appends the record of one exchange, and writes if enough has gathered. What strayed into its
    /// request line and is nobody's business is hidden from the caller too.
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

    /// Opens the file anew, by its name, as those who have renamed it wish; a log that is no file stays.
    ///
    /// All that was recorded before goes to the old file, all that is recorded afterwards to the new
    /// one. If there can be no new one, that is said, and the old one is kept.
    pub fn reopen(&mut self) {
        let Some(ActiveLog { writer, path: Some(path), .. }) = &mut self.active else { return };
        writer.flush();
        match FdSink::open_append(path) {
            Ok(sink) => {
                writer.set_sink(sink, FdSink::is_same_file);
                log::info!("access log: opened {} anew", path.display());
            }
            Err(error) => log::error!(
                "access log: cannot open {} anew: {error}; what was open is written to as before",
                path.display()
            ),
        }
    }

    /// Writes if it is time to, and returns when to call again; `None` if nothing waits.
    ///
    /// `idle` says that the loop has nothing else to do, which is the best time to write. The instant
    /// returned is always later than `now`.
    pub fn tick(&mut self, now: Instant, idle: bool) -> Option<Instant> {
        self.active.as_mut()?.writer.tick(now, idle)
    }
}
