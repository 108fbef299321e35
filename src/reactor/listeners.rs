//! The listening sockets: accepting within a budget, pausing when the house is full.
//!
//! A listener stays acceptable until `accept` says `WouldBlock`: stopping early, for whatever
//! reason, must not lose the edge. What becomes of an accepted socket is not decided here.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};

use super::key::Addressee;

/// How long accepting rests when descriptors or memory have run out: the backlog keeps the callers,
/// and something may be closed by then.
const BACK_OFF: Duration = Duration::from_millis(500);

/// Names a listener, in the order of [`super::Reactor::listen`], from 0.
pub type ListenerId = usize;

/// How many connections are taken: accepting stops at one number and resumes at a lower one, so
/// that a full house does not flutter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Accepting stops when there are this many connections.
    pub stop_at: usize,
    /// Accepting resumes when there are no more than this many.
    pub resume_at: usize,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    acceptable: bool,
}

/// All listeners of a reactor.
#[derive(Debug)]
pub(super) struct Listeners {
    all: Vec<Listener>,
    watermarks: Watermarks,
    full: bool,
    resting_until: Option<Instant>,
    /// The shortage has been logged; it is logged again only after an accept has worked.
    short: bool,
}

impl Listeners {
    pub(super) fn new() -> Self {
        let watermarks = Watermarks { stop_at: usize::MAX, resume_at: usize::MAX };
        Self { all: Vec::new(), watermarks, full: false, resting_until: None, short: false }
    }

    pub(super) fn set_watermarks(&mut self, watermarks: Watermarks) {
        self.watermarks = watermarks;
    }

    pub(super) fn add(&mut self, registry: &Registry, mut socket: TcpListener) -> io::Result<ListenerId> {
        let id = self.all.len();
        registry.register(&mut socket, Addressee::Listener(id).token(), Interest::READABLE)?;
        self.all.push(Listener { socket, acceptable: false });
        Ok(id)
    }

    pub(super) fn note_acceptable(&mut self, id: ListenerId) {
        if let Some(listener) = self.all.get_mut(id) {
            listener.acceptable = true;
        }
    }

    /// Closes them all: the kernel refuses new callers from now on.
    pub(super) fn close(&mut self) {
        self.all.clear();
    }

    /// Whether there may be callers that can be let in now.
    pub(super) fn has_work(&self) -> bool {
        !self.full && self.resting_until.is_none() && self.all.iter().any(|listener| listener.acceptable)
    }

    /// When a rest ends.
    pub(super) fn resting_until(&self) -> Option<Instant> {
        self.resting_until
    }

    /// Looks at how full the house is, and at the clock, before accepting.
    pub(super) fn begin(&mut self, connections: usize, now: Instant) {
        if self.resting_until.is_some_and(|until| now >= until) {
            self.resting_until = None;
        }
        if !self.full && connections >= self.watermarks.stop_at {
            log::warn!(
                "{connections} connections are open: accepting stops until {}",
                self.watermarks.resume_at
            );
            self.full = true;
        } else if self.full && connections <= self.watermarks.resume_at {
            log::warn!("{connections} connections are open: accepting again");
            self.full = false;
        }
    }

    /// Accepts one connection from any listener that may have one.
    pub(super) fn accept(&mut self, now: Instant) -> Option<(ListenerId, TcpStream, SocketAddr)> {
        for (id, listener) in self.all.iter_mut().enumerate() {
            while listener.acceptable && self.resting_until.is_none() {
                match listener.socket.accept() {
                    Ok((stream, peer)) => {
                        self.short = false;
                        return Some((id, stream, peer));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => listener.acceptable = false,
                    Err(error) if is_shortage(&error) => {
                        self.resting_until = Some(now + BACK_OFF);
                        if !std::mem::replace(&mut self.short, true) {
                            log::error!(
                                "cannot accept: {error}; trying again every {} ms",
                                BACK_OFF.as_millis()
                            );
                        }
                    }
                    // The caller has hung up, or its network has: accept(2) says to go on.
                    Err(error) => log::debug!("a connection was gone before it was accepted: {error}"),
                }
            }
        }
        None
    }
}

/// Descriptors (EMFILE, ENFILE) or memory (ENOBUFS, ENOMEM) have run out.
fn is_shortage(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE | ENOBUFS))
}
