//! Connecting without waiting: one attempt, and the addresses of a host, tried one after the other.
//!
//! It resolves, begins attempts and keeps the reason of each that failed. Until its outcome is asked for, a
//! socket that is writable is not known to be connected: the link asks, and whoever owns that tells.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::reactor::Now;

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

/// Why a host has no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// This host has no address; what the resolver said.
    Resolve(String, io::Error),
    /// No address took the connection: host, port and, for each address, the reason.
    Failed(String),
    /// The time for all attempts is over.
    TimedOut(Duration),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(host, source) => write!(f, "cannot resolve '{host}': {source}"),
            Self::Failed(attempts) => write!(f, "cannot connect to {attempts}"),
            Self::TimedOut(limit) => write!(f, "timed out after {limit:?}"),
        }
    }
}

impl Error for ConnectError {}

/// The addresses that are left, and what became of the others.
#[derive(Debug)]
pub struct AddressConnector {
    addresses: VecDeque<SocketAddr>,
    /// The address that is being tried, or has taken the connection.
    current: Option<SocketAddr>,
    /// The address and the reason of each attempt that failed.
    failures: Vec<String>,
    timeout: Duration,
    deadline: Instant,
}

impl AddressConnector {
    /// Resolves the host; `limit` is for resolving and connecting, and began at `now`.
    ///
    /// The resolver of the system, with all its sources, blocks; nothing else goes on meanwhile.
    ///
    /// # Errors
    /// When the host has no address.
    pub fn resolve(host: &str, port: u16, limit: Duration, now: Now) -> Result<Self, ConnectError> {
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|source| ConnectError::Resolve(host.to_owned(), source))?
            .collect();
        let deadline = now.instant + limit;
        Ok(Self { addresses, current: None, failures: Vec::new(), timeout: limit, deadline })
    }

    /// The address that is being tried, or has taken the connection.
    pub fn address(&self) -> Option<SocketAddr> {
        self.current
    }

    /// The attempt under way has failed, for this reason.
    pub fn failed(&mut self, kind: ErrorKind) {
        if let Some(address) = self.current.take() {
            self.record_failure(address, kind);
        }
    }

    /// Begins to connect to the next address, unless an attempt is under way or has succeeded: the socket,
    /// and when the attempt is given up.
    ///
    /// # Errors
    /// When no address is left, or no time.
    pub fn connect_next(&mut self, now: Now) -> Result<Option<(TcpStream, Instant)>, ConnectError> {
        if self.current.is_some() {
            return Ok(None);
        }
        if !self.failures.is_empty() && self.deadline <= now.instant {
            return Err(ConnectError::TimedOut(self.timeout));
        }
        while let Some(address) = self.addresses.pop_front() {
            match connect(address) {
                Ok(stream) => {
                    self.current = Some(address);
                    return Ok(Some((stream, self.attempt_deadline(now))));
                }
                Err(error) => self.record_failure(address, error.kind()),
            }
        }
        Err(ConnectError::Failed(self.failures.join("; ")))
    }

    /// Each address that is left gets an equal share of the time that is left.
    fn attempt_deadline(&self, now: Now) -> Instant {
        let left = self.deadline.saturating_duration_since(now.instant);
        let shares = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
        now.instant + left / shares
    }

    fn record_failure(&mut self, address: SocketAddr, kind: ErrorKind) {
        let remedy = match kind {
            ErrorKind::ConnectionRefused => " (is the server running, and is this its port?)",
            _ => "",
        };
        self.failures.push(format!("{address}: {kind}{remedy}"));
    }
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
