//! Listening sockets: their options, the addresses they are bound to, and `TCP_DEFER_ACCEPT`.
//!
//! Several addresses may share one port. Every socket is non-blocking and close-on-exec.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use mio::net::TcpListener;
use nix::libc::{self, IPPROTO_TCP, SO_MAX_PACING_RATE, SOL_SOCKET, TCP_DEFER_ACCEPT};
use nix::sys::socket::setsockopt;
use nix::{setsockopt_impl, sockopt_impl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::reactor::LISTEN_BACKLOG;

/// Attempts to find a port that is free on every address.
///
/// The kernel proposes random ports: with 90 % taken on the other address, under 1 % of searches fail.
const FREE_PORT_TRIES: u32 = 64;

/// Maximum wait for the first bytes. The kernel rounds it to a SYN-ACK retransmission, here the first: about
/// 1 s.
const DEFER_ACCEPT_SECS: u32 = 1;

/// Listen address without port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenIp {
    /// The address.
    pub ip: IpAddr,
    /// Whether to skip it silently if the system lacks it.
    pub optional: bool,
}

/// Address that cannot be listened on, and why. The caller adds a remedy.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {}", listen_problem(.source))]
pub struct ListenError {
    /// The address; port 0 means any.
    pub addr: SocketAddr,
    /// The system's error.
    pub source: io::Error,
}

/// Opens a listener; port 0 lets the kernel choose.
///
/// IPv6 listeners are IPv6-only, so that `0.0.0.0` and `::` can share a port. Accepted sockets inherit `TCP_NODELAY`.
///
/// `SO_SNDBUF` is not set: the kernel grows the buffer with the path. Over loopback 256 KiB cost 50 % more; at 100 ms
/// round trip a file takes 1.6 to 2.6 times as long. `TCP_NOTSENT_LOWAT` of 512 KiB would bound what a silent reader
/// pins, but a download over 50 ms loses 11 %, and 10 MiB over loopback cost 1.5 times the processor time.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    open_listener(addr, false)
}

/// Opens another listener on each address; the kernel distributes connections among all.
///
/// The first listeners get `SO_REUSEPORT` only here. Opened without it, they fail on a port in use, even by
/// another instance of this program.
pub fn listen_on_same_port(listeners: &[TcpListener]) -> Result<Vec<TcpListener>, ListenError> {
    let open_one = |listener: &TcpListener| {
        let unspecified = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let addr = listener.local_addr().map_err(|source| ListenError { addr: unspecified, source })?;
        let shared = sockopt::set_socket_reuseport(listener, true).map_err(io::Error::from);
        shared.and_then(|()| open_listener(addr, true)).map_err(|source| ListenError { addr, source })
    };
    listeners.iter().map(open_one).collect()
}

fn open_listener(addr: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // Else old connections in TIME_WAIT make a restart fail for a minute.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if reuse_port {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    if addr.ip().is_loopback() {
        replace_bbr(&socket);
    }
    rustix::net::bind(&socket, &addr)?;
    rustix::net::listen(&socket, LISTEN_BACKLOG.into())?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Replaces bbr by reno; accepted sockets inherit this.
///
/// bbr sends each segment by a timer. For 10 MiB over loopback, the 170 timers cost more than the rest of the work. If
/// the system does not allow reno, bbr stays.
fn replace_bbr(socket: impl AsFd) {
    if sockopt::tcp_congestion(&socket).is_ok_and(|name| name.starts_with("bbr")) {
        let _ = sockopt::set_tcp_congestion(&socket, "reno");
    }
}

/// Opens listeners on one port; 0 means a port free on all addresses.
///
/// # Errors
/// The first failure. Missing optional addresses count only if no listener is left.
pub fn listen_all(ips: &[ListenIp], port: u16) -> Result<Vec<TcpListener>, ListenError> {
    open_all(ips, port, |addr| {
        let listener = listen(addr)?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    })
}

sockopt_impl!(
    /// In seconds.
    DeferAccept, SetOnly, IPPROTO_TCP, TCP_DEFER_ACCEPT, u32
);
sockopt_impl!(
    /// In bytes per second.
    MaxPacingRate, SetOnly, SOL_SOCKET, SO_MAX_PACING_RATE, u64
);

/// The kernel paces what accepted sockets send; they inherit the option.
pub fn limit_bandwidth(listener: &TcpListener, bytes_per_sec: u64) -> io::Result<()> {
    Ok(setsockopt(listener, MaxPacingRate, &bytes_per_sec)?)
}

/// Keeps a connection in the kernel until bytes arrive, or about 1 s.
///
/// A short connection is then served in one tick, without epoll. rustix and socket2 lack this option. The `nix` macro
/// expands to an `unsafe` call; lints skip macros of other crates.
pub fn defer_accept(listener: &TcpListener) -> io::Result<()> {
    Ok(setsockopt(listener, DeferAccept, &DEFER_ACCEPT_SECS)?)
}

