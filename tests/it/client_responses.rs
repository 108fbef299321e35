//! What the client makes of answers: whole ones, broken ones, none at all.
//!
//! The body goes to standard output untouched, the story to standard error, and the exit code is
//! curl's. A scripted server sends what no good server would.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with};

use crate::harness::{Client, Outcome, Screen, Scripted, Server, Step, client, client_in, names_in};

/// The start of an answer whose body ends with its last chunk.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Fetches from a server that follows this script.
fn fetch(script: &[Step], options: &[&str]) -> Outcome {
    let server = Scripted::following(script);
    client(&[&["-p", &server.port()], options].concat())
}

/// Fetches this answer, after which the server closes.
fn fetch_answer(answer: impl AsRef<[u8]>, options: &[&str]) -> Outcome {
    fetch(&[Step::send(answer)], options)
}

/// A socket on a port of its own that nobody listens on until the test does.
fn bound_socket(address: SocketAddr) -> OwnedFd {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
    bind(&socket, &address).expect("a free port");
    socket
}

fn address_of(socket: &OwnedFd) -> SocketAddr {
    getsockname(socket).expect("an address").try_into().expect("an internet address")
}

#[test]
fn stderr_reports_each_step_of_a_request_in_order() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let outcome = client(&[&format!("{}/hello.txt", server.address())]).expect(0);
    assert_eq!(outcome.text(), "hello");
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let wanted = [
        format!("this host is {name}"),
        format!("connected to {} (127.0.0.1) in ", server.address()),
        "HTTP/1.1 200 OK".to_owned(),
        "received 5 bytes of text/plain in ".to_owned(),
    ];
    assert_eq!(outcome.stderr.lines().count(), wanted.len(), "{}", outcome.stderr);
    for (line, wanted) in outcome.stderr.lines().zip(&wanted) {
        assert!(line.starts_with(wanted), "{wanted:?} is not how {line:?} begins");
    }
}

#[test]
fn framed_body_ends_without_waiting_for_close() {
    let rows = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", "received 5 bytes in "),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 1\r\n\r\nx",
            "x",
            "received 1 byte of text/html in ",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
            "",
            "received 0 bytes of text/plain in ",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;a=b;c=\"d\"\r\nhello\r\n00007\r\n, world\r\n0\r\nX-Sum: 1\r\nX-End: 2\r\n\r\n",
            "hello, world",
            "received 12 bytes in ",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", "received 0 bytes in "),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nokmore", "ok", "received 2 bytes in "),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", "received 0 bytes in "),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", "received 0 bytes in "),
    ];
    for (answer, body, words) in rows {
        let bytes = answer.as_bytes().to_vec();
        for step in [Step::Send(bytes.clone()), Step::Trickle(bytes)] {
            let outcome = fetch(&[step, Step::Silence], &[]).expect(0);
            assert_eq!(outcome.text(), body, "{answer:?}");
            assert!(outcome.stderr.contains(words), "{answer:?}: {}", outcome.stderr);
        }
    }
}

#[test]
fn body_without_length_ends_at_close() {
    for answer in ["HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello"] {
        assert_eq!(fetch_answer(answer, &[]).expect(0).text(), "hello");
    }
}

