//! Events for the application, and its requests to the reactor.
//!
//! The reactor fills in the events before `on_tick`, and carries out the requests after it.

use std::ffi::c_int;

use derive_where::derive_where;

use super::{Key, ListenerId};

/// Events and requests.
#[derive(Debug)]
#[derive_where(Default)]
pub struct Control<C> {
    /// Number of connections.
    pub connections: usize,
    /// Whether a listener is open: also after [`Self::stop_listening`], while clients wait in its backlog.
    pub is_listening: bool,
    pub(super) signals: Vec<c_int>,
    pub(super) woken: bool,
    pub(super) fd_readable: bool,
    /// Connections that the application has opened.
    pub new_connections: Vec<C>,
    /// Closes all listeners once they have accepted their backlogs; connections continue.
    pub stop_listening: bool,
    /// Listeners to close; connections and other listener ids stay valid.
    pub closing_listeners: Vec<ListenerId>,
    /// Gives every connection a tick.
    pub wakes_all: bool,
    /// Connections that get a tick before the loop waits. Ignores stale keys.
    pub woken_keys: Vec<Key>,
    /// While memory is short, each tick evicts connections, and each new one takes the place of another.
    pub is_short: bool,
    /// Ends the loop after this tick and drops connections.
    pub stop: bool,
}

impl<C> Control<C> {
    /// Signals since the last call, each number once.
    pub fn take_signals(&mut self) -> Vec<c_int> {
        std::mem::take(&mut self.signals)
    }

    /// Whether another thread has woken the reactor.
    pub fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// Whether the watched descriptor may be readable.
    pub fn take_fd_readable(&mut self) -> bool {
        std::mem::take(&mut self.fd_readable)
    }

    pub(super) fn has_requests(&self) -> bool {
        let flags = self.stop_listening | self.wakes_all;
        flags
            || !(self.new_connections.is_empty()
                && self.closing_listeners.is_empty()
                && self.woken_keys.is_empty())
    }
}
