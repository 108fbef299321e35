//! What every test stands on: the real binaries on free ports, raw sockets, temporary folders.
//!
//! Nothing here sleeps: a test waits for a line, an answer or an exit, each with a deadline after
//! which it fails instead of hanging.

mod raw;
mod server;

pub(crate) use raw::{Raw, Reply};
pub(crate) use server::{Server, lay_out, wait};

use std::time::Duration;

/// How long a test waits for what must come: far beyond what a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
