//! Files that change between two requests: whoever asks after a change gets what there is after it, be
//! the file kept in memory or not, and however little the change shows in the file's times and length.
//!
//! The writer has been told that it is done before the request is sent. What all the ways are in which a
//! file comes to be another is for the unit tests of the cache; here are the real sockets and processes.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Raw, Server};

/// What is done in a folder of its own, which holds `link` to `v1`, `v1/a.css` and `v2/a.css`.
type Change = (&'static str, fn(&Path));

/// Requests before the change: one that loads the file, one that sees that it is worth more, and one to
/// which nothing has to be done any more.
const LOOKS: usize = 3;

/// Overwrites a file in place and puts its time of modification back.
fn overwrite(path: &Path, bytes: &[u8]) {
    let file = File::options().write(true).open(path).expect("the file");
    let modified = file.metadata().and_then(|facts| facts.modified()).expect("its time");
    file.write_all_at(bytes, 0).expect("it is written");
    file.set_modified(modified).expect("its time");
}

fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).expect("it is renamed");
}

const CHANGES: &[Change] = &[
    ("overwritten", |dir| overwrite(&dir.join("v1/a.css"), b"new")),
    ("replaced", |dir| rename(&dir.join("v2/a.css"), &dir.join("v1/a.css"))),
    ("truncated", |dir| {
        let file = File::options().write(true).open(dir.join("v1/a.css")).expect("the file");
        file.set_len(1).expect("it is cut");
    }),
    ("removed", |dir| fs::remove_file(dir.join("v1/a.css")).expect("it is removed")),
    ("its directory replaced", |dir| {
        rename(&dir.join("v1"), &dir.join("v0"));
        rename(&dir.join("v2"), &dir.join("v1"));
    }),
    ("its link turned", |dir| {
        symlink("v2", dir.join("next")).expect("a link");
        rename(&dir.join("next"), &dir.join("link"));
    }),
    ("the folder itself moved away", |dir| rename(dir, &dir.with_extension("gone"))),
];

/// What is at the end of the link now, as an answer would have it.
fn present(dir: &Path) -> (u16, Vec<u8>) {
    fs::read(dir.join("link/a.css")).map_or((404, Vec::new()), |bytes| (200, bytes))
}

fn seen(client: &mut Raw, path: &str, fields: &str) -> (u16, Vec<u8>) {
    let reply = client.ask(&format!("GET {path}"), fields);
    (reply.status, if reply.status == 200 { reply.body } else { Vec::new() })
}

#[test]
fn next_request_sees_change_in_every_cache_mode() {
    for mode in ["--cache=fresh", "--cache=stat", "--cache=off", "--cache-size=1"] {
        let server = Server::with(&[], &[mode]);
        let mut client = server.connect();
        for (number, (what, change)) in CHANGES.iter().enumerate() {
            for fields in ["", "Accept-Encoding: gzip, br"] {
                let name = format!("{number}{}", fields.len());
                let dir = server.root().join(&name);
                for (version, text) in [("v1", "old"), ("v2", "new")] {
                    fs::create_dir_all(dir.join(version)).expect("a folder");
                    fs::write(dir.join(version).join("a.css"), text).expect("a file");
                }
                symlink("v1", dir.join("link")).expect("a link");
                let path = format!("/{name}/link/a.css");
                for _ in 0..LOOKS {
                    assert_eq!(seen(&mut client, &path, fields), (200, b"old".to_vec()), "{what}, {mode}");
                }
                change(&dir);
                for _ in 0..LOOKS {
                    assert_eq!(seen(&mut client, &path, fields), present(&dir), "{what}, {mode}");
                }
            }
        }
    }
}

#[test]
fn next_response_sees_sidecar_added_changed_or_removed() {
    let server = Server::serving(&[("a.css", b"plain"), ("gone.css", b"plain"), ("gone.css.br", b"twin")]);
    let mut client = server.connect();
    let mut body = |path: &str| {
        let reply = client.ask(&format!("GET {path}"), "Accept-Encoding: br, gzip");
        (reply.text().to_owned(), reply.field("Content-Encoding").map(str::to_owned))
    };
    let (plain, twin) = (("plain".to_owned(), None), |text: &str| (text.to_owned(), Some("br".to_owned())));
    for round in 0..5 {
        (0..LOOKS).for_each(|_| assert_eq!(body("/a.css"), plain, "round {round}"));
        fs::write(server.root().join("a.css.br"), "twin").expect("a twin");
        (0..LOOKS).for_each(|_| assert_eq!(body("/a.css"), twin("twin"), "round {round}"));
        overwrite(&server.root().join("a.css.br"), b"niwt");
        (0..LOOKS).for_each(|_| assert_eq!(body("/a.css"), twin("niwt"), "round {round}"));
        fs::remove_file(server.root().join("a.css.br")).expect("it is removed");
    }
    (0..LOOKS).for_each(|_| assert_eq!(body("/gone.css"), twin("twin")));
    fs::remove_file(server.root().join("gone.css.br")).expect("it is removed");
    assert_eq!(body("/gone.css"), plain);
}

