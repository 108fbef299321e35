//! A full house: who makes room for a client that waits, and what one address may have.
//!
//! 127.0.0.0/8 is all loopback, so clients can have addresses of their own.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::Signal;

use crate::harness::{Raw, Server, WAIT_MAX};
use crate::workers::counters;

/// The server's bound of 500 ms, and time to spare.
const EVICTABLE_AFTER: Duration = Duration::from_millis(700);
/// More than a test reads.
const LARGE_LEN: u64 = 1 << 40;
const GET: &str = "GET /small HTTP/1.1\r\nHost: test\r\n\r\n";

/// A client at 127.0.0.`host`.
fn client_at(server: &Server, host: u8) -> Raw {
    let socket: OwnedFd = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    bind(&socket, &own).expect("an address of loopback");
    connect(&socket, &server.address()).expect("the server accepts");
    Raw::of(TcpStream::from(socket))
}

fn full_house(limit: usize, options: &[&str]) -> Server {
    let limit = limit.to_string();
    let mut all = vec!["--max-connections", &limit, "--idle-timeout", "24h", "--header-timeout", "24h"];
    // Nobody in a crowd would finish.
    all.extend(["--grace", "0"]);
    all.extend(options);
    let server = Server::with(&[("small", b"small")], &all);
    let large = std::fs::File::create(server.root().join("large")).expect("a file");
    large.set_len(LARGE_LEN).expect("a sparse file");
    server
}

#[test]
fn idle_connections_make_room_longest_idle_first() {
    const LIMIT: usize = 8;
    let server = full_house(LIMIT, &[]);
    let mut idle: Vec<Raw> = (0..LIMIT).map(|_| server.connect()).collect();
    idle.iter_mut().for_each(|client| assert_eq!(client.get("/small").text(), "small"));
    let mut newcomers: Vec<Raw> = (0..3).map(|_| server.connect()).collect();
    newcomers.iter_mut().for_each(|client| assert_eq!(client.get("/small").text(), "small"));
    let (gone, kept) = idle.split_at_mut(newcomers.len());
    gone.iter_mut().for_each(Raw::expect_end);
    kept.iter_mut().for_each(|client| assert_eq!(client.get("/small").text(), "small"));
    server.signal(Signal::USR2);
    let counters = counters(&server.stop().stderr);
    assert_eq!((counters["closed.evicted"], counters["accepted"]), (3, 11));
}

#[test]
fn silent_reader_slow_head_and_slow_body_make_room() {
    let crowd: [(&str, &[&str]); 3] = [
        ("GET /large HTTP/1.1\r\nHost: test\r\n\r\n", &[]),
        ("GET /small HTTP/1.1\r\nHo", &[]),
        ("PUT /new HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nx", &["--upload"]),
    ];
    for (request, options) in crowd {
        const LIMIT: usize = 5;
        let server = full_house(LIMIT, options);
        let mut silent: Vec<Raw> = (0..LIMIT).map(|_| server.connect()).collect();
        silent.iter_mut().for_each(|client| _ = client.send(request));
        let mut newcomer = server.connect();
        assert_eq!(newcomer.get("/small").text(), "small", "{request}");
        assert!(!server.root().join("new").exists(), "a part of an upload");
        server.signal(Signal::USR2);
        let counters = counters(&server.stop().stderr);
        assert_eq!(counters["closed.evicted"], 1, "{request}");
    }
}

#[test]
fn refused_client_that_sends_on_makes_room() {
    let server = full_house(1, &[]);
    let mut refused = server.connect();
    assert_eq!(refused.send("nonsense\r\n\r\n").reply().status, 400);
    let mut socket = refused.socket().try_clone().expect("its socket");
    let began = Instant::now();
    let sender = thread::spawn(move || while socket.write_all(&[b'x'; 65_536]).is_ok() {});
    assert_eq!(server.get("/small").text(), "small");
    sender.join().expect("the connection has ended");
    // Well before the server gives up by itself, after 30 s.
    assert!(began.elapsed() < WAIT_MAX / 2);
}

