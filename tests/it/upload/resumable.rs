//! Resumable uploads: an upload survives its connection and the server, and ends as one file or none.
//!
//! `REACTOR_TEST_KILLS=1000` kills the server more often than the 50 times of the suite.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use super::{head, serve};
use crate::harness::{Raw, Reply, Server, WAIT_MAX, names_in, pattern};

const PARTIAL: &str = "Content-Type: application/partial-upload";
const DIRECTORY: &str = ".reactor-uploads";

pub(super) fn create(client: &mut Raw, path: &str, fields: &str) -> String {
    let reply = client.send(head(path, &format!("Upload-Complete: ?0\r\nContent-Length: 0{fields}"))).reply();
    assert_eq!(reply.status, 201, "{}", reply.head);
    assert_eq!((reply.field("Upload-Offset"), reply.field("Upload-Complete")), (Some("0"), Some("?0")));
    reply.field("Location").expect("an upload resource").to_owned()
}

pub(super) fn patch_head(upload: &str, offset: u64, is_complete: bool, len: usize) -> String {
    let complete = u8::from(is_complete);
    format!(
        "PATCH {upload} HTTP/1.1\r\nHost: test\r\n{PARTIAL}\r\nUpload-Offset: {offset}\r\n\
         Upload-Complete: ?{complete}\r\nContent-Length: {len}\r\n\r\n"
    )
}

pub(super) fn patch(client: &mut Raw, upload: &str, offset: u64, is_complete: bool, bytes: &[u8]) -> Reply {
    client.send([patch_head(upload, offset, is_complete, bytes.len()).as_bytes(), bytes].concat()).reply()
}

