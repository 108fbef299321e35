//! The number exchange in the server: its desk, its listeners, and its voice on standard output.
//!
//! It speaks no protocol, [`SumServerProtocol`] does; it prints what that leaves to be said, and tells when the
//! exchange is over.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use mio::net::TcpStream;

use super::{ServerConfig, SumConfig};
use crate::access_log::ConsoleLog;
use crate::net::{Connection, host_name};
use crate::reactor::{ListenerId, Now};
use crate::sum::{Name, SumServerProtocol, SumState};

/// What all connections of the number exchange share.
pub(super) struct SumService {
    pub(super) state: SumState,
    console: ConsoleLog,
    /// Empty once they are closed.
    listeners: Range<ListenerId>,
}

impl SumService {
    /// The exchange that the configuration asks for, with these listeners.
    ///
    /// # Errors
    /// When standard output cannot be had.
    pub(super) fn open(
        config: &ServerConfig,
        sum: &SumConfig,
        listeners: Range<ListenerId>,
    ) -> io::Result<Self> {
        let console = if config.quiet { ConsoleLog::quiet() } else { ConsoleLog::stdout()? };
        let name = sum.name.clone().unwrap_or_else(|| Name::first_valid([host_name()]));
        Ok(Self { state: SumState::new(name, sum.number), console, listeners })
    }

    pub(super) fn has_listener(&self, listener: ListenerId) -> bool {
        self.listeners.contains(&listener)
    }

    /// Lets a caller in, unless the exchange has ended within this very turn.
    pub(super) fn accepted(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        now: Now,
    ) -> Option<Connection<SumServerProtocol>> {
        (!self.state.has_ended()).then(|| Connection::accepted(stream, SumServerProtocol::new(peer, now)))
    }

    /// Prints what there is to be said, in the turn in which it happened; tells when to call again.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Instant> {
        for line in self.state.take_output_lines() {
            self.console.print_line(&line, now);
        }
        self.console.tick(now)
    }

    /// The listeners that must be closed, told once: a number has ended the exchange.
    pub(super) fn take_ended_listeners(&mut self) -> Option<Range<ListenerId>> {
        let ended = self.state.has_ended() && !self.listeners.is_empty();
        ended.then(|| std::mem::take(&mut self.listeners))
    }
}
