//! Tests of opening, checking and writing a log.
//!
//! Also: test records for the formats.

use super::*;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use std::fs;
use std::net::Ipv4Addr;

use proptest::prelude::*;

/// Undoes [`unquoted`](super::formats).
pub(super) fn undo_unquoted(text: &str) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return Some(value),
            [b'\\', b'x', high, low, after @ ..] => {
                let hex = [*high, *low];
                value.push(u8::from_str_radix(str::from_utf8(&hex).ok()?, 16).ok()?);
                rest = after;
            }
            [b'\\', b'\\', after @ ..] => {
                value.push(b'\\');
                rest = after;
            }
            [byte @ b' '..=b'~', after @ ..] if *byte != b'\\' => {
                value.push(*byte);
                rest = after;
            }
            _ => return None,
        }
    }
}

pub(super) fn record() -> LogRecord<'static> {
    LogRecord {
        tls: None,
        host: None,
        user: None,
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
        close_reason: None,
        protocol: "HTTP/1.1",
    }
}

/// Names and values of a head, with any bytes that the wire can carry there.
pub(super) fn arbitrary_head() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let name =
        proptest::collection::vec(any::<u8>().prop_filter("a name", |b| !b"\r\n: \t".contains(b)), 1..12);
    // Mostly bytes that an attacker would try.
    let byte = prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'>'), Just(0xE2), any::<u8>()];
    let value = proptest::collection::vec(byte.prop_filter("a value", |b| !b"\r\n".contains(b)), 0..40);
    proptest::collection::vec((name, value.prop_map(|value| value.trim_ascii().to_vec())), 0..8)
}

/// Encodes a head as wire bytes.
pub(super) fn wire(head: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let lines = head.iter().map(|(name, value)| [name, &b":"[..], value, b"\r\n"].concat());
    [b"GET / HTTP/1.1\r\n".to_vec(), lines.collect::<Vec<_>>().concat(), b"\r\n".to_vec()].concat()
}

#[test]
fn log_off_records_nothing() {
    let mut log = AccessLog::open_styled(&LogDestination::Off, LogStyle::default()).unwrap();
    let now = Instant::now();
    log.record(&mut record(), now);
    assert!(!log.is_on());
    assert_eq!(log.tick(now, true), None);
}

#[test]
fn log_file_is_created_then_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    for _ in 0..2 {
        let mut log =
            AccessLog::open_styled(&LogDestination::File(path.clone()), LogStyle::default()).unwrap();
        assert!(log.is_on());
        log.record(&mut record(), Instant::now());
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with("127.0.0.1 - - ["), "{text}");
    assert!(text.ends_with("\"GET / HTTP/1.1\" 200 5 \"-\" \"test\"\n"), "{text}");
}

#[test]
fn reopen_and_idle_tick_write_immediately() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let mut log = AccessLog::open_styled(&LogDestination::File(path.clone()), LogStyle::default()).unwrap();
    let now = Instant::now();
    let line_count = || fs::read_to_string(&path).unwrap().lines().count();
    log.record(&mut record(), now);
    assert_eq!(line_count(), 0);
    log.reopen();
    assert_eq!(line_count(), 1);
    log.record(&mut record(), now);
    assert_eq!(log.tick(now, true), None);
    assert_eq!(line_count(), 2);
}

#[test]
fn reopen_writes_to_new_file_or_keeps_old_on_error() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("access.log"), dir.path().join("access.log.1"));
    let mut log = AccessLog::open_styled(&LogDestination::File(path.clone()), LogStyle::default()).unwrap();
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
    // Not renamed: records still go to the same file.
    log.reopen();
    assert_eq!((line_count(&old), line_count(&path)), (3, 4));
    // A directory has this name now: the old file is kept.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    log.reopen();
    record_lines(&mut log, 1);
    // The buffer is empty: the record is written.
    assert_eq!(log.tick(Instant::now(), true), None);
    assert_eq!(line_count(&old), 3);
}

#[test]
fn every_format_has_its_detail() {
    let dir = tempfile::tempdir().unwrap();
    let destination = LogDestination::File(dir.path().join("access.log"));
    let detail = |format| {
        let style = LogStyle { format, ..LogStyle::default() };
        AccessLog::open_styled(&destination, style).unwrap().detail()
    };
    assert_eq!([LogFormat::Combined, LogFormat::Common].map(detail), [Detail::Line; 2]);
    assert_eq!([LogFormat::Json, LogFormat::Headers].map(detail), [Detail::Heads; 2]);
    assert_eq!(
        AccessLog::open_styled(&LogDestination::Off, LogStyle::default()).unwrap().detail(),
        Detail::Nothing
    );
}

#[test]
fn directory_as_log_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let destination = LogDestination::File(dir.path().to_owned());
    assert_eq!(
        AccessLog::open_styled(&destination, LogStyle::default()).unwrap_err().kind(),
        io::ErrorKind::IsADirectory
    );
    assert_eq!(destination.check_open().unwrap_err().kind(), io::ErrorKind::IsADirectory);
}

#[test]
fn check_finds_open_errors_and_creates_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str| LogDestination::File(dir.path().join(name)).check_open().map_err(|e| e.kind());
    assert_eq!(check("access.log"), Ok(()));
    assert_eq!(check("missing/access.log"), Err(io::ErrorKind::NotFound));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    fs::write(dir.path().join("access.log"), "a line\n").unwrap();
    assert_eq!(check("access.log"), Ok(()));
    assert_eq!(check("access.log/log"), Err(io::ErrorKind::NotADirectory));
    assert_eq!(fs::read(dir.path().join("access.log")).unwrap(), b"a line\n");
    for destination in [LogDestination::Off, LogDestination::Stdout] {
        assert!(destination.check_open().is_ok());
    }
}

#[test]
fn check_returns_the_same_error_as_open() {
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
        // `Path::join` would normalize the names.
        let path = PathBuf::from(format!("{}/{name}", dir.path().display()));
        let destination = LogDestination::File(path.clone());
        let checked = destination.check_open().map_err(|error| error.to_string());
        let opened = AccessLog::open_styled(&destination, LogStyle::default())
            .map(drop)
            .map_err(|error| error.to_string());
        assert_eq!(checked, opened, "{name}");
        let _ = fs::remove_file(fs::canonicalize(path).unwrap_or_default());
    }
}

#[test]
fn check_does_not_open_a_fifo() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
    let destination = LogDestination::File(path);
    assert!(destination.check_open().is_ok());
    // POLLHUP distinguishes end of input from no input yet, and only after a writer existed.
    let mut fds = [rustix::event::PollFd::new(&reader, rustix::event::PollFlags::IN)];
    assert_eq!(rustix::event::poll(&mut fds, Some(&Default::default())).unwrap(), 0);
    assert!(AccessLog::open_styled(&destination, LogStyle::default()).is_ok());
    assert_eq!(rustix::event::poll(&mut fds, Some(&Default::default())).unwrap(), 1, "so it shows");
}
