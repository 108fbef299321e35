//! Ranges through the real server: exactly the bytes that were asked for, from memory, from the disk
//! and from the binary alike, and never more than the file.
//!
//! The rules themselves are tables in `src/http/rules/range.rs`; here is what comes over the wire.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::harness::{LONG_AGO_DATE, Raw, Reply, Server, pattern};

/// Files of each kind: copied behind their head, shared from memory, sent from the disk.
const LENS: [usize; 3] = [1000, 60_000, 300_000];

/// The range by GET; HEAD ignores it.
fn get(client: &mut Raw, path: &str, range: &str) -> Reply {
    let line = format!("Range: {range}");
    let got = client.ask(&format!("GET {path}"), &line);
    let [head, whole] = [line.as_str(), ""].map(|line| client.ask(&format!("HEAD {path}"), line));
    assert_eq!((head.status, head.dateless()), (200, whole.dateless()), "{path} {range}");
    let len = got.body.len().to_string();
    assert_eq!(got.field("Content-Length"), Some(len.as_str()), "{path} {range}");
    got
}

/// A server, and the paths and bytes of its files.
type Served = (Server, Vec<(String, Vec<u8>)>);

/// The server of the tests that run at the same time: each of its own would wait for seconds until its
/// files are old enough.
fn serve() -> Arc<Served> {
    static SHARED: Mutex<Weak<Served>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let served = Arc::new(start());
        *shared = Arc::downgrade(&served);
        served
    })
}

/// A server with a file of each length by its length, all of them old enough to have entity-tags.
fn start() -> Served {
    let files: Vec<(String, Vec<u8>)> = LENS.map(|len| (format!("{len}.bin"), pattern(len))).into();
    let named: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let files_served = [named, vec![("empty", b"" as &[u8])]].concat();
    let server = Server::with(&files_served, &["--cache-control", "*=max-age=60"]);
    files.iter().for_each(|(name, _)| drop(server.get_tagged(&format!("/{name}"))));
    (server, files.into_iter().map(|(name, bytes)| (format!("/{name}"), bytes)).collect())
}

/// The parts of a multipart body: the value of Content-Range and the bytes of each.
fn parts(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    let content_type = reply.field("Content-Type").expect("a type");
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    // The first delimiter has it, too: zsync looks for it.
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = reply.body.clone();
    let mut parts = Vec::new();
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).expect("a delimiter").to_vec();
        if rest == b"--\r\n" {
            return parts;
        }
        let head_len = rest.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(rest[..head_len].to_vec()).expect("text");
        let [empty, media_type, range] = head.split("\r\n").collect::<Vec<_>>()[..] else { panic!("{head}") };
        assert_eq!((empty, media_type), ("", "Content-Type: application/octet-stream"));
        let range = range.strip_prefix("Content-Range: bytes ").expect("a range").to_owned();
        let (first, last) =
            range.split_once('/').and_then(|(range, _)| range.split_once('-')).expect("a range");
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let len = number(last) + 1 - number(first);
        let body = &rest[head_len + 4..];
        parts.push((range, body[..len].to_vec()));
        rest = body[len..].to_vec();
    }
}

#[test]
pub(crate) fn range_gets_206_with_exact_bytes_and_content_range() {
    let served = serve();
    let (server, files) = &*served;
    let mut client = server.connect();
    for (path, bytes) in files {
        let len = bytes.len();
        let whole = client.get(path);
        for (range, first, last) in [
            ("bytes=0-0".to_owned(), 0, 0),
            ("bytes=0-".to_owned(), 0, len - 1),
            ("bytes=100-299".to_owned(), 100, 299),
            ("BYTES=, 7-7 ,".to_owned(), 7, 7),
            (format!("bytes={}-", len - 1), len - 1, len - 1),
            (format!("bytes={}-99999999999999999999999", len - 7), len - 7, len - 1),
            ("bytes=-1".to_owned(), len - 1, len - 1),
            ("bytes=-500".to_owned(), len - 500, len - 1),
            ("bytes=-9999999".to_owned(), 0, len - 1),
            (format!("bytes=5-900,{len}-"), 5, 900),
            ("bytes=10-19,0-9,20-29".to_owned(), 0, 29),
        ] {
            let reply = get(&mut client, path, &range);
            assert_eq!(reply.status, 206, "{path} {range}");
            assert!(reply.body == bytes[first..=last], "{path} {range}");
            let content_range = format!("bytes {first}-{last}/{len}");
            assert_eq!(reply.field("Content-Range"), Some(content_range.as_str()), "{path} {range}");
            for name in ["Content-Type", "ETag", "Last-Modified", "Cache-Control", "Accept-Ranges", "Server"]
            {
                assert!(reply.field(name).is_some(), "{name}");
                assert_eq!(reply.field(name), whole.field(name), "{path} {range}: {name}");
            }
        }
    }
}

