//! Saving: a file is whole or it is not there, and a terminal is treated with care.
//!
//! A scripted server holds the body where a test wants to look; the terminals are real ones.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::harness::{
    Client, PATIENCE, Screen, Scripted, Server, Step, client, client_in, names_in, pattern,
};

/// A part of a bar that can be nothing else: how much has come of how much.
const BAR: &str = "5 B/11 B";

/// A script that waits in the middle of a body of 11 bytes.
fn held() -> [Step; 3] {
    let start = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst";
    [Step::send(start), Step::Await, Step::send("second")]
}

/// Waits until a pipe takes no more.
fn wait_until_full(writer: &impl AsFd) {
    let started = Instant::now();
    let no_wait = Timespec::default();
    while poll(&mut [PollFd::new(writer, PollFlags::OUT)], Some(&no_wait)).expect("it can be asked") > 0 {
        assert!(started.elapsed() < PATIENCE, "the pipe was never filled");
        thread::yield_now();
    }
}

#[test]
fn saved_body_is_in_the_file_named_on_the_last_line() {
    let server = Server::serving(&[("page.html", b"<p>hello"), ("a b.txt", b"blank"), ("empty", b"")]);
    let base = format!("http://{}", server.address());
    let rows = [
        (vec!["-o", "saved"], "/page.html", "saved", "<p>hello", "received 8 bytes of text/html in "),
        (vec!["--output=saved"], "/page.html", "saved", "<p>hello", "received 8 bytes of text/html in "),
        (vec!["-O"], "/page.html?x=/y", "page.html", "<p>hello", "received 8 bytes of text/html in "),
        (vec!["--remote-name"], "/a%20b.txt", "a b.txt", "blank", "received 5 bytes of text/plain in "),
        (vec!["-o", "saved"], "/empty", "saved", "", "received 0 bytes "),
    ];
    for (mut args, path, name, body, words) in rows {
        let directory = tempfile::tempdir().expect("a folder");
        let url = format!("{base}{path}");
        args.push(&url);
        let outcome = client_in(directory.path(), &args).expect(0);
        assert_eq!(fs::read_to_string(directory.path().join(name)).expect("the file"), body, "{args:?}");
        assert_eq!(names_in(directory.path()), [name], "{args:?}");
        assert!(outcome.stdout.is_empty(), "{args:?}");
        let last = outcome.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with(words) && last.ends_with(&format!(", saved to {name}")), "{last}");
    }
}

#[test]
fn incomplete_body_leaves_no_new_file_and_keeps_the_old() {
    let rows: [(&[&str], &str, i32); 6] = [
        (&[], "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", 18),
        (&[], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 18),
        (&[], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx", 56),
        (&["-f"], "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", 22),
        (&[], "garbage", 56),
        (&[], "", 52),
    ];
    for (options, answer, code) in rows {
        for old in [None, Some("old")] {
            let directory = tempfile::tempdir().expect("a folder");
            let file = directory.path().join("saved");
            if let Some(old) = old {
                fs::write(&file, old).expect("an old file");
            }
            let server = Scripted::answering(answer);
            let port = server.port();
            let args = [&["-p", &port, "-o", "saved"], options].concat();
            client_in(directory.path(), &args).expect(code);
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), old, "{answer:?}");
            assert_eq!(names_in(directory.path()).len(), usize::from(old.is_some()), "{answer:?}");
        }
    }
}

#[test]
fn existing_file_is_unchanged_until_download_completes() {
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("saved");
    fs::write(&file, "old").expect("an old file");
    let server = Scripted::following(&held());
    let mut running =
        Client::start_in(directory.path(), &["-p", &server.port(), "-o", "saved"], Screen::Stderr);
    running.stderr().wait_for(BAR);
    assert_eq!(fs::read_to_string(&file).expect("the file"), "old");
    assert_eq!(names_in(directory.path()).len(), 2, "the old file, and the new one under another name");
    server.go();
    running.finish().expect(0);
    assert_eq!(fs::read_to_string(&file).expect("the file"), "firstsecond");
    assert_eq!(names_in(directory.path()), ["saved"]);
}

