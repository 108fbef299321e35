//! Many at once, and large ones: idle connections, slow readers, a full house, files beyond memory.
//!
//! What "slows nobody down" means is tested as order, not as speed: the others get their answers
//! while the slow one has yet to read its own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Raw, Server, WAIT_MAX};
use crate::sum::Exchanging;

/// What is wanted of a machine that has the descriptors for it.
const IDLE_WANTED: u64 = 10_000;
/// Descriptors for the other tests of this process, and for what the server has besides connections.
const SPARE_DESCRIPTORS: u64 = 3_000;
/// More than a server of files has any need for, and far less than the files here.
const MEMORY_MAX_KIB: u64 = 64 * 1024;
const GIB: u64 = 1 << 30;

/// Raises the limit on descriptors, which the server inherits, and says how many idle connections fit.
fn idle_count() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the hard limit");
    let limit = maximum.unwrap_or(u64::MAX);
    let count = IDLE_WANTED.min(limit.saturating_sub(SPARE_DESCRIPTORS).max(limit / 2));
    if count < IDLE_WANTED {
        eprintln!("scaled down: {count} instead of {IDLE_WANTED} connections, for the hard limit is {limit}");
    }
    usize::try_from(count).expect("a count")
}

/// One request and its answer on a bare socket: ten thousand read buffers would be for nothing.
fn exchange(stream: &mut TcpStream) {
    stream.write_all(b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n").expect("the server reads");
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\nsmall") {
        let mut piece = [0; 1024];
        let len = retry_on_intr(|| rustix::io::read(&*stream, &mut piece)).expect("an answer");
        assert!(len > 0, "it ended within an answer: {}", String::from_utf8_lossy(&response));
        response.extend_from_slice(&piece[..len]);
    }
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&response));
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
    stream.set_nodelay(true).expect("no delay");
    stream
}

fn sparse(server: &Server, name: &str, len: u64) {
    let file = File::create(server.root().join(name)).expect("a file");
    file.set_len(len).expect("a sparse file");
}

fn memory_kib(pid: Pid, name: &str) -> u64 {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = fs::read_to_string(path).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).unwrap_or_else(|| panic!("no {name} in {status}"))
}

fn descriptor_count(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).expect("its descriptors").count()
}

