//! Folders as archives, in virtual time and over wires that cut them anywhere: whole or broken off,
//! never in between, and a slice of work in each turn.

use std::fs::{self, File};
use std::time::Duration;

use reactor_http::client::connection::FetchError;
use reactor_http::http::ResponseError;
use reactor_http::net::CloseReason;
use reactor_http::reactor::Now;
use reactor_http::server::{ServerConfig, ServerPhase};

use super::pair::{Alone, Pair, ServedDirectory};
use super::wire::{Pace, Pipe, Port, Random};
use super::{answers, content, request};
use crate::harness::fill;

/// Entries looked at in one turn, as the server has it.
const ENTRIES_PER_TURN: usize = 256;

/// A directory with a folder `many` of so many small files.
fn many(count: usize) -> ServedDirectory {
    let directory = ServedDirectory::with(&[("index.html", b"<p>hello")]);
    fill(&directory.path().join("many"), count, b"small", |number| number.to_string());
    directory
}

/// A directory with a folder `deep` whose paths are too long for its length to be known beforehand, and in
/// it a file of this length.
fn deep(len: u64) -> ServedDirectory {
    let directory = ServedDirectory::with(&[("index.html", b"<p>hello")]);
    let deep = directory.path().join("deep").join(format!("{}/", "d".repeat(250)).repeat(14));
    fill(&deep, 800, b"small", |number| number.to_string());
    let file = File::create(directory.path().join("deep/large")).expect("a file");
    file.set_len(len).expect("a length");
    directory
}

/// The bytes of a body in chunks, and what follows it.
fn dechunk(mut bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|end| end == b"\r\n").expect("the line of a chunk");
        let line = std::str::from_utf8(&bytes[..end]).expect("ASCII");
        let len = usize::from_str_radix(line, 16).expect("a number");
        let data = &bytes[end + 2..];
        body.extend_from_slice(&data[..len]);
        assert_eq!(&data[len..len + 2], b"\r\n");
        bytes = &data[len + 2..];
        if len == 0 {
            return (body, bytes);
        }
    }
}

fn split_head(bytes: &[u8]) -> (String, &[u8]) {
    let len = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole head") + 4;
    (String::from_utf8(bytes[..len].to_vec()).expect("ASCII"), &bytes[len..])
}

#[test]
fn archive_any_chunking_same_bytes_then_next_response() {
    let files = [1, 4096, 16_385, 70_000].map(|len| (format!("docs/{len}"), content(len)));
    let named: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let directory = ServedDirectory::with(&named);
    let mut whole = Alone::new(&directory, usize::MAX, Pace::Whole);
    let expected = answers(&whole.send(request("/docs/?archive=tar")).take_all());
    let archive = &expected[0].1;
    assert!(archive.len() > 90_000 && archive.len().is_multiple_of(512) && archive.ends_with(&[0; 1024]));
    for (_, bytes) in &files {
        assert!(archive.windows(bytes.len()).any(|window| window == bytes));
    }
    for seed in 0..60 {
        let pace = Pace::Seeded(Random(seed));
        let mut pair = Pair::new(&directory, &request("/docs/?archive=tar"), 5000, pace);
        pair.run();
        assert_eq!(pair.client.context.outcome, Some(Ok(())), "seed {seed}");
        assert!(&pair.client.context.body == archive, "seed {seed}");
    }
    for most in [1, 700, 5000] {
        let mut server = Alone::new(&directory, 3000, Pace::AtMost(most));
        let script = request("/docs/?archive=tar") + &request("/docs/1") + &request("/docs/?archive=tar");
        server.send(script);
        let told = answers(&server.take_all());
        assert_eq!(told.len(), 3);
        assert!(told[0] == expected[0] && told[2] == expected[0] && told[1] == (200, content(1)), "{most}");
        assert_eq!(server.ended(), None, "it is kept alive");
    }
}

