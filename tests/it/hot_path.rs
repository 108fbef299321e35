//! What a plain GET of a cached file costs in system calls, as the kernel counts them.
//!
//! That it costs no memory either is for `machines::hot_path`, where time can be made to pass.

use std::fs;

use crate::harness::Server;

/// Requests, one after the other on one connection.
const REQUESTS: u64 = 100;

/// So many times they are sent: on a busy machine the kernel may take an answer in two pieces now and then,
/// which can only add to the count.
const ROUNDS: u64 = 5;

/// The reads and writes that a process has made, if the kernel counts them.
fn reads_and_writes(server: &Server) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{}/io", server.pid().as_raw_nonzero())).ok()?;
    let count = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((count("syscr:")?, count("syscw:")?))
}

#[test]
fn a_plain_get_of_a_cached_file_is_one_read_and_one_write() {
    let rules = ["--cors", "--clean-urls", "-HX-A: b", "--cache-control=*=no-cache"];
    let options = [&["--access-log", "off"][..], &rules].concat();
    // Written last, the large one tells by its entity-tag that the others are old enough to be kept.
    let files: &[(&str, &[u8])] =
        &[("small", b"small"), ("shared", &[b'x'; 40_000]), ("large", &[b'x'; 100_000])];
    let server = Server::with(files, &options);
    server.get_tagged("/large");
    for path in ["/small", "/shared"] {
        let mut client = server.connect();
        assert_eq!(client.get(path).status, 200);
        let mut counts = Vec::new();
        for _ in 0..ROUNDS {
            let Some(before) = reads_and_writes(&server) else {
                eprintln!("skipped: this kernel does not count system calls");
                return;
            };
            for _ in 0..REQUESTS {
                assert_eq!(client.get(path).status, 200);
            }
            let after = reads_and_writes(&server).expect("it still counts");
            counts.push((after.0 - before.0, after.1 - before.1));
        }
        assert_eq!(counts.iter().min(), Some(&(REQUESTS, REQUESTS)), "{path}: {counts:?}");
    }
}
