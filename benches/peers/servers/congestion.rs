//! The congestion control of TCP, which decides how a large file leaves.
//!
//! It is the machine's, not a server's: to measure under another one it is set for all new connections, if
//! this process may, and put back when the rows are done, also after an error or Ctrl-C. Only what cannot be
//! caught leaves it as it was set.

use std::fs;
use std::io;

const IN_FORCE: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// One that is set for a while.
pub(crate) struct Congestion {
    before: String,
}

impl Congestion {
    /// Sets this one until the value is dropped.
    pub(crate) fn set(name: &str) -> Result<Self, String> {
        let before = in_force().map_err(|error| error.to_string())?;
        fs::write(IN_FORCE, name).map_err(|error| format!("{name} cannot be set ({error})"))?;
        Ok(Self { before })
    }
}

impl Drop for Congestion {
    fn drop(&mut self) {
        if let Err(error) = fs::write(IN_FORCE, &self.before) {
            eprintln!("peers: {IN_FORCE} is not {} again: {error}", self.before);
        }
    }
}

/// The one that new connections get.
pub(crate) fn in_force() -> io::Result<String> {
    Ok(fs::read_to_string(IN_FORCE)?.trim().to_owned())
}
