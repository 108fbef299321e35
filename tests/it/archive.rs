//! `?archive=tar`: a folder as one file, through the real server and the system's own `tar`.
//!
//! Where `tar` is not installed, the tests that need it say that they were skipped, and pass.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::harness::{Raw, Server, WAIT_MAX, fill, pattern};

/// What the server makes at a time.
const ARCHIVES_MAX: usize = 16;

fn request(method: &str, path: &str, version: &str) -> String {
    format!("{method} {path} HTTP/{version}\r\nHost: test\r\n\r\n")
}

/// Unpacks an archive into a new folder; `None` if there is nothing to do it with.
fn unpack(archive: &[u8]) -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let file = directory.path().join("archive.tar");
    fs::write(&file, archive).expect("a file");
    let output = Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(directory.path()).output();
    fs::remove_file(file).expect("removed");
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "tar says: {said}");
            Some(directory)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: tar is not installed");
            None
        }
        Err(error) => panic!("tar: {error}"),
    }
}

/// Every file and folder below this one: its path, its bytes, whether it can be run, and when it was
/// modified.
fn tree(directory: &Path) -> Vec<(PathBuf, Option<Vec<u8>>, bool, i64)> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let stat = fs::metadata(&path).expect("facts");
        let bytes = stat.is_file().then(|| fs::read(&path).expect("bytes"));
        if stat.is_dir() {
            left.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
        let name = path.strip_prefix(directory).expect("below it").to_owned();
        found.push((name, bytes, stat.mode() & 0o100 != 0, stat.mtime()));
    }
    found.sort();
    found
}

/// Fills a folder with names of every kind and files of every length.
fn furnish(directory: &Path) {
    let long = format!("{}/{}", "d".repeat(200), "e".repeat(250));
    let names: [&[u8]; 13] = [
        b"plain.txt",
        b"with space",
        b"a\nnew line",
        b"quotes\"and'these\\",
        b"-rf",
        b"100%",
        b"#?&;",
        "\u{fc}ber/\u{65e5}\u{672c}\u{8a9e}.txt".as_bytes(),
        b"not\xffUTF-8",
        long.as_bytes(),
        &[b'l'; 255],
        b"deep/er/and/deeper/still",
        b"x = y\tz",
    ];
    for (number, name) in names.iter().enumerate() {
        let path = directory.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, pattern([0, 1, 511, 512, 513, 5000][number % 6])).expect("a file");
    }
    fs::create_dir(directory.join("empty")).expect("a folder");
    for len in [16_384, 16_385, 65_536, 65_537, 3_000_000] {
        fs::write(directory.join(format!("{len}.bin")), pattern(len)).expect("a file");
    }
    let old = File::options().write(true).open(directory.join("plain.txt")).expect("a file");
    old.set_modified(UNIX_EPOCH + Duration::from_secs(86_400)).expect("a time");
    let script = fs::Permissions::from_mode(0o744);
    fs::set_permissions(directory.join("100%"), script).expect("permissions");
}

#[test]
fn unpacked_archive_equals_directory() {
    let server = Server::serving(&[("docs/index.html", b"<p>an index does not stand in the way")]);
    let docs = server.root().join("docs");
    furnish(&docs);
    let reply = server.get("/docs/?archive=tar");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("content-type"), Some("application/x-tar"));
    assert_eq!(reply.field("content-disposition"), Some("attachment; filename=\"docs.tar\""));
    assert_eq!((reply.field("etag"), reply.field("transfer-encoding")), (None, None));
    let Some(unpacked) = unpack(&reply.body) else { return };
    let (there, here) = (tree(&docs), tree(&unpacked.path().join("docs")));
    assert_eq!(there.len(), here.len());
    for (expected, found) in there.iter().zip(&here) {
        assert!(expected == found, "{:?} is not {:?}", found.0, expected.0);
    }
    assert_eq!(fs::read_dir(unpacked.path()).expect("a folder").count(), 1, "nothing beside the folder");
    // Links, hidden files and the whole root.
    fs::write(docs.join(".hidden"), "hidden").expect("a file");
    symlink("plain.txt", docs.join("link")).expect("a link");
    symlink("..", docs.join("up")).expect("a link");
    let reply = server.get("/?archive=tar");
    assert_eq!(reply.field("content-disposition"), Some("attachment; filename=\"archive.tar\""));
    let unpacked = unpack(&reply.body).expect("tar");
    let whole = unpacked.path().join("archive/docs");
    assert_eq!(fs::read(whole.join("link")).expect("a file"), b"");
    assert!(!whole.join(".hidden").exists() && !whole.join("up").exists());
}

