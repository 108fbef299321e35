//! Sandbox and user of the server: what it can no longer reach.
//!
//! This program runs itself again, enters the sandbox of a configuration, and tries the ways out. They must all work
//! without the sandbox, so that a denial is the sandbox's.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use reactor_http::access_log::LogDestination;
use reactor_http::server::{Confinement, RootChoice, SandboxMode, ServerConfig};
use rustix::fs::{CWD, FileType, mknodat};
use rustix::process::test_kill_process;

use crate::harness::{Server, reactor_server};

const ROOT: &str = "REACTOR_TEST_SANDBOX_ROOT";
const MODE: &str = "REACTOR_TEST_SANDBOX_MODE";
/// The test below as a process of its own.
const INSIDE: &str = "sandbox::inside";

/// Whether the kernel has all that the sandbox uses.
fn has_landlock() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let is_new = (numbers.next(), numbers.next()) >= (Some(6), Some(12));
    let modules = fs::read_to_string("/sys/kernel/security/lsm");
    is_new && modules.map_or(true, |modules| modules.contains("landlock"))
}

type WayOut<'a> = (&'a str, Box<dyn Fn() -> io::Result<()> + 'a>);

/// Twenty accesses beside the directory `outside`, and the connections to this machine.
fn ways_out<'a>(outside: &'a Path, root: &'a Path, listener: &'a TcpListener) -> Vec<WayOut<'a>> {
    let out = move |name: &str| outside.join(name);
    let parent = rustix::process::getppid().expect("a parent");
    vec![
        ("read a file", Box::new(move || File::open(out("file")).map(drop))),
        ("read by a link in the root", Box::new(move || File::open(root.join("link")).map(drop))),
        ("read by ..", Box::new(move || File::open(root.join("../outside/file")).map(drop))),
        ("list a directory", Box::new(move || fs::read_dir(outside).map(drop))),
        ("list /", Box::new(|| fs::read_dir("/").map(drop))),
        ("read the users", Box::new(|| fs::read("/etc/passwd").map(drop))),
        ("read its memory", Box::new(|| File::open("/proc/self/mem").map(drop))),
        ("read another's memory", Box::new(move || File::open(format!("/proc/{parent}/environ")).map(drop))),
        ("write a file", Box::new(move || OpenOptions::new().write(true).open(out("file")).map(drop))),
        ("append to a file", Box::new(move || OpenOptions::new().append(true).open(out("file")).map(drop))),
        ("make a file", Box::new(move || File::create(out("new")).map(drop))),
        ("make a directory", Box::new(move || fs::create_dir(out("dir")))),
        ("make a symbolic link", Box::new(move || symlink("file", out("symlink")))),
        ("make a socket", Box::new(move || UnixListener::bind(out("socket")).map(drop))),
        ("link a file into the root", Box::new(move || fs::hard_link(out("file"), root.join("hard")))),
        ("move a file out", Box::new(move || fs::rename(root.join("own"), out("moved")))),
        ("move a file in", Box::new(move || fs::rename(out("other"), root.join("in")))),
        ("remove a file", Box::new(move || fs::remove_file(out("third")))),
        ("start a program", Box::new(|| Command::new("/bin/true").status().map(drop))),
        ("connect", Box::new(move || TcpStream::connect(listener.local_addr()?).map(drop))),
        ("signal the parent", Box::new(move || Ok(test_kill_process(parent)?))),
    ]
}

fn is_denied(error: &io::Error) -> bool {
    // `rename` and `link` between directories: EXDEV.
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::CrossesDevices)
}

/// Not a test by itself: the process that enters the sandbox.
#[test]
fn inside() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let root = Path::new(&root);
    let sandbox = if std::env::var_os(MODE).is_some() { SandboxMode::Require } else { SandboxMode::Off };
    let log = LogDestination::File(root.with_file_name("log").join("access.log"));
    let (upload, access_log) = (Some("".into()), log);
    let config = ServerConfig {
        root: RootChoice::Directory(root.to_owned()),
        upload,
        access_log,
        sandbox,
        ..ServerConfig::default()
    };
    let outside = root.with_file_name("outside");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // On a thread of its own: the test's other threads stay free.
    std::thread::spawn(move || {
        let root = Path::new(&std::env::var_os(ROOT).expect("the root")).to_owned();
        Confinement::new(&config).and_then(|confinement| confinement.enter()).expect("enters");
        for (way, attempt) in ways_out(&outside, &root, &listener) {
            match attempt() {
                Ok(()) => println!("open: {way}"),
                Err(error) if is_denied(&error) => println!("denied: {way}"),
                Err(error) => println!("failed: {way}: {error}"),
            }
        }
        // What the server needs.
        fs::write(root.join("upload"), "x").expect("an upload");
        fs::rename(root.join("upload"), root.join("renamed")).expect("a rename");
        fs::remove_file(root.join("renamed")).expect("a deletion");
        assert_eq!(fs::read(root.join("file")).expect("a file of the root"), b"inside");
        fs::write(root.with_file_name("log").join("access.log"), "x").expect("a new log");
        UdpSocket::bind("127.0.0.1:0").expect("a port for datagrams");
    })
    .join()
    .expect("the thread");
}

