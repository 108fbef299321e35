//! Bytes between one socket and two queues: the inbox, the outbox and the link that pumps them.
//!
//! It owns the read/write/`WouldBlock` loop, which exists once ([`Link::pump`]); every protocol,
//! server or client, is a [`Machine`] on top of it: bytes in, segments out, no socket. It knows
//! nothing of HTTP or of what files mean.

mod connect;
mod connection;
mod listen;
mod pool;
mod protocol;
mod recv_buf;
mod rlimit;
mod send_queue;
mod transport;

pub use connect::connect;
pub use connection::Link;
pub use listen::{ListenError, ListenIp, defer_accept, listen, listen_all, listen_beside};
pub use pool::Pool;
pub use protocol::{Machine, Want};
pub use recv_buf::Inbox;
pub use rlimit::raise_nofile_limit;
pub use send_queue::{Mark, Outbox};
pub use transport::{CloseReason, IoOutcome, Transport};
