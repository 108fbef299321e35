//! What a start costs: what is read, how much memory is touched, and what is left for later.
//!
//! Time is not measured, for it is the machine's; what takes it is counted.

use std::fs;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::harness::Server;

/// Of the program's own files, libraries, settings and time zone, at the first answer.
const READS_MAX: u64 = 50;
const READ_LEN_MAX: u64 = 64 * 1024;
/// Without optimization it is 900 KiB, in a release 300.
const MEMORY_MAX: u64 = 2 << 20;

/// A number that the kernel tells of a process.
fn told(server: &Server, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/{file}", server.pid().as_raw_nonzero())).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

/// The memory of a process that is neither a file's nor shared.
fn memory(server: &Server) -> u64 {
    told(server, "status", "RssAnon").expect("a size") * 1024
}

#[test]
fn first_response_takes_few_reads_and_little_memory() {
    let server = Server::in_folder(&[], &["--welcome"]);
    assert_eq!(server.get("/").status, 200);
    assert!(memory(&server) <= MEMORY_MAX, "{} bytes of memory", memory(&server));
    let (Some(reads), Some(len)) = (told(&server, "io", "syscr"), told(&server, "io", "rchar")) else {
        eprintln!("skipped: this kernel does not count what is read");
        return;
    };
    assert!(reads <= READS_MAX && len <= READ_LEN_MAX, "{len} bytes in {reads} reads");
}

#[test]
fn embedded_page_takes_memory_only_when_sent_uncompressed() {
    const PAGE: &str = "/server-code.html";
    let server = Server::in_folder(&[], &["--welcome"]);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    let before = memory(&server);
    let head = |fields: &str| format!("GET {PAGE} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    let packed = client.send(head("Accept-Encoding: gzip\r\n")).reply();
    assert_eq!(packed.field("content-encoding"), Some("gzip"));
    let since = memory(&server).saturating_sub(before);
    let plain = client.get(PAGE);
    assert!(plain.body.len() > 4 * packed.body.len());
    assert!(since < plain.body.len() as u64 / 2, "{since} bytes for what is at hand");
    assert!(memory(&server) - before > plain.body.len() as u64 / 2, "it is kept");
    let before = memory(&server);
    assert!(client.get(PAGE).body == plain.body);
    let since = memory(&server).saturating_sub(before);
    assert!(since < plain.body.len() as u64 / 2, "{since} bytes for what is unpacked");
}

/// Whether a server that is started with this time zone looks into the folder of all zones.
fn looks_for_zones(zone: Option<&str>) -> bool {
    let zones = tempfile::tempdir().expect("a folder");
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).expect("inotify");
    inotify::add_watch(&watch, zones.path(), WatchFlags::OPEN).expect("a watch");
    let server = Server::spawn(&[("a", b"a")], &[], |command| {
        command.env("TZDIR", zones.path()).env_remove("TZ");
        command.envs(zone.map(|zone| ("TZ", zone)));
    });
    assert_eq!(server.get("/a").status, 200);
    rustix::io::read(&watch, &mut [0; 1024]).is_ok()
}

#[test]
fn zoneinfo_opened_only_if_tz_names_a_zone() {
    assert!(looks_for_zones(Some("Nowhere/Else")));
    if Path::new("/etc/localtime").exists() {
        assert!(!looks_for_zones(None));
    }
}
