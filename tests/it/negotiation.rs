//! Encoded content: twins beside a file, gzip made of it, and who gets which.
//!
//! Whatever is sent, it is the content of the moment of the request: twins come, change, age and go
//! between two requests here, and each answer tells of it. What is made is decoded by somebody else's
//! decoder and compared with the file.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use rustix::process::Signal;

use crate::harness::{Raw, Reply, Server, pattern, random};

/// What browsers send.
const BROWSER: &str = "gzip, deflate, br, zstd";
/// A page that is far too long to be compressed in one turn, and one that nobody has to wait for.
const LONG: &str = "/server-code.html";
const OTHER: &str = "/client-code.html";

fn request(method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")
}

/// A GET by a client that accepts these codings.
fn get(client: &mut Raw, path: &str, accepted: &str) -> Reply {
    client.send(request("GET", path, &format!("Accept-Encoding: {accepted}\r\n"))).reply()
}

fn decoded(reply: &Reply) -> Vec<u8> {
    assert_eq!((reply.status, reply.field("content-encoding")), (200, Some("gzip")), "{}", reply.head);
    let mut plain = Vec::new();
    GzDecoder::new(&reply.body[..]).read_to_end(&mut plain).expect("a whole gzip stream");
    plain
}

/// Text of about this length.
fn text(len: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|line: u32| format!("line {line}, which is no other\n").into_bytes());
    lines.take(len).collect()
}

/// Sets when the file was modified, in seconds from now.
fn age(server: &Server, name: &str, secs_ago: u64) {
    let file = File::options().write(true).open(server.root().join(name)).expect(name);
    file.set_modified(SystemTime::now() - Duration::from_secs(secs_ago)).expect("sets the time");
}

#[test]
fn precompressed_file_is_chosen_by_accept_encoding() {
    let server = Server::with(
        &[("a.css", b"plain"), ("a.css.br", b"brotli"), ("a.css.zst", b"zstandard"), ("a.css.gz", b"gz")],
        &["--no-compress"],
    );
    let mut client = server.connect();
    for (accepted, coding, body) in [
        (BROWSER, Some("br"), "brotli"),
        ("gzip", Some("gzip"), "gz"),
        ("x-gzip", Some("gzip"), "gz"),
        ("zstd, gzip;q=0.9", Some("zstd"), "zstandard"),
        ("br;q=0.1, gzip;q=0.2", Some("gzip"), "gz"),
        ("*", Some("br"), "brotli"),
        ("*, br;q=0", Some("zstd"), "zstandard"),
        ("br;q=0, zstd;q=0, gzip;q=0", None, "plain"),
        ("identity", None, "plain"),
        ("identity, gzip;q=0.5", None, "plain"),
        ("deflate", None, "plain"),
        ("", None, "plain"),
        ("gzip;q=nonsense, zstd;q=0.001", Some("zstd"), "zstandard"),
    ] {
        let reply = get(&mut client, "/a.css", accepted);
        assert_eq!(
            (reply.status, reply.field("content-encoding"), reply.text()),
            (200, coding, body),
            "{accepted}"
        );
        assert_eq!(reply.field("content-type"), Some("text/css; charset=utf-8"), "{accepted}");
        assert_eq!(reply.field("vary"), Some("Accept-Encoding"), "{accepted}");
    }
    let twice = client
        .send(request("GET", "/a.css", "Accept-Encoding: br;q=0.5\r\naccept-encoding: gzip\r\n"))
        .reply();
    assert_eq!(twice.text(), "gz");
    let plain = client.get("/a.css");
    assert_eq!((plain.field("content-encoding"), plain.text()), (None, "plain"));
    assert_eq!(plain.field("vary"), Some("Accept-Encoding"), "a cache has to know, whoever asks first");
    let old =
        client.send("GET /a.css HTTP/1.0\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n").reply();
    assert_eq!(old.text(), "gz");
}

#[test]
fn precompressed_file_has_its_own_validators() {
    let server = Server::serving(&[("a.js", b"plain"), ("a.js.br", b"same"), ("a.js.gz", b"same")]);
    age(&server, "a.js", 3000);
    age(&server, "a.js.br", 2000);
    age(&server, "a.js.gz", 1000);
    let mut client = server.connect();
    let replies = ["br", "gzip", "identity"].map(|accepted| get(&mut client, "/a.js", accepted));
    for name in ["etag", "last-modified"] {
        let mut values: Vec<_> = replies.iter().map(|reply| reply.field(name).expect(name)).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 3, "{name}: {values:?}");
    }
}

