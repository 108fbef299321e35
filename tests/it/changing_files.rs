//! Files that change while they are sent: an answer is the file that was asked for, whole, or it ends
//! before its promised length. It is never padded, never longer, and never a mixture.
//!
//! The reader is slow: it has begun to read, the sockets' buffers are full, and most of the file has
//! yet to be sent when the file changes. What happens between server and client in memory is in `in_memory`.
//!
//! Two things are beyond the server, for a file that has not changed for ten seconds: `sendfile` hands pages of the
//! file to the socket, not copies. If a file is cut in place within a page that is on its way, its rest may arrive as
//! the zeros that the kernel makes of it, before the connection ends. If it is overwritten, the new bytes may arrive.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::harness::{Raw, Reply, Server, WAIT_MAX, pattern};

/// Far more than the buffers of both sockets hold, so that most of it is sent after the change.
const LARGE_LEN: usize = 16 << 20;
/// A file that is kept in memory, asked for so often that its answers are as long as a large one.
const SMALL_LEN: usize = 40_000;
const SMALL_COUNT: usize = 400;
/// What the reader has read when the file changes.
const READ_LEN: usize = 1 << 20;

/// By how much a file grows: a small one becomes too large for memory.
const GROWTH_LEN: usize = 100_000;

const NAME: &str = "file.bin";
const CHANGED: &str = "aborted: the file shrank or changed while it was sent";

/// What is done to a file.
type Change = fn(&Path);

/// Other bytes of the same length, so that only they can tell which file it is.
fn other(len: usize) -> Vec<u8> {
    pattern(len).iter().map(|byte| byte ^ 0x80).collect()
}

fn replace(path: &Path) {
    let len = fs::metadata(path).expect("its length").len() as usize;
    let new = path.parent().and_then(Path::parent).expect("a folder").join("new");
    fs::write(&new, other(len)).expect("the new file");
    fs::rename(new, path).expect("it is replaced");
}

fn remove(path: &Path) {
    fs::remove_file(path).expect("it is removed");
}

/// By zeros, in one step: what is written goes by pieces, and each is a file that may be served.
fn grow(path: &Path) {
    let len = fs::metadata(path).expect("its length").len() as usize;
    set_len(path, len + GROWTH_LEN);
}

fn set_len(path: &Path, len: usize) {
    let file = OpenOptions::new().write(true).open(path).expect("the file");
    file.set_len(len as u64).expect("another length");
}

fn grown(len: usize) -> Vec<u8> {
    [pattern(len), vec![0; GROWTH_LEN]].concat()
}

fn serving(len: usize) -> Server {
    Server::with(&[(NAME, &pattern(len))], &["--log-format", "json"])
}

/// A reader whose socket is soon full.
fn slow_reader(server: &Server) -> Raw {
    let client = server.connect();
    set_socket_recv_buffer_size(client.socket(), 64 * 1024).expect("a small window");
    client
}

/// What is asked for: the fields of the request, the status of its answer, and its part of the file.
struct Asked {
    fields: &'static str,
    status: u16,
    first: usize,
    end: usize,
}

const WHOLE: Asked = Asked { fields: "", status: 200, first: 0, end: LARGE_LEN };
const PART: Asked =
    Asked { fields: "Range: bytes=1000001-15999998\r\n", status: 206, first: 1_000_001, end: 15_999_999 };

/// A large answer that has begun to be read, with another request behind it on the connection.
struct Reading {
    server: Server,
    client: Raw,
    /// What has been read, and what was promised.
    read: Vec<u8>,
    promised: Vec<u8>,
    is_tagged: bool,
}

impl Reading {
    fn of(case: &Asked) -> Reading {
        Reading::on(serving(LARGE_LEN), case)
    }

    fn on(server: Server, case: &Asked) -> Reading {
        let mut client = slow_reader(&server);
        let fields = case.fields;
        client.send(format!(
            "GET /{NAME} HTTP/1.1\r\nHost: test\r\n{fields}\r\nGET /none HTTP/1.1\r\nHost: test\r\n\r\n"
        ));
        let reply = client.reply_to_head();
        assert_eq!(reply.status, case.status, "{}", reply.head);
        let promised = pattern(LARGE_LEN)[case.first..case.end].to_vec();
        assert_eq!(reply.field("content-length"), Some(promised.len().to_string().as_str()));
        let read = client.bytes(READ_LEN);
        let is_tagged = reply.field("ETag").is_some();
        Reading { server, client, read, promised, is_tagged }
    }

