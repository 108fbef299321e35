//! `--resume`: an upload that is broken off goes on where it was, and never with other bytes.
//!
//! The server is killed, or follows a script where no good one would do what is asked here.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::harness::{Client, Outcome, Screen, Scripted, Server, Step, WAIT_MAX, client, client_in, pattern};

const RESUMABLE: &str = "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Draft-Interop-Version: 8\r\n\
                         Location: /uploads/1\r\n\r\n";
const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const FAILED: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
/// Long enough to be interrupted.
const LONG_LEN: usize = 64_000_000;

/// A folder with `file`, which has five bytes.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "hello").expect("a file");
    folder
}

fn resume(folder: &Path, server: &Scripted, more: &[&str]) -> Outcome {
    let url = format!("http://127.0.0.1:{}/up/file", server.port());
    client_in(folder, &[&["--resume", "-T", "file", &url], more].concat())
}

fn lost() -> Vec<Step> {
    vec![Step::Reset]
}

/// The connection is lost after the upload resource is known.
fn begun() -> Vec<Step> {
    vec![Step::send(RESUMABLE), Step::Reset]
}

fn told(fields: &str) -> Vec<Step> {
    vec![Step::send(format!("HTTP/1.1 204 No Content\r\n{fields}\r\n\r\n"))]
}

fn offset(offset: u64) -> Vec<Step> {
    told(&format!("Upload-Offset: {offset}\r\nUpload-Complete: ?0"))
}

fn sent(response: &str) -> Vec<Step> {
    vec![Step::send(response)]
}

