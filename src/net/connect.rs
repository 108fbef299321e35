//! Non-blocking connect: one attempt, and the addresses of a host, one after the other.
//!
//! A helper thread resolves the name. The reason of each attempt that failed is kept. A socket that is writable is
//! not yet known to be connected: `Connection` asks for the outcome.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::reactor::{Helpers, Now};

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

/// The addresses of a host that are left, and the outcome of each that was tried.
#[derive(Debug)]
pub struct AddressConnector {
    host: String,
    /// Tells the addresses, while a helper thread resolves the host.
    lookup: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
    addresses: VecDeque<SocketAddr>,
    /// The address that is being tried, or has taken the connection.
    current: Option<SocketAddr>,
    /// The address and the reason of each attempt that failed.
    failures: Vec<String>,
    timeout: Duration,
    deadline: Instant,
}

impl AddressConnector {
    /// Begins to resolve the host. `limit` is for resolving and connecting, and began at `now`.
    ///
    /// The resolver of the system, with all its sources, blocks: it runs on a helper thread, unless the host is an
    /// IP address. [`App::on_tick`](crate::reactor::App::on_tick) follows its end, for [`Self::connect_next`].
    pub fn resolve(host: &str, port: u16, limit: Duration, now: Now, helpers: &Helpers) -> Self {
        let (addresses, lookup) = match host.parse::<IpAddr>() {
            Ok(ip) => (VecDeque::from([(ip, port).into()]), None),
            Err(_) => (VecDeque::new(), Some(start_lookup(host.to_owned(), port, helpers))),
        };
        Self {
            host: host.to_owned(),
            lookup,
            addresses,
            current: None,
            failures: Vec::new(),
            timeout: limit,
            deadline: now.instant + limit,
        }
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

    /// Begins to connect to the next address, unless the host is being resolved, or an attempt is under way or has
    /// succeeded: the socket, and when the attempt is given up.
    ///
    /// # Errors
    /// When the host has no address, or no address is left, or no time.
    pub fn connect_next(&mut self, now: Now) -> Result<Option<(TcpStream, Instant)>, ConnectError> {
        if self.current.is_some() || !self.take_addresses(now)? {
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

    /// When [`Self::connect_next`] is to be called at the latest: the deadline of the resolver.
    pub fn lookup_deadline(&self) -> Option<Instant> {
        self.lookup.as_ref().map(|_| self.deadline)
    }

    /// Takes the addresses if the host is resolved. Returns `false` while it is being resolved.
    fn take_addresses(&mut self, now: Now) -> Result<bool, ConnectError> {
        let Some(lookup) = &self.lookup else { return Ok(true) };
        let found = match lookup.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) if now.instant < self.deadline => return Ok(false),
            Err(TryRecvError::Empty) => return Err(ConnectError::TimedOut(self.timeout)),
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the resolver has failed")),
        };
        self.lookup = None;
        self.addresses = found.map_err(|source| ConnectError::Resolve(self.host.clone(), source))?.into();
        Ok(true)
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

/// Resolves the host on a helper thread.
fn start_lookup(host: String, port: u16, helpers: &Helpers) -> Receiver<io::Result<Vec<SocketAddr>>> {
    let (sender, receiver) = mpsc::channel();
    helpers.submit(None, move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // The receiver is gone if the deadline has passed.
        let _ = sender.send(found);
    });
    receiver
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
