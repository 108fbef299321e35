//! Ambiguous messages, alone and behind two proxies: a request inside a message is never answered.
//!
//! `messages.txt` has one message a line: the status that the RFC demands or allows, the section (RFC and number), and
//! the bytes. `{S}` stands for the hidden request, `{L}` and `{X}` for its length in decimal and hexadecimal.
//!
//! The server refuses seven messages that the grammar allows, because parsers differ in them: an empty list element in
//! `Transfer-Encoding` (3), a port above 65535 (2), a comma in `Host`, and a chunk size with 26 leading zeros.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::SMUGGLED;
use crate::harness::secure::is_over_tls;
use crate::harness::{Server, WAIT_MAX};

const MESSAGES: &str = include_str!("messages.txt");
/// The request behind each message.
const NEXT: &[u8] = b"GET /next.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
/// Proxies get the messages over so many connections at a time: some of them wait for more.
const SENDERS: usize = 16;

struct Message {
    line: &'static str,
    statuses: Vec<u16>,
    bytes: Vec<u8>,
}

fn messages() -> Vec<Message> {
    let message = |line: &'static str| {
        let [statuses, _, text] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let statuses = statuses.split('|').map(|status| status.parse().expect("a status")).collect();
        Message { line, statuses, bytes: bytes(text) }
    };
    MESSAGES.lines().map(message).collect()
}

/// The bytes of a text with escapes as in Rust and the placeholders above.
fn bytes(text: &str) -> Vec<u8> {
    let (len, hex) = (SMUGGLED.len().to_string(), format!("{:x}", SMUGGLED.len()));
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let placeholder = [("{S}", SMUGGLED), ("{L}", len.as_bytes()), ("{X}", hex.as_bytes())]
            .into_iter()
            .find(|(name, _)| rest.starts_with(name.as_bytes()));
        if let Some((name, bytes)) = placeholder {
            out.extend_from_slice(bytes);
            rest = &rest[name.len()..];
            continue;
        }
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (byte, used) = match after {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => {
                let digits = [*high, *low];
                let digits = str::from_utf8(&digits).expect("two digits");
                (u8::from_str_radix(digits, 16).expect("a byte"), 3)
            }
            _ => panic!("an unknown escape in {text}"),
        };
        out.push(byte);
        rest = &after[used..];
    }
    out
}

/// Status and body of each response.
fn responses(mut bytes: &[u8], is_head: bool) -> Vec<(u16, Vec<u8>)> {
    let mut responses = Vec::new();
    while let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status: u16 = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let len = if is_head && responses.is_empty() { None } else { len };
        let body_end = (end + 4 + len.map_or(0, |len| len.parse().expect("a length"))).min(bytes.len());
        responses.push((status, bytes[end + 4..body_end].to_vec()));
        bytes = &bytes[body_end..];
    }
    assert!(bytes.is_empty(), "bytes behind the responses: {}", bytes.escape_ascii());
    responses
}

fn serve() -> Server {
    let files: &[(&str, &[u8])] =
        &[("hello.txt", b"hello"), ("smuggled.txt", b"smuggled"), ("next.txt", b"next")];
    Server::with(files, &["--log-format", "json"])
}

#[test]
fn ambiguous_messages_get_their_status_and_hide_no_request() {
    let server = serve();
    let messages = messages();
    assert!(messages.len() >= 200);
    for message in &messages {
        let mut client = server.connect();
        let _ = client.try_send([&message.bytes[..], NEXT].concat());
        let (bytes, _) = client.rest_until_any_end();
        let responses = responses(&bytes, message.bytes.starts_with(b"HEAD"));
        let status = responses.first().unwrap_or_else(|| panic!("no response: {}", message.line)).0;
        assert!(message.statuses.contains(&status), "{status}: {}", message.line);
        // A message that is understood ends where it says, so what follows is understood too.
        let is_understood = status < 400 || matches!(status, 403 | 405);
        let others: Vec<_> = responses[1..].to_vec();
        let expected = if is_understood { vec![(200, b"next".to_vec())] } else { Vec::new() };
        assert_eq!(others, expected, "{}", message.line);
    }
    let log = server.stop().log;
    assert!(!log.contains("\"target\":\"/smuggled.txt\""), "{log}");
}