/// Request lines with the offset, if there is one.
fn lines(requests: &[String]) -> Vec<String> {
    let line = |request: &String| {
        let offset = request.lines().find_map(|line| line.strip_prefix("Upload-Offset: "));
        let line = request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
        [Some(line), offset].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    requests.iter().map(line).collect()
}

/// Waits until an unfinished upload has this length, or there is none any more.
fn wait_for_len(server: &Server, len: u64) {
    let deadline = Instant::now() + WAIT_MAX;
    let directory = server.root().join(".reactor-uploads");
    let lens = || {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let data = entries.filter(|entry| entry.path().extension().is_none());
        data.filter_map(|entry| Some(entry.metadata().ok()?.len())).max()
    };
    let mut was_there = false;
    loop {
        match lens() {
            Some(found) if found >= len => return,
            None if was_there => return,
            found => was_there |= found.is_some(),
        }
        assert!(Instant::now() < deadline, "the upload does not grow");
        thread::yield_now();
    }
}

#[test]
fn upload_survives_kills_of_the_server_byte_identical() {
    let bytes = pattern(LONG_LEN);
    let folder = folder();
    fs::write(folder.path().join("long"), &bytes).expect("a file");
    let rows: &[(&[&str], &[&str])] = &[
        (&["--workers", "2"], &[]),
        (&["--auth", "anna:secret"], &["-u", "anna:secret", "--create-only", "--repr-digest", "sha-256"]),
        #[cfg(feature = "tls")]
        (&["--tls", "self-signed"], &["-k", "--repr-digest", "sha-512"]),
    ];
    for (server_options, client_options) in rows {
        let options = [&["-u"], *server_options].concat();
        let mut server = Server::with(&[("in/x", b"")], &options);
        let scheme = if options.contains(&"--tls") { "https" } else { "http" };
        let url = format!("{scheme}://{}/in/", server.address());
        let args = [&["--resume", "-T", "long", "-T", "file", &url], *client_options].concat();
        let running = Client::start_in(folder.path(), &args, Screen::None);
        for kill in 0..3 {
            wait_for_len(&server, 1 + kill * 10_000_000);
            server = server.killed_and_restarted_in_place(&options);
        }
        let outcome = running.finish().expect(0);
        assert!(outcome.stderr.contains("; trying again in 100 ms"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("sent 2 of 2 files"), "{}", outcome.stderr);
        assert!(fs::read(server.root().join("in/long")).expect("it is stored") == bytes);
        assert_eq!(fs::read(server.root().join("in/file")).expect("it is stored"), b"hello");
    }
}

#[test]
fn rest_is_sent_from_the_told_offset_once() {
    let folder = folder();
    let server = Scripted::each(vec![begun(), offset(2), lost(), sent(FAILED), offset(4), sent(CREATED)]);
    let more =
        ["--create-only", "--repr-digest=sha-256", "-u", "a:b", "-H", "X: y", "-H", "Content-Type: a/b"];
    let outcome = resume(folder.path(), &server, &more).expect(0);
    assert!(outcome.stderr.ends_with("stored 5 bytes at /up/file (created)\n"), "{}", outcome.stderr);
    let requests = server.requests_so_far();
    let (head, patch) = ("HEAD /uploads/1", "PATCH /uploads/1");
    let expected =
        ["PUT /up/file", head, &format!("{patch} 2"), head, head, &format!("{patch} 4")].map(str::to_owned);
    assert_eq!(lines(&requests), expected);
    for (request, fields) in [
        (0, "Upload-Draft-Interop-Version: 8\r\nUpload-Complete: ?1"),
        (0, "Content-Length: 5"),
        (0, "If-None-Match: *"),
        (0, "Repr-Digest: sha-256=:"),
        (0, "Content-Type: a/b"),
        (5, "Content-Type: application/partial-upload"),
        (5, "Content-Length: 1"),
        (5, "Upload-Complete: ?1"),
    ] {
        assert!(requests[request].contains(fields), "{fields}: {}", requests[request]);
    }
    for request in &requests {
        assert!(request.contains("X: y") && request.contains("Authorization: Basic YTpi"), "{request}");
        let has_condition = request.contains("If-None-Match") || request.contains("Repr-Digest");
        assert_eq!(has_condition, request.starts_with("PUT "), "{request}");
    }
}

#[test]
fn upload_whose_response_was_lost_is_stored() {
    let folder = folder();
    let complete = told("Upload-Offset: 5\r\nUpload-Complete: ?1");
    let server = Scripted::each(vec![begun(), complete]);
    let outcome = resume(folder.path(), &server, &[]).expect(0);
    assert!(outcome.stderr.ends_with("stored 5 bytes at /up/file\n"), "{}", outcome.stderr);
    // Everything is there, but the file has no name yet.
    let begun = vec![Step::send(RESUMABLE.replace("/uploads/1", "/uploads/1;a?b")), Step::Reset];
    let server = Scripted::each(vec![begun, offset(5), sent(CREATED)]);
    resume(folder.path(), &server, &[]).expect(0);
    assert_eq!(lines(&server.requests_so_far())[2], "PATCH /uploads/1;a?b 5");
}

#[test]
fn offset_that_cannot_be_ends_the_upload_without_sending() {
    let folder = folder();
    for fields in [
        "Upload-Offset: 6\r\nUpload-Complete: ?0",
        "Upload-Offset: -1\r\nUpload-Complete: ?0",
        "Upload-Offset: 99999999999999999999\r\nUpload-Complete: ?0",
        "Upload-Offset: x\r\nUpload-Complete: ?0",
        "Upload-Offset: 3",
        "Upload-Offset: 3\r\nUpload-Complete: 0",
        "Upload-Offset: 3\r\nUpload-Complete: ?1",
        "Upload-Complete: ?0",
        "X: y",
    ] {
        let server = Scripted::each(vec![begun(), told(fields), sent(CREATED)]);
        let line = resume(folder.path(), &server, &[]).expect(22).complaint().to_owned();
        assert!(line.contains("the server does not tell an offset"), "{fields}: {line}");
        assert_eq!(lines(&server.requests_so_far()), ["PUT /up/file", "HEAD /uploads/1"], "{fields}");
    }
    // It decreases.
    let server = Scripted::each(vec![begun(), offset(3), lost(), offset(2), sent(CREATED)]);
    resume(folder.path(), &server, &[]).expect(22);
    assert_eq!(server.requests_so_far().len(), 4);
}

#[test]
fn conflict_is_resumed_only_if_it_tells_the_offset() {
    let folder = folder();
    let conflict =
        |fields: &str| sent(&format!("HTTP/1.1 409 Conflict\r\n{fields}Content-Length: 0\r\n\r\n"));
    let server =
        Scripted::each(vec![begun(), offset(2), conflict("Upload-Offset: 3\r\n"), offset(3), sent(CREATED)]);
    resume(folder.path(), &server, &[]).expect(0);
    assert_eq!(lines(&server.requests_so_far())[4], "PATCH /uploads/1 3");
    let server = Scripted::each(vec![begun(), offset(2), conflict(""), offset(3), sent(CREATED)]);
    let line = resume(folder.path(), &server, &[]).expect(22).complaint().to_owned();
    assert!(line.contains("refused it with 409 Conflict"), "{line}");
    assert_eq!(server.requests_so_far().len(), 3);
}

#[test]
fn expired_upload_begins_again() {
    let folder = folder();
    let gone = sent("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let server = Scripted::each(vec![
        begun(),
        offset(3),
        gone.clone(),
        vec![Step::send([RESUMABLE, CREATED].concat())],
    ]);
    let outcome = resume(folder.path(), &server, &[]).expect(0);
    assert!(outcome.stderr.ends_with("stored 5 bytes at /up/file (created)\n"), "{}", outcome.stderr);
    let server = Scripted::each(vec![begun(), gone, vec![Step::send([RESUMABLE, CREATED].concat())]]);
    resume(folder.path(), &server, &[]).expect(0);
    assert_eq!(lines(&server.requests_so_far()), ["PUT /up/file", "HEAD /uploads/1", "PUT /up/file"]);
    // The same offset of another upload is no progress: the waits grow.
    let gone = sent("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let server = Scripted::each(vec![[begun(), offset(3), gone]; 9].concat());
    let outcome = resume(folder.path(), &server, &["-m", "1"]).expect(28);
    assert_eq!(outcome.stderr.matches("; trying again in 100 ms").count(), 2, "{}", outcome.stderr);
}

#[test]
fn server_that_does_not_speak_it_is_said() {
    let folder = folder();
    let server = Scripted::each(vec![sent(CREATED)]);
    let outcome = resume(folder.path(), &server, &[]).expect(0);
    assert!(outcome.stderr.contains("the server does not speak resumable uploads"), "{}", outcome.stderr);
    // A short file is sent again.
    let server = Scripted::each(vec![lost(), sent(FAILED), sent(CREATED)]);
    resume(folder.path(), &server, &[]).expect(0);
    assert_eq!(lines(&server.requests_so_far()), ["PUT /up/file"; 3]);
    // Another version is none.
    let old = RESUMABLE.replace(": 8", ": 7");
    let server = Scripted::each(vec![vec![Step::send(old), Step::Reset], sent(CREATED)]);
    resume(folder.path(), &server, &[]).expect(0);
    assert_eq!(lines(&server.requests_so_far()), ["PUT /up/file"; 2]);
    // Nobody wants a long one to be sent a dozen times.
    fs::write(folder.path().join("file"), pattern(LONG_LEN)).expect("a file");
    let server = Scripted::each(vec![vec![Step::Take(2_000_000), Step::Reset], sent(CREATED)]);
    let outcome = resume(folder.path(), &server, &["-H", "Expect:"]);
    let line = outcome.complaint();
    assert!(line.ends_with("it cannot be resumed: the server does not speak resumable uploads"), "{line}");
    assert!(matches!(outcome.code, Some(52 | 56)), "{outcome:?}");
}

#[test]
fn failure_tells_what_the_server_has() {
    let folder = folder();
    let server = Scripted::each(vec![begun(), offset(3), lost()]);
    let outcome = resume(folder.path(), &server, &["-m", "1"]).expect(28);
    assert!(
        outcome.complaint().ends_with("timed out after 1.00 s; the server has 3 of 5 bytes"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.matches("; trying again in ").count() >= 2, "{}", outcome.stderr);
    let server = Scripted::each(vec![begun(), sent("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]);
    let line = resume(folder.path(), &server, &[]).expect(22).complaint().to_owned();
    assert!(line.contains("refused it with 403 Forbidden"), "{line}");
}

#[test]
fn changed_file_is_not_resumed() {
    let folder = folder();
    let script = vec![Step::send(RESUMABLE), Step::Await, Step::Reset];
    let server = Scripted::each(vec![script, offset(3), sent(CREATED)]);
    let url = format!("http://127.0.0.1:{}/up/file", server.port());
    let running = Client::start_in(folder.path(), &["--resume", "-T", "file", &url], Screen::None);
    server.request();
    fs::write(folder.path().join("file"), "other").expect("the file");
    server.go();
    let outcome = running.finish().expect(26);
    // The first request may still be under way.
    assert!(outcome.complaint().contains("changed while it was sent"), "{}", outcome.stderr);
}

#[test]
fn only_files_can_be_resumed() {
    for args in
        [&["-T", "-", ":1/a"][..], &["-d", "x", ":1/a"], &["GET", ":1/a"], &["-XPOST", "-T", "x", ":1/a"]]
    {
        let outcome = client(&[&["--resume"], args].concat()).expect(2);
        assert!(outcome.complaint().contains("--resume needs a file to send by PUT"), "{}", outcome.stderr);
    }
    let outcome = client(&["--resume", "-T", "/dev/null", ":1/a"]).expect(26);
    assert!(outcome.complaint().contains("no regular file"), "{}", outcome.stderr);
    // A wrong port is no lost connection.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    let url = format!("http://{closed}/up/file");
    let outcome = client_in(folder().path(), &["--resume", "-T", "file", &url]).expect(7);
    assert!(!outcome.stderr.contains("trying again"), "{}", outcome.stderr);
}
