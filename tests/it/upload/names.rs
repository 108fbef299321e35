//! DELETE, MKCOL and the directories that a PUT makes: what changes, what does not, and who sees it.
//!
//! Each is off without its option.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::disk::Disk;
use super::{head, put, sized};
use crate::harness::{Raw, Reply, Server, names_in, pattern};

const ALL: &[&str] = &["--upload=in", "--allow-delete", "--allow-mkdir"];
const FILES: &[(&str, &[u8])] = &[("in/a", b"a"), ("in/full/.x", b""), ("b", b"b")];

fn serve(more: &[&str]) -> Server {
    let server = Server::with(FILES, &[ALL, more].concat());
    fs::create_dir(server.root().join("in/empty")).expect("a directory");
    server
}

fn ask(client: &mut Raw, method: &str, path: &str) -> Reply {
    client.ask(&format!("{method} {path}"), "")
}

#[test]
fn without_options_delete_and_mkcol_get_403_naming_them() {
    for options in [&[][..], &["--upload"]] {
        let server = Server::with(FILES, options);
        for (line, option) in [("DELETE /b", "--allow-delete"), ("MKCOL /new", "--allow-mkdir")] {
            let reply = server.connect().ask(line, "");
            assert!(reply.status == 403 && reply.text().contains(option), "{line}: {}", reply.text());
        }
        assert_eq!(names_in(&server.root()), ["b", "in"]);
    }
}

#[test]
fn delete_removes_files_and_empty_directories_only() {
    let server = serve(&[]);
    let mut client = server.connect();
    assert_eq!(client.get("/in/a").text(), "a");
    for (path, status, words) in [
        ("/in/a/", 404, "no such file"),
        ("/in/a", 204, ""),
        ("/in/a", 404, "no such file"),
        ("/in/none/x", 404, "no such file"),
        ("/in/empty/", 204, ""),
        ("/in/full", 409, "not empty"),
        ("/in/full/.x", 403, "dot"),
        ("/in", 403, "not deleted"),
        ("/in/", 403, "not deleted"),
        ("/", 403, "--upload"),
        ("/b", 403, "--upload"),
        ("/in/../b", 403, "--upload"),
        ("/in/%2e%2e/%2e%2e/x", 400, "leaves"),
    ] {
        let reply = ask(&mut client, "DELETE", path);
        assert_eq!((reply.status, reply.field("Connection")), (status, None), "{path}");
        assert!(reply.text().contains(words), "{path}: {}", reply.text());
    }
    assert_eq!((client.get("/in/a").status, server.get("/in/a").status), (404, 404));
    assert_eq!(names_in(&server.root().join("in")), ["full"]);
    let log = server.stop().log;
    assert!(log.contains("\"DELETE /in/a HTTP/1.1\" 204 0 "), "{log}");
}

#[test]
fn delete_of_hidden_name_needs_the_option() {
    let server = serve(&["--hidden"]);
    let mut client = server.connect();
    assert_eq!(ask(&mut client, "DELETE", "/in/full/.x").status, 204);
    assert_eq!(ask(&mut client, "DELETE", "/in/full").status, 204);
}

#[test]
fn delete_removes_the_link_and_never_its_target() {
    let server = serve(&[]);
    let outside = tempfile::tempdir().expect("a directory");
    fs::write(outside.path().join("x"), "x").expect("a file");
    let inner = server.root().join("in");
    for (name, target) in [("file", Path::new("a")), ("out", outside.path()), ("loop", Path::new("loop"))] {
        symlink(target, inner.join(name)).expect("a link");
    }
    let mut client = server.connect();
    assert_eq!(ask(&mut client, "DELETE", "/in/out/x").status, 404);
    assert_eq!(ask(&mut client, "DELETE", "/in/out/").status, 404);
    for path in ["/in/file", "/in/out", "/in/loop"] {
        assert_eq!(ask(&mut client, "DELETE", path).status, 204, "{path}");
    }
    assert_eq!(names_in(&inner), ["a", "empty", "full"]);
    assert_eq!(names_in(outside.path()), ["x"]);
}