#[test]
fn head_response_with_content_length_has_no_body() {
    let answer = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let outcome = fetch(&[answer, Step::Silence], &["-I"]).expect(0);
    assert_eq!(outcome.text(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

#[test]
fn binary_body_to_a_pipe_is_unchanged() {
    let body: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", body.as_slice()].concat();
    let outcome = fetch_answer(answer, &[]).expect(0);
    assert!(outcome.stdout == body, "{} bytes came, and not as they were", outcome.stdout.len());
    assert!(outcome.stderr.contains("received 200,000 bytes in "), "{}", outcome.stderr);
}

#[test]
fn partial_body_is_on_stdout_before_the_rest_arrives() {
    let start = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst");
    let server = Scripted::following(&[start, Step::Await, Step::send("second")]);
    let mut running = Client::start(&["-p", &server.port()], Screen::None, |_| ());
    running.stdout().wait_for("first");
    server.go();
    assert_eq!(running.finish().expect(0).text(), "firstsecond");
}

#[test]
fn interim_responses_are_skipped_and_shown_only_if_verbose() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for count in [1, 3, 16] {
        let answer = format!("{}{last}", interim.repeat(count));
        let outcome = fetch_answer(&answer, &[]).expect(0);
        assert_eq!(outcome.text(), "hello");
        assert!(!outcome.stderr.contains("103 Early"), "{}", outcome.stderr);
        let outcome = fetch_answer(&answer, &["-v"]).expect(0);
        assert_eq!(outcome.stderr.matches("< HTTP/1.1 103 Early Hints\n").count(), count);
        assert_eq!(outcome.stderr.matches("< Link: </style.css>\n").count(), count);
    }
    let outcome = fetch_answer(interim.repeat(17), &[]).expect(56);
    assert!(outcome.complaint().contains("interim"), "{}", outcome.stderr);
}

#[test]
fn truncated_body_is_written_then_exits_18() {
    let sized = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello".to_owned();
    let rows = [
        (sized, "hello", "95 bytes of it are missing"),
        (format!("{CHUNKED}5\r\nhello\r\n"), "hello", "last chunk is missing"),
        (format!("{CHUNKED}5\r\nhel"), "hel", "cut short"),
        (format!("{CHUNKED}5\r\nhello\r\n0\r\n"), "hello", "cut short"),
        (CHUNKED.to_owned(), "", "cut short"),
    ];
    for (answer, body, words) in rows {
        let outcome = fetch_answer(&answer, &[]).expect(18);
        assert_eq!(outcome.text(), body, "{answer:?}");
        assert!(outcome.complaint().contains(words), "{answer:?}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("received"), "{answer:?}: {}", outcome.stderr);
    }
}

#[test]
fn close_without_response_exits_52() {
    let outcome = fetch(&[], &[]).expect(52);
    assert!(outcome.complaint().contains("without a response"), "{}", outcome.stderr);
}

#[test]
fn connection_reset_exits_56() {
    let part = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    for script in [vec![Step::Reset], vec![part, Step::Reset]] {
        let outcome = fetch(&script, &[]).expect(56);
        assert!(outcome.complaint().contains("connection reset"), "{}", outcome.stderr);
    }
}

#[test]
fn malformed_response_exits_56_with_one_line_cause() {
    let rows = [
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "not HTTP"),
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), "not HTTP"),
        ("HTTP/2.0 200 OK\r\n\r\n".to_owned(), "version"),
        ("HTTP/1.1 OK\r\n\r\n".to_owned(), "status line"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n".to_owned(), "header field"),
        ("HTTP/1.1 200 OK\r\nContent-Le".to_owned(), "within the response head"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned(), "two that differ"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab".to_owned(), "Content-Length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab".to_owned(), "Content-Length"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, x\r\n\r\n".to_owned(), "Transfer-Encoding"),
        (format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(256 << 10)), "longer than 256 KiB"),
        ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n".to_owned(), "header field"),
        (CHUNKED.replace("chunked", "gzip, chunked"), "Transfer-Encoding"),
        (CHUNKED.replace("chunked", "gzip"), "Transfer-Encoding"),
        (format!("{CHUNKED}zz\r\nhello\r\n"), "chunk"),
        (format!("{CHUNKED}fffffffffffffffff\r\n"), "chunk"),
    ];
    for (answer, words) in rows {
        let outcome = fetch_answer(&answer, &[]).expect(56);
        let complaint = outcome.complaint();
        assert!(complaint.contains(words), "{answer:?}: {complaint}");
        assert!(complaint.matches("the response").count() <= 1, "said twice: {complaint}");
        assert!(outcome.stdout.is_empty(), "{answer:?}");
    }
}

