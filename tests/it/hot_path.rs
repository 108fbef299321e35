//! What a plain GET of a cached file costs in system calls.
//!
//! The kernel counts `read`, `write` and `sendfile`. It does not count `recv` and `send`: `strace` does, if it is
//! installed. That it costs no memory either is for `in_memory::hot_path`, where time can be made to pass.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::fs::statfs;
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Server, WAIT_MAX};

/// Requests, one after the other on one connection.
const REQUESTS: u64 = 100;

/// So many times they are sent: on a busy machine the kernel may take an answer in two pieces now and then,
/// which can only add to the count.
const ROUNDS: u64 = 5;

/// Waits until the server sleeps in `epoll_wait`: the kernel counts a write when it returns, and that may be after
/// the client has its bytes.
fn wait_until_idle(server: &Server) {
    let deadline = Instant::now() + WAIT_MAX;
    let path = format!("/proc/{}/stat", server.pid().as_raw_nonzero());
    let is_asleep = || {
        let stat = fs::read_to_string(&path).expect("the server runs");
        stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with('S'))
    };
    while !is_asleep() {
        assert!(Instant::now() < deadline, "the server is busy");
        std::thread::yield_now();
    }
}

/// The reads and writes that a process has made, if the kernel counts them.
fn reads_and_writes(server: &Server) -> Option<(u64, u64)> {
    wait_until_idle(server);
    let text = fs::read_to_string(format!("/proc/{}/io", server.pid().as_raw_nonzero())).ok()?;
    let count = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((count("syscr:")?, count("syscw:")?))
}

/// A server with rules that are not to cost anything, and files that are old enough to be kept.
fn serve() -> Server {
    let rules = ["--cors", "--clean-urls", "-HX-A: b", "--cache-control=*=no-cache"];
    let options = [&["--access-log", "off"][..], &rules].concat();
    // Written last, the large one tells by its entity-tag that the others are old enough.
    let files: &[(&str, &[u8])] = &[
        ("small", b"small"),
        ("middling", &[b'x'; 16 * 1024]),
        ("shared", &[b'x'; 40_000]),
        ("large", &[b'x'; 100_000]),
    ];
    let server = Server::with(files, &options);
    server.get_tagged("/large");
    server
}

/// The number of overlay file systems, which containers have (`statfs`).
const OVERLAY: i64 = 0x794c_7630;

/// What `ask` makes the server read and write, if the kernel counts it and tells of changes.
fn spent(server: &Server, ask: impl FnOnce()) -> Option<(u64, u64)> {
    if statfs(server.root()).expect("a file system").f_type as i64 == OVERLAY {
        eprintln!("skipped: on an overlay each request looks at its file");
        return None;
    }
    let Some(before) = reads_and_writes(server) else {
        eprintln!("skipped: this kernel does not count system calls");
        return None;
    };
    ask();
    let after = reads_and_writes(server).expect("it still counts");
    Some((after.0 - before.0, after.1 - before.1))
}

/// The least of several rounds.
fn least_spent(server: &Server, mut ask: impl FnMut()) -> Option<(u64, u64)> {
    (0..ROUNDS).map_while(|_| spent(server, &mut ask)).min()
}

/// How often `ask` makes the server receive and send, if `strace` may trace it.
fn traced(server: &Server, mut ask: impl FnMut()) -> Option<(u64, u64)> {
    let pid = server.pid().as_raw_nonzero().to_string();
    let options = ["-f", "-s0", "-esignal=none", "-etrace=network", "-p", &pid];
    let Ok(mut strace) = Command::new("strace").args(options).stderr(Stdio::piped()).spawn() else {
        eprintln!("skipped: strace is not installed");
        return None;
    };
    let mut lines = BufReader::new(strace.stderr.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    let is_attached = first.contains("attached");
    if is_attached {
        ask();
        wait_until_idle(server);
        kill_process(Pid::from_child(&strace), Signal::INT).expect("the signal is sent");
    } else {
        eprintln!("skipped: {first}");
    }
    let lines: Vec<_> = lines.map(|line| line.expect("text")).collect();
    strace.wait().expect("it ends");
    let count = |call: &str| lines.iter().filter(|line| line.contains(call)).count() as u64;
    is_attached.then(|| (count("recv"), count("send")))
}

/// Neither a look at a file nor a call without bytes: for each request one look at inotify, and for each of
/// `REQUESTS` turns one `recv` and one `send`.
fn assert_least(server: &Server, what: &str, mut ask: impl FnMut()) {
    let calls = least_spent(server, &mut ask);
    // Now and then a second passes, and what is not there is looked for once more.
    assert!(calls.is_none_or(|calls| calls == (REQUESTS, 0)), "{what}: {calls:?}");
    let calls = (0..ROUNDS).map_while(|_| traced(server, &mut ask)).min();
    assert!(calls.is_none_or(|calls| calls == (REQUESTS, REQUESTS)), "{what}: {calls:?}");
}

#[test]
fn cached_get_costs_one_recv_one_read_and_one_send() {
    let server = serve();
    for path in ["/small", "/middling", "/shared", "/none"] {
        let mut client = server.connect();
        // The second look has it watched.
        (0..3).for_each(|_| assert!([200, 404].contains(&client.get(path).status)));
        assert_least(&server, path, || {
            (0..REQUESTS).for_each(|_| assert!([200, 404].contains(&client.get(path).status)));
        });
    }
}

#[test]
fn pipelined_batch_costs_one_recv_one_read_and_one_send() {
    const BATCH: usize = 16;
    let server = serve();
    let mut client = server.connect();
    (0..3).for_each(|_| assert_eq!(client.get("/small").status, 200));
    let batch = "GET /small HTTP/1.1\r\nHost: test\r\n\r\n".repeat(BATCH);
    assert_least(&server, "a batch", || {
        for _ in 0..REQUESTS {
            client.send(&batch);
            (0..BATCH).for_each(|_| assert_eq!(client.reply().status, 200));
        }
    });
}

#[test]
fn large_file_takes_at_most_three_writes_per_mib() {
    const MIBS: u64 = 10;
    let server = serve();
    let huge = File::create(server.root().join("huge")).expect("a file");
    huge.set_len(MIBS << 20).expect("a sparse file");
    let mut client = server.connect();
    let calls = least_spent(&server, || {
        client.send("GET /huge HTTP/1.1\r\nHost: test\r\n\r\n").head();
        client.bytes((MIBS << 20) as usize);
    });
    // What a socket that is nearly full leaves of a piece takes two more.
    assert!(calls.is_none_or(|(_, writes)| writes <= 3 * MIBS), "{calls:?}");
}

#[test]
fn sixteen_connections_share_one_inotify_read() {
    const CROWD: u64 = 64;
    const SHARING: u64 = 16;
    let server = serve();
    let mut crowd: Vec<_> = (0..CROWD).map(|_| server.connect()).collect();
    for client in &mut crowd {
        assert_eq!(client.get("/small").status, 200);
    }
    let calls = least_spent(&server, || {
        // All have asked before the first is answered.
        server.signal(Signal::STOP);
        for client in &mut crowd {
            client.send("GET /small HTTP/1.1\r\nHost: test\r\n\r\n");
        }
        server.signal(Signal::CONT);
        for client in &mut crowd {
            assert_eq!(client.reply().status, 200);
        }
    });
    let Some((reads, writes)) = calls else { return };
    assert_eq!(writes, 0);
    // The first turn may begin before the last request is there, as far as the kernel is concerned.
    assert!((CROWD / SHARING..=CROWD / SHARING + 1).contains(&reads), "{reads} reads");
}
