//! Sending a file: whole, from wherever it comes, and with ears open, for the answer may come first.
//!
//! Some servers here are of the test's own making: they read, or do not read, exactly what it wants.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::harness::{Client, Screen, Scripted, Server, Step, WAIT_MAX, client_in, pattern};

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnot here";
const NOT_STORED: &str = "reactor-client: not stored: the server refused it with 403 Forbidden";
/// Longer than what two sockets hold between them, and than what is sent without being asked for.
const LARGE_LEN: u64 = 256 << 20;

fn serve() -> Server {
    Server::with(&[("in/x", b"")], &["--upload"])
}

/// A folder with a text, and a large file that takes no room.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("client-text.txt"), "hello there\n").expect("a file");
    let large = File::create(folder.path().join("large")).expect("a file");
    large.set_len(LARGE_LEN).expect("a length");
    folder
}

/// A server for one connection; what it returns is told.
fn listen<T: Send + 'static>(
    serve: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
) -> (SocketAddr, Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
        stream.set_write_timeout(Some(WAIT_MAX)).expect("a deadline");
        let _ = tell.send(serve(&mut stream));
    });
    (address, told)
}

/// Reads up to and with this end.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("more of it");
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).expect("text")
}

fn told<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(WAIT_MAX).expect("the server's report")
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn put_sends_the_file_named_by_path_and_reports_result() {
    let (server, folder) = (serve(), folder());
    let port = server.address().port().to_string();
    for what in ["created", "replaced"] {
        let args = ["127.0.0.1", &port, "PUT", "/client-text.txt"];
        let outcome = client_in(folder.path(), &args).expect(0);
        let expected = format!("stored 12 bytes at /client-text.txt ({what})");
        assert_eq!(last_line(&outcome.stderr), expected);
        assert!(outcome.stdout.is_empty());
        assert_eq!(server.get("/client-text.txt").text(), "hello there\n");
    }
}

#[test]
fn upload_to_a_trailing_slash_appends_encoded_file_name() {
    let (server, folder) = (serve(), folder());
    let port = server.address().port().to_string();
    let bytes = pattern(5_000_000);
    fs::create_dir(folder.path().join("d")).expect("a folder");
    for (name, bytes) in [("empty", &b""[..]), ("one", b"1"), ("d/a b%20?#é", &bytes), ("-dash", b"dash")] {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }
    for (args, sent, stored, confirmed) in [
        (&["-T", "empty", "/e"][..], "empty", "e", "0 bytes at /e"),
        (&["--upload-file=one", "PUT", "/in/"], "one", "in/one", "1 byte at /in/one"),
        (
            &["-T", "d/a b%20?#é", "/in/"],
            "d/a b%20?#é",
            "in/a b%20?#é",
            "5,000,000 bytes at /in/a%20b%2520%3F%23%C3%A9",
        ),
        (&["-T-dash", "/"], "-dash", "-dash", "4 bytes at /-dash"),
        (&["-XPUT", "/one"], "one", "one", "1 byte at /one"),
    ] {
        let args = [&["-p", &port], args].concat();
        let outcome = client_in(folder.path(), &args).expect(0);
        assert_eq!(last_line(&outcome.stderr), format!("stored {confirmed} (created)"));
        let stored_bytes = fs::read(server.root().join(stored)).expect("it is there");
        assert!(stored_bytes == fs::read(folder.path().join(sent)).expect("the file"), "{stored}");
    }
}

#[test]
fn stdin_upload_is_stored_up_to_end_of_input() {
    let server = serve();
    let url = format!("http://{}/a", server.address());
    for bytes in [Vec::new(), b"x".to_vec(), pattern(20_000_000)] {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let running = Client::start(&["-T", "-", &url], Screen::None, |command| {
            command.stdin(reader);
        });
        writer.write_all(&bytes).expect("the client reads");
        drop(writer);
        let outcome = running.finish().expect(0);
        assert!(last_line(&outcome.stderr).starts_with("stored "), "{}", outcome.stderr);
        assert!(server.get("/a").body == bytes, "{} bytes", bytes.len());
    }
    for (input, expected) in [("/dev/null", 0), (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), 500)] {
        let file = File::open(input).expect("it is there");
        let running = Client::start(&["-sST-", &url], Screen::None, |command| {
            command.stdin(file);
        });
        running.finish().expect(0);
        assert!(server.get("/a").body.len() >= expected, "{input}");
    }
}

