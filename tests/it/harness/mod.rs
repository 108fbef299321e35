//! What every test stands on: the real binaries on free ports, raw sockets, temporary folders.
//!
//! Nothing here sleeps: a test waits for a line, an answer or an exit, each with a deadline after
//! which it fails instead of hanging.

mod client;
mod raw;
mod scripted;
mod server;
pub(crate) mod source;

pub(crate) use client::{Client, Outcome, Screen, client, client_in};
pub(crate) use raw::{Raw, Reply, expect_shut};
pub(crate) use scripted::{Scripted, Step};
pub(crate) use server::{
    LONG_AGO_DATE, Server, Stopped, lay_out, lines, make_old, reactor_server, unset_settings, wait,
};

use std::time::Duration;

/// How long a test waits for what must come: far beyond what a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes in which a piece that is lost, repeated or moved shows: the period is a prime.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251).collect();
    let mut bytes = period.repeat(len.div_ceil(period.len()));
    bytes.truncate(len);
    bytes
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
