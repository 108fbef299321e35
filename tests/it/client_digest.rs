//! Digests (RFC 9530): sent with a body, and checked when one comes.
//!
//! The expected values are those of sha256sum.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::harness::{Client, Screen, Scripted, Server, WAIT_MAX, client, client_in, names_in};

/// Of `hello`.
const GOOD: &str = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
const GOOD_512: &str =
    "sha-512=:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==:";
/// Of nothing.
const BAD: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

#[test]
fn body_whose_digest_differs_is_not_saved() {
    for (status, fields, verified) in [
        ("200 OK", format!("Repr-Digest: {GOOD}"), Some("Repr-Digest")),
        (
            "200 OK",
            format!("Content-Digest: md5=:AAA=:\r\nContent-Digest: {GOOD_512}"),
            Some("Content-Digest"),
        ),
        ("200 OK", format!("Content-Encoding: gzip\r\nRepr-Digest: {GOOD}"), Some("Repr-Digest")),
        ("200 OK", format!("Repr-Digest: {BAD}"), None),
        ("200 OK", format!("Content-Digest: {BAD}\r\nRepr-Digest: {GOOD}"), None),
        ("200 OK", "Repr-Digest: sha-256=:LPJN:".to_owned(), None),
        ("206 Part", format!("Repr-Digest: {BAD}"), Some("")),
        ("206 Part", format!("Repr-Digest: {GOOD}\r\nContent-Digest: {BAD}"), None),
        ("200 OK", "Repr-Digest: md5=:AAA=:, sha-256=LPJN".to_owned(), Some("")),
    ] {
        for framing in [
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let server = Scripted::answering(format!("HTTP/1.1 {status}\r\n{fields}\r\n{framing}"));
            let outcome = client_in(folder.path(), &["-o", "file", "-p", &server.port()]);
            let outcome = outcome.expect(if verified.is_some() { 0 } else { 56 });
            assert_eq!(names_in(folder.path()).len(), usize::from(verified.is_some()), "{fields}");
            match verified {
                Some("") => assert!(!outcome.stderr.contains("verified"), "{}", outcome.stderr),
                Some(field) => {
                    assert!(outcome.stderr.contains(&format!(", {field} verified")), "{}", outcome.stderr);
                }
                None => {
                    let line = outcome.complaint();
                    assert!(line.contains("-Digest is sha-256=:") && line.contains(GOOD), "{line}");
                }
            }
        }
    }
}

#[test]
fn head_and_304_have_no_digest_to_check() {
    for (status, args) in [("200 OK", &["-I"][..]), ("304 Not Modified", &[])] {
        let answer = format!("HTTP/1.1 {status}\r\nRepr-Digest: {BAD}\r\nContent-Length: 5\r\n\r\n");
        let server = Scripted::answering(answer);
        client(&[args, &["-p", &server.port()]].concat()).expect(0);
    }
}

#[test]
fn wanted_digest_that_does_not_come_is_said() {
    let server = Scripted::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let outcome = client(&["--repr-digest", "sha-256", "-p", &server.port()]).expect(0);
    assert!(server.request().contains("\r\nWant-Repr-Digest: sha-256=10"));
    assert!(outcome.stderr.contains("not verified: "), "{}", outcome.stderr);
}

#[test]
fn upload_sends_the_digest_and_checks_the_stored_one() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "hello").expect("a file");
    for (stored, code) in [(GOOD, 0), (GOOD_512, 0), (BAD, 56)] {
        for args in [&["PUT"][..], &["-X", "PUT", "-d", "hello"]] {
            let server = Scripted::answering(format!(
                "HTTP/1.1 201 Created\r\nRepr-Digest: {stored}\r\nContent-Length: 0\r\n\r\n"
            ));
            let more = ["--repr-digest", "sha-256", "-p", &server.port(), "/file"];
            let outcome = client_in(folder.path(), &[args, &more].concat()).expect(code);
            assert!(server.request().contains(&format!("\r\nRepr-Digest: {GOOD}")));
            if code > 0 {
                let line = outcome.complaint();
                assert!(line.contains("has not stored what was sent") && line.contains(BAD), "{line}");
                assert!(line.contains(GOOD), "{line}");
            }
        }
    }
}

#[test]
fn digest_of_a_stored_file_is_not_that_of_an_empty_body() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "hello").expect("a file");
    for (line, code) in [("Content-Length: 0\r\n\r\n", 0), ("Content-Length: 3\r\n\r\nyes", 56)] {
        let server = Scripted::answering(format!("HTTP/1.1 200 OK\r\nRepr-Digest: {GOOD}\r\n{line}"));
        client_in(folder.path(), &["PUT", "-p", &server.port(), "/file"]).expect(code);
    }
}

#[test]
fn digest_of_standard_input_is_in_the_trailer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/a", listener.local_addr().expect("its address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b":\r\n\r\n") {
            stream.read_exact(&mut byte).expect("more of it");
            request.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").expect("the client listens");
        String::from_utf8(request).expect("text")
    });
    let (reader, mut writer) = io::pipe().expect("a pipe");
    writer.write_all(b"hello").expect("the pipe has room");
    drop(writer);
    let args = ["--repr-digest=sha-256", "-T-", &url, "-H", "Expect:"];
    let running = Client::start(&args, Screen::None, |command| {
        command.stdin(reader);
    });
    running.finish().expect(0);
    let request = server.join().expect("the request");
    assert!(request.contains("\r\nTrailer: Repr-Digest\r\n"), "{request}");
    assert!(request.ends_with(&format!("\r\n5\r\nhello\r\n0\r\nRepr-Digest: {GOOD}\r\n\r\n")), "{request}");
}

#[test]
fn large_file_is_sent_with_its_digest() {
    let server = Server::with(&[], &["--upload"]);
    let folder = tempfile::tempdir().expect("a folder");
    let large = File::create(folder.path().join("large")).expect("a file");
    large.set_len(3_000_001).expect("a length");
    let url = format!("http://{}/large", server.address());
    let outcome = client_in(folder.path(), &["-v", "--repr-digest", "sha-512", "PUT", &url]).expect(0);
    assert!(outcome.stderr.contains("> Repr-Digest: sha-512=:"), "{}", outcome.stderr);
    assert_eq!(server.get("/large").body.len(), 3_000_001);
}