#[test]
pub(crate) fn multiple_ranges_get_parts_in_requested_order() {
    let served = serve();
    let (server, files) = &*served;
    let mut client = server.connect();
    for (path, bytes) in files {
        let len = bytes.len();
        for (range, expected) in [
            ("bytes=0-9,500-509".to_owned(), vec![(0, 9), (500, 509)]),
            ("bytes=-20,0-0,400-419".to_owned(), vec![(len - 20, len - 1), (0, 0), (400, 419)]),
            (format!("bytes=0-1,{len}-,300-300,1-5"), vec![(0, 5), (300, 300)]),
            ("bytes=0-4,5-9,200-249,220-259".to_owned(), vec![(0, 9), (200, 259)]),
        ] {
            let reply = get(&mut client, path, &range);
            assert_eq!((reply.status, reply.field("Content-Range")), (206, None), "{path} {range}");
            assert!(reply.field("ETag").is_some() && reply.field("Accept-Ranges") == Some("bytes"));
            let parts = parts(&reply);
            let ranges: Vec<String> =
                expected.iter().map(|(first, last)| format!("{first}-{last}/{len}")).collect();
            assert_eq!(parts.iter().map(|part| part.0.clone()).collect::<Vec<_>>(), ranges, "{path}");
            for ((first, last), (_, part)) in expected.into_iter().zip(&parts) {
                assert!(*part == bytes[first..=last], "{path} {range}");
            }
        }
    }
}

#[test]
fn many_tiny_or_overlapping_ranges_never_exceed_file() {
    let served = serve();
    let (server, files) = &*served;
    let mut client = server.connect();
    for (path, bytes) in files {
        let len = bytes.len();
        let every = |step: usize, count: usize| {
            let specs: Vec<String> = (0..count).map(|at| format!("{}-{}", at * step, at * step)).collect();
            format!("bytes={}", specs.join(","))
        };
        for range in [
            format!("bytes={}", "0-,".repeat(5000)),
            format!("bytes={}", "-1,0-0,".repeat(2000)),
            every(1, 1500),
            every(90, 1000),
            every(200, 33),
            every(120, 9),
            format!("bytes=0-{},{}-", len / 2 - 60, len / 2 + 60),
        ] {
            let reply = get(&mut client, path, &range);
            assert!(matches!(reply.status, 200 | 206), "{path} {}", &range[..20]);
            assert!(reply.body.len() <= len, "{path} {}: {} bytes", &range[..20], reply.body.len());
            assert!(reply.status == 206 || reply.body == *bytes);
        }
    }
    // As parts they would be longer than the whole, which is then simply sent.
    assert_eq!(get(&mut client, "/1000.bin", "bytes=0-400,500-999").status, 200);
}

#[test]
fn unsatisfiable_range_gets_416_with_length() {
    let served = serve();
    let (server, _) = &*served;
    let mut client = server.connect();
    for (path, range, len) in [
        ("/1000.bin", "bytes=1000-", "*/1000"),
        ("/1000.bin", "bytes=5000-6000,1000-1000", "*/1000"),
        ("/1000.bin", "bytes=-0", "*/1000"),
        ("/300000.bin", "bytes=18446744073709551616-", "*/300000"),
        ("/empty", "bytes=0-0", "*/0"),
        ("/empty", "bytes=-0", "*/0"),
    ] {
        let reply = get(&mut client, path, range);
        let content_range = format!("bytes {len}");
        assert_eq!(
            (reply.status, reply.field("Content-Range")),
            (416, Some(content_range.as_str())),
            "{range}"
        );
        assert!(reply.text().starts_with("416 Range Not Satisfiable\n"), "{}", reply.text());
        assert_eq!((reply.field("ETag"), reply.field("Last-Modified")), (None, None));
    }
    // The end of nothing is nothing, and there is no range for that.
    for range in ["bytes=-5", "bytes=0-", "bytes=7-,0-"] {
        let reply = get(&mut client, "/empty", range);
        assert_eq!((reply.status, reply.field("Content-Length")), (200, Some("0")), "{range}");
    }
}

#[test]
fn malformed_range_gets_200_whole() {
    let served = serve();
    let (server, files) = &*served;
    let mut client = server.connect();
    for (path, bytes) in files {
        for range in ["bytes", "bytes=", "bytes=x", "bytes=5-1", "bytes=0-1,a-b", "lines=0-1", "bytes=0 -1"] {
            let reply = get(&mut client, path, range);
            assert!((reply.status, &reply.body) == (200, bytes), "{path} {range}");
        }
        let reply = client.ask(&format!("GET {path}"), "Range: bytes=0-0\r\nRange: bytes=1-1");
        assert!((reply.status, &reply.body) == (200, bytes), "two are none");
    }
}

