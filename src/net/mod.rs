//! Bytes between one socket and two queues: the inbox, the outbox and the link that pumps them.
//!
//! It owns the read/write/`WouldBlock` loop, which exists once ([`Link::pump`]); every protocol,
//! server or client, is a [`Machine`] on top of it: bytes in, segments out, no socket. It knows
//! nothing of HTTP or of what files mean.

mod channel;
mod deferral;
mod descriptors;
mod inbox;
mod link;
mod machine;
mod outbox;
mod pool;
mod queue;
mod socket;
mod transport;

pub use deferral::defer_accept;
pub use descriptors::raise_descriptors;
pub use inbox::Inbox;
pub use link::Link;
pub use machine::{CloseReason, Machine, Want};
pub use outbox::{Flushed, Mark, Outbox};
pub use pool::Pool;
pub use socket::{ListenError, ListenIp, connect, listen, listen_all, listen_beside};
pub use transport::Transport;
