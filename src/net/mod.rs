//! Connections, their buffers, connecting and listening.
//!
//! Owns the only read/write loop, below sans-IO [`Protocol`]s. Never interprets bytes.

// Before `stream`: the macro makes the impl of the enum where it has seen both.
mod transport;

mod bandwidth;
mod connect;
mod connection;
mod handshake;
mod listen;
mod pool;
mod protocol;
mod proxy_header;
mod recv_buf;
mod rlimit;
mod send_queue;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;

pub use bandwidth::Bandwidth;
pub use connect::{AddressConnector, ConnectError, connect};
pub use connection::{Connection, Tick};
pub use handshake::{Handshake, HandshakeError, HandshakeResult, PeerCertificate, TlsSession};
pub use listen::{
    ListenError, ListenIp, defer_accept, limit_bandwidth, listen, listen_all, listen_on_same_port,
};
pub use pool::{MemoryLimit, Pool};
pub use protocol::{Inactivity, Io, Protocol, Want};
pub use proxy_header::parse_proxy_header;
pub use recv_buf::RecvBuf;
pub use rlimit::raise_nofile_limit;
pub use send_queue::{SendPosition, SendQueue};
pub use stream::Stream;
pub use transport::{CloseReason, IoOutcome, Transport};

/// The host name of this system.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
