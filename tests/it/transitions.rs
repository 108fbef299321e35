//! The tables of states are true: each row of them happens, and nothing else does.
//!
//! The real programs run through a script of exchanges and tell each change of state on standard
//! error; what only the right moment can reach is driven in virtual time.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::TcpListener;

use reactor_http::{client, load, server, sum};

use crate::harness::{Raw, Scripted, Server, WAIT_MAX};
use crate::in_memory::{an_attempt_that_is_overdue, overdue_sum_client};
use crate::sum::Exchanging;

/// A change of state, as it is told: `Reading -> Parsing`.
type Rows = BTreeSet<String>;

fn row(from: impl Debug, to: impl Debug) -> String {
    format!("{from:?} -> {to:?}")
}

fn table<P: Debug>(rows: &[(P, P)]) -> Rows {
    let lines: Rows = rows.iter().map(|(from, to)| row(from, to)).collect();
    assert_eq!(lines.len(), rows.len(), "no row is there twice");
    lines
}

/// The changes that `module` has told in these diagnostics.
fn seen(diagnostics: &str, module: &str) -> Rows {
    let lines = diagnostics.lines().filter(|line| line.contains(module) && line.contains(" -> "));
    lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            words[words.len() - 3..].join(" ")
        })
        .collect()
}

/// The changes that a run of the client tells of, which must end with this exit code.
fn seen_by_client(args: &[&str], code: i32) -> Rows {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_reactor-client"))
        .args(args)
        .env("RUST_LOG", "debug")
        .timeout(WAIT_MAX)
        .output()
        .expect("the client runs");
    assert_eq!(output.status.code(), Some(code));
    seen(&String::from_utf8_lossy(&output.stderr), "client::connection")
}

/// Exchanges that lead a connection through all its states.
fn converse(server: &Server) {
    let get = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";

    // One at a time, two at once, and the end of the peer's input.
    let mut client = server.connect();
    assert_eq!(client.get("/a.txt").status, 200);
    client.send(get.repeat(2));
    assert_eq!((client.reply().status, client.reply().status), (200, 200));
    client.finish().expect_end();

    // A head that never becomes whole.
    client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\n");
    assert_eq!(client.reply().status, 408);
    client.expect_end();

    // A body, which must be asked for to be surely late.
    client = server.connect();
    client.send("OPTIONS * HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply().status, 100);
    assert_eq!(client.send("hello").reply().status, 204);

    // A folder as an archive, with a body to be read first, and without.
    client = server.connect();
    client.send(
        "GET /?archive=tar HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.reply().status, 100);
    assert_eq!(client.send("hello").reply().status, 200);
    assert_eq!(client.get("/?archive=tar").status, 200);

    // The last request of a connection.
    client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    client.expect_end();
}

#[test]
fn server_makes_exactly_the_transitions_of_its_table() {
    let options = ["--header-timeout", "100ms", "--idle-timeout", "20s"];
    let server = Server::spawn(&[("a.txt", b"a")], &options, |command| {
        command.env("RUST_LOG", "debug");
    });
    converse(&server);
    let stopped = server.stop();
    assert_eq!(seen(&stopped.stderr, "server::connection::state_machine"), table(server::TRANSITIONS));
}

#[test]
fn client_makes_exactly_the_transitions_of_its_table() {
    let server = Server::serving(&[("a.txt", b"a")]);
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused = refusing.local_addr().expect("its address");
    drop(refusing);

    let mut rows = Rows::new();
    let addresses = [(server.address(), 0), (refused, 7)];
    for (address, code) in addresses {
        rows.extend(seen_by_client(&[&format!("http://{address}/a.txt")], code));
    }
    // A body that waits to be asked for: it is refused, and there is no answer at all.
    let silent = Scripted::following(&[]);
    for (url, code) in [(format!("http://{}/b", server.address()), 22), (format!(":{}/b", silent.port()), 52)]
    {
        rows.extend(seen_by_client(&["-T", "-", &url], code));
    }
    // The next file on the same connection.
    let storing = Server::with(&[], &["--upload"]);
    let file = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let url = format!("http://{}/", storing.address());
    rows.extend(seen_by_client(&["-T", &file("Cargo.toml"), "-T", &file("README.md"), &url], 0));
    let (from, to) = an_attempt_that_is_overdue();
    rows.insert(row(from, to));
    assert_eq!(rows, table(client::connection::TRANSITIONS));
}

/// The changes that a run of the load generator against this port tells of, however it ends.
fn seen_in_load(port: &str, options: &str) -> Rows {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_reactor-client"))
        .args(["-s", "-p", port])
        .args(options.split(' '))
        .env("RUST_LOG", "debug")
        .timeout(WAIT_MAX)
        .output()
        .expect("the client runs");
    seen(&String::from_utf8_lossy(&output.stderr), "load::engine::connection")
}

#[test]
fn load_makes_exactly_the_transitions_of_its_table() {
    let options = ["--idle-timeout", "100ms"];
    let server = Server::with(&[("small", b"a"), ("large", &[b'x'; 3_000_000])], &options);
    let port = server.address().port().to_string();
    let mut rows = Rows::new();
    for options in [
        // An answer in one piece and one in many, each followed by another request or by none.
        "-n 3 -c 1 /small",
        "-n 3 -c 1 /large",
        "-n 2 -c 1 --no-keepalive /small",
        "-n 2 -c 1 --no-keepalive /large",
        // By a schedule: a connection that is made too early, rests between requests, and is closed.
        "-n 3 -c 2 -q 20 /small",
        "-n 3 -c 1 -q 20 /large",
        "-n 2 -c 1 -q 2 /small",
    ] {
        rows.extend(seen_in_load(&port, options));
    }
    assert_eq!(rows, table(load::engine::connection::TRANSITIONS));
}

#[test]
fn sum_sides_make_exactly_the_transitions_of_their_tables() {
    let serving = Exchanging::spawn(&[], |command| {
        command.env("RUST_LOG", "debug");
    });
    Raw::connect(serving.sum).finish().expect_end();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_reactor-client"))
        .args(["sum", "7", "-p", &serving.sum.port().to_string()])
        .env("RUST_LOG", "debug")
        .timeout(WAIT_MAX)
        .output()
        .expect("the client runs");
    assert_eq!(output.status.code(), Some(0));
    let mut rows = seen(&String::from_utf8_lossy(&output.stderr), "sum::client");
    let (from, to) = overdue_sum_client();
    rows.insert(row(from, to));
    assert_eq!(rows, table(sum::client::TRANSITIONS));
    let stopped = serving.server.stop();
    assert_eq!(seen(&stopped.stderr, "sum::server"), table(sum::server::TRANSITIONS));
}

#[test]
fn seen_extracts_transitions_of_one_module_from_log() {
    let text = [
        "[2026-01-01T00:00:00Z DEBUG reactor_http::server::connection::state_machine] 127.0.0.1:4000: Reading -> Parsing",
        "[2026-01-01T00:00:00Z INFO  reactor_http::server::connection::state_machine] 127.0.0.1:4000 closed: finished",
        "[2026-01-01T00:00:00Z DEBUG elsewhere] this -> that",
    ]
    .join("\n");
    assert_eq!(
        seen(&text, "server::connection::state_machine"),
        Rows::from(["Reading -> Parsing".to_owned()])
    );
}
