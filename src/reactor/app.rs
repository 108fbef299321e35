//! The traits that the reactor drives: an application and its connections.
//!
//! An application decides what a connection is and does. The reactor decides when.

use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;

use super::{Control, Key, ListenerId, Now, Readiness};

/// What a connection does after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It waits for an event or for its deadline.
    Wait,
    /// It has more to do, but its budget for this turn is spent.
    Again,
    /// It is over: the slot is freed at the end of the turn.
    Close,
}

/// What the reactor must be able to ask of a connection.
pub trait EventSource {
    /// The socket, to be registered once, when the connection first waits.
    fn source(&mut self) -> &mut TcpStream;

    /// When the connection wants a turn even though nothing has happened. It may move at any time
    /// while the connection has its turn; moving it costs a store.
    fn deadline(&self) -> Option<Instant>;
}

/// What the reactor drives: the server and the client are two of these.
pub trait App {
    /// One connection of the application.
    type Conn: EventSource;

    /// Makes a connection of an accepted socket (non-blocking already), or drops it with `None`. An
    /// application without listeners has none.
    fn accepted(&mut self, _: ListenerId, _: TcpStream, _: SocketAddr, _now: Now) -> Option<Self::Conn> {
        None
    }

    /// Lets the connection take in what has come, before any of those beside it in the queue has its turn:
    /// what must be found out after all of it has come then is, once for all of them.
    fn on_readable(&mut self, _conn: &mut Self::Conn, _ready: &mut Readiness, _now: Now) {}

    /// Gives the connection its turn. `ready` holds what the kernel has said and nobody has used up.
    fn drive(&mut self, key: Key, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next;

    /// A connection that the application has opened itself ([`Control::open`]) has been given its key.
    fn registered(&mut self, _conn: &mut Self::Conn, _key: Key) {}

    /// Called once a turn, after all connections: for logs, pacing, signals and shutting down.
    ///
    /// `idle` says that the turn found nothing to do. Returns when it wants to be called again at
    /// the latest.
    fn on_tick(&mut self, control: &mut Control<Self::Conn>, now: Now, idle: bool) -> Option<Instant>;

    /// The loop has been stopped while this connection was still open: called for each, then it is dropped.
    fn on_shutdown(&mut self, _conn: Self::Conn, _now: Now) {}
}