#[test]
fn address_with_most_connections_makes_room() {
    let server = full_house(6, &[]);
    let mut single = client_at(&server, 2);
    assert_eq!(single.get("/small").text(), "small");
    let mut crowd: Vec<Raw> = (0..5).map(|_| client_at(&server, 3)).collect();
    crowd.iter_mut().for_each(|client| assert_eq!(client.get("/small").text(), "small"));
    // Until each could be evicted.
    single.socket().set_read_timeout(Some(EVICTABLE_AFTER)).expect("a deadline");
    single.socket().peek(&mut [0]).expect_err("nothing comes while nobody waits");
    single.socket().set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
    let mut newcomer = client_at(&server, 4);
    assert_eq!(newcomer.get("/small").text(), "small");
    crowd[0].expect_end();
    // It was idle for longer, alone at its address.
    assert_eq!(single.get("/small").text(), "small");
}

#[test]
fn reader_that_keeps_up_makes_no_room() {
    let server = full_house(2, &[]);
    let mut reader = server.connect();
    reader.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
    let mut silent = server.connect();
    silent.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut newcomer = server.connect();
    newcomer.send(GET);
    newcomer.socket().set_nonblocking(true).expect("a look");
    let began = Instant::now();
    while newcomer.socket().peek(&mut [0]).is_err() {
        reader.bytes(4096);
        assert!(began.elapsed() < WAIT_MAX, "the newcomer waits for the end of a download");
    }
    newcomer.socket().set_nonblocking(false).expect("patience again");
    assert_eq!(newcomer.reply().text(), "small");
    reader.bytes(16 * 1024 * 1024);
    server.signal(Signal::USR2);
    let counters = counters(&server.stop().stderr);
    assert_eq!(counters["closed.evicted"], 1, "the silent one");
}

#[test]
fn more_connections_of_one_address_than_allowed_get_503() {
    let server = full_house(100, &["--max-connections-per-ip", "2"]);
    let mut allowed = [(); 2].map(|()| client_at(&server, 2));
    allowed.iter_mut().for_each(|client| assert_eq!(client.get("/small").text(), "small"));
    let mut over = client_at(&server, 2);
    let refused = over.get("/small");
    assert_eq!((refused.status, refused.field("connection")), (503, Some("close")));
    assert!(refused.field("retry-after").is_some() && refused.text().contains("too many connections"));
    over.expect_end();
    drop(over);
    assert_eq!(client_at(&server, 3).get("/small").status, 200, "another address");
    allowed.iter_mut().for_each(|client| assert_eq!(client.get("/small").text(), "small"));
    // A place is free once the server has seen the end of a connection.
    let [first, _second] = allowed;
    drop(first);
    while client_at(&server, 2).get("/small").status == 503 {}
}

#[test]
fn addresses_of_a_trusted_proxy_have_no_limit() {
    let options = ["--max-connections-per-ip", "1", "--trusted-proxy", "127.0.0.2"];
    let server = full_house(100, &options);
    let mut clients = [(); 5].map(|()| client_at(&server, 2));
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/small").status, 200));
}

#[test]
fn rate_limit_beyond_burst_gets_429_for_that_address() {
    // Two workers count together; the rate is too low for another request within the test.
    let server = Server::with(&[("small", b"small")], &["--rate-limit", "0.01/s,3", "--workers", "2"]);
    let mut clients: Vec<Raw> = (0..5).map(|_| client_at(&server, 5)).collect();
    let replies: Vec<_> = clients.iter_mut().map(|client| client.get("/small")).collect();
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let wait: u64 = replies[3].field("Retry-After").expect("a time").parse().expect("seconds");
    assert!((80..=101).contains(&wait), "{wait}");
    // The connection is kept, and others are not limited.
    assert_eq!(clients[4].get("/small").status, 429);
    assert_eq!(client_at(&server, 6).get("/small").text(), "small");
}