/// Begins an append and waits until it runs.
pub(super) fn begin_append(server: &Server, upload: &str, offset: u64, len: usize) -> Raw {
    let mut client = server.connect();
    let head = patch_head(upload, offset, true, len);
    client.send(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(client.reply().status, 100);
    client
}

pub(super) fn offset(client: &mut Raw, upload: &str) -> u64 {
    let reply = client.ask(&format!("HEAD {upload}"), "");
    assert_eq!((reply.status, reply.field("Cache-Control")), (204, Some("no-store")), "{}", reply.head);
    reply.field("Upload-Offset").and_then(|text| text.parse().ok()).expect("an offset")
}

fn registry(server: &Server) -> Vec<String> {
    names_in(&server.root().join(DIRECTORY))
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + WAIT_MAX;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn parts_become_one_file_with_the_response_of_put() {
    let server = Server::with(&[("d/old", b"old")], &["-u", "--workers", "2"]);
    for (path, status) in [("/d/new%20name", 201), ("/d/old", 204)] {
        for lengths in ["", "\r\nUpload-Length: 9"] {
            let mut client = server.connect();
            if status == 201 {
                let _ = fs::remove_file(server.root().join("d/new name"));
            }
            let upload = create(&mut client, path, lengths);
            assert_eq!(upload.len(), "/.reactor-uploads/".len() + 32);
            for (at, part) in [(0, "abc"), (3, ""), (3, "def")] {
                let reply = patch(&mut client, &upload, at, false, part.as_bytes());
                assert_eq!((reply.status, reply.field("Upload-Complete")), (204, Some("?0")));
                assert_eq!(offset(&mut server.connect(), &upload), at + part.len() as u64);
            }
            let reply = patch(&mut client, &upload, 6, true, b"ghi");
            assert_eq!(
                (reply.status, reply.field("Upload-Complete")),
                (status, Some("?1")),
                "{}",
                reply.head
            );
            assert_eq!(reply.field("Location"), (status == 201).then_some(path));
            let got = client.get(path);
            assert_eq!((got.text(), got.field("ETag")), ("abcdefghi", reply.field("ETag")));
            let reply = client.ask(&format!("HEAD {upload}"), "");
            assert_eq!(
                (reply.field("Upload-Complete"), reply.field("Upload-Offset")),
                (Some("?1"), Some("9"))
            );
            assert_eq!(reply.field("Upload-Length"), Some("9"));
        }
    }
    assert_eq!(names_in(&server.root().join("d")), ["new name", "old"]);
}

#[test]
fn creation_with_first_part_and_chunked_append_count() {
    let server = serve(&[]);
    let mut client = server.connect();
    let reply = client.send(head("/a", "Upload-Complete: ?0\r\nContent-Length: 3") + "abc").reply();
    assert_eq!((reply.status, reply.field("Upload-Offset")), (201, Some("3")));
    let upload = reply.field("Location").expect("an upload resource").to_owned();
    client.send(format!(
        "PATCH {upload} HTTP/1.1\r\nHost: test\r\n{PARTIAL}; charset=x\r\nUpload-Offset: 3;a=b\r\n\
         Upload-Complete: ?1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"
    ));
    assert_eq!(client.reply().status, 201);
    assert_eq!(client.get("/a").text(), "abcdef");
    assert_eq!(offset(&mut client, &upload), 6);
}

#[test]
fn append_that_does_not_fit_is_refused_and_changes_nothing() {
    let server = Server::with(&[], &["-u", "--max-upload", "100"]);
    let upload = create(&mut server.connect(), "/a", "\r\nUpload-Length: 10");
    assert_eq!(patch(&mut server.connect(), &upload, 0, false, b"abcd").status, 204);
    let usual = "Upload-Offset: 4\r\nUpload-Complete: ?0";
    for (status, fields, words) in [
        (415, format!("{usual}\r\nContent-Type: text/plain"), "application/partial-upload"),
        (415, usual.to_owned(), "application/partial-upload"),
        (400, format!("{PARTIAL}\r\nUpload-Complete: ?0"), "Upload-Offset"),
        (400, format!("{PARTIAL}\r\nUpload-Complete: ?0\r\nUpload-Offset: -1"), "Upload-Offset"),
        (400, format!("{PARTIAL}\r\nUpload-Offset: 4"), "Upload-Complete"),
        (400, format!("{PARTIAL}\r\nUpload-Offset: 4\r\nUpload-Complete: 1"), "Upload-Complete"),
        (409, format!("{PARTIAL}\r\nUpload-Offset: 3\r\nUpload-Complete: ?0"), "Upload-Offset"),
        (409, format!("{PARTIAL}\r\nUpload-Offset: 5\r\nUpload-Complete: ?0"), "Upload-Offset"),
        (400, format!("{PARTIAL}\r\n{usual}\r\nUpload-Length: 11"), "length"),
        (400, format!("{PARTIAL}\r\nUpload-Offset: 4\r\nUpload-Complete: ?1\r\nUpload-Length: 10"), "length"),
        (400, format!("{PARTIAL}\r\nUpload-Offset: 4\r\nUpload-Complete: ?1"), "length"),
    ] {
        let mut client = server.connect();
        client
            .send(format!("PATCH {upload} HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n{fields}\r\n\r\nx"));
        let reply = client.reply();
        assert_eq!(reply.status, status, "{fields}: {}", reply.text());
        assert!(reply.text().contains(words), "{fields}: {}", reply.text());
        assert!(status != 409 || reply.field("Upload-Offset") == Some("4"), "{}", reply.head);
        assert_eq!(offset(&mut server.connect(), &upload), 4, "{fields}");
    }
    assert_eq!(patch(&mut server.connect(), &upload, 4, false, b"1234567").status, 400, "beyond the length");
    assert_eq!(patch(&mut server.connect(), &upload, 4, true, b"efghij").status, 201);
    let reply = patch(&mut server.connect(), &upload, 10, true, b"");
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("complete"), "{}", reply.text());
    let reply = server
        .connect()
        .send(head("/b", "Upload-Complete: ?0\r\nUpload-Length: 101\r\nContent-Length: 0"))
        .reply();
    assert_eq!(
        (reply.status, reply.field("Upload-Limit").map(|limit| limit.starts_with("max-size=100"))),
        (413, Some(true))
    );
    // Not a Boolean: an ordinary PUT.
    let reply = server.connect().send(head("/c", "Upload-Complete: 0\r\nContent-Length: 1") + "c").reply();
    assert_eq!((reply.status, reply.field("Location")), (201, Some("/c")));
}

#[test]
fn interim_104_needs_matching_version_and_http_11() {
    let server = serve(&[]);
    for (version, interop, is_sent) in
        [("1.1", "8", true), ("1.1", "7", false), ("1.1", "", false), ("1.0", "8", false)]
    {
        let interop =
            if interop.is_empty() { "" } else { &format!("Upload-Draft-Interop-Version: {interop}\r\n") };
        for complete in ["?0", "?1"] {
            let mut client = server.connect();
            client.send(format!(
                "PUT /a HTTP/{version}\r\nHost: test\r\n{interop}Upload-Complete: {complete}\r\nContent-Length: 3\r\n\r\nabc"
            ));
            let mut reply = client.reply();
            assert_eq!(reply.status == 104, is_sent, "{version} {interop} {complete}: {}", reply.head);
            let resource = reply.field("Location").map(str::to_owned);
            if is_sent {
                assert_eq!(reply.field("Upload-Draft-Interop-Version"), Some("8"));
                assert!(reply.field("Upload-Limit").is_some_and(|limit| limit.contains("max-age=")));
                reply = client.reply();
            }
            assert!(matches!(reply.status, 201 | 204), "{}", reply.head);
            if is_sent && complete == "?0" {
                assert_eq!(reply.field("Location").map(str::to_owned), resource);
            }
        }
    }
}

#[test]
fn cut_creation_is_resumed_from_what_was_received() {
    let server = serve(&[]);
    let bytes = pattern(3_000_000);
    let mut client = server.connect();
    client.send(head(
        "/a",
        "Upload-Draft-Interop-Version: 8\r\nUpload-Complete: ?1\r\nContent-Length: 3000000",
    ));
    let upload = client.reply().field("Location").expect("an upload resource").to_owned();
    client.send(&bytes[..1_000_001]);
    drop(client);
    let mut client = server.connect();
    // What the kernel has not handed over yet is lost with the connection.
    let at = offset(&mut client, &upload);
    assert!(at <= 1_000_001);
    assert_eq!(offset(&mut client, &upload), at, "no append runs any more");
    assert_eq!(patch(&mut client, &upload, at, true, &bytes[at as usize..]).status, 201);
    assert!(client.get("/a").body == bytes);
}

#[test]
fn head_patch_and_delete_end_a_running_append_of_any_worker() {
    let server = Server::with(&[], &["-u", "--workers", "2"]);
    let bytes = pattern(4_000);
    for round in 0..8 {
        let upload = create(&mut server.connect(), "/a", "");
        let mut told = 0;
        for _ in 0..4 {
            let from = told as usize;
            let mut running = begin_append(&server, &upload, told, bytes.len() - from);
            running.send(&bytes[from..from + 100]);
            let at = offset(&mut server.connect(), &upload);
            assert!(at >= told && at <= told + 100, "{round}: {at} after {told}");
            told = at;
            // It has ended: nothing that it still sends is kept.
            assert_eq!(running.send("x").reply().status, 409);
            assert_eq!(offset(&mut server.connect(), &upload), at, "{round}");
        }
        let mut running = begin_append(&server, &upload, told, bytes.len() - told as usize);
        let mut last = server.connect();
        if round % 2 == 0 {
            assert_eq!(last.ask(&format!("DELETE {upload}"), "").status, 204);
            assert_eq!(last.ask(&format!("HEAD {upload}"), "").status, 404);
        } else {
            let reply = patch(&mut last, &upload, 1, true, b"x");
            let at: u64 = reply.field("Upload-Offset").and_then(|text| text.parse().ok()).expect("an offset");
            assert_eq!(reply.status, 409);
            assert_eq!(
                patch(&mut server.connect(), &upload, at, true, &bytes[at as usize..]).status,
                if round == 1 { 201 } else { 204 }
            );
            assert!(server.get("/a").body == bytes);
        }
        assert_eq!(running.send("x").reply().status, 409);
    }
    assert!(registry(&server).iter().all(|name| name.ends_with(".head")), "{:?}", registry(&server));
}

/// Kills the server while an append runs, and resumes, until everything is there.
#[test]
fn killed_server_resumes_at_the_told_offset_byte_identical() {
    let kills = std::env::var("REACTOR_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(50_u64);
    let options = ["-u", "--workers", "2"];
    let bytes = pattern(6_000_000);
    let mut server = Server::with(&[], &options);
    let upload = create(&mut server.connect(), "/a", "\r\nUpload-Length: 6000000");
    let random = RandomState::new();
    let mut told = 0;
    for round in 0..kills {
        let mut client = server.connect();
        let at = offset(&mut client, &upload);
        assert!(at >= told, "{round}: {at} after {told}");
        told = at;
        let rest = &bytes[at as usize..];
        client.send(patch_head(&upload, at, true, rest.len()));
        let len = (random.hash_one(round) % (2 * bytes.len() as u64 / kills)) as usize;
        let end = len.min(rest.len().saturating_sub(1));
        let _ = client.try_send(&rest[..end]);
        server = server.killed_and_restarted(&options);
    }
    let mut client = server.connect();
    let at = offset(&mut client, &upload);
    assert!(at >= told);
    assert_eq!(patch(&mut client, &upload, at, true, &bytes[at as usize..]).status, 201);
    assert!(client.get("/a").body == bytes);
    assert_eq!(registry(&server).len(), 1, "{:?}", registry(&server));
}

#[test]
fn names_of_the_registry_are_behind_no_door() {
    let server = Server::with(&[("d/x", b"x")], &["-u", "--hidden"]);
    let mut client = server.connect();
    let upload = create(&mut client, "/secret", "");
    let name = upload.rsplit('/').next().expect("an id").to_owned();
    for directory in [
        "/.reactor-uploads",
        "/%2ereactor-uploads",
        "/.REACTOR-Uploads",
        "/d/../.reactor-uploads",
        "//.reactor-uploads",
        "/d/.reactor-uploads",
    ] {
        for rest in ["", "/", &format!("/{name}.head"), "/new", "/?archive=tar"] {
            let path = format!("{directory}{rest}");
            for (method, status) in [("GET", 404), ("HEAD", 404)] {
                assert_eq!(client.ask(&format!("{method} {path}"), "").status, status, "{method} {path}");
            }
            let reply = server.connect().send(head(&path, "Content-Length: 1") + "x").reply();
            assert!(matches!(reply.status, 403..=405), "PUT {path}: {}", reply.status);
        }
    }
    assert_eq!(client.ask(&format!("GET {upload}"), "").status, 405);
    assert!(
        !client
            .get("/?archive=tar")
            .body
            .windows(DIRECTORY.len())
            .any(|window| window == DIRECTORY.as_bytes())
    );
    assert!(!client.get("/").text().contains(DIRECTORY));
    assert_eq!(registry(&server).len(), 2);
    let server = Server::with(&[("index.html", b"home")], &["-u", "--hidden", "--fallback", "index.html"]);
    let upload = create(&mut server.connect(), "/secret", "");
    for (path, status) in [
        (format!("{upload}.head"), 404),
        ("/.reactor-uploads/".to_owned(), 404),
        ("/missing".to_owned(), 200),
    ] {
        assert_eq!(
            server.connect().ask(&format!("GET {path}"), "Accept: text/html").status,
            status,
            "{path}"
        );
    }
}

#[test]
fn condition_is_checked_again_when_the_upload_completes() {
    let server = serve(&[("old", b"old")]);
    let mut client = server.connect();
    let reply =
        client.send(head("/old", "Upload-Complete: ?0\r\nContent-Length: 0\r\nIf-None-Match: *")).reply();
    assert_eq!(reply.status, 412);
    assert_eq!(registry(&server), Vec::<String>::new());
    let upload = create(&mut server.connect(), "/new", "\r\nIf-None-Match: *");
    let mut running = begin_append(&server, &upload, 0, 3);
    running.send("ab");
    fs::write(server.root().join("new"), "quicker").expect("a file");
    running.send("c");
    assert_eq!(running.reply().status, 412);
    assert_eq!(server.get("/new").text(), "quicker");
    assert_eq!(registry(&server), Vec::<String>::new());
}

#[test]
fn expired_upload_is_gone_and_swept_with_rests_of_a_crash() {
    let server = Server::with(&[], &["-u", "--resumable-for", "1s"]);
    let upload = create(&mut server.connect(), "/a", "");
    let rest = server.root().join(DIRECTORY).join("0123456789abcdef0123456789abcdef");
    fs::write(&rest, "data without a head").expect("a file");
    let whole = server.root().join(DIRECTORY).join("0123456789abcdef0123456789abcde0.whole");
    fs::write(&whole, "of a PUT where files have a name").expect("a file");
    let others = server.root().join(DIRECTORY).join("note");
    fs::write(&others, "of somebody else").expect("a file");
    wait_until("it has expired", || server.connect().ask(&format!("HEAD {upload}"), "").status == 404);
    wait_until("it is swept", || registry(&server) == ["note"]);
}

#[test]
fn creation_beyond_1000_unfinished_uploads_gets_507() {
    let server = serve(&[]);
    let mut client = server.connect();
    create(&mut client, "/a", "");
    for number in 2..1000 {
        fs::write(server.root().join(DIRECTORY).join(format!("{number:032x}")), "").expect("data");
    }
    let last = create(&mut client, "/b", "");
    let beyond = head("/c", "Upload-Complete: ?0\r\nContent-Length: 0");
    let reply = client.send(&beyond).reply();
    assert_eq!(reply.status, 507, "{}", reply.head);
    // Those that are there go on.
    assert_eq!(patch(&mut server.connect(), &last, 0, true, b"abc").status, 201);
    create(&mut server.connect(), "/c", "");
}

#[test]
fn time_of_the_file_does_not_keep_its_upload() {
    let server = Server::with(&[], &["-u", "--resumable-for", "3s"]);
    let upload = create(&mut server.connect(), "/a", "\r\nX-OC-Mtime: 4102444800");
    let mut running = begin_append(&server, &upload, 0, 1);
    fs::create_dir(server.root().join("a")).expect("a directory");
    running.send("c");
    assert_eq!(running.reply().status, 409);
    wait_until("it is swept", || registry(&server).is_empty());
}

#[test]
fn broken_part_with_digest_does_not_count() {
    let server = Server::with(&[], &["-u", "--workers", "2"]);
    let upload = create(&mut server.connect(), "/a", "");
    assert_eq!(patch(&mut server.connect(), &upload, 0, false, b"abc").status, 204);
    let digest = "Content-Digest: sha-256=:yzZd5tkwhWOOlAhEFKCV5hVsLYCQQp7uYEGcg67AA4M=:\r\n\r\n";
    let head = patch_head(&upload, 3, false, 200_000).replace("\r\n\r\n", &format!("\r\n{digest}"));
    let data = server.root().join(DIRECTORY).join(upload.rsplit('/').next().expect("an id"));
    let mut broken = server.connect();
    broken.send([head.as_bytes(), &[b'x'; 150_000]].concat());
    wait_until("data is written", || fs::metadata(&data).expect("the data").len() > 3);
    assert_eq!(offset(&mut server.connect(), &upload), 3, "while it runs");
    drop(broken);
    assert_eq!(offset(&mut server.connect(), &upload), 3);
    // Without a digest, each byte that is stored counts.
    let mut broken = server.connect();
    broken.send([patch_head(&upload, 3, false, 200_000).as_bytes(), &[b'y'; 150_000]].concat());
    wait_until("data is written", || fs::metadata(&data).expect("the data").len() > 3);
    let told = offset(&mut server.connect(), &upload);
    assert!(told > 3, "{told}");
    assert_eq!(patch(&mut server.connect(), &upload, told, true, b"").status, 201);
    let stored = fs::read(server.root().join("a")).expect("a file");
    assert_eq!((stored.len() as u64, &stored[..4]), (told, &b"abcy"[..]));
}

/// The page sends a part again only if a 409 tells another offset.
#[test]
fn only_409_for_another_offset_tells_it() {
    let server = Server::with(&[], &["-u", "--no-overwrite"]);
    let mut client = server.connect();
    let upload = create(&mut client, "/a", "");
    fs::write(server.root().join("a"), "quicker").expect("a file");
    for (at, told) in [(1, Some("0")), (0, None)] {
        let reply = patch(&mut server.connect(), &upload, at, true, b"c");
        assert_eq!((reply.status, reply.field("Upload-Offset")), (409, told));
    }
}

#[test]
fn damaged_record_is_ignored_and_logged() {
    let server = serve(&[]);
    let upload = create(&mut server.connect(), "/a", "");
    let record = server.root().join(format!("{}.head", &upload[1..]));
    fs::write(record, "\0damaged").expect("a record");
    let server = server.killed_and_restarted(&["-u"]);
    assert_eq!(server.connect().ask(&format!("HEAD {upload}"), "").status, 404);
    let stderr = server.stop().stderr;
    assert_eq!(stderr.matches("its record is damaged").count(), 1, "{stderr}");
}

#[test]
fn upload_of_a_replaced_root_gets_409() {
    let server = serve(&[]);
    let upload = create(&mut server.connect(), "/a", "");
    assert_eq!(patch(&mut server.connect(), &upload, 0, false, b"ab").status, 204);
    let mut running = begin_append(&server, &upload, 2, 1);
    let moved = server.root().with_file_name("moved");
    fs::rename(server.root(), &moved).expect("the root");
    fs::create_dir(server.root()).expect("another root");
    running.send("c");
    assert_eq!(running.reply().status, 409);
    assert_eq!(server.connect().ask(&format!("HEAD {upload}"), "").status, 409);
    assert_eq!(names_in(&server.root()), Vec::<String>::new());
    fs::remove_dir(server.root()).expect("it is empty");
    fs::rename(&moved, server.root()).expect("the root");
    let mut client = server.connect();
    let at = offset(&mut client, &upload);
    assert_eq!(patch(&mut client, &upload, at, true, &b"abc"[at as usize..]).status, 201);
    assert_eq!(client.get("/a").text(), "abc");
}

#[test]
fn upload_belongs_to_the_user_who_began_it() {
    // ann:a and bob:b.
    let (ann, bob) = ("Authorization: Basic YW5uOmE=", "Authorization: Basic Ym9iOmI=");
    for auth_for in ["all", "writes"] {
        let options = ["-u", "--auth", "ann:a", "--auth", "bob:b", "--auth-for", auth_for];
        let server = Server::with(&[], &options);
        let upload = create(&mut server.connect(), "/a", &format!("\r\n{ann}"));
        let server = server.killed_and_restarted(&options);
        for (method, user, status) in [
            ("HEAD", "", 401),
            ("HEAD", "Authorization: Basic YW5uOmI=", 401),
            ("HEAD", bob, 404),
            ("DELETE", bob, 404),
            ("DELETE", "", 401),
            ("HEAD", ann, 204),
            ("DELETE", ann, 204),
            ("HEAD", ann, 404),
        ] {
            let reply = server.connect().ask(&format!("{method} {upload}"), user);
            assert_eq!(reply.status, status, "{auth_for} {method} {user}");
        }
    }
}
