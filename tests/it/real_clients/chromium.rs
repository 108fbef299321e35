//! A browser that seeks in a recording of which it has a small part: it asks for ranges.
//!
//! It is started with a profile of its own, allowed no address but this machine's, and ended by the
//! test with all its processes, whatever comes of it.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use super::home;
use crate::harness::{Server, WAIT_MAX, lines, pattern};

/// What browsers of this kind are called.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
    "--no-pings",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// Two minutes of stereo in 16 bits at 44,100 a second.
const SECONDS: usize = 120;
const BYTES_PER_SECOND: usize = 44_100 * 4;

/// Where the page goes in the recording.
const PLACE: usize = 100;

/// The page; `PLACE` in it is a number.
const PAGE: &str = r#"<!doctype html>
<title>A recording</title>
<audio id="audio" src="recording.wav" preload="metadata"></audio>
<script>
const tell = words => fetch("/" + words);
audio.onerror = () => tell("failed-" + audio.error.code);
audio.onloadedmetadata = () => { audio.currentTime = PLACE; };
audio.onseeked = () => tell("done-" + audio.currentTime + "-of-" + audio.duration);
</script>
"#;

/// A browser with all its processes, ended when dropped.
pub(super) struct Browser(Child);

impl Browser {
    /// Shows a page, with more flags; nothing if there is no browser.
    pub(super) fn show(url: &str, home: &Path, more: &[&str]) -> Option<Browser> {
        let profile = format!("--user-data-dir={}", home.join("profile").display());
        for name in NAMES {
            let mut command = Command::new(name);
            command.args(FLAGS).args(more).args([&profile, url]).env("HOME", home).env("TMPDIR", home);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
            match command.spawn() {
                Ok(child) => return Some(Browser(child)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        super::skipped("chromium");
        None
    }
}

/// A page of a browser, driven through pipes by the Chrome DevTools protocol: messages of JSON, each ended by a NUL.
pub(super) struct DrivenPage {
    requests: File,
    messages: Receiver<Value>,
    session: Option<String>,
    last_id: u64,
    _browser: Browser,
}

impl DrivenPage {
    /// Shows a page; nothing if there is no browser.
    pub(super) fn show(url: &str, home: &Path) -> Option<DrivenPage> {
        let is_there = |name: &&&str| {
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        let Some(name) = NAMES.iter().find(is_there) else {
            super::skipped("chromium");
            return None;
        };
        let [requests, responses] = ["requests", "responses"].map(|name| home.join(name));
        for pipe in [&requests, &responses] {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        }
        // The browser reads from descriptor 3 and writes to 4.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            r#"requests=$1 responses=$2; shift 2; exec "$@" 3<"$requests" 4>"$responses""#,
            "sh",
        ]);
        command.args([&requests, &responses]).arg(name).args(FLAGS).arg("--remote-debugging-pipe").arg(url);
        command.arg(format!("--user-data-dir={}", home.join("profile").display()));
        command.env("HOME", home).env("TMPDIR", home).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let browser = Browser(command.spawn().expect("a shell"));
        let requests = File::options().write(true).open(requests).expect("the pipe");
        let responses = BufReader::new(File::open(responses).expect("the pipe"));
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in responses.split(0).map_while(Result::ok) {
                let _ = sender.send(serde_json::from_slice(&message).expect("JSON"));
            }
        });
        let mut page = DrivenPage { requests, messages, session: None, last_id: 0, _browser: browser };
        let targets = page.call("Target.getTargets", json!({}));
        let targets = targets["targetInfos"].as_array().expect("targets");
        let target = targets.iter().find(|target| target["type"] == "page").expect("a page");
        let options = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", options);
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        Some(page)
    }

    /// The result of a method.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut request = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).expect("a browser");
        loop {
            let mut message = self.messages.recv_timeout(WAIT_MAX).expect("a message");
            if message["id"] == self.last_id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    /// The value of an expression of JavaScript; null after an error.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        self.call("Runtime.evaluate", params)["result"]["value"].take()
    }

