//! curl as the oracle of the options that are curl's: the same body, exit code and requests.
//!
//! Each row runs both programs in an empty directory of their own, against two servers that record what they are asked.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::{WAIT_MAX, names_in};

/// Fields that must be the same; others, such as User-Agent, may differ.
const COMPARED: [&str; 13] = [
    "accept",
    "accept-encoding",
    "authorization",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "if-match",
    "if-none-match",
    "proxy-authorization",
    "range",
    "referer",
    "x-own",
];
const BODY: &str = "first line\nsecond line\nthird line\n";

/// Records each request as one line of text, and responds by its path.
struct Recorder {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let record = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let record = Arc::clone(&record);
                thread::spawn(move || serve(stream, &record));
            }
        });
        Self { port, requests }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().expect("the record"))
    }
}

fn serve(stream: TcpStream, record: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(WAIT_MAX)).expect("a time-out");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut writer = stream;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let field = |name: &str| {
            let found = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
            found
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .next_back()
        };
        let len = field("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
        if field("expect").is_some() {
            let _ = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let mut body = vec![0; len];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let mut entry = lines.first().cloned().unwrap_or_default();
        for name in COMPARED {
            if let Some(value) = field(name) {
                entry.push_str(&format!("\n    {name}: {value}"));
            }
        }
        if !body.is_empty() {
            entry.push_str(&format!("\n    {}", String::from_utf8_lossy(&body)));
        }
        record.lock().expect("the record").push(entry);
        let mut words = lines.first().map_or("", |line| line).split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let response = response_to(path, field("range").as_deref());
        let end = response.find("\r\n\r\n").map_or(response.len(), |at| at + 4);
        let sent = if method == "HEAD" { &response[..end] } else { &response };
        if writer.write_all(sent.as_bytes()).is_err() || response.contains("Connection: close") {
            return;
        }
    }
}

fn response_to(path: &str, range: Option<&str>) -> String {
    let reply = |status: &str, fields: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        // /to/STATUS/PLACE, with `~` for each slash of the place, and `!` for each `~`.
        ["to", status, place] => {
            let place = place.replace('~', "/").replace('!', "~");
            reply(&format!("{status} Moved"), &format!("Location: {place}\r\n"), "moved")
        }
        ["loop", count] => {
            let next = count.parse::<u32>().unwrap_or(0) + 1;
            reply("302 Found", &format!("Location: /loop/{next}\r\n"), "")
        }
        ["status", status] => {
            reply(&format!("{status} Status"), "Content-Type: text/plain\r\n", "a reason\n")
        }
        ["short"] => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort".to_owned(),
        ["silent"] => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end".to_owned(),
        ["garbage"] => "nonsense\r\nConnection: close\r\n\r\n".to_owned(),
        ["named", name] => {
            let name = name.replace('~', "/");
            reply("200 OK", &format!("Content-Disposition: attachment; filename=\"{name}\"\r\n"), BODY)
        }
        ["norange"] => reply("200 OK", "", BODY),
        _ => ranged(range, &reply),
    }
}

fn ranged(range: Option<&str>, reply: &impl Fn(&str, &str, &str) -> String) -> String {
    let fields = "ETag: \"v1\"\r\nContent-Type: text/plain\r\n";
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return reply("200 OK", fields, BODY);
    };
    let len = BODY.len();
    let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => (from, (to + 1).min(len)),
        (Ok(from), Err(_)) => (from, len),
        (Err(_), Ok(last)) => (len.saturating_sub(last), len),
        (Err(_), Err(_)) => return reply("400 Bad Request", "", ""),
    };
    if from >= len {
        return reply(
            "416 Range Not Satisfiable",
            &format!("{fields}Content-Range: bytes */{len}\r\n"),
            "beyond",
        );
    }
    let content_range = format!("{fields}Content-Range: bytes {from}-{}/{len}\r\n", to - 1);
    reply("206 Partial Content", &content_range, &BODY[from..to])
}

/// What a run leaves: exit code, standard output, files, and the requests at both servers.
#[derive(Debug, PartialEq)]
struct Trace {
    code: Option<i32>,
    stdout: String,
    files: Vec<(String, String)>,
    requests: [Vec<String>; 2],
}

