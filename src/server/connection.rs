//! A connection of the server's reactor: one link for each protocol that the server speaks.
//!
//! It only chooses; what a connection does is its machine's.

use std::time::Instant;

use mio::net::TcpStream;

use super::Conn;
use crate::net::Link;
use crate::reactor;
use crate::sum::Teller;

/// One connection to the server; which kind it is follows from the listener.
pub enum Connection {
    /// HTTP.
    Http(Link<Conn>),
    /// The number exchange.
    Sum(Link<Teller>),
}

/// There are as many of these as there are idle connections, so what is rare stands in a box of its own.
const CONNECTION_LEN_MAX: usize = 336;
const _: () = assert!(size_of::<Connection>() <= CONNECTION_LEN_MAX);

impl reactor::Connection for Connection {
    fn source(&mut self) -> &mut TcpStream {
        match self {
            Self::Http(link) => link.source(),
            Self::Sum(link) => link.source(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Http(link) => link.deadline(),
            Self::Sum(link) => link.deadline(),
        }
    }
}
