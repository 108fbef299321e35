//! Durability: what is synced before a response, in which order, and what a failed sync says.
//!
//! The calls are seen, and made to fail, by strace. Without it, these tests print that they were skipped, and pass.

use std::fs;
use std::thread;
use std::time::Instant;

use tempfile::NamedTempFile;

use super::{head, put};
use crate::harness::{Server, WAIT_MAX, can_trace, names_in, trace};

/// A server whose calls are recorded, or fail as `inject` says.
struct TracedServer {
    server: Server,
    calls: NamedTempFile,
}

impl TracedServer {
    fn start(options: &[&str], inject: &[&str]) -> Option<Self> {
        if !can_trace() {
            return None;
        }
        let calls = NamedTempFile::new().expect("a file");
        let traced = "trace=fdatasync,fsync,linkat,renameat,unlinkat,mkdirat,utimensat,sendto";
        let args = [&["-e", traced], inject].concat();
        let server =
            Server::spawn(&[("d/old", b"old")], options, |command| trace(command, calls.path(), &args));
        Some(Self { server, calls })
    }

    /// The names of the calls until the server ends, without repetitions.
    fn calls(self) -> Vec<String> {
        let pid = self.server.pid().as_raw_nonzero().to_string();
        // Short numbers are padded.
        let is_last = |line: &str| {
            line.split_once(' ')
                .is_some_and(|(of, what)| of == pid && what.trim_start().starts_with("+++ exited"))
        };
        self.server.stop();
        // The tracer outlives the server.
        let deadline = Instant::now() + WAIT_MAX;
        let text = loop {
            let text = fs::read_to_string(self.calls.path()).expect("the calls");
            if text.lines().any(is_last) {
                break text;
            }
            assert!(Instant::now() < deadline, "the tracer does not end: {text}");
            thread::yield_now();
        };
        let name = |line: &str| {
            let (_, call) = line.split_once(' ')?;
            let (name, arguments) = call.trim_start().split_once('(')?;
            let is_ours = name != "sendto" || arguments.contains("HTTP/1.1 ");
            is_ours.then(|| name.to_owned())
        };
        text.lines().filter(|line| !line.contains("resumed>")).filter_map(name).collect()
    }
}

#[test]
fn put_syncs_file_before_name_and_directory_before_response() {
    for (durability, synced, dir_synced) in
        [("full", &["fdatasync"][..], &["fsync"][..]), ("file", &["fdatasync"], &[]), ("none", &[], &[])]
    {
        for (path, status, named) in
            [("/d/new", 201, &["linkat"][..]), ("/d/old", 204, &["linkat", "renameat"])]
        {
            let options = ["-u", "--durability", durability];
            let Some(traced) = TracedServer::start(&options, &[]) else { return };
            assert_eq!(put(&mut traced.server.connect(), path, b"new").status, status);
            let calls = traced.calls();
            assert_eq!(calls, [synced, named, dir_synced, &["sendto"]].concat(), "{durability} {path}");
        }
    }
}

#[test]
fn changes_of_names_are_synced_before_their_responses() {
    for (durability, is_left_out) in
        [("full", &[][..]), ("file", &["fsync"]), ("none", &["fsync", "fdatasync"])]
    {
        let options = ["-u", "--allow-delete", "--allow-mkdir", "--durability", durability];
        let Some(traced) = TracedServer::start(&options, &[]) else { return };
        let mut client = traced.server.connect();
        assert_eq!(client.ask("DELETE /d/old", "").status, 204);
        assert_eq!(client.ask("MKCOL /d/made", "").status, 201);
        assert_eq!(put(&mut client, "/d/made/on/the/way", b"new").status, 201);
        let made = ["fdatasync", "mkdirat", "mkdirat", "linkat", "fsync", "fsync", "fsync", "sendto"];
        let full = [&["unlinkat", "fsync", "sendto", "mkdirat", "fsync", "sendto"][..], &made].concat();
        let expected: Vec<_> = full.into_iter().filter(|call| !is_left_out.contains(call)).collect();
        assert_eq!(traced.calls(), expected, "{durability}");
    }
}

