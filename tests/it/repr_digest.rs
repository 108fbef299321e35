//! `Want-Repr-Digest` (RFC 9530): the digest of the file as it is sent, of the whole, and never an old one.
//!
//! The expected values come from the same crate as those of the server, and from the bytes that the test has.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

use crate::harness::{Raw, Reply, Server, WAIT_MAX, at_once, client, pattern};

const WANTED: &str = "Want-Repr-Digest: sha-256=10";
/// Above the length that a response waits for.
const LONG_LEN: u64 = 64 * 1024 * 1024 + 1;

fn sha_256(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

fn sha_512(bytes: &[u8]) -> String {
    format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(bytes)))
}

/// A server with a file of zeros that is too long to wait for.
fn serve_long(options: &[&str]) -> Server {
    let server = Server::with(&[("x", b"x")], options);
    let file = File::create(server.root().join("long")).expect("a file");
    file.set_len(LONG_LEN).expect("room");
    wait_for_tag(&server);
    server
}

fn wait_for_tag(server: &Server) {
    wait_for(server, "", |reply| reply.field("ETag").is_some());
}

/// Asks for the long file until it is so.
fn wait_for(server: &Server, fields: &str, is_so: impl Fn(&Reply) -> bool) -> Reply {
    let (deadline, mut client) = (Instant::now() + WAIT_MAX, server.connect());
    loop {
        let reply = client.ask("HEAD /long", fields);
        if is_so(&reply) {
            return reply;
        }
        assert!(Instant::now() < deadline, "{}", reply.head);
        thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn wanted_digest_is_of_the_whole_in_its_coding() {
    let (large, text) = (pattern(300_000), "line of many\n".repeat(4_000));
    let files: &[(&str, &[u8])] = &[
        ("small", b"hello"),
        ("empty", b""),
        ("large", &large),
        ("text.txt", text.as_bytes()),
        ("page.css", b"plain"),
        ("page.css.br", b"brotli"),
    ];
    for workers in ["1", "2"] {
        let server = Server::with(files, &["--workers", workers]);
        server.get_tagged("/large");
        let mut client = server.connect();
        for round in 0..3 {
            for (path, bytes) in [("/small", &b"hello"[..]), ("/empty", b""), ("/large", &large)] {
                let reply = client.ask(&format!("GET {path}"), WANTED);
                assert_eq!((reply.status, &reply.body[..]), (200, bytes), "{path}");
                assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(bytes)[..]), "{path}, {round}");
                let tag = reply.field("ETag").expect("an entity-tag");
                let reply = client.ask(&format!("HEAD {path}"), WANTED);
                assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(bytes)[..]), "HEAD {path}");
                let reply = client.ask(&format!("GET {path}"), &format!("{WANTED}\r\nIf-None-Match: {tag}"));
                assert_eq!((reply.status, reply.field("Repr-Digest")), (304, Some(&sha_256(bytes)[..])));
                assert_eq!(client.get(path).field("Repr-Digest"), None, "{path}");
            }
            for (range, len) in [("1-3", 3), ("-1", 1), ("0-0,2-3", 0)] {
                for (path, bytes) in [("/small", &b"hello"[..]), ("/large", &large)] {
                    let reply =
                        client.ask(&format!("GET {path}"), &format!("{WANTED}\r\nRange: bytes={range}"));
                    assert_eq!(reply.status, 206, "{}", reply.head);
                    assert!(len == 0 || reply.body.len() == len);
                    assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(bytes)[..]), "{path} {range}");
                }
            }
            for (path, coding, plain) in
                [("/text.txt", "gzip", text.as_bytes()), ("/page.css", "br", b"plain")]
            {
                let reply =
                    client.ask(&format!("GET {path}"), &format!("{WANTED}\r\nAccept-Encoding: {coding}"));
                assert_eq!(reply.field("Content-Encoding"), Some(coding));
                assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(&reply.body)[..]), "{path} {coding}");
                let reply = client.ask(&format!("GET {path}"), WANTED);
                assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(plain)[..]), "{path}");
            }
        }
    }
}

