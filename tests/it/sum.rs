//! The number exchange, a second protocol on a listener of its own, beside HTTP or alone.
//!
//! Raw sockets say what no good client says; the real client is in `sum/client.rs`.

mod client;

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Raw, Server, Stopped, WAIT_MAX, expect_shut, lines, reactor_server, wait};

/// A server of HTTP and of the number exchange.
pub(crate) struct Exchanging {
    pub(crate) server: Server,
    /// Where the number exchange is.
    pub(crate) sum: SocketAddr,
    /// What it says on standard output after its addresses.
    said: Receiver<String>,
}

impl Exchanging {
    /// One that is called Bob and says 42.
    pub(crate) fn new() -> Self {
        Self::spawn(&[], |_| ())
    }

    /// The same, with these options and a last word on the command.
    pub(crate) fn spawn(options: &[&str], adjust: impl FnOnce(&mut Command)) -> Self {
        let options = [&["--sum-port", "0", "--sum-name", "Bob"], options].concat();
        let (server, stdout) = Server::spawn_apart(&[("small", b"small")], &options, adjust);
        let said = lines(stdout);
        let sum = address(&said);
        Self { server, sum, said }
    }

    /// The next line on standard output, while the server runs.
    fn line(&self) -> String {
        self.said.recv_timeout(WAIT_MAX).expect("a line")
    }

    /// Ends it by a signal; what it had still to say.
    fn stop(self) -> (Stopped, Vec<String>) {
        (self.server.stop(), self.said.iter().collect())
    }
}

/// Where the number exchange is, as a script learns it.
fn address(said: &Receiver<String>) -> SocketAddr {
    let line = said.recv_timeout(WAIT_MAX).expect("an address line");
    let address = line.strip_prefix("sum ").and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("no address: {line:?}"))
}

/// A server of the number exchange and nothing else. Dropping it kills the process.
struct Lone {
    child: Option<Child>,
    sum: SocketAddr,
    said: Receiver<String>,
}

