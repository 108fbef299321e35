//! Helper threads: what blocks there does not block the loop.
//!
//! The resolver is made to block by a FIFO in the place of /etc/hosts, in a mount namespace that is made for it.
//! Where this user may not make one, these tests print that they were skipped, and pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, openat};
use rustix::io::Errno;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Client, Outcome, Screen, Server, WAIT_MAX, pattern};

/// Runs a command in a mount namespace where names are looked up in the FIFO `hosts` of a directory only.
const BLOCKED: &str = "mount --bind \"$1/hosts\" /etc/hosts && mount --bind \"$1/nsswitch.conf\" \
                       /etc/nsswitch.conf && shift && exec \"$@\"";

/// The resolver waits until somebody writes to this FIFO.
struct BlockedResolver(TempDir);

impl BlockedResolver {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let resolver = Self(directory);
        mknodat(CWD, resolver.hosts(), FileType::Fifo, Mode::from_raw_mode(0o644), 0).expect("a FIFO");
        fs::write(resolver.0.path().join("nsswitch.conf"), "hosts: files\n").expect("a file");
        let mut probe = Command::new("unshare");
        probe.args(["--mount", "sh", "-c", BLOCKED, "sh"]).arg(resolver.0.path()).arg("true");
        let is_possible = probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if !is_possible {
            eprintln!("skipped: this user cannot make a mount namespace");
        }
        is_possible.then_some(resolver)
    }

    fn hosts(&self) -> PathBuf {
        self.0.path().join("hosts")
    }

    fn start_client(&self, args: &[&str]) -> Client {
        Client::start(args, Screen::None, |command| {
            let mut unshare = Command::new("unshare");
            unshare.args(["--mount", "sh", "-c", BLOCKED, "sh"]).arg(self.0.path());
            unshare.arg(command.get_program()).args(command.get_args());
            unshare.env_remove("RUST_LOG");
            unshare.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            *command = unshare;
        })
    }

    /// Ends the block. The resolver then finds no name, for it takes no hosts from a FIFO.
    fn unblock(&self) {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            match openat(CWD, self.hosts(), OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
                Ok(_) => return,
                Err(Errno::NXIO) if Instant::now() < deadline => thread::yield_now(),
                Err(errno) => panic!("the resolver does not read: {errno}"),
            }
        }
    }

    /// Runs the client to its end; the resolver blocks all the time.
    fn client(&self, args: &[&str]) -> Outcome {
        self.start_client(args).finish()
    }
}

#[test]
fn max_time_and_connect_timeout_hold_while_resolver_blocks() {
    let Some(resolver) = BlockedResolver::new() else { return };
    for option in ["--max-time=0.2", "--connect-timeout=0.2"] {
        let outcome = resolver.client(&[option, "http://slow.test:1/"]).expect(28);
        assert!(outcome.complaint().contains("timed out after 200 ms"), "{}", outcome.stderr);
    }
}

/// Waits until the client has a handler for SIGINT.
fn wait_for_handler(client: &Client) {
    let deadline = Instant::now() + WAIT_MAX;
    let is_caught = || {
        let status = fs::read_to_string(format!("/proc/{}/status", client.pid().as_raw_nonzero()));
        let status = status.expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("its signals");
        let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask");
        status.starts_with("Name:\treactor-client\n") && caught & 1 << (Signal::INT.as_raw() - 1) != 0
    };
    while !is_caught() {
        assert!(Instant::now() < deadline, "it has no handler");
        thread::yield_now();
    }
}

#[test]
fn signal_ends_client_while_resolver_blocks() {
    let Some(resolver) = BlockedResolver::new() else { return };
    for args in [&["http://slow.test:1/"][..], &["sum", "7", "--host", "slow.test"]] {
        let client = resolver.start_client(args);
        wait_for_handler(&client);
        client.signal(Signal::INT);
        let outcome = client.finish().expect(130);
        assert!(outcome.complaint().contains("interrupted"), "{}", outcome.stderr);
    }
}

#[test]
fn unknown_name_exits_6_when_resolver_ends() {
    let Some(resolver) = BlockedResolver::new() else { return };
    for args in [&["http://slow.test:1/"][..], &["sum", "7", "--host", "slow.test"]] {
        let client = resolver.start_client(args);
        resolver.unblock();
        let outcome = client.finish().expect(6);
        assert!(outcome.complaint().contains("cannot resolve 'slow.test'"), "{}", outcome.stderr);
    }
}

