//! The client's command line: every form of words, every option, and how a slip is refused.
//!
//! Words go to the real server and show in what it serves. What is sent in the head of a request is
//! seen by a scripted server. Port 8080 itself is nobody's to take in a test: that is parsed only.

use std::ffi::OsString;

use reactor_http::load::args::{ClientTask, Command, parse};

use crate::harness::{Scripted, Server, Step, client};

/// An answer that any request gets.
const OK: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nX-Mark: 1\r\n\r\nhello";

/// Runs the client against a scripted server and gives back the head of the request.
fn sent(args: &[&str]) -> String {
    let server = Scripted::answering(OK);
    client(&[&["-p", &server.port()], args].concat()).expect(0);
    server.request()
}

/// The values of the request's fields of this name.
fn values<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    let fields = request.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

#[test]
fn every_operand_form_parses_to_host_port_and_path() {
    let rows: [(&str, &str, &str, u16, &str); 14] = [
        ("", "GET", "127.0.0.1", 8080, "/"),
        ("GET /", "GET", "127.0.0.1", 8080, "/"),
        ("HEAD", "HEAD", "127.0.0.1", 8080, "/"),
        ("localhost 8080 GET /index.html", "GET", "localhost", 8080, "/index.html"),
        ("localhost 6789 HelloWorld.html", "GET", "localhost", 6789, "/HelloWorld.html"),
        ("127.0.0.1 8080", "GET", "127.0.0.1", 8080, "/"),
        ("http://localhost:8080/a%20b?x=1", "GET", "localhost", 8080, "/a%20b?x=1"),
        ("localhost:8080/x", "GET", "localhost", 8080, "/x"),
        (":8080/x", "GET", "127.0.0.1", 8080, "/x"),
        ("9101", "GET", "127.0.0.1", 9101, "/"),
        ("HEAD 9101", "HEAD", "127.0.0.1", 9101, "/"),
        ("9101/x/1", "GET", "127.0.0.1", 9101, "/x/1"),
        ("9101?x", "GET", "127.0.0.1", 9101, "/?x"),
        ("http://9101/", "GET", "9101", 80, "/"),
    ];
    for (line, method, host, port, path) in rows {
        let words = line.split_whitespace().map(OsString::from).collect();
        let Ok(Command::Run(task)) = parse(words) else { panic!("{line:?} is refused") };
        let ClientTask::Fetch(config) = *task else { panic!("{line:?} is many requests") };
        let target = &config.target;
        let found = (config.method.as_str(), target.host.as_str(), target.port, target.path.as_str());
        assert_eq!(found, (method, host, port, path), "{line:?}");
    }
}

#[test]
fn every_operand_form_fetches_from_the_server() {
    let server = Server::serving(&[
        ("index.html", b"home"),
        ("HelloWorld.html", b"hello"),
        ("a b", b"blank"),
        ("x", b"an x"),
    ]);
    let port = server.address().port().to_string();
    let rows = [
        ("-p PORT", "home", "/"),
        ("--port PORT GET /", "home", "/"),
        ("GET / -p PORT", "home", "/"),
        ("--host localhost -p PORT HelloWorld.html", "hello", "/HelloWorld.html"),
        ("localhost PORT GET /index.html", "home", "/index.html"),
        ("localhost PORT HelloWorld.html", "hello", "/HelloWorld.html"),
        ("127.0.0.1 PORT", "home", "/"),
        ("http://localhost:PORT/a%20b?x=1", "blank", "/a%20b?x=1"),
        ("localhost:PORT/x", "an x", "/x"),
        (":PORT/x", "an x", "/x"),
        ("GET :PORT/x", "an x", "/x"),
        ("PORT", "home", "/"),
        ("PORT/x", "an x", "/x"),
    ];
    for (line, body, _) in rows {
        let line = line.replace("PORT", &port);
        let outcome = client(&line.split(' ').collect::<Vec<_>>()).expect(0);
        assert_eq!(outcome.text(), body, "{line}");
    }
    let log = server.stop().log;
    let asked: Vec<_> = log.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(asked, rows.map(|(_, _, path)| format!("GET {path} HTTP/1.1")));
}

