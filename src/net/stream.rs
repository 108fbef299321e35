//! Stream: TCP, or TLS over TCP.
//!
//! The one transport of the program; protocols do not know which it is.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use enum_dispatch::enum_dispatch;
use mio::net::TcpStream;

#[cfg(feature = "tls")]
use super::tls::TlsStream;
use super::{Handshake, HandshakeError, Transport};

/// Byte stream of a connection. The rarer TLS is boxed.
#[derive(Debug)]
#[enum_dispatch(Transport)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}