/// The names of the server's helper threads.
fn helper_threads(server: &Server) -> Vec<String> {
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let names = fs::read_dir(tasks).expect("its threads").filter_map(|task| {
        let name = fs::read_to_string(task.ok()?.path().join("comm")).ok()?;
        name.starts_with("helper ").then(|| name.trim_end().to_owned())
    });
    names.collect()
}

fn wait_for_helper_thread(server: &Server) {
    let deadline = Instant::now() + WAIT_MAX;
    while helper_threads(server).is_empty() {
        assert!(Instant::now() < deadline, "no helper thread was started");
        thread::yield_now();
    }
}

/// Longer than what is closed by the loop itself.
const LARGE_LEN: usize = 3 << 20;

#[test]
fn replaced_cached_large_file_is_closed_on_helper() {
    let server = Server::with(
        &[("large", &pattern(LARGE_LEN)), ("small", b"old")],
        &["--upload", "--durability=none"],
    );
    let put = |path: &str| {
        let mut client = server.connect();
        client.send(format!("PUT {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nnew"));
        assert_eq!(client.reply().status, 204, "{path}");
    };
    put("/small");
    assert_eq!(server.get("/large").body.len(), LARGE_LEN, "it is open in the cache");
    assert_eq!(helper_threads(&server), [""; 0], "no such job yet");
    put("/large");
    assert_eq!(server.get("/large").text(), "new");
    wait_for_helper_thread(&server);
    server.stop();
}

#[test]
fn replaced_uncached_large_file_is_closed_on_helper() {
    let server = Server::with(&[("large", &pattern(LARGE_LEN))], &["--upload", "--durability=none"]);
    let mut client = server.connect();
    client.send("PUT /large HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nnew");
    assert_eq!(client.reply().status, 204);
    wait_for_helper_thread(&server);
    server.stop();
}

#[test]
fn abandoned_large_upload_is_closed_on_helper() {
    let server = Server::with(&[("a", b"a")], &["--upload", "--durability=none"]);
    let mut client = server.connect();
    client.send("PUT /large HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999\r\n\r\n");
    client.send(pattern(LARGE_LEN));
    drop(client);
    wait_for_helper_thread(&server);
    server.stop();
}

#[test]
fn room_of_replaced_file_is_there_for_the_next_upload() {
    let server = Server::with(&[("a", b"a")], &["--upload", "--durability=none"]);
    let disk = server.root().join("disk");
    fs::create_dir(&disk).expect("a directory");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(&disk).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user cannot mount a file system");
        return;
    }
    let bytes = pattern(15 << 20);
    let statuses: Vec<u16> = (0..12)
        .map(|_| {
            let mut client = server.connect();
            client.send(format!(
                "PUT /disk/x HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
                bytes.len()
            ));
            client.send(&bytes).reply().status
        })
        .collect();
    Command::new("umount").arg("--lazy").arg(&disk).status().expect("it is unmounted");
    assert_eq!(statuses, [[201].as_slice(), &[204; 11]].concat());
}

#[test]
fn thread_that_closes_files_yields_to_event_loop() {
    let server = Server::with(&[("large", &pattern(LARGE_LEN))], &["--upload", "--durability=none"]);
    let put = "PUT /large HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\na";
    assert_eq!(server.connect().send(put).reply().status, 204);
    // By name. The niceness is the 19th field; the first two end with the name.
    let niceness = || {
        let tasks =
            fs::read_dir(format!("/proc/{}/task", server.pid().as_raw_nonzero())).expect("its threads");
        let niceness = tasks.map(|task| {
            let stat = fs::read_to_string(task.expect("a thread").path().join("stat")).expect("its state");
            let (name, fields) = stat.split_once(") ").expect("a name");
            let field = fields.split(' ').nth(16).expect("a field");
            (name.contains("(helper "), field.parse::<i32>().expect("a number"))
        });
        niceness.collect::<BTreeMap<_, _>>()
    };
    let own = niceness()[&false];
    let begun = Instant::now();
    // It begins as a copy of the thread that starts it.
    while niceness().get(&true) != Some(&(own + 15).min(19)) {
        assert!(begun.elapsed() < WAIT_MAX, "{:?}", niceness());
        thread::yield_now();
    }
}
