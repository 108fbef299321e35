//! Client and server protocols wired together in memory, without sockets: whatever way the bytes
//! are cut on their way, the conversation is the same.
//!
//! `wire` carries bytes, `pair` drives protocols; `time` promises what happens when nothing comes,
//! `arbitrary` what happens when anything comes; `archive` streams folders; `pending` waits for gzip; `hot_path` counts what a plain
//! GET costs; `sum` is the same for the number exchange; `secure` is TLS.

mod arbitrary;
mod archive;
mod faults;
mod hot_path;
mod logged;
mod pair;
mod pending;
mod secure;
mod sum;
mod time;
mod upload;
mod wire;

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use reactor_http::client::connection::FetchError;
use reactor_http::http::ResponseError;
use reactor_http::net::CloseReason;
use reactor_http::reactor::Now;

use self::pair::{Alone, Pair, ServedDirectory};
use self::wire::{Pace, Random};
use crate::harness::secure::is_over_tls;

pub(crate) use self::sum::overdue_sum_client;
pub(crate) use self::time::an_attempt_that_is_overdue;

/// Around each length at which the server changes its way: none, copied, shared, sent from the file.
const LENGTHS: [usize; 8] = [0, 1, 4096, 4097, 65_536, 65_537, 100_000, 270_000];

/// Bytes without a period that a mistake could hide in.
fn content(len: usize) -> Vec<u8> {
    let mut random = Random(len as u64);
    (0..len).map(|_| random.next() as u8).collect()
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// The status and the body of each answer, and nothing between or after them.
fn answers(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let head_len = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole head") + 4;
        let (head, rest) = bytes.split_at(head_len);
        let head = std::str::from_utf8(head).expect("a head in ASCII");
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok());
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let len: usize = len.map_or(0, |len| len.parse().expect("a length"));
        assert!(rest.len() >= len, "a body of {len} bytes is cut short at {}", rest.len());
        answers.push((status.expect("a status"), rest[..len].to_vec()));
        bytes = &rest[len..];
    }
    answers
}

fn directory_of_all_lengths() -> (ServedDirectory, Vec<(String, Vec<u8>)>) {
    of_all_lengths(ServedDirectory::with)
}

fn of_all_lengths(
    make: impl FnOnce(&[(&str, &[u8])]) -> ServedDirectory,
) -> (ServedDirectory, Vec<(String, Vec<u8>)>) {
    let files: Vec<_> = LENGTHS.iter().map(|&len| (format!("{len}.bin"), content(len))).collect();
    let named: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    (make(&named), files)
}

fn fetch(directory: &ServedDirectory, name: &str, bytes: &[u8], capacity: usize, pace: Pace) {
    let case = format!("{name} through {capacity} bytes, {pace:?}");
    let mut pair = Pair::new(directory, &request(&format!("/{name}")), capacity, pace);
    pair.run();
    let handler = &pair.client.context;
    assert_eq!((handler.status, handler.outcome), (Some(200), Some(Ok(()))), "{case}");
    assert!(handler.body == bytes, "{case}: {} other bytes", handler.body.len());
    assert_eq!(pair.client.ended, Some(CloseReason::Finished), "{case}");
    // Over TLS, a wire that is not ready loses the `close_notify` of the client.
    let is_lost = is_over_tls() && pair.server.ended == Some(CloseReason::Failed(ErrorKind::UnexpectedEof));
    assert!(is_lost || pair.server.ended == Some(CloseReason::PeerClosed), "{case}: {:?}", pair.server.ended);
}

#[test]
fn fetch_any_chunking_gets_exact_file_bytes() {
    let (directory, files) = directory_of_all_lengths();
    for (name, bytes) in &files {
        fetch(&directory, name, bytes, usize::MAX, Pace::Whole);
        let most = if bytes.len() > 70_000 { 3 } else { 1 };
        fetch(&directory, name, bytes, 1000, Pace::AtMost(most));
    }
    for seed in 0..200 {
        let mut random = Random(seed);
        let (name, bytes) = &files[random.below(files.len() as u64) as usize];
        let scale = 6 + random.below(12);
        let capacity = 64 + random.below(1 << scale) as usize;
        fetch(&directory, name, bytes, capacity, Pace::Seeded(random));
    }
}