#[test]
fn escape_sequences_of_the_server_never_reach_the_terminal() {
    let responses = [
        "HTTP/1.1 200 \x1b[31mOK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 \u{9b}31mOK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \x1b]0;title\x07\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \u{9b}31m\r\nContent-Type: \u{9b}31m\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\x1b[31m: x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 O\u{202e}K\r\nX: \u{2028}\u{200b}\r\nContent-Type: a\u{202e}\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nX:\n \x1b[31m\n\u{2028}: x\nContent-Length: 0\n\n",
        "\x1b[31m",
    ];
    let is_deceptive = |c: char| c.is_control() || "\u{202e}\u{2028}\u{200b}".contains(c);
    for answer in responses {
        let outcome = fetch_answer(answer, &["-v"]);
        let clean = outcome.stderr.chars().all(|c| c == '\n' || !is_deceptive(c));
        assert!(clean, "{answer:?}: {:?}", outcome.stderr);
        let server = Scripted::answering(answer);
        let outcome = Client::start(&["-i", "-p", &server.port()], Screen::Both, |_| ()).finish();
        let clean = outcome.stderr.chars().all(|c| "\r\n".contains(c) || !is_deceptive(c));
        assert!(clean, "a head on a terminal, {answer:?}: {:?}", outcome.stderr);
    }
    let answer = "HTTP/1.1 200 O\u{202e}K\r\nX: \x1b\u{200b}\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(fetch_answer(answer, &["-i"]).expect(0).text(), answer, "a pipe gets what came");
}

#[test]
fn error_status_exits_0_and_with_fail_22() {
    let server = Server::serving(&[]);
    let url = format!("{}/missing", server.address());
    let outcome = client(&[&url]).expect(0);
    assert!(outcome.stderr.contains("HTTP/1.1 404 Not Found\n") && !outcome.stdout.is_empty());
    for (status, args) in [(404, ["-f", "/missing"]), (500, ["--fail", "/"])] {
        let answer = format!("HTTP/1.1 {status} Oh\r\nContent-Length: 5\r\n\r\nhello");
        let outcome = fetch_answer(answer, &args).expect(22);
        assert!(outcome.complaint().contains(&status.to_string()), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
    }
    let outcome = client(&["-f", &url]).expect(22);
    assert!(outcome.stdout.is_empty());
}

#[test]
fn refused_connection_exits_7_with_address_and_reason() {
    let socket = bound_socket((Ipv4Addr::LOCALHOST, 0).into());
    let address = address_of(&socket);
    let outcome = client(&[&address.to_string()]).expect(7);
    let complaint = outcome.complaint();
    assert!(complaint.contains(&format!("{address}: connection refused")), "{complaint}");
    assert!(outcome.stdout.is_empty());
    assert_eq!(client(&["-s", &address.to_string()]).expect(7).stderr, "");
}

#[test]
fn unknown_host_exits_6_with_its_name() {
    // A label over 63 bytes can be in no zone: the resolver says so without asking anybody.
    let host = format!("{}.invalid", "x".repeat(64));
    let outcome = client(&[&format!("http://{host}/")]).expect(6);
    assert!(outcome.complaint().contains(&format!("'{host}'")), "{}", outcome.stderr);
}

#[test]
fn every_address_of_a_host_is_tried() {
    let addresses: Vec<_> = ("localhost", 0).to_socket_addrs().expect("localhost").collect();
    let [first, .., last] = addresses.as_slice() else {
        eprintln!("skipped: on this machine, localhost has a single address, {addresses:?}");
        return;
    };
    let answer = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let server = Scripted::on(last.ip(), &[answer], 1);
    let url = format!("localhost:{}", server.port());
    let port = server.port().parse().expect("a port");
    // Taken, but not listened on: the first address refuses for sure.
    let _refusing = bound_socket(SocketAddr::new(first.ip(), port));
    let outcome = client(&[&url]).expect(0);
    let words = format!("connected to {} (localhost)", SocketAddr::new(last.ip(), port));
    assert!(outcome.stderr.contains(&words), "{}", outcome.stderr);
}

#[test]
fn silent_server_exits_28_at_max_time() {
    let head = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    for script in [vec![Step::Silence], vec![head, Step::Silence]] {
        let outcome = fetch(&script, &["-m", "0.2"]).expect(28);
        assert!(outcome.complaint().contains("timed out after 2"), "{}", outcome.stderr);
    }
}

#[test]
fn unaccepted_connection_exits_28_at_connect_timeout() {
    let socket = bound_socket((Ipv4Addr::LOCALHOST, 0).into());
    listen(&socket, 0).expect("a listener");
    let address = address_of(&socket);
    // More connections than its queue holds: the kernel leaves the next one without an answer.
    let pending_connections: Vec<TcpStream> = (0..8)
        .map(|_| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let one = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).expect("a socket");
            let _ = connect(&one, &address);
            TcpStream::from(one)
        })
        .collect();
    for option in ["--connect-timeout=0.2", "--max-time=0.2"] {
        let outcome = client(&[option, &address.to_string()]).expect(28);
        assert!(outcome.complaint().contains("timed out after 200 ms"), "{}", outcome.stderr);
    }
    drop(pending_connections);
}