#[test]
fn interrupted_download_leaves_no_file() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let directory = tempfile::tempdir().expect("a folder");
        let server = Scripted::following(&held());
        let mut running =
            Client::start_in(directory.path(), &["-p", &server.port(), "-o", "saved"], Screen::Stderr);
        running.stderr().wait_for(BAR);
        assert_eq!(names_in(directory.path()).len(), 1, "it is being saved");
        running.signal(signal);
        let outcome = running.finish().expect(code);
        assert!(outcome.stderr.contains("reactor-client: interrupted"), "{:?}", outcome.stderr);
        assert_eq!(names_in(directory.path()).len(), 0);
    }
}

#[test]
fn signal_exits_while_blocked_on_an_unread_pipe() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let server = Server::serving(&[("large", &pattern(4 << 20))]);
        let url = format!("http://{}/large", server.address());
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let stdout = writer.try_clone().expect("a second descriptor");
        let running = Client::start(&["-s", &url], Screen::None, |command| {
            command.stdout(stdout);
        });
        wait_until_full(&writer);
        running.signal(signal);
        running.finish().expect(code);
        drop(reader);
    }
}

#[test]
fn unwritable_output_exits_23_with_one_line_cause() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    fs::create_dir(directory.path().join("folder")).expect("a folder in it");
    let rows = [
        ("missing/file", "cannot write 'missing/file': No such file or directory"),
        ("folder", "cannot write 'folder': Is a directory"),
        ("folder/hello.txt/", "cannot write 'folder/hello.txt/': "),
    ];
    for (file, words) in rows {
        let outcome = client_in(directory.path(), &["-o", file, &url]).expect(23);
        assert!(outcome.complaint().contains(words), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains(".part"), "a name that nobody asked for: {}", outcome.stderr);
        assert_eq!(names_in(directory.path()), ["folder"], "{file}");
        assert_eq!(names_in(&directory.path().join("folder")), [""; 0], "{file}");
    }
}

#[test]
fn hyphen_is_stdout_and_device_is_written_not_replaced() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    assert_eq!(client_in(directory.path(), &["-o", "-", &url]).expect(0).text(), "hello");
    let outcome = client_in(directory.path(), &["-o", "/dev/null", &url]).expect(0);
    assert!(outcome.stdout.is_empty() && outcome.stderr.contains(", saved to /dev/null\n"));
    assert!(!Path::new("/dev/null").is_file());
    assert_eq!(names_in(directory.path()), [""; 0]);
}

#[test]
fn a_symbolic_link_is_followed_and_not_replaced() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    fs::write(directory.path().join("target"), "old").expect("an old file");
    std::os::unix::fs::symlink("target", directory.path().join("link")).expect("a link");
    client_in(directory.path(), &["-o", "link", &url]).expect(0);
    assert_eq!(fs::read_link(directory.path().join("link")).expect("still a link"), Path::new("target"));
    assert_eq!(fs::read(directory.path().join("target")).expect("the file"), b"hello");
}