#[test]
fn pipelined_any_chunking_responses_in_order() {
    let (directory, files) = directory_of_all_lengths();
    // Three times what one turn answers, and then some.
    let order: Vec<_> = (0..50).map(|i| &files[i * i % 6]).collect();
    let script: String = order.iter().map(|(name, _)| request(&format!("/{name}"))).collect();
    let expected: Vec<_> = order.iter().map(|(_, bytes)| (200, bytes.clone())).collect();
    let paces = [Pace::Whole, Pace::AtMost(1), Pace::AtMost(100), Pace::AtMost(5000)];
    for (pace, capacity) in paces.into_iter().zip([usize::MAX, 10_000, 100, 100_000]) {
        let mut server = Alone::new(&directory, capacity, pace);
        server.send(&script);
        assert!(answers(&server.take_all()) == expected, "{pace:?} through {capacity} bytes");
        assert_eq!(server.ended(), None, "it is kept alive");
        assert_eq!(answers(&server.send(request("/1.bin")).take_all()).len(), 1, "and of use");
    }
}

#[test]
fn half_closed_client_gets_all_responses() {
    let (directory, files) = directory_of_all_lengths();
    let (name, bytes) = &files[7];
    for pace in [Pace::Whole, Pace::AtMost(997)] {
        let mut server = Alone::new(&directory, 5000, pace);
        let script = request(&format!("/{name}")).repeat(2);
        server.send(script).finish();
        assert_eq!(server.ended(), None, "the answers come first");
        assert!(answers(&server.take_all()) == [(200, bytes.clone()), (200, bytes.clone())]);
        assert_eq!(server.ended(), Some(CloseReason::PeerClosed));
    }
}

#[test]
fn file_shrinks_while_sent_client_reports_truncated_body() {
    let directory = ServedDirectory::with(&[("big.bin", &content(270_000))]);
    let mut pair = Pair::new(&directory, &request("/big.bin"), 10_000, Pace::AtMost(1000));
    while pair.client.context.body.len() < 50_000 {
        pair.step();
    }
    let file = File::options().write(true).open(directory.path().join("big.bin")).expect("the file");
    file.set_len(100_000).expect("a shorter file");
    pair.run();
    assert_eq!(pair.server.ended, Some(CloseReason::FileTruncated));
    let missing = ResponseError::BodyCutShort(Some(170_000));
    assert_eq!(pair.client.context.outcome, Some(Err(FetchError::Response(missing))));
    assert!(pair.client.context.body == content(270_000)[..100_000]);
}

#[test]
fn tagged_body_overwritten_while_sent_is_cut_off() {
    for len in [1_100_000, 3_000_000] {
        let directory = ServedDirectory::with(&[("a.bin", &content(len))]);
        let file = File::options().write(true).open(directory.path().join("a.bin")).expect("the file");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("a time");
        // Its times are old enough for an entity-tag.
        let now = Now::read().after(Duration::from_secs(3));
        let mut server = Alone::at(now, &directory, 10_000, Pace::Whole);
        server.send(request("/a.bin"));
        let head = server.take(1000);
        assert!(String::from_utf8_lossy(&head).contains("ETag: "), "{len}");
        file.write_all_at(&content(len), 0).expect("writes");
        let rest = server.take_all();
        assert_eq!(server.ended(), Some(CloseReason::FileTruncated), "{len}");
        assert!(head.len() + rest.len() < len, "{len}: one tag, two contents");
    }
}

#[test]
fn closing_response_ends_connection_on_both_sides() {
    let (directory, files) = directory_of_all_lengths();
    let requests = [
        "GET /100000.bin HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        "GET /100000.bin HTTP/1.0\r\n\r\n",
    ];
    for request in requests {
        for seed in 0..10 {
            let mut pair = Pair::new(&directory, request, 4096, Pace::Seeded(Random(seed)));
            pair.run();
            assert_eq!(pair.client.context.outcome, Some(Ok(())), "{request} with seed {seed}");
            assert!(pair.client.context.body == files[6].1, "{request} with seed {seed}");
            assert_eq!(pair.server.ended, Some(CloseReason::Finished), "{request} with seed {seed}");
        }
    }
}