#[test]
fn precompressed_file_by_its_own_name_is_plain() {
    let server = Server::serving(&[("a.css", b"plain"), ("a.css.gz", b"twin")]);
    let mut client = server.connect();
    for accepted in [BROWSER, "identity"] {
        let reply = get(&mut client, "/a.css.gz", accepted);
        assert_eq!((reply.status, reply.text()), (200, "twin"));
        assert_eq!(reply.field("content-type"), Some("application/gzip"));
        assert_eq!((reply.field("content-encoding"), reply.field("vary")), (None, None));
    }
}

#[test]
fn unusable_precompressed_files_are_ignored() {
    let server = Server::with(
        &[
            ("a.css", b"plain"),
            ("a.css.zst", b"older"),
            ("a.css.gz", b""),
            ("b.css", b"plain"),
            ("c.png", b"plain"),
        ],
        &["--no-compress"],
    );
    let root = server.root();
    age(&server, "a.css", 30);
    age(&server, "a.css.zst", 60);
    age(&server, "a.css.gz", 0);
    fs::create_dir(root.join("a.css.br")).expect("a directory");
    let outside = root.with_file_name("secret");
    fs::write(&outside, "secret").expect("writes");
    symlink(&outside, root.join("b.css.br")).expect("a link");
    symlink("../secret", root.join("b.css.zst")).expect("a link");
    let fifo = root.join("b.css.gz");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    fs::write(root.join("c.png.gz"), "twin").expect("writes");
    let mut client = server.connect();
    for path in ["/a.css", "/b.css", "/c.png", "/a.css"] {
        let reply = get(&mut client, path, BROWSER);
        assert_eq!(
            (reply.status, reply.field("content-encoding"), reply.text()),
            (200, None, "plain"),
            "{path}"
        );
    }
}

#[test]
fn precompressed_file_changes_show_at_next_request() {
    let server = Server::serving(&[("a.css", b"plain")]);
    age(&server, "a.css", 3600);
    let path = |name: &str| server.root().join(name);
    let write = |name: &str, text: &str| fs::write(path(name), text).expect(name);
    let mut client = server.connect();
    let mut expect = |coding: Option<&str>, text: &str| {
        for _ in 0..2 {
            let reply = get(&mut client, "/a.css", BROWSER);
            assert_eq!((reply.field("content-encoding"), reply.text()), (coding, text));
        }
    };
    expect(None, "plain");
    write("a.css.gz", "appears");
    expect(Some("gzip"), "appears");
    write("a.css.gz", "changes");
    expect(Some("gzip"), "changes");
    write("new", "is renamed");
    fs::rename(path("new"), path("a.css.br")).expect("renames");
    expect(Some("br"), "is renamed");
    age(&server, "a.css.br", 7200);
    expect(Some("gzip"), "changes");
    fs::remove_file(path("a.css.gz")).expect("removes");
    expect(None, "plain");
    age(&server, "a.css.br", 0);
    expect(Some("br"), "is renamed");
    age(&server, "a.css", 0);
    age(&server, "a.css.br", 1);
    expect(None, "plain");
    write("a.css", "the original changes");
    expect(None, "the original changes");
    fs::remove_file(path("a.css")).expect("removes");
    assert_eq!(get(&mut server.connect(), "/a.css", BROWSER).status, 404, "a twin alone is no file");
}

