//! The access log: a record for each answered request, in a file or on standard output.
//!
//! It owns the buffer, the formats and the rule of when to write: when 64 KiB have gathered, when the
//! loop is idle, when the oldest record is a second old, and at the end. It never holds the loop up:
//! a pipe that nobody reads is asked first, and what does not fit in a bounded buffer is dropped and
//! counted. It never reads the clock, and it knows nothing of sockets, HTTP or the served files.
//!
//! A format is a value ([`LogFormat`]) and a function in `formats`.

mod console;
mod formats;
mod log;
mod record;
mod redact;
mod sink;
mod time;
mod writer;

#[cfg(test)]
mod tests;

pub use self::console::ConsoleLog;
pub use self::log::{AccessLog, LogDestination};
pub use self::record::{Detail, HeaderChoice, LogFormat, LogRecord, LogStyle};
pub use self::redact::{REDACTED, is_secret};