/// Runs a command with so many descriptors at most.
fn limit_descriptors(command: &mut Command, most: usize) {
    let mut words = vec![command.get_program().to_owned()];
    words.extend(command.get_args().map(ToOwned::to_owned));
    *command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")]).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

#[test]
fn ten_thousand_idle_connections_server_stays_responsive() {
    let count = idle_count();
    let most = (count + 100).to_string();
    let options = ["--idle-timeout", "1h", "--access-log", "off", "--max-connections", &most];
    let server = Server::with(&[("small", b"small")], &options);
    let mut idle: Vec<TcpStream> = (0..count)
        .map(|_| {
            let mut stream = connect(&server);
            exchange(&mut stream);
            stream
        })
        .collect();
    assert!(descriptor_count(server.pid()) > count, "all of them are open at the same time");
    let mut active = server.connect();
    for _ in 0..1000 {
        let reply = active.get("/small");
        assert_eq!((reply.status, reply.text()), (200, "small"));
    }
    for _ in 0..20 {
        assert_eq!(server.get("/small").text(), "small", "new ones are let in");
    }
    for stream in idle.iter_mut().step_by(97) {
        exchange(stream);
    }
    let memory = memory_kib(server.pid(), "VmRSS");
    assert!(memory < MEMORY_MAX_KIB, "{count} idle connections own no buffers: {memory} KiB");
}

#[test]
fn trickle_reader_does_not_delay_other_clients() {
    let server = Server::serving(&[("small", b"small")]);
    sparse(&server, "large", GIB);
    let mut slow = connect(&server);
    set_socket_recv_buffer_size(&slow, 128 * 1024).expect("a window soon full");
    slow.write_all(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n").expect("the server reads");
    let mut other = server.connect();
    for _ in 0..200 {
        slow.read_exact(&mut [0; 1024]).expect("the next KiB");
        assert_eq!(other.get("/small").text(), "small");
        assert_eq!(server.get("/small").text(), "small");
    }
    let mut fast = server.connect();
    fast.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    fast.head();
    for _ in 0..64 {
        fast.bytes(1024 * 1024);
    }
    slow.read_exact(&mut [0; 1024]).expect("it goes on");
}

#[test]
pub(crate) fn paused_reader_resumes_and_gets_whole_file() {
    const LEN: usize = 16 << 20;
    let bytes = crate::harness::pattern(LEN);
    let server = Server::serving(&[("small", b"small"), ("large", &bytes)]);
    let mut reader = server.connect();
    set_socket_recv_buffer_size(reader.socket(), 128 * 1024).expect("a window soon full");
    reader.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
    let mut got = 0;
    // It stops within a turn's share, within what the kernel holds for it, and beyond that.
    for len in [1000, 300_000, 5 << 20, LEN] {
        let len = len.min(LEN - got);
        assert!(reader.bytes(len) == bytes[got..got + len], "{len} bytes from {got} on");
        got += len;
        for _ in 0..10 {
            assert_eq!(server.get("/small").text(), "small");
        }
    }
    assert_eq!(reader.get("/small").text(), "small", "the connection goes on in step");
}

#[test]
fn fast_reader_of_large_file_does_not_starve_others() {
    let server = Server::serving(&[("small", b"small")]);
    sparse(&server, "large", 64 * GIB);
    let mut fast = connect(&server);
    fast.write_all(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n").expect("the server reads");
    fast.read_exact(&mut [0]).expect("the answer begins");
    let reader = thread::spawn({
        let mut fast = fast.try_clone().expect("a second handle");
        move || {
            let mut buffer = vec![0; 256 * 1024];
            while fast.read(&mut buffer).is_ok_and(|len| len > 0) {}
        }
    });
    let mut others: Vec<Raw> = (0..64).map(|_| server.connect()).collect();
    for _ in 0..10 {
        for other in &mut others {
            other.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
        }
        for other in &mut others {
            assert_eq!(other.reply().text(), "small");
        }
    }
    assert!(!reader.is_finished(), "the large file is still being sent");
    fast.shutdown(std::net::Shutdown::Both).expect("enough");
    reader.join().expect("the reader");
}

#[test]
fn max_connections_reached_client_waits_until_one_closes() {
    // Without a log: nothing but the one who leaves wakes the server up. The number exchange is not evicted.
    let exchange = Exchanging::spawn(&["--max-connections", "2", "--access-log", "off"], |_| ());
    let [first, _second] = [(); 2].map(|()| TcpStream::connect(exchange.sum).expect("the exchange accepts"));
    let mut third = exchange.server.connect();
    third.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
    drop(first);
    // Less than the 12.7 s after which the timers look around anyway.
    third.socket().set_read_timeout(Some(Duration::from_secs(9))).expect("a deadline");
    assert_eq!(third.reply().text(), "small");
}

#[test]
fn max_connections_1_serves_50_waiting_clients() {
    let server = Server::with(&[("small", b"small")], &["--max-connections", "1", "--access-log", "off"]);
    let mut queue: Vec<Raw> = (0..50)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET /small HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            client
        })
        .collect();
    for client in &mut queue {
        client.socket().set_read_timeout(Some(Duration::from_secs(9))).expect("a deadline");
        assert_eq!(client.reply().text(), "small");
        client.expect_end();
    }
}

#[test]
fn descriptor_limit_leaves_room_for_each_file_in_transfer() {
    const CLIENTS: usize = 560;
    for cache in ["off", "fresh"] {
        let server = Server::spawn(&[], &["--cache", cache, "--access-log", "off"], |command| {
            limit_descriptors(command, 1000)
        });
        (0..CLIENTS).for_each(|number| sparse(&server, &number.to_string(), GIB));
        let clients: Vec<Raw> = (0..CLIENTS)
            .map(|number| {
                let mut client = server.connect();
                client.send(format!("GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n"));
                client
            })
            .collect();
        // Those beyond the limit wait until others have gone.
        for mut client in clients {
            let head = client.head();
            assert!(head.starts_with("HTTP/1.1 200 "), "--cache {cache}: {head}");
        }
    }
}

#[test]
fn descriptor_limit_of_100_starts_with_fewer_connections() {
    let given = &["--max-connections", "1000"];
    for options in [&[][..], &["--cache", "off"], &["--upload"], given] {
        let server =
            Server::spawn(&[("small", b"small")], options, |command| limit_descriptors(command, 100));
        let ask = |_| {
            let mut client = server.connect();
            client.send("GET /small HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            client
        };
        let clients: Vec<Raw> = (0..100).map(ask).collect();
        for mut client in clients {
            assert_eq!(client.reply().text(), "small", "{options:?}");
        }
    }
}

#[test]
fn file_of_5_gib_keeps_server_memory_bounded() {
    let server = Server::serving(&[]);
    sparse(&server, "huge", 5 * GIB);
    let mut client = server.connect();
    let head = client.send("HEAD /huge HTTP/1.1\r\nHost: test\r\n\r\n").reply_to_head();
    assert_eq!((head.status, head.field("content-length")), (200, Some("5368709120")));

    let readers: Vec<_> = (0..4)
        .map(|_| {
            let mut client = server.connect();
            set_socket_recv_buffer_size(client.socket(), 64 * 1024).expect("a small window");
            thread::spawn(move || {
                client.send("GET /huge HTTP/1.1\r\nHost: test\r\n\r\n");
                assert!(client.head().contains("Content-Length: 5368709120\r\n"));
                for _ in 0..64 {
                    assert!(client.bytes(1024 * 1024).iter().all(|&byte| byte == 0));
                }
                client
            })
        })
        .collect();
    let clients: Vec<Raw> = readers.into_iter().map(|reader| reader.join().expect("64 MiB")).collect();
    let peak = memory_kib(server.pid(), "VmHWM");
    assert!(peak < MEMORY_MAX_KIB, "the server has needed {peak} KiB");
    drop(clients);
}

#[test]
fn download_of_120_mib_has_the_right_bytes() {
    const BLOCK_LEN: usize = 1 << 20;
    const BLOCKS: u64 = 120;
    let server = Server::serving(&[]);
    let mut block = crate::harness::pattern(BLOCK_LEN);
    let mut file = File::create(server.root().join("large")).expect("a file");
    for number in 0..BLOCKS {
        block[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&block).expect("room for it");
    }
    file.write_all(b"end").expect("room for it");

    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.head();
    assert!(head.contains(&format!("Content-Length: {}\r\n", BLOCKS * BLOCK_LEN as u64 + 3)), "{head}");
    for number in 0..BLOCKS {
        block[..8].copy_from_slice(&number.to_be_bytes());
        assert!(client.bytes(BLOCK_LEN) == block, "MiB {number} differs");
    }
    assert_eq!(client.bytes(3), b"end");
    assert_eq!(client.get("/none").status, 404, "the connection goes on in step");
}

/// One of the many ways in which clients come and go.
fn come_and_go(server: &Server, way: usize) {
    let mut client = server.connect();
    match way % 6 {
        0 => {}
        1 => drop(client.send("GET /la")),
        2 => assert_eq!(client.get("/small").text(), "small"),
        3 => drop(client.send("nonsense\r\n\r\n").reply()),
        4 => {
            client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
        }
        _ => {
            client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
            set_socket_linger(client.socket(), Some(Duration::ZERO)).expect("a reset at the end");
        }
    }
}

#[test]
pub(crate) fn closed_connections_leave_no_open_descriptor() {
    let server = Server::serving(&[("small", b"small")]);
    sparse(&server, "large", GIB);
    let mut watcher = server.connect();
    let head_of_large = "HEAD /large HTTP/1.1\r\nHost: test\r\n\r\n";
    assert_eq!(watcher.send(head_of_large).reply_to_head().status, 200);
    // What is asked for twice in a second is watched, which takes one descriptor for all.
    (0..3).for_each(|_| assert_eq!(watcher.get("/small").status, 200));
    let before = descriptor_count(server.pid());
    for way in 0..300 {
        come_and_go(&server, way);
    }
    let gives_up = Instant::now() + WAIT_MAX;
    loop {
        assert_eq!(watcher.get("/small").status, 200);
        let after = descriptor_count(server.pid());
        if after <= before {
            return;
        }
        assert!(Instant::now() < gives_up, "{before} descriptors before, {after} after");
    }
}
