//! A socket and its two queues: what one attempt to move bytes does, and what came of it.
//!
//! It clears the readiness bits, for here it is seen that they no longer hold, and keeps to the budgets
//! that it is given. It never decides what is waited for, nor how a connection ends: that is the link.

use std::io::ErrorKind;

use mio::net::TcpStream;

use super::{CloseReason, Flushed, Inbox, Machine, Outbox, Pool, Transport};
use crate::reactor::Readiness;

/// What came of one attempt to move bytes.
pub(super) enum Moved {
    Yes,
    Blocked,
    Spent,
    Failed(CloseReason),
}

/// The socket, what has come from it and what goes to it.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) stream: TcpStream,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    /// Why nothing can be sent any more. What the peer has said before is still read.
    unsendable: Option<CloseReason>,
}

impl Channel {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, inbox: Inbox::new(), outbox: Outbox::new(), unsendable: None }
    }

    /// Whether sending has failed.
    pub(super) fn is_unsendable(&self) -> bool {
        self.unsendable.is_some()
    }

    /// Sends what is queued, as far as the socket and the budget take it.
    pub(super) fn flush(&mut self, ready: &mut Readiness, budget: &mut usize) -> Moved {
        if let Some(reason) = self.unsendable {
            return Moved::Failed(reason);
        }
        if self.outbox.is_empty() {
            return Moved::Yes;
        }
        if !ready.is_writable() {
            return Moved::Blocked;
        }
        match self.outbox.flush(&mut self.stream, budget) {
            Flushed::Empty => Moved::Yes,
            Flushed::Blocked => {
                ready.write_blocked();
                Moved::Blocked
            }
            Flushed::Spent => Moved::Spent,
            Flushed::Failed(reason) => Moved::Failed(reason),
        }
    }

    /// One read, which the machine is told of.
    pub(super) fn fill<M: Machine>(
        &mut self,
        ready: &mut Readiness,
        machine: &mut M,
        site: &mut M::Site,
        pool: &mut Pool,
        budget: &mut usize,
    ) -> Moved {
        if self.inbox.is_eof() {
            // The machine has been told of the end and still wants more: there is none.
            return Moved::Failed(CloseReason::PeerLeftEarly);
        }
        if !ready.is_readable() {
            return Moved::Blocked;
        }
        if *budget == 0 {
            return Moved::Spent;
        }
        loop {
            let room = self.inbox.room(pool);
            if room.is_empty() {
                return Moved::Failed(CloseReason::Refused("a message larger than the inbox"));
            }
            let room_len = room.len();
            match self.stream.read(room) {
                Ok(0) => self.inbox.set_eof(),
                Ok(len) => {
                    self.inbox.filled(len);
                    machine.received(site);
                    *budget = budget.saturating_sub(len);
                    if len < room_len {
                        ready.read_short();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready.read_blocked();
                    return Moved::Blocked;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Moved::Failed(CloseReason::Failed(error.kind())),
            }
            return Moved::Yes;
        }
    }

    /// Sending has failed, now or before: what the peer has said before it left is still understood,
    /// for it may say why. The end of that is no orderly end of its input.
    pub(super) fn read_on<M: Machine>(
        &mut self,
        reason: CloseReason,
        ready: &mut Readiness,
        machine: &mut M,
        site: &mut M::Site,
        pool: &mut Pool,
        budget: &mut usize,
    ) -> Moved {
        let reason = *self.unsendable.get_or_insert(reason);
        self.outbox.abandon();
        ready.write_failed();
        match self.fill(ready, machine, site, pool, budget) {
            Moved::Yes if !self.inbox.is_eof() => Moved::Yes,
            Moved::Spent => Moved::Spent,
            Moved::Yes | Moved::Blocked | Moved::Failed(_) => Moved::Failed(reason),
        }
    }
}
