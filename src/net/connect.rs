//! Connecting without waiting: the beginning of an attempt and its outcome.
//!
//! It knows addresses and no names. Until the outcome is asked for, a socket that is writable is not known to
//! be connected.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::TcpStream;

/// Begins to connect to `addr`, without waiting for the outcome.
///
/// The socket becomes writable when the attempt has ended, well or badly: that is when a
/// link asks how.
///
/// # Errors
/// What the system says at once, such as an unreachable network.
pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How an attempt has ended: the pending error of the socket, then the peer's address tell.
///
/// `NotConnected` and `WouldBlock` say that it has not ended yet.
pub(super) fn outcome(stream: &TcpStream) -> Result<(), ErrorKind> {
    let ended = stream.take_error().and_then(|error| error.map_or(Ok(()), Err));
    ended.and_then(|()| stream.peer_addr()).map(drop).map_err(|error| error.kind())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rustix::fs::OFlags;

    use super::*;
    use crate::net::listen;

    #[test]
    fn connect_returns_at_once_nonblocking_with_nodelay() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = connect(addr).unwrap();
        assert!(stream.nodelay().unwrap());
        let flags = rustix::fs::fcntl_getfl(&stream).unwrap();
        assert!(flags.contains(OFlags::NONBLOCK));
        let (_accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer, stream.local_addr().unwrap());
    }
}
