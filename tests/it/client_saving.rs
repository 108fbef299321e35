//! Saving: a file is whole or it is not there, and a terminal is treated with care.
//!
//! A scripted server holds the body where a test wants to look; the terminals are real ones.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::harness::{
    Client, Screen, Scripted, Server, Step, WAIT_MAX, client, client_in, names_in, pattern,
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
        assert!(started.elapsed() < WAIT_MAX, "the pipe was never filled");
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
    symlink("target", directory.path().join("link")).expect("a link");
    client_in(directory.path(), &["-o", "link", &url]).expect(0);
    assert_eq!(fs::read_link(directory.path().join("link")).expect("still a link"), Path::new("target"));
    assert_eq!(fs::read(directory.path().join("target")).expect("the file"), b"hello");
}

#[test]
fn deceptive_remote_name_stays_percent_encoded() {
    let server = Scripted::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let directory = tempfile::tempdir().expect("a folder");
    let url = format!(":{}/a%1b%5b31m%0ab", server.port());
    let outcome = client_in(directory.path(), &["-O", &url]).expect(0);
    assert_eq!(names_in(directory.path()), ["a%1b%5b31m%0ab"]);
    assert!(!outcome.stderr.contains('\x1b'), "{:?}", outcome.stderr);
    for (segment, name) in
        [("%E2%80%AEgnp.exe", "%E2%80%AEgnp.exe"), ("a%E2%80%8Bb", "a%E2%80%8Bb"), ("%c3%a4%20b", "ä b")]
    {
        let server = Scripted::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        let directory = tempfile::tempdir().expect("a folder");
        client_in(directory.path(), &["-O", &format!(":{}/{segment}", server.port())]).expect(0);
        assert_eq!(names_in(directory.path()), [name]);
    }
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

/// A user that owns nothing here. Tests may run as root, who may write everywhere.
const NOBODY: u32 = 65_534;

/// Runs the client in a folder of NOBODY, or of the test's user if that is not root: exit code and complaint.
fn client_without_rights(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let program = folder.join("client");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_reactor-client"), &program).expect("a copy that any user can run");
    }
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.args(args).current_dir(folder);
    let deadline = Instant::now() + WAIT_MAX;
    let output = loop {
        match command.output() {
            // A child that another test is starting still has the copy open.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {}
            output => break output.expect("the client runs"),
        }
    };
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn give_away(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
    }
}

#[test]
fn remote_name_is_saved_only_for_success() {
    let rows = [
        ("404 Not Found", 22, "not saved: the server responded with status 404 Not Found; -o FILE saves it"),
        ("500 Oh", 22, "not saved: the server responded with status 500 Oh; -o FILE saves it"),
        ("301 Moved", 22, "not saved: the server responded with status 301 Moved; -o FILE saves it"),
        ("304 Not Modified", 0, ""),
    ];
    for (status, code, words) in rows {
        for old in [None, Some("old")] {
            let directory = tempfile::tempdir().expect("a folder");
            let file = directory.path().join("page");
            if let Some(old) = old {
                fs::write(&file, old).expect("an old file");
            }
            let body = if code == 0 { "" } else { "error" };
            let server = Scripted::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n{body}"));
            let outcome =
                client_in(directory.path(), &["-O", &format!(":{}/page", server.port())]).expect(code);
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), old, "{status}");
            assert!(
                outcome.stderr.contains(words) && !outcome.stderr.contains("saved to"),
                "{}",
                outcome.stderr
            );
            assert_eq!(names_in(directory.path()).len(), usize::from(old.is_some()), "{status}");
        }
    }
    let directory = tempfile::tempdir().expect("a folder");
    let server = Scripted::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nerror");
    client_in(directory.path(), &["-o", "page", "-p", &server.port()]).expect(0);
    assert_eq!(fs::read(directory.path().join("page")).expect("the file that was named"), b"error");
}

