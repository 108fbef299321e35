//! Directories without an index page, as people and programs get to see them, the largest included.
//!
//! How a page looks, and what names do to it, is for the unit tests; here it goes over the wire.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Finish, Raw, Reply, Server, WAIT_MAX, fill};

const FILES: &[(&str, &[u8])] = &[
    ("docs/b.txt", b"four"),
    ("docs/a <b>.txt", b"12"),
    ("docs/.private", b"secret"),
    ("docs/deep/x.txt", b"x"),
    ("site/index.html", b"the index"),
];

/// More than one slice of any form of a listing holds.
const MANY: usize = 3000;

fn request(method: &str, path: &str, accept: &str, version: &str) -> String {
    format!("{method} {path} {version}\r\nHost: test\r\nAccept: {accept}\r\n\r\n")
}

fn with_many(count: usize) -> Server {
    let server = Server::serving(FILES);
    fill(&server.root().join("many"), count, b"", |number| format!("file-{number}.txt"));
    server
}

/// Reads an answer in chunks.
fn chunked(client: &mut Raw) -> Reply {
    let mut reply = client.reply_to_head();
    assert_eq!((reply.status, reply.field("Transfer-Encoding")), (200, Some("chunked")), "{}", reply.head);
    reply.body = client.chunks();
    reply
}

#[test]
fn listing_format_follows_accept_and_query() {
    let server = Server::serving(FILES);
    let mut client = server.connect();
    for (path, accept, media_type, begins) in [
        ("/docs/", "text/plain", "text/plain; charset=utf-8", "deep/\na <b>.txt\nb.txt\n"),
        ("/docs/", "*/*", "text/html; charset=utf-8", "<!doctype html>\n"),
        ("/docs/", "application/json, */*;q=0.5", "application/json", "[\n"),
        ("/docs/", "application/json;q=0.5, */*", "text/html; charset=utf-8", "<!doctype html>\n"),
        ("/docs/", "text/html,*/*;q=0.8", "text/html; charset=utf-8", "<!doctype html>\n"),
        ("/docs/", "application/json", "application/json", "[\n{\"name\":\"deep\",\"type\":\"directory\","),
        ("/docs/?format=json", "text/html", "application/json", "[\n"),
        ("/docs/?format=plain", "text/html", "text/plain; charset=utf-8", "deep/\n"),
        ("/docs/?format=text", "*/*", "text/plain; charset=utf-8", "deep/\n"),
        ("/docs/?format=html", "*/*", "text/html; charset=utf-8", "<!doctype html>\n"),
        (
            "/docs/?format=x&sort=y&page=z&order=",
            "text/plain",
            "text/plain; charset=utf-8",
            "deep/\na <b>.txt\n",
        ),
        (
            "/docs/?sort=size&order=desc",
            "text/plain",
            "text/plain; charset=utf-8",
            "deep/\nb.txt\na <b>.txt\n",
        ),
        ("/docs/?filter=%3CB%3e", "text/plain", "text/plain; charset=utf-8", "a <b>.txt\n"),
        ("/", "text/plain", "text/plain; charset=utf-8", "docs/\nsite/\n"),
    ] {
        let reply = client.send(request("GET", path, accept, "HTTP/1.1")).reply();
        assert_eq!((reply.status, reply.field("Content-Type")), (200, Some(media_type)), "{path} {accept}");
        assert!(reply.text().starts_with(begins), "{path} {accept}: {}", reply.text());
        assert!(!reply.text().contains("private"), "{path}");
        assert_eq!(reply.field("Vary"), Some("Accept"));
        let policy = reply.field("Content-Security-Policy");
        assert_eq!(policy.is_some(), media_type.starts_with("text/html"), "{path}: {policy:?}");
        let head = client.send(request("HEAD", path, accept, "HTTP/1.1")).reply_to_head();
        assert_eq!(head.dateless(), reply.dateless(), "HEAD {path}");
    }
}

#[test]
fn listing_without_accept_is_html_that_crawlers_can_follow() {
    let server = Server::serving(FILES);
    let page = server.get("/docs/");
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    let links = page.text().split(" href=\"").skip(1).map(|rest| rest.split('"').next().expect("a link"));
    // Icons are references within the page.
    let links: Vec<&str> = links.filter(|link| !link.starts_with(['#', 'd']) || *link == "deep/").collect();
    assert_eq!(
        links,
        ["../", "../", "deep/", "a%20%3Cb%3E.txt", "b.txt"],
        "no address that only sorts or formats"
    );
}

#[test]
fn listed_urls_can_be_fetched() {
    let server = Server::serving(FILES);
    let reply = server.get("/docs/?format=json");
    let entries: Vec<Value> = serde_json::from_slice(&reply.body).expect("JSON");
    for entry in entries.iter().filter(|entry| entry["type"] == "file") {
        let file = server.get(&format!("/docs/{}", entry["url"].as_str().expect("a URL")));
        assert_eq!((file.status, file.body.len() as u64), (200, entry["size"].as_u64().expect("a size")));
    }
    assert_eq!(entries.len(), 3);
}

