//! Service of the number exchange in the server: its state and its listeners.
//!
//! It speaks no protocol, [`SumServerProtocol`] does, and prints nothing: the server does. It tells when the
//! exchange is over.

use std::net::SocketAddr;
use std::ops::Range;

use mio::net::TcpStream;

use super::line::Name;
use super::server::{SumServerProtocol, SumState};
use crate::net::{Connection, host_name};
use crate::reactor::{ListenerId, Now};

/// What all connections of the number exchange share.
pub struct SumService {
    /// What the connections share.
    pub state: SumState,
    /// Empty once they are closed.
    listeners: Range<ListenerId>,
}

impl SumService {
    /// The exchange with this name, else this machine's, and this number, on these listeners.
    pub fn new(name: Option<Name>, number: i64, listeners: Range<ListenerId>) -> Self {
        let name = name.unwrap_or_else(|| Name::first_valid([host_name()]));
        Self { state: SumState::new(name, number), listeners }
    }

    /// Whether a caller by this listener is for the exchange.
    pub fn has_listener(&self, listener: ListenerId) -> bool {
        self.listeners.contains(&listener)
    }

    /// Lets a caller in, unless the exchange has ended within this very turn.
    pub fn accepted(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        now: Now,
    ) -> Option<Connection<SumServerProtocol>> {
        (!self.state.ended).then(|| Connection::accepted(stream, SumServerProtocol::new(peer, now)))
    }

    /// The listeners that must be closed, told once: a number has ended the exchange.
    pub fn take_ended_listeners(&mut self) -> Option<Range<ListenerId>> {
        let ended = self.state.ended && !self.listeners.is_empty();
        ended.then(|| std::mem::take(&mut self.listeners))
    }
}