#[test]
fn archive_query_status_per_path_value_and_method() {
    let server = Server::serving(&[("docs/a.txt", b"a"), ("\u{20ac}\"/b.txt", b"b")]);
    let mut client = server.connect();
    let reply = client.get("/docs?archive=tar");
    assert_eq!((reply.status, reply.field("location")), (301, Some("docs/?archive=tar")));
    let reply = client.get("/docs/?archive=zip");
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("?archive=tar"), "{}", reply.text());
    assert_eq!(client.get("/docs/a.txt?archive=tar").text(), "a");
    assert_eq!(client.get("/docs/a.txt/?archive=tar").status, 404);
    assert_eq!(client.get("/missing/?archive=tar").status, 404);
    let reply = client.get("/%E2%82%AC%22/?archive=tar");
    let disposition = "attachment; filename=\"__.tar\"; filename*=UTF-8''%E2%82%AC%22.tar";
    assert_eq!((reply.status, reply.field("content-disposition")), (200, Some(disposition)));
    client.send(request("POST", "/docs/?archive=tar", "1.1"));
    assert_eq!(client.reply().status, 405);
    assert_eq!(client.get("/docs/a.txt").text(), "a");
}

#[test]
fn log_has_complete_and_aborted_archives() {
    let server = Server::serving(&[("docs/a.txt", b"a"), ("big/b", &[0; 100])]);
    File::options()
        .write(true)
        .open(server.root().join("big/b"))
        .expect("a file")
        .set_len(1 << 30)
        .expect("grown");
    assert_eq!(server.get("/docs/?archive=tar").body.len(), 512 + 1024 + 1024);
    let before = descriptors(&server);
    let mut client = server.connect();
    client.send(request("HEAD", "/docs/?archive=tar", "1.1"));
    assert_eq!(client.reply_to_head().field("content-length"), Some("2560"));
    client.send(request("GET", "/big/?archive=tar", "1.1"));
    client.head();
    drop(client);
    wait_for_descriptors(&server, before);
    let log = server.stop().log;
    let lines: Vec<_> = log.lines().collect();
    assert!(lines[0].contains("\"GET /docs/?archive=tar HTTP/1.1\" 200 2560 "), "{log}");
    assert!(lines[1].contains("\"HEAD /docs/?archive=tar HTTP/1.1\" 200 0 "), "{log}");
    assert!(
        lines[2].contains("\"GET /big/?archive=tar HTTP/1.1\" 200 ") && !lines[2].contains(" 1073"),
        "{log}"
    );
}

#[test]
fn archive_of_file_over_8_gib_has_pax_size() {
    const LEN: u64 = (8 << 30) + 5;
    let server = Server::serving(&[]);
    fs::create_dir(server.root().join("docs")).expect("a folder");
    File::create(server.root().join("docs/huge")).expect("a file").set_len(LEN).expect("a length");
    let mut client = server.connect();
    client.send(request("HEAD", "/docs/?archive=tar", "1.1"));
    let promised = 512 + 3 * 512 + LEN.next_multiple_of(512) + 1024;
    assert_eq!(client.reply_to_head().field("content-length"), Some(promised.to_string().as_str()));
    client.send(request("GET", "/docs/?archive=tar", "1.1"));
    client.head();
    let bytes = client.bytes(10 * 512);
    let record = format!("19 size={LEN}\n");
    assert_eq!(&bytes[1024..1024 + record.len()], record.as_bytes());
    // The system's own reader lists it without the gigabytes behind.
    let mut tar = match Command::new("tar")
        .arg("-tvf")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
    {
        Ok(tar) => tar,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return eprintln!("skipped: tar is not installed");
        }
        Err(error) => panic!("tar: {error}"),
    };
    tar.stdin.take().expect("its input").write_all(&bytes).expect("it reads");
    let mut listing = String::new();
    tar.stdout.take().expect("its output").read_to_string(&mut listing).expect("text");
    tar.wait().expect("it ends");
    assert!(listing.contains(&format!(" {LEN} ")) && listing.contains(" docs/huge"), "{listing}");
}

/// Lays out a folder whose paths are too long for its length to be known beforehand.
fn deep(directory: &Path) {
    let inner = directory.join(format!("{}/", "d".repeat(250)).repeat(14));
    fs::create_dir_all(&inner).expect("folders");
    for number in 0..800 {
        fs::write(inner.join(number.to_string()), pattern(number)).expect("a file");
    }
}

