//! What every test stands on: the real binaries on free ports, raw sockets, temporary folders.
//!
//! Nothing here sleeps: a test waits for a line, an answer or an exit, each with a deadline after
//! which it fails instead of hanging.

mod client;
mod crowd;
pub(crate) mod imports;
mod raw;
mod scripted;
pub(crate) mod secure;
mod server;
pub(crate) mod source;

pub(crate) use client::{Client, Outcome, Screen, client, client_in};
pub(crate) use crowd::{Crowd, End, GOOD, Habit, Log, Stall, Stalls};
pub(crate) use raw::{Raw, Reply, expect_shut};
pub(crate) use scripted::{Scripted, Step};
pub(crate) use server::{
    LONG_AGO_DATE, Server, Stopped, can_trace, lay_out, lines, make_old, reactor_server, trace,
    unset_settings, wait,
};

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long a test waits for what must come: far beyond what a busy machine needs.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);

/// Checks all rows at the same time: for runs that mostly wait.
pub(crate) fn at_once<T: Send>(rows: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || check(row));
        }
    });
}

/// Sets a flag when it is dropped, also by a failed assertion: threads that run until then always end.
pub(crate) struct Finish<'a>(pub(crate) &'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Bytes in which a piece that is lost, repeated or moved shows: the period is a prime.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251).collect();
    let mut bytes = period.repeat(len.div_ceil(period.len()));
    bytes.truncate(len);
    bytes
}

/// The names in a folder, in order; bytes that are no UTF-8 as U+FFFD.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Makes a folder of so many names: of few files, which costs far less than a file for each.
pub(crate) fn fill(folder: &Path, count: usize, bytes: &[u8], name: impl Fn(usize) -> String) {
    /// Far below what any file system allows.
    const NAMES_PER_FILE: usize = 10_000;
    fs::create_dir_all(folder).expect("the folder");
    let path = |number| folder.join(name(number));
    for number in 0..count {
        match number % NAMES_PER_FILE {
            0 => fs::write(path(number), bytes).expect("a file"),
            beyond => fs::hard_link(path(number - beyond), path(number)).expect("a link"),
        }
    }
}

/// Numbers below a bound, the same ones for the same seed (xorshift): for tests that throw bytes about.
pub(crate) fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}
