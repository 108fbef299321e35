//! The access log as those who read it do: a strict parser of the combined format, line by line.
//!
//! Whatever clients send, there are as many lines as answers and each can be parsed. Where the log
//! goes, and when, is tested through the file and through standard output.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Raw, Server, Stopped, WAIT_MAX, lines, random, reactor_server, wait};

const FILES: &[(&str, &[u8])] = &[("hello.txt", b"hello"), ("index.html", b"<p>home</p>")];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// One line, taken apart and with its escapes undone.
#[derive(Debug)]
struct Entry {
    peer: String,
    unix_secs: i64,
    offset: String,
    request: Vec<u8>,
    status: u16,
    bytes: u64,
    referer: Vec<u8>,
    user_agent: Vec<u8>,
}

/// Reads `peer - - [time] "request" status bytes "referer" "user agent"`, and nothing else.
fn parse(line: &str) -> Option<Entry> {
    let (peer, rest) = line.split_once(" - - [")?;
    let (time, rest) = rest.split_once("] ")?;
    let (request, rest) = unquote(rest)?;
    let (status, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (bytes, rest) = rest.split_once(' ')?;
    let (referer, rest) = unquote(rest)?;
    let (user_agent, rest) = unquote(rest.strip_prefix(' ')?)?;
    let (unix_secs, offset) = parse_time(time)?;
    let is_whole = rest.is_empty() && status.len() == 3 && digits(status) && digits(bytes);
    is_whole.then_some(Entry {
        peer: peer.to_owned(),
        unix_secs,
        offset: offset.to_owned(),
        request,
        status: status.parse().ok()?,
        bytes: bytes.parse().ok()?,
        referer,
        user_agent,
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `20/Nov/2026:12:52:23 +0000` in seconds since 1970, and its offset.
fn parse_time(time: &str) -> Option<(i64, &str)> {
    let (date, offset) = time.split_once(' ')?;
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        date.get(range).filter(|text| digits(text))?.parse().ok()
    };
    let marks = [(2, '/'), (6, '/'), (11, ':'), (14, ':'), (17, ':')];
    let is_marked = marks.iter().all(|&(at, mark)| date[at..].starts_with(mark));
    let month = MONTHS.iter().position(|&name| date.get(3..6) == Some(name))? as i64 + 1;
    let (day, year) = (number(0..2)?, number(7..11)?);
    let clock = number(12..14)? * 3600 + number(15..17)? * 60 + number(18..20)?;
    let (sign, ahead) = match offset.split_at_checked(1)? {
        ("+", ahead) => (1, ahead),
        ("-", ahead) => (-1, ahead),
        _ => return None,
    };
    let is_offset = ahead.len() == 4 && digits(ahead);
    let ahead: i64 = ahead.parse().ok()?;
    let ahead_secs = sign * (ahead / 100 * 3600 + ahead % 100 * 60);
    (date.len() == 20 && is_marked && is_offset)
        .then(|| (days_since_1970(year, month, day) * 86_400 + clock - ahead_secs, offset))
}

/// The proleptic Gregorian calendar, with years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// The quoted value at the start, and what follows it. Nothing but printable ASCII is allowed.
fn unquote(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut value = Vec::new();
    let mut rest = text.strip_prefix('"')?.as_bytes();
    loop {
        match rest {
            [b'"', ..] => return Some((value, &text[text.len() - rest.len() + 1..])),
            [b'\\', b'x', high, low, after @ ..] => {
                let hex = [*high, *low];
                value.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
                rest = after;
            }
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [byte @ b' '..=b'~', after @ ..] if *byte != b'\\' => {
                value.push(*byte);
                rest = after;
            }
            _ => return None,
        }
    }
}

/// Every line of a log, parsed; it must end with a line end.
fn entries(log: &str) -> Vec<Entry> {
    assert!(log.is_empty() || log.ends_with('\n'), "the last line is whole: {log:?}");
    let parsed = |line: &str| parse(line).unwrap_or_else(|| panic!("not in the combined format: {line:?}"));
    log.split_terminator('\n').map(parsed).collect()
}

/// The status codes of the answers in what a connection has sent, up to its end.
fn statuses(mut responses: &[u8]) -> Vec<u16> {
    let mut found = Vec::new();
    while !responses.is_empty() {
        let end = responses.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head") + 4;
        let head = std::str::from_utf8(&responses[..end]).expect("a head in ASCII");
        found.push(head[9..12].parse().expect("a status"));
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let len: usize = len.map_or(0, |len| len.parse().expect("a length"));
        responses = responses.get(end + len..).expect("a whole body");
    }
    found
}

/// Sends these bytes on a connection of their own, and returns the status codes of the answers.
fn provoke(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut client = server.connect();
    client.try_send(bytes).expect("they fit into the socket buffer");
    statuses(&client.finish().rest())
}

fn with_log_on_stdout(options: &[&str]) -> (Server, Receiver<String>) {
    let options = [&["--access-log", "-"], options].concat();
    let (server, stdout) = Server::spawn_apart(FILES, &options, |_| ());
    (server, lines(stdout))
}

#[test]
fn combined_line_has_all_fields_and_local_time_offset() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    // POSIX counts westwards: five and a half hours ahead.
    let server = Server::spawn(FILES, &[], |command| {
        command.env("TZ", "XYZ-5:30");
    });
    let before = now();
    let mut client = server.connect();
    client
        .send("GET /hello.txt?q=1 HTTP/1.1\r\nHost: test\r\nReferer: http://a/b?c\r\n")
        .send("User-Agent: agent/1.0 (x; y)\r\n\r\n");
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.get("/none").status, 404);
    let not_found_len = client.get("/none").body.len() as u64;
    drop(client);
    let log = entries(&server.stop().log);
    let entry = &log[0];
    assert_eq!(entry.peer, "127.0.0.1");
    assert!((before..=now()).contains(&entry.unix_secs), "{} is not now", entry.unix_secs);
    assert_eq!(entry.offset, "+0530");
    assert_eq!(entry.request, b"GET /hello.txt?q=1 HTTP/1.1");
    assert_eq!((entry.status, entry.bytes), (200, 5));
    assert_eq!((&entry.referer[..], &entry.user_agent[..]), (&b"http://a/b?c"[..], &b"agent/1.0 (x; y)"[..]));
    assert_eq!((log[1].status, log[1].bytes), (404, not_found_len));
    assert_eq!((&log[1].referer[..], &log[1].user_agent[..]), (&b"-"[..], &b"-"[..]));
    assert_eq!(log.len(), 3);
}

#[test]
fn crafted_requests_cannot_forge_or_break_a_line() {
    const FORGED: &str = "\" 200 5 \"-\" \"-\"\n127.0.0.1 - - [";
    let with = |field: &str, value: &[u8]| -> Vec<u8> {
        [format!("GET / HTTP/1.1\r\nHost: t\r\n{field}: ").as_bytes(), value, b"\r\n\r\n"].concat()
    };
    let table: Vec<Vec<u8>> = vec![
        b"GET /\" HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\\ HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\\x0a HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /%0d%0a%22%1b HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\x1b[31m HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\0 HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\t HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"GET /\r HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        format!("GET /{FORGED} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes(),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n\r\nGET\r\n\r\n".to_vec(),
        b"\"\"\"\\\"\r\n\r\n".to_vec(),
        with("Referer", b"\" \"forged\""),
        with("Referer", b"\\"),
        with("Referer", b"a\\\" 200"),
        with("Referer", FORGED.as_bytes()),
        with("Referer", b"a\rb"),
        with("Referer", b"\xe2\x80\xa8\xc2\x85"),
        with("User-Agent", b"\x1b]0;title\x07"),
        with("User-Agent", b"a\tb\\"),
        with("User-Agent", b"\x7f\x80\x9b31m"),
        with("User-Agent", FORGED.replace('\n', "\r\n").as_bytes()),
        with("User-Agent", b""),
    ];
    let server = Server::serving(FILES);
    let answered: Vec<u16> = table.iter().flat_map(|bytes| provoke(&server, bytes)).collect();
    assert_eq!(answered.len(), table.len(), "one answer each: {answered:?}");
    let log = entries(&server.stop().log);
    let logged: Vec<u16> = log.iter().map(|entry| entry.status).collect();
    assert_eq!(logged, answered);
    for (bytes, entry) in table.iter().zip(&log) {
        let sent = |value: &[u8]| value == b"-" || bytes.windows(value.len().max(1)).any(|at| at == value);
        assert!(sent(&entry.request), "{entry:?} was never sent");
        assert!(sent(&entry.referer) || entry.referer.is_empty(), "{entry:?} was never sent");
        assert!(sent(&entry.user_agent) || entry.user_agent.is_empty(), "{entry:?} was never sent");
    }
}

#[test]
fn random_bytes_log_one_parsable_line_per_response() {
    let mut random = random(0x9e37_79b9_7f4a_7c15);
    // Mostly what a forger would try; pieces of requests, so that some of it is one.
    let pieces: [&[u8]; 12] = [
        b"GET ",
        b"/",
        b" HTTP/1.1",
        b"\r\n",
        b"\r\n\r\n",
        b"Host: t",
        b"\nReferer: ",
        b"User-Agent: ",
        b"\"",
        b"\\",
        b"\x1b[",
        b"GET / HTTP/1.1\r\nHost: t\r\n\r\n",
    ];
    let server = Server::serving(FILES);
    let mut answered = Vec::new();
    for _ in 0..400 {
        let mut bytes = Vec::new();
        for _ in 0..random(16) {
            match random(3) {
                0 => bytes.push(random(256) as u8),
                _ => bytes.extend_from_slice(pieces[random(pieces.len())]),
            }
        }
        answered.extend(provoke(&server, &bytes));
    }
    assert!(answered.contains(&200) && answered.contains(&400), "both kinds are among them");
    let log = entries(&server.stop().log);
    let logged: Vec<u16> = log.iter().map(|entry| entry.status).collect();
    assert_eq!(logged, answered);
}

#[test]
fn logged_bytes_count_only_body_bytes_sent() {
    const LEN: u64 = 1 << 30;
    let server = Server::serving(FILES);
    let large = File::create(server.root().join("large")).expect("a file");
    large.set_len(LEN).expect("a sparse file");
    let mut client = server.connect();
    client.send("HEAD /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply_to_head();
    client.send("HEAD /none HTTP/1.1\r\nHost: test\r\n\r\n").reply_to_head();
    client.send("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").reply();
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
    client.bytes(100_000);
    drop(client);
    let log = entries(&server.stop().log);
    let told: Vec<(u16, u64)> = log.iter().map(|entry| (entry.status, entry.bytes)).collect();
    assert_eq!(told[..3], [(200, 0), (404, 0), (204, 0)]);
    let (status, sent) = told[3];
    assert!(status == 200 && (100_000..LEN).contains(&sent), "{sent} bytes of an aborted download");
    assert_eq!(told.len(), 4);
}

#[test]
fn stdout_log_is_written_while_connections_stay_open() {
    let (server, log) = with_log_on_stdout(&[]);
    let mut client = server.connect();
    for path in ["/hello.txt", "/none", "/"] {
        client.get(path);
        let line = log.recv_timeout(WAIT_MAX).expect("a line while the server runs");
        let entry = parse(&line).unwrap_or_else(|| panic!("not in the combined format: {line:?}"));
        assert_eq!(entry.request, format!("GET {path} HTTP/1.1").as_bytes());
    }
    drop(client);
    assert_eq!(server.stop().status.code(), Some(0));
    assert!(log.recv_timeout(WAIT_MAX).is_err(), "nothing else");
}

#[test]
fn log_file_is_written_while_the_server_runs() {
    let server = Server::serving(FILES);
    assert_eq!(server.get("/hello.txt").status, 200);
    let deadline = std::time::Instant::now() + WAIT_MAX;
    while fs::read_to_string(server.log_path()).expect("the log").is_empty() {
        assert!(std::time::Instant::now() < deadline, "a quiet server never writes its log");
        std::thread::yield_now();
    }
    let log = fs::read_to_string(server.log_path()).expect("the log");
    assert_eq!(entries(&log).len(), 1);
}

#[test]
fn stalled_stdout_reader_drops_lines_and_never_blocks_server() {
    let (server, stdout) = Server::spawn_apart(FILES, &["--access-log", "-"], |_| ());
    let mut client = server.connect();
    let path = format!("/hello.txt?{}", "x".repeat(7000));
    // A pipe holds 64 KiB and the server's buffer 1 MiB; this is more than both.
    for _ in 0..400 {
        assert_eq!(client.get(&path).text(), "hello");
    }
    // The reader goes on: what it reads are whole lines, and new ones come.
    let log = lines(stdout);
    let line = log.recv_timeout(WAIT_MAX).expect("the first line");
    assert!(parse(&line).is_some(), "{line:?}");
    drop(client);
    let Stopped { status, stderr, .. } = server.stop();
    assert_eq!(status.code(), Some(0));
    let dropped = stderr.lines().find_map(|line| line.split_once("; ")?.1.split_once(" lines were dropped"));
    let dropped: usize = dropped.and_then(|(count, _)| count.parse().ok()).expect("what is lost is told");
    let mut count = 1;
    while let Ok(line) = log.recv_timeout(WAIT_MAX) {
        assert!(parse(&line).is_some(), "{line:?}");
        count += 1;
    }
    assert_eq!(count + dropped, 400, "what the buffers held is there");
    assert!(dropped > 0 && count > 100, "{count} lines, {dropped} dropped");
}

#[test]
fn log_off_writes_nothing() {
    let server = Server::with(FILES, &["--access-log", "off"]);
    assert_eq!(server.get("/hello.txt").status, 200);
    assert_eq!(provoke(&server, b"nonsense\r\n\r\n"), [400]);
    let stopped = server.stop();
    assert_eq!((stopped.stdout.as_str(), stopped.log.as_str()), ("", ""));
    assert!(stopped.stderr.starts_with("reactor-server: this host is "), "{}", stopped.stderr);
    assert_eq!(stopped.stderr.lines().count(), 1, "{}", stopped.stderr);
}

#[test]
fn log_file_is_appended_to_and_flushed_on_exit() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("appended.log");
    let mut before = File::create(&path).expect("the log");
    before.write_all(b"what was there\n").expect("a line");
    for _ in 0..2 {
        let server = Server::with(FILES, &["--access-log", path.to_str().expect("a path in UTF-8")]);
        assert_eq!(server.get("/hello.txt").status, 200);
        server.stop();
    }
    let log = fs::read_to_string(&path).expect("the log");
    let added = log.strip_prefix("what was there\n").expect("what was there still is");
    assert_eq!(entries(added).len(), 2);
}

/// What goes to standard error at this level, and the address of the one client.
fn diagnostics(level: &str, talk: impl FnOnce(&mut crate::harness::Raw)) -> (String, String) {
    let server = Server::spawn(FILES, &[], |command| {
        command.env("RUST_LOG", level);
    });
    let mut client = server.connect();
    let peer = client.socket().local_addr().expect("its address").to_string();
    talk(&mut client);
    drop(client);
    (server.stop().stderr, peer)
}

#[test]
fn rust_log_info_reports_connect_and_close_with_reason() {
    type Talk = fn(&mut crate::harness::Raw);
    let table: [(Talk, &str); 3] = [
        (
            |client| {
                client.get("/hello.txt");
                client.finish().expect_end();
            },
            "the peer closed the connection",
        ),
        (
            |client| {
                client.send("GET / HTTP/1.0\r\n\r\n").reply();
                client.expect_end();
            },
            "finished",
        ),
        (
            |client| {
                client.send("GET / HTTP/1.1\r\n\r\n").reply();
                client.expect_end();
            },
            "refused: ",
        ),
    ];
    for (talk, reason) in table {
        let (stderr, peer) = diagnostics("info", talk);
        let connected = stderr.find(&format!("{peer} connected")).expect("it tells of the connection");
        let closed = stderr.find(&format!("{peer} closed: ")).unwrap_or_else(|| panic!("{stderr}"));
        assert!(connected < closed && stderr[closed..].contains(reason), "{reason}: {stderr}");
        assert!(!stderr.contains("DEBUG"), "{stderr}");
    }
}

#[test]
fn rust_log_debug_reports_every_state_transition() {
    let (stderr, peer) = diagnostics("debug", |client| drop(client.get("/hello.txt")));
    let mut rest = stderr.as_str();
    for step in ["Reading -> Parsing", "Parsing -> Writing", "Writing -> Reading", "Reading -> Closing"] {
        let told = format!("{peer}: {step}");
        let at = rest.find(&told).unwrap_or_else(|| panic!("no {told}, in order, in {stderr}"));
        rest = &rest[at + told.len()..];
    }
}

/// Serves with all diagnostics going to this end of a pipe or socket, and makes many requests.
fn serve_with_unread_diagnostics(stderr: OwnedFd) -> (Child, Raw) {
    /// A pipe takes 64 KiB: a fraction of what these requests tell.
    const REQUESTS: usize = 3000;
    let mut command = reactor_server();
    command.args(["--bind", "127.0.0.1", "--port", "0", "--access-log", "off"]).env("RUST_LOG", "debug");
    command.env("REACTOR_HOST", "*");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    let mut child = command.spawn().expect("the server starts");
    let stdout = lines(child.stdout.take().expect("its stdout"));
    let line = stdout.recv_timeout(WAIT_MAX).expect("its address");
    let address = line.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
    let mut client = Raw::connect(address);
    for _ in 0..REQUESTS {
        assert_eq!(client.get("/favicon.svg").status, 200);
    }
    // A line of counters must not wait either.
    kill_process(Pid::from_child(&child), Signal::USR2).expect("the signal is sent");
    assert_eq!(client.get("/favicon.svg").status, 200);
    (child, client)
}

#[test]
fn unread_diagnostics_are_dropped_and_counted() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (socket_reader, socket) = UnixStream::pair().expect("a pair");
    let ends: [(OwnedFd, OwnedFd); 2] =
        [(reader.into(), writer.into()), (socket_reader.into(), socket.into())];
    for (reader, writer) in ends {
        let (child, mut client) = serve_with_unread_diagnostics(writer.try_clone().expect("a second handle"));
        let flags = rustix::fs::fcntl_getfl(&writer).expect("its flags");
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "others share it: {flags:?}");
        drop(writer);
        let told = lines(File::from(reader));
        let is_note = |line: &String| line.ends_with(" lines of diagnostics were dropped: nobody read them");
        // The reader may be in the middle of what was kept when the next line comes.
        let note = (0..1000).find_map(|_| {
            assert_eq!(client.get("/favicon.svg").status, 200);
            told.try_iter().find(is_note)
        });
        assert!(note.is_some(), "the drop is never told");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("the signal is sent");
        assert_eq!(wait(child).code(), Some(0));
    }
}
