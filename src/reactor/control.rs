//! What the application may learn and ask of the reactor between two turns.
//!
//! A plain letter box: the reactor fills in the news, the application its orders, and the reactor
//! carries them out after the call. It does nothing itself.

use std::ffi::c_int;

use super::{Key, ListenerId};

/// The news of a turn and the orders for the next.
#[derive(Debug)]
pub struct Control<C> {
    pub(super) connections: usize,
    pub(super) signals: Vec<c_int>,
    pub(super) woken: bool,
    pub(super) fd_readable: bool,
    pub(super) new_connections: Vec<C>,
    pub(super) stop_listening: bool,
    pub(super) closing_listeners: Vec<ListenerId>,
    pub(super) wakes_all: bool,
    pub(super) woken_keys: Vec<Key>,
    pub(super) stop: bool,
}

impl<C> Default for Control<C> {
    fn default() -> Self {
        Self {
            connections: 0,
            signals: Vec::new(),
            woken: false,
            fd_readable: false,
            new_connections: Vec::new(),
            stop_listening: false,
            closing_listeners: Vec::new(),
            wakes_all: false,
            woken_keys: Vec::new(),
            stop: false,
        }
    }
}

impl<C> Control<C> {
    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// The signals that have come since the last call, by number, each told once.
    pub fn take_signals(&mut self) -> Vec<c_int> {
        std::mem::take(&mut self.signals)
    }

    /// Whether another thread has woken the reactor since the last call.
    pub fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// Whether the watched input may have something to read, since the last call.
    pub fn take_fd_readable(&mut self) -> bool {
        std::mem::take(&mut self.fd_readable)
    }

    /// Adds a connection that the application has opened itself.
    pub fn open(&mut self, conn: C) {
        self.new_connections.push(conn);
    }

    /// Closes all listeners; connections go on.
    pub fn stop_listening(&mut self) {
        self.stop_listening = true;
    }

    /// Closes this listener; its connections go on, and so do the other listeners, under their names.
    pub fn close_listener(&mut self, id: ListenerId) {
        self.closing_listeners.push(id);
    }

    /// Gives every connection a turn, whatever it waits for.
    pub fn wake_all(&mut self) {
        self.wakes_all = true;
    }

    /// Gives this connection a turn before the loop waits again, whatever it waits for; nobody if it is gone.
    pub fn wake(&mut self, key: Key) {
        self.woken_keys.push(key);
    }

    /// Whether there is anything to be carried out. Most turns have nothing.
    pub(super) fn has_requests(&self) -> bool {
        let flags = self.stop_listening | self.wakes_all;
        flags
            || !(self.new_connections.is_empty()
                && self.closing_listeners.is_empty()
                && self.woken_keys.is_empty())
    }

    /// Ends the loop after this turn; what connections are left are dropped.
    pub fn stop(&mut self) {
        self.stop = true;
    }
}
