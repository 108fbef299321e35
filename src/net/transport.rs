//! Transport: the trait of a non-blocking byte stream, and TCP.
//!
//! The tests have a second transport, a pipe in memory. A call here is one system call at most: it does not loop
//! and does not decide. `IoOutcome` and `CloseReason` say how moving bytes over a transport ended.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use mio::net::TcpStream;
use rustix::net::sockopt;

/// A non-blocking byte stream: a socket, or a layer such as TLS on top of one.
pub trait Transport {
    /// Whether a read that fills only a part of the buffer shows that the transport has no more bytes.
    const SHORT_READ_DRAINS: bool;

    /// Reads into `buffer` and returns the byte count. `Ok(0)` is the end of the peer's input.
    ///
    /// A read may produce output of the transport's own, which [`Self::pending_output`] then counts.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing to read yet, else the error of the system call.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes from the slices, in order, and returns how many of their bytes the transport took.
    ///
    /// If `more` is set, the caller writes again at once: the transport may wait and fill its packets. With no
    /// slices, only pending output is written.
    ///
    /// # Errors
    /// `WouldBlock` if the transport takes nothing, else the error of the system call.
    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Sends up to `len` bytes of a file from `offset` on, and advances `offset`. `Ok(0)` is the end of the file.
    ///
    /// # Errors
    /// `WouldBlock` if the transport takes nothing, else the error of the system call.
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize>;

    /// Ends the output: the peer reads its end after all bytes that were written.
    ///
    /// # Errors
    /// The error of the system call.
    fn close_write(&mut self) -> io::Result<()>;

    /// Makes the drop of the transport reset the connection: the peer gets an error instead of an end.
    ///
    /// # Errors
    /// The error of the system call.
    fn reset_on_close(&mut self) -> io::Result<()>;

    /// Bytes that the transport took and has not yet written to the socket.
    fn pending_output(&self) -> usize {
        0
    }

    /// The socket, for epoll and for the outcome of `connect`.
    fn socket(&mut self) -> &mut TcpStream;
}

impl Transport for TcpStream {
    const SHORT_READ_DRAINS: bool = true;

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&*self, buffer)?)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        match slices {
            // `write` is cheaper than `writev`. MSG_MORE before a file range was slower than either.
            [one] => Ok(rustix::io::write(&*self, one)?),
            many => Ok(rustix::io::writev(&*self, many)?),
        }
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        Ok(rustix::fs::sendfile(&*self, file, Some(offset), len)?)
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&*self, Some(Duration::ZERO))?)
    }

    fn socket(&mut self) -> &mut TcpStream {
        self
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