#[test]
fn remote_name_with_escape_sequence_is_printed_without() {
    let server = Scripted::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let directory = tempfile::tempdir().expect("a folder");
    let url = format!(":{}/a%1b%5b31m%0ab", server.port());
    let outcome = client_in(directory.path(), &["-O", &url]).expect(0);
    assert_eq!(names_in(directory.path()), ["a\x1b[31m\nb"]);
    assert!(!outcome.stderr.contains('\x1b'), "{:?}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 4, "{:?}", outcome.stderr);
}

#[test]
fn large_download_is_byte_identical() {
    const BLOCK_LEN: usize = 1 << 20;
    let server = Server::serving(&[]);
    let mut block: Vec<u8> = (0..BLOCK_LEN).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect();
    let mut served = File::create(server.root().join("large")).expect("the file");
    for _ in 0..64 {
        served.write_all(&block).expect("a block");
        block.rotate_left(1);
    }
    let directory = tempfile::tempdir().expect("a folder");
    let outcome =
        client_in(directory.path(), &["-O", &format!("http://{}/large", server.address())]).expect(0);
    assert!(outcome.stderr.contains("received 67,108,864 bytes"), "{}", outcome.stderr);
    block.rotate_right(64);
    let mut saved = File::open(directory.path().join("large")).expect("the file");
    let mut found = vec![0; BLOCK_LEN];
    for at in 0..64 {
        saved.read_exact(&mut found).expect("a block");
        assert!(found == block, "block {at} is not as it was");
        block.rotate_left(1);
    }
    assert_eq!(saved.read(&mut found).expect("the end"), 0);
}

#[test]
fn binary_body_is_not_written_to_a_terminal() {
    let start = Step::send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\x7fELF");
    let rest = Step::send(b"\0\x01\x1b\x07");
    for script in [vec![start.clone(), rest.clone()], vec![start, Step::Await, rest]] {
        let server = Scripted::following(&script);
        let mut running = Client::start(&["-p", &server.port()], Screen::Both, |_| ());
        if script.len() > 2 {
            running.stderr().wait_for("ELF");
            server.go();
        }
        let outcome = running.finish().expect(23);
        let remedy = "save it with -o FILE, or force it with -o -";
        assert!(outcome.stderr.contains(remedy), "{:?}", outcome.stderr);
        assert!(!outcome.stderr.contains(['\0', '\x1b']), "{:?}", outcome.stderr);
    }
}

#[test]
fn binary_body_is_written_to_a_terminal_with_output_hyphen() {
    let server = Scripted::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x7fELF\0");
    let outcome = Client::start(&["-o", "-", "-p", &server.port()], Screen::Both, |_| ()).finish().expect(0);
    assert!(outcome.stderr.contains("\x7fELF\0"), "{:?}", outcome.stderr);
}

#[test]
fn a_text_body_is_shown_on_a_terminal() {
    let server = Scripted::answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhällo");
    let outcome = Client::start(&["-p", &server.port()], Screen::Both, |_| ()).finish().expect(0);
    assert!(outcome.stderr.contains("hällo"), "{:?}", outcome.stderr);
}

#[test]
fn slow_download_shows_progress_bar_on_a_terminal() {
    let directory = tempfile::tempdir().expect("a folder");
    let server = Scripted::following(&held());
    let mut running =
        Client::start_in(directory.path(), &["-p", &server.port(), "-o", "saved"], Screen::Stderr);
    running.stderr().wait_for(BAR);
    server.go();
    let outcome = running.finish().expect(0);
    let last = outcome.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("received 11 bytes") && last.ends_with("saved to saved"), "{:?}", outcome.stderr);
}

#[test]
fn no_progress_bar_if_fast_silent_or_not_on_a_terminal() {
    let directory = tempfile::tempdir().expect("a folder");
    let whole = [Step::send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirstsecond")];
    let server = Scripted::following(&whole);
    let args = ["-p", &server.port(), "-o", "saved"];
    let outcome = Client::start_in(directory.path(), &args, Screen::Stderr).finish().expect(0);
    assert!(!outcome.stderr.contains("/11 B"), "quick: {:?}", outcome.stderr);
    // Silence until the time limit: a bar would have come after half a second.
    for (options, screen) in
        [(&["-o", "saved"][..], Screen::None), (&["-so", "saved"], Screen::Stderr), (&[], Screen::Stderr)]
    {
        let server = Scripted::following(&[held()[0].clone(), Step::Silence]);
        let port = server.port();
        let args = [&["-m", "0.7", "-p", &port], options].concat();
        let outcome = Client::start_in(directory.path(), &args, screen).finish().expect(28);
        assert!(!outcome.stderr.contains("/11 B"), "{args:?}: {:?}", outcome.stderr);
    }
}

#[test]
fn stderr_lines_are_the_same_on_a_terminal() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let outcome = Client::start(&[&url], Screen::Stderr, |_| ()).finish().expect(0);
    let plain = client(&[&url]).expect(0);
    assert_eq!(outcome.stdout, plain.stdout);
    let words = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" in ").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(words(&outcome.stderr), words(&plain.stderr));
}