/// A proxy in front of a server, ended when dropped.
struct Proxy(Child);

impl Proxy {
    /// Starts it; nothing if it is not installed.
    fn start(program: &str, args: &[&str], address: SocketAddr) -> Option<Self> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            eprintln!("skipped: {program} is not installed");
            return None;
        };
        let mut proxy = Self(child);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(proxy.0.try_wait().expect("a status").is_none(), "{program} has ended");
            assert!(begun.elapsed() < WAIT_MAX, "{program} never listens");
            thread::yield_now();
        }
        Some(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port")
}

/// Sends all messages to a proxy. The server behind it must not see a request that the proxy has not marked.
///
/// A proxy that reads a message in a lax way may forward the hidden request as one of its own.
fn send_all(server: Server, proxy: SocketAddr) {
    let messages = messages();
    thread::scope(|scope| {
        for part in messages.chunks(messages.len().div_ceil(SENDERS)) {
            scope.spawn(move || {
                for message in part {
                    let mut stream = TcpStream::connect(proxy).expect("the proxy accepts");
                    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a deadline");
                    let _ = stream.write_all(&[&message.bytes[..], NEXT].concat());
                    let _ = stream.shutdown(Shutdown::Write);
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
        }
    });
    let log = server.stop().log;
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    let is_marked =
        |record: &Value| record["request_headers"].to_string().to_lowercase().contains("x-forwarded-by");
    let (marked, others): (Vec<_>, Vec<_>) = records.partition(is_marked);
    let served = marked.iter().filter(|record| record["status"] == 200).count();
    assert!(served > 20, "{served} came through: {log}");
    // The rest of a message that the server refuses has no head.
    let hidden: Vec<_> = others.iter().filter(|record| record["status"] == 200).collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
}

#[test]
fn hidden_request_behind_haproxy_is_never_seen() {
    if is_over_tls() {
        return;
    }
    let (server, folder, address) = (serve(), tempfile::tempdir().expect("a folder"), free_address());
    let settings = format!(
        "defaults\n mode http\n timeout client 2s\n timeout connect 2s\n timeout server 2s\n http-reuse always\n\
         frontend in\n bind {address}\n default_backend out\nbackend out\n \
         http-request set-header X-Forwarded-By haproxy\n server one {}\n",
        server.address()
    );
    let file = folder.path().join("settings");
    fs::write(&file, settings).expect("a file");
    let args = ["-db", "-f", file.to_str().expect("UTF-8")];
    let Some(_proxy) = Proxy::start("haproxy", &args, address) else { return };
    send_all(server, address);
}

#[test]
fn hidden_request_behind_nginx_is_never_seen() {
    if is_over_tls() {
        return;
    }
    let (server, folder, address) = (serve(), tempfile::tempdir().expect("a folder"), free_address());
    let path = |name: &str| Path::new(folder.path()).join(name).display().to_string();
    let [settings, pid, errors, temp] = ["settings", "pid", "errors", "temp"].map(path);
    let text = format!(
        "daemon off; master_process off; pid {pid}; error_log {errors};\nevents {{}}\nhttp {{ access_log off;\n\
         client_body_temp_path {temp}; proxy_temp_path {temp}; fastcgi_temp_path {temp}; uwsgi_temp_path {temp};\n\
         scgi_temp_path {temp}; client_header_timeout 2s; client_body_timeout 2s; keepalive_timeout 2s;\n\
         upstream out {{ server {}; keepalive 8; }}\n\
         server {{ listen {address}; proxy_ignore_client_abort on; ignore_invalid_headers off;\n\
         location / {{ proxy_pass http://out; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
         proxy_set_header Host localhost; proxy_set_header X-Forwarded-By nginx; proxy_request_buffering off; }} }} }}\n",
        server.address()
    );
    fs::write(&settings, text).expect("a file");
    let Some(_proxy) = Proxy::start("nginx", &["-e", &errors, "-c", &settings], address) else { return };
    send_all(server, address);
}