#[test]
fn put_with_time_syncs_time_with_the_file() {
    for (durability, calls) in [
        ("full", &["utimensat", "fsync", "linkat", "fsync", "sendto"][..]),
        ("file", &["utimensat", "fsync", "linkat", "sendto"]),
        ("none", &["utimensat", "linkat", "sendto"]),
    ] {
        let Some(traced) = TracedServer::start(&["-u", "--durability", durability], &[]) else { return };
        let mut client = traced.server.connect();
        client.send(head("/d/new", "Content-Length: 1\r\nX-OC-Mtime: 1000000000") + "x");
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("X-OC-Mtime")), (201, Some("accepted")));
        assert_eq!(traced.calls(), calls, "{durability}");
    }
}

#[test]
fn failed_sync_of_delete_and_mkcol_gets_500_and_they_are_done() {
    let options = ["-u", "--allow-delete", "--allow-mkdir"];
    for (line, path, status) in [("DELETE /d/old", "/d/old", 404), ("MKCOL /d/new", "/d/new", 301)] {
        let Some(traced) = TracedServer::start(&options, &["-e", "inject=fsync:error=EIO"]) else { return };
        let reply = traced.server.connect().ask(line, "");
        assert_eq!(reply.status, 500, "{line}");
        assert!(reply.text().contains("a power loss may undo it"), "{}", reply.text());
        assert_eq!(traced.server.get(path).status, status, "{line}");
    }
}

#[test]
fn offset_and_upload_resource_are_synced_before_they_are_told() {
    let Some(traced) = TracedServer::start(&["-u"], &[]) else { return };
    let mut client = traced.server.connect();
    let reply = client.send(head("/d/old", "Upload-Complete: ?0\r\nContent-Length: 0")).reply();
    let upload = reply.field("Location").expect("an upload resource").to_owned();
    let fields = "Content-Type: application/partial-upload\r\nUpload-Complete: ?0\r\nContent-Length: 3";
    client.send(format!("PATCH {upload} HTTP/1.1\r\nHost: test\r\nUpload-Offset: 0\r\n{fields}\r\n\r\nabc"));
    assert_eq!(client.reply().field("Upload-Offset"), Some("3"));
    assert_eq!(client.ask(&format!("HEAD {upload}"), "").field("Upload-Offset"), Some("3"));
    drop(client);
    // The new directory, the head, its name; then the data, when it is opened and when its part has come.
    let created = ["mkdirat", "fsync", "fsync", "renameat", "fsync", "fdatasync", "fdatasync", "sendto"];
    let rest = ["fdatasync", "fdatasync", "sendto", "fdatasync", "sendto"];
    assert_eq!(traced.calls(), [&created[..], &rest].concat());
}

#[test]
fn failed_sync_of_an_append_ends_the_upload() {
    let inject = ["-e", "inject=fdatasync:error=EIO:when=3"];
    let Some(traced) = TracedServer::start(&["-u"], &inject) else { return };
    let reply =
        traced.server.connect().send(head("/d/old", "Upload-Complete: ?0\r\nContent-Length: 0")).reply();
    let upload = reply.field("Location").expect("an upload resource").to_owned();
    let ask = |method| traced.server.connect().ask(&format!("{method} {upload}"), "").status;
    // strace counts the calls of each of the four helper threads.
    let failed = (0..12).map(|_| ask("HEAD")).find(|status| *status != 204);
    assert_eq!((failed, ask("HEAD"), ask("DELETE")), (Some(500), 404, 404));
}

#[test]
fn failed_file_sync_gets_500_and_nothing_is_stored() {
    let Some(traced) = TracedServer::start(&["-u"], &["-e", "inject=fdatasync:error=EIO:when=1"]) else {
        return;
    };
    let mut client = traced.server.connect();
    let reply = put(&mut client, "/d/new", b"new");
    assert_eq!((reply.status, reply.field("Connection")), (500, None));
    assert!(reply.text().contains("could not store the file"), "{}", reply.text());
    assert_eq!(names_in(&traced.server.root().join("d")), ["old"]);
    // strace counts the calls of each of the four helper threads.
    let stored = (0..4).find(|_| put(&mut client, "/d/new", b"new").status == 201);
    let mut expected = ["fdatasync", "sendto"].repeat(1 + stored.expect("the first sync of a thread fails"));
    expected.extend(["fdatasync", "linkat", "fsync", "sendto"]);
    assert_eq!(traced.calls(), expected);
}