#[test]
fn pipelined_get_sees_preceding_put() {
    let server = Server::with(&[("a", b"old")], &["--upload"]);
    let mut client = server.connect();
    for round in 0..20 {
        (0..LOOKS).for_each(|_| assert!([200, 404].contains(&client.get("/b").status)));
        for path in ["/a", "/b"] {
            let text = format!("round {round}");
            let put = format!("PUT {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", text.len());
            let get = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
            client.send(format!("{get}{put}{text}{get}"));
            assert!([200, 404].contains(&client.reply().status));
            assert!([201, 204].contains(&client.reply().status));
            assert_eq!(client.reply().text(), text, "{path}");
        }
    }
}

#[test]
fn simultaneous_requests_all_get_current_file() {
    const CROWD: usize = 40;
    let server = Server::with(&[("a", b"000")], &["--access-log", "off"]);
    let mut crowd: Vec<Raw> = (0..CROWD).map(|_| server.connect()).collect();
    for client in &mut crowd {
        assert_eq!(client.get("/a").text(), "000");
    }
    for round in 1..30 {
        // The requests wait until all of them are there: some are in one batch, some in others.
        server.signal(Signal::STOP);
        let text = format!("{round:03}");
        overwrite(&server.root().join("a"), text.as_bytes());
        for client in &mut crowd {
            client.send("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
        }
        server.signal(Signal::CONT);
        for client in &mut crowd {
            assert_eq!(client.reply().text(), text);
        }
    }
}

/// A file of so many bytes that tells in each line which version it is.
fn version(number: usize, len: usize) -> Vec<u8> {
    let mut bytes = format!("{number:015}\n").into_bytes().repeat(len / 16);
    bytes.truncate(len);
    bytes
}

/// The version that these bytes are, if they are of one.
fn version_of(bytes: &[u8]) -> Option<usize> {
    let first: usize = std::str::from_utf8(bytes.get(..15)?).ok()?.parse().ok()?;
    (bytes == version(first, bytes.len())).then_some(first)
}

#[test]
fn responses_are_never_mixed_or_stale_under_fast_replacement() {
    const PERIOD: Duration = Duration::from_millis(1);
    const LASTS: Duration = Duration::from_secs(2);
    let lens = [("small", 2048), ("shared", 32 * 1024), ("large", 96 * 1024)];
    let server = Server::with(&[], &["--access-log", "off"]);
    let root = server.root();
    for (name, len) in lens {
        fs::write(root.join(name), version(0, len)).expect("the first version");
    }
    let (written, ends) = (AtomicUsize::new(0), Instant::now() + LASTS);
    let responses = thread::scope(|scope| {
        scope.spawn(|| {
            // One after the other, so that none is missed: all three have a version before it is told.
            for number in (1..).take_while(|_| Instant::now() < ends) {
                for (name, len) in lens {
                    fs::write(root.join("next"), version(number, len)).expect("a version");
                    fs::rename(root.join("next"), root.join(name)).expect("it takes the place");
                }
                written.store(number, Ordering::SeqCst);
                thread::park_timeout(PERIOD / 2);
            }
        });
        let readers = lens.map(|(name, len)| {
            let (written, server) = (&written, &server);
            scope.spawn(move || {
                let mut client = server.connect();
                let mut responses = 0;
                while Instant::now() < ends {
                    let before = written.load(Ordering::SeqCst);
                    let reply = client.get(&format!("/{name}"));
                    let after = written.load(Ordering::SeqCst);
                    assert_eq!((reply.status, reply.body.len()), (200, len));
                    let Some(number) = version_of(&reply.body) else { panic!("{name} is a mixture") };
                    assert!((before..=after + 1).contains(&number), "{name}: {before} {number} {after}");
                    responses += 1;
                }
                responses
            })
        });
        readers.map(|reader| reader.join().expect("all answers are right"))
    });
    let versions = written.load(Ordering::SeqCst);
    assert!(versions > 50 && responses.iter().all(|&count| count > 50), "{versions} versions, {responses:?}");
}