#[test]
fn archive_of_unknown_length_is_chunked_closes_for_http10() {
    let directory = deep(300_000);
    let mut server = Alone::new(&directory, 10_000, Pace::AtMost(3000));
    server.send(request("/deep/?archive=tar") + &request("/"));
    let bytes = server.take_all();
    let (head, rest) = split_head(&bytes);
    assert!(
        head.contains("\r\nTransfer-Encoding: chunked\r\n") && !head.contains("Content-Length"),
        "{head}"
    );
    let (body, rest) = dechunk(rest);
    assert!(body.len() > 300_000 + 800 * 1024 && body.ends_with(&[0; 1024]));
    assert_eq!(answers(rest), [(200, b"<p>hello".to_vec())]);
    assert_eq!(server.ended(), None);
    // The same for HTTP/1.0, which knows no chunks: the connection ends with it.
    for field in ["", "Connection: keep-alive\r\n"] {
        let mut server = Alone::new(&directory, 10_000, Pace::AtMost(3000));
        server.send(format!("GET /deep/?archive=tar HTTP/1.0\r\n{field}\r\n"));
        let bytes = server.take_all();
        let (head, rest) = split_head(&bytes);
        assert!(head.contains("\r\nConnection: close\r\n") && !head.contains("Transfer-Encoding"), "{head}");
        assert!(rest == body);
        assert_eq!(server.ended(), Some(CloseReason::Finished));
    }
}

#[test]
fn archive_of_1500_files_is_spread_over_ticks() {
    const COUNT: usize = 1500;
    let directory = many(COUNT);
    let mut now = Now::read();
    let mut side = directory.server_with(ServerConfig::default(), now);
    let (mut up, mut down, mut pace) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX), Pace::Whole);
    up.put(request("/many/?archive=tar").as_bytes());
    let (mut preparing, mut writing, mut longest) = (0, 0, 0);
    loop {
        now = now.after(Duration::from_micros(1));
        let again = side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now);
        longest = longest.max(down.take(usize::MAX).len());
        match side.protocol().phase() {
            ServerPhase::Preparing => preparing += 1,
            ServerPhase::Writing => writing += 1,
            _ => {}
        }
        if !again {
            break;
        }
    }
    assert_eq!(side.protocol().phase(), ServerPhase::Reading);
    assert!(preparing >= COUNT / ENTRIES_PER_TURN, "{preparing} turns of gathering");
    assert!(writing >= COUNT / 64, "{writing} turns of writing");
    assert!(longest < 128 * 1024, "{longest} bytes in one turn");
}

#[test]
fn archive_preparing_past_timeout_is_sent_chunked() {
    let directory = many(2000);
    let mut now = Now::read();
    let mut side = directory.server_with(ServerConfig::default(), now);
    let (mut up, mut down, mut pace) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX), Pace::Whole);
    up.put(request("/many/?archive=tar").as_bytes());
    let mut bytes = Vec::new();
    for tick in 0..10_000 {
        // The first turn looks at some of the files, and the next is ten seconds later.
        now = now.after(if tick == 1 { Duration::from_secs(10) } else { Duration::from_micros(1) });
        let again = side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now);
        bytes.extend(down.take(usize::MAX));
        assert_eq!(side.protocol().phase() == ServerPhase::Preparing, tick == 0, "turn {tick}");
        if !again {
            break;
        }
    }
    let (head, rest) = split_head(&bytes);
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    let (body, rest) = dechunk(rest);
    assert_eq!(body.len(), 512 + 2000 * 1024 + 1024, "each file has two blocks");
    assert!(rest.is_empty() && side.ended.is_none());
}

#[test]
fn archive_head_request_has_get_fields_without_body() {
    for (directory, path) in [(many(300), "/many/"), (deep(10), "/deep/")] {
        for version in ["1.0", "1.1"] {
            let now = Now::read();
            let [get, head] = ["GET", "HEAD"].map(|method| {
                let mut server = Alone::at(now, &directory, usize::MAX, Pace::Whole);
                server.send(format!("{method} {path}?archive=tar HTTP/{version}\r\nHost: test\r\n\r\n"));
                server.take_all()
            });
            let (expected, _) = split_head(&get);
            assert_eq!(split_head(&head), (expected, &b""[..]));
        }
    }
}

/// A server that has sent the beginning of this archive.
fn begun(directory: &ServedDirectory, path: &str) -> Alone {
    let mut server = Alone::new(directory, 10_000, Pace::Whole);
    server.send(request(path));
    assert_eq!(server.take(100).len(), 100);
    server
}