#[test]
fn stdin_upload_sends_each_chunk_as_it_arrives() {
    let (go, gone) = mpsc::channel();
    let (address, report) = listen(move |stream| {
        let head = read_until(stream, "\r\n\r\n");
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("the client listens");
        for piece in ["5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"] {
            assert_eq!(read_until(stream, piece), piece);
            go.send(()).expect("the test waits");
        }
        stream.write_all(CREATED.as_bytes()).expect("the client listens");
        head
    });
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let running = Client::start(&["-T-", &format!("http://{address}/a")], Screen::None, |command| {
        command.stdin(reader);
    });
    for piece in ["first", "second"] {
        writer.write_all(piece.as_bytes()).expect("the client reads");
        told(&gone);
    }
    drop(writer);
    told(&gone);
    let outcome = running.finish().expect(0);
    assert_eq!(last_line(&outcome.stderr), "stored 11 bytes at /a (created)");
    let head = told(&report);
    assert!(
        head.contains("\r\nTransfer-Encoding: chunked\r\n") && head.contains("\r\nExpect: 100-continue\r\n")
    );
    assert!(!head.contains("Content-Length"), "{head}");
}

#[test]
fn idle_stdin_does_not_delay_the_response() {
    for steps in [
        &[Step::send(REFUSED)][..],
        &[Step::send("HTTP/1.1 100 Continue\r\n\r\n"), Step::Await, Step::send(REFUSED)],
    ] {
        let server = Scripted::following(steps);
        let (reader, _writer) = io::pipe().expect("a pipe");
        let port = server.port();
        let mut running = Client::start(&["-vT-", "-p", &port, "/a"], Screen::None, |command| {
            command.stdin(reader);
        });
        if steps.len() > 1 {
            running.stderr().wait_for("100 Continue");
            server.go();
        }
        let outcome = running.finish().expect(22);
        assert_eq!(outcome.text(), "not here");
        assert_eq!(outcome.complaint(), NOT_STORED);
    }
}

#[test]
fn expect_100_continue_is_sent_only_above_1_mib() {
    let folder = folder();
    fs::write(folder.path().join("short"), pattern(1 << 20)).expect("a file");
    fs::write(folder.path().join("long"), pattern((1 << 20) + 1)).expect("a file");
    for (name, args, waits) in [
        ("short", &[][..], false),
        ("long", &[], true),
        ("long", &["-H", "Expect:"], false),
        ("short", &["-H", "Expect: 100-continue"], true),
    ] {
        let (address, report) = listen(|stream| {
            let head = read_until(stream, "\r\n\r\n");
            stream.write_all(REFUSED.as_bytes()).expect("the client listens");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            (head, rest.len())
        });
        let url = format!("http://{address}/{name}");
        let args = [&["PUT", &url], args].concat();
        client_in(folder.path(), &args).expect(22);
        let (head, rest_len) = told(&report);
        assert_eq!(head.contains("\r\nExpect: 100-continue\r\n"), waits, "{name} {args:?}");
        assert_eq!(head.matches("Expect").count(), usize::from(waits), "{head}");
        assert!(!waits || rest_len == 0, "{rest_len} bytes that nobody asked for");
    }
}

#[test]
fn upload_without_100_continue_is_sent_after_timeout() {
    let folder = folder();
    let bytes = pattern(3_000_000);
    fs::write(folder.path().join("long"), &bytes).expect("a file");
    let (address, report) = listen(move |stream| {
        read_until(stream, "\r\n\r\n");
        let mut body = vec![0; 3_000_000];
        stream.read_exact(&mut body).expect("the whole body");
        stream.write_all(CREATED.as_bytes()).expect("the client listens");
        body
    });
    let outcome = client_in(folder.path(), &["PUT", &format!("http://{address}/long")]).expect(0);
    assert_eq!(last_line(&outcome.stderr), "stored 3,000,000 bytes at /long (created)");
    assert!(told(&report) == bytes);
}

