//! What is no regular file, or may not be read: refused at once, and never opened.
//!
//! Opening a FIFO waits for its other end and releases who waits there; opening a device can do
//! anything at all. Neither may happen because somebody asked for a page.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, inotify, makedev, mknodat};
use rustix::io::Errno;

use super::{assert_kept, serve};
use crate::harness::WAIT_MAX;

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
}

#[test]
fn fifo_gets_403_and_server_goes_on() {
    let server = serve(&[("hello.txt", b"hello"), ("docs/x", b"")]);
    let root = server.root();
    make_fifo(&root.join("fifo"));
    make_fifo(&root.join("page.html"));
    make_fifo(&root.join("docs/index.html"));
    symlink("fifo", root.join("link")).expect("a link");
    let (mut client, mut other) = (server.connect(), server.connect());
    for (path, status) in [
        ("/fifo", 403),
        ("/page.html", 403),
        ("/link", 403),
        ("/docs/", 403),
        ("/fifo/", 404),
        ("/fifo/x", 404),
    ] {
        assert_kept(&client.get(path), status, path);
        assert_eq!(other.get("/hello.txt").text(), "hello", "after {path}");
    }
}

#[test]
fn request_for_fifo_does_not_open_it() {
    let server = serve(&[("hello.txt", b"hello")]);
    let fifo = server.root().join("fifo");
    make_fifo(&fifo);
    // The same FIFO in another directory, as an index file, and by a link.
    fs::create_dir(server.root().join("docs")).expect("a directory");
    fs::hard_link(&fifo, server.root().join("docs/index.html")).expect("a second name");
    symlink("docs/index.html", server.root().join("link")).expect("a link");
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify");
    inotify::add_watch(&watch, &fifo, inotify::WatchFlags::OPEN).expect("a watch");
    let (tell, told) = mpsc::channel();
    let writer = thread::spawn({
        let fifo = fifo.clone();
        move || {
            let mut file = File::options().write(true).open(fifo).expect("opens when there is a reader");
            tell.send(()).expect("the test waits");
            file.write_all(b"for the right reader").expect("it reads");
        }
    });
    for path in ["/fifo", "/fifo?again", "/fifo/", "/docs/", "/docs/index.html", "/link"] {
        assert!(matches!(server.get(path).status, 403 | 404), "{path}");
    }
    assert_eq!(server.get("/hello.txt").text(), "hello");
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "the writer still waits");
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let event = inotify::Reader::new(&watch, &mut buffer).next().map(|event| event.events());
    assert_eq!(event, Err(Errno::AGAIN), "nobody has opened it");
    // The reader it waits for.
    let mut text = String::new();
    File::open(&fifo).expect("opens").read_to_string(&mut text).expect("reads");
    told.recv_timeout(WAIT_MAX).expect("the writer is released");
    writer.join().expect("the writer");
    assert_eq!(text, "for the right reader");
}

#[test]
fn file_replaced_by_fifo_gets_403() {
    let server = serve(&[("a.txt", b"a"), ("hello.txt", b"hello")]);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/a.txt").text(), "a");
    }
    fs::remove_file(server.root().join("a.txt")).expect("removed");
    make_fifo(&server.root().join("a.txt"));
    assert_kept(&client.get("/a.txt"), 403, "/a.txt");
    assert_eq!(client.get("/hello.txt").text(), "hello");
}

#[test]
fn socket_gets_403() {
    let server = serve(&[("hello.txt", b"hello")]);
    let listener = UnixListener::bind(server.root().join("socket")).expect("a socket");
    listener.set_nonblocking(true).expect("does not block");
    let mut client = server.connect();
    assert_kept(&client.get("/socket"), 403, "/socket");
    assert_kept(&client.get("/socket/"), 404, "/socket/");
    assert_eq!(client.get("/hello.txt").text(), "hello");
    assert!(listener.accept().is_err(), "nobody has connected to it");
}

#[test]
fn device_gets_403() {
    let server = serve(&[("hello.txt", b"hello")]);
    let (character, block) = (server.root().join("zero"), server.root().join("disk"));
    let mode = Mode::RUSR | Mode::WUSR;
    // /dev/zero, which is read without end, and a block device that nobody has.
    let made = mknodat(CWD, &character, FileType::CharacterDevice, mode, makedev(1, 5))
        .and_then(|()| mknodat(CWD, &block, FileType::BlockDevice, mode, makedev(240, 0)));
    if let Err(errno) = made {
        eprintln!("skipped: making a device needs a privilege: {errno}");
        return;
    }
    let mut client = server.connect();
    for path in ["/zero", "/disk"] {
        assert_kept(&client.get(path), 403, path);
    }
    assert_eq!(client.get("/hello.txt").text(), "hello");
}

#[test]
fn unreadable_file_gets_403() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let server = serve(&[("a.txt", b"a"), ("closed/b.txt", b"b"), ("hello.txt", b"hello")]);
    let set_mode = |name: &str, mode| {
        fs::set_permissions(server.root().join(name), Permissions::from_mode(mode)).expect(name);
    };
    set_mode("a.txt", 0o000);
    set_mode("closed", 0o000);
    let mut client = server.connect();
    for (path, status) in [("/a.txt", 403), ("/closed", 301), ("/closed/", 403), ("/closed/b.txt", 403)] {
        assert_kept(&client.get(path), status, path);
    }
    assert_eq!(client.get("/hello.txt").text(), "hello");
    set_mode("a.txt", 0o600);
    set_mode("closed", 0o700);
    assert_eq!(client.get("/a.txt").text(), "a", "as soon as it may");
    assert_eq!(client.get("/closed/b.txt").text(), "b", "as soon as it may");
}

#[test]
fn rejected_paths_leave_no_open_descriptor() {
    let server = serve(&[("hello.txt", b"hello")]);
    make_fifo(&server.root().join("fifo"));
    let descriptors = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    let count = || fs::read_dir(&descriptors).expect("its descriptors").count();
    let mut client = server.connect();
    client.get("/fifo");
    // What is asked for twice in a second is watched, which takes one descriptor for all.
    (0..3).for_each(|_| assert_eq!(client.get("/missing").status, 404));
    let before = count();
    for _ in 0..100 {
        for path in ["/fifo", "/missing", "/hello.txt/x", "/../secret", "/"] {
            client.get(path);
        }
    }
    assert_eq!(count(), before);
}