impl Lone {
    /// There is no root, and none is asked for.
    fn new() -> Self {
        let mut command = reactor_server();
        command.args(["--root", "/does/not/exist"]);
        command.args([
            "--no-http",
            "--sum-port",
            "0",
            "--sum-name",
            "Bob",
            "--bind",
            "127.0.0.1",
            "--grace",
            "24h",
        ]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let said = lines(child.stdout.take().expect("its stdout"));
        let sum = address(&said);
        Self { child: Some(child), sum, said }
    }

    /// Waits until it has ended by itself: its exit code, and what it had still to say.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = wait(self.child.take().expect("it runs"));
        (status.code(), self.said.iter().collect())
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends these bytes on a connection of their own; the answer, which must end in good order.
fn say(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8(Raw::connect(address).send(bytes).rest()).expect("an answer in UTF-8")
}

/// Asserts that nobody is served any more, and soon nobody let in.
fn expect_closed(address: SocketAddr) {
    expect_shut(address, b"Client of Eve: 7\n");
}

#[test]
fn sum_line_gets_server_number_and_sum_is_printed() {
    let serving = Exchanging::spawn(&["--sum-number", "-2"], |_| ());
    for (name, number, sum) in [("Ada", 7, 5), ("Zoë Ω: of", 1, -1), ("x", 100, 98)] {
        assert_eq!(say(serving.sum, format!("Client of {name}: {number}\n")), "Server of Bob: -2\n");
        assert_eq!(serving.line(), format!("Client of {name} has connected to Server of Bob"));
        assert_eq!(serving.line(), format!("Client of {name}: {number}, Server of Bob: -2, sum: {sum}"));
    }
}

#[test]
fn sum_line_bytewise_trailing_or_half_closed_gets_response() {
    let serving = Exchanging::new();
    let mut client = Raw::connect(serving.sum);
    for byte in b"Client of Ada: 7\r\n".chunks(1) {
        client.send(byte);
    }
    assert_eq!(client.rest(), b"Server of Bob: 42\n", "byte by byte");
    let two = say(serving.sum, "Client of Ada: 7\nClient of Eve: 8\n");
    assert_eq!(two, "Server of Bob: 42\n", "one line each: the second is nobody's");
    let long = say(serving.sum, format!("Client of Ada: 7\n{}", "x".repeat(100_000)));
    assert_eq!(long, "Server of Bob: 42\n", "what follows is thrown away, and destroys nothing");
    let mut client = Raw::connect(serving.sum);
    client.send("Client of Ada: 7\n").finish();
    assert_eq!(client.rest(), b"Server of Bob: 42\n", "half closed");
    let (_, said) = serving.stop();
    assert_eq!(said.len(), 8, "four exchanges: {said:?}");
    assert!(said.iter().all(|line| line.starts_with("Client of Ada")), "{said:?}");
}

#[test]
fn sum_bad_line_gets_one_error_line_and_clean_close() {
    let serving = Exchanging::new();
    let long_name = format!("Client of {}: 7\n", "x".repeat(300));
    let form = "the line is not of the form 'Client of NAME: NUMBER'";
    let name = "a name is a short text without control characters";
    let number = "the number is not an integer from -9223372036854775808 to 9223372036854775807";
    let cases: [(&[u8], &str); 19] = [
        (b"\n", form),
        (b"\r\n", form),
        (b"hello\n", form),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", form),
        (b"Server of Ada: 7\n", form),
        (b"client of Ada: 7\n", form),
        (b" Client of Ada: 7\n", form),
        (b"Client of Ada 7\n", form),
        (b"error: no\n", form),
        (b"Client of : 7\n", name),
        (b"Client of A\x1b[31m: 7\n", name),
        (b"Client of A\tB: 7\n", name),
        (b"Client of \xff\xfe: 7\n", "the line is not UTF-8"),
        (b"Client of Ada: seven\n", number),
        (b"Client of Ada: +7\n", number),
        (b"Client of Ada: 7 \n", number),
        (b"Client of Ada: 9223372036854775808\n", number),
        (long_name.as_bytes(), "a line has at most 256 bytes"),
        (&[b'x'; 100_000], "a line has at most 256 bytes"),
    ];
    for (bytes, message) in cases {
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(say(serving.sum, bytes), format!("error: {message}\n"), "{shown}");
        let mut trickling = Raw::connect(serving.sum);
        for byte in bytes.chunks(1).take(300) {
            if trickling.try_send(byte).is_err() {
                break;
            }
        }
        assert_eq!(trickling.rest(), format!("error: {message}\n").into_bytes(), "byte by byte: {shown}");
    }
    let mut cut = Raw::connect(serving.sum);
    assert_eq!(cut.send("Client of Ada: 7").finish().rest(), b"error: the line has no end\n");
    Raw::connect(serving.sum).finish().expect_end();
    assert_eq!(say(serving.sum, "Client of Ada: 7\n"), "Server of Bob: 42\n", "it serves on");
    let (_, said) = serving.stop();
    assert_eq!(said.len(), 2, "nothing is said of bad lines: {said:?}");
}

#[test]
fn sum_number_out_of_range_closes_listener_keeps_http() {
    let max = i64::MAX.to_string();
    for (number, response) in [
        ("0", "Server of Bob: 42\n"),
        ("101", "Server of Bob: 42\n"),
        ("-9223372036854775808", "Server of Bob: 42\n"),
        (&max, "error: the sum of 9223372036854775807 and 42 does not fit into 64 bits\n"),
    ] {
        let serving = Exchanging::new();
        let mut under_way = Raw::connect(serving.sum);
        let mut web = serving.server.connect();
        assert_eq!(web.get("/small").text(), "small");
        assert_eq!(say(serving.sum, format!("Client of Eve: {number}\n")), response);
        expect_closed(serving.sum);
        assert_eq!(under_way.send("Client of Ada: 7\n").rest(), b"Server of Bob: 42\n", "after {number}");
        assert_eq!(web.get("/small").text(), "small", "the connection is still there");
        assert_eq!(serving.server.get("/small").text(), "small", "and so is the listener");
        drop((under_way, web));
        let (stopped, said) = serving.stop();
        assert_eq!(stopped.status.code(), Some(0));
        assert_eq!(said.len(), 4, "{said:?}");
    }
}

#[test]
fn sum_out_of_range_without_http_drains_and_exits_0() {
    for number in [0, 101] {
        let lone = Lone::new();
        let mut speaking = Raw::connect(lone.sum);
        let mut silent = Raw::connect(lone.sum);
        assert_eq!(say(lone.sum, "Client of Ada: 7\n"), "Server of Bob: 42\n");
        speaking.send("Client of A");
        assert_eq!(say(lone.sum, format!("Client of Eve: {number}\n")), "Server of Bob: 42\n");
        silent.expect_end();
        expect_closed(lone.sum);
        assert_eq!(speaking.send("da: 8\n").rest(), b"Server of Bob: 42\n");
        drop((silent, speaking));
        let (code, said) = lone.end();
        assert_eq!(code, Some(0));
        let sums: Vec<_> =
            said.iter().filter_map(|line| line.rsplit_once("sum: ")).map(|(_, sum)| sum).collect();
        assert_eq!(sums, ["49", &(number + 42).to_string(), "50"]);
    }
}

#[test]
fn sum_hundred_clients_get_responses_beside_http() {
    let serving = Exchanging::new();
    let mut clients: Vec<_> = (1..=100).map(|number| (number, Raw::connect(serving.sum))).collect();
    let mut web = serving.server.connect();
    for (number, client) in &mut clients {
        client.send(format!("Client of {number}"));
    }
    assert_eq!(web.get("/small").text(), "small");
    for (number, client) in clients.iter_mut().rev() {
        client.send(format!(": {number}\n"));
    }
    assert_eq!(web.get("/small").text(), "small");
    for (number, client) in &mut clients {
        assert_eq!(client.rest(), b"Server of Bob: 42\n", "{number}");
    }
    let said: Vec<_> = (0..200).map(|_| serving.line()).collect();
    let mut sums: Vec<i64> = Vec::new();
    for pair in said.chunks(2) {
        let number: i64 = pair[0].split(' ').nth(2).and_then(|name| name.parse().ok()).expect("a name");
        assert_eq!(pair[1], format!("Client of {number}: {number}, Server of Bob: 42, sum: {}", number + 42));
        sums.push(number);
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=100).collect::<Vec<_>>(), "each is told once, both of its lines together");
}

#[test]
fn sum_unread_stdout_blocks_no_client() {
    let options = ["--sum-port", "0", "--sum-name", "Bob"];
    let (server, mut stdout) = Server::spawn_apart(&[("small", b"small")], &options, |_| ());
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("the address line");
        line.push(byte[0]);
    }
    let text = String::from_utf8(line).expect("text");
    let sum: SocketAddr =
        text.trim_end().strip_prefix("sum ").and_then(|at| at.parse().ok()).expect("an address");
    // A pipe holds 64 KiB; these fill it twice.
    let name = "x".repeat(150);
    for number in (1..=100).cycle().take(400) {
        assert_eq!(say(sum, format!("Client of {name}: {number}\n")), "Server of Bob: 42\n");
    }
    assert_eq!(server.get("/small").text(), "small");
    let stopped = server.stop();
    assert_eq!(stopped.status.code(), Some(0));
    drop(stdout);
}

