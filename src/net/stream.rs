//! Stream: TCP, or TLS over TCP.
//!
//! The one transport of the program; protocols do not know which it is.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use mio::net::TcpStream;

#[cfg(feature = "tls")]
use super::tls::TlsStream;
use super::{Handshake, HandshakeError, Transport};

/// Byte stream of a connection. The rarer TLS is boxed.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl Stream {
    fn transport(&mut self) -> &mut dyn Transport {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &mut **stream,
        }
    }
}

impl Transport for Stream {
    fn needs_handshake(&self) -> bool {
        !matches!(self, Self::Tcp(_))
    }

    fn drive_handshake(&mut self) -> Result<Handshake, HandshakeError> {
        self.transport().drive_handshake()
    }

    fn is_drained(&self, len: usize, buffer_len: usize) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_drained(len, buffer_len),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.is_drained(len, buffer_len),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => Transport::read(stream, buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => Transport::write(stream, slices, more),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(slices, more),
        }
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        self.transport().send_file(file, offset, len)
    }

    fn notify_close(&mut self) {
        self.transport().notify_close();
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.transport().close_write()
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        self.transport().reset_on_close()
    }

    fn has_pending_output(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.has_pending_output(),
        }
    }

    fn file_len_per_byte(&mut self) -> usize {
        self.transport().file_len_per_byte()
    }

    fn acked_total(&mut self) -> Option<u64> {
        self.transport().acked_total()
    }

    fn socket(&mut self) -> &mut TcpStream {
        self.transport().socket()
    }
}
