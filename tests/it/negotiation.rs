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
fn the_client_chooses_among_the_twins_by_its_weights() {
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
fn a_twin_has_validators_of_its_own() {
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
fn a_twin_by_its_own_name_is_a_plain_file() {
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
fn what_is_no_good_as_a_twin_is_ignored() {
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
fn every_change_shows_at_the_next_request() {
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
fn what_is_made_decodes_to_the_file_and_says_what_it_is() {
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
fn who_has_an_encoding_already_is_told_so_and_no_other_is_taken_for_it() {
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
fn a_twin_is_sent_in_parts_and_what_is_made_is_not() {
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
    let made = get(&mut client, "/a.txt", "gzip");
    assert_eq!(made.field("accept-ranges"), None);
    let tag = made.field("etag").expect("an entity-tag");
    let lines = format!("{lines}If-Range: {tag}\r\n");
    let whole = client.send(request("GET", "/a.txt", &lines)).reply();
    assert!(whole.status == 200 && whole.field("content-encoding").is_none() && whole.body == content);
}

#[test]
fn head_says_what_get_would() {
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
fn what_is_short_or_compressed_already_is_sent_as_it_is() {
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
fn nothing_is_made_for_who_asks_for_a_range_or_is_told_not_to() {
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
fn what_is_made_is_of_the_file_as_it_is_now() {
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
fn a_fallback_is_encoded_and_an_error_page_is_not() {
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
fn pipelined_requests_wait_for_a_page_that_is_being_made_and_keep_their_order() {
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
    let made = client.reply();
    assert!(decoded(&made) == page);
    assert_eq!(client.reply_to_head().dateless(), made.dateless());
    assert_eq!(client.reply_to_head().dateless(), other.dateless());
    assert!(client.reply().body == page);
    assert!(client.reply().body == made.body);
    assert_eq!(client.reply().status, 404);
    client.expect_end();
}

#[test]
fn a_page_that_is_being_made_holds_up_nobody() {
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
    let made =
        log.lines().enumerate().filter(|(_, line)| line.contains(LONG)).last().map(|(number, _)| number);
    assert!(Some(line("?quick")) < made, "{log}");
}

#[test]
fn the_time_for_a_head_is_not_the_time_to_make_a_page() {
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
fn many_who_want_the_same_page_get_the_same_bytes() {
    let (server, page) = of_long_pages(&[]);
    let address = server.address();
    let clients: Vec<_> =
        (0..32).map(|_| thread::spawn(move || get(&mut Raw::connect(address), LONG, BROWSER))).collect();
    let replies: Vec<Reply> = clients.into_iter().map(|client| client.join().expect("an answer")).collect();
    assert!(decoded(&replies[0]) == page);
    assert!(replies.iter().all(|reply| reply.body == replies[0].body && reply.status == 200));
}

#[test]
fn who_leaves_while_a_page_is_being_made_takes_nothing_with_him() {
    let (server, page) = of_long_pages(&[]);
    for _ in 0..5 {
        server.connect().send(request("GET", LONG, "Accept-Encoding: gzip\r\n"));
    }
    assert!(decoded(&get(&mut server.connect(), LONG, "gzip")) == page);
    assert!(get(&mut server.connect(), LONG, "identity").body == page);
}

#[test]
fn a_large_twin_is_sent_whole() {
    let twin = pattern(300_000);
    let server = Server::serving(&[("a.wasm", b"plain"), ("a.wasm.br", &twin)]);
    let reply = get(&mut server.connect(), "/a.wasm", BROWSER);
    assert!(reply.field("content-encoding") == Some("br") && reply.body == twin, "{}", reply.head);
    assert_eq!(reply.field("content-type"), Some("application/wasm"));
}

#[test]
fn who_has_fetched_the_gzip_can_store_over_the_version_that_it_is_of() {
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
