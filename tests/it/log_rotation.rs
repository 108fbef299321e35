//! A log file is renamed, opened anew, and sometimes cannot be written; nothing is lost or doubled.
//!
//! Real servers under load, real signals, and the kernel's own ways to say no: a full device and a
//! limit on file sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::Value;

use crate::harness::{Finish, Server, WAIT_MAX};

const FILES: &[(&str, &[u8])] = &[("hello.txt", b"hello")];

/// Waits until this holds.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_MAX;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} never came");
        thread::yield_now();
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// How often each target was logged in these files, all of whose lines must be whole.
fn targets(paths: &[PathBuf]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for path in paths {
        let text = text(path);
        assert!(text.is_empty() || text.ends_with('\n'), "{} ends within a line", path.display());
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            *counts.entry(record["target"].as_str().expect("a target").to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn rotation_under_load_loses_and_duplicates_no_line() {
    for workers in ["1", "2"] {
        rotate_under_load(workers);
    }
}

fn rotate_under_load(workers: &str) {
    const ROTATIONS: usize = 8;
    const CLIENTS: u32 = 3;
    let directory = tempfile::tempdir().expect("a folder");
    let log = directory.path().join("access.log");
    let log_name = log.to_str().expect("a path in UTF-8");
    let server =
        Server::with(FILES, &["--log-format", "json", "--access-log", log_name, "--workers", workers]);
    let (is_finished, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut files = vec![log.clone()];
    thread::scope(|scope| {
        let _finish = Finish(&is_finished);
        for client in 0..CLIENTS {
            let (server, is_finished, sent) = (&server, &is_finished, &sent);
            scope.spawn(move || {
                let mut connection = server.connect();
                let mut number = 0;
                while !is_finished.load(Ordering::Relaxed) {
                    assert_eq!(connection.get(&format!("/hello.txt?{client}-{number}")).status, 200);
                    number += 1;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for rotation in 0..ROTATIONS {
            let before = sent.load(Ordering::Relaxed);
            until("load", || sent.load(Ordering::Relaxed) > before + 100);
            let rotated = log.with_extension(format!("{rotation}"));
            fs::rename(&log, &rotated).expect("it is renamed");
            server.signal(if rotation % 2 == 0 { Signal::HUP } else { Signal::USR1 });
            until("a new file", || log.exists());
            files.push(rotated);
        }
    });
    assert_eq!(server.stop().status.code(), Some(0));
    let counts = targets(&files);
    assert!(counts.values().all(|count| *count == 1), "a line is doubled");
    assert_eq!(counts.len() as u32, sent.into_inner(), "a line is lost");
    let filled = files.iter().filter(|file| !text(file).is_empty()).count();
    assert!(filled >= ROTATIONS, "the files before the last have lines: {filled}");
}

#[test]
fn failed_reopen_keeps_old_log_and_reports_it() {
    let server = Server::serving(FILES);
    let rotated = server.root().join("rotated");
    server.get("/hello.txt?1");
    fs::rename(server.log_path(), &rotated).expect("it is renamed");
    fs::create_dir(server.log_path()).expect("a directory in its place");
    server.signal(Signal::HUP);
    let mut client = server.connect();
    until("the second line", || {
        client.get("/hello.txt?2");
        text(&rotated).contains("?2 ")
    });
    fs::remove_dir(server.log_path()).expect("the directory");
    server.signal(Signal::USR1);
    until("a file", || server.log_path().exists());
    client.get("/hello.txt?3");
    drop(client);
    let stopped = server.stop();
    assert!(stopped.log.contains("?3 "), "{}", stopped.log);
    assert!(stopped.stderr.contains("cannot reopen"), "{}", stopped.stderr);
}

#[test]
fn rotation_signal_without_log_file_is_ignored() {
    let server = Server::with(FILES, &["--access-log", "off"]);
    server.signal(Signal::USR1);
    assert_eq!(server.get("/hello.txt").status, 200);
    assert_eq!(server.stop().status.code(), Some(0));
}

#[test]
fn full_disk_is_reported_once_and_server_continues() {
    for format in ["combined", "json", "headers"] {
        let server = Server::with(FILES, &["--access-log", "/dev/full", "--log-format", format]);
        let mut client = server.connect();
        for _ in 0..100 {
            assert_eq!(client.get("/hello.txt").text(), "hello");
        }
        drop(client);
        let stopped = server.stop();
        assert_eq!(stopped.status.code(), Some(0));
        assert_eq!(stopped.stderr.matches("cannot write").count(), 1, "{}", stopped.stderr);
        assert!(stopped.stderr.contains(" 100 lines were dropped"), "{format}: {}", stopped.stderr);
    }
}

#[test]
fn lines_beyond_file_size_limit_are_written_whole_later() {
    const LIMIT: u64 = 10_000;
    let server = Server::with(FILES, &["--log-format", "json"]);
    let limit = |current| {
        let old = prlimit(Some(server.pid()), Resource::Fsize, Rlimit { current, maximum: None });
        old.expect("the limit is set");
    };
    limit(Some(LIMIT));
    let mut client = server.connect();
    let mut number = 0;
    let mut get = |count: u32| {
        for _ in 0..count {
            assert_eq!(client.get(&format!("/hello.txt?{number}")).text(), "hello", "SIGXFSZ kills nobody");
            number += 1;
        }
    };
    get(100);
    until("the limit", || fs::metadata(server.log_path()).is_ok_and(|facts| facts.len() == LIMIT));
    get(1);
    // The line that the limit has cut in two belongs to the next file, whole.
    let rotated = server.root().join("rotated");
    fs::rename(server.log_path(), &rotated).expect("it is renamed");
    server.signal(Signal::HUP);
    until("a new file", || server.log_path().exists());
    limit(None);
    get(1);
    drop(client);
    let (old, stopped) = (text(&rotated), server.stop());
    let cut = old.rfind('\n').expect("a whole line") + 1;
    let lines: Vec<&str> = old[..cut].lines().chain(stopped.log.lines()).collect();
    assert_eq!(lines.len(), 102, "{}", stopped.stderr);
    for (number, line) in lines.iter().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert_eq!(record["target"], format!("/hello.txt?{number}"));
    }
    assert_eq!(stopped.stderr.matches("cannot write").count(), 1, "{}", stopped.stderr);
    assert!(stopped.stderr.contains("writing again; 0 lines were dropped"), "{}", stopped.stderr);
}
