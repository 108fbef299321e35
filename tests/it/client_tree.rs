//! Several files and directories in one run of `-T`.
//!
//! A failure of one leaves the others; the exit code is that of the first failure.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::harness::{Client, Outcome, Screen, Scripted, Server, Step, client_in};

/// A tree with everything that can be sent.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("d/sub/empty")).expect("folders");
    for name in ["d/b c%", "d/.hidden", "d/a", "d/sub/c", "single"] {
        fs::write(path(name), name).expect("a file");
    }
    symlink("../single", path("d/link")).expect("a link");
    folder
}

fn serve() -> Server {
    Server::with(&[("in/x", b""), ("in/sub/x", b""), ("in/d/sub/x", b"")], &["--upload", "--hidden"])
}

fn stored(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.stderr.lines().filter_map(|line| line.split_once(" at ").map(|(_, path)| path));
    lines.map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

#[test]
fn directory_is_sent_in_order_on_one_connection() {
    let (server, folder) = (serve(), tree());
    let names = [".hidden", "a", "b%20c%25", "link", "sub/c"];
    for (from, to, base) in
        [("d/", "/in/", "/in/"), ("d", "/in/", "/in/d/"), ("d", "/in/d", "/in/d/"), ("d/", "/in/?q", "/in/")]
    {
        let url = format!("http://{}{to}", server.address());
        let outcome = client_in(folder.path(), &["-T", from, &url]).expect(0);
        let query = if to.contains('?') { "?q" } else { "" };
        let expected: Vec<_> = names.iter().map(|name| format!("{base}{name}{query}")).collect();
        assert_eq!(stored(&outcome), expected, "{}", outcome.stderr);
        assert_eq!(outcome.stderr.matches("connected to ").count(), 1, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\nsent 5 of 5 files, 31 bytes, in "), "{}", outcome.stderr);
        assert_eq!(server.get(&format!("{base}b%20c%25")).text(), "d/b c%");
        assert_eq!(server.get(&format!("{base}link")).text(), "single");
    }
}

#[test]
fn several_files_and_directories_go_in_one_run() {
    let (server, folder) = (serve(), tree());
    let url = format!("http://{}/in/", server.address());
    let args = ["-T", "single", "-T", "d/sub", "--repr-digest", "sha-256", "-T", "d/a", &url];
    let outcome = client_in(folder.path(), &args).expect(0);
    assert_eq!(stored(&outcome), ["/in/single", "/in/sub/c", "/in/a"]);
}

#[test]
fn failures_leave_other_files_and_the_first_sets_the_code() {
    let (server, folder) = (serve(), tree());
    let path = |name: &str| folder.path().join(name);
    symlink("..", path("d/sub/up")).expect("a link");
    symlink("../../..", path("d/sub/upper")).expect("a link");
    symlink("nowhere", path("d/sub/zdangling")).expect("a link");
    assert!(Command::new("mkfifo").arg(path("d/fifo")).status().expect("mkfifo runs").success());
    fs::create_dir(path("d/new")).expect("a folder");
    fs::write(path("d/new/file"), "x").expect("a file");
    let url = format!("http://{}/in/", server.address());
    let outcome = client_in(folder.path(), &["-T", "d/", &url]).expect(26);
    for line in [
        "cannot read 'd/fifo': it is neither a file nor a directory",
        "/in/new/file: not stored: the server refused it with 409 Conflict: The directory of the file does not exist",
        "cannot read 'd/sub/up': it is a link to a directory that it is in",
        "cannot read 'd/sub/upper': it is a link to a directory that it is in",
        "cannot read 'd/sub/zdangling': No such file",
        "stored 7 bytes at /in/sub/c ",
        "sent 5 of 10 files, 31 bytes, in ",
    ] {
        assert!(outcome.stderr.lines().any(|said| said.starts_with(line)), "{line}: {}", outcome.stderr);
    }
    let words =
        "reactor-client: 5 of 10 files not sent; the first error: cannot read 'd/fifo': it is neither";
    assert!(outcome.complaint().starts_with(words), "{}", outcome.stderr);
    let args = ["-sS", "-T", "d/new", "-T", "none", "-T", "single", &url];
    let outcome = client_in(folder.path(), &args).expect(22);
    assert!(outcome.complaint().contains("2 of 3 files not sent; the first error: /in/new/file: "));
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
}

#[test]
fn early_refusal_of_one_file_opens_a_new_connection() {
    let server = Server::with(&[], &["--upload", "--max-upload", "1M"]);
    let folder = tree();
    let large = File::create(folder.path().join("d/large")).expect("a file");
    large.set_len(64 << 20).expect("a length");
    let url = format!("http://{}/", server.address());
    for expect in ["Expect:", "X: y"] {
        let args = ["-T", "d/a", "-T", "d/large", "-T", "single", &url, "-H", expect];
        let outcome = client_in(folder.path(), &args).expect(22);
        assert_eq!(stored(&outcome), ["/a", "/single"], "{}", outcome.stderr);
        assert_eq!(outcome.stderr.matches("connected to ").count(), 2, "{}", outcome.stderr);
    }
}

#[test]
fn connection_closed_between_files_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b", "c"] {
        File::create(folder.path().join(name)).expect("a file");
    }
    let created = Step::send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    let server = Scripted::repeating(&[created], 3);
    let outcome = client_in(folder.path(), &["-T", "./", "-p", &server.port(), "/"]).expect(0);
    assert_eq!(stored(&outcome), ["/a", "/b", "/c"], "{}", outcome.stderr);
}

