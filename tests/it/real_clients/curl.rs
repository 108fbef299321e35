//! curl: what people type, and what scripts and build systems fetch with.
//!
//! It owns the downloads; uploads are in `curl_upload`.

use std::fs;
use std::path::Path;

use super::{compressible_text, exchanges, home, logged_requests, server_with_json_log, succeed, url};
use crate::harness::{Server, pattern};

const FILES: &[(&str, &[u8])] = &[("a.txt", b"the first"), ("b.txt", b"the second one")];

/// What curl says on standard output, without the machine's own settings.
#[track_caller]
pub(super) fn curl(home: &Path, arguments: &[&str]) -> Option<String> {
    succeed("curl", home, &[&["-q", "-sS", "--noproxy", "*"], arguments].concat())
}

#[test]
fn curl_gets_a_file() {
    let home = home();
    let server = Server::serving(FILES);
    let url = url(&server, "/a.txt");
    let Some(body) = curl(home.path(), &[&url]) else { return };
    assert_eq!(body, "the first");
    let stopped = server.stop();
    assert!(stopped.log.contains("\"GET /a.txt HTTP/1.1\" 200 9 \"-\" \"curl/"), "{}", stopped.log);
}

#[test]
fn curl_gets_a_head_without_waiting_for_a_body() {
    let home = home();
    let server = Server::serving(FILES);
    let url = url(&server, "/b.txt");
    let Some(head) = curl(home.path(), &["-I", &url]) else { return };
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 14\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn curl_fetches_two_urls_over_one_connection() {
    let home = home();
    let server = Server::serving(FILES);
    let urls = ["a", "b"].map(|name| url(&server, &format!("/{name}.txt")));
    let report = "|%{http_code} %{num_connects}|";
    let Some(text) = curl(home.path(), &["--write-out", report, &urls[0], &urls[1]]) else { return };
    assert_eq!(text, "the first|200 1|the second one|200 0|");
}

#[test]
fn curl_http10_gets_file_and_connection_closed() {
    let home = home();
    let server = Server::serving(FILES);
    let url = url(&server, "/a.txt");
    let report = "|%{num_connects}|";
    let Some(text) = curl(home.path(), &["--http1.0", "--write-out", report, &url, &url]) else { return };
    assert_eq!(text, "the first|1|the first|1|");
}

#[test]
fn curl_resumes_partial_file_with_206() {
    let (home, bytes) = (home(), pattern(300_000));
    let server = server_with_json_log(&[("large.bin", &bytes)]);
    fs::write(home.path().join("large.bin"), &bytes[..100_000]).expect("a third of it");
    let from = url(&server, "/large.bin");
    let report = ["-C", "-", "-o", "large.bin", "-w", "%{http_code} %{size_download}"];
    let Some(text) = curl(home.path(), &[&report[..], &[&from]].concat()) else { return };
    assert_eq!(text, "206 200000");
    assert!(fs::read(home.path().join("large.bin")).expect("it is whole") == bytes);
    let log = server.stop().log;
    assert_eq!(exchanges(&log)[0]["body_bytes"], 200_000, "{log}");
}

#[test]
fn curl_single_and_multiple_ranges_get_206_or_416() {
    let (home, text) = (home(), compressible_text());
    let server =
        Server::serving(&[("letters.txt", b"abcdefghijklmnopqrstuvwxyz"), ("prose.txt", text.as_bytes())]);
    let letters = url(&server, "/letters.txt");
    for (range, expected) in
        [("0-2", "abc|206"), ("23-", "xyz|206"), ("-1", "z|206"), ("20-99", "uvwxyz|206"), ("26-", "|416")]
    {
        let Some(got) = curl(home.path(), &["-r", range, "-w", "|%{http_code}", &letters]) else { return };
        assert!(got.ends_with(expected) && (got == expected || range == "26-"), "{range}: {got}");
    }
    // So far apart that what is between them would cost more than a part's head.
    let several =
        ["-r", "0-9,40000-40009,-10", "-w", "|%{http_code} %{content_type}", &url(&server, "/prose.txt")];
    let Some(got) = curl(home.path(), &several) else { return };
    assert!(got.contains("|206 multipart/byteranges; boundary="), "{got}");
    let len = text.len();
    for first in [0, 40_000, len - 10] {
        let range = format!("bytes {first}-{}/{len}", first + 9);
        let (_, rest) = got.split_once(&range).unwrap_or_else(|| panic!("no {range} in {got}"));
        let (_, part) = rest.split_once("\r\n\r\n").expect("the end of the part's fields");
        assert!(part.starts_with(&format!("{}\r\n--", &text[first..first + 10])), "{range} in {got}");
    }
}

#[test]
fn curl_compressed_file_decodes_to_original() {
    let (home, text) = (home(), compressible_text());
    let server = Server::serving(&[("prose.txt", text.as_bytes())]);
    let from = url(&server, "/prose.txt");
    let report = ["-D", "head", "-o", "body", "-w", "%{size_download}", &from];
    let Some(plain) = curl(home.path(), &report) else { return };
    assert_eq!(plain, text.len().to_string());
    let Some(packed) = curl(home.path(), &[&["--compressed"], &report[..]].concat()) else { return };
    let len: usize = packed.parse().expect("a number");
    assert!(len * 4 < text.len(), "{len} bytes of {}", text.len());
    assert!(fs::read_to_string(home.path().join("body")).expect("a body") == text);
    let head = fs::read_to_string(home.path().join("head")).expect("a head").to_ascii_lowercase();
    assert!(head.contains("\r\ncontent-encoding: ") && head.contains("\r\nvary: accept-encoding"), "{head}");
}

#[test]
fn curl_conditional_get_of_unchanged_file_gets_304() {
    let home = home();
    let server = server_with_json_log(FILES);
    let from = url(&server, "/a.txt");
    let report = ["-R", "-o", "a.txt", "-w", "%{http_code} %{size_download}", &from];
    for (condition, again) in [
        (&["-z", "a.txt"][..], "304 0"),
        (&["--etag-compare", "etag", "--etag-save", "etag"], "304 0"),
        (&["-z", "2000-01-01 00:00:00 UTC"], "200 9"),
    ] {
        let _ = fs::remove_file(home.path().join("a.txt"));
        let Some(first) = curl(home.path(), &[&["--etag-save", "etag"], &report[..]].concat()) else {
            return;
        };
        assert_eq!(first, "200 9", "{condition:?}");
        let Some(second) = curl(home.path(), &[condition, &report[..]].concat()) else { return };
        assert_eq!(second, again, "{condition:?}");
        assert_eq!(fs::read(home.path().join("a.txt")).expect("it is there"), b"the first", "{condition:?}");
    }
    fs::write(server.root().join("a.txt"), "another").expect("it changes");
    let compare = ["--etag-compare", "etag"];
    let Some(changed) = curl(home.path(), &[&compare[..], &report[..]].concat()) else { return };
    assert_eq!(changed, "200 7");
    let log = server.stop().log;
    assert_eq!(logged_requests(&log).len(), 7, "{log}");
}
