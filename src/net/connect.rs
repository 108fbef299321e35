//! Non-blocking connect to an address or a host.
//!
//! A helper thread resolves the name. The addresses are tried one after the other, and the reason of each failure is
//! kept.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::reactor::{Helpers, Now};

/// Starts a connect. The socket becomes writable when the attempt ends, successful or not.
pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Pending error, then peer address, because writable is not connected.
///
/// `NotConnected` and `WouldBlock` mean not ended.
pub(super) fn outcome(stream: &TcpStream) -> Result<(), ErrorKind> {
    let ended = stream.take_error().and_then(|error| error.map_or(Ok(()), Err));
    ended.and_then(|()| stream.peer_addr()).map(drop).map_err(|error| error.kind())
}

/// Reason for a failed connect to a host.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No address: host and resolver error.
    #[error("cannot resolve '{0}': {1}")]
    Resolve(String, io::Error),
    /// Host, port, and the reason for each address.
    #[error("cannot connect to {0}")]
    Failed(String),
    /// The limit for all attempts.
    #[error("timed out after {0:?}")]
    TimedOut(Duration),
}

/// Addresses of a host, tried in order.
#[derive(Debug)]
pub struct AddressConnector {
    host: String,
    lookup: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
    addresses: VecDeque<SocketAddr>,
    current: Option<SocketAddr>,
    last: SocketAddr,
    failures: Vec<String>,
    timeout: Duration,
    deadline: Instant,
}

impl AddressConnector {
    /// Starts to resolve the host. `limit` also covers connecting.
    ///
    /// The resolver blocks, so a helper thread runs it. The reactor then calls
    /// [`App::on_tick`](crate::reactor::App::on_tick).
    pub fn resolve(host: &str, port: u16, limit: Duration, now: Now, helpers: &Helpers) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => Self::known(host, vec![(ip, port).into()], limit, now),
            Err(_) => {
                let lookup = Some(start_lookup(host.to_owned(), port, helpers));
                let last = (Ipv4Addr::UNSPECIFIED, port).into();
                Self { lookup, last, ..Self::known(host, Vec::new(), limit, now) }
            }
        }
    }

    /// Connects to these addresses of the host.
    pub fn known(host: &str, addresses: Vec<SocketAddr>, limit: Duration, now: Now) -> Self {
        Self {
            host: host.to_owned(),
            lookup: None,
            last: addresses.first().copied().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into()),
            addresses: addresses.into(),
            current: None,
            failures: Vec::new(),
            timeout: limit,
            deadline: now.instant + limit,
        }
    }

    /// Address of the last attempt; unspecified before the first.
    pub fn address(&self) -> SocketAddr {
        self.last
    }

    /// Lets [`Self::connect_next`] connect to the same address once more.
    pub fn reconnect(&mut self, now: Now) {
        self.addresses.push_front(self.last);
        self.failures.clear();
        (self.current, self.deadline) = (None, now.instant + self.timeout);
    }

    /// Records a failed attempt.
    pub fn failed(&mut self, kind: ErrorKind) {
        if let Some(address) = self.current.take() {
            self.record_failure(address, kind);
        }
    }

    /// Connects to the next address: socket and deadline. `None` while resolving, connecting or connected.
    pub fn connect_next(&mut self, now: Now) -> Result<Option<(TcpStream, Instant)>, ConnectError> {
        if self.current.is_some() || !self.take_addresses(now)? {
            return Ok(None);
        }
        if !self.failures.is_empty() && self.deadline <= now.instant {
            return Err(ConnectError::TimedOut(self.timeout));
        }
        while let Some(address) = self.addresses.pop_front() {
            self.last = address;
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

    /// Latest time for [`Self::connect_next`].
    pub fn lookup_deadline(&self) -> Option<Instant> {
        self.lookup.as_ref().map(|_| self.deadline)
    }

    fn take_addresses(&mut self, now: Now) -> Result<bool, ConnectError> {
        let Some(lookup) = &self.lookup else { return Ok(true) };
        let found = match lookup.try_recv() {
            Ok(Ok(found)) if found.is_empty() => Err(io::Error::other("it has no address")),
            Ok(found) => found,
            Err(TryRecvError::Empty) if now.instant < self.deadline => return Ok(false),
            Err(TryRecvError::Empty) => return Err(ConnectError::TimedOut(self.timeout)),
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the resolver failed")),
        };
        self.lookup = None;
        self.addresses = found.map_err(|source| ConnectError::Resolve(self.host.clone(), source))?.into();
        Ok(true)
    }

    /// Equal share of the remaining time for each remaining address.
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

fn start_lookup(host: String, port: u16, helpers: &Helpers) -> Receiver<io::Result<Vec<SocketAddr>>> {
    let (sender, receiver) = mpsc::channel();
    helpers.submit(None, move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // After the deadline there is no receiver.
        let _ = sender.send(found);
    });
    receiver
}

#[cfg(test)]
mod tests {
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