#[test]
fn archive_file_shrinks_or_vanishes_connection_closes() {
    type Change = fn(&std::path::Path);
    let cases: [(&str, Change, CloseReason); 3] = [
        (
            "gone",
            |path| fs::remove_file(path).expect("removed"),
            CloseReason::FileFailed(std::io::ErrorKind::NotFound),
        ),
        ("empty", |path| drop(File::create(path).expect("emptied")), CloseReason::FileTruncated),
        (
            "shorter",
            |path| {
                let file = File::options().write(true).open(path).expect("the file");
                file.set_len(99_999).expect("a length");
            },
            CloseReason::FileTruncated,
        ),
    ];
    for (told, change, expected) in cases {
        let (first, second) = (content(100_000), content(100_000));
        let directory = ServedDirectory::with(&[("docs/a", &first), ("docs/b", &second)]);
        let mut pair = Pair::new(&directory, &request("/docs/?archive=tar"), 1000, Pace::AtMost(500));
        while pair.client.context.body.len() < 2000 {
            pair.step();
        }
        // One of the two is open by now, and only a name that is gone makes no difference to it.
        for name in ["docs/a", "docs/b"] {
            change(&directory.path().join(name));
        }
        pair.run();
        assert_eq!(pair.server.ended, Some(expected), "{told}");
        let outcome = pair.client.context.outcome;
        assert!(
            matches!(outcome, Some(Err(FetchError::Response(ResponseError::BodyCutShort(Some(_)))))),
            "{told}: {outcome:?}"
        );
    }
}

#[test]
fn chunked_archive_file_shrinks_no_last_chunk_is_sent() {
    let directory = deep(1 << 20);
    let mut server = begun(&directory, "/deep/?archive=tar");
    // The file is in the topmost folder, so it is the first; more than the wire holds of it is not sent.
    let mut bytes = server.take(100_000);
    let file = File::options().write(true).open(directory.path().join("deep/large")).expect("the file");
    file.set_len(50_000).expect("a length");
    bytes.extend(server.take_all());
    assert_eq!(server.ended(), Some(CloseReason::FileTruncated));
    assert!(!bytes.ends_with(b"\r\n0\r\n\r\n") && bytes.len() < 1 << 20);
}

#[test]
fn archive_stalled_reader_times_out_slow_reader_does_not() {
    let directory = deep(8 << 20);
    let second = Duration::from_secs(1);
    let mut server = begun(&directory, "/deep/?archive=tar");
    server.pass(50 * second);
    assert_eq!(server.ended(), Some(CloseReason::TimedOut("the peer to receive the response")));
    let mut server = begun(&directory, "/deep/?archive=tar");
    for _ in 0..3000 {
        server.pass(second);
        assert_eq!(server.ended(), None);
        assert!(!server.take(2048).is_empty());
    }
}

#[test]
fn archive_in_flight_at_shutdown_completes() {
    let directory = many(1000);
    let mut server = begun(&directory, "/many/?archive=tar");
    server.drain();
    assert_eq!(server.ended(), None);
    let mut left = 0;
    loop {
        let some = server.take_all().len();
        left += some;
        if some == 0 {
            break;
        }
    }
    assert!(left > 1000 * 1024);
    assert_eq!(server.ended(), Some(CloseReason::Shutdown));
}

#[test]
fn archive_query_and_listing_setting_give_status() {
    let directory = many(1);
    for (query, listing, expected) in [
        ("archive=tar", None, "200"),
        ("archive=tar", Some(true), "200"),
        ("archive=tar", Some(false), "403"),
        ("archive=zip", Some(true), "400"),
        ("archive=", Some(true), "400"),
        ("archive=zip", Some(false), "404"),
        ("x=1&archive=tar&y", Some(true), "200"),
        ("archived=tar", Some(true), "200"),
        ("archived=tar", Some(false), "404"),
    ] {
        let now = Now::read();
        let mut side = directory.server_with(ServerConfig { listing, ..ServerConfig::default() }, now);
        let (mut up, mut down, mut pace) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX), Pace::Whole);
        up.put(request(&format!("/many/?{query}")).as_bytes());
        while side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now) {}
        let bytes = down.take(usize::MAX);
        assert_eq!(String::from_utf8_lossy(&bytes[9..12]), expected, "{query} {listing:?}");
    }
}
