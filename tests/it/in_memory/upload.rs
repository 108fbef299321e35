//! Uploads in virtual time and over wires that cut them anywhere: what stalls or drips leaves nothing,
//! and what keeps the least rate is stored, however long it takes.

use std::fs;
use std::time::Duration;

use reactor_http::net::CloseReason;

use super::content;
use super::pair::{Alone, ServedDirectory};
use super::wire::{Pace, Random};
use crate::harness::names_in;

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);

fn directory() -> ServedDirectory {
    ServedDirectory::with(&[("old", b"old")])
}

fn head(path: &str, fields: &str) -> String {
    format!("PUT {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n")
}

/// The status of the one answer that has come.
fn status(server: &mut Alone) -> Option<String> {
    let text = String::from_utf8(server.take_all()).expect("text");
    text.strip_prefix("HTTP/1.1 ").map(|rest| rest[..3].to_owned())
}

#[test]
pub(super) fn upload_stalled_30_s_gets_408_and_leaves_no_file() {
    for path in ["/old", "/new"] {
        for (fields, start) in [
            ("Content-Length: 100", ""),
            ("Content-Length: 100", "half"),
            ("Transfer-Encoding: chunked", "4\r\nhalf\r\n"),
            ("Transfer-Encoding: chunked", "4\r\nhalf\r\n0\r\n"),
        ] {
            let directory = directory();
            let mut server = Alone::new(&directory, 1000, Pace::Whole);
            server.send(head(path, fields)).send(start);
            server.pass(30 * SECOND - TENTH);
            assert_eq!((server.ended(), status(&mut server)), (None, None));
            server.pass(TENTH);
            assert_eq!(status(&mut server).as_deref(), Some("408"));
            assert!(matches!(server.ended(), Some(CloseReason::Refused(_))));
            assert_eq!(names_in(directory.path()), ["old"]);
            assert_eq!(fs::read(directory.path().join("old")).expect("the file"), b"old");
        }
    }
}

#[test]
fn upload_below_min_rate_gets_408_above_it_gets_201() {
    // Bytes in a piece, seconds between pieces, what comes of it.
    for (len, secs, expected) in [(1, 1, "408"), (900, 1, "408"), (1100, 1, "201"), (30_000, 28, "201")] {
        let directory = directory();
        let bytes = content(8 << 20);
        let mut server = Alone::new(&directory, 1000, Pace::Whole);
        server.send(head("/new", &format!("Content-Length: {}", bytes.len())));
        let mut pieces = bytes.chunks(len);
        while server.ended().is_none()
            && let Some(piece) = pieces.next()
        {
            server.pass(secs * SECOND).send(piece);
        }
        assert_eq!(status(&mut server).as_deref(), Some(expected), "{len} bytes each {secs} s");
        if expected == "201" {
            assert!(fs::read(directory.path().join("new")).expect("the file") == bytes);
        } else {
            assert_eq!(names_in(directory.path()), ["old"]);
        }
    }
}

#[test]
pub(super) fn upload_any_chunking_is_stored_byte_for_byte() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let bytes = content(random.below(100_000) as usize);
        let directory = directory();
        let mut server = Alone::new(&directory, 1000, Pace::Seeded(Random(seed)));
        let mut request;
        if seed % 2 == 0 {
            request = head("/old", &format!("Content-Length: {}", bytes.len())).into_bytes();
            request.extend_from_slice(&bytes);
        } else {
            request = head("/old", "Transfer-Encoding: chunked").into_bytes();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, left) = rest.split_at(rest.len().min(1 + random.below(20_000) as usize));
                request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                request.extend_from_slice(piece);
                request.extend_from_slice(b"\r\n");
                rest = left;
            }
            request.extend_from_slice(b"0\r\n\r\n");
        }
        server.send(request);
        // A wire of this kind says now and then that there is nothing, and takes the answer in pieces.
        let mut response = server.take_all();
        for _ in 0..10_000 {
            if response.ends_with(b"\r\n\r\n") {
                break;
            }
            response.extend(server.pass(Duration::from_millis(1)).take_all());
        }
        assert!(response.starts_with(b"HTTP/1.1 204 "), "seed {seed}");
        assert!(fs::read(directory.path().join("old")).expect("the file") == bytes, "seed {seed}");
        assert_eq!(names_in(directory.path()), ["old"]);
    }
}

#[test]
pub(super) fn upload_truncated_anywhere_gets_400_and_keeps_old_file() {
    let whole = head("/old", "Transfer-Encoding: chunked") + "3\r\nnew\r\n0\r\n\r\n";
    for len in 1..whole.len() {
        let directory = directory();
        let mut server = Alone::new(&directory, 1000, Pace::Whole);
        server.send(&whole[..len]).finish();
        assert_eq!(status(&mut server).as_deref(), Some("400"), "{:?}", &whole[..len]);
        assert_eq!(fs::read(directory.path().join("old")).expect("the file"), b"old");
        assert_eq!(names_in(directory.path()), ["old"]);
    }
}
