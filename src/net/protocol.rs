//! The contract between a protocol and the link that carries its bytes.
//!
//! A machine is asked to advance when what it waited for has come, and says what it waits for
//! next. It owns no socket, reads no clock and never blocks.

use std::time::Instant;

use super::{CloseReason, RecvBuf, SendQueue};
use crate::reactor::Now;

/// What a machine is waiting for. A state is nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// More input, or the peer's end of it. What is queued goes out meanwhile.
    Input,
    /// More input, or everything that is queued to have gone out, whichever comes first. Something has
    /// to be queued.
    InputOrDrain,
    /// Its next turn: there is more to do, but the budget of this one is spent.
    Tick,
    /// A helper thread, which wakes the connection by its key. What is queued goes out meanwhile; nothing is read.
    /// The protocol advances at each tick of the connection, also at one that has another reason.
    Wakeup,
    /// Everything that is queued to have gone out.
    Drain,
    /// The end of the connection.
    Close(CloseReason),
}

/// A protocol: understands what it can of the inbox, queues what it must on the outbox, and says
/// what it waits for.
pub trait Protocol {
    /// What the protocol serves from: files, settings, log, counters.
    type Context;

    /// What it waited for has come: at first the connection itself, later input (or its end), its
    /// turn, an empty outbox, or news from outside the connection ([`Connection::wake`](super::Connection::wake)). At the end of the input it must want something else than more of it.
    fn advance(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        context: &mut Self::Context,
        now: Now,
    ) -> Want;

    /// `len` bytes of input were read, and the protocol will advance. What it then looks up for this input must not
    /// be older than the input. Other connections with the same context may get input in between.
    fn on_input(&mut self, _len: usize, _context: &mut Self::Context) {}

    /// `len` bytes of output have left the send queue.
    fn on_output(&mut self, _len: u64, _context: &mut Self::Context) {}

    /// The one deadline of the present state.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has passed.
    fn on_timeout(
        &mut self,
        recv_buf: &mut RecvBuf,
        send_queue: &mut SendQueue,
        context: &mut Self::Context,
        now: Now,
    ) -> Want;

    /// Whether the peer would take the end of the connection, if it came now, for the end of a message
    /// that is not whole: then the connection is reset instead.
    fn truncates_message_if_closed(&self, _send_queue: &SendQueue) -> bool {
        false
    }

    /// The connection has ended, for whatever reason; called exactly once. What is still in the
    /// outbox was never sent.
    fn closed(&mut self, reason: CloseReason, send_queue: &SendQueue, context: &mut Self::Context, now: Now);
}
