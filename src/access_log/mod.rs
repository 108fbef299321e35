//! The access log: one line for each answered request, in a file or on standard output.
//!
//! It owns the buffer, the format and the rule of when to write: when 64 KiB have gathered, when the
//! loop is idle, when the oldest line is a second old, and at the end. It never holds the loop up:
//! a pipe that nobody reads is asked first, and what does not fit in a bounded buffer is dropped and
//! counted. It never reads the clock, and it knows nothing of sockets, HTTP or the served files.

mod combined;
mod console;
mod sink;
mod time_cache;
mod writer;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Instant;

use jiff::tz::TimeZone;

pub use self::console::Console;

use self::sink::FdSink;
use self::time_cache::TimeCache;
use self::writer::Writer;

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

/// What one line tells: a request and how it was answered.
///
/// The bytes are the client's own; the format makes them harmless.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The client's address; an IPv4-mapped IPv6 address is printed as IPv4.
    pub peer: IpAddr,
    /// When the head of the request was complete, in seconds since 1970.
    pub unix_secs: i64,
    /// The request line as it came, without its line end; empty if none came, printed as `-`.
    pub request_line: &'a [u8],
    /// The status code of the answer.
    pub status: u16,
    /// The bytes of the answer's body that were sent, without its head.
    pub body_bytes: u64,
    /// The `Referer` field.
    pub referer: Option<&'a [u8]>,
    /// The `User-Agent` field.
    pub user_agent: Option<&'a [u8]>,
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
    time: TimeCache,
}

impl AccessLog {
    /// Opens the destination; the system's time zone is looked up here, once.
    ///
    /// # Errors
    ///
    /// What opening the file says: a directory, no permission, a FIFO without a reader.
    pub fn open(destination: &Destination) -> io::Result<Self> {
        let sink = match destination {
            Destination::Off => return Ok(Self { on: None }),
            Destination::Stdout => FdSink::shared(io::stdout())?,
            Destination::File(path) => FdSink::append(path)?,
        };
        let writer = Writer::new(sink);
        let time = TimeCache::new(TimeZone::system());
        Ok(Self { on: Some(On { writer, time }) })
    }

    /// Whether records go anywhere; if not, there is no need to gather one.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Appends the line of one request, and writes if enough has gathered.
    pub fn record(&mut self, record: &Record<'_>, now: Instant) {
        if let Some(On { writer, time }) = &mut self.on {
            let time = time.at(record.unix_secs);
            writer.append(now, |buffer| combined::line(buffer, record, time));
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

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::net::Ipv4Addr;

    fn record() -> Record<'static> {
        Record {
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            unix_secs: 1_795_179_143,
            request_line: b"GET / HTTP/1.1",
            status: 200,
            body_bytes: 5,
            referer: None,
            user_agent: Some(b"test"),
        }
    }

    #[test]
    fn a_log_that_is_off_does_nothing() {
        let mut log = AccessLog::open(&Destination::Off).unwrap();
        let now = Instant::now();
        log.record(&record(), now);
        assert!(!log.is_on());
        assert_eq!(log.tick(now, true), None);
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn a_file_is_created_and_then_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        for _ in 0..2 {
            let mut log = AccessLog::open(&Destination::File(path.clone())).unwrap();
            assert!(log.is_on());
            log.record(&record(), Instant::now());
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("127.0.0.1 - - ["), "{text}");
        assert!(text.ends_with("\"GET / HTTP/1.1\" 200 5 \"-\" \"test\"\n"), "{text}");
    }

    #[test]
    fn a_flush_and_an_idle_tick_write_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let mut log = AccessLog::open(&Destination::File(path.clone())).unwrap();
        let now = Instant::now();
        let line_count = || fs::read_to_string(&path).unwrap().lines().count();
        log.record(&record(), now);
        assert_eq!(line_count(), 0);
        log.flush();
        assert_eq!(line_count(), 1);
        log.record(&record(), now);
        assert_eq!(log.tick(now, true), None);
        assert_eq!(line_count(), 2);
    }

    #[test]
    fn a_directory_is_not_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let opened = AccessLog::open(&Destination::File(dir.path().to_owned()));
        assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
