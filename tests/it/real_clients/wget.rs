//! wget: downloads that go on, copies that are brought up to date, and whole sites.
//!
//! It trusts dates where others trust entity-tags, and follows links as a person would.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::{home, logged_requests, run, server_with_json_log, succeed, url};
use crate::harness::{Server, pattern};

/// Nothing from the machine's settings, and no patience.
const OWN: [&str; 6] =
    ["--no-config", "--no-proxy", "--no-hsts", "--no-verbose", "--tries=1", "--timeout=30"];

/// What wget says on standard output.
#[track_caller]
fn wget(home: &Path, arguments: &[&str]) -> Option<String> {
    succeed("wget", home, &[&OWN[..], arguments].concat())
}

#[test]
fn wget_fetches_file_and_resumes_partial_one() {
    let (home, bytes) = (home(), pattern(300_000));
    let server = server_with_json_log(&[("large.bin", &bytes)]);
    let from = url(&server, "/large.bin");
    let Some(_) = wget(home.path(), &[&from]) else { return };
    let file = home.path().join("large.bin");
    assert!(fs::read(&file).expect("the file") == bytes);
    fs::write(&file, &bytes[..100_000]).expect("a third of it");
    let Some(_) = wget(home.path(), &["-c", &from]) else { return };
    assert!(fs::read(&file).expect("the file") == bytes, "it is whole again");
    let Some(_) = wget(home.path(), &["-c", &from]) else { return };
    assert!(fs::read(&file).expect("the file") == bytes, "there is nothing to add");
    let log = server.stop().log;
    let asked = ["GET /large.bin 200", "GET /large.bin 206", "GET /large.bin 416"];
    assert_eq!(logged_requests(&log), asked, "{log}");
}

#[test]
fn wget_mirrors_listings_with_one_request_each() {
    let home = home();
    let files =
        ["a.txt", "b.txt", "d/c.txt", "d/e.txt", "d/f g.txt", "d/h/i.txt"].map(|name| (name, &b"x"[..]));
    let server = server_with_json_log(&files);
    let Some(_) = wget(home.path(), &["-r", "-nH", "-P", "copy", &url(&server, "/")]) else { return };
    for (name, bytes) in files {
        assert_eq!(fs::read(home.path().join("copy").join(name)).expect(name), bytes);
    }
    let log = server.stop().log;
    assert!(logged_requests(&log).len() <= 10, "{log}");
}

/// Writes `a.txt` as of then.
fn age(server: &Server, text: &str, unix_secs: u64) {
    let path = server.root().join("a.txt");
    fs::write(&path, text).expect("a file");
    let file = fs::File::options().write(true).open(path).expect("the file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(unix_secs)).expect("its time");
}

#[test]
fn wget_timestamping_refetches_only_changed_file() {
    let home = home();
    let server = server_with_json_log(&[]);
    let from = url(&server, "/a.txt");
    age(&server, "the first", 1_000_000_000);
    let copy = || fs::read_to_string(home.path().join("a.txt")).expect("the copy");
    for _ in 0..2 {
        let Some(_) = wget(home.path(), &["-N", &from]) else { return };
        assert_eq!(copy(), "the first");
    }
    // Both versions are old: of what has changed this second, no date can be relied upon.
    age(&server, "the second", 1_100_000_000);
    let Some(_) = wget(home.path(), &["-N", &from]) else { return };
    assert_eq!(copy(), "the second");
    let log = server.stop().log;
    assert_eq!(logged_requests(&log), ["GET /a.txt 200", "GET /a.txt 304", "GET /a.txt 200"], "{log}");
}

#[test]
fn wget_mirrors_site_by_its_links() {
    let home = home();
    let files: &[(&str, &[u8])] = &[
        ("index.html", b"<a href=\"a.html\">a</a> <a href=\"sub/\">sub</a> <a href=\"none.html\">none</a>"),
        ("a.html", b"<img src=\"sub/a%20b.png\"> <a href=\"/sub/deep/c.html?x=1\">c</a>"),
        ("sub/index.html", b"<link rel=\"stylesheet\" href=\"style.css\"> <a href=\"../a.html\">up</a>"),
        ("sub/style.css", b"b { background: url(b.svg) }"),
        ("sub/b.svg", b"<svg/>"),
        ("sub/a b.png", b"png"),
        ("sub/deep/c.html", b"the end"),
        ("unlinked.html", b"nobody finds it"),
    ];
    let server = Server::serving(files);
    let arguments = ["--mirror", "--page-requisites", "--no-parent", "-nH", "-P", "copy"];
    let from = url(&server, "/");
    // What is linked but not there makes it exit with 8; the rest is what counts.
    let Some(output) = run("wget", home.path(), &[&OWN[..], &arguments, &[&from]].concat()) else {
        return;
    };
    assert_eq!(output.status.code(), Some(8), "{}", String::from_utf8_lossy(&output.stderr));
    let copy = home.path().join("copy");
    for (name, bytes) in &files[..6] {
        assert_eq!(
            fs::read(copy.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")),
            *bytes,
            "{name}"
        );
    }
    assert_eq!(fs::read(copy.join("sub/deep/c.html?x=1")).expect("with its query"), b"the end");
    assert!(!copy.join("unlinked.html").exists() && !copy.join("none.html").exists());
}
