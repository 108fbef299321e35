//! `reactor-client sum`: against the real server, and against servers that no good server would be.
//!
//! What only time can show, an answer that never comes, is in `in_memory/sum.rs`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use super::Exchanging;
use crate::harness::{Client, Outcome, Screen, WAIT_MAX, client};

/// What a server does when it has read the client's line.
#[derive(Clone, Copy)]
enum Deed {
    Say(&'static [u8]),
    Reset,
}

/// A server for one client; its port.
fn scripted(action: Deed) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut String::new()).expect("its line");
        match action {
            Deed::Say(bytes) => drop(stream.get_mut().write_all(bytes)),
            Deed::Reset => {
                let reset = Some(std::time::Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(stream.get_ref(), reset).expect("a reset");
            }
        }
    });
    port.to_string()
}

/// Runs `reactor-client sum` with these bytes on its standard input.
fn asked(args: &[&str], input: &[u8]) -> Outcome {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(input).expect("room for the input");
    drop(writer);
    let args = [&["sum"], args].concat();
    Client::start(&args, Screen::None, |command| {
        command.stdin(Stdio::from(reader));
    })
    .finish()
}

#[test]
fn sum_client_and_server_print_numbers_and_sum() {
    let serving = Exchanging::new();
    let port = serving.sum.port().to_string();
    for args in [
        &["sum", "7", "--name", "Ada Ω", "--port", &port][..],
        &["sum", "--name=Ada Ω", "-p", &port, "7"],
        &["sum", "7", "--name", "Ada Ω", "-p", &port, "--host", "localhost"],
    ] {
        let outcome = client(args).expect(0);
        assert_eq!(outcome.text(), "Client of Ada Ω: 7\nServer of Bob: 42\nsum: 49\n", "{args:?}");
        let connected = format!(", connected to 127.0.0.1:{port} (");
        assert!(
            outcome.stderr.starts_with("this host is ") && outcome.stderr.contains(&connected),
            "{args:?}"
        );
        assert_eq!(serving.line(), "Client of Ada Ω has connected to Server of Bob");
        assert_eq!(serving.line(), "Client of Ada Ω: 7, Server of Bob: 42, sum: 49");
    }
    let outcome = client(&["sum", "-5", "-p", &port, "--name", "Eve"]).expect(0);
    assert_eq!(outcome.text(), "Client of Eve: -5\nServer of Bob: 42\nsum: 37\n");
}

#[test]
fn sum_client_name_defaults_to_user_then_host() {
    let serving = Exchanging::new();
    let port = serving.sum.port().to_string();
    let started = |user: Option<&str>| {
        let client = Client::start(&["sum", "7", "-p", &port], Screen::None, |command| {
            match user {
                Some(user) => command.env("USER", user),
                None => command.env_remove("USER"),
            };
        });
        client.finish().expect(0).text().to_owned()
    };
    assert!(started(Some("ada")).starts_with("Client of ada: 7\n"));
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for user in [None, Some(""), Some("\u{1b}[31m")] {
        assert!(started(user).starts_with(&format!("Client of {machine}: 7\n")), "{user:?}");
    }
}

#[test]
fn sum_client_without_number_prompts_until_integer() {
    let serving = Exchanging::new();
    let port = serving.sum.port().to_string();
    let outcome = asked(&["-p", &port, "--name", "Ada"], b"seven\n\n7.5\n 7 \n8\n").expect(0);
    assert_eq!(outcome.text(), "Client of Ada: 7\nServer of Bob: 42\nsum: 49\n");
    assert_eq!(outcome.stderr.matches("Your number: ").count(), 4, "{}", outcome.stderr);
    for wrong in ["'seven' is not an integer", "'' is not an integer", "'7.5' is not an integer"] {
        assert!(outcome.stderr.contains(wrong), "{}", outcome.stderr);
    }
}

#[test]
fn sum_client_stdin_without_number_exits_2() {
    for input in [&b""[..], b"seven\n", b"seven"] {
        let outcome = asked(&["-p", "9"], input).expect(2);
        let complaint = "reactor-client: no number was given: standard input ended";
        assert_eq!(outcome.complaint(), complaint);
        assert_eq!(outcome.text(), "");
    }
}

