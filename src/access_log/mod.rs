//! The access log: a record for each answered request, in a file or on standard output.
//!
//! It owns the buffer, the formats and the rule of when to write: when 64 KiB have gathered, when the
//! loop is idle, when the oldest record is a second old, and at the end. It never holds the loop up:
//! a pipe that nobody reads is asked first, and what does not fit in a bounded buffer is dropped and
//! counted. It never reads the clock, and it knows nothing of sockets, HTTP or the served files.
//!
//! A format is a value ([`Format`]) and a file of its own: `combined`, `common`, `json`, `headers`.

mod buffer;
mod combined;
mod common;
mod console;
mod head;
mod headers;
mod json;
mod sink;
mod style;
mod text;
mod time_cache;
mod turns;
mod writer;
mod zone;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use self::console::Console;
pub use self::style::{Detail, Format, HeaderChoice, REDACTED, Style, is_secret};

use self::sink::FdSink;
use self::time_cache::{Shape, TimeCache};
use self::turns::Turn;
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
        record.request_line = head::request_line(record.request_line, style);
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

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    pub(super) fn record() -> Record<'static> {
        Record {
            host: None,
            connection: 7,
            peer: (Ipv4Addr::LOCALHOST, 4000).into(),
            unix: Duration::from_secs(1_795_179_143),
            duration: Duration::from_micros(123),
            request_line: b"GET / HTTP/1.1",
            referer: None,
            user_agent: Some(b"test"),
            request_head: b"",
            status: Some(200),
            response_head: b"",
            body_bytes: 5,
            closed: None,
            protocol: "HTTP/1.1",
        }
    }

    /// The names and values of a head, with whatever bytes the wire can carry there.
    pub(super) fn arbitrary_head() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
        let name =
            proptest::collection::vec(any::<u8>().prop_filter("a name", |b| !b"\r\n: \t".contains(b)), 1..12);
        // Mostly the bytes that a forger would try.
        let byte = prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'>'), Just(0xE2), any::<u8>()];
        let value = proptest::collection::vec(byte.prop_filter("a value", |b| !b"\r\n".contains(b)), 0..40);
        proptest::collection::vec((name, value.prop_map(|value| value.trim_ascii().to_vec())), 0..8)
    }

    /// The same as bytes on the wire.
    pub(super) fn wire(head: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let lines = head.iter().map(|(name, value)| [name, &b":"[..], value, b"\r\n"].concat());
        [b"GET / HTTP/1.1\r\n".to_vec(), lines.collect::<Vec<_>>().concat(), b"\r\n".to_vec()].concat()
    }

    #[test]
    fn a_log_that_is_off_does_nothing() {
        let mut log = AccessLog::open(&Destination::Off).unwrap();
        let now = Instant::now();
        log.record(&mut record(), now);
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
            log.record(&mut record(), Instant::now());
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
        log.record(&mut record(), now);
        assert_eq!(line_count(), 0);
        log.flush();
        assert_eq!(line_count(), 1);
        log.record(&mut record(), now);
        assert_eq!(log.tick(now, true), None);
        assert_eq!(line_count(), 2);
    }

    #[test]
    fn a_log_that_is_opened_anew_leaves_the_old_file_and_begins_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("access.log"), dir.path().join("access.log.1"));
        let mut log = AccessLog::open(&Destination::File(path.clone())).unwrap();
        let record_lines = |log: &mut AccessLog, count: usize| {
            (0..count).for_each(|_| log.record(&mut record(), Instant::now()));
        };
        let line_count = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
        record_lines(&mut log, 2);
        fs::rename(&path, &old).unwrap();
        record_lines(&mut log, 1);
        log.reopen();
        assert_eq!((line_count(&old), line_count(&path)), (3, 0));
        record_lines(&mut log, 4);
        // Nobody has renamed it: it goes on.
        log.reopen();
        assert_eq!((line_count(&old), line_count(&path)), (3, 4));
        // There is a directory of that name now: the old file is kept.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        log.reopen();
        record_lines(&mut log, 1);
        log.flush();
        assert_eq!((line_count(&old), log.dropped()), (3, 0));
    }

    #[test]
    fn every_format_asks_for_what_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let destination = Destination::File(dir.path().join("access.log"));
        let detail = |format| {
            let style = Style { format, ..Style::default() };
            AccessLog::open_styled(&destination, style).unwrap().detail()
        };
        assert_eq!([Format::Combined, Format::Common].map(detail), [Detail::Line; 2]);
        assert_eq!([Format::Json, Format::Headers].map(detail), [Detail::Heads; 2]);
        assert_eq!(AccessLog::open(&Destination::Off).unwrap().detail(), Detail::Nothing);
    }

    #[test]
    fn a_directory_is_not_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let destination = Destination::File(dir.path().to_owned());
        assert_eq!(AccessLog::open(&destination).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(destination.check().unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_check_tells_whether_a_log_could_be_opened_and_makes_none() {
        let dir = tempfile::tempdir().unwrap();
        let check = |name: &str| Destination::File(dir.path().join(name)).check().map_err(|e| e.kind());
        assert_eq!(check("access.log"), Ok(()));
        assert_eq!(check("missing/access.log"), Err(io::ErrorKind::NotFound));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(dir.path().join("access.log"), "a line\n").unwrap();
        assert_eq!(check("access.log"), Ok(()));
        assert_eq!(check("access.log/log"), Err(io::ErrorKind::NotADirectory));
        assert_eq!(fs::read(dir.path().join("access.log")).unwrap(), b"a line\n");
        for destination in [Destination::Off, Destination::Stdout] {
            assert!(destination.check().is_ok());
        }
    }

    #[test]
    fn a_check_says_what_opening_the_log_would_say() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("made")).unwrap();
        for (link, target) in [
            ("to-new", "made/new"),
            ("to-link", "to-new"),
            ("to-missing", "missing/new"),
            ("made/up", "../missing/new"),
            ("circle", "circle"),
        ] {
            std::os::unix::fs::symlink(target, dir.path().join(link)).unwrap();
        }
        for name in [
            "new",
            "made/new",
            "to-new",
            "to-link",
            "to-missing",
            "made/up",
            "circle",
            "new/",
            "new/.",
            "new/..",
            "made/../new",
            "missing/../new",
            "made/",
            "made/.",
        ] {
            // Joining would make names plain.
            let path = PathBuf::from(format!("{}/{name}", dir.path().display()));
            let destination = Destination::File(path.clone());
            let checked = destination.check().map_err(|error| error.to_string());
            let opened = AccessLog::open(&destination).map(drop).map_err(|error| error.to_string());
            assert_eq!(checked, opened, "{name}");
            let _ = fs::remove_file(fs::canonicalize(path).unwrap_or_default());
        }
    }

    #[test]
    fn a_check_leaves_the_reader_of_a_fifo_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        let reader = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        let destination = Destination::File(path);
        assert!(destination.check().is_ok());
        // The end of input is told from no input yet by POLLHUP, and that only once there was a writer.
        let mut fds = [rustix::event::PollFd::new(&reader, rustix::event::PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut fds, Some(&Default::default())).unwrap(), 0);
        assert!(AccessLog::open(&destination).is_ok());
        assert_eq!(rustix::event::poll(&mut fds, Some(&Default::default())).unwrap(), 1, "so it shows");
    }
}