#[test]
fn closed_stdout_exits_23_without_panic() {
    let server = Server::serving(&[("hello.txt", b"hello"), ("large", &[b'x'; 300_000])]);
    let small = format!("{}/hello.txt", server.address());
    let large = format!("{}/large", server.address());
    for args in [&[small.as_str()][..], &[&large], &["-I", &small], &["--help"], &["--version"]] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let close = |command: &mut std::process::Command| {
            command.stdout(writer);
        };
        let outcome = Client::start(args, Screen::None, close).finish().expect(23);
        assert!(!outcome.stderr.contains("panicked"), "{args:?}: {}", outcome.stderr);
        if !args[0].starts_with("--") {
            let words = "cannot write standard output";
            assert!(outcome.complaint().contains(words), "{args:?}: {}", outcome.stderr);
        }
    }
}

#[test]
fn responses_that_curl_reads_are_read() {
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 5\r\n\r\nhello", "X: y\r\n".repeat(500));
    let rows = [
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n\t5\r\n\r\nhello",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length : 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX: \x01\r\nContent-Length: 5\r\n\r\nhello",
        &many,
        &format!("{CHUNKED}5  \r\nhello\r\n0\t\r\n\r\n"),
        &format!("{CHUNKED}5;what \"is\r\nhello\r\n0\r\nno colon\r\n\r\n"),
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\nX: y\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
    ];
    for answer in rows {
        let bytes = answer.as_bytes().to_vec();
        for step in [Step::Send(bytes.clone()), Step::Trickle(bytes)] {
            assert_eq!(fetch(&[step], &[]).expect(0).text(), "hello", "{answer:?}");
        }
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 5\r\n\r\nhello", "x".repeat(255 << 10));
    assert_eq!(fetch_answer(long, &[]).expect(0).text(), "hello");
    let folded = fetch_answer(rows[0], &["-v"]).expect(0);
    assert!(folded.stderr.contains("< X: a b\n"), "{}", folded.stderr);
    let folded = fetch_answer(rows[0], &["-i"]).expect(0);
    assert_eq!(folded.text(), "HTTP/1.1 200 OK\r\nX: a b\r\nContent-Length: 5\r\n\r\nhello");
}

#[test]
fn body_in_an_unknown_coding_is_not_saved() {
    for coding in ["gzip", "gzip, chunked", "chunked, gzip", "deflate;q=1"] {
        let directory = tempfile::tempdir().expect("a folder");
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        let server = Scripted::answering(answer);
        let outcome = client_in(directory.path(), &["-o", "file", "-p", &server.port()]).expect(56);
        assert!(outcome.complaint().contains("no other is supported"), "{}", outcome.stderr);
        assert_eq!(names_in(directory.path()), [""; 0], "{coding}");
    }
}