    /// Waits until the expression is true.
    pub(super) fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != true {
            assert!(begun.elapsed() < WAIT_MAX, "{expression}: {}", self.value("document.body.innerText"));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The group is the browser's own, so nobody else is in it.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// A WAV file, as long as it says (the RIFF format: a head of 44 bytes, then samples).
fn recording() -> Vec<u8> {
    let len = (SECONDS * BYTES_PER_SECOND) as u32;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend((len + 36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    // PCM, two channels, so many samples and bytes a second, so many bytes a sample, bits.
    wav.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    wav.extend([44_100, BYTES_PER_SECOND as u32].map(u32::to_le_bytes).concat());
    wav.extend([4_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend_from_slice(b"data");
    wav.extend(len.to_le_bytes());
    wav.extend(pattern(len as usize));
    wav
}

/// The first byte that a request asks for, and the status of its answer.
fn asked_range(exchange: &Value) -> Option<(usize, u64)> {
    let fields = exchange["request_headers"].as_array()?;
    let range = fields
        .iter()
        .find(|field| field[0].as_str().is_some_and(|name| name.eq_ignore_ascii_case("range")))?;
    let first = range[1].as_str()?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()?;
    Some((first, exchange["status"].as_u64()?))
}

/// Waits until the page has told that it is done; what it has told then.
fn await_done(log: &Receiver<String>, told: &mut Vec<Value>) -> String {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let line = log.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let line = line.unwrap_or_else(|_| panic!("it never got there: {told:#?}"));
        let exchange: Value = serde_json::from_str(&line).expect("a line of JSON");
        let target = exchange["target"].as_str().unwrap_or_default().to_owned();
        told.push(exchange);
        assert!(!target.starts_with("/failed"), "{target}: {told:#?}");
        if target.starts_with("/done") {
            return target;
        }
    }
}

/// The page that reads a listing and a file over TLS.
#[cfg(feature = "tls")]
const SECURE_PAGE: &str = r#"<!doctype html>
<title>Over TLS</title>
<script>
const tell = words => fetch("/" + words);
const read = path => fetch(path).then(response => response.text());
Promise.all([read("/docs/"), read("/docs/a.txt")])
  .then(([listing, text]) => tell(isSecureContext && listing.includes("a.txt") && text == "hello" ? "done" : "failed"))
  .catch(() => tell("failed"));
</script>
"#;

#[cfg(feature = "tls")]
#[test]
fn browser_reads_page_listing_and_file_over_tls() {
    let home = home();
    let files: &[(&str, &[u8])] = &[("index.html", SECURE_PAGE.as_bytes()), ("docs/a.txt", b"hello")];
    let options = ["--tls", "self-signed", "--listing", "auto", "--access-log", "-", "--log-format", "json"];
    let (server, stdout) = Server::spawn_apart(files, &options, |command| {
        command.env("XDG_STATE_HOME", home.path());
    });
    let log = lines(stdout);
    let url = format!("https://{}/", server.address());
    let Some(_browser) = Browser::show(&url, home.path(), &["--ignore-certificate-errors"]) else { return };
    let mut told = Vec::new();
    await_done(&log, &mut told);
    assert!(told.iter().all(|exchange| exchange["tls_version"] == "TLSv1.3"), "{told:#?}");
}

#[test]
fn browser_seeks_in_recording_with_range_requests() {
    let home = home();
    let page = PAGE.replace("PLACE", &PLACE.to_string());
    let files: &[(&str, &[u8])] = &[("index.html", page.as_bytes()), ("recording.wav", &recording())];
    let options = ["--access-log", "-", "--log-format", "json"];
    let (server, stdout) = Server::spawn_apart(files, &options, |_| ());
    let log = lines(stdout);
    let Some(browser) = Browser::show(&super::url(&server, "/"), home.path(), &[]) else { return };
    let mut told = Vec::new();
    let last = await_done(&log, &mut told);
    // What it still receives is logged when it is gone.
    drop(browser);
    let stopped = server.stop();
    assert!(stopped.status.success());
    told.extend(log.iter().filter_map(|line| serde_json::from_str(&line).ok()));
    assert_eq!(last, format!("/done-{PLACE}-of-{SECONDS}"));
    let ranges: Vec<_> = told.iter().filter_map(asked_range).collect();
    assert!(ranges.iter().all(|(_, status)| *status == 206), "{ranges:?}");
    let far = PLACE * BYTES_PER_SECOND * 9 / 10;
    assert!(ranges.iter().any(|(first, _)| *first > far), "none from the far end: {ranges:?}");
}