#[test]
fn post_of_each_file_has_a_connection_of_its_own() {
    let server = Server::with(&[], &[]);
    let url = format!("http://{}/", server.address());
    let args = ["-X", "POST", "-T", "d/a", "-T", "single", &url];
    let outcome = client_in(tree().path(), &args).expect(22);
    assert_eq!(outcome.stderr.matches("connected to ").count(), 2, "{}", outcome.stderr);
}

#[test]
fn lost_server_ends_the_run() {
    let folder = tree();
    let created = Step::send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    File::create(folder.path().join("d/sub/-first")).expect("a file");
    let server = Scripted::following(&[created]);
    let args = ["-T", "d/sub/-first", "-T", "d/", "-p", &server.port(), "/"];
    let outcome = client_in(folder.path(), &args);
    // The port may take one more connection before it closes, and reset it.
    assert!(matches!(outcome.code, Some(7 | 56)), "{:?}: {}", outcome.code, outcome.stderr);
    assert!(outcome.stderr.contains("cannot connect to "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("sent 1 of 7 files, 0 bytes, in "), "{}", outcome.stderr);
    assert!(outcome.complaint().contains("6 of 7 files not sent; the first error: "));
}

#[test]
fn directory_for_a_path_without_slash_is_refused() {
    let folder = tree();
    let outcome = client_in(folder.path(), &["-T", "d", "http://127.0.0.1:1/other"]).expect(26);
    let words = "cannot read 'd': it is a directory; end the path with a slash to send what is in it";
    assert_eq!(outcome.complaint(), format!("reactor-client: {words}"));
}

/// Starts to send two files to a server that takes the second only when it is told to.
fn held(folder: &Path, screen: Screen) -> (Client, Scripted) {
    let created = Step::send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    let server = Scripted::following(&[Step::Await, created]);
    let args = ["-T", "d/a", "-T", "single", "-p", &server.port(), "/"];
    (Client::start_in(folder, &args, screen), server)
}

#[test]
fn progress_of_several_files_names_the_current_one() {
    let folder = tree();
    let (mut running, server) = held(folder.path(), Screen::Stderr);
    running.stderr().wait_for("1/2 /a 100 %");
    server.go();
    drop(running);
}
