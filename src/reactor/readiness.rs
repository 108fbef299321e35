//! Socket readiness.
//!
//! Edge-triggered epoll reports a change once: a bit is cleared only where a system call shows that it is
//! stale.

use mio::event::Event;

/// Readiness of one socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readiness {
    readable: bool,
    writable: bool,
    /// FIN was reported, so no event follows: a short read does not mean drained.
    fin: bool,
}

impl Readiness {
    /// Both bits, untested: an accepted socket may be served and closed before registration.
    pub fn assume_ready() -> Self {
        Self { readable: true, writable: true, fin: false }
    }

    /// Sets the bits of an event. Errors and hang-ups set both: the next system call shows which holds.
    pub fn on_event(&mut self, event: &Event) {
        let broken = event.is_error() || event.is_write_closed();
        self.readable |= event.is_readable() || event.is_read_closed() || broken;
        self.writable |= event.is_writable() || broken;
        self.fin |= event.is_read_closed() || broken;
    }

    /// Whether to try a read.
    pub fn is_readable(self) -> bool {
        self.readable
    }

    /// Whether to try a write.
    pub fn is_writable(self) -> bool {
        self.writable
    }

    /// A read returned `WouldBlock`.
    pub fn on_read_blocked(&mut self) {
        self.readable = false;
    }

    /// A write returned `WouldBlock`.
    pub fn on_write_blocked(&mut self) {
        self.writable = false;
    }

    /// A transport has input that no event will report.
    pub fn on_buffered_input(&mut self) {
        self.readable = true;
    }

    /// A write failed: input or its end is readable, even before an event.
    pub fn on_write_failed(&mut self) {
        self.readable = true;
        self.fin = true;
    }

    /// A short read has drained the socket, unless an unread FIN was reported.
    pub fn on_short_read(&mut self) {
        self.readable = self.fin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_read_clears_readable_unless_fin_was_reported() {
        let mut ready = Readiness::assume_ready();
        ready.on_short_read();
        assert!(!ready.is_readable());

        let mut ready = Readiness { fin: true, ..Readiness::assume_ready() };
        ready.on_short_read();
        assert!(ready.is_readable());
        ready.on_read_blocked();
        assert!(!ready.is_readable());
    }
}
