//! What a connection costs in memory while it is idle, as the kernel counts it.
//!
//! Sizes of types are asserted where they are declared; here is the whole of it, allocator and all.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use rustix::net::{AddressFamily, SocketType};
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

/// A connection from an address of its own for each so many, so that ports do not run out.
fn connect(to: SocketAddr, number: usize) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let host = u8::try_from(2 + number / 5000).expect("few are needed");
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    rustix::net::bind(&socket, &from).expect("an address");
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

#[test]
fn idle_connection_costs_512_bytes_until_it_leaves() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if getrlimit(Resource::Nofile).current.is_some_and(|count| count < DESCRIPTORS_MIN) {
        eprintln!("skipped: {DESCRIPTORS_MIN} open files are needed, and fewer are allowed");
        return;
    }
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
