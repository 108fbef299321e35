//! Protocol trait, and what a protocol waits for.
//!
//! A protocol owns no socket, reads no clock and never blocks.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{CloseReason, HandshakeResult, RecvBuf, SendQueue};
use crate::reactor::Now;

/// Event that a protocol waits for: its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Input or its end. Output is sent meanwhile.
    Input,
    /// Input, or all queued output has left the transport, whichever is first. Output must be queued.
    InputOrDrain,
    /// The next tick: there is more work, and the budget of this tick is spent.
    Tick,
    /// A helper thread, which wakes the connection by its key. Output is sent; no input is read. The protocol
    /// advances at every tick, whatever the cause.
    Wakeup,
    /// All queued output has left the transport.
    Drain,
    /// The end of the connection.
    Close(CloseReason),
}

/// Time without progress of a peer. The greater is evicted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inactivity {
    /// Whether no message has begun.
    pub is_idle: bool,
    /// How long, or how far behind the minimum rate.
    pub time: Duration,
}

/// Buffers of a connection, shared state and time, for one call of its protocol.
pub struct Io<'a, C> {
    /// Input.
    pub recv_buf: &'a mut RecvBuf,
    /// Output.
    pub send_queue: &'a mut SendQueue,
    /// See [`Protocol::Context`].
    pub shared: &'a mut C,
    /// Time of the tick.
    pub now: Now,
}

/// A protocol: bytes in, segments out.
pub trait Protocol {
    /// Shared state, such as files and settings.
    type Context;

    /// Called when connected, when `Want` is satisfied, or after
    /// [`Connection::wake`](super::Connection::wake). Must not want input after its end.
    fn advance(&mut self, io: &mut Io<'_, Self::Context>) -> Want;

    /// A PROXY header named the client.
    fn on_proxied(&mut self, _client: SocketAddr) {}

    /// TCP is connected, and a handshake begins.
    fn on_connected(&mut self, _context: &mut Self::Context, _now: Now) {}

    /// The handshake, if the transport has one, is complete or has failed. `advance` or `closed` follows.
    fn on_handshake(&mut self, _outcome: HandshakeResult, _context: &mut Self::Context, _now: Now) {}

    /// `len` bytes were read; `advance` follows, maybe after input of other connections.
    ///
    /// A lookup for this input must not use older data.
    fn on_input(&mut self, _len: usize, _context: &mut Self::Context) {}

    /// `len` bytes have left the send queue.
    fn on_output(&mut self, _len: u64, _context: &mut Self::Context) {}

    /// The peer has acknowledged so many bytes since the connection began. `on_timeout` follows.
    ///
    /// Sent bytes may still be in the kernel's buffer. Without the transport's count, they count as acknowledged.
    fn on_acked(&mut self, _acked_total: u64, _now: Now) {}

    /// Why this connection could be evicted; `None` while the peer does its part. `is_open`: after the handshake.
    fn inactivity(&self, _is_open: bool, _context: &Self::Context, _now: Now) -> Option<Inactivity> {
        None
    }

    /// Whether the input is a body that goes to a file: it is read even while memory is short.
    fn is_receiving_body(&self) -> bool {
        false
    }

    /// The state's only deadline.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has passed. By default the connection closes.
    fn on_timeout(&mut self, _io: &mut Io<'_, Self::Context>) -> Want {
        Want::Close(CloseReason::TimedOut("the peer"))
    }

    /// Whether the peer would mistake a close now for the end of a message. Then the connection is reset.
    fn truncates_message_if_closed(&self, _send_queue: &SendQueue) -> bool {
        false
    }

    /// The connection has ended; called exactly once. Bytes still queued were not sent.
    fn closed(&mut self, _: CloseReason, _send_queue: &SendQueue, _: &mut Self::Context, _now: Now) {}
}
