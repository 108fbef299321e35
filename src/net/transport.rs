//! The few system calls that move bytes, behind a trait.
//!
//! A socket is one transport; the tests' wires are another, and TLS would be a third. Nothing here
//! loops or decides: one call, one result. Beside it stand the outcomes of moving bytes over one.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};

use mio::net::TcpStream;

/// Something that takes and gives bytes without blocking.
pub trait Transport {
    /// Reads what is there: `Ok(0)` is the end of the peer's input.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet, else whatever the system says.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what fits of the slices, in order.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits, else whatever the system says.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Sends up to `len` bytes of a file from `offset` on, and moves `offset`: `Ok(0)` is the end
    /// of the file.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits, else whatever the system says.
    fn send_file(&mut self, file: &File, offset: &mut u64, len: usize) -> io::Result<usize>;
}

impl Transport for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&*self, buffer)?)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            // One slice needs no list: `write` is the cheaper call.
            [one] => Ok(rustix::io::write(&*self, one)?),
            many => Ok(rustix::io::writev(&*self, many)?),
        }
    }

    fn send_file(&mut self, file: &File, offset: &mut u64, len: usize) -> io::Result<usize> {
        Ok(rustix::fs::sendfile(&*self, file, Some(offset), len)?)
    }
}

/// What came of an attempt to move bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoOutcome {
    /// They have moved: all that was queued, or one read.
    Done,
    /// The socket takes or gives no more for now.
    Blocked,
    /// The budget is spent.
    BudgetSpent,
    /// None can move any more.
    Failed(CloseReason),
}

/// Why a connection ended. Displays as the words that follow "closed:" in the diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The protocol came to its end as both sides had agreed.
    Finished,
    /// The peer's input ended between two messages.
    PeerClosed,
    /// The peer's input ended within a message.
    PeerClosedEarly,
    /// Waiting took too long; the words say for what.
    TimedOut(&'static str),
    /// The peer broke the protocol; the words say how.
    Refused(&'static str),
    /// Our side is shutting down.
    Shutdown,
    /// The connection could not be made.
    ConnectFailed(ErrorKind),
    /// A system call on the socket failed.
    Failed(ErrorKind),
    /// The file that was being sent shrank: its promised length cannot be kept.
    FileTruncated,
    /// The file that was being sent could not be read.
    FileFailed(ErrorKind),
}

impl CloseReason {
    /// Whether the peer may still be sending, so that closing at once would make the kernel reset
    /// the connection and destroy the answer before the peer has read it.
    pub(super) fn must_linger(self) -> bool {
        matches!(self, Self::Finished | Self::TimedOut(_) | Self::Refused(_) | Self::Shutdown)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished as agreed"),
            Self::PeerClosed => f.write_str("the peer closed it"),
            Self::PeerClosedEarly => f.write_str("the peer left in the middle of a message"),
            Self::TimedOut(what) => write!(f, "timed out waiting for {what}"),
            Self::Refused(message) => write!(f, "refused: {message}"),
            Self::Shutdown => f.write_str("shutting down"),
            Self::ConnectFailed(kind) => write!(f, "could not connect: {kind}"),
            Self::Failed(kind) => write!(f, "failed: {kind}"),
            Self::FileTruncated => f.write_str("aborted: the file shrank while it was sent"),
            Self::FileFailed(kind) => write!(f, "aborted: the file could not be read: {kind}"),
        }
    }
}