#[test]
pub(crate) fn if_range_match_gets_206_mismatch_gets_200() {
    let served = serve();
    let (server, files) = &*served;
    let mut client = server.connect();
    for (path, bytes) in files {
        let tag = client.get(path).field("ETag").expect("a tag").to_owned();
        let weak = format!("W/{tag}");
        for (value, holds) in [
            (tag.as_str(), true),
            (&weak, false),
            ("\"no\"", false),
            ("no", false),
            ("*", false),
            (LONG_AGO_DATE, true),
            ("Sunday, 09-Sep-01 01:46:40 GMT", true),
            ("Sun Sep  9 01:46:40 2001", true),
            ("Sun, 09 Sep 2001 01:46:39 GMT", false),
            ("Sun, 09 Sep 2001 01:46:41 GMT", false),
        ] {
            let line = format!("If-Range: {value}");
            let reply = client.ask(&format!("GET {path}"), &format!("Range: bytes=5-9\r\n{line}"));
            let expected = if holds { (206, &bytes[5..10]) } else { (200, &bytes[..]) };
            assert!((reply.status, &reply.body[..]) == expected, "{path} {value}: {}", reply.head);
            // Alone it means nothing.
            assert_eq!(client.ask(&format!("GET {path}"), &line).status, 200);
        }
        // A part that cannot be had is no matter to who gets the whole.
        let beyond = "Range: bytes=9999999-\r\nIf-Range: \"no\"";
        assert_eq!(client.ask(&format!("GET {path}"), beyond).status, 200);
        // The conditions come first.
        for (line, status) in [(format!("If-None-Match: {tag}"), 304), (format!("If-Match: {weak}"), 412)] {
            assert_eq!(
                client.ask(&format!("GET {path}"), &format!("Range: bytes=5-9\r\n{line}")).status,
                status
            );
        }
    }
}

#[test]
pub(crate) fn pipeline_with_conditions_and_ranges_keeps_order() {
    let served = serve();
    let (server, files) = &*served;
    for (path, bytes) in files {
        let mut client = server.connect();
        let requests = [
            ("If-None-Match: *", 304),
            ("Range: bytes=1-3", 206),
            ("Range: bytes=0-0,500-599", 206),
            ("Range: bytes=9999999-", 416),
            ("If-Match: \"no\"", 412),
            ("X: y", 200),
        ];
        let mut all = String::new();
        for (line, _) in requests {
            for method in ["GET", "HEAD"] {
                all += &format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{line}\r\n\r\n");
            }
        }
        client.send(all.repeat(3));
        for _ in 0..3 {
            for (line, status) in requests {
                let got = client.reply();
                // HEAD ignores Range.
                let head_status = if line.starts_with("Range") { 200 } else { status };
                assert_eq!(
                    (got.status, client.reply_to_head().status),
                    (status, head_status),
                    "{path} {line}"
                );
                assert!(status != 200 || got.body == *bytes);
                assert_eq!(got.field("Connection"), None);
            }
        }
        assert!(client.get(path).body == *bytes);
    }
}

#[test]
fn embedded_page_range_gets_206() {
    let server = Server::in_folder(&[], &["--welcome"]);
    let mut client = server.connect();
    for path in ["/", "/server-code.html"] {
        let page = client.get(path).body;
        let reply = get(&mut client, path, "bytes=5-14");
        assert!((reply.status, &reply.body[..]) == (206, &page[5..15]), "{path}");
        let ends = get(&mut client, path, "bytes=0-0,-1");
        assert!(ends.field("Content-Type").is_some_and(|name| name.starts_with("multipart/byteranges; ")));
    }
}

#[test]
fn log_has_byte_count_of_part() {
    let (server, _) = start();
    let mut client = server.connect();
    let one = get(&mut client, "/300000.bin", "bytes=10-109").body.len();
    let several = get(&mut client, "/60000.bin", "bytes=0-99,5000-5999").body.len();
    assert_eq!(client.ask("GET /1000.bin", "If-None-Match: *").status, 304);
    drop(client);
    let log = server.stop().log;
    for expected in [
        format!("\"GET /300000.bin HTTP/1.1\" 206 {one} "),
        "\"HEAD /300000.bin HTTP/1.1\" 200 0 ".to_owned(),
        format!("\"GET /60000.bin HTTP/1.1\" 206 {several} "),
        "\"GET /1000.bin HTTP/1.1\" 304 0 ".to_owned(),
    ] {
        assert!(log.contains(&expected), "{expected} in {log}");
    }
    assert_eq!(one, 100);
}
