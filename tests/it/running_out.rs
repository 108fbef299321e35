//! Resources of the machine that run out: inotify instances and watches, ports of the client, threads.
//!
//! The limits are those of a user or network namespace that is made for the test.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Raw, Server};

/// A user of whom nothing else runs.
const DAEMON: u32 = 1;

/// Runs a command after it wrote a value to a file of `/proc/sys`, in namespaces of its own.
const LIMITED: &str = "echo \"$2\" > \"/proc/sys/$1\" && shift 2 && exec \"$@\"";

/// `unshare` with this limit, or `None` where it is not possible.
fn limited(flags: &str, name: &str, value: &str) -> Option<Command> {
    let command = || {
        let mut unshare = Command::new("unshare");
        unshare.args([flags, "sh", "-c", LIMITED, "sh", name, value]);
        unshare
    };
    let is_possible =
        command().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !is_possible {
        eprintln!("skipped: this user cannot make a namespace with another {name}");
    }
    is_possible.then(command)
}

/// Puts the program and arguments of `inner` behind those of `outer`.
fn run_within(mut outer: Command, inner: &mut Command) {
    outer.arg(inner.get_program()).args(inner.get_args());
    outer.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    *inner = outer;
}

#[test]
fn server_without_inotify_stays_fresh_and_says_so_once() {
    let cases = [
        ("user/max_inotify_instances", "max_user_instances"),
        ("user/max_inotify_watches", "max_user_watches"),
    ];
    for (limit, remedy) in cases {
        let Some(unshare) = limited("-Ur", limit, "0") else { return };
        let server = Server::spawn(&[("a", b"0"), ("b", b"b")], &[], |command| run_within(unshare, command));
        let mut client = server.connect();
        for round in 1..=50 {
            let text = round.to_string();
            fs::write(server.root().join("a"), &text).expect("a change");
            // A file is watched when it is requested again in the same second.
            for _ in 0..3 {
                assert_eq!(client.get("/a").text(), text, "{limit}");
                assert_eq!(client.get("/b").text(), "b", "{limit}");
            }
        }
        let stderr = server.stop().stderr;
        assert_eq!(stderr.matches(&format!("raise fs.inotify.{remedy}")).count(), 1, "{stderr}");
    }
}

#[test]
fn client_without_ports_names_the_reason() {
    if limited("-Urn", "net/ipv4/ip_local_port_range", "40000 40003").is_none() {
        return;
    }
    // The shell ends with the status of the last client.
    let script = "ip link set lo up && echo '40000 40003' > /proc/sys/net/ipv4/ip_local_port_range || exit 1
                  \"$1\" 8080 --bind 127.0.0.1 --welcome --quiet &
                  until \"$2\" -s -o /dev/null http://127.0.0.1:8080/; do :; done
                  \"$2\" -c 20 -n 20000 http://127.0.0.1:8080/
                  code=$?; kill $!; exit $code";
    let mut up = Command::new("unshare");
    up.args(["-Urn", "timeout", "60", "sh", "-c", script, "sh"]);
    up.args([env!("CARGO_BIN_EXE_reactor-server"), env!("CARGO_BIN_EXE_reactor-client")]);
    let output = up.output().expect("it runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("the client has no local ports left"), "{report}");
    assert!(report.contains("no-port"), "{report}");
    // The run does not measure the server.
    assert_eq!(output.status.code(), Some(97), "{report}");
}

#[test]
fn server_without_threads_stores_uploads_and_says_so_once() {
    if !rustix::process::getuid().is_root() {
        eprintln!("skipped: the limit is for a user that is not root, and only root can become one");
        return;
    }
    if !fs::read_to_string("/etc/passwd").is_ok_and(|users| users.contains("daemon:x:1:1:")) {
        eprintln!("skipped: there is no user daemon with the number 1");
        return;
    }
    // The user may have two threads: that of the server, and this one.
    let mut other = Command::new("sleep").arg("600").uid(DAEMON).spawn().expect("it starts");
    let options = ["--access-log", "off", "--upload", "--user", "daemon"];
    let server = Server::spawn(&[], &options, |command| {
        let root =
            Path::new(command.get_args().find(|arg| Path::new(arg).ends_with("root")).expect("a root"));
        let parent = root.parent().expect("the temporary directory");
        fs::set_permissions(parent, Permissions::from_mode(0o755)).expect("a mode");
        chown(root, Some(DAEMON), None).expect("an owner");
        let mut prlimit = Command::new("prlimit");
        prlimit.arg("--nproc=2");
        run_within(prlimit, command);
    });
    let threads =
        || fs::read_dir(format!("/proc/{}/task", server.pid().as_raw_nonzero())).expect("it runs").count();
    let mut client = server.connect();
    let put = |client: &mut Raw, text: &str| {
        let head = format!("PUT /a HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", text.len());
        client.send(head + text).reply().status
    };
    for (text, status) in [("1", 201), ("22", 204), ("333", 204)] {
        assert_eq!(put(&mut client, text), status);
        assert_eq!(client.get("/a").text(), text);
    }
    assert_eq!(threads(), 1);
    other.kill().expect("it runs");
    other.wait().expect("its end");
    assert_eq!(put(&mut client, "4444"), 204);
    assert!(threads() > 1, "it starts threads again");
    let stderr = server.stop().stderr;
    assert_eq!(stderr.matches("cannot start a helper thread").count(), 1, "{stderr}");
}