#[test]
fn early_response_is_printed_and_stops_the_upload() {
    let folder = folder();
    for (fail, body) in [(&[][..], "not here"), (&["-f"], "")] {
        // It takes all that is sent, as fast as it can.
        let (address, report) = listen(|stream| {
            read_until(stream, "\r\n\r\n");
            stream.write_all(REFUSED.as_bytes()).expect("the client listens");
            io::copy(stream, &mut io::sink()).unwrap_or_default()
        });
        let url = format!("http://{address}/large");
        let args = [&["PUT", &url, "-H", "Expect:"], fail].concat();
        let outcome = client_in(folder.path(), &args).expect(22);
        assert_eq!(outcome.text(), body);
        assert!(outcome.stderr.contains("HTTP/1.1 403 Forbidden"), "{}", outcome.stderr);
        let taken = told(&report);
        assert!(taken < LARGE_LEN, "all of it has been sent");
    }
}

#[test]
fn early_response_followed_by_reset_is_still_printed() {
    let folder = folder();
    for _ in 0..20 {
        // It reads nothing of the body and closes, which resets the connection.
        let server = Scripted::answering(REFUSED);
        let args = ["-p", &server.port(), "PUT", "/large", "-H", "Expect:"];
        let outcome = client_in(folder.path(), &args).expect(22);
        assert_eq!(outcome.text(), "not here");
        assert_eq!(outcome.complaint(), NOT_STORED);
    }
}

#[test]
fn reset_exits_56_and_early_2xx_response_exits_55() {
    let folder = folder();
    let server = Scripted::following(&[Step::Reset]);
    let outcome = client_in(folder.path(), &["-p", &server.port(), "PUT", "/large", "-HExpect:"]).expect(56);
    assert!(outcome.complaint().contains("the connection failed"), "{}", outcome.stderr);
    let server = Scripted::answering(CREATED);
    let outcome = client_in(folder.path(), &["-p", &server.port(), "PUT", "/large", "-HExpect:"]).expect(55);
    assert!(outcome.complaint().contains("before it had the whole file"), "{}", outcome.stderr);
}

#[test]
fn rejected_upload_reports_status_and_server_message() {
    let server = Server::with(&[("d/x", b"")], &["-u", "--max-upload", "1M"]);
    let folder = folder();
    let off = Server::serving(&[]);
    for (server, file, path, status, words) in [
        (&off, "large", "/a", "403 Forbidden", "--upload"),
        (&server, "client-text.txt", "/none/a", "409 Conflict", "does not exist"),
        (&server, "client-text.txt", "/d", "409 Conflict", "directory"),
        (&server, "large", "/.a", "403 Forbidden", "dot"),
        (&server, "large", "/a", "413 Content Too Large", "--max-upload"),
    ] {
        let url = format!("http://{}{path}", server.address());
        for expect in ["X: y", "Expect:"] {
            let outcome = client_in(folder.path(), &["-T", file, &url, "-H", expect]).expect(22);
            assert!(outcome.text().contains(words), "{path}: {}", outcome.text());
            let last = format!("reactor-client: not stored: the server refused it with {status}");
            assert!(outcome.complaint().starts_with(&last), "{path} {expect}: {}", outcome.complaint());
            assert!(outcome.complaint().contains(words), "{path} {expect}: {}", outcome.complaint());
            client_in(folder.path(), &["-fT", file, &url, "-H", expect]).expect(22);
        }
    }
}

