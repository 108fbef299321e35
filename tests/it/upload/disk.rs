//! A disk without room: the answer says so, and what was there stays.
//!
//! The disk is a file system of its own, of 1 MiB, which only a privileged user may make; elsewhere
//! the tests say that they were skipped, and pass.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{head, put, serve};
use crate::harness::{Server, WAIT_MAX, names_in, pattern, unset_settings};

/// A small file system, unmounted at the end.
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mut command = Command::new("mount");
        let mounted = command.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: this user cannot mount a file system");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn put_on_full_disk_gets_507_and_keeps_old_file() {
    let server = serve(&[]);
    let Some(disk) = Disk::mount(&server.root().join("disk")) else { return };
    let mut client = server.connect();
    assert_eq!(put(&mut client, "/disk/a", b"old").status, 201);
    for fields in ["Content-Length: 9000000", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(head("/disk/a", fields));
        let piece = pattern(64 * 1024);
        for _ in 0..64 {
            if fields.starts_with('T') {
                client.send(format!("{:x}\r\n", piece.len())).send(&piece).send("\r\n");
            } else {
                client.send(&piece);
            }
        }
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("Connection")), (507, Some("close")), "{fields}");
        assert!(reply.text().contains("disk of the server is full"), "{}", reply.text());
        client.finish().expect_end();
        assert_eq!(names_in(&disk.0), ["a"]);
        assert_eq!(server.get("/disk/a").text(), "old");
    }
    let mut client = server.connect();
    client.send(head("/disk/a", "Content-Length: 9000000\r\nExpect: 100-continue"));
    assert_eq!(client.reply().status, 507, "it is known before the body");
    assert_eq!(put(&mut server.connect(), "/disk/b", &pattern(500_000)).status, 201, "there is room again");
}

#[test]
fn resumable_upload_to_another_disk_gets_409_and_put_works() {
    let server = serve(&[]);
    let Some(disk) = Disk::mount(&server.root().join("disk")) else { return };
    let mut client = server.connect();
    let reply = client.send(head("/disk/a", "Upload-Complete: ?0\r\nContent-Length: 0")).reply();
    assert_eq!((reply.status, reply.field("Location")), (409, None));
    assert!(reply.text().contains("is on another disk: send the file in one request"), "{}", reply.text());
    assert_eq!(put(&mut client, "/disk/a", b"a").status, 201);
    assert_eq!(names_in(&disk.0), ["a"]);
}

#[test]
fn put_on_read_only_disk_gets_403() {
    let server = serve(&[]);
    let Some(disk) = Disk::mount(&server.root().join("disk")) else { return };
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status();
    assert!(remounted.is_ok_and(|status| status.success()));
    let reply = put(&mut server.connect(), "/disk/a", b"x");
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("read-only"), "{}", reply.text());
}

#[test]
fn put_over_rlimit_fsize_gets_413_and_server_goes_on() {
    // Beyond its limit a write would end the process.
    let limited = |command: &mut Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -f 64; exec \"$@\"", "sh"]).arg(command.get_program());
        shell.args(command.get_args()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        *command = shell;
    };
    let server = Server::spawn(&[], &["-u"], limited);
    assert_eq!(put(&mut server.connect(), "/a", &pattern(200_000)).status, 413);
    assert_eq!(put(&mut server.connect(), "/a", &pattern(20_000)).status, 201);
    assert!(server.get("/a").body == pattern(20_000));
}

#[test]
fn upload_descriptors_count_in_nofile_limit_check() {
    let root = tempfile::tempdir().expect("a folder");
    let mut shell = Command::new("sh");
    unset_settings(&mut shell);
    let output = assert_cmd::Command::from_std(shell)
        .args(["-c", "ulimit -n 600; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_reactor-server")])
        .args(["0", "-u", "--check", "--max-connections", "250", "--root"])
        .arg(root.path())
        .timeout(WAIT_MAX)
        .output()
        .expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let expected = "a limit of 600 open files allows 134 connections, and --max-connections is 250; \
                    raise the limit with `ulimit -n 1070`";
    assert!(told.contains(expected) && told.lines().count() == 1, "{told}");
}