#[test]
fn sum_client_bad_response_gives_one_line_and_exit_code() {
    let long: &'static [u8] = &[b'x'; 300];
    let cases: [(Deed, i32, &str); 11] = [
        (Deed::Say(b"error: not you\n"), 1, "the server refused: not you"),
        (Deed::Say(b"error: not\x1b[31m you\r\nat all\n"), 1, "the server refused: not[31m you"),
        (Deed::Say(b""), 52, "the server sent nothing"),
        (Deed::Reset, 56, "the connection ended"),
        (Deed::Say(b"Server of Bob: 42"), 56, "the line has no end"),
        (Deed::Say(b"Server of Bob: many\n"), 56, "the number is not an integer"),
        (Deed::Say(b"Client of Bob: 42\n"), 56, "not of the form 'Server of NAME: NUMBER'"),
        (Deed::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 56, "not of the form 'Server of NAME: NUMBER'"),
        (Deed::Say(b"Server of B\x1b[31m: 42\n"), 56, "without control characters"),
        (Deed::Say(b"Server of Bob: 9223372036854775807\n"), 56, "does not fit into 64 bits"),
        (Deed::Say(long), 56, "at most 256 bytes"),
    ];
    for (action, code, message) in cases {
        let outcome = client(&["sum", "7", "-p", &scripted(action)]).expect(code);
        assert!(outcome.complaint().contains(message), "{}", outcome.stderr);
        assert_eq!((outcome.stderr.lines().count(), outcome.text()), (1, ""), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains('\x1b'), "{:?}", outcome.stderr);
    }
}

#[test]
fn sum_client_overflow_or_unreachable_server_gives_exit_code() {
    let serving = Exchanging::new();
    let port = serving.sum.port().to_string();
    let max = i64::MAX.to_string();
    let outcome = client(&["sum", &max, "-p", &port]).expect(1);
    let message =
        "reactor-client: the server refused: the sum of 9223372036854775807 and 42 does not fit into 64 bits";
    assert_eq!(outcome.complaint(), message);
    super::expect_closed(serving.sum);
    let outcome = client(&["sum", "7", "-p", &port, "--host", "localhost"]).expect(7);
    assert!(
        outcome.complaint().contains(&format!("127.0.0.1:{port}: connection refused")),
        "{}",
        outcome.stderr
    );
    // A label over 63 bytes can be in no zone: the resolver says so without asking anybody.
    let nobody = format!("{}.invalid", "x".repeat(64));
    let outcome = client(&["sum", "7", "--host", &nobody]).expect(6);
    assert!(outcome.complaint().contains(&format!("cannot resolve '{nobody}'")), "{}", outcome.stderr);
}

#[test]
fn sum_client_bad_arguments_exit_2_and_help_lists_options() {
    let rows: [(&[&str], &str); 6] = [
        (&["sum", "seven"], "'seven' is not an integer"),
        (&["sum", "7", "8"], "unexpected word '8'"),
        (&["sum", "7", "--name", ""], "option '--name'"),
        (&["sum", "-i"], "unknown option '-i'"),
        (&["-v", "sum", "7"], "'sum' is a command and comes first"),
        (&["GET", "sum", "7"], "unexpected word '7'"),
    ];
    for (args, message) in rows {
        let outcome = client(args).expect(2);
        assert!(outcome.complaint().contains(message), "{args:?}: {}", outcome.stderr);
        assert_eq!((outcome.stderr.lines().count(), outcome.text()), (1, ""), "{args:?}: {}", outcome.stderr);
    }
    let help = client(&["sum", "--help"]).expect(0);
    for part in ["NUMBER", "--name", "--host", "-p, --port", "9042", "http://sum/"] {
        assert!(help.text().contains(part), "{part} is not in the help");
    }
    assert!(client(&["--help"]).expect(0).text().contains("http://sum/"));
}
