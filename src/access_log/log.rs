//! An access log that is open, or nothing at all.
//!
//! It owns the destination and when a file is opened anew. It never reads the clock.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::formats::{combined, common, headers, json};
use super::record::{Detail, Format, Style};
use super::sink::FdSink;
use super::time::{Shape, TimeCache};
use super::turns::Turn;
use super::writer::Writer;
use super::{redact, zone};

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere: no line is formatted at all.
    Off,
    /// Standard output, whatever it is: a file, a pipe, a terminal, a socket.
    Stdout,
    /// A file, which is created if it is not there and appended to if it is.
    File(PathBuf),
}

impl Destination {
    /// Looks whether it could be opened, without making it.
    ///
    /// # Errors
    ///
    /// What opening it would say.
    pub fn check(&self) -> io::Result<()> {
        match self {
            Self::Off | Self::Stdout => Ok(()),
            Self::File(path) => FdSink::check_append(path),
        }
    }
}

/// What one record tells: a request and how it was answered.
///
/// The bytes are the peer's own; the format makes them harmless.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The name of this machine, where the log tells of requests that it has made itself.
    pub host: Option<&'a str>,
    /// Which connection it was, by a number.
    pub connection: u64,
    /// The other side; an IPv4-mapped IPv6 address is printed as IPv4.
    pub peer: SocketAddr,
    /// When the head of the request was complete, since 1970.
    pub unix: Duration,
    /// From then until the answer was handed to the kernel, or its end was read.
    pub duration: Duration,
    /// The request line as it came, without its line end; empty if none came, printed as `-`.
    pub request_line: &'a [u8],
    /// The `Referer` field; only asked for by [`Detail::Line`].
    pub referer: Option<&'a [u8]>,
    /// The `User-Agent` field; only asked for by [`Detail::Line`].
    pub user_agent: Option<&'a [u8]>,
    /// The head of the request as it came, as much of it as came; only asked for by [`Detail::Heads`].
    pub request_head: &'a [u8],
    /// The status code of the answer, if there is one.
    pub status: Option<u16>,
    /// The head of the answer as it was sent; only asked for by [`Detail::Heads`].
    pub response_head: &'a [u8],
    /// The bytes of the answer's body that were sent, without its head.
    pub body_bytes: u64,
    /// Why the connection ended, if it ended with this exchange.
    pub closed: Option<&'a dyn Display>,
    /// What was spoken on the connection.
    pub protocol: &'static str,
}

/// The access log, or nothing at all if it is off.
///
/// Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    on: Option<On>,
}

/// What a log needs that is not off.
#[derive(Debug)]
struct On {
    writer: Writer<FdSink>,
    style: Style,
    time: TimeCache,
    /// The file, if it is one that can be opened anew.
    path: Option<PathBuf>,
}

impl AccessLog {
    /// Opens the destination, for records in the default style.
    ///
    /// # Errors
    ///
    /// What opening the file says: a directory, no permission, a FIFO without a reader.
    pub fn open(destination: &Destination) -> io::Result<Self> {
        Self::open_styled(destination, Style::default())
    }

    /// Opens the destination; the system's time zone is looked up here, once.
    ///
    /// # Errors
    ///
    /// What opening the file says: a directory, no permission, a FIFO without a reader.
    pub fn open_styled(destination: &Destination, style: Style) -> io::Result<Self> {
        let (sink, path) = match destination {
            Destination::Off => return Ok(Self { on: None }),
            Destination::Stdout => (FdSink::shared(io::stdout())?, None),
            Destination::File(path) => (FdSink::append(path)?, Some(path.clone())),
        };
        let writer = Writer::new(sink, style.format.record_end());
        let shape = match style.format {
            Format::Combined | Format::Common => Shape::Classic,
            Format::Json | Format::Headers => Shape::Rfc3339,
        };
        let time = TimeCache::new(zone::local(), shape);
        Ok(Self { on: Some(On { writer, style, time, path }) })
    }

    /// Opens the destination once for each of so many threads: logs that write whole records among
    /// each other's.
    ///
    /// # Errors
    ///
    /// As [`AccessLog::open_styled`].
    pub fn open_several(destination: &Destination, style: &Style, count: usize) -> io::Result<Vec<Self>> {
        let open = |turn| {
            let mut log = Self::open_styled(destination, style.clone())?;
            log.on = log.on.map(|on| On { writer: on.writer.in_turn(turn), ..on });
            Ok(log)
        };
        Turn::of(count).into_iter().map(open).collect()
    }

    /// How much of an exchange a record needs.
    pub fn detail(&self) -> Detail {
        self.on.as_ref().map_or(Detail::Nothing, |on| on.style.format.detail())
    }

    /// Whether records go anywhere; if not, there is no need to gather one.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Appends the record of one exchange, and writes if enough has gathered. What strayed into its
    /// request line and is nobody's business is hidden from the caller too.
    pub fn record(&mut self, record: &mut Record<'_>, now: Instant) {
        let Some(On { writer, style, time, .. }) = &mut self.on else { return };
        let time = time.at(record.unix);
        record.request_line = redact::request_line(record.request_line, style);
        writer.append(now, |buffer| match style.format {
            Format::Combined => combined::line(buffer, record, time),
            Format::Common => common::line(buffer, record, time),
            Format::Json => json::line(buffer, record, style, time),
            Format::Headers => headers::block(buffer, record, style, time),
        });
    }

    /// Opens the file anew, by its name, as those who have renamed it wish; a log that is no file stays.
    ///
    /// All that was recorded before goes to the old file, all that is recorded afterwards to the new
    /// one. If there can be no new one, that is said, and the old one is kept.
    pub fn reopen(&mut self) {
        let Some(On { writer, path: Some(path), .. }) = &mut self.on else { return };
        writer.flush();
        match FdSink::append(path) {
            Ok(sink) => {
                writer.set_sink(sink, FdSink::is_same);
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
        self.on.as_mut()?.writer.tick(now, idle)
    }

    /// Writes all that the destination takes without blocking.
    pub fn flush(&mut self) {
        if let Some(on) = &mut self.on {
            on.writer.flush();
        }
    }

    /// How many lines were lost so far, because the destination failed or nobody read them.
    pub fn dropped(&self) -> u64 {
        self.on.as_ref().map_or(0, |on| on.writer.dropped())
    }
}
