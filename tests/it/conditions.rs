//! Conditional requests through the real server: who has a file is told so, who may not overwrite one
//! is kept from it, and no entity-tag ever stands for other bytes than it was given for.
//!
//! The rules themselves are tables in `src/http/rules/conditional.rs`; here is what they mean for files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{LONG_AGO_DATE, Raw, Reply, Server, WAIT_MAX, make_old, pattern};

/// A large file: it is sent from the disk, and nobody reads it before.
const LARGE: usize = 100_000;

/// Sends a request with these field lines, and a body for a PUT; reads the answer.
fn ask(client: &mut Raw, method: &str, path: &str, lines: &[&str]) -> Reply {
    let (line, fields) = (format!("{method} {path}"), lines.join("\r\n"));
    if method != "PUT" {
        return client.ask(&line, &fields);
    }
    let gap = if fields.is_empty() { "" } else { "\r\n" };
    client.send(format!("{line} HTTP/1.1\r\nHost: test\r\n{fields}{gap}Content-Length: 3\r\n\r\nnew")).reply()
}

/// The names of the fields, in order.
fn names(reply: &Reply) -> Vec<String> {
    let lines = reply.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut names: Vec<String> = lines.map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names
}

fn tag_of(reply: &Reply) -> String {
    reply.field("ETag").unwrap_or_else(|| panic!("no entity-tag: {}", reply.head)).to_owned()
}

/// Changes a file in place and has it say that nothing has changed.
fn overwrite(path: &Path, bytes: &[u8]) {
    File::options().write(true).open(path).and_then(|file| file.write_all_at(bytes, 0)).expect("the file");
    make_old(path);
}

