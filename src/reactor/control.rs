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
    pub(super) connections: usize,
    pub(super) is_listening: bool,
    pub(super) signals: Vec<c_int>,
    pub(super) woken: bool,
    pub(super) fd_readable: bool,
    pub(super) new_connections: Vec<C>,
    pub(super) stop_listening: bool,
    pub(super) closing_listeners: Vec<ListenerId>,
    pub(super) wakes_all: bool,
    pub(super) woken_keys: Vec<Key>,
    pub(super) is_short: bool,
    pub(super) is_holding: bool,
    pub(super) stop: bool,
}

impl<C> Control<C> {
    /// Number of connections.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Whether a listener is open: also after [`Self::stop_listening`], while clients wait in its backlog.
    pub fn is_listening(&self) -> bool {
        self.is_listening
    }

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

    /// Adds a connection that the application has opened.
    pub fn open(&mut self, conn: C) {
        self.new_connections.push(conn);
    }

    /// Closes all listeners once they have accepted their backlogs; connections continue.
    pub fn stop_listening(&mut self) {
        self.stop_listening = true;
    }

    /// Closes one listener; connections and other listener ids stay valid.
    pub fn close_listener(&mut self, id: ListenerId) {
        self.closing_listeners.push(id);
    }

    /// Gives every connection a tick.
    pub fn wake_all(&mut self) {
        self.wakes_all = true;
    }

    /// Gives a connection a tick before the loop waits. Ignores stale keys.
    pub fn wake(&mut self, key: Key) {
        self.woken_keys.push(key);
    }

    /// While memory is short, each tick evicts connections, and each new one takes the place of another.
    pub fn set_short_of_memory(&mut self, is_short: bool) {
        self.is_short = is_short;
    }

    /// While this is set, connections of [`Next::Hold`](super::Next::Hold) wait.
    pub fn set_holding(&mut self, is_holding: bool) {
        self.is_holding = is_holding;
    }

    pub(super) fn has_requests(&self) -> bool {
        let flags = self.stop_listening | self.wakes_all;
        flags
            || !(self.new_connections.is_empty()
                && self.closing_listeners.is_empty()
                && self.woken_keys.is_empty())
    }

    /// Ends the loop after this tick and drops connections.
    pub fn stop(&mut self) {
        self.stop = true;
    }
}
