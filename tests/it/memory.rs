//! What a connection costs in memory while it is idle, as the kernel counts it.
//!
//! Sizes of types are asserted where they are declared; here is the whole of it, allocator and all.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Raw, Server, WAIT_MAX};

/// Idle connections.
const CONNECTIONS: usize = 10_000;
/// What each may cost.
const BYTES_EACH_MAX: usize = 512;
/// What may stay in all when they have gone.
const KEPT_MAX: usize = 1024 * 1024;
/// Both sides have that many files open, and some more.
const DESCRIPTORS_MIN: u64 = 10_500;
/// Connections that are opened and asked on at once.
const AT_ONCE: usize = 100;

/// The memory of a process that is neither a file's nor shared.
fn memory(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero()));
    let status = status.expect("the process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// Another one for each so many connections, so that ports do not run out.
fn own_address(number: usize) -> SocketAddr {
    let host = u8::try_from(2 + number / 5000).expect("few are needed");
    (Ipv4Addr::new(127, 0, 0, host), 0).into()
}

/// A connection from an address of its own.
fn connect(to: SocketAddr, number: usize) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &own_address(number)).expect("an address");
    rustix::net::connect(&socket, &to).expect("a connection");
    socket.into()
}

/// So many more connections, each of which has been answered once.
fn idle(server: &Server, count: usize, connections: &mut Vec<TcpStream>) {
    for _ in 0..count / AT_ONCE {
        let first = connections.len();
        for number in first..first + AT_ONCE {
            let mut connection = connect(server.address(), number);
            connection.write_all(b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n").expect("room");
            connections.push(connection);
        }
        for connection in &connections[first..] {
            let reply = Raw::of(connection.try_clone().expect("a descriptor")).reply();
            assert_eq!(reply.text(), "small");
        }
    }
}

/// Raises the limit of open files. The tests run one after the other: the limit is for both.
fn may_open_enough() -> Option<MutexGuard<'static, ()>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let is_enough = getrlimit(Resource::Nofile).current.is_none_or(|count| count >= DESCRIPTORS_MIN);
    if !is_enough {
        eprintln!("skipped: {DESCRIPTORS_MIN} open files are needed, and fewer are allowed");
    }
    is_enough.then_some(guard)
}

#[test]
fn idle_connection_costs_512_bytes_until_it_leaves() {
    let Some(_guard) = may_open_enough() else { return };
    let server = Server::with(
        &[("small", b"small")],
        &["--access-log", "off", "--idle-timeout", "24h", "--max-connections", "11000"],
    );
    // What connections share is there after the first of them.
    let mut connections = Vec::new();
    idle(&server, 2 * AT_ONCE, &mut connections);
    let before = memory(&server);
    idle(&server, CONNECTIONS, &mut connections);
    let each = (memory(&server) - before) / CONNECTIONS;
    assert!(each <= BYTES_EACH_MAX, "{each} bytes each");
    drop(connections);
    let deadline = Instant::now() + WAIT_MAX;
    while memory(&server) > before + KEPT_MAX {
        // Each request is a tick.
        assert_eq!(server.get("/small").text(), "small");
        assert!(Instant::now() < deadline, "{} bytes stay", memory(&server) - before);
    }
}

/// The ceiling of the crowds below.
const CEILING: usize = 16 * 1024 * 1024;
/// What the process may use beside it: a quarter, and 32 MiB.
const RESIDENT_MAX: usize = CEILING / 4 * 5 + 32 * 1024 * 1024;

/// While the accept queue is full, the connection stays in progress.
fn connect_without_waiting(to: SocketAddr, number: usize) -> TcpStream {
    let (flags, family) = (SocketFlags::NONBLOCK, AddressFamily::INET);
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).expect("a socket");
    rustix::net::bind(&socket, &own_address(number)).expect("an address");
    let _ = rustix::net::connect(&socket, &to);
    socket.into()
}

#[test]
fn memory_stays_below_the_ceiling_while_10_000_clients_hold_what_they_can() {
    let Some(_guard) = may_open_enough() else { return };
    let upload =
        [b"PUT /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n", &[b'x'; 15_000][..]];
    let crowds: [(&str, Vec<u8>, bool); 3] = [
        ("one byte", b"G".to_vec(), false),
        (
            "unread responses",
            b"GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /missing HTTP/1.1\r\nHost: a\r\n\r\n".repeat(250),
            true,
        ),
        ("half an upload", upload.concat(), true),
    ];
    for (crowd, bytes, is_over) in crowds {
        let options = ["--access-log", "off", "--memory", "16MiB", "--upload", "--max-connections", "11000"];
        let server = Server::with(&[("small", b"small"), ("large", &[b'x'; 60_000])], &options);
        let mut clients: Vec<(TcpStream, usize)> =
            (0..CONNECTIONS).map(|number| (connect_without_waiting(server.address(), number), 0)).collect();
        let deadline = Instant::now() + WAIT_MAX;
        let mut send_all = || {
            assert!(Instant::now() < deadline, "{crowd}: {} bytes are in use", memory(&server));
            for (client, sent) in &mut clients {
                *sent += client.write(&bytes[*sent..]).unwrap_or(0);
            }
        };
        send_all();
        while is_over && memory(&server) < CEILING / 8 * 7 {
            send_all();
        }
        (0..5).for_each(|_| send_all());
        drop(clients);
        assert_eq!(server.get("/small").text(), "small", "{crowd}");
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero()));
        let status = status.expect("the process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a size");
        let peak = peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024;
        assert!(peak <= RESIDENT_MAX, "{crowd}: {peak} bytes");
        let stderr = server.stop().stderr;
        assert_eq!(
            stderr.matches("the limit of --memory").count(),
            usize::from(is_over),
            "{crowd}: {stderr}"
        );
    }
}
