//! The connections of the server: from received bytes to handlers, and from responses to sent bytes.
//!
//! `state_machine` is HTTP/1.1, with the table to read first. `read_request` parses and routes what has come, or
//! finds it in the `request_cache`; `request_body` reads a body; `deadlines` are the time-outs; an `exchange` is what the
//! log will tell. Handlers and responses never use any of it.

mod deadlines;
mod exchange;
mod phase;
mod read_request;
mod request_body;
mod request_cache;
mod state_machine;
mod worker_state;

use std::time::Instant;

use mio::net::TcpStream;

use crate::net::Connection;
use crate::reactor;
use crate::sum::SumServerProtocol;

pub use phase::{ServerPhase, TRANSITIONS};
pub use state_machine::HttpServerProtocol;
pub use worker_state::WorkerState;

/// One connection to the server; which kind it is follows from the listener.
pub enum ServerConnection {
    /// HTTP.
    Http(Connection<HttpServerProtocol>),
    /// The number exchange.
    Sum(Connection<SumServerProtocol>),
}

/// There are as many of these as there are idle connections, so what is rare stands in a box of its own.
const CONNECTION_LEN_MAX: usize = 336;
const _: () = assert!(size_of::<ServerConnection>() <= CONNECTION_LEN_MAX);

impl reactor::EventSource for ServerConnection {
    fn source(&mut self) -> &mut TcpStream {
        match self {
            Self::Http(connection) => connection.source(),
            Self::Sum(connection) => connection.source(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Http(connection) => connection.deadline(),
            Self::Sum(connection) => connection.deadline(),
        }
    }
}