#[test]
fn sum_signal_closes_idle_and_finishes_started() {
    for signal in [Signal::INT, Signal::TERM] {
        let serving = Exchanging::spawn(&["--grace", "24h"], |_| ());
        let mut idle = Raw::connect(serving.sum);
        let mut speaking = Raw::connect(serving.sum);
        speaking.send("Client of A");
        assert_eq!(say(serving.sum, "Client of Eve: 1\n"), "Server of Bob: 42\n");
        serving.server.signal(signal);
        idle.expect_end();
        expect_closed(serving.sum);
        assert_eq!(speaking.send("da: 7\n").rest(), b"Server of Bob: 42\n");
        drop((idle, speaking));
        let stopped = serving.server.wait();
        assert_eq!(stopped.status.code(), Some(0), "{signal:?}: {}", stopped.stderr);
        assert_eq!(serving.said.iter().count(), 4, "{signal:?}");
    }
}

#[test]
fn sum_server_without_http_exits_0_on_sigterm() {
    let lone = Lone::new();
    let idle = Raw::connect(lone.sum);
    let child = lone.child.as_ref().expect("it runs");
    kill_process(Pid::from_child(child), Signal::TERM).expect("the signal is sent");
    let (code, said) = lone.end();
    assert_eq!((code, said.len()), (Some(0), 0));
    drop(idle);
}

#[test]
fn sum_quiet_server_responds_and_prints_nothing() {
    // No line tells its port, so the address is one that nobody else takes.
    let id = std::process::id().to_be_bytes();
    let sum = SocketAddr::from(([127, 77, id[2], id[3].max(1)], 9042));
    let mut command = reactor_server();
    command.args(["-q", "--no-http", "--sum-port", "9042", "--bind", &sum.ip().to_string()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the server starts");
    let said = lines(child.stdout.take().expect("its stdout"));
    let lone = Lone { child: Some(child), sum, said };
    let deadline = Instant::now() + WAIT_MAX;
    while TcpStream::connect(sum).is_err() {
        assert!(Instant::now() < deadline, "it never listens");
        std::thread::yield_now();
    }
    for number in ["7", "0"] {
        assert!(say(sum, format!("Client of Ada: {number}\n")).ends_with(": 42\n"));
    }
    assert_eq!(lone.end(), (Some(0), Vec::new()));
}

#[test]
fn sum_binds_http_address_taken_port_error_names_option() {
    let serving = Exchanging::new();
    assert_eq!(serving.sum.ip(), serving.server.address().ip());
    assert_ne!(serving.sum.port(), serving.server.address().port());
    let taken = serving.sum.port().to_string();
    let mut command = assert_cmd::Command::from_std(reactor_server());
    command.args(["--bind", "127.0.0.1", "-p", "0", "--sum-port", &taken]).timeout(WAIT_MAX);
    let output = command.output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains(&taken) && stderr.contains("--sum-port"), "{stderr}");
}

#[test]
fn sum_vanished_clients_leave_server_working() {
    let serving = Exchanging::new();
    for bytes in ["", "Client", "Client of Ada: 7\n"] {
        let mut client = Raw::connect(serving.sum);
        client.send(bytes);
        let socket = client.socket();
        rustix::net::sockopt::set_socket_linger(socket, Some(std::time::Duration::ZERO)).expect("a reset");
        drop(client);
        let client = Raw::connect(serving.sum);
        client.socket().shutdown(Shutdown::Both).expect("a shutdown");
    }
    assert_eq!(say(serving.sum, "Client of Ada: 7\n"), "Server of Bob: 42\n");
}