#[test]
fn rate_limit_counts_requests_that_are_refused() {
    let options = ["--rate-limit", "0.01/s,2", "--host", "test"];
    let server = Server::with(&[("small", b"small")], &options);
    let mut client = client_at(&server, 7);
    let mut ask =
        |host: &str| client.send(format!("GET /small HTTP/1.1\r\nHost: {host}\r\n\r\n")).reply().status;
    assert_eq!([ask("other"), ask("test"), ask("test"), ask("other")], [421, 200, 429, 429]);
}

#[test]
fn rate_limit_counts_clients_of_a_trusted_proxy_apart() {
    let options = ["--rate-limit", "0.01/s,1", "--trusted-proxy", "127.0.0.1"];
    let server = Server::with(&[("small", b"small")], &options);
    let mut proxy = client_at(&server, 1);
    let mut ask = |client: &str| {
        proxy.send(format!("GET /small HTTP/1.1\r\nHost: test\r\n{client}\r\n")).reply().status
    };
    let [one, other] = [1, 2].map(|host| format!("X-Forwarded-For: 192.0.2.{host}\r\n"));
    assert_eq!([ask(&one), ask(&one), ask(&other), ask(&other)], [200, 429, 200, 429]);
    assert_eq!([ask(""), ask("")], [200, 200]);
}

#[test]
fn bandwidth_paces_each_connection() {
    const LEN: usize = 512 * 1024;
    let content = vec![b'x'; LEN];
    let server = Server::with(&[("large", &content)], &["--bandwidth", "256KiB/s"]);
    let begin = Instant::now();
    assert_eq!(server.connect().get("/large").body.len(), LEN);
    // The kernel lets the first segments go at once. A slow machine only takes longer.
    assert!(begin.elapsed() > Duration::from_millis(500), "{:?}", begin.elapsed());
}

#[test]
fn total_bandwidth_is_shared_in_turn() {
    const LEN: usize = 320 * 1024;
    let content = vec![b'x'; LEN];
    let files: [(&str, &[u8]); 2] = [("large", &content), ("small", b"small")];
    let server = Server::with(&files, &["--bandwidth-total", "512KiB/s", "--workers", "2"]);
    let (begin, finished) = (Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                assert_eq!(server.connect().get("/large").body.len(), LEN);
                finished.fetch_add(1, Ordering::SeqCst);
            });
        }
        while begin.elapsed() < Duration::from_millis(100) {
            assert_eq!(server.connect().get("/small").body, b"small");
        }
        assert_eq!(finished.load(Ordering::SeqCst), 0, "the large ones came first");
    });
    // 640 KiB. A slow machine only takes longer.
    assert!(begin.elapsed() > Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn total_bandwidth_starves_none_of_80_downloads() {
    const CLIENTS: usize = 80;
    let content = vec![b'x'; 32 * 1024];
    let server = Server::with(&[("file", &content)], &["--bandwidth-total", "2MiB/s"]);
    let clients = (0..CLIENTS).map(|_| server.connect());
    let mut clients: Vec<Raw> = clients.collect();
    for client in &mut clients {
        client.send(GET.replace("/small", "/file"));
    }
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let read = |mut client: Raw| {
            client.bytes(1);
            let begun = Instant::now();
            client.bytes(content.len());
            (begun, Instant::now())
        };
        let threads: Vec<_> = clients.into_iter().map(|client| scope.spawn(move || read(client))).collect();
        for thread in threads {
            let (first, last) = thread.join().expect("no panic");
            begun.push(first);
            ended.push(last);
        }
    });
    ended.sort();
    let last_begun = begun.into_iter().max().expect("clients");
    assert!(last_begun < ended[CLIENTS / 2], "some waited until half of the others were complete");
}
