//! The client's log: one record for an exchange, with every header, appended to a file.
//!
//! What the server has got and sent is known from a scripted server, to the byte.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Scripted, Server, Step, client};

const ANSWER: &str = "HTTP/1.1 200 Fine\r\nX-B: 1\r\nx-a:  2\r\nX-B: 3\r\nSet-Cookie: secret\r\nContent-Length: 5\r\n\r\nhello";

/// Runs the client against a server that answers like this; returns what the log has then.
fn logged(response: &str, options: &[&str], code: i32) -> (String, String) {
    let directory = tempfile::tempdir().expect("a folder");
    let log = directory.path().join("exchanges.log");
    let server = Scripted::answering(response);
    let address = format!("127.0.0.1:{}", server.port());
    let log_name = log.to_str().expect("a path in UTF-8");
    client(&[&["--log", log_name, "-H", "Cookie: secret", &address], options].concat()).expect(code);
    (fs::read_to_string(&log).expect("the log"), address)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[test]
fn record_has_host_address_and_all_headers_both_ways() {
    let (log, address) = logged(ANSWER, &[], 0);
    let (title, rest) = log.split_once('\n').expect("lines");
    assert!(title.contains(&format!(" {} to {address}: 200, 5 bytes in ", host())), "{title}");
    let agent = concat!("reactor-client/", env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "> GET / HTTP/1.1\n> Host: {address}\n> User-Agent: {agent}\n> Accept: */*\n> Cookie: (redacted)\n\
         < HTTP/1.1 200 Fine\n< X-B: 1\n< x-a: 2\n< X-B: 3\n< Set-Cookie: (redacted)\n\
         < Content-Length: 5\n* closed: finished\n\n"
    );
    assert_eq!(rest, expected);
}

#[test]
fn json_record_has_server_keys_plus_host() {
    let (log, address) = logged(ANSWER, &["--log-format", "json", "--log-secrets"], 0);
    let record: Value = serde_json::from_str(&log).expect("one object");
    assert_eq!(log.lines().count(), 1);
    let headers =
        json!([["X-B", "1"], ["x-a", "2"], ["X-B", "3"], ["Set-Cookie", "secret"], ["Content-Length", "5"]]);
    assert_eq!(record["response_headers"], headers);
    assert_eq!(record["request_headers"][3], json!(["Cookie", "secret"]));
    let (ip, port) = address.split_once(':').expect("an address");
    assert_eq!(
        (&record["host"], &record["peer"], &record["status"]),
        (&json!(host()), &json!(ip), &json!(200))
    );
    assert_eq!(record["port"].to_string(), port);
    let server = Server::with(&[], &["--log-format", "json"]);
    server.get("/");
    let server_record: Value = serde_json::from_str(&server.stop().log).expect("one object");
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&record).into_iter().filter(|key| key != "host").collect::<Vec<_>>(),
        keys(&server_record)
    );
}

#[test]
fn failed_exchange_is_logged_with_close_reason() {
    let (log, _) = logged("", &[], 52);
    assert!(log.contains(": no answer, 0 bytes in "), "{log}");
    assert!(log.ends_with("* closed: the server closed the connection without a response\n\n"), "{log}");
    let (log, _) =
        logged("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", &["-f", "--log-format", "json"], 22);
    let record: Value = serde_json::from_str(&log).expect("one object");
    assert_eq!(record["close_reason"], "the server responded with status 404 No");
}

#[test]
fn timed_out_exchange_is_logged() {
    let directory = tempfile::tempdir().expect("a folder");
    let log = directory.path().join("exchanges.log");
    let server = Scripted::following(&[Step::Silence]);
    let address = format!("127.0.0.1:{}", server.port());
    client(&["--log", log.to_str().expect("a path in UTF-8"), "-m", "0.3", &address]).expect(28);
    let log = fs::read_to_string(&log).expect("the log");
    assert!(log.contains("> GET / HTTP/1.1\n") && log.contains("* closed: timed out after "), "{log}");
}

#[test]
fn a_server_cannot_forge_a_record() {
    let response = "HTTP/1.1 200 \u{9b}\r\nX: \"}\t{\\x0A\\u000a\r\nContent-Length: 0\r\n\r\n";
    let (log, _) = logged(response, &["--log-format", "json"], 0);
    let record: Value = serde_json::from_str(&log).expect("one object");
    assert_eq!(record["response_headers"][0], json!(["X", "\"}\t{\\x0A\\u000a"]));
    let (log, _) = logged(response, &[], 0);
    assert_eq!(log.matches("\n\n").count(), 1);
    assert!(log.contains("< X: \"}\\x09{\\\\x0A\\\\u000a\n"), "{log}");
}

#[test]
fn log_file_is_appended_to_in_every_line_format() {
    let directory = tempfile::tempdir().expect("a folder");
    let log = directory.path().join("exchanges.log");
    let log_name = log.to_str().expect("a path in UTF-8");
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let address = format!("{}/hello.txt", server.address());
    for format in ["combined", "common", "headers"] {
        client(&["--log", log_name, "--log-format", format, &address]).expect(0);
    }
    let log = fs::read_to_string(&log).expect("the log");
    let [combined, common, title] = log.lines().take(3).collect::<Vec<_>>()[..] else {
        panic!("lines: {log}")
    };
    assert!(combined.contains("] \"GET /hello.txt HTTP/1.1\" 200 5 \"-\" \"reactor-client/"), "{combined}");
    assert!(common.ends_with("] \"GET /hello.txt HTTP/1.1\" 200 5"), "{common}");
    assert!(title.contains(": 200, 5 bytes in "), "{title}");
}

#[test]
fn unopenable_log_exits_23_before_sending() {
    let directory = tempfile::tempdir().expect("a folder");
    let server = Server::serving(&[]);
    let name = directory.path().to_str().expect("a path in UTF-8");
    let outcome = client(&["--log", name, &server.address().to_string()]).expect(23);
    let complaint = outcome.complaint();
    assert!(complaint.contains(name) && complaint.contains("nothing was sent"), "{complaint}");
    assert_eq!(server.stop().log, "", "the server has heard nothing");
}

#[test]
fn full_disk_exits_23_after_the_response_is_printed() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let outcome = client(&["--log", "/dev/full", &format!("{}/hello.txt", server.address())]).expect(23);
    assert_eq!(outcome.text(), "hello");
    let words = "cannot write the log '/dev/full': No space left on device";
    assert!(outcome.complaint().contains(words), "{}", outcome.stderr);
    // The first error counts.
    client(&["--log", "/dev/full", "-f", &format!("{}/none", server.address())]).expect(22);
}

#[test]
fn failed_connect_leaves_a_record_with_its_reason() {
    let directory = tempfile::tempdir().expect("a folder");
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("its address").to_string()
    };
    let unknown = format!("http://{}.invalid/", "x".repeat(64));
    for (name, target, code, peer, reason) in [
        ("refused", &address, 7, &*address, "cannot connect to 127.0.0.1:"),
        ("unknown", &unknown, 6, "0.0.0.0:80", "cannot resolve 'xxx"),
    ] {
        let log = directory.path().join(name);
        client(&["--log", log.to_str().expect("a path in UTF-8"), target]).expect(code);
        let log = fs::read_to_string(&log).expect("the log");
        assert!(log.contains(&format!(" to {peer}: no answer, 0 bytes in ")), "{log}");
        assert!(
            log.contains("\n> GET / HTTP/1.1\n") && log.contains(&format!("\n* closed: {reason}")),
            "{log}"
        );
        assert_eq!(log.matches("* closed").count(), 1, "{log}");
    }
}