#[test]
fn unreadable_file_exits_26_without_connecting() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a look without a wait");
    let url = format!("http://{}/none.txt", listener.local_addr().expect("its address"));
    for (args, name) in [(&["PUT"][..], "'none.txt'"), (&["-T", "."], "'.'"), (&["-T", "a/b"], "'a/b'")] {
        let outcome = client_in(folder.path(), &[args, &[&url]].concat()).expect(26);
        let line = outcome.complaint();
        assert!(line.starts_with(&format!("reactor-client: cannot read {name}: ")), "{line}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    }
}

#[test]
fn file_that_shrinks_during_upload_exits_26() {
    let folder = folder();
    let path = folder.path().join("large");
    let (address, report) = listen(move |stream| {
        read_until(stream, "\r\n\r\n");
        // The client is in the middle of it now, for nobody takes the rest.
        stream.read_exact(&mut [0; 1000]).expect("a part");
        File::options().write(true).open(path).and_then(|file| file.set_len(2000)).expect("a shorter file");
        io::copy(stream, &mut io::sink()).unwrap_or_default()
    });
    let url = format!("http://{address}/large");
    let outcome = client_in(folder.path(), &["PUT", &url, "-H", "Expect:"]).expect(26);
    assert!(outcome.complaint().contains("the file shrank"), "{}", outcome.stderr);
    assert!(told(&report) < LARGE_LEN);
}

/// Starts to send the large file to a server that takes it only when it is told to.
fn held(folder: &Path, screen: Screen) -> (Client, mpsc::Sender<()>) {
    let (go, gone) = mpsc::channel();
    let (address, _) = listen(move |stream| {
        read_until(stream, "\r\n\r\n");
        let _ = gone.recv_timeout(WAIT_MAX);
        io::copy(&mut Read::by_ref(stream).take(LARGE_LEN), &mut io::sink()).expect("all of it");
        stream.write_all(CREATED.as_bytes()).expect("the client listens");
    });
    (Client::start_in(folder, &["PUT", &format!("http://{address}/large"), "-H", "Expect:"], screen), go)
}

#[test]
fn slow_upload_shows_progress_bar_only_on_a_terminal() {
    let folder = folder();
    let (mut running, go) = held(folder.path(), Screen::Stderr);
    running.stderr().wait_for("/268.44 MB");
    go.send(()).expect("the server waits");
    let outcome = running.finish().expect(0);
    assert!(outcome.stderr.contains("stored 268,435,456 bytes at /large (created)"), "{}", outcome.stderr);

    let (running, go) = held(folder.path(), Screen::None);
    go.send(()).expect("the server waits");
    let outcome = running.finish().expect(0);
    assert!(!outcome.stderr.contains("MB"), "{}", outcome.stderr);
}

#[test]
fn fast_upload_has_no_bar_and_silent_prints_nothing() {
    let (server, folder) = (Server::with(&[], &["--upload", "--durability=none"]), folder());
    let url = format!("http://{}/client-text.txt", server.address());
    let outcome = Client::start_in(folder.path(), &["PUT", &url], Screen::Stderr).finish().expect(0);
    assert!(!outcome.stderr.contains("12 B/12 B"), "{}", outcome.stderr);
    let outcome = client_in(folder.path(), &["-s", "PUT", &url]).expect(0);
    assert_eq!((outcome.text(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn data_has_content_length_and_files_lose_line_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("part"), "c\r\n=\n3\n").expect("the file");
    let server = Scripted::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let args = ["-d", "a=1", "-d", "@part", "-p", &server.port(), "/form"];
    let outcome = client_in(folder.path(), &args).expect(0);
    assert_eq!(outcome.text(), "ok");
    assert!(outcome.stderr.contains("sent 7 bytes to /form: 200 OK"), "{}", outcome.stderr);
    let request = server.request();
    for line in
        ["POST /form HTTP/1.1", "Content-Length: 7", "Content-Type: application/x-www-form-urlencoded"]
    {
        assert!(request.lines().any(|sent| sent == line), "{line} is not in {request}");
    }
    let outcome = client_in(folder.path(), &["-d", "@nothing", "/"]).expect(26);
    assert!(outcome.complaint().contains("cannot read the data of -d"), "{}", outcome.stderr);
}

#[test]
fn failed_send_exits_22_in_words_that_fit() {
    let folder = folder();
    let put: &[&str] = &["-T", "client-text.txt"];
    let post: &[&str] = &["-d", "a"];
    for (args, status, words) in [
        (put, "403 Forbidden", "not stored: the server refused it with 403 Forbidden"),
        (put, "405 Method Not Allowed", "not stored: the server refused it with 405 Method Not Allowed"),
        (put, "409 Conflict", "not stored: the server refused it with 409 Conflict"),
        (put, "413 Content Too Large", "not stored: the server refused it with 413 Content Too Large"),
        (put, "417 Expectation Failed", "not stored: the server refused it with 417 Expectation Failed"),
        (put, "507 Full", "not stored: the server failed with 507 Full"),
        (put, "308 Moved", "not stored: the server redirects it with 308 Moved"),
        (post, "403 Forbidden", "the server refused it with 403 Forbidden"),
        (post, "500 Oh", "the server failed with 500 Oh"),
        (&["-T", "client-text.txt", "-X", "PATCH"], "415 No", "the server refused it with 415 No"),
    ] {
        let answer = Step::send(format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nwhy"));
        let server = Scripted::repeating(&[answer], 3);
        let port = server.port();
        let args = [args, &["-p", &port, "/a"]].concat();
        let outcome = client_in(folder.path(), &args).expect(22);
        assert_eq!(outcome.complaint(), format!("reactor-client: {words}"), "{args:?}");
        assert_eq!(outcome.text(), "why", "the server's reason is shown");
        let outcome = client_in(folder.path(), &[&args[..], &["-s"]].concat()).expect(22);
        assert_eq!(outcome.stderr, "", "{args:?}");
        let outcome = client_in(folder.path(), &[&args[..], &["-f"]].concat()).expect(22);
        assert_eq!(outcome.stdout.is_empty(), status != "308 Moved", "-f is for 400 and above");
    }
}

#[test]
fn form_that_is_redirected_is_a_success() {
    let folder = folder();
    let server = Scripted::answering("HTTP/1.1 303 See Other\r\nContent-Length: 0\r\n\r\n");
    let outcome = client_in(folder.path(), &["-d", "abc", "-p", &server.port(), "/a"]).expect(0);
    assert_eq!(last_line(&outcome.stderr), "sent 3 bytes to /a: 303 See Other");
}

#[test]
fn status_417_sends_once_more_without_expect() {
    const EXPECTATION_FAILED: &str = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let folder = folder();
    fs::write(folder.path().join("text"), "hello").expect("a file");
    for (args, framing) in [
        (&["-T", "text"][..], "Content-Length: 5"),
        (&["-XPUT", "-d", "hello"], "Content-Length: 5"),
        (&["-T", "-"], "Transfer-Encoding: chunked"),
    ] {
        for (second, code) in [(CREATED, 0), (EXPECTATION_FAILED, 22)] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let url = format!("http://{}/a", listener.local_addr().expect("its address"));
            let server = thread::spawn(move || {
                let mut heads = Vec::new();
                for answer in [EXPECTATION_FAILED, second] {
                    let (mut stream, _) = listener.accept().expect("a client");
                    stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
                    heads.push(read_until(&mut stream, "\r\n\r\n"));
                    if heads.len() == 2 {
                        read_until(
                            &mut stream,
                            if framing.contains("chunked") { "0\r\n\r\n" } else { "hello" },
                        );
                    }
                    stream.write_all(answer.as_bytes()).expect("the client listens");
                }
                heads
            });
            let file = File::open(folder.path().join("text")).expect("a file");
            let running = Client::start(
                &[args, &["-H", "Expect: 100-continue", &url]].concat(),
                Screen::None,
                |command| {
                    command.current_dir(folder.path()).stdin(file);
                },
            );
            let outcome = running.finish().expect(code);
            let heads = server.join().expect("two requests");
            assert!(heads[0].contains("\r\nExpect: 100-continue\r\n"), "{}", heads[0]);
            assert!(!heads[1].contains("Expect") && heads[1].contains(framing), "{}", heads[1]);
            assert_eq!(outcome.stderr.matches("connected to ").count(), 2, "{}", outcome.stderr);
            assert!(
                code > 0 || last_line(&outcome.stderr) == "stored 5 bytes at /a (created)",
                "{}",
                outcome.stderr
            );
        }
    }
}
