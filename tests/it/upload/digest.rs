//! Digests of an upload (RFC 9530): what does not have the digest that its sender gave is not stored.
//!
//! In the head or in a trailer, by either field, in pieces of any length.

use super::resumable::{begin_append, create, offset, patch, patch_head};
use super::{head, serve, sized};
use crate::harness::{Server, client, names_in};

/// Of "hello".
const HELLO_256: &str = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
const HELLO_512: &str =
    "sha-512=:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==:";
/// Of nothing.
const EMPTY_256: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

const MISMATCH: &str = "digest-mismatching-values";
const INVALID: &str = "digest-invalid-values";
const MISSING: &str = "digest-missing";

#[test]
fn digest_in_the_head_is_checked_and_mismatch_stores_nothing() {
    let both = format!("Repr-Digest: {HELLO_512}\r\nContent-Digest: md5=:AAAA:, {HELLO_256}");
    let one_wrong = format!("Repr-Digest: {HELLO_256}\r\nContent-Digest: {EMPTY_256}");
    let two_lines = format!("Repr-Digest: {HELLO_256}\r\nRepr-Digest: {EMPTY_256}");
    let rows: [(&str, Option<&str>); 10] = [
        (&format!("Repr-Digest: {HELLO_256}"), None),
        (&format!("content-digest: {HELLO_512}"), None),
        (&both, None),
        ("Repr-Digest: md5=:AAAA:", None),
        (&format!("Repr-Digest: {EMPTY_256}"), Some(MISMATCH)),
        (&format!("Content-Digest: {EMPTY_256}"), Some(MISMATCH)),
        (&one_wrong, Some(MISMATCH)),
        (&two_lines, Some(MISMATCH)),
        ("Repr-Digest: sha-256=:AAA:", Some(INVALID)),
        ("Content-Digest: sha-512", Some(INVALID)),
    ];
    for options in [&["--upload"][..], &["--upload", "--durability=none", "--workers=2"]] {
        let server = Server::with(&[], options);
        let mut connection = server.connect();
        for (fields, problem) in rows {
            for framing in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
                let body =
                    if framing.starts_with('C') { "hello" } else { "2;x\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n" };
                let fields = format!("{framing}Accept: application/json\r\n{fields}");
                let reply = connection.send(head("/new", &fields) + body).reply();
                assert_eq!(reply.status, if problem.is_some() { 400 } else { 201 }, "{fields}");
                assert!(problem.is_none_or(|name| reply.text().contains(name)), "{fields}: {}", reply.text());
                assert_eq!(names_in(&server.root()).len(), usize::from(problem.is_none()), "{fields}");
                let _ = std::fs::remove_file(server.root().join("new"));
            }
        }
    }
}

#[test]
pub(crate) fn digest_in_a_trailer_is_checked_byte_by_byte() {
    let server = serve(&[]);
    let rows = [
        ("Trailer: X, repr-Digest", format!("X: y\r\nRepr-Digest: {HELLO_256}\r\n"), 201, ""),
        ("Trailer: Content-Digest", format!("content-digest:{HELLO_512}\r\n"), 201, ""),
        ("Trailer: Repr-Digest", String::new(), 201, ""),
        ("Trailer: Repr-Digest", format!("Repr-Digest: {EMPTY_256}\r\n"), 400, MISMATCH),
        ("Trailer: Repr-Digest", "Repr-Digest: sha-512=AAAA\r\n".to_owned(), 400, INVALID),
        (&format!("Content-Digest: {EMPTY_256}\r\nTrailer: Repr-Digest"), String::new(), 400, MISMATCH),
        // What is not announced may be discarded (RFC 9110 section 6.5.1).
        ("X: y", format!("Repr-Digest: {EMPTY_256}\r\n"), 201, ""),
    ];
    for (fields, trailers, status, problem) in rows {
        let request =
            head("/new", &format!("Accept: application/json\r\nTransfer-Encoding: chunked\r\n{fields}"))
                + "5\r\nhello\r\n0;a=b\r\n"
                + &trailers
                + "\r\n";
        for step in [1, request.len()] {
            let mut connection = server.connect();
            request.as_bytes().chunks(step).for_each(|piece| _ = connection.send(piece));
            let reply = connection.reply();
            assert_eq!(reply.status, status, "{fields} {trailers}");
            assert!(reply.text().contains(problem), "{fields} {trailers}: {}", reply.text());
            assert_eq!(names_in(&server.root()).len(), usize::from(status == 201), "{fields} {trailers}");
            let _ = std::fs::remove_file(server.root().join("new"));
        }
    }
}

