//! Files that fail: a response is whole, an error, or cut off, and nothing is kept after it.
//!
//! strace makes calls of the server fail at regular places. The variable `REACTOR_TEST_EXCHANGES` sets the number of
//! exchanges for each kind of fault.

use std::fs;
use std::io::Read;
use std::time::Instant;

use tempfile::NamedTempFile;

use crate::harness::{Server, WAIT_MAX, at_once, can_trace, names_in, pattern, trace};

const EXCHANGES_DEFAULT: usize = 60;

/// Calls that fail, and how often: from the first number on, each of the second.
const FAULTS: [&str; 10] = [
    // The first ones load the program. Young files are copied, so `sendfile` is not called.
    "pread64:error=EIO:when=40+3",
    "openat2:error=EIO:when=40+7",
    "openat2:error=ENFILE:when=40+7",
    "statx:error=EIO:when=40+7",
    "getdents64:error=EIO:when=2+2",
    "fallocate:error=ENOSPC:when=1+2",
    "fdatasync:error=EIO:when=1+2",
    "fdatasync:error=ENOSPC:when=1+2",
    "linkat:error=EIO:when=1+2",
    "renameat:error=ENOSPC:when=1+2",
];

/// The response up to the end of the connection: its status, whether it is whole, its body.
fn ask(server: &Server, request: &[u8]) -> (u16, bool, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut client = server.connect();
    client.send(request);
    // A reset is an end, too.
    let _ = client.socket().read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    let body = bytes.split_off(end + 4);
    (status, len.is_none_or(|len| body.len() == len), body)
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).expect("it runs").count()
}

fn exchange(server: &Server, number: usize, (small, large): (&[u8], &[u8]), fault: &str) -> bool {
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").into_bytes();
    let (request, expected) = match number % 4 {
        0 => (get("/small"), Some(small)),
        1 => (get("/large"), Some(large)),
        2 => (get("/?format=json"), None),
        _ => {
            let head =
                "PUT /stored HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n";
            ([head.as_bytes(), large].concat(), Some(&[][..]))
        }
    };
    let (status, is_whole, body) = ask(server, &request);
    match (status, expected) {
        (200 | 201 | 204, Some(expected)) if is_whole => {
            assert!(body == expected, "{fault} {number}: other bytes")
        }
        (200, Some(expected)) => {
            assert!(expected.starts_with(&body), "{fault} {number}: the part is of another file")
        }
        (200, None) => assert!(body.starts_with(b"[") || body.starts_with(b"{"), "{fault} {number}"),
        _ => assert!(is_whole && [500, 503, 507].contains(&status), "{fault} {number}: {status}"),
    }
    status < 300 && is_whole
}

#[test]
fn exchange_with_failing_files_is_whole_or_an_error_or_ends() {
    if !can_trace() {
        return;
    }
    let exchanges = std::env::var("REACTOR_TEST_EXCHANGES").ok().and_then(|number| number.parse().ok());
    let exchanges = exchanges.unwrap_or(EXCHANGES_DEFAULT);
    let (small, large) = (pattern(40_000), pattern(5_000_000));
    at_once(FAULTS, |fault| {
        let calls = NamedTempFile::new().expect("a file");
        let (call, _) = fault.split_once(':').expect("a call");
        let args = ["-e", &format!("trace={call}"), "-e", &format!("inject={fault}")];
        let options = ["--upload", "--access-log", "off", "--cache", "off"];
        let files: [(&str, &[u8]); 2] = [("small", &small), ("large", &large)];
        let server = Server::spawn(&files, &options, |command| trace(command, calls.path(), &args));
        let before = descriptors(&server);
        let whole =
            (0..exchanges).filter(|&number| exchange(&server, number, (&small, &large), fault)).count();
        assert!(whole > 0 && whole < exchanges, "{fault}: {whole} of {exchanges} are whole");
        // Nothing of an upload that failed is left.
        let names = names_in(&server.root());
        assert!(
            names.iter().all(|name| ["large", "small", "stored"].contains(&name.as_str())),
            "{fault}: {names:?}"
        );
        let deadline = Instant::now() + WAIT_MAX;
        // The directory of uploads in progress stays open.
        while descriptors(&server) > before + 1 {
            assert!(
                Instant::now() < deadline,
                "{fault}: {} descriptors, {before} before",
                descriptors(&server)
            );
            std::thread::yield_now();
        }
    });
}
