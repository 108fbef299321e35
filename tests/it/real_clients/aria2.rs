//! aria2: one file over many connections at once.
//!
//! It is for ranges what a crowd is for connections: all must fit together, byte for byte.

use std::fs;

use super::{connections, exchanges, home, server_with_json_log, succeed, url};
use crate::harness::pattern;

/// Twenty pieces of the least size that aria2 splits into.
const LEN: usize = 20 << 20;

#[test]
fn aria2_fetches_one_file_over_eight_connections() {
    let (home, bytes) = (home(), pattern(LEN));
    let server = server_with_json_log(&[("large.bin", &bytes)]);
    let from = url(&server, "/large.bin");
    let arguments = [
        "--no-conf",
        "--no-netrc",
        "--quiet",
        "--max-tries=1",
        "--max-connection-per-server=8",
        "--split=8",
        "--min-split-size=1M",
        "--file-allocation=none",
        "--out=copy.bin",
        &from,
    ];
    let Some(_) = succeed("aria2c", home.path(), &arguments) else { return };
    assert!(fs::read(home.path().join("copy.bin")).expect("the copy") == bytes);
    let log = server.stop().log;
    let parts = exchanges(&log).iter().filter(|it| it["status"] == 206).count();
    assert!(parts >= 4, "{parts} parts: {log}");
    assert!(connections(&log) >= 4, "{log}");
}
