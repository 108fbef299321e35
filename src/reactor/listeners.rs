//! Listeners: accept, connection limit, back-off.
//!
//! Edge-triggered: a listener stays acceptable until `accept` returns `WouldBlock`.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// Pause after a shortage of descriptors or memory: the backlog keeps clients, and descriptors may become
/// free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(500);

/// Listener index, in order of [`super::Reactor::listen`].
pub type ListenerId = usize;

/// Connections that the kernel keeps between accepts.
///
/// A burst is faster than a tick; clients beyond the backlog retry after a second. The kernel clamps it to
/// `net.core.somaxconn`, 4096 by default.
pub const LISTEN_BACKLOG: u16 = 4096;

/// Pause after no connection could be evicted: one may meanwhile stall, or close in another reactor.
const FULL_RECHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Connection limit of a process.
#[derive(Debug, Clone)]
pub struct ConnectionLimit {
    /// Most connections.
    pub max: usize,
    /// Open accepted connections of all reactors.
    pub open: Arc<AtomicUsize>,
}

impl ConnectionLimit {
    fn reserve(&self) -> bool {
        let next = |open| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    acceptable: bool,
}

#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// `None` for a closed listener, so that other ids stay valid.
    listeners: Vec<Option<Listener>>,
    is_any_acceptable: bool,
    /// Round robin: a busy listener starves no other.
    next_id: ListenerId,
    pub(super) limit: Option<ConnectionLimit>,
    pub(super) is_short: bool,
    is_full: bool,
    /// No eviction before it.
    recheck_at: Option<Instant>,
    pub(super) backoff_until: Option<Instant>,
    /// Reset by an accept, so that a shortage is logged once.
    exhaustion_logged: bool,
    /// Set at the limit, reset at half of it, so that a crowd is logged once.
    is_crowded: bool,
    /// Accepts before all listeners close, if they shall.
    drain_left: Option<usize>,
}

impl Listeners {
    pub(super) fn add(&mut self, registry: &Registry, mut socket: TcpListener) -> io::Result<ListenerId> {
        let id = self.listeners.len();
        registry.register(&mut socket, Token(id), Interest::READABLE)?;
        self.listeners.push(Some(Listener { socket, acceptable: false }));
        Ok(id)
    }

    pub(super) fn on_acceptable(&mut self, id: ListenerId) {
        if let Some(Some(listener)) = self.listeners.get_mut(id) {
            listener.acceptable = true;
            self.is_any_acceptable = true;
        }
    }

    /// Closes each listener after its backlog: its close resets clients that still wait.
    ///
    /// Accepts at most as many as all backlogs hold, for new clients may come as fast as others are accepted.
    pub(super) fn drain(&mut self) {
        self.drain_left.get_or_insert(usize::from(LISTEN_BACKLOG) * self.listeners.len());
        (0..self.listeners.len()).for_each(|id| self.on_acceptable(id));
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain_left.is_some() && self.is_open()
    }

    pub(super) fn is_open(&self) -> bool {
        self.listeners.iter().any(Option::is_some)
    }

