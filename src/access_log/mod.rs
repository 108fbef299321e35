//! Access log: one record per exchange, to a file or standard output.
//!
//! Never blocks, reads the clock, or uses sockets, HTTP or served files.

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

pub use self::console::{ConsoleLog, Diagnostics};
pub use self::log::{AccessLog, LogDestination};
pub use self::record::{Detail, HeaderChoice, LogFormat, LogRecord, LogStyle, LogTls};
pub use self::redact::{REDACTED, is_secret};
