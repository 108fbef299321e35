//! Traits of an application and its connections.
//!
//! The application decides what a connection is and does. The reactor decides when.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::time::Instant;

use enum_dispatch::enum_dispatch;
use mio::net::TcpStream;

use super::{Control, Key, ListenerId, Now, Readiness};

/// Result of a connection's tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait for an event or the deadline.
    Wait,
    /// Continue: the budget is spent.
    Again,
    /// Continue in turn, when [`App::is_holding`] ends.
    Hold,
    /// End; the slot is freed later in the tick.
    Close,
}

/// A connection in the event loop.
#[enum_dispatch]
pub trait EventSource {
    /// The socket, registered when the connection first waits.
    fn source(&mut self) -> &mut TcpStream;

    /// When the connection gets a tick even if no event comes. A tick may change it, at the cost of one store.
    fn deadline(&self) -> Option<Instant>;
}

/// An application, such as server or client.
pub trait App {
    /// Connection type.
    type Conn: EventSource;

    /// Makes a connection of a non-blocking socket, or `None` to drop it.
    fn accepted(&mut self, _: ListenerId, _: TcpStream, _: SocketAddr, _now: Now) -> Option<Self::Conn> {
        None
    }

    /// Reads input before any connection of the batch is driven, so that one later check serves all.
    fn on_readable(&mut self, _conn: &mut Self::Conn, _ready: &mut Readiness, _now: Now) {}

    /// Runs one tick. `ready` has the unused readiness.
    fn drive(&mut self, key: Key, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next;

    /// Whether connections of [`Next::Hold`] must wait. It ends no later than the deadline of `on_tick`.
    fn is_holding(&mut self, _now: Now) -> bool {
        false
    }

    /// Takes a panic of `on_readable` or `drive`, which ends the connection. By default it ends the loop.
    fn on_panic(&mut self, payload: Box<dyn Any + Send>) {
        resume_unwind(payload)
    }

    /// At the connection limit, ends one of some connections, and returns its key: a client waits.
    fn evict<'c>(&mut self, _: impl Iterator<Item = (Key, &'c mut Self::Conn)>, _now: Now) -> Option<Key>
    where
        Self::Conn: 'c,
    {
        None
    }

    /// Reports the key of a connection from [`Control::new_connections`].
    fn registered(&mut self, _conn: &mut Self::Conn, _key: Key) {}

    /// Called each tick after all connections; `idle` means a tick without work. Returns the next deadline.
    fn on_tick(&mut self, _: &mut Control<Self::Conn>, _now: Now, _idle: bool) -> Option<Instant> {
        None
    }

    /// Takes a connection that is open when the loop ends.
    fn on_shutdown(&mut self, _conn: Self::Conn, _now: Now) {}
}