#[test]
fn gzip_response_decodes_to_file_and_has_its_fields() {
    let content = text(40_000);
    let server = Server::serving(&[("a.txt", &content), ("docs/index.html", &content)]);
    age(&server, "a.txt", 3600);
    let mut client = server.connect();
    let plain = client.get("/a.txt");
    for accepted in [BROWSER, "gzip", "gzip;q=0.1, zstd", "*", "br, zstd, x-gzip;q=0.1"] {
        let reply = get(&mut client, "/a.txt", accepted);
        assert!(decoded(&reply) == content, "{accepted}");
        assert!(reply.body.len() < content.len() / 2);
        for name in ["content-type", "last-modified", "vary"] {
            assert!(reply.field(name).is_some() && reply.field(name) == plain.field(name), "{name}");
        }
        let tag = plain.field("etag").and_then(|tag| tag.strip_suffix('"')).expect("an entity-tag");
        assert_eq!(reply.field("etag"), Some(format!("{tag}-gzip\"").as_str()));
        assert_eq!((plain.field("accept-ranges"), reply.field("accept-ranges")), (Some("bytes"), None));
    }
    assert!(decoded(&get(&mut client, "/docs/", BROWSER)) == content);
    for accepted in ["br", "zstd", "identity", "gzip;q=0", "identity, gzip;q=0.9"] {
        let reply = get(&mut client, "/a.txt", accepted);
        assert!(reply.field("content-encoding").is_none() && reply.body == content, "{accepted}");
    }
}

#[test]
fn if_none_match_304_only_for_same_encoding() {
    let content = text(40_000);
    let server = Server::serving(&[("a.txt", &content), ("b.txt", &content), ("b.txt.br", b"twin")]);
    let mut client = server.connect();
    for path in ["/a.txt", "/b.txt"] {
        let tags = [BROWSER, "identity"].map(|accepted| {
            get(&mut client, path, accepted).field("etag").expect("an entity-tag").to_owned()
        });
        assert_ne!(tags[0], tags[1]);
        for (accepted, other) in [(BROWSER, "identity"), ("identity", BROWSER)] {
            let tag = &tags[usize::from(accepted == "identity")];
            let ask = |accepted: &str| {
                let lines = format!("Accept-Encoding: {accepted}\r\nIf-None-Match: {tag}\r\n");
                request("GET", path, &lines)
            };
            let unchanged = client.send(ask(accepted)).reply();
            assert_eq!((unchanged.status, unchanged.field("etag")), (304, Some(tag.as_str())), "{path}");
            assert_eq!(unchanged.field("vary"), Some("Accept-Encoding"), "{path}");
            assert_eq!(unchanged.field("content-encoding"), None, "{path}");
            let whole = client.send(ask(other)).reply();
            assert!(whole.status == 200 && whole.field("etag") != Some(tag), "{path}: {}", whole.head);
        }
    }
}

#[test]
fn range_gets_part_of_precompressed_but_not_of_gzip() {
    let content = text(40_000);
    let server = Server::serving(&[("a.txt", &content), ("b.txt", &content), ("b.txt.gz", b"the twin")]);
    let mut client = server.connect();
    let lines = "Accept-Encoding: gzip\r\nRange: bytes=4-\r\n";
    let part = client.send(request("GET", "/b.txt", lines)).reply();
    assert_eq!((part.status, part.field("content-encoding"), part.text()), (206, Some("gzip"), "twin"));
    assert_eq!(part.field("content-range"), Some("bytes 4-7/8"));
    assert_eq!(part.field("vary"), Some("Accept-Encoding"));
    let plain = client.send(request("GET", "/a.txt", lines)).reply();
    assert!(plain.status == 206 && plain.field("content-encoding").is_none() && plain.body == content[4..]);
    // A part of what was made before fits nothing that is sent now: the whole comes.
    let compressed = get(&mut client, "/a.txt", "gzip");
    assert_eq!(compressed.field("accept-ranges"), None);
    let tag = compressed.field("etag").expect("an entity-tag");
    let lines = format!("{lines}If-Range: {tag}\r\n");
    let whole = client.send(request("GET", "/a.txt", &lines)).reply();
    assert!(whole.status == 200 && whole.field("content-encoding").is_none() && whole.body == content);
}

#[test]
fn encoded_head_has_the_fields_of_get() {
    let content = text(40_000);
    let server = Server::serving(&[("a.txt", &content), ("a.css", b"plain"), ("a.css.br", b"twin")]);
    let mut client = server.connect();
    for path in ["/a.txt", "/a.css"] {
        for accepted in [BROWSER, "gzip", "br", "identity"] {
            let lines = format!("Accept-Encoding: {accepted}\r\n");
            let head = client.send(request("HEAD", path, &lines)).reply_to_head();
            let reply = client.send(request("GET", path, &lines)).reply();
            assert_eq!(head.dateless(), reply.dateless(), "{path} {accepted}");
        }
    }
}