#[test]
fn gzip_of_a_long_file_is_made_and_then_digested() {
    let text = "line of many\n".repeat(60_000);
    let server = Server::with(&[("text.txt", text.as_bytes())], &[]);
    let (deadline, mut client) = (Instant::now() + WAIT_MAX, server.connect());
    loop {
        let reply = client.ask("GET /text.txt", &format!("{WANTED}\r\nAccept-Encoding: gzip"));
        if reply.field("Content-Encoding") == Some("gzip") {
            assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(&reply.body)[..]));
            return;
        }
        assert!(Instant::now() < deadline, "{}", reply.head);
        thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn best_known_algorithm_is_used_and_none_if_all_are_refused() {
    let server = Server::serving(&[("a", b"hello")]);
    let (short, long) = (sha_256(b"hello"), sha_512(b"hello"));
    for (wanted, digest) in [
        ("sha-512=1", Some(&long)),
        ("sha-256=3, sha-512=7", Some(&long)),
        ("sha-256=7, sha-512=3, md5=10", Some(&short)),
        ("sha-256=5\r\nWant-Repr-Digest: sha-512=6", Some(&long)),
        ("sha-256=0", None),
        ("md5=10", None),
        ("sha-256", None),
        ("", None),
    ] {
        let mut client = server.connect();
        for method in ["GET", "HEAD"] {
            let reply = client.ask(&format!("{method} /a"), &format!("Want-Repr-Digest: {wanted}"));
            assert_eq!(
                (reply.status, reply.field("Repr-Digest")),
                (200, digest.map(|it| &it[..])),
                "{wanted}"
            );
        }
    }
}

#[test]
fn responses_other_than_files_have_no_digest() {
    let files: &[(&str, &[u8])] = &[("d/a", b"a"), ("404.html", b"not here")];
    let server = Server::with(files, &["--error-page", "404=404.html", "--upload"]);
    for (line, status) in [
        ("GET /d/", 200),
        ("GET /d/?archive=tar", 200),
        ("GET /d", 301),
        ("GET /none", 404),
        ("OPTIONS /d/a", 204),
        ("PUT /d/b", 201),
        ("POST /d/a", 405),
    ] {
        let fields = format!("{WANTED}\r\nContent-Length: 0\r\nConnection: close");
        let mut client = server.connect();
        client.send(format!("{line} HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n"));
        let reply = client.reply_to_head();
        assert_eq!((reply.status, reply.field("Repr-Digest")), (status, None), "{line}");
    }
    let reply = server.connect().ask("GET /d/a", &format!("{WANTED}\r\nRange: bytes=5-"));
    assert_eq!((reply.status, reply.field("Repr-Digest")), (416, None));
    // It is a file all the same.
    let reply = server.connect().ask("GET /404.html", WANTED);
    assert_eq!(reply.field("Repr-Digest"), Some(&sha_256(b"not here")[..]));
}

#[test]
fn long_file_has_its_digest_from_a_later_request_on() {
    let server = serve_long(&[]);
    let zeros = sha_256(&vec![0; LONG_LEN as usize]);
    let first = server.connect().ask("HEAD /long", WANTED);
    assert_eq!((first.status, first.field("Repr-Digest")), (200, None));
    let later = wait_for(&server, WANTED, |reply| reply.field("Repr-Digest").is_some());
    assert_eq!(later.field("Repr-Digest"), Some(&zeros[..]));
    let part = server.connect().ask("GET /long", &format!("{WANTED}\r\nRange: bytes=5-9"));
    assert_eq!((part.status, part.field("Repr-Digest")), (206, Some(&zeros[..])));
    let file = File::options().write(true).open(server.root().join("long")).expect("the file");
    file.write_all_at(b"x", LONG_LEN - 1).expect("room");
    wait_for_tag(&server);
    let mut changed = vec![0; LONG_LEN as usize];
    changed[LONG_LEN as usize - 1] = b'x';
    assert_eq!(server.connect().ask("HEAD /long", WANTED).field("Repr-Digest"), None);
    let later = wait_for(&server, WANTED, |reply| reply.field("Repr-Digest").is_some());
    assert_eq!(later.field("Repr-Digest"), Some(&sha_256(&changed)[..]));
}