    fn path(&self) -> std::path::PathBuf {
        self.server.root().join(NAME)
    }

    /// Reads the rest of the answer, which is what was promised, and the next one.
    fn expect_whole(mut self, what: &str) -> Server {
        let rest = self.client.bytes(self.promised.len() - READ_LEN);
        assert!([self.read, rest].concat() == self.promised, "{what}: another file");
        assert_eq!(self.client.reply().status, 404, "{what}: the next answer");
        self.server
    }

    /// Reads up to the end of the connection, which comes too early, and the log: what was sent.
    /// Last, whether all came that was sent: a reset by the kernel destroys what the reader has yet to read.
    fn expect_aborted(mut self, what: &str) -> (Vec<u8>, Vec<u8>, bool) {
        let (rest, is_orderly) = self.client.rest_until_any_end();
        self.read.extend(rest);
        assert!(self.read.len() < self.promised.len(), "{what}: it is whole, or has what comes next");
        let now = fs::read(self.path()).expect("the file");
        assert!(self.server.get(&format!("/{NAME}")).body == now, "{what}: who asks now gets what it is now");
        let log = self.server.stop().log;
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        assert_eq!(lines.len(), 2, "the request behind it is not answered: {log}");
        assert_eq!(lines[0]["close_reason"], CHANGED, "{what}");
        let sent = lines[0]["body_bytes"].as_u64().expect("a length") as usize;
        assert!(self.read.len() == sent || (!is_orderly && self.read.len() < sent), "{what}: {sent} bytes");
        self.promised.truncate(self.read.len());
        (self.read, self.promised, is_orderly)
    }
}

fn expect_the_old_one_whole(case: &Asked) {
    let changes: [(&str, Change, u16, Option<Vec<u8>>); 3] = [
        ("replaced", replace, 200, Some(other(LARGE_LEN))),
        ("removed", remove, 404, None),
        ("grown", grow, 200, Some(grown(LARGE_LEN))),
    ];
    for (what, change, status, body) in changes {
        let reading = Reading::of(case);
        change(&reading.path());
        let server = reading.expect_whole(what);
        let reply = server.get(&format!("/{NAME}"));
        assert_eq!(reply.status, status, "{what}");
        assert!(body.is_none_or(|body| body == reply.body), "{what}: who asks now gets what it is now");
    }
}

fn expect_an_abort(case: &Asked) {
    for len in [0, 14_000_001] {
        let what = format!("{len} bytes");
        let reading = Reading::of(case);
        set_len(&reading.path(), len);
        let (read, promised, is_orderly) = reading.expect_aborted(&what);
        assert!(read == promised, "{what}: another file, or padding");
        // Far beyond what the buffers hold it ends on the byte.
        assert!(len == 0 || !is_orderly || read.len() == len - case.first, "{what}: all that is there");
    }
    let reading = Reading::of(case);
    set_len(&reading.path(), case.first + READ_LEN + 200_001);
    let (read, promised, _) = reading.expect_aborted("on its way");
    let is_its_own = |(read, promised): (&u8, &u8)| read == promised || *read == 0;
    assert!(read.iter().zip(&promised).all(is_its_own), "on its way: another file");
}

#[test]
fn large_file_replaced_removed_or_grown_arrives_unchanged() {
    expect_the_old_one_whole(&WHOLE);
}

#[test]
fn range_of_replaced_removed_or_grown_file_arrives_unchanged() {
    expect_the_old_one_whole(&PART);
}

#[test]
fn large_file_truncated_aborts_and_log_has_reason() {
    expect_an_abort(&WHOLE);
}

#[test]
fn range_of_truncated_file_aborts_and_log_has_reason() {
    expect_an_abort(&PART);
}

