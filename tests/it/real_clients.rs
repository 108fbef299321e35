//! Clients that other people wrote and everybody has: curl, wget, aria2, Python, Node, pip, git and a
//! browser, each at the job that it is used for, against the real server.
//!
//! They are not part of the project, so where one is not installed its tests say that they were
//! skipped, and pass. Each runs in an empty folder that is its home, with none of the machine's
//! settings and proxies, and talks to the server of its test and to nobody else.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Server, WAIT_MAX};

mod aria2;
mod chromium;
mod chromium_upload;
mod curl;
mod curl_upload;
mod git;
mod node;
mod pip;
mod python;
#[cfg(feature = "tls")]
mod tls;
mod wget;

/// What the clients would take from the machine.
const SETTINGS: [&str; 12] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "CURL_HOME",
    "WGETRC",
    "SYSTEM_WGETRC",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "GIT_DIR",
];

/// A folder for one client, its home.
fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Runs a program that may not be there, in this folder.
fn run(program: &str, home: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = assert_cmd::Command::new(program);
    SETTINGS.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("LC_ALL", "C.UTF-8").env("NO_PROXY", "*");
    match command.args(arguments).current_dir(home).timeout(WAIT_MAX).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped(program);
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// The same, and it must succeed: what it says on standard output.
#[track_caller]
fn succeed(program: &str, home: &Path, arguments: &[&str]) -> Option<String> {
    let output = run(program, home, arguments)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}: {stderr}", output.status);
    Some(String::from_utf8(output.stdout).expect("text"))
}

fn skipped(program: &str) {
    eprintln!("skipped: {program} is not installed");
}

/// A server of these files whose log tells everything.
fn server_with_json_log(files: &[(&str, &[u8])]) -> Server {
    Server::with(files, &["--log-format", "json"])
}

/// The address of a path.
fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

/// The exchanges that a server has logged in JSON.
fn exchanges(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// What was asked and answered, such as `GET /a.txt 200`, in the order of the log.
fn logged_requests(log: &str) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let told = exchanges(log);
    told.iter()
        .map(|it| format!("{} {} {}", word(&it["method"]), word(&it["target"]), it["status"]))
        .collect()
}

/// How many connections the exchanges came over.
fn connections(log: &str) -> usize {
    let mut numbers: Vec<u64> = exchanges(log).iter().filter_map(|it| it["connection"].as_u64()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// Text that is worth compressing, of some 60 KB: small enough to be known by its content.
fn compressible_text() -> String {
    (0..1400).map(|line| format!("Line {line} is much like the line before it.\n")).collect()
}