#[test]
fn conditions_give_rfc_status_for_get_head_and_put() {
    let server = Server::with(&[("a", b"old")], &["--upload"]);
    let mut client = server.connect();
    // TAG is that of the file, which was modified at 01:46:40.
    let cases: &[(&[&str], u16, u16)] = &[
        (&["If-Match: \"no\", TAG"], 200, 204),
        (&["If-Match: *"], 200, 204),
        (&["If-Match: \"no\""], 412, 412),
        (&["If-Match: W/TAG"], 412, 412),
        (&["If-Match: no"], 412, 412),
        (&["If-None-Match: TAG"], 304, 412),
        (&["If-None-Match: \"a,b\",, W/TAG"], 304, 412),
        (&["If-None-Match: *"], 304, 412),
        (&["If-None-Match: \"no\""], 200, 204),
        (&["If-None-Match: \"no\"", "If-None-Match: TAG"], 304, 412),
        // What cannot be read is no reason to withhold a file, nor to overwrite it.
        (&["If-None-Match: no"], 200, 412),
        (&["If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT"], 200, 204),
        (&["If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"], 304, 204),
        (&["If-Modified-Since: Sun, 09 Sep 2001 01:46:41 GMT"], 304, 204),
        (&["If-Modified-Since: Sunday, 09-Sep-01 01:46:39 GMT"], 200, 204),
        (&["If-Modified-Since: Sunday, 09-Sep-01 01:46:40 GMT"], 304, 204),
        (&["If-Modified-Since: Sun Sep  9 01:46:39 2001"], 200, 204),
        (&["If-Modified-Since: Sun Sep  9 01:46:40 2001"], 304, 204),
        (&["If-Modified-Since: 2001-09-09T01:46:40Z"], 200, 204),
        (&["If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT"], 412, 412),
        (&["If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT"], 200, 204),
        (&["If-Unmodified-Since: Sunday, 09-Sep-01 01:46:39 GMT"], 412, 412),
        (&["If-Unmodified-Since: Sunday, 09-Sep-01 01:46:40 GMT"], 200, 204),
        (&["If-Unmodified-Since: Sun Sep  9 01:46:39 2001"], 412, 412),
        (&["If-Unmodified-Since: Sun Sep  9 01:46:40 2001"], 200, 204),
        (&["If-Unmodified-Since: never"], 200, 204),
        // If-Match silences If-Unmodified-Since, If-None-Match silences If-Modified-Since.
        (&["If-Unmodified-Since: Sun Sep  9 01:46:39 2001", "If-Match: TAG"], 200, 204),
        (&["If-Modified-Since: Sun Sep  9 01:46:40 2001", "If-None-Match: \"no\""], 200, 204),
        (&["If-Modified-Since: Sun Sep  9 01:46:39 2001", "If-None-Match: TAG"], 304, 412),
        // The guards come first.
        (&["If-None-Match: TAG", "If-Match: \"no\""], 412, 412),
        (&["If-None-Match: TAG", "If-Match: TAG"], 304, 412),
        (&["If-None-Match: TAG", "If-Unmodified-Since: Sun Sep  9 01:46:39 2001"], 412, 412),
    ];
    for (lines, get, put) in cases {
        overwrite(&server.root().join("a"), b"old");
        let tag = tag_of(&client.get("/a"));
        let lines: Vec<String> = lines.iter().map(|line| line.replace("TAG", &tag)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let [got, head] = ["GET", "HEAD"].map(|method| ask(&mut client, method, "/a", &lines));
        assert_eq!((got.status, head.status), (*get, *get), "{lines:?}");
        assert_eq!(names(&got), names(&head), "{lines:?}");
        assert_eq!(got.text() == "old", *get == 200, "{lines:?}");
        assert_eq!(ask(&mut client, "PUT", "/a", &lines).status, *put, "PUT {lines:?}");
        let text = fs::read_to_string(server.root().join("a")).expect("the file");
        assert_eq!(text, if *put == 204 { "new" } else { "old" }, "{lines:?}");
    }
}

#[test]
fn not_modified_has_validator_fields_and_no_body() {
    let files: &[(&str, &[u8])] = &[("small", b"hello"), ("large", &pattern(LARGE))];
    let server = Server::with(files, &["--cache-control", "*=max-age=60"]);
    // What goes with every answer comes on top.
    let expected = |validator| vec!["cache-control", "date", validator, "server"];
    let mut client = server.connect();
    // Young, the large one has no entity-tag: the date takes its place.
    let since = format!("If-Modified-Since: {LONG_AGO_DATE}");
    make_old(&server.root().join("large"));
    let reply = ask(&mut client, "GET", "/large", &[&since]);
    assert_eq!(reply.status, 304);
    if reply.field("ETag").is_none() {
        assert_eq!(names(&reply), expected("last-modified"));
        assert_eq!(reply.field("Last-Modified"), Some(LONG_AGO_DATE));
    }
    for path in ["/small", "/large"] {
        let tag = tag_of(&server.get_tagged(path));
        for line in [&since, &format!("If-None-Match: {tag}")] {
            for method in ["GET", "HEAD"] {
                let reply = ask(&mut client, method, path, &[line]);
                assert_eq!((reply.status, reply.field("ETag")), (304, Some(tag.as_str())), "{line}");
                assert_eq!(names(&reply), expected("etag"), "{method} {path} {line}");
            }
        }
    }
    // No byte of a body: the next answer begins right behind the head.
    assert_eq!(client.get("/small").text(), "hello");
}

#[test]
fn change_with_equal_mtime_never_keeps_entity_tag() {
    for len in [64, LARGE] {
        let server = Server::serving(&[("a", &vec![0; len])]);
        let path = server.root().join("a");
        let mut client = server.connect();
        let mut seen = BTreeMap::new();
        // What has settled is a tag to be afraid for, too.
        seen.insert(tag_of(&server.get_tagged("/a")), 0);
        for turn in 1..=250_u8 {
            overwrite(&path, &vec![turn; len]);
            // Quick: a turn is to be shorter than a tick.
            let head = ask(&mut client, "HEAD", "/a", &[]);
            assert_eq!(head.field("Last-Modified"), Some(LONG_AGO_DATE), "it cannot be told by its date");
            if let Some(tag) = head.field("ETag") {
                assert_eq!(seen.insert(tag.to_owned(), turn), None, "turn {turn} has the tag of another");
            }
            if turn % 25 == 1 {
                let all: Vec<&str> =
                    seen.iter().filter(|seen| *seen.1 != turn).map(|seen| &**seen.0).collect();
                let asked = format!("If-None-Match: {}", all.join(", "));
                let reply = ask(&mut client, "GET", "/a", &[&asked]);
                assert!(reply.status == 200 && reply.body == vec![turn; len], "turn {turn}: {}", reply.head);
            }
        }
        // The small one is told by its bytes, at once; the large one has to settle first.
        assert!(len == LARGE || seen.len() == 251, "{} tags", seen.len());
    }
}

#[test]
fn last_modified_absent_until_mtime_is_stable() {
    let server = Server::serving(&[]);
    let path = server.root().join("a");
    fs::write(&path, "young").expect("the file");
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    let since = format!("If-Modified-Since: {}", httpdate::fmt_http_date(modified));
    let mut client = server.connect();
    let deadline = Instant::now() + WAIT_MAX;
    let old = loop {
        let conditional = ask(&mut client, "GET", "/a", &[&since]);
        let reply = client.get("/a");
        if reply.field("Last-Modified").is_some() {
            break reply;
        }
        assert_eq!((conditional.status, conditional.text()), (200, "young"), "its second may not be over");
        assert!(Instant::now() < deadline, "it never has a date");
    };
    let time = |name| httpdate::parse_http_date(old.field(name).expect("a date")).expect("a date");
    let age = time("Date").duration_since(time("Last-Modified")).expect("it is in the past");
    assert!(age >= Duration::from_secs(2), "{age:?}");
    assert_eq!(ask(&mut client, "GET", "/a", &[&since]).status, 304);
}

#[test]
fn errors_and_redirects_ignore_conditions() {
    let options = ["--fallback", "home", "--error-page", "405=lost"];
    let server = Server::with(&[("d/x", b"")], &["--listing", "off"]);
    let documents = Server::with(&[("home", b"the home"), ("lost", b"a page that is lost")], &options);
    let conditions =
        ["If-Match: \"no\"", "If-None-Match: *", "If-Unmodified-Since: Sun Sep  9 01:46:39 2001"];
    let (mut client, mut with_documents) = (server.connect(), documents.connect());
    for line in conditions {
        let lines = [line, "Range: bytes=0-0"];
        for (method, path, status) in [
            ("GET", "/none", 404),
            ("GET", "/d", 301),
            ("GET", "/d/", 404),
            ("GET", "/%", 400),
            ("PATCH", "/d/x", 405),
            ("BREW", "/d/x", 501),
            ("PUT", "/d/x", 403),
            ("OPTIONS", "/d/x", 204),
        ] {
            let plain = ask(&mut client, method, path, &[]);
            let reply = ask(&mut client, method, path, &lines);
            assert_eq!((reply.status, &reply.body), (status, &plain.body), "{method} {path} {line}");
            assert_eq!(names(&reply), names(&plain), "{method} {path} {line}");
        }
        let page = ask(&mut with_documents, "POST", "/home", &lines);
        assert_eq!((page.status, page.text()), (405, "a page that is lost"), "{line}");
    }
    // The fallback is a file like any.
    let tag = tag_of(&with_documents.get("/none"));
    for (lines, status, text) in [
        (&[format!("If-None-Match: {tag}")][..], 304, ""),
        (&["Range: bytes=4-".to_owned()], 206, "home"),
        (&["Range: bytes=4-".to_owned(), format!("If-Range: {tag}")], 206, "home"),
        (&["If-None-Match: \"no\"".to_owned()], 200, "the home"),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let reply = ask(&mut with_documents, "GET", "/none", &lines);
        assert_eq!((reply.status, reply.text()), (status, text), "{lines:?}");
    }
    let failed = ask(&mut with_documents, "GET", "/none", &["If-Match: \"no\""]);
    assert!(failed.status == 412 && failed.text().starts_with("412 Precondition Failed\n"));
}

#[test]
fn generated_content_if_match_gets_412_dates_ignored() {
    let server = Server::with(&[("d/x", b"")], &["--listing", "auto"]);
    let mut client = server.connect();
    for path in ["/d/", "/d/?format=json", "/d/?archive=tar"] {
        for (line, status) in [
            ("If-Match: \"no\"", 412),
            ("If-Match: *", 200),
            ("If-None-Match: \"no\"", 200),
            // There is no date to compare.
            ("If-Unmodified-Since: Sun Sep  9 01:46:39 2001", 200),
            ("If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", 200),
        ] {
            for method in ["GET", "HEAD"] {
                let reply = ask(&mut client, method, path, &[line]);
                assert_eq!(reply.status, status, "{method} {path} {line}");
            }
        }
    }
}

#[test]
fn embedded_page_if_none_match_gets_304() {
    let server = Server::in_folder(&[], &["--welcome"]);
    let mut client = server.connect();
    let page = client.get("/");
    let line = format!("If-None-Match: {}", tag_of(&page));
    assert_eq!(ask(&mut client, "GET", "/", &[&line]).status, 304);
    assert_eq!(ask(&mut client, "GET", "/style.css", &[&line]).status, 200);
    // They have no date to compare.
    let dated = ask(&mut client, "GET", "/", &["If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"]);
    assert!(dated.status == 200 && dated.body == page.body);
}

#[test]
fn put_if_match_stores_only_over_that_version() {
    let server = Server::with(&[("d/x", b"")], &["--upload"]);
    let mut client = server.connect();
    assert_eq!(ask(&mut client, "PUT", "/a", &["If-Match: *"]).status, 412, "there is none to match");
    assert!(!server.root().join("a").exists());
    let created = ask(&mut client, "PUT", "/a", &["If-None-Match: *"]);
    assert_eq!(created.status, 201);
    assert_eq!(ask(&mut client, "PUT", "/a", &["If-None-Match: *"]).status, 412);
    let mut tag = tag_of(&created);
    for turn in 0..20 {
        let line = format!("If-Match: {tag}");
        let stored = ask(&mut client, "PUT", "/a", &[&line]);
        assert_eq!(stored.status, 204, "turn {turn}");
        assert_eq!(ask(&mut client, "PUT", "/a", &[&line]).status, 412, "turn {turn}: another one is there");
        tag = tag_of(&stored);
        assert_eq!(tag_of(&client.get("/a")), tag, "turn {turn}");
    }
    // What cannot be stored at all is refused for that.
    for (path, status) in [("/d", 409), ("/none/a", 409), ("/.a", 403)] {
        assert_eq!(ask(&mut client, "PUT", path, &["If-Match: \"no\""]).status, status, "{path}");
    }
    assert_eq!(client.get("/a").text(), "new");
}

#[test]
fn put_failed_condition_gets_412_without_100() {
    let server = Server::with(&[("a", b"old")], &["--upload"]);
    let mut client = server.connect();
    let waiting = "PUT /a HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n";
    let reply = client.send(format!("{waiting}If-None-Match: *\r\n\r\n")).reply();
    assert_eq!((reply.status, reply.field("Connection")), (412, Some("close")));
    client.expect_end();
    let mut client = server.connect();
    client.send(format!("{waiting}If-Match: *\r\n\r\n"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    assert_eq!(client.send("new").reply().status, 204);
}

#[test]
fn concurrent_conditional_puts_first_complete_wins() {
    let server = Server::with(&[("a", b"old")], &["--upload"]);
    let tag = tag_of(&server.get("/a"));
    for (path, line, status) in
        [("/a", format!("If-Match: {tag}"), 204), ("/new", "If-None-Match: *".to_owned(), 201)]
    {
        let mut clients = [server.connect(), server.connect()];
        for client in &mut clients {
            let head = format!("PUT {path} HTTP/1.1\r\nHost: test\r\n{line}\r\n");
            client.send(format!("{head}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
            assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n", "both have begun");
        }
        let [first, second] = &mut clients;
        assert_eq!(second.send("later").reply().status, status, "{line}");
        assert_eq!(first.send("first").reply().status, 412, "{line}");
        assert_eq!(server.get(path).text(), "later");
        assert_eq!(first.get(path).text(), "later", "the connection goes on");
    }
    let entries = fs::read_dir(server.root()).expect("the root").count();
    assert_eq!(entries, 2, "nothing is left of what was not stored");
}

#[test]
fn put_if_match_accepts_tag_of_any_current_variant() {
    let large = pattern(100_000);
    let files: &[(&str, &[u8])] = &[("a.txt", b"plain"), ("a.txt.br", b"br"), ("a.txt.zst", &large)];
    for coding in ["br", "zstd", "identity"] {
        let server = Server::with(files, &["--upload"]);
        if coding == "zstd" {
            server.get_tagged("/a.txt.zst");
        }
        let mut client = server.connect();
        let fetched = client.ask("GET /a.txt", &format!("Accept-Encoding: {coding}"));
        assert_eq!(fetched.field("content-encoding").unwrap_or("identity"), coding);
        let tag = fetched.field("ETag").expect("an entity-tag");
        let weak = format!("W/{tag}");
        // The last two: the precompressed files are older than what was just stored.
        let cases = [
            ("If-None-Match", tag, 412),
            ("If-Match", &weak, 412),
            ("If-Match", tag, 204),
            ("If-Match", tag, 412),
        ];
        for (field, tag, status) in cases {
            let line = format!("{field}: {tag}");
            assert_eq!(ask(&mut client, "PUT", "/a.txt", &[&line]).status, status, "{coding}: {line}");
        }
        assert_eq!(client.get("/a.txt").text(), "new");
    }
}

#[test]
fn put_if_match_refuses_tag_of_outdated_precompressed_file() {
    let server = Server::with(&[("a.txt", b"plain"), ("a.txt.br", b"br")], &["--upload"]);
    let mut client = server.connect();
    let fetched = client.ask("GET /a.txt", "Accept-Encoding: br");
    let line = format!("If-Match: {}", tag_of(&fetched));
    fs::write(server.root().join("a.txt"), "newer").expect("the file");
    assert_eq!(ask(&mut client, "PUT", "/a.txt", &[&line]).status, 412);
    assert_eq!(client.get("/a.txt").text(), "newer");
}
