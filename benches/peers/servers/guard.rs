//! A server that cannot outlive the benchmark.
//!
//! The benchmark starts each server through itself: this process goes to the server's core, asks the
//! kernel to be told to end when the benchmark ends, however that comes about, and becomes the server.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};

/// What this program is started with to be a guard.
pub(crate) const OPTION: &str = "--guard";

/// Becomes this program; returns only if it cannot. The first word names the cores, with commas between.
pub(crate) fn run(mut words: impl Iterator<Item = OsString>) -> io::Error {
    let cores = words.next().and_then(|word| word.into_string().ok()).unwrap_or_default();
    let Some(program) = words.next() else { return io::Error::other("the guard needs a program") };
    let mut allowed = CpuSet::new();
    cores.split(',').filter_map(|core| core.parse().ok()).for_each(|core| allowed.set(core));
    let settled =
        sched_setaffinity(None, &allowed).and_then(|()| set_parent_process_death_signal(Some(Signal::TERM)));
    match settled {
        Ok(()) => Command::new(program).args(words).exec(),
        Err(error) => error.into(),
    }
}