#[test]
fn without_cache_long_file_is_never_read_for_a_digest() {
    let server = serve_long(&["--cache", "off"]);
    let before = read_len(&server);
    for _ in 0..20 {
        assert_eq!(server.connect().ask("HEAD /long", WANTED).field("Repr-Digest"), None);
    }
    assert_eq!(server.connect().ask("GET /x", WANTED).field("Repr-Digest"), Some(&sha_256(b"x")[..]));
    if let (Some(before), Some(after)) = (before, read_len(&server)) {
        assert!(after - before < 1_000_000, "{}", after - before);
    }
}

/// Bytes that the server has read, if the kernel counts them.
fn read_len(server: &Server) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/io", server.pid().as_raw_nonzero())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("rchar:")?.trim().parse().ok())
}

#[test]
fn concurrent_requests_for_a_file_share_one_job() {
    let bytes = pattern(8_000_000);
    let server = Server::with(&[("large", &bytes)], &[]);
    server.get_tagged("/large");
    let (digest, before) = (sha_256(&bytes), read_len(&server));
    let mut clients: Vec<Raw> = (0..40).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(format!("HEAD /large HTTP/1.1\r\nHost: test\r\n{WANTED}\r\n\r\n"));
    }
    for client in &mut clients {
        assert_eq!(client.reply_to_head().field("Repr-Digest"), Some(&digest[..]));
    }
    if let (Some(before), Some(after)) = (before, read_len(&server)) {
        assert!(after - before < 2 * bytes.len() as u64, "{}", after - before);
    }
}

#[test]
fn digest_never_differs_from_the_content_it_comes_with() {
    let server = Server::with(&[("small", b""), ("large", b"")], &["--workers", "2"]);
    let contents: Vec<Vec<u8>> =
        [5, 90_000].into_iter().flat_map(|len| (0..8).map(move |version: u8| vec![version; len])).collect();
    for _ in 0..4 {
        for content in &contents {
            let name = if content.len() == 5 { "small" } else { "large" };
            fs::write(server.root().join("new"), content).expect("a file");
            fs::rename(server.root().join("new"), server.root().join(name)).expect("its name");
            at_once(0..4, |_| {
                let reply = server.connect().ask(&format!("GET /{name}"), WANTED);
                assert!(reply.body == *content);
                // A large file has none while it is young.
                let digest = reply.field("Repr-Digest");
                assert!(digest.is_none_or(|digest| digest == sha_256(content)), "{}", reply.head);
                assert!(digest.is_some() || name == "large");
            });
        }
    }
}

#[test]
fn pipelined_responses_with_digests_keep_their_order() {
    let (large, server) = (pattern(2_000_000), Server::serving(&[("a", b"a")]));
    fs::write(server.root().join("large"), &large).expect("a file");
    server.get_tagged("/large");
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    let wanted = format!("{WANTED}\r\n");
    let mut client = server.connect();
    client.send([get("/large", &wanted), get("/a", ""), get("/a", &wanted), get("/large", &wanted)].concat());
    for (bytes, has_digest) in [(&large[..], true), (b"a", false), (b"a", true), (&large, true)] {
        let reply = client.reply();
        assert!(reply.body == bytes);
        assert_eq!(reply.field("Repr-Digest"), has_digest.then(|| sha_256(bytes)).as_deref());
    }
    client.send(format!("GET /a HTTP/1.0\r\n{WANTED}\r\n\r\n"));
    assert_eq!(client.reply().field("Repr-Digest"), Some(&sha_256(b"a")[..]));
}

#[test]
fn client_asks_for_a_digest_and_verifies_it() {
    let server = Server::with(&[("large", &pattern(200_000))], &[]);
    server.get_tagged("/large");
    for algorithm in ["sha-256", "sha-512"] {
        let url = format!("http://{}/large", server.address());
        let outcome = client(&["--repr-digest", algorithm, "-o", "/dev/null", &url]).expect(0);
        assert!(outcome.stderr.contains(", Repr-Digest verified"), "{}", outcome.stderr);
    }
}