#[test]
fn sandbox_denies_every_way_out() {
    if !has_landlock() {
        eprintln!("skipped: this kernel has no Landlock of version 6");
        return;
    }
    for is_on in [true, false] {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("root");
        for name in ["root", "outside", "log"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        for name in ["file", "other", "third"] {
            fs::write(directory.path().join("outside").join(name), "outside").expect("a file");
        }
        fs::write(root.join("file"), "inside").expect("a file");
        fs::write(root.join("own"), "inside").expect("a file");
        symlink("../outside/file", root.join("link")).expect("a link");
        let mut again = Command::new(std::env::current_exe().expect("this program"));
        again.args([INSIDE, "--exact", "--nocapture"]).env(ROOT, &root);
        if is_on {
            again.env(MODE, "on");
        }
        let output = again.output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
        let count = |word: &str| text.matches(word).count();
        let expected = if is_on { (21, 0) } else { (0, 21) };
        assert_eq!((count("denied: "), count("open: ")), expected, "{is_on}: {text}");
    }
}

#[test]
fn server_enters_the_sandbox_before_it_has_a_second_thread() {
    if !has_landlock() {
        eprintln!("skipped: this kernel has no Landlock of version 6");
        return;
    }
    let server = Server::with(&[("a", b"x")], &["--sandbox", "require"]);
    assert_eq!(server.get("/a").text(), "x");
    let status =
        fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).expect("its status");
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    let stderr = server.stop().stderr;
    assert!(stderr.contains("; closed to other files and programs, TCP connections, signals"), "{stderr}");
}

/// The temporary directory of a server.
fn parent_of_root(command: &Command) -> PathBuf {
    let root = command.get_args().map(Path::new).find(|arg| arg.ends_with("root"));
    root.and_then(Path::parent).expect("the root has a parent").to_owned()
}

#[test]
fn remade_root_outside_the_sandbox_gets_503_and_a_remedy() {
    if !has_landlock() {
        eprintln!("skipped: this kernel has no Landlock of version 6");
        return;
    }
    for (option, status) in [("", 503), ("--sandbox-read", 200), ("--sandbox=off", 200)] {
        let server = Server::spawn(&[("a", b"old")], &["--access-log", "off"], |command| {
            let parent = parent_of_root(command);
            match option {
                "" => command,
                "--sandbox-read" => command.arg(option).arg(parent),
                _ => command.arg(option),
            };
        });
        let root = server.root();
        fs::remove_dir_all(&root).expect("removes");
        assert_eq!(server.get("/a").status, 503);
        fs::create_dir(&root).expect("the root");
        fs::write(root.join("a"), "new").expect("a file");
        assert_eq!(server.get("/a").status, status, "{option:?}");
        let stderr = server.stop().stderr;
        assert_eq!(stderr.contains("--sandbox-read"), option != "--sandbox=off", "{option}: {stderr}");
    }
}

#[test]
fn user_is_changed_once_the_server_listens() {
    if !rustix::process::getuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let options = ["--user", "nobody:nogroup", "--access-log", "off"];
    let server = Server::spawn(&[("a", b"x")], &options, |command| {
        fs::set_permissions(parent_of_root(command), Permissions::from_mode(0o755)).expect("a mode");
    });
    assert_eq!(server.get("/a").text(), "x");
    let status =
        fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).expect("its status");
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    let ids = |name: &str| line(name).split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let uids = ids("Uid:");
    assert!(uids.len() == 4 && uids.iter().all(|id| id != "0"), "{status}");
    assert!(ids("Gid:").iter().chain(&ids("Groups:")).all(|id| id != "0"), "{status}");
    let owner =
        fs::metadata(format!("/proc/{}/environ", server.pid().as_raw_nonzero())).expect("the process").uid();
    assert_eq!(owner, 0, "not dumpable, so its files in /proc are root's");
}

#[test]
fn path_that_cannot_be_read_refuses_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).expect("its owner alone");
    let fails = |options: &[&str]| {
        let output = reactor_server().args(["0", "."]).args(options).current_dir(directory.path()).output();
        let output = output.expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{options:?}: {stderr}");
        assert!(
            stderr.starts_with("reactor-server: cannot read '") && stderr.lines().count() == 1,
            "{stderr}"
        );
    };
    fails(&["--sandbox-read", "missing"]);
    fails(&["--sandbox-read", "missing", "--check"]);
    mknodat(CWD, directory.path().join("fifo"), FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    fails(&["--sandbox-read", "fifo"]);
    if rustix::process::getuid().is_root() {
        fails(&["--user", "nobody"]);
    }
}

#[test]
fn directory_for_search_alone_is_fit_for_the_sandbox() {
    if !rustix::process::getuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let options = ["--user", "nobody:nogroup", "--access-log", "off"];
    let server = Server::spawn(&[("a", b"x")], &options, |command| {
        let parent = parent_of_root(command);
        fs::set_permissions(&parent, Permissions::from_mode(0o711)).expect("a mode");
        command.arg("--sandbox-read").arg(parent);
    });
    assert_eq!(server.get("/a").text(), "x");
}