#[test]
fn delete_of_fifo_socket_or_mount_point_is_refused() {
    let server = serve(&[]);
    let inner = server.root().join("in");
    let _listener = UnixListener::bind(inner.join("socket")).expect("a socket");
    mknodat(CWD, inner.join("fifo"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    let disk = Disk::mount(&inner.join("disk"));
    let mut client = server.connect();
    for path in ["/in/socket", "/in/fifo", "/in/disk"] {
        if path != "/in/disk" || disk.is_some() {
            assert_eq!(ask(&mut client, "DELETE", path).status, 409, "{path}");
        }
    }
}

#[test]
fn one_of_many_mkcols_makes_the_directory() {
    let server = serve(&["--workers", "2"]);
    let barrier = Barrier::new(4);
    let made: usize = thread::scope(|scope| {
        let make = || {
            let mut client = server.connect();
            let mut make_one = |round: usize| {
                barrier.wait();
                let reply = ask(&mut client, "MKCOL", &format!("/in/{round}"));
                let is_taken = reply.status == 405 && reply.field("Allow").is_some();
                assert!(reply.status == 201 || is_taken, "{}", reply.head);
                usize::from(!is_taken)
            };
            (0..20).map(&mut make_one).sum::<usize>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a count")).sum()
    });
    assert_eq!(made, 20);
}

#[test]
fn delete_holds_to_its_conditions() {
    let server = serve(&[]);
    let mut client = server.connect();
    let tag = client.get("/in/a").field("ETag").expect("a tag").to_owned();
    for (path, condition, status) in [
        ("/in/a", "If-Match: \"other\"".to_owned(), 412),
        ("/in/a", "If-None-Match: *".to_owned(), 412),
        ("/in/a", format!("If-None-Match: {tag}"), 412),
        ("/in/a", "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT".to_owned(), 412),
        ("/in/empty", "If-Match: \"other\"".to_owned(), 412),
        ("/in/none", "If-Match: *".to_owned(), 412),
        ("/in/empty", "If-Match: *".to_owned(), 204),
        ("/in/a", format!("If-Match: {tag}"), 204),
    ] {
        assert_eq!(client.ask(&format!("DELETE {path}"), &condition).status, status, "{path} {condition}");
    }
}

#[test]
fn pipelined_get_after_delete_and_mkcol_sees_the_change() {
    let server = serve(&[]);
    let mut client = server.connect();
    let lines =
        ["GET /in/a", "DELETE /in/a", "GET /in/a", "MKCOL /in/a", "GET /in/a", "DELETE /in/a/", "GET /in/a"];
    let request = |line: &&str| format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(lines.iter().map(request).collect::<String>());
    for (line, status) in lines.iter().zip([200, 204, 404, 201, 301, 204, 404]) {
        assert_eq!(client.reply().status, status, "{line}");
    }
}

#[test]
fn delete_with_a_body_changes_nothing() {
    let server = serve(&[]);
    for fields in ["Content-Length: 2", "Content-Length: 9999999", "Transfer-Encoding: chunked"] {
        for line in ["DELETE /in/a", "MKCOL /in/new"] {
            let reply = server.connect().ask(line, &format!("{fields}\r\nExpect: 100-continue"));
            assert_eq!(reply.status, 415, "{line} {fields}");
        }
    }
    assert_eq!(names_in(&server.root().join("in")), ["a", "empty", "full"]);
}

#[test]
fn mkcol_makes_one_directory() {
    let server = serve(&[]);
    symlink("none", server.root().join("in/dangling")).expect("a link");
    let mut client = server.connect();
    for (path, status) in [
        ("/in/new%20one", 201),
        ("/in/new%20one/", 405),
        ("/in/new%20one/deep/", 201),
        ("/in/a", 405),
        ("/in/dangling", 405),
        ("/in", 405),
        ("/in/none/x", 409),
        ("/in/a/x", 409),
        ("/in/.x", 403),
        ("/new", 403),
        ("/", 403),
    ] {
        let reply = ask(&mut client, "MKCOL", path);
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.field("Allow").is_some(), status == 405, "{path}");
    }
    assert_eq!(client.ask("MKCOL /in/x", "If-Match: *").status, 412);
    let reply = client.ask("MKCOL /in/x", "If-None-Match: *");
    assert_eq!((reply.status, reply.field("Location")), (201, Some("/in/x/")));
    assert!(server.root().join("in/new one/deep").is_dir());
}

#[test]
fn put_makes_missing_directories_when_it_is_whole() {
    let server = serve(&[]);
    let inner = server.root().join("in");
    let mut client = server.connect();
    client.send(head("/in/new/deep/x", "Content-Length: 5\r\nExpect: 100-continue"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    assert!(!inner.join("new").exists(), "it is not whole");
    let reply = client.send("hello").reply();
    assert_eq!((reply.status, reply.field("Location")), (201, Some("/in/new/deep/x")));
    assert_eq!(client.get("/in/new/deep/x").text(), "hello");
    assert_eq!(put(&mut client, "/in/new/deep/x", b"again").status, 204);
    // Nothing is made for what is not stored.
    server.connect().send(sized("/in/half/x", 10) + "half").finish().reply();
    let fields = "Content-Length: 1\r\nIf-Match: *";
    assert_eq!(server.connect().send(head("/in/other/x", fields) + "x").reply().status, 412);
    let deep = format!("/in/{}x", "d/".repeat(33));
    for (path, status) in [("/new/x", 403), ("/in/a/x", 409), ("/in/.d/x", 403), (deep.as_str(), 409)] {
        assert_eq!(put(&mut server.connect(), path, b"x").status, status, "{path}");
    }
    assert_eq!(names_in(&inner), ["a", "empty", "full", "new"]);
    assert_eq!(put(&mut client, &deep[..deep.len() - 2], b"x").status, 201);
}

#[test]
fn put_whose_condition_fails_in_the_end_makes_no_directory() {
    let server = serve(&[]);
    let mut client = server.connect();
    client.send(head("/in/new/x", "Content-Length: 5\r\nIf-None-Match: *\r\nExpect: 100-continue"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    assert_eq!(put(&mut server.connect(), "/in/new/x", b"first").status, 201);
    assert_eq!(client.send("hello").reply().status, 412);
    assert_eq!(ask(&mut client, "DELETE", "/in/new/x").status, 204);
    let outside = tempfile::tempdir().expect("a directory");
    client.send(head("/in/new/sub/x", "Content-Length: 5\r\nExpect: 100-continue"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n");
    symlink(outside.path(), server.root().join("in/new/sub")).expect("a link");
    assert_eq!(client.send("hello").reply().status, 409);
    assert_eq!(names_in(outside.path()), [""; 0]);
}

#[test]
fn names_follow_a_moved_root() {
    let server = serve(&[]);
    let old = server.root().with_extension("old");
    let mut client = server.connect();
    fs::rename(server.root(), &old).expect("renames");
    for line in ["DELETE /in/a", "MKCOL /in/new"] {
        assert_eq!(client.ask(line, "").status, 503, "{line}");
    }
    fs::create_dir_all(server.root().join("in")).expect("directories");
    assert_eq!(client.ask("DELETE /in/a", "").status, 404);
    assert_eq!(client.ask("MKCOL /in/new", "").status, 201);
    assert_eq!(names_in(&server.root().join("in")), ["new"]);
    assert_eq!(names_in(&old.join("in")), ["a", "empty", "full"]);
}

#[test]
fn embedded_page_is_neither_deleted_nor_made() {
    let page = [("content/index.html", &b"home"[..])];
    let server = Server::in_folder(&page, &["--upload", "--allow-delete", "--allow-mkdir"]);
    for method in ["DELETE", "MKCOL"] {
        assert_eq!(ask(&mut server.connect(), method, "/server-code.html").status, 403, "{method}");
    }
    assert_eq!(server.get("/server-code.html").status, 200);
}

#[test]
fn directories_of_concurrent_puts_are_made_once() {
    let server = serve(&["--workers", "2"]);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let server = &server;
                scope.spawn(move || put(&mut server.connect(), &format!("/in/n/m/{number}"), b"x").status)
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a status")).collect()
    });
    assert_eq!(statuses, [201; 8]);
    assert_eq!(names_in(&server.root().join("in/n/m")).len(), 8);
}

#[test]
fn put_into_directory_that_comes_and_goes_gets_no_403() {
    let server = serve(&["--durability", "none"]);
    let (directory, is_over) = (server.root().join("in/empty"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let _ = fs::remove_dir_all(&directory).and_then(|()| fs::create_dir(&directory));
            }
        });
        let statuses: Vec<u16> =
            (0..500).map(|_| put(&mut server.connect(), "/in/empty/x", b"x").status).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(!statuses.contains(&403), "{statuses:?}");
    });
}

#[test]
fn deleted_large_file_is_gone_while_it_is_sent() {
    let server = Server::with(&[("large", &pattern(3 << 20))], &["--upload", "--allow-delete"]);
    let mut reader = server.connect();
    reader.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").head();
    assert_eq!(ask(&mut server.connect(), "DELETE", "/large").status, 204);
    assert_eq!(server.get("/large").status, 404);
    assert!(reader.bytes(3 << 20) == pattern(3 << 20));
}