#[test]
fn required_digest_is_missing_gets_400_with_the_wanted_one() {
    let server = Server::with(&[], &["--upload", "--require-digest"]);
    let mut connection = server.connect();
    for fields in ["X: y", "Repr-Digest: md5=:AAAA:", "Trailer: Repr-Digest"] {
        let reply = connection.send(head("/a", &format!("Content-Length: 0\r\n{fields}"))).reply();
        assert_eq!((reply.status, reply.field("Want-Repr-Digest")), (400, Some("sha-256=10")), "{fields}");
    }
    let chunked = "Accept: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: Repr-Digest";
    let reply = connection.send(head("/a", chunked) + "0\r\nX: y\r\n\r\n").reply();
    assert!(reply.status == 400 && reply.text().contains(MISSING), "{}", reply.text());
    let early = server.connect().ask("PUT /a", "Content-Length: 5\r\nExpect: 100-continue");
    assert_eq!(early.status, 400, "before the body is sent");
    assert!(names_in(&server.root()).is_empty());
    let digest = format!("Content-Length: 5\r\nContent-Digest: {HELLO_256}");
    assert_eq!(connection.send(head("/a", &digest) + "hello").reply().status, 201);
    assert_eq!(server.connect().send(sized("/b", 0)).reply().status, 400);
}

#[test]
fn client_and_server_agree_on_digests() {
    let server = Server::with(&[("sent", b"hello")], &["--upload", "--require-digest"]);
    let file = server.root().join("sent");
    let file = file.to_str().expect("a path");
    for algorithm in ["sha-256", "sha-512"] {
        let url = format!("{}/{algorithm}", server.address());
        client(&["--repr-digest", algorithm, "-T", file, &url]).expect(0);
    }
    client(&["-T", file, &format!("{}/none", server.address())]).expect(22);
    assert_eq!(names_in(&server.root()), ["sent", "sha-256", "sha-512"]);
}

#[test]
fn resumed_upload_has_the_digest_of_its_creation_or_is_not_stored() {
    let server = serve(&[]);
    let mut client = server.connect();
    for (digest, status) in [(HELLO_256, 201), (HELLO_512, 201), (EMPTY_256, 400)] {
        let upload = create(&mut client, "/new", &format!("\r\nRepr-Digest: {digest}"));
        assert_eq!(patch(&mut client, &upload, 0, false, b"hel").status, 204);
        assert_eq!(patch(&mut client, &upload, 3, true, b"lo").status, status, "{digest}");
        assert_eq!(std::fs::remove_file(server.root().join("new")).is_ok(), status == 201);
        let state = client.ask(&format!("HEAD {upload}"), "").status;
        assert_eq!(state, if status == 201 { 204 } else { 404 }, "{digest}");
    }
    let options = ["--upload", "--require-digest"];
    let server = Server::with(&[], &options);
    let mut client = server.connect();
    for (fields, status) in [(String::new(), 400), (format!("\r\nRepr-Digest: {HELLO_256}"), 201)] {
        let fields = format!("Upload-Complete: ?0\r\nContent-Length: 0{fields}");
        assert_eq!(client.send(head("/new", &fields)).reply().status, status, "{fields}");
    }
}

#[test]
fn digest_of_a_long_upload_delays_no_other_request() {
    const LEN: u64 = 400_000_000;
    let server = Server::with(&[], &["--upload", "--durability=none", "--workers=1"]);
    let mut other = server.connect();
    let upload = create(&mut other, "/new", &format!("\r\nRepr-Digest: {HELLO_256}"));
    let data = std::fs::File::options().write(true).open(server.root().join(&upload[1..])).expect("data");
    data.set_len(LEN).expect("a sparse file");
    let mut running = begin_append(&server, &upload, LEN, 1);
    running.send("x");
    for _ in 0..3 {
        assert_eq!(other.get("/none").status, 404);
        running.socket().set_nonblocking(true).expect("a socket");
        assert!(running.socket().peek(&mut [0]).is_err(), "the digest is not known yet");
        running.socket().set_nonblocking(false).expect("a socket");
    }
    assert_eq!(running.reply().status, 400);
}

#[test]
fn part_with_another_digest_is_dropped_and_can_be_sent_again() {
    let server = Server::with(&[], &["--upload", "--workers", "2"]);
    let mut client = server.connect();
    let upload = create(&mut client, "/new", "");
    assert_eq!(patch(&mut client, &upload, 0, false, b"x").status, 204);
    for (digest, status) in [(EMPTY_256, 400), ("sha-256=:A:", 400), (HELLO_256, 201)] {
        let head =
            patch_head(&upload, 1, true, 5).replacen("\r\n", &format!("\r\nContent-Digest: {digest}\r\n"), 1);
        let reply = server.connect().send(head + "hello").reply();
        assert_eq!(reply.status, status, "{digest}: {}", reply.text());
        if status == 400 {
            assert_eq!(offset(&mut client, &upload), 1, "{digest}");
        }
    }
    assert_eq!(server.get("/new").text(), "xhello");
}