#[test]
fn large_file_overwritten_in_place_aborts_if_it_has_a_tag() {
    for (case, waits) in [(&WHOLE, true), (&PART, true), (&WHOLE, false)] {
        let server = serving(LARGE_LEN);
        let has_tag = || server.connect().ask(&format!("HEAD /{NAME}"), "").field("ETag").is_some();
        let deadline = Instant::now() + WAIT_MAX;
        while waits && !has_tag() {
            assert!(Instant::now() < deadline, "there is never a tag");
        }
        let mut reading = Reading::on(server, case);
        assert!(reading.is_tagged || !waits);
        let file = OpenOptions::new().write(true).open(reading.path()).expect("the file");
        file.write_all_at(&other(LARGE_LEN), 0).expect("writes");
        if reading.is_tagged {
            let (rest, _) = reading.client.rest_until_any_end();
            assert!(READ_LEN + rest.len() < reading.promised.len(), "one tag, two contents");
            assert!(reading.server.stop().log.contains(CHANGED));
        } else {
            // No tag names the mixture. A file that is never quiet can be fetched.
            reading.client.bytes(reading.promised.len() - READ_LEN);
        }
    }
}

/// The whole response is in the buffers of the sockets, or begun, when the file is overwritten.
#[test]
fn tagged_body_of_file_written_lately_is_never_mixed() {
    for len in [100_000, 200_000, 1 << 20, 3 << 20] {
        let server = serving(len);
        let deadline = Instant::now() + WAIT_MAX;
        while server.connect().ask(&format!("HEAD /{NAME}"), "").field("ETag").is_none() {
            assert!(Instant::now() < deadline, "there is never a tag");
        }
        let mut client = server.connect();
        client.send(format!("GET /{NAME} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
        assert!(client.head().contains("\r\nETag: "));
        // What fits the sockets is sent before another request is answered.
        server.get("/none");
        let file = OpenOptions::new().write(true).open(server.root().join(NAME)).expect("the file");
        file.write_all_at(&other(len), 0).expect("writes");
        let (body, _) = client.rest_until_any_end();
        assert!(body == pattern(len) || body.len() < len, "one tag, two contents: {len}");
    }
}

#[test]
fn range_of_file_truncated_behind_it_is_complete() {
    let reading = Reading::of(&PART);
    set_len(&reading.path(), PART.end);
    reading.expect_whole("shortened");
}

#[test]
fn small_file_changed_is_old_or_new_never_mixed() {
    let new: [(&str, Change, Option<Vec<u8>>); 4] = [
        ("replaced", replace, Some(other(SMALL_LEN))),
        ("removed", remove, None),
        ("grown", grow, Some(grown(SMALL_LEN))),
        ("truncated", |path| set_len(path, 30_000), Some(pattern(30_000))),
    ];
    let old = pattern(SMALL_LEN);
    for (what, change, new) in new {
        let server = serving(SMALL_LEN);
        let mut client = slow_reader(&server);
        client.send(format!("GET /{NAME} HTTP/1.1\r\nHost: test\r\n\r\n").repeat(SMALL_COUNT));
        for _ in 0..READ_LEN / SMALL_LEN {
            assert!(client.reply().body == old, "{what}: before the change");
        }
        let (head, half) = (client.head(), client.bytes(SMALL_LEN / 2));
        change(&server.root().join(NAME));
        assert!([half, client.bytes(SMALL_LEN / 2)].concat() == old, "{what}: torn, under {head}");
        let left: Vec<Reply> = (READ_LEN / SMALL_LEN + 1..SMALL_COUNT).map(|_| client.reply()).collect();
        let is_old = |reply: &&Reply| reply.status == 200 && reply.body == old;
        let (_, after) = left.split_at(left.iter().take_while(is_old).count());
        assert!(!after.is_empty(), "{what}: nobody sees it");
        let is_new = |reply: &Reply| match &new {
            Some(body) => reply.status == 200 && reply.body == *body,
            None => reply.status == 404,
        };
        assert!(after.iter().all(is_new), "{what}: once it is new, it stays new");
    }
}

/// Sets when a file was modified.
fn set_modified(server: &Server, name: &str, time: SystemTime) {
    let file = File::options().write(true).open(server.root().join(name)).expect("the file");
    file.set_modified(time).expect("its time");
}

#[test]
fn large_file_with_future_mtime_has_etag_gzip_and_no_date() {
    let text = "a line that repeats\n".repeat(10_000);
    let server = Server::serving(&[("a.txt", text.as_bytes())]);
    set_modified(&server, "a.txt", SystemTime::now() + Duration::from_secs(1_000_000));
    let reply = server.get_tagged("/a.txt");
    assert_eq!((reply.field("Last-Modified"), reply.body.len()), (None, text.len()));
    let deadline = Instant::now() + WAIT_MAX;
    let mut client = server.connect();
    // It is compressed once its ctime is two seconds old.
    while client.ask("GET /a.txt", "Accept-Encoding: gzip").field("Content-Encoding").is_none() {
        assert!(Instant::now() < deadline, "it is never compressed");
    }
    let tag = format!("If-None-Match: {}", client.get("/a.txt").field("ETag").expect("a tag"));
    assert_eq!(client.ask("GET /a.txt", &tag).status, 304);
}

#[test]
fn constant_mtime_of_build_systems_is_no_date() {
    let large = pattern(100_000);
    let server = Server::serving(&[("small", b"x"), ("large", &large)]);
    let date = "Thu, 01 Jan 1970 00:00:02 GMT";
    for (secs, shown) in [(0, None), (1, None), (2, Some(date))] {
        for name in ["small", "large"] {
            set_modified(&server, name, UNIX_EPOCH + Duration::from_secs(secs));
            let reply = server.get_tagged(&format!("/{name}"));
            assert_eq!(reply.field("Last-Modified"), shown, "{name} {secs}");
            let since = server.connect().ask(&format!("GET /{name}"), &format!("If-Modified-Since: {date}"));
            assert_eq!(since.status, if shown.is_some() { 304 } else { 200 }, "{name} {secs}");
        }
    }
}

/// The entity-tag and the first byte of a large file, unless the server closes before it has sent both.
fn tag_and_first_byte(stream: &mut TcpStream) -> io::Result<(Option<String>, u8)> {
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: test\r\nRange: bytes=0-0\r\n\r\n")?;
    let mut response = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let len = stream.read(&mut piece)?;
        if len == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        response.extend(&piece[..len]);
        if let [head @ .., b'\r', b'\n', b'\r', b'\n', byte] = &response[..] {
            let head = str::from_utf8(head).expect("a head");
            let tag = head.lines().find_map(|line| line.strip_prefix("ETag: "));
            return Ok((tag.map(str::to_owned), *byte));
        }
    }
}

/// The kernel stamps a file before it copies what is written, so one ctime can have two contents for a while.
#[test]
fn etag_never_names_two_contents_of_file_written_in_place() {
    const LEN: usize = 16 << 20;
    let server = Server::serving(&[("a", &vec![0; LEN])]);
    let file = File::options().write(true).open(server.root().join("a")).expect("the file");
    let (begin, orders) = mpsc::channel::<u8>();
    let is_writing = AtomicBool::new(false);
    let mut contents: HashMap<String, u8> = HashMap::new();
    thread::scope(|scope| {
        // Dropped here, also by a failed assertion: the writer then ends.
        let (begin, is_writing) = (begin, &is_writing);
        scope.spawn(move || {
            for round in orders {
                for write in 1..=20 {
                    file.write_all_at(&vec![round * 20 + write; LEN], 0).expect("writes");
                }
                is_writing.store(false, Ordering::Release);
            }
        });
        let connect = || TcpStream::connect(server.address()).expect("the server accepts");
        let mut client = connect();
        let mut look = || match tag_and_first_byte(&mut client) {
            Ok((Some(tag), byte)) => {
                let known = *contents.entry(tag).or_insert(byte);
                assert_eq!(known, byte, "one tag, two contents");
                true
            }
            Ok((None, _)) => false,
            // Overwritten between the look at the file and the body.
            Err(_) => {
                client = connect();
                false
            }
        };
        for round in 0..4 {
            is_writing.store(true, Ordering::Release);
            begin.send(round).expect("the writer waits");
            while is_writing.load(Ordering::Acquire) {
                look();
            }
            let deadline = Instant::now() + WAIT_MAX;
            while !look() {
                assert!(Instant::now() < deadline, "there is never a tag");
            }
        }
    });
    assert!(contents.len() >= 4, "each pause has a tag: {contents:?}");
}