    /// Also refuses its backlog.
    pub(super) fn close(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(id) {
            *listener = None;
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.is_full && self.backoff_until.is_none() && self.is_any_acceptable
    }

    pub(super) fn needs_tick(&self) -> bool {
        self.is_any_acceptable || self.is_full || self.backoff_until.is_some()
    }

    pub(super) fn release(&self, count: usize) {
        if let Some(limit) = self.limit.as_ref().filter(|_| count > 0) {
            limit.open.fetch_sub(count, Ordering::Relaxed);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.backoff_until.or(self.recheck_at)
    }

    pub(super) fn begin_tick(&mut self, now: Instant) {
        if self.backoff_until.is_some_and(|until| now >= until) {
            self.backoff_until = None;
        }
        let Some(limit) = &self.limit else { return };
        let connections = limit.open.load(Ordering::Relaxed);
        let is_at_limit = connections >= limit.max;
        self.is_full = is_at_limit || self.is_short;
        if is_at_limit && !mem::replace(&mut self.is_crowded, true) {
            log::warn!(
                "{connections} connections are open, the limit: a new one takes the place of an inactive one"
            );
        } else if self.is_crowded && connections <= limit.max / 2 {
            log::warn!("{connections} connections are open, at most half of the limit");
            self.is_crowded = false;
        }
        self.recheck_at = self.recheck_at.filter(|at| self.is_full && now < *at);
    }

    /// Whether one connection should end for a client that waits.
    pub(super) fn needs_room(&self) -> bool {
        // Readiness may be older than the last accept.
        let waits = |listener: &Listener| {
            let mut fds = [PollFd::new(&listener.socket, PollFlags::IN)];
            listener.acceptable
                && event::poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
        };
        let may_evict = self.is_full && self.recheck_at.is_none() && self.backoff_until.is_none();
        may_evict && self.listeners.iter().flatten().any(waits)
    }

    pub(super) fn on_no_room(&mut self, now: Instant) {
        self.recheck_at = Some(now + FULL_RECHECK_INTERVAL);
    }

    pub(super) fn accept(&mut self, now: Instant) -> Option<(ListenerId, TcpStream, SocketAddr)> {
        for _ in 0..self.listeners.len() {
            let id = self.next_id % self.listeners.len();
            self.next_id = id + 1;
            if let Some((stream, peer)) = self.accept_from(id, now) {
                self.drain_left = self.drain_left.map(|left| left.saturating_sub(1));
                return Some((id, stream, peer));
            }
        }
        if let Some(left) = self.drain_left {
            let waits = |listener: &Listener| left > 0 && listener.acceptable;
            self.listeners.iter_mut().for_each(|listener| *listener = listener.take().filter(waits));
        }
        self.is_any_acceptable = self.listeners.iter().flatten().any(|listener| listener.acceptable);
        None
    }

    fn accept_from(&mut self, id: ListenerId, now: Instant) -> Option<(TcpStream, SocketAddr)> {
        let is_backing_off = self.backoff_until.is_some();
        let may_accept = !is_backing_off && self.drain_left != Some(0);
        let listener =
            self.listeners.get_mut(id)?.as_mut().filter(|listener| listener.acceptable && may_accept)?;
        if self.limit.as_ref().is_some_and(|limit| !limit.reserve()) {
            return None;
        }
        match listener.socket.accept() {
            Ok(accepted) => {
                self.exhaustion_logged = false;
                return Some(accepted);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => listener.acceptable = false,
            Err(error) if is_fd_exhaustion(&error) => {
                self.backoff_until = Some(now + ACCEPT_BACKOFF);
                if !mem::replace(&mut self.exhaustion_logged, true) {
                    log::error!(
                        "cannot accept: {error}; trying again every {} ms",
                        ACCEPT_BACKOFF.as_millis()
                    );
                }
            }
            // The peer is gone: accept(2) says to go on, so the listener stays acceptable.
            Err(error) => log::debug!("a connection closed before it was accepted: {error}"),
        }
        self.release(1);
        None
    }
}

fn is_fd_exhaustion(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream as StdStream};

    use mio::Poll;

    use super::*;

    fn listening(listeners: &mut Listeners, poll: &Poll) -> (ListenerId, SocketAddr) {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let address = socket.local_addr().expect("its address");
        let id = listeners.add(poll.registry(), socket).expect("it is registered");
        listeners.on_acceptable(id);
        (id, address)
    }

    #[test]
    fn accept_alternates_between_busy_listeners() {
        let poll = Poll::new().expect("an epoll instance");
        let mut listeners = Listeners::default();
        let mut clients = Vec::new();
        for clients_len in [3, 1] {
            let (_, address) = listening(&mut listeners, &poll);
            clients.extend((0..clients_len).map(|_| StdStream::connect(address).expect("a connection")));
        }
        let accepted = std::iter::from_fn(|| listeners.accept(Instant::now()));
        let order: Vec<ListenerId> = accepted.map(|(id, ..)| id).collect();
        assert_eq!(order, [0, 1, 0, 0]);
        assert!(!listeners.has_work(), "all of them were let in");
    }

    #[test]
    fn closed_listener_refuses_and_other_ids_stay_valid() {
        let poll = Poll::new().expect("an epoll instance");
        let now = Instant::now();
        let mut listeners = Listeners::default();
        let (first, closed) = listening(&mut listeners, &poll);
        let (second, open) = listening(&mut listeners, &poll);
        listeners.close(first);
        listeners.close(first);
        listeners.on_acceptable(first);
        let refused = StdStream::connect(closed).expect_err("it is closed");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let _caller = StdStream::connect(open).expect("a connection");
        assert_eq!(listeners.accept(now).map(|(id, ..)| id), Some(second));
        let (third, _) = listening(&mut listeners, &poll);
        assert_eq!((first, second, third), (0, 1, 2));
        listeners.drain();
        assert!(listeners.accept(now).is_none() && !listeners.has_work() && !listeners.is_open());
    }

    #[test]
    fn drain_accepts_the_backlog_then_closes() {
        let poll = Poll::new().expect("an epoll instance");
        let mut listeners = Listeners::default();
        let (_, address) = listening(&mut listeners, &poll);
        let _clients = [(); 3].map(|()| StdStream::connect(address).expect("a connection"));
        listeners.drain();
        listeners.drain_left = Some(2);
        let accepted = std::iter::from_fn(|| listeners.accept(Instant::now()));
        assert_eq!(accepted.count(), 2, "as many as the bound allows");
        assert!(!listeners.is_draining() && !listeners.has_work());
        StdStream::connect(address).expect_err("it is closed");
    }
}
