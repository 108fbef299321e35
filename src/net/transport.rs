//! Transport: the trait of a non-blocking byte stream, and TCP.
//!
//! A call on TCP is at most one system call: it does not loop and does not decide. TLS is a second transport,
//! [`Stream`](super::Stream) is either. The tests have another, a pipe in memory.

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use auto_impl::auto_impl;
use enum_dispatch::enum_dispatch;
use mio::net::TcpStream;
use nix::libc::{self, IPPROTO_TCP, TCP_INFO, tcp_info};
use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, sockopt};

use super::{Handshake, HandshakeError, TlsSession};

/// Longest piece of a file that is copied at once: four full records of TLS (RFC 8446 section 5.1).
pub(super) const COPY_LEN_MAX: usize = 4 * 16 * 1024;

/// Non-blocking byte stream: a socket, or a layer such as TLS on top.
///
/// Each method returns the error of its system call, `WouldBlock` included.
#[enum_dispatch]
#[auto_impl(Box)]
pub trait Transport {
    /// Whether a handshake precedes all other bytes.
    fn needs_handshake(&self) -> bool {
        false
    }

    /// Continues the handshake.
    fn drive_handshake(&mut self) -> Result<Handshake, HandshakeError> {
        Ok(Handshake::Complete(TlsSession::default()))
    }

    /// Whether a read of `len` bytes into a buffer of `buffer_len` left no input.
    fn is_drained(&self, len: usize, buffer_len: usize) -> bool {
        len < buffer_len
    }

    /// Reads bytes; `Ok(0)` is the end of the input. May produce [pending output](Self::has_pending_output).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes the slices, or without slices only pending output. Returns the byte count.
    ///
    /// With `more`, another write follows at once, so the transport may fill its packets.
    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Sends up to `len` bytes and advances `offset`. `Ok(0)` is the end of the file.
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize>;

    /// Ends the output after all written bytes.
    fn close_write(&mut self) -> io::Result<()>;

    /// Tells the peer that the output is complete, if the transport has a message for it. No FIN follows.
    fn notify_close(&mut self) {}

    /// Makes the drop send RST: the peer reads an error, not an end.
    fn reset_on_close(&mut self) -> io::Result<()>;

    /// Whether bytes were taken that the socket has not taken yet.
    fn has_pending_output(&self) -> bool {
        false
    }

    /// File bytes that cost as much as one copied byte: `sendfile` copies nothing.
    ///
    /// So a tick sends 1 MiB of a file, in about 50 µs. 256 KiB cost large files 8 % more; 2 MiB saved little and
    /// delayed small responses.
    fn file_len_per_byte(&mut self) -> usize {
        4
    }

    /// Bytes that the peer has acknowledged since the connection began, if the transport knows.
    fn acked_total(&mut self) -> Option<u64> {
        None
    }

    /// The socket, for epoll and the outcome of `connect`.
    fn socket(&mut self) -> &mut TcpStream;
}

impl Transport for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&*self, buffer, RecvFlags::empty())?.0)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        match slices {
            // These calls do not pass the file layer, as `write` and `writev` do. `MSG_MORE` before a file range
            // saves a packet: 128 KiB cost 9 % less, but 1 MiB 11 % more.
            [one] => Ok(rustix::net::send(&*self, one, SendFlags::NOSIGNAL)?),
            many => {
                let mut control = SendAncillaryBuffer::default();
                Ok(rustix::net::sendmsg(&*self, many, &mut control, SendFlags::NOSIGNAL)?)
            }
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

    fn acked_total(&mut self) -> Option<u64> {
        getsockopt(self, TcpInfo).ok().map(|info| info.tcpi_bytes_acked)
    }

    fn socket(&mut self) -> &mut TcpStream {
        self
    }
}

/// `send_file` by `pread` and one write.
///
/// Not inlined: the stack of its buffer would be probed at each flush.
#[inline(never)]
pub(super) fn send_file_copy(
    to: &mut impl Transport,
    file: BorrowedFd<'_>,
    offset: &mut u64,
    len: usize,
) -> io::Result<usize> {
    let mut buffer = [const { MaybeUninit::<u8>::uninit() }; COPY_LEN_MAX];
    let (bytes, _) = rustix::io::pread(file, &mut buffer[..len.min(COPY_LEN_MAX)], *offset)?;
    if bytes.is_empty() {
        return Ok(0);
    }
    let taken = to.write(&[IoSlice::new(bytes)], false)?;
    *offset += taken as u64;
    Ok(taken)
}

sockopt_impl!(
    /// Counters of the connection. `SIOCOUTQ` would need an `unsafe` call, and rustix lacks both.
    TcpInfo, GetOnly, IPPROTO_TCP, TCP_INFO, tcp_info
);

/// Outcome of moving bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoOutcome {
    /// One read, or all queued output.
    Done,
    /// The transport blocks.
    Blocked,
    /// The budget is spent.
    BudgetSpent,
    /// No more bytes can move.
    Failed(CloseReason),
}

/// Reason for the end of a connection, displayed after "closed:".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// Regular end.
    #[error("finished")]
    Finished,
    /// Input ended between two messages.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// Input ended within a message.
    #[error("the peer closed the connection in the middle of a message")]
    PeerClosedEarly,
    /// Time-out; the text names the awaited event.
    #[error("timed out waiting for {0}")]
    TimedOut(&'static str),
    /// Protocol error of the peer; the text says which.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// Program shutdown.
    #[error("shutting down")]
    Shutdown,
    /// Ended for a new connection, as the limit was reached.
    #[error("inactive while the limit of connections was reached")]
    Evicted,
    /// Connect error.
    #[error("could not connect: {0}")]
    ConnectFailed(ErrorKind),
    /// Failed TLS handshake; [`Protocol::on_handshake`](super::Protocol::on_handshake) gets the reason.
    #[error("the TLS handshake failed")]
    HandshakeFailed,
    /// Socket error.
    #[error("failed: {0}")]
    Failed(ErrorKind),
    /// The sent file shrank below its promised length, or its bytes are no longer those that were promised.
    #[error("aborted: the file shrank or changed while it was sent")]
    FileTruncated,
    /// Read error of the sent file.
    #[error("aborted: the file could not be read: {0}")]
    FileFailed(ErrorKind),
}

impl CloseReason {
    pub(super) fn must_linger(self) -> bool {
        matches!(
            self,
            Self::Finished | Self::TimedOut(_) | Self::Refused(_) | Self::Shutdown | Self::HandshakeFailed
        )
    }
}