fn trace(program: &str, line: &str, directory: &Path, recorders: [&Recorder; 2]) -> Trace {
    let words = line.split(' ').filter(|word| !word.is_empty()).map(|word| {
        let word = word.replace("OWN", &format!("127.0.0.1:{}", recorders[0].port)).replace("%20", " ");
        word.replace("OTHER", &format!("127.0.0.1:{}", recorders[1].port))
    });
    let mut command = Command::new(program);
    command.arg("-sS").args(words).current_dir(directory).stdin(Stdio::null());
    let output = command.env_remove("http_proxy").output().expect("it runs");
    let read = |name: String| {
        let content = fs::read(directory.join(&name)).unwrap_or_default();
        (name, String::from_utf8_lossy(&content).into_owned())
    };
    Trace {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        files: names_in(directory).into_iter().map(read).collect(),
        requests: recorders.map(Recorder::take),
    }
}

/// Runs both programs for each line, with these files in their directories.
fn compare(lines: &[&str], files: &[(&str, &str)]) {
    if Command::new("curl").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("not compared: there is no curl");
        return;
    }
    let (own, other) = (Recorder::start(), Recorder::start());
    let mut differences = String::new();
    for line in lines {
        let [ours, theirs] = [env!("CARGO_BIN_EXE_reactor-client"), "curl"].map(|program| {
            let directory = tempfile::tempdir().expect("a directory");
            for (name, content) in files {
                fs::write(directory.path().join(name), content).expect("a file");
            }
            trace(program, line, directory.path(), [&own, &other])
        });
        if ours != theirs {
            differences.push_str(&format!("{line}\n  ours   {ours:?}\n  curl's {theirs:?}\n"));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn redirects_are_followed_as_by_curl() {
    compare(
        &[
            "-L http://OWN/page",
            "-L http://OWN/to/301/~page",
            "-L http://OWN/to/302/~page",
            "-L http://OWN/to/303/~page",
            "-L http://OWN/to/307/~page",
            "-L http://OWN/to/308/~page",
            "http://OWN/to/302/~page",
            "-L http://OWN/to/300/~page",
            "-L http://OWN/to/302/page",
            "-L http://OWN/to/302/",
            "-L http://OWN/to/302/?y",
            "-L http://OWN/to/302/..~..~page",
            "-L http://OWN/to/302/.~.~a~..~b",
            "-L http://OWN/to/302/~~OTHER~page",
            "-L http://OWN/to/302/http:~~OTHER~page",
            "-L http://OWN/to/302/http:~~OTHER",
            "-L http://OWN/to/302/~to~302~!page",
            "-I -L http://OWN/to/303/~page",
            "-I -L http://OWN/to/301/~page",
            "-L -d n=1 http://OWN/to/301/~page",
            "-L -d n=1 http://OWN/to/302/~page",
            "-L -d n=1 http://OWN/to/303/~page",
            "-L -d n=1 http://OWN/to/307/~page",
            "-L -d n=1 http://OWN/to/308/~page",
            "-L -T sent http://OWN/to/307/~page",
            "-L -T sent http://OWN/to/308/~page",
            "-L -T sent http://OWN/to/301/~page",
            "-L -T sent http://OWN/to/302/~page",
            "-L -d n=1 http://OWN/to/307/~to~303~!page",
            "-L http://OWN/to/302/http:~~OTHER~a~..~b~.~c",
            "-L -u user:secret http://OWN/to/302/~page",
            "-L -u user:secret http://OWN/to/302/http:~~OTHER~page",
            "-L -H Authorization:%20own http://OWN/to/302/http:~~OTHER~page",
            "-L -H Cookie:%20a=b http://OWN/to/302/http:~~OTHER~page",
            "-L -H Cookie:%20a=b http://OWN/to/302/~page",
            "-L -H X-Own:%20kept http://OWN/to/302/http:~~OTHER~page",
            "-L -u user:secret http://OWN/to/302/http:~~OTHER~to~302~http:!!OWN!page",
            "-L --max-redirs 3 http://OWN/loop/0",
            "-L --max-redirs 0 http://OWN/page",
            "-L --max-redirs 0 http://OWN/loop/0",
            "-L http://OWN/loop/0",
            "--max-redirs 3 http://OWN/loop/0",
            "-L -o saved http://OWN/to/302/~page",
            "-L -O http://OWN/to/302/~page",
            "-L -i http://OWN/to/302/~page",
            "-L -f http://OWN/to/302/~status~404",
            "-L http://OWN/to/302/~status~404",
            "-L http://OWN/to/302/~short",
        ],
        &[("sent", "a file to send\n")],
    );
}