#[test]
fn index_page_wins_over_listing_and_off_gets_404() {
    let server = Server::serving(FILES);
    assert_eq!(server.get("/site/?format=json").text(), "the index");
    assert_eq!(server.get("/docs?sort=size").field("Location"), Some("docs/?sort=size"));
    let missing = server.connect().send(request("GET", "/missing/", "text/html", "HTTP/1.1")).reply();
    assert_eq!(missing.status, 404);

    let server = Server::with(FILES, &["--listing", "off"]);
    let reply = server.get("/docs/");
    assert_eq!((reply.status, reply.text()), (404, "404 Not Found\nThis folder has no index page.\n"));
    let server = Server::with(FILES, &["--listing=auto"]);
    assert_eq!(server.get("/docs/").status, 200);
}

#[test]
fn long_listing_is_chunked_and_connection_persists() {
    let server = with_many(MANY);
    let mut client = server.connect();
    let ask = |path: &str, version: &str| request("GET", path, "application/json", version);
    client.send(ask("/many/", "HTTP/1.1") + &ask("/docs/b.txt", "HTTP/1.1"));
    let listing = chunked(&mut client);
    let entries: Vec<Value> = serde_json::from_slice(&listing.body).expect("JSON");
    assert_eq!(entries.len(), MANY);
    let numbered = |(number, entry): (usize, &Value)| entry["name"] == format!("file-{number}.txt");
    assert!(entries.iter().enumerate().all(numbered), "numbers are in their order");
    assert_eq!(client.reply().text(), "four");

    let only_head = client.send(request("HEAD", "/many/", "application/json", "HTTP/1.1")).reply_to_head();
    assert_eq!(only_head.dateless(), listing.dateless());
    assert_eq!(client.get("/docs/b.txt").text(), "four");

    let mut old = server.connect();
    let head = old.send(ask("/many/", "HTTP/1.0")).head();
    assert!(!head.contains("Transfer-Encoding") && !head.contains("Content-Length"), "{head}");
    assert!(old.rest() == listing.body, "the same, up to the end of the connection");
}

#[test]
fn html_listing_has_1000_entries_per_page() {
    let server = with_many(MANY);
    let mut client = server.connect();
    let listing = chunked(client.send(request("GET", "/many/?page=2", "text/html", "HTTP/1.1")));
    let page = listing.text();
    assert_eq!(page.matches("<tr class=\"e").count(), 1000);
    assert!(page.contains("1,001\u{2013}2,000 of 3,000") && page.contains("href=\"file-1999.txt\""));
    assert!(page.ends_with("</html>\n"));
}

#[test]
fn listing_of_50000_names_blocks_no_other_client() {
    const COUNT: usize = 50_000;
    /// What a server that did the work in one go could answer meanwhile.
    const ANSWERS_MIN: usize = 20;
    let server = with_many(COUNT);
    let done = AtomicBool::new(false);
    let (lines, responses) = thread::scope(|scope| {
        let listing = scope.spawn(|| {
            let _finish = Finish(&done);
            let deadline = Instant::now() + WAIT_MAX;
            let mut client = server.connect();
            loop {
                client.send(request("GET", "/many/", "text/plain", "HTTP/1.1"));
                let reply = client.reply_to_head();
                if reply.status == 200 {
                    break client.chunks();
                }
                // On a busy machine, it may take longer than a request may wait.
                assert!(reply.status == 503 && Instant::now() < deadline, "{}", reply.head);
                client.bytes(reply.field("Content-Length").expect("a length").parse().expect("a number"));
            }
        });
        let mut other = server.connect();
        let mut responses = 0;
        while !done.load(Ordering::Acquire) {
            assert_eq!(other.get("/docs/b.txt").text(), "four");
            responses += 1;
        }
        (listing.join().expect("the listing"), responses)
    });
    assert_eq!(lines.split(|&byte| byte == b'\n').count(), COUNT + 1);
    assert!(lines.starts_with(b"file-0.txt\nfile-1.txt\nfile-2.txt\n"));
    assert!(responses > ANSWERS_MIN, "only {responses} answers while the listing was made");
}

#[test]
fn closed_listing_clients_leave_no_descriptors() {
    let server = with_many(MANY);
    for _ in 0..50 {
        let mut client = server.connect();
        client.send(request("GET", "/many/", "application/json", "HTTP/1.1"));
        drop(client);
    }
    // The memory that listings share would be spent many times over, were it not given back.
    assert_eq!(server.get("/docs/").status, 200);
    let descriptors =
        fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).expect("a list").count();
    assert!(descriptors < 100, "{descriptors} descriptors are open");
}

#[test]
fn listing_with_if_none_match_any_gets_304() {
    let server = Server::serving(FILES);
    let mut client = server.connect();
    for path in ["/docs/", "/docs/?format=html", "/docs/?archive=tar"] {
        for method in ["GET", "HEAD"] {
            let reply = client.ask(&format!("{method} {path}"), "If-None-Match: *");
            assert_eq!((reply.status, reply.field("Vary")), (304, Some("Accept")), "{method} {path}");
            let reply = client.ask(&format!("{method} {path}"), "If-Match: *");
            assert_eq!(reply.status, 200, "{method} {path}");
        }
    }
}

#[test]
fn log_bytes_of_chunked_listing_are_those_of_its_body() {
    let server = with_many(MANY);
    let mut client = server.connect();
    let listing = chunked(client.send(request("GET", "/many/", "text/plain", "HTTP/1.1")));
    drop(client);
    let log = server.stop().log;
    assert!(log.contains(&format!("\" 200 {} ", listing.body.len())), "{} bytes: {log}", listing.body.len());
}
