//! What the kernel has said of a socket and nobody has used up yet.
//!
//! Edge-triggered epoll says a thing once. So a bit is set by an event and cleared only where a
//! system call shows that it no longer holds. It never reads or writes.

use mio::event::Event;

/// The readiness bits of one socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readiness {
    readable: bool,
    writable: bool,
    /// The peer's FIN has been announced: a short read does not mean drained, for no further
    /// event will tell of it.
    fin: bool,
}

impl Readiness {
    /// Nothing is known, so everything is tried: the state of a freshly accepted socket, which may
    /// be served and gone before it was ever registered.
    pub fn assume_ready() -> Self {
        Self { readable: true, writable: true, fin: false }
    }

    /// Sets the bits that an event names. Errors and hang-ups set both: the next system call tells
    /// the truth.
    pub fn on_event(&mut self, event: &Event) {
        let broken = event.is_error() || event.is_write_closed();
        self.readable |= event.is_readable() || event.is_read_closed() || broken;
        self.writable |= event.is_writable() || broken;
        self.fin |= event.is_read_closed() || broken;
    }

    /// Whether a read is worth its system call.
    pub fn is_readable(self) -> bool {
        self.readable
    }

    /// Whether a write is worth its system call.
    pub fn is_writable(self) -> bool {
        self.writable
    }

    /// A read said `WouldBlock`.
    pub fn on_read_blocked(&mut self) {
        self.readable = false;
    }

    /// A write said `WouldBlock`.
    pub fn on_write_blocked(&mut self) {
        self.writable = false;
    }

    /// A write failed, so there is something to read, the end of it at least, whether or not an event
    /// has told so yet.
    pub fn on_write_failed(&mut self) {
        self.readable = true;
        self.fin = true;
    }

    /// A read came back short, so the socket's buffer was empty at that moment: as good as
    /// `WouldBlock`, unless the FIN was announced before and has yet to be read.
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
