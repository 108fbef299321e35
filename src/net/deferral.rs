//! Letting callers in who have said something already (`TCP_DEFER_ACCEPT`).
//!
//! The kernel keeps a connection to itself until its first bytes have come, so that the first read finds
//! them: a short connection is accepted, read, answered and closed in one turn, and epoll never hears of
//! it. One socket option, and nothing else.
//!
//! The crates that have safe functions for socket options have none for this one. The macro of `nix` that
//! makes one brings an `unsafe` block with it, one call of `setsockopt`, which is `nix`'s to answer for: the
//! lint that forbids such blocks here does not look into macros of other crates.

use std::io;
use std::time::Duration;

use mio::net::TcpListener;
use nix::libc::{self, IPPROTO_TCP, TCP_DEFER_ACCEPT};
use nix::sys::socket::setsockopt;
use nix::{setsockopt_impl, sockopt_impl};

/// Who says nothing is let in after this long all the same. The kernel makes steps of it, the times at
/// which it would repeat its part of the handshake: this is the first, and comes to about a second.
const SILENCE: Duration = Duration::from_secs(1);

sockopt_impl!(
    /// In seconds.
    DeferAccept,
    SetOnly,
    IPPROTO_TCP,
    TCP_DEFER_ACCEPT,
    u32
);

/// Lets nobody in before he has said something, or has been silent for a second.
///
/// # Errors
/// What the system says.
pub fn defer_accept(listener: &TcpListener) -> io::Result<()> {
    let secs = u32::try_from(SILENCE.as_secs()).unwrap_or(u32::MAX);
    Ok(setsockopt(listener, DeferAccept, &secs)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpStream};

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    #[test]
    fn who_has_said_something_is_let_in_before_who_came_first() {
        let listener = crate::net::listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        defer_accept(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let _silent = TcpStream::connect(address).unwrap();
        let mut speaking = TcpStream::connect(address).unwrap();
        speaking.write_all(b"a word").unwrap();
        poll(&mut [PollFd::new(&listener, PollFlags::IN)], None).unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, speaking.local_addr().unwrap());
    }
}