#[test]
fn output_to_an_open_descriptor_keeps_what_is_in_its_file() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    let log = directory.path().join("log");
    symlink("/dev/fd/1", directory.path().join("link")).expect("a link");
    for (name, appends) in [
        ("/dev/stdout", true),
        ("/dev/stdout", false),
        ("/dev/fd/1", true),
        ("/dev/fd/0", false),
        ("/proc/self/fd/1", false),
        ("link", true),
    ] {
        fs::write(&log, "old,").expect("the log");
        let mut file = File::options().write(true).append(appends).open(&log).expect("the log");
        file.seek(SeekFrom::End(0)).expect("its end");
        let shared = file.try_clone().expect("a second descriptor");
        Client::start(&["-s", "-o", name, &url], Screen::None, |command| {
            command.current_dir(directory.path());
            match name {
                "/dev/fd/0" => command.stdin(shared),
                _ => command.stdout(shared),
            };
        })
        .finish()
        .expect(0);
        file.write_all(b",more").expect("the position is shared");
        assert_eq!(fs::read_to_string(&log).expect("the log"), "old,hello,more", "{name} {appends}");
    }
    let outcome = client_in(directory.path(), &["-s", "-o", "/dev/stdout", &url]).expect(0);
    assert_eq!(outcome.text(), "hello", "a pipe");
    client_in(directory.path(), &["-o", "/dev/fd/77", &url]).expect(23);
}

#[test]
fn dangling_link_and_hard_link_keep_leading_to_the_body() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("d")).expect("a folder in it");
    symlink("d/second", path("dangling")).expect("a link");
    symlink("../target", path("d/second")).expect("a link");
    client_in(directory.path(), &["-o", "dangling", &url]).expect(0);
    assert!(path("dangling").is_symlink() && path("d/second").is_symlink());
    assert_eq!(fs::read(path("target")).expect("what the links lead to"), b"hello");
    fs::write(path("one"), "old, and longer").expect("an old file");
    fs::hard_link(path("one"), path("other")).expect("a second name");
    client_in(directory.path(), &["-o", "one", &url]).expect(0);
    assert_eq!(fs::read(path("other")).expect("the same file"), b"hello");
    symlink("loop", path("loop")).expect("a link to itself");
    client_in(directory.path(), &["-o", "loop", &url]).expect(23);
    assert_eq!(names_in(directory.path()), ["d", "dangling", "loop", "one", "other", "target"]);
}

#[test]
fn saved_file_keeps_its_owner_and_mode() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("file");
    fs::write(&file, "old, and longer").expect("an old file");
    give_away(&file);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
    let look = || fs::metadata(&file).map(|now| (now.uid(), now.gid(), now.mode())).expect("the file");
    let before = look();
    client_in(directory.path(), &["-o", "file", &url]).expect(0);
    assert_eq!((fs::read(&file).expect("the file"), look()), (b"hello".to_vec(), before));
}

#[test]
fn file_is_written_as_its_mode_says_not_its_directory() {
    let server = Server::serving(&[("hello.txt", b"hello")]);
    let url = format!("http://{}/hello.txt", server.address());
    let directory = tempfile::tempdir().expect("a folder");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("fixed")).expect("a folder in it");
    for (name, mode) in [("fixed/writable", 0o644), ("read-only", 0o444), (".", 0o755), ("fixed", 0o555)] {
        if !path(name).exists() {
            fs::write(path(name), "old, and longer").expect("an old file");
        }
        give_away(&path(name));
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let (code, errors) = client_without_rights(directory.path(), &["-o", "fixed/writable", &url]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(fs::read(path("fixed/writable")).expect("the file"), b"hello");
    let (code, errors) = client_without_rights(directory.path(), &["-o", "read-only", &url]);
    assert_eq!(code, Some(23), "{errors}");
    assert!(errors.contains("cannot write 'read-only': Permission denied"), "{errors}");
    assert_eq!(fs::read(path("read-only")).expect("the file"), b"old, and longer");
    fs::set_permissions(path("fixed"), fs::Permissions::from_mode(0o755)).expect("it can be removed");
}

#[test]
fn closed_standard_output_is_an_error() {
    let server = Server::with(&[("hello.txt", b"hello\n")], &[]);
    let url = format!("{}/hello.txt", server.address());
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" >&-", "sh", env!("CARGO_BIN_EXE_reactor-client")]);
        let output = command.args(args).current_dir(folder.path()).output().expect("the client runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let rows: [(&[&str], i32); 4] =
        [(&["--help"], 23), (&[&url], 23), (&["-o", "/dev/stdout", &url], 23), (&["-n", "1", &url], 1)];
    for (args, wanted) in rows {
        let (code, stderr) = run(args);
        assert_eq!(code, Some(wanted), "{args:?}: {stderr}");
        assert!(stderr.contains("Broken pipe"), "{args:?}: {stderr}");
    }
    assert_eq!(run(&["-s", "-o", "saved", &url]), (Some(0), String::new()));
    assert_eq!(fs::read(folder.path().join("saved")).expect("the file"), b"hello\n");
}