fn open_all<L>(
    ips: &[ListenIp],
    port: u16,
    mut open: impl FnMut(SocketAddr) -> io::Result<(L, u16)>,
) -> Result<Vec<L>, ListenError> {
    let mut tries_left = if port == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        tries_left -= 1;
        match open_on_one_port(ips, port, &mut open) {
            Err(error) if tries_left > 0 && error.source.kind() == io::ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
}

fn open_on_one_port<L>(
    ips: &[ListenIp],
    mut port: u16,
    open: &mut impl FnMut(SocketAddr) -> io::Result<(L, u16)>,
) -> Result<Vec<L>, ListenError> {
    let mut opened = Vec::with_capacity(ips.len());
    let mut skipped = None;
    for &ListenIp { ip, optional } in ips {
        let addr = SocketAddr::new(ip, port);
        match open(addr) {
            Ok((listener, got)) => {
                opened.push(listener);
                port = got;
            }
            Err(source) if optional && is_addr_missing(&source) => {
                skipped = Some(ListenError { addr, source });
            }
            Err(source) => return Err(ListenError { addr, source }),
        }
    }
    match skipped {
        Some(error) if opened.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

fn is_addr_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn listen_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
        io::ErrorKind::PermissionDenied => "this user has no permission for this port".to_owned(),
        _ if is_addr_missing(error) => "this host does not have this address".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Ipv6Addr;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::OFlags;
    use rustix::io::{Errno, FdFlags};

    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn required(ip: IpAddr) -> ListenIp {
        ListenIp { ip, optional: false }
    }

    fn optional(ip: IpAddr) -> ListenIp {
        ListenIp { ip, optional: true }
    }

    fn failure(errno: Errno) -> io::Result<((IpAddr, u16), u16)> {
        Err(errno.into())
    }

    fn success(addr: SocketAddr, port: u16) -> io::Result<((IpAddr, u16), u16)> {
        Ok(((addr.ip(), port), port))
    }

    /// Reports a system without IPv6, so that a skipped test is visible.
    fn has_ipv6() -> bool {
        let found = listen(SocketAddr::new(V6, 0)).is_ok();
        if !found {
            eprintln!("skipped: this machine has no IPv6");
        }
        found
    }

    #[test]
    fn listen_sets_reuseaddr_nodelay_nonblock_cloexec() {
        let listener = listen(SocketAddr::new(V4, 0)).unwrap();
        assert!(sockopt::socket_reuseaddr(&listener).unwrap());
        assert!(sockopt::tcp_nodelay(&listener).unwrap());
        assert!(sockopt::socket_acceptconn(&listener).unwrap());
        let flags = rustix::fs::fcntl_getfl(&listener).unwrap();
        assert!(flags.contains(OFlags::NONBLOCK));
        let flags = rustix::io::fcntl_getfd(&listener).unwrap();
        assert!(flags.contains(FdFlags::CLOEXEC));
    }

    #[test]
    fn accepted_socket_inherits_nodelay() {
        let listener = listen(SocketAddr::new(V4, 0)).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
    }

    #[test]
    fn accepted_socket_uses_bbr_only_beyond_loopback() {
        let in_force = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
        let in_force = in_force.trim();
        let over_loopback = if in_force.starts_with("bbr") { "reno" } else { in_force };
        for (ip, expected) in [(V4, over_loopback), (Ipv4Addr::UNSPECIFIED.into(), in_force)] {
            let listener = listen(SocketAddr::new(ip, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let _client = std::net::TcpStream::connect((V4, port)).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            assert_eq!(sockopt::tcp_congestion(&accepted).unwrap(), expected, "{ip}");
        }
    }

    #[test]
    fn replace_bbr_keeps_other_algorithms() {
        for (before, after) in [("bbr", "reno"), ("cubic", "cubic"), ("reno", "reno")] {
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            if sockopt::set_tcp_congestion(&socket, before).is_err() {
                eprintln!("skipped: this system does not allow {before}");
                continue;
            }
            replace_bbr(&socket);
            assert_eq!(sockopt::tcp_congestion(&socket).unwrap(), after);
        }
    }

    #[test]
    fn listen_all_wildcards_share_one_port() {
        if !has_ipv6() {
            return;
        }
        let ips = [required(Ipv4Addr::UNSPECIFIED.into()), required(Ipv6Addr::UNSPECIFIED.into())];
        let listeners = listen_all(&ips, 0).unwrap();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), 2);
        assert_ne!(ports[0], 0);
        assert_eq!(ports[0], ports[1]);
        assert!(sockopt::ipv6_v6only(&listeners[1]).unwrap());
    }

    #[test]
    fn listen_all_taken_port_error_names_the_address() {
        let taken = listen(SocketAddr::new(V4, 0)).unwrap();
        let addr = taken.local_addr().unwrap();
        let error = listen_all(&[required(V4)], addr.port()).unwrap_err();
        assert_eq!(error.addr, addr);
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        let line = error.to_string();
        assert_eq!(line, format!("cannot listen on {addr}: the port is in use"));
    }

    #[test]
    fn listen_on_same_port_shares_with_no_other_listener() {
        let first = vec![listen(SocketAddr::new(V4, 0)).unwrap()];
        let addr = first[0].local_addr().unwrap();
        let second = listen_on_same_port(&first).unwrap();
        let third = listen_on_same_port(&first).unwrap();
        let all = [&first[0], &second[0], &third[0]];
        assert!(all.iter().all(|listener| listener.local_addr().unwrap() == addr));
        assert_eq!(listen(addr).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        // Each listener gets some of 200 connections: the chance of none is 3 * (2/3)^200.
        let clients: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect(addr).unwrap()).collect();
        let count_accepted = |listener: &TcpListener| std::iter::from_fn(|| listener.accept().ok()).count();
        let counts = all.map(count_accepted);
        assert_eq!(counts.iter().sum::<usize>(), clients.len());
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    }

    #[test]
    fn open_all_skips_missing_optional_address() {
        for errno in [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT] {
            let open = |addr: SocketAddr| match addr {
                SocketAddr::V4(_) => success(addr, 8080),
                SocketAddr::V6(_) => failure(errno),
            };
            let opened = open_all(&[required(V4), optional(V6)], 8080, open).unwrap();
            assert_eq!(opened, [(V4, 8080)], "{errno:?}");
            let opened = open_all(&[optional(V6), required(V4)], 0, open).unwrap();
            assert_eq!(opened, [(V4, 8080)], "{errno:?}");
        }
    }

    #[test]
    fn open_all_reports_every_other_failure() {
        let cases = [
            // A required address must work.
            (required(V6), Errno::ADDRNOTAVAIL),
            (required(V6), Errno::AFNOSUPPORT),
            // The address exists: another program owns the port.
            (optional(V6), Errno::ADDRINUSE),
            (optional(V6), Errno::ACCESS),
        ];
        for (second, errno) in cases {
            let open = |addr: SocketAddr| match addr {
                SocketAddr::V4(_) => success(addr, 80),
                SocketAddr::V6(_) => failure(errno),
            };
            let error = open_all(&[required(V4), second], 80, open).unwrap_err();
            assert_eq!(error.addr, SocketAddr::new(V6, 80));
            assert_eq!(error.source.raw_os_error(), Some(errno.raw_os_error()));
        }
    }

    #[test]
    fn open_all_without_any_address_is_an_error() {
        let open = |_| failure(Errno::AFNOSUPPORT);
        let error = open_all(&[optional(V6)], 0, open).unwrap_err();
        assert_eq!(error.addr.ip(), V6);
    }

    #[test]
    fn open_all_port_0_retries_if_taken_on_other_address() {
        let mut proposals = 4000;
        let opened = open_all(&[required(V4), optional(V6)], 0, |addr| {
            if addr.port() == 0 {
                proposals += 1;
                success(addr, proposals)
            } else if addr.port() < 4003 {
                failure(Errno::ADDRINUSE)
            } else {
                success(addr, addr.port())
            }
        });
        assert_eq!(opened.unwrap(), [(V4, 4003), (V6, 4003)]);
    }

    #[test]
    fn open_all_port_0_gives_up_after_all_tries() {
        let mut proposals = 0;
        let outcome = open_all(&[required(V4), required(V6)], 0, |addr| {
            if addr.is_ipv6() {
                return failure(Errno::ADDRINUSE);
            }
            proposals += 1;
            success(addr, 5000)
        });
        assert_eq!(outcome.unwrap_err().addr, SocketAddr::new(V6, 5000));
        assert_eq!(proposals, FREE_PORT_TRIES);
    }

    #[test]
    fn open_all_fixed_port_is_tried_once() {
        let mut tries = 0;
        let outcome = open_all(&[required(V4)], 8080, |_| {
            tries += 1;
            failure(Errno::ADDRINUSE)
        });
        assert!(outcome.is_err());
        assert_eq!(tries, 1);
    }

    #[test]
    fn listen_error_displays_its_reason() {
        let cases = [
            (Errno::ADDRINUSE, "the port is in use"),
            (Errno::ACCESS, "this user has no permission for this port"),
            (Errno::ADDRNOTAVAIL, "this host does not have this address"),
            (Errno::AFNOSUPPORT, "this host does not have this address"),
            (Errno::NOBUFS, "No buffer space available"),
        ];
        for (errno, reason) in cases {
            let error = ListenError { addr: SocketAddr::new(V6, 80), source: errno.into() };
            let line = error.to_string();
            let expected = format!("cannot listen on [::1]:80: {reason}");
            assert!(line.starts_with(&expected), "{line}");
            assert!(!line.contains('\n'), "{line}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }

    #[test]
    fn defer_accept_accepts_sender_before_silent_peer() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        defer_accept(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let _silent = std::net::TcpStream::connect(address).unwrap();
        let mut speaking = std::net::TcpStream::connect(address).unwrap();
        speaking.write_all(b"a word").unwrap();
        poll(&mut [PollFd::new(&listener, PollFlags::IN)], None).unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, speaking.local_addr().unwrap());
    }
}
