//! HTTP/1.1 connections, from received bytes to sent responses.
//!
//! Start with the table in `state_machine`. Handlers and responses never use this directory.

mod access;
mod deadlines;
mod exchange;
mod phase;
mod read_request;
mod request_body;
mod request_cache;
mod state_machine;
mod worker_state;

use std::time::Instant;

use enum_dispatch::enum_dispatch;
use mio::net::TcpStream;

use crate::net::Connection;
use crate::reactor::EventSource;
use crate::sum::SumServerProtocol;

pub use phase::{ServerPhase, TRANSITIONS};
pub use state_machine::HttpServerProtocol;
pub use worker_state::WorkerState;

/// One connection to the server.
#[enum_dispatch(EventSource)]
pub enum ServerConnection {
    /// HTTP/1.1.
    Http(Connection<HttpServerProtocol>),
    /// Number exchange.
    Sum(Connection<SumServerProtocol>),
}

/// Every idle connection holds this enum, so rare state is boxed.
const CONNECTION_LEN_MAX: usize = 344;
const _: () = assert!(size_of::<ServerConnection>() <= CONNECTION_LEN_MAX);