#[test]
fn request_has_host_user_agent_and_accept_any() {
    let server = Scripted::answering(OK);
    client(&[&format!("localhost:{}/x", server.port())]).expect(0);
    let request = server.request();
    assert_eq!(request.lines().next(), Some("GET /x HTTP/1.1"));
    assert_eq!(values(&request, "host"), [format!("localhost:{}", server.port())]);
    assert_eq!(values(&request, "user-agent"), [concat!("reactor-client/", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(values(&request, "accept"), ["*/*"]);
}

#[test]
fn header_adds_replaces_removes_and_empties_fields() {
    let none: &[&str] = &[];
    let rows: [(&[&str], &str, &[&str]); 8] = [
        (&["-H", "X-A: 1"], "x-a", &["1"]),
        (&["-H", "X-A: 1", "--header", "X-A: 2"], "x-a", &["1", "2"]),
        (&["-HX-A:1"], "x-a", &["1"]),
        (&["-H", "accept: text/plain"], "accept", &["text/plain"]),
        (&["-H", "Host: other.example"], "host", &["other.example"]),
        (&["-H", "User-Agent:"], "user-agent", none),
        (&["-H", "Accept:  "], "accept", none),
        (&["-H", "Accept;"], "accept", &[""]),
    ];
    for (args, name, wanted) in rows {
        assert_eq!(values(&sent(args), name), wanted, "{args:?}");
    }
}

#[test]
fn method_is_sent_as_given() {
    let rows: [(&[&str], &str); 5] = [
        (&["-X", "PURGE", "/x"], "PURGE /x HTTP/1.1"),
        (&["--request=purge", "/x"], "purge /x HTTP/1.1"),
        (&["-I", "/x"], "HEAD /x HTTP/1.1"),
        (&["-y", "DELETE", "/x"], "DELETE /x HTTP/1.1"),
        (&["OPTIONS", "*"], "OPTIONS * HTTP/1.1"),
    ];
    for (args, line) in rows {
        assert_eq!(sent(args).lines().next(), Some(line), "{args:?}");
    }
}

#[test]
fn head_option_prints_head_and_no_body() {
    let server = Server::serving(&[("x.txt", b"hello")]);
    let outcome = client(&["-I", &format!(":{}/x.txt", server.address().port())]).expect(0);
    let text = outcome.text();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.to_ascii_lowercase().contains("\r\ncontent-length: 5\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "no body: {text}");
}

#[test]
fn include_shows_the_head_before_the_body() {
    let server = Scripted::answering(OK);
    let outcome = client(&["-i", "-p", &server.port()]).expect(0);
    assert_eq!(outcome.stdout, OK);
}

#[test]
fn verbose_shows_every_field_both_ways() {
    let server = Scripted::answering(OK);
    let outcome = client(&["-v", "-H", "X-A: 1", "-p", &server.port()]).expect(0);
    for line in server.request().lines() {
        assert!(outcome.stderr.contains(&format!("> {line}\n")), "{line:?} in {}", outcome.stderr);
    }
    for line in ["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Type: text/plain", "X-Mark: 1"] {
        assert!(outcome.stderr.contains(&format!("< {line}\n")), "{line:?} in {}", outcome.stderr);
    }
    assert_eq!(outcome.text(), "hello");
}

#[test]
fn silent_prints_nothing_and_show_error_only_errors() {
    let server = Scripted::repeating(&[Step::send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")], 5);
    let port = server.port();
    let rows: [(&[&str], i32, bool); 5] = [
        (&["-s"], 0, false),
        (&["-s", "-S"], 0, false),
        (&["-s", "-f"], 22, false),
        (&["-sS", "--fail"], 22, true),
        (&["--silent", "--show-error", "-f"], 22, true),
    ];
    for (args, code, complains) in rows {
        let outcome = client(&[&["-p", &port], args].concat()).expect(code);
        assert_eq!(outcome.stderr.lines().count(), usize::from(complains), "{args:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn short_options_combine_and_the_last_may_take_a_value() {
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("page");
    let server = Scripted::answering(OK);
    let outcome =
        client(&["-fsSo", file.to_str().expect("UTF-8"), &format!("-p{}", server.port())]).expect(0);
    assert_eq!((outcome.text(), outcome.stderr.as_str()), ("", ""));
    assert_eq!(std::fs::read(file).expect("the file"), b"hello");
}

#[test]
fn help_lists_forms_and_options_in_100_columns() {
    let help = client(&["--help"]).expect(0);
    assert_eq!(client(&["-h", "and", "what", "not"]).expect(0).stdout, help.stdout);
    assert_eq!(help.stderr, "");
    let text = help.text();
    let parts = "--host|-p, --port|-H, --header|-X, --request|-I, --head|-i, --include|-v, --verbose|-o, --output|\
        -O, --remote-name|-s, --silent|-S, --show-error|-f, --fail|-m, --max-time|--connect-timeout|-h, --help|\
        -V, --version|reactor-client GET /|localhost 8080 GET /index.html|localhost 6789 HelloWorld.html|\
        127.0.0.1 8080|http://localhost:8080/a%20b?x=1|localhost:8080/x|:8080/x|Exit codes";
    for part in parts.split('|') {
        assert!(text.contains(part), "{part} is not in the help");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "it fits on a screen");
}

#[test]
fn version_prints_program_name_and_number() {
    let without = if cfg!(feature = "tls") { "" } else { " without TLS" };
    let wanted = format!("reactor-client {}{without}\n", env!("CARGO_PKG_VERSION"));
    for spelling in ["-V", "--version"] {
        let outcome = client(&[spelling]).expect(0);
        assert_eq!((outcome.text(), outcome.stderr.as_str()), (&*wanted, ""));
    }
}

#[test]
fn usage_error_is_one_line_with_cause_and_remedy() {
    let rows: [(&[&str], &str); 29] = [
        (&["--frobnicate"], "'--frobnicate'"),
        (&["-w"], "'-w'"),
        (&["-sw"], "'-w'"),
        (&["-p"], "'-p' needs a value"),
        (&["--output"], "'--output' needs a value"),
        (&["--silent=yes"], "'--silent' takes no value"),
        (&["-p", "0"], "'0'"),
        (&["-p", "65536"], "'65536'"),
        (&["localhost", "99999"], "'99999'"),
        (&["localhost", "8080", "a", "b"], "'b'"),
        (&["localhost", "8080", "get", "/x"], "'get'"),
        (&["--key", "k", "http://localhost/"], "--cert"),
        (&["ftp://localhost/"], "'ftp://'"),
        (&["u:p@localhost/"], "give it with -u"),
        (&["-H", "no colon"], "'no colon'"),
        (&["-H", "A: b\r\nC: d"], "'--header'"),
        (&["-X", "G T"], "'G T'"),
        (&["-X", "PUT", "GET", "/"], "GET and PUT"),
        (&["-m", "soon"], "'soon'"),
        (&["--connect-timeout", "-1"], "'-1'"),
        (&["-o", "x", "-O", "/x"], "-o and -O"),
        (&["-O", "/"], "use -o FILE"),
        (&["99999"], "'99999' is not a port"),
        (&["-T", "a", "-T", "b", "/x"], "several -T need a path that ends with a slash"),
        (&["-o", "a", "-o", "b"], "--output is given twice, 'a' and 'b'"),
        (&["-p", "1", "--port=2"], "--port is given twice, '1' and '2'"),
        (&["-X", "A", "-X", "B"], "--request is given twice, 'A' and 'B'"),
        (&["-m", "1", "-m", "2"], "--max-time is given twice, '1' and '2'"),
        (&["-n", "1", "-n", "2", "/"], "--requests is given twice, '1' and '2'"),
    ];
    for (args, part) in rows {
        let outcome = client(args).expect(2);
        assert!(outcome.complaint().contains(part), "{args:?}: {}", outcome.stderr);
        assert!(outcome.complaint().ends_with("see reactor-client --help"), "{args:?}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{args:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn usage_error_shows_no_escape_sequences() {
    for args in [["-X", "G\x1b[31mT"], ["-H", "\x1b[31m"], ["-p", "\x1b[31m"], ["-sS", "h\x1b[31m"]] {
        let outcome = client(&args).expect(2);
        assert!(!outcome.stderr.contains('\x1b'), "{args:?}: {:?}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{args:?}: {}", outcome.stderr);
    }
}

#[test]
fn verbose_shows_deceptive_characters_of_the_request_replaced() {
    let server = Scripted::answering(OK);
    let outcome = client(&["-v", "-H", "X: a\u{202e}\u{200b}b", "-p", &server.port()]).expect(0);
    assert!(outcome.stderr.contains("> X: a\u{fffd}\u{fffd}b\n"), "{:?}", outcome.stderr);
    assert_eq!(values(&server.request(), "x"), ["a\u{202e}\u{200b}b"], "sent as it is");
}