#[test]
fn short_or_incompressible_files_are_not_encoded() {
    let mut random = random(7);
    let noise: Vec<u8> = (0..3000).map(|_| random(256) as u8).collect();
    let (short, long) = (text(1023), text(5000));
    let server = Server::serving(&[
        ("short.txt", &short),
        ("noise.txt", &noise),
        ("long.png", &long),
        ("a.zip", &long),
    ]);
    let mut client = server.connect();
    for (path, content) in
        [("/short.txt", &short), ("/noise.txt", &noise), ("/long.png", &long), ("/a.zip", &long)]
    {
        for _ in 0..2 {
            let reply = get(&mut client, path, BROWSER);
            assert!(
                reply.field("content-encoding").is_none() && reply.body == *content,
                "{path}: {}",
                reply.head
            );
            assert_eq!(reply.field("vary").is_some(), path.ends_with(".txt"), "{path}");
        }
    }
}

#[test]
fn range_or_no_compress_makes_no_gzip() {
    let content = text(5000);
    let files: &[(&str, &[u8])] = &[("a.txt", &content), ("b.txt", &content), ("b.txt.gz", b"twin")];
    let server = Server::serving(files);
    let lines = "Accept-Encoding: gzip\r\nRange: bytes=0-99999\r\n";
    let reply = server.connect().send(request("GET", "/a.txt", lines)).reply();
    assert!(reply.field("content-encoding").is_none() && reply.body == content, "{}", reply.head);

    let server = Server::with(files, &["--no-compress"]);
    let mut client = server.connect();
    let reply = get(&mut client, "/a.txt", BROWSER);
    assert!(reply.field("content-encoding").is_none() && reply.body == content, "{}", reply.head);
    assert_eq!(reply.field("vary"), Some("Accept-Encoding"), "a twin may come");
    assert_eq!(get(&mut client, "/b.txt", BROWSER).text(), "twin");
}

#[test]
fn gzip_response_has_current_content_after_change() {
    let server = Server::serving(&[("a.txt", b"")]);
    let mut client = server.connect();
    for len in [2000, 2001, 60_000, 1500, 65_536, 65_537, 200_000, 3000] {
        let content = text(len);
        fs::write(server.root().join("a.txt"), &content).expect("writes");
        for accepted in ["gzip", "identity", "gzip"] {
            let reply = get(&mut client, "/a.txt", accepted);
            match reply.field("content-encoding") {
                Some(_) => assert!(accepted == "gzip" && decoded(&reply) == content, "{len}"),
                // What is longer than a slice is not made while it may still be changing.
                None => assert!((accepted == "identity" || len > 65_536) && reply.body == content, "{len}"),
            }
        }
    }
}

#[test]
fn fallback_is_encoded_error_page_is_not() {
    let content = text(5000);
    let server = Server::with(
        &[("app.html", &content), ("lost.html", &content), ("lost.html.br", b"twin")],
        &["--fallback=app.html", "--error-page=404=lost.html"],
    );
    let mut client = server.connect();
    assert!(decoded(&get(&mut client, "/missing", BROWSER)) == content);
    let lost = get(&mut client, "/.hidden", BROWSER);
    assert!(lost.status == 404 && lost.body == content, "{}", lost.head);
    assert_eq!((lost.field("content-encoding"), lost.field("vary")), (None, None));
}

/// A server of long files that have not changed for a while, as only such are compressed bit by bit: the
/// build has left them.
fn of_long_pages(options: &[&str]) -> (Server, Vec<u8>) {
    let server = Server::in_folder(&[], &[&[concat!(env!("OUT_DIR"), "/pages")], options].concat());
    let reply = server.get(LONG);
    assert!(reply.status == 200 && reply.body.len() > 500_000, "{}", reply.head);
    (server, reply.body)
}

#[test]
fn pipeline_waits_for_gzip_job_and_keeps_order() {
    let (server, page) = of_long_pages(&[]);
    let mut client = server.connect();
    let lines = "Accept-Encoding: gzip\r\n";
    let script = [
        request("GET", OTHER, ""),
        request("GET", LONG, lines),
        request("HEAD", LONG, lines),
        request("HEAD", OTHER, ""),
        request("GET", LONG, ""),
        request("GET", LONG, lines),
        request("GET", "/nothing", lines),
    ];
    client.send(script.concat()).finish();
    let other = client.reply();
    assert!(other.body == server.get(OTHER).body);
    let compressed = client.reply();
    assert!(decoded(&compressed) == page);
    assert_eq!(client.reply_to_head().dateless(), compressed.dateless());
    assert_eq!(client.reply_to_head().dateless(), other.dateless());
    assert!(client.reply().body == page);
    assert!(client.reply().body == compressed.body);
    assert_eq!(client.reply().status, 404);
    client.expect_end();
}