#[test]
fn archive_of_unknown_length_is_complete_in_http11_and_http10() {
    let server = Server::serving(&[("a.txt", b"a")]);
    let directory = server.root().join("deep");
    deep(&directory);
    let mut client = server.connect();
    client.send(request("GET", "/deep/?archive=tar", "1.1") + &request("GET", "/a.txt", "1.1"));
    let head = client.head();
    assert!(
        head.contains("\r\nTransfer-Encoding: chunked\r\n") && !head.contains("Content-Length"),
        "{head}"
    );
    let body = client.chunks();
    assert_eq!(client.reply().text(), "a", "the connection is of use");
    let mut old = server.connect();
    old.send(request("GET", "/deep/?archive=tar", "1.0"));
    assert!(old.head().contains("\r\nConnection: close\r\n"));
    assert!(old.rest() == body);
    let Some(unpacked) = unpack(&body) else { return };
    assert!(tree(&directory) == tree(&unpacked.path().join("deep")));
    let log = server.stop().log;
    assert!(log.lines().nth(2).is_some_and(|line| line.contains(&format!(" 200 {} ", body.len()))), "{log}");
}

#[test]
fn http10_archive_that_fails_resets_the_connection() {
    let server = Server::serving(&[]);
    deep(&server.root().join("deep"));
    let path = server.root().join("deep/large");
    let large = File::create(&path).expect("a file");
    large.write_all_at(&pattern(4096), 0).expect("its beginning");
    large.set_len(256 << 20).expect("a length");
    let mut client = server.connect();
    client.send(request("GET", "/deep/?archive=tar", "1.0"));
    client.head();
    let mut seen = client.bytes(4096);
    while !seen.windows(64).any(|window| window == &pattern(64)[..]) {
        seen = [&seen[seen.len() - 64..], &client.bytes(4096)].concat();
    }
    large.set_len(10_000).expect("a shorter file");
    let mut rest = Vec::new();
    let outcome = client.socket().read_to_end(&mut rest);
    assert_eq!(outcome.map_err(|error| error.kind()).err(), Some(ErrorKind::ConnectionReset));
}

fn descriptors(server: &Server) -> usize {
    let path = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    fs::read_dir(path).expect("its descriptors").count()
}

/// Waits until the server holds no more than so many descriptors.
fn wait_for_descriptors(server: &Server, most: usize) {
    let since = Instant::now();
    while descriptors(server) > most {
        assert!(since.elapsed() < WAIT_MAX, "descriptors are never given back");
        thread::yield_now();
    }
}

#[test]
fn archives_over_limit_get_503_and_closed_ones_free_descriptors() {
    let server = Server::serving(&[("docs/a.txt", b"a")]);
    File::create(server.root().join("docs/large")).expect("a file").set_len(1 << 30).expect("a length");
    // What is asked for twice in a second is watched, which takes a descriptor for as long as the server runs.
    (0..3).for_each(|_| assert_eq!(server.get("/docs/a.txt").status, 200));
    for _ in 0..3 {
        let before = descriptors(&server);
        let ask = || {
            let mut client = server.connect();
            client.send(request("GET", "/docs/?archive=tar", "1.1"));
            let head = client.head();
            (client, head)
        };
        let clients: Vec<Raw> = (0..ARCHIVES_MAX)
            .map(|_| {
                let (mut client, head) = ask();
                assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                // Until the large file is open.
                client.bytes(10_000);
                client
            })
            .collect();
        let (mut busy, head) = ask();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: "), "{head}");
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        busy.bytes(len.parse().expect("a number"));
        assert_eq!(busy.get("/docs/a.txt").text(), "a", "everything else is served");
        drop((clients, busy));
        wait_for_descriptors(&server, before);
    }
}

#[test]
fn other_requests_are_served_during_large_archive() {
    const COUNT: usize = 4000;
    let server = Server::serving(&[("a.txt", b"a")]);
    fill(&server.root().join("many"), COUNT, &pattern(600), |number| number.to_string());
    let address = server.address();
    let reader = thread::spawn(move || {
        let mut client = Raw::connect(address);
        (0..3).map(|_| client.get("/many/?archive=tar").body.len()).collect::<Vec<_>>()
    });
    let mut client = server.connect();
    let mut served = 0;
    while !reader.is_finished() {
        assert_eq!(client.get("/a.txt").text(), "a");
        served += 1;
    }
    let lens = reader.join().expect("it has read");
    assert!(lens.iter().all(|len| *len > COUNT * 512 && *len == lens[0]), "{lens:?}");
    assert!(served > 3, "{served} requests were answered meanwhile");
}
