//! The contract between a protocol and the link that carries its bytes.
//!
//! A machine is asked to advance when what it waited for has come, and says what it waits for
//! next. It owns no socket, reads no clock and never blocks.

use std::fmt;
use std::io::ErrorKind;
use std::time::Instant;

use super::{Inbox, Outbox};
use crate::reactor::Now;

/// What a machine is waiting for. A state is nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// More input, or the peer's end of it. What is queued goes out meanwhile.
    Input,
    /// More input, or everything that is queued to have gone out, whichever comes first. Something has
    /// to be queued.
    Either,
    /// Its next turn: there is more to do, but the budget of this one is spent.
    Turn,
    /// Everything that is queued to have gone out.
    Drain,
    /// The end of the connection.
    Close(CloseReason),
}

/// A protocol: understands what it can of the inbox, queues what it must on the outbox, and says
/// what it waits for.
pub trait Machine {
    /// What the protocol serves from: files, settings, log, counters.
    type Site;

    /// What it waited for has come: at first the connection itself, later input (or its end), its
    /// turn, an empty outbox, or news from outside the connection ([`Link::rouse`](super::Link::rouse)). At the end of the input it must want something else than more of it.
    fn advance(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, site: &mut Self::Site, now: Now) -> Want;

    /// Input has come into its inbox, and it will advance: what it then finds out for this input must not
    /// be older than it. Between the two, the same may happen to other machines of the site.
    fn received(&mut self, _site: &mut Self::Site) {}

    /// The one deadline of the present state.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has passed.
    fn expire(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, site: &mut Self::Site, now: Now) -> Want;

    /// Whether the peer would take the end of the connection, if it came now, for the end of a message
    /// that is not whole: then the connection is reset instead.
    fn breaks_off(&self, _outbox: &Outbox) -> bool {
        false
    }

    /// The connection has ended, for whatever reason; called exactly once. What is still in the
    /// outbox was never sent.
    fn closed(&mut self, reason: CloseReason, outbox: &Outbox, site: &mut Self::Site, now: Now);
}

/// Why a connection ended. Displays as the words that follow "closed:" in the diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The protocol came to its end as both sides had agreed.
    Finished,
    /// The peer's input ended between two messages.
    PeerClosed,
    /// The peer's input ended within a message.
    PeerLeftEarly,
    /// Waiting took too long; the words say for what.
    TimedOut(&'static str),
    /// The peer broke the protocol; the words say how.
    Refused(&'static str),
    /// Our side is shutting down.
    Shutdown,
    /// The connection could not be made.
    ConnectFailed(ErrorKind),
    /// A system call on the socket failed.
    Failed(ErrorKind),
    /// The file that was being sent shrank: its promised length cannot be kept.
    FileTruncated,
    /// The file that was being sent could not be read.
    FileFailed(ErrorKind),
}

impl CloseReason {
    /// Whether the peer may still be sending, so that closing at once would make the kernel reset
    /// the connection and destroy the answer before the peer has read it.
    pub(super) fn lingers(self) -> bool {
        matches!(self, Self::Finished | Self::TimedOut(_) | Self::Refused(_) | Self::Shutdown)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished as agreed"),
            Self::PeerClosed => f.write_str("the peer closed it"),
            Self::PeerLeftEarly => f.write_str("the peer left in the middle of a message"),
            Self::TimedOut(what) => write!(f, "timed out waiting for {what}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Shutdown => f.write_str("shutting down"),
            Self::ConnectFailed(kind) => write!(f, "could not connect: {kind}"),
            Self::Failed(kind) => write!(f, "failed: {kind}"),
            Self::FileTruncated => f.write_str("aborted: the file shrank while it was sent"),
            Self::FileFailed(kind) => write!(f, "aborted: the file could not be read: {kind}"),
        }
    }
}
