//! The examples of the documentation, run as they are.
//!
//! A reader copies them first, and no other test notices when they no longer work.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Server, WAIT_MAX, client, client_in, lines, pattern};

/// A running example. Dropping it kills the process.
struct Example(Child);

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program of an example. `cargo test` builds it, but `cargo test --test it` does not.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let profile_dir = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let path = profile_dir.join("examples").join(name);
    if !path.exists() {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--quiet", "--example", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.arg("--target-dir").arg(profile_dir.parent().expect("the target directory"));
        if profile_dir.ends_with("release") {
            command.arg("--release");
        }
        assert!(command.status().expect("cargo starts").success(), "cannot build the example {name}");
    }
    path
}

#[test]
fn echo_example_returns_bytes_on_two_connections() {
    /// Longer than the receive buffer of the example, shorter than what two sockets hold.
    const LEN: usize = 50_000;
    let mut child = Command::new(program("echo")).stdout(Stdio::piped()).spawn().expect("it starts");
    let told = lines(child.stdout.take().expect("a pipe"));
    let _example = Example(child);
    let address = told.recv_timeout(WAIT_MAX).expect("the address");
    let connect = || {
        let stream = TcpStream::connect(&address).expect("a connection");
        stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
        stream
    };
    let (mut first, mut second) = (connect(), connect());
    second.write_all(b"two").expect("room");
    let mut echoed = [0; 3];
    second.read_exact(&mut echoed).expect("the bytes");
    assert_eq!(&echoed, b"two", "an idle connection holds up nobody");

    let bytes = pattern(LEN);
    first.write_all(&bytes).expect("room");
    first.shutdown(Shutdown::Write).expect("the end of the input");
    let mut echoed = Vec::new();
    first.read_to_end(&mut echoed).expect("the bytes and the end");
    assert!(echoed == bytes, "{} of {LEN} bytes came back, or others", echoed.len());
}

/// The command of the help and of the classroom, in a clone.
#[test]
fn put_command_of_the_help_sends_client_text() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let help = client(&["--help"]).expect(0);
    let commands =
        help.text().lines().filter_map(|line| line.trim().strip_prefix("reactor-client localhost 8080 PUT "));
    let path = commands.filter_map(|rest| rest.split_whitespace().next()).next().expect("a command with PUT");
    let server = Server::with(&[("index.html", b"home")], &["--upload"]);
    let port = server.address().port().to_string();
    let outcome = client_in(clone, &["localhost", &port, "PUT", path]).expect(0);
    assert!(outcome.stderr.contains(&format!("at {path} (created)")), "{}", outcome.stderr);
    let sent = std::fs::read(clone.join(path.trim_start_matches('/'))).expect("the file of the clone");
    assert_eq!(server.get(path).body, sent);
}