#[test]
fn failed_directory_sync_gets_500_that_says_the_file_is_there() {
    let Some(traced) = TracedServer::start(&["-u"], &["-e", "inject=fsync:error=EIO:when=1"]) else { return };
    let reply = put(&mut traced.server.connect(), "/d/new", b"new");
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("a power loss may undo it"), "{}", reply.text());
    assert_eq!(traced.server.get("/d/new").text(), "new");
    assert_eq!(traced.calls(), ["fdatasync", "linkat", "fsync", "sendto", "sendto"]);
}

#[test]
fn failed_sync_for_lack_of_space_gets_507() {
    let Some(traced) = TracedServer::start(&["-u"], &["-e", "inject=fdatasync:error=ENOSPC"]) else { return };
    assert_eq!(put(&mut traced.server.connect(), "/d/old", b"new").status, 507);
    assert_eq!(traced.server.get("/d/old").text(), "old");
}

#[test]
fn put_below_min_free_gets_507_before_100_continue() {
    let server = Server::with(&[("a", b"old")], &["-u", "--min-free", "1000000GiB"]);
    for length in ["Content-Length: 3", "Content-Length: 3000000", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(head("/a", &format!("{length}\r\nExpect: 100-continue")));
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("Connection")), (507, Some("close")), "{length}");
        assert!(reply.text().contains("--min-free"), "{}", reply.text());
    }
    assert_eq!(server.get("/a").text(), "old");
}

#[test]
fn pipelined_durable_puts_and_gets_are_answered_in_order() {
    let server = Server::with(&[("a", b"old")], &["-u", "--workers", "2"]);
    let mut client = server.connect();
    let requests: String = (0..20)
        .map(|round| {
            let body = format!("{round:02}");
            super::sized("/a", 2) + &body + "GET /a HTTP/1.1\r\nHost: test\r\n\r\n"
        })
        .collect();
    client.send(requests);
    for round in 0..20 {
        assert_eq!(client.reply().status, 204);
        assert_eq!(client.reply().text(), format!("{round:02}"));
    }
}

#[test]
fn puts_at_the_same_time_share_directory_syncs() {
    let slow = ["-e", "inject=fsync:delay_enter=200000"];
    let Some(traced) = TracedServer::start(&["-u", "--workers", "2"], &slow) else { return };
    let mut clients: Vec<_> = (0..32).map(|_| traced.server.connect()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(super::sized(&format!("/d/{index}"), 3) + "new");
    }
    assert!(clients.iter_mut().all(|client| client.reply().status == 201));
    assert_eq!(names_in(&traced.server.root().join("d")).len(), 33);
    let syncs = |calls: &[String]| calls.iter().filter(|call| *call == "fsync").count();
    let calls = traced.calls();
    assert!((1..16).contains(&syncs(&calls)), "{calls:?}");
}

/// Without `O_TMPFILE` a file has a name from the start, where a crash leaves it to be swept.
#[test]
fn put_without_unnamed_files_leaves_nothing_beside_its_target() {
    let inject = ["-e", "trace=openat", "-e", "inject=openat:error=EOPNOTSUPP", "-P", "."];
    // The sync of a directory opens it by the same path.
    let Some(traced) = TracedServer::start(&["-u", "--durability=file"], &inject) else { return };
    let root = traced.server.root();
    let mut client = traced.server.connect();
    client.send(head("/d/new", "Expect: 100-continue\r\nContent-Length: 3"));
    assert_eq!(client.reply().status, 100);
    assert_eq!(names_in(&root.join("d")), ["old"]);
    let rest = names_in(&root.join(".reactor-uploads"));
    assert!(matches!(rest.as_slice(), [name] if name.ends_with(".whole")), "{rest:?}");
    assert_eq!(client.send("new").reply().status, 201);
    assert_eq!(put(&mut client, "/d/old", b"changed").status, 204);
    assert_eq!((client.get("/d/new").text(), client.get("/d/old").text()), ("new", "changed"));
    assert_eq!((names_in(&root.join("d")).len(), names_in(&root.join(".reactor-uploads")).len()), (2, 0));
}
