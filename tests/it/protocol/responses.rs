//! Files, directories, redirects and OPTIONS: what GET and HEAD promise when all goes well.
//!
//! Every field that a file's answer carries is checked here against the file itself.

use std::fs;
use std::time::{Duration, SystemTime};

use super::ask;
use crate::harness::{LONG_AGO_DATE, Server};

const ALLOW: &str = "GET, HEAD, OPTIONS";

/// A body in which each place has a byte of its own.
fn patterned(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn file_response_has_all_descriptive_fields() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let before = SystemTime::now() - Duration::from_secs(2);
    let reply = server.get("/hello.txt?and=a&query");
    assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", reply.head);
    assert_eq!(reply.text(), "hello");
    assert_eq!(reply.field("Content-Length"), Some("5"));
    assert_eq!(reply.field("Accept-Ranges"), Some("bytes"));
    assert_eq!(reply.field("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.field("Last-Modified"), Some(LONG_AGO_DATE));
    let server_name = concat!("reactor-server/", env!("CARGO_PKG_VERSION"));
    assert_eq!(reply.field("Server"), Some(server_name));
    let date = reply.field("Date").expect("a date");
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    let date = httpdate::parse_http_date(date).expect("an HTTP date");
    assert!(before <= date && date <= SystemTime::now(), "{date:?}");
    let tag = reply.field("ETag").expect("an entity-tag");
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(reply.field("Connection"), None);
    assert_eq!(reply.field("Transfer-Encoding"), None);
}

#[test]
fn files_of_all_lengths_are_sent_whole() {
    let server = Server::serving(&[]);
    let mut client = server.connect();
    // Around the lengths at which a body is copied, shared, or sent from the file itself.
    for len in [0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, 262_144, 262_145, 3_000_000] {
        let bytes = patterned(len);
        fs::write(server.root().join(format!("{len}.bin")), &bytes).expect("the file");
        for attempt in ["new", "seen before"] {
            let reply = client.get(&format!("/{len}.bin"));
            assert_eq!(reply.status, 200);
            assert_eq!(reply.field("Content-Length"), Some(len.to_string().as_str()));
            assert!(reply.body == bytes, "{len} bytes, {attempt}");
        }
    }
}

#[test]
fn changed_file_gets_new_content_and_entity_tag() {
    let server = Server::serving(&[("a.txt", b"first")]);
    let mut client = server.connect();
    let first = client.get("/a.txt");
    assert_eq!(client.get("/a.txt").field("ETag"), first.field("ETag"), "the same bytes, the same tag");
    // As an editor saves: another file under the same name. And then in place, with the same length.
    fs::write(server.root().join("b.txt"), "other").expect("a file");
    fs::rename(server.root().join("b.txt"), server.root().join("a.txt")).expect("renamed");
    let other = client.get("/a.txt");
    fs::write(server.root().join("a.txt"), "third, longer").expect("the file");
    let third = client.get("/a.txt");
    fs::remove_file(server.root().join("a.txt")).expect("removed");
    assert_eq!((first.text(), other.text(), third.text()), ("first", "other", "third, longer"));
    assert_ne!(first.field("ETag"), other.field("ETag"));
    assert_ne!(other.field("ETag"), third.field("ETag"));
    assert_eq!(client.get("/a.txt").status, 404);
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let large = patterned(100_000);
    let files: &[(&str, &[u8])] =
        &[("index.html", b"home"), ("hello.txt", b"hello"), ("empty", b""), ("large", &large), ("d/x", b"")];
    let server = Server::serving(files);
    let mut client = server.connect();
    server.get_tagged("/large");
    let paths = [
        ("/", 200),
        ("/hello.txt", 200),
        ("/empty", 200),
        ("/large", 200),
        ("/d", 301),
        ("/d/", 200),
        ("/missing", 404),
        ("/.hidden", 404),
        ("/%", 400),
        ("/../x", 400),
    ];
    for (path, status) in paths {
        for accept in ["*/*", super::BROWSER] {
            let fields = format!("{path} HTTP/1.1\r\nHost: test\r\nAccept: {accept}");
            let get = ask(&mut client, &format!("GET {fields}"));
            // Were there a body, it would be in the way of the next answer.
            let head = ask(&mut client, &format!("HEAD {fields}"));
            assert_eq!((get.status, head.status), (status, status), "{path}");
            assert_eq!(head.dateless(), get.dateless(), "{path}");
            assert!(head.field("Date").is_some());
            assert_eq!(head.field("Content-Length"), Some(get.body.len().to_string().as_str()), "{path}");
        }
    }
}

#[test]
fn directory_get_serves_its_index() {
    let server = Server::serving(&[("index.html", b"home"), ("docs/index.html", b"docs"), ("bare/a", b"")]);
    let mut client = server.connect();
    for (path, text) in
        [("/", "home"), ("/?x", "home"), ("/docs/", "docs"), ("/docs/.", "docs"), ("/docs/..", "home")]
    {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.text()), (200, text), "{path}");
        assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"));
    }
    assert_eq!(client.get("/bare/?format=plain").text(), "a\n", "a directory without an index is listed");
}