#[test]
fn gzip_job_does_not_delay_other_connections() {
    let (server, page) = of_long_pages(&[]);
    let (mut patient, mut quick) = (server.connect(), server.connect());
    for client in [&mut patient, &mut quick] {
        assert_eq!(client.get("/client-code.html?ready").status, 200);
    }
    // Both requests are there when the server looks, the long one first.
    server.signal(Signal::STOP);
    patient.send(request("GET", LONG, "Accept-Encoding: gzip\r\n"));
    quick.send(request("GET", "/client-code.html?quick", ""));
    server.signal(Signal::CONT);
    assert_eq!(quick.reply().status, 200);
    assert!(decoded(&patient.reply()) == page);
    drop((patient, quick));
    let log = server.stop().log;
    let line = |part: &str| {
        log.lines().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {log}"))
    };
    let compressed =
        log.lines().enumerate().filter(|(_, line)| line.contains(LONG)).last().map(|(number, _)| number);
    assert!(Some(line("?quick")) < compressed, "{log}");
}

#[test]
fn header_timeout_does_not_limit_gzip_job() {
    let (server, page) = of_long_pages(&["--header-timeout", "20ms"]);
    // Many at a time, so that it takes long even where one does not.
    let mut clients: Vec<Raw> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", LONG, "Accept-Encoding: gzip\r\n"));
    }
    for client in &mut clients {
        assert!(decoded(&client.reply()) == page);
    }
}

#[test]
fn concurrent_gzip_requests_get_same_bytes() {
    let (server, page) = of_long_pages(&[]);
    let address = server.address();
    let clients: Vec<_> =
        (0..32).map(|_| thread::spawn(move || get(&mut Raw::connect(address), LONG, BROWSER))).collect();
    let replies: Vec<Reply> = clients.into_iter().map(|client| client.join().expect("an answer")).collect();
    assert!(decoded(&replies[0]) == page);
    assert!(replies.iter().all(|reply| reply.body == replies[0].body && reply.status == 200));
}

#[test]
fn client_leaving_during_gzip_job_harms_no_other() {
    let (server, page) = of_long_pages(&[]);
    for _ in 0..5 {
        server.connect().send(request("GET", LONG, "Accept-Encoding: gzip\r\n"));
    }
    assert!(decoded(&get(&mut server.connect(), LONG, "gzip")) == page);
    assert!(get(&mut server.connect(), LONG, "identity").body == page);
}

#[test]
fn large_precompressed_file_is_sent_whole() {
    let precompressed = pattern(300_000);
    let server = Server::serving(&[("a.wasm", b"plain"), ("a.wasm.br", &precompressed)]);
    let reply = get(&mut server.connect(), "/a.wasm", BROWSER);
    assert!(reply.field("content-encoding") == Some("br") && reply.body == precompressed, "{}", reply.head);
    assert_eq!(reply.field("content-type"), Some("application/wasm"));
}

#[test]
fn put_if_match_gzip_tag_stores_over_that_version() {
    let server = Server::with(&[("a.txt", &text(5000))], &["--upload"]);
    let mut client = server.connect();
    let put = |client: &mut Raw, field: &str, tag: &str| {
        let fields = format!("Accept-Encoding: gzip\r\n{field}: {tag}\r\nContent-Length: 5000\r\n");
        client.send(request("PUT", "/a.txt", &fields)).send(text(5001).split_off(1)).reply().status
    };
    let fetched = get(&mut client, "/a.txt", "gzip");
    assert_eq!(decoded(&fetched), text(5000));
    let tag = fetched.field("ETag").expect("an entity-tag");
    assert!(tag.ends_with("-gzip\""), "{tag}");
    assert_eq!(put(&mut client, "If-None-Match", tag), 412, "it is what is there");
    assert_eq!(put(&mut client, "If-Match", tag), 204);
    assert_eq!(put(&mut client, "If-Match", tag), 412, "another one is there");
}
