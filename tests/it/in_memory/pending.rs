//! Requests that wait for a gzip job, in virtual time.
//!
//! Such a request waits as one for a listing does: in `Preparing`, polled once a tick, and with a time-out.

use std::fs;
use std::time::Duration;

use reactor_http::reactor::Now;
use reactor_http::server::{ServerConfig, ServerPhase};

use super::pair::{Alone, ServedDirectory};
use super::wire::{Pace, Pipe, Port};

/// Ten slices of compression.
const TEXT_LEN: usize = 640_000;
/// Files are old enough to be compressed in slices.
const LATER: Duration = Duration::from_secs(20);

fn directory() -> ServedDirectory {
    ServedDirectory::with(&[("a.txt", "the same again, ".repeat(TEXT_LEN / 16).as_bytes())])
}

fn get(fields: &str) -> String {
    format!("GET /a.txt HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n{fields}\r\n")
}

#[test]
fn gzip_job_is_polled_in_preparing_until_done() {
    let directory = directory();
    let mut now = Now::read().after(LATER);
    let mut side = directory.server_with(ServerConfig::default(), now);
    let (mut up, mut down, mut pace) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX), Pace::Whole);
    up.put(get("").as_bytes());
    let mut ticks = 0;
    while side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now) {
        assert_eq!(side.protocol().phase(), ServerPhase::Preparing, "tick {ticks}");
        now = now.after(Duration::from_micros(1));
        ticks += 1;
    }
    assert!(ticks >= TEXT_LEN / 65_536, "{ticks} ticks");
    let bytes = down.take(usize::MAX);
    assert!(String::from_utf8_lossy(&bytes).contains("\r\nContent-Encoding: gzip\r\n"));
}

#[test]
fn gzip_job_past_timeout_gets_503_and_keeps_connection() {
    let directory = directory();
    let mut now = Now::read().after(LATER);
    let mut side = directory.server_with(ServerConfig::default(), now);
    let (mut up, mut down, mut pace) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX), Pace::Whole);
    up.put(get("").as_bytes());
    assert!(side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now));
    now = now.after(Duration::from_secs(10));
    side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now);
    let response = String::from_utf8(down.take(usize::MAX)).expect("text");
    assert!(response.starts_with("HTTP/1.1 503 ") && !response.contains("Connection: close"), "{response}");
    assert_eq!((side.protocol().phase(), side.ended), (ServerPhase::Reading, None));
}

#[test]
fn listing_in_place_of_gzip_job_gets_own_timeout_response() {
    let directory =
        ServedDirectory::with(&[("docs/index.html", "the same again, ".repeat(TEXT_LEN / 16).as_bytes())]);
    let mut now = Now::read().after(LATER);
    let mut side =
        directory.server_with(ServerConfig { listing: Some(true), ..ServerConfig::default() }, now);
    let (mut up, mut down, mut pace) = (Pipe::new(usize::MAX), Pipe::new(usize::MAX), Pace::Whole);
    up.put(get("").replace("/a.txt", "/docs/").as_bytes());
    assert!(side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now));
    fs::remove_file(directory.path().join("docs/index.html")).expect("it is there");
    now = now.after(Duration::from_secs(1));
    assert!(side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now));
    now = now.after(Duration::from_secs(10));
    side.turn(&mut Port { incoming: &mut up, outgoing: &mut down, pace: &mut pace }, now);
    let response = String::from_utf8(down.take(usize::MAX)).expect("text");
    assert!(response.contains("list") && !response.contains("compress"), "{response}");
}

#[test]
fn conditional_request_waits_for_gzip_and_gets_304() {
    let directory = directory();
    let now = Now::read().after(LATER);
    let head_of = |fields: &str| {
        let mut server = Alone::at(now, &directory, usize::MAX, Pace::Whole);
        let response = server.send(get(fields)).take_all();
        let text = String::from_utf8_lossy(&response).into_owned();
        text.split("\r\n\r\n").next().expect("a head").to_owned()
    };
    let head = head_of("");
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("an entity-tag");
    assert!(tag.ends_with("-gzip\""), "{tag}");
    let fields = format!("If-None-Match: {tag}\r\n");
    assert!(head_of(&fields).starts_with("HTTP/1.1 304 "));
    let fields = format!("If-Match: {}\r\n", tag.replace("-gzip", ""));
    assert!(head_of(&fields).starts_with("HTTP/1.1 412 "));
}