#[test]
fn directory_without_slash_gets_301_keeping_query() {
    let server = Server::serving(&[
        ("docs/api/index.html", b""),
        ("a b\u{e9}/x", b""),
        ("100%/x", b""),
        ("c:d/x", b""),
        ("docs/http:/x", b""),
    ]);
    let mut client = server.connect();
    for (path, location) in [
        ("/docs", "docs/"),
        ("/docs/api", "api/"),
        ("/docs?", "docs/?"),
        ("/docs?a=b&c=%2F?d", "docs/?a=b&c=%2F?d"),
        ("/docs?//evil.example", "docs/?//evil.example"),
        ("/%64ocs", "docs/"),
        ("/docs/x/../api", "api/"),
        ("/a%20b%C3%A9?q", "a%20b%C3%A9/?q"),
        ("/100%25", "100%25/"),
        ("/c:d", "./c:d/"),
        ("/docs/http%3A", "./http:/"),
        ("http://evil.example/docs?q", "docs/?q"),
    ] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.field("Location")), (301, Some(location)), "{path}");
        let target = path.split('?').next().unwrap_or_default();
        let target = format!("{}/{location}", target.rsplit_once('/').expect("a slash").0);
        assert_eq!(client.get(&target).status, 200, "{target} is where it ends");
    }
}

#[test]
fn redirect_never_leads_to_another_host() {
    let server = Server::serving(&[("evil.example/x/y", b""), ("\\evil.example/x", b""), ("docs/x", b"")]);
    let mut client = server.connect();
    for (path, status) in [
        ("//evil.example", 301),
        ("///evil.example", 301),
        ("/.//evil.example", 301),
        ("//evil.example/x", 301),
        ("//evil.example//x", 301),
        ("/docs/..//evil.example", 301),
        ("/\\evil.example", 301),
        ("/%5cevil.example", 301),
        ("//evil.example/../docs", 301),
        ("//evil.example/..", 200),
        ("//evil.example/%2e%2e", 200),
        ("/%2fevil.example", 404),
        ("/%2f/evil.example", 404),
        ("/%2F%2Fevil.example/..", 404),
        ("/..//evil.example", 400),
        ("/%09/evil.example", 404),
    ] {
        let reply = client.get(path);
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.field("Location").is_some(), status == 301, "{path}");
        if status == 301 {
            let target = reply.location_from(path);
            assert_eq!(client.get(&target).status, 200, "{path} leads to {target}");
        }
    }
}

#[test]
fn options_gets_204_with_allow() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let mut client = server.connect();
    for target in ["*", "/", "/hello.txt", "/missing", "http://test/hello.txt"] {
        let reply = ask(&mut client, &format!("OPTIONS {target} HTTP/1.1\r\nHost: test"));
        assert_eq!((reply.status, reply.field("Allow")), (204, Some(ALLOW)), "{target}");
        assert!(reply.field("Date").is_some() && reply.field("Server").is_some());
        assert_eq!(reply.field("Content-Length"), None, "a 204 has none (RFC 9110 section 8.6)");
    }
    super::assert_usable(&mut client, "after OPTIONS");
}

#[test]
fn absolute_target_is_served_like_its_path() {
    let server = Server::serving(&[("index.html", b"home"), ("hello.txt", b"hello")]);
    let mut client = server.connect();
    for (target, text) in [
        ("http://test/hello.txt", "hello"),
        ("HTTP://other.example:81/hello.txt?q", "hello"),
        ("https://[::1]:8080/hello.txt", "hello"),
        ("http://test", "home"),
        ("http://test/", "home"),
        ("http://test?q=/hello.txt", "home"),
    ] {
        let reply = client.get(target);
        assert_eq!((reply.status, reply.text()), (200, text), "{target}");
    }
}

#[test]
fn later_http1_version_is_served_as_1_1() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let mut client = server.connect();
    for version in ["1.2", "1.9"] {
        let reply = ask(&mut client, &format!("GET /hello.txt HTTP/{version}\r\nHost: test"));
        assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", reply.head);
        assert_eq!((reply.text(), reply.field("Connection")), ("hello", None));
    }
}
