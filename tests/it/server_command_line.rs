//! The command line of `reactor-server` through the real binary: forms, addresses, help, mistakes.
//!
//! Which arguments make which configuration is tested beside the parser; here it is what a person
//! sees: the lines on both streams, the exit code, and what is served.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::harness::{Raw, WAIT_MAX, lay_out, lines, reactor_server, wait};

/// What a run that has ended leaves behind.
struct Ended {
    code: Option<i32>,
    stdout: Vec<String>,
    stderr: Vec<String>,
}

/// A program that was started in a folder with these arguments, and the lines it writes.
struct Started {
    child: Option<Child>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Started {
    fn new(directory: &Path, args: &[&str]) -> Self {
        let mut child = reactor_server()
            .args(args)
            .env("REACTOR_HOST", "*")
            .current_dir(directory)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = lines(child.stdout.take().expect("its stdout"));
        let stderr = lines(child.stderr.take().expect("its stderr"));
        Self { child: Some(child), stdout, stderr }
    }

    /// The next address line.
    fn address(&self) -> SocketAddr {
        let line = self.stdout.recv_timeout(WAIT_MAX).ok();
        let address = line.as_ref().and_then(|line| line.strip_prefix("http://")?.strip_suffix('/'));
        address.and_then(|address| address.parse().ok()).unwrap_or_else(|| {
            panic!("no address line but {line:?}, and on stderr: {:?}", self.stderr.recv_timeout(WAIT_MAX))
        })
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }

    /// Waits until a signal is caught: how to know without a line that it has got so far.
    fn wait_until_caught(&self, signal: Signal) {
        let deadline = Instant::now() + WAIT_MAX;
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let is_caught = || {
            let status = fs::read_to_string(&path).expect("its status");
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
            let mask = u64::from_str_radix(mask.trim(), 16).expect("in hex");
            mask & (1 << (signal.as_raw() - 1)) != 0
        };
        while !is_caught() {
            assert!(Instant::now() < deadline, "it never starts");
            thread::yield_now();
        }
    }

    /// Waits until it ends.
    fn end(mut self) -> Ended {
        let status = wait(self.child.take().expect("it runs"));
        let rest = |lines: &Receiver<String>| {
            std::iter::from_fn(|| lines.recv_timeout(WAIT_MAX).ok()).collect::<Vec<_>>()
        };
        Ended { code: status.code(), stdout: rest(&self.stdout), stderr: rest(&self.stderr) }
    }

    fn stop(self) -> Ended {
        kill_process(self.pid(), Signal::TERM).expect("the signal is sent");
        self.end()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn run(directory: &Path, args: &[&str]) -> Ended {
    Started::new(directory, args).end()
}

/// A folder with a site in it.
fn sample_directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary folder");
    lay_out(
        directory.path(),
        &[("site/index.html", b"a site"), ("site/home.htm", b"a home"), ("a-file", b"-")],
    );
    directory
}

fn has_ipv6() -> bool {
    let found = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !found {
        eprintln!("skipped in part: this machine has no IPv6");
    }
    found
}

#[test]
fn port_and_directory_parse_in_every_form_and_order() {
    let directory = sample_directory();
    let site = directory.path().join("site");
    let absolute = site.to_str().expect("a path in UTF-8");
    let table: &[&[&str]] = &[
        &["0", "site"],
        &["site", "0"],
        &["0", "./site/"],
        &[absolute, "--port", "0"],
        &["./site", "-p", "0"],
        &["-p0", "-dsite"],
        &["-p=0", "--root=site"],
        &["--root", "site", "0"],
        &["--port=0", "--", "site"],
        &["-q", "--access-log=off", "site", "0", "--port"],
    ];
    let (last, good) = table.split_last().expect("a table");
    for args in good {
        let server = Started::new(directory.path(), args);
        let mut client = Raw::connect(server.address());
        assert_eq!(client.get("/").text(), "a site", "{args:?}");
        drop(client);
        assert_eq!(server.stop().code, Some(0), "{args:?}");
    }
    assert_eq!(run(directory.path(), last).code, Some(2), "a port without its number is a mistake");
}

#[test]
fn nothing_given_serves_content_or_working_directory() {
    let directory = sample_directory();
    let site = directory.path().join("site");
    for (files, text) in [(&[][..], "a site"), (&[("content/index.html", &b"content"[..])], "content")] {
        lay_out(&site, files);
        let server = Started::new(&site, &["0"]);
        assert_eq!(Raw::connect(server.address()).get("/").text(), text);
        let served = if files.is_empty() { site.clone() } else { site.join("content") };
        let stderr = server.stop().stderr.join("\n");
        assert!(stderr.contains(&format!(" and serves '{}'; ", served.display())), "{stderr}");
    }
    let server = Started::new(&site, &["0", "--welcome"]);
    assert_eq!(Raw::connect(server.address()).get("/HelloWorld.html").status, 200);
    assert!(server.stop().stderr.join("").contains(" and serves the built-in pages"));
    assert_eq!(run(&site, &["0", "--welcome", "."]).code, Some(2));
}

#[test]
fn upload_for_other_machines_needs_named_root() {
    let directory = sample_directory();
    for bind in ["--bind=0.0.0.0", "-b::", "--bind=192.0.2.1"] {
        let outcome = run(directory.path(), &["--check", "--upload", bind]);
        assert_eq!(outcome.code, Some(2), "{bind}");
        let stderr = outcome.stderr.join("\n");
        assert!(stderr.contains("name it with --root"), "{stderr}");
        assert_eq!(
            run(directory.path(), &["--check", "--upload", "--upload-open", bind, "site"]).code,
            Some(0),
            "{bind}"
        );
    }
    assert_eq!(run(directory.path(), &["--check", "--upload", "--bind=127.0.0.2"]).code, Some(0));
}

#[test]
fn file_as_root_is_served_alone() {
    let directory = sample_directory();
    lay_out(directory.path(), &[("site/deep/index.html", b"deep"), ("site/.secret", b"secret")]);
    let page = directory.path().join("site/home.htm");
    for (name, path) in
        [("a-file", "/a-file"), ("./site/home.htm", "/home.htm"), (page.to_str().expect("text"), "/home.htm")]
    {
        let server = Started::new(directory.path(), &["0", name]);
        let mut client = Raw::connect(server.address());
        let text = if path == "/a-file" { "-" } else { "a home" };
        for path in ["/", path] {
            assert_eq!(client.get(path).text(), text, "{name} {path}");
        }
        for path in [
            "/index.html",
            "/site/",
            "/deep/",
            "/deep",
            "/.secret",
            "/x",
            &format!("{path}/"),
            "/?archive=tar",
        ] {
            let status = if path == "/?archive=tar" { 403 } else { 404 };
            assert_eq!(client.get(path).status, status, "{name} {path}");
        }
        if path == "/home.htm" {
            std::fs::remove_file(&page).expect("removes");
            assert_eq!(client.get("/").status, 404);
            lay_out(directory.path(), &[("site/home.htm", b"a home")]);
            assert_eq!(client.get("/").text(), "a home");
        }
    }
    for (args, path, text) in [
        (&["0", "site/.secret"][..], "/.secret", "secret"),
        (&["0", "site/home.htm", "--fallback=home.htm"], "/missing", "a home"),
    ] {
        let server = Started::new(directory.path(), args);
        assert_eq!(Raw::connect(server.address()).get(path).text(), text, "{args:?}");
    }
    std::os::unix::fs::symlink("../a-file", directory.path().join("site/out")).expect("a link");
    for (args, thing) in [
        (&["a-file", "--upload"][..], "a file takes no --upload"),
        (&["site/home.htm", "--fallback=index.html"], "no other file as --fallback"),
        (&["site/home.htm", "--error-page=404=index.html"], "no other file as --fallback or --error-page"),
        (&["site/out"], "or a link that leaves its directory"),
    ] {
        let args = [&["--check"], args].concat();
        expect_failure(directory.path(), &args, 1, thing, "name its directory with --root");
    }
}

#[test]
fn index_option_selects_the_index_file() {
    let directory = sample_directory();
    let server = Started::new(directory.path(), &["0", "site", "--index", "home.htm"]);
    assert_eq!(Raw::connect(server.address()).get("/").text(), "a home");
}

#[test]
fn default_bind_is_both_loopbacks_on_one_port() {
    let directory = sample_directory();
    let server = Started::new(directory.path(), &["0", "site", "--access-log", "off"]);
    let first = server.address();
    assert!(first.is_ipv4() && first.ip().is_loopback() && first.port() != 0, "{first}");
    assert_eq!(Raw::connect(first).get("/").text(), "a site");
    if has_ipv6() {
        let second = server.address();
        assert_eq!(second, SocketAddr::from((Ipv6Addr::LOCALHOST, first.port())));
        assert_eq!(Raw::connect(second).get("/").text(), "a site");
    }
    let ended = server.stop();
    assert_eq!(ended.stdout, [""; 0], "nothing else is printed");
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let lines: Vec<_> = ended.stderr.iter().map(|line| line.split("; ").next().unwrap_or(line)).collect();
    assert_eq!(
        lines,
        [format!(
            "reactor-server: this host is {host} and serves '{}'",
            directory.path().join("site").display()
        )]
    );
}

#[test]
fn bind_option_listens_on_the_given_addresses_only() {
    let directory = sample_directory();
    let args = ["0", "site", "--access-log=off", "--bind", "127.0.0.2", "-b", "127.0.0.3"];
    let server = Started::new(directory.path(), &args);
    let (first, second) = (server.address(), server.address());
    assert_eq!(first.ip().to_string(), "127.0.0.2");
    assert_eq!(second, SocketAddr::from(([127, 0, 0, 3], first.port())));
    for address in [first, second] {
        assert_eq!(Raw::connect(address).get("/").text(), "a site");
    }
    assert_eq!(server.stop().stdout, Vec::<String>::new());
    let server = Started::new(directory.path(), &["0", "site", "--access-log=off", "--bind", "0.0.0.0"]);
    let everywhere = server.address();
    assert!(everywhere.ip().is_unspecified());
    let near = SocketAddr::from(([127, 0, 0, 1], everywhere.port()));
    assert_eq!(Raw::connect(near).get("/").text(), "a site");
}

#[test]
fn content_directory_present_is_served() {
    let directory = tempfile::tempdir().expect("a temporary folder");
    lay_out(directory.path(), &[("content/index.html", b"my content")]);
    let server = Started::new(directory.path(), &["--port", "0"]);
    let mut client = Raw::connect(server.address());
    assert_eq!(client.get("/").text(), "my content");
    assert_eq!(client.get("/HelloWorld.html").status, 404);
}

#[test]
fn welcome_serves_embedded_pages_in_empty_directory() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let server = Started::new(empty.path(), &["--port", "0", "--welcome"]);
    let mut client = Raw::connect(server.address());
    let pages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("content");
    for (path, file) in [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/HelloWorld.html", "HelloWorld.html"),
        ("/style.css", "style.css"),
        ("/favicon.svg", "favicon.svg"),
    ] {
        let page = fs::read(pages.join(file)).expect("the page");
        let response = client.get(path);
        assert!(response.status == 200 && response.body == page, "{path}: {}", response.head);
        let head = client.send(format!("HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n")).reply_to_head();
        for field in ["content-length", "content-type", "etag", "last-modified"] {
            assert_eq!(head.field(field), response.field(field), "{field} of {path}");
        }
        assert_eq!(head.field("content-length"), Some(page.len().to_string().as_str()));
    }
    for path in ["/nope", "/content/", "/Cargo.toml"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
}

#[test]
fn help_lists_groups_options_and_defaults_on_stdout() {
    let directory = sample_directory();
    for flag in ["--help", "-h"] {
        let ended = run(directory.path(), &[flag]);
        assert_eq!((ended.code, ended.stderr), (Some(0), vec![]));
        let help = ended.stdout;
        let has = |text: &str| help.iter().any(|line| line.contains(text));
        assert!(help.iter().all(|line| line.chars().count() <= 100), "it fits 100 columns");
        for group in ["What to serve:", "Where to listen:", "Logging:", "Limits:", "Settings:", "Examples:"] {
            assert!(help.iter().any(|line| line == group), "a group: {group}");
        }
        for option in [
            "-p, --port",
            "-b, --bind",
            "-d, --root",
            "-i, --index",
            "--access-log",
            "--idle-timeout",
            "--header-timeout",
            "--grace",
            "--max-connections",
            "-q, --quiet",
            "-c, --config",
            "--check",
            "-h, --help",
            "-V, --version",
        ] {
            assert!(has(option), "an option: {option}");
        }
        for default in ["8080", "index.html", "./content", "60s", "10s", "localhost", "-"] {
            assert!(has(&format!("[default: {default}")), "a default: {default}");
        }
        let examples = help.iter().skip_while(|line| *line != "Examples:").skip(1);
        assert_eq!(examples.filter(|line| line.starts_with("  reactor-server")).count(), 4);
    }
}

#[test]
fn version_is_printed_on_stdout() {
    let directory = sample_directory();
    for flag in ["--version", "-V"] {
        let ended = run(directory.path(), &[flag]);
        assert_eq!((ended.code, ended.stderr), (Some(0), vec![]));
        let without = if cfg!(feature = "tls") { "" } else { " without TLS" };
        assert_eq!(ended.stdout, [format!("reactor-server {}{without}", env!("CARGO_PKG_VERSION"))]);
    }
}

#[test]
fn quiet_option_prints_nothing() {
    let directory = sample_directory();
    for args in [&["-q", "0", "site"][..], &["--quiet", "0", "site", "--access-log", "log"]] {
        let server = Started::new(directory.path(), args);
        server.wait_until_caught(Signal::TERM);
        let ended = server.stop();
        assert_eq!((ended.code, ended.stdout, ended.stderr), (Some(0), vec![], vec![]));
    }
}

/// Exactly one line on standard error, which names the program, the thing and the remedy.
fn expect_failure(directory: &Path, args: &[&str], code: i32, thing: &str, remedy: &str) {
    let ended = run(directory, args);
    let message = ended.stderr.join("\n");
    assert_eq!(ended.code, Some(code), "{args:?}: {message}");
    assert_eq!(ended.stderr.len(), 1, "{args:?}: one line: {message}");
    assert!(message.starts_with("reactor-server: "), "{args:?}: {message}");
    assert!(message.contains(thing) && message.contains(remedy), "{args:?}: {thing}, {remedy}: {message}");
    assert_eq!(ended.stdout, Vec::<String>::new(), "{args:?}");
}

#[test]
fn bad_arguments_print_one_line_with_remedy_and_exit_2() {
    let directory = sample_directory();
    let table: &[(&[&str], &str, &str)] = &[
        (&["--nonsense"], "'--nonsense'", "--help"),
        (&["--prot", "1"], "'--prot'", "--port"),
        (&["-x"], "'-x'", "--help"),
        (&["65536"], "65536", "up to 65535"),
        (&["--port", "http"], "'http'", "0 to 65535"),
        (&["--port"], "'--port'", "needs a value"),
        (&["--root"], "'--root'", "needs a value"),
        (&["80", "81"], "port", "leave one out"),
        (&["site", "other"], "directory", "leave one out"),
        (&["--bind", "nowhere"], "'nowhere'", "or localhost"),
        (&["--bind", "::1", "--bind", "::1"], "::1", "leave one out"),
        (&["--index", "a/b"], "'a/b'", "plain file name"),
        (&["--grace", "soon"], "'soon'", "10s"),
        (&["--idle-timeout", "0"], "--idle-timeout", "above 0"),
        (&["--header-timeout", "-1s"], "--header-timeout", "10s"),
        (&["--max-connections", "0"], "--max-connections", "from 1 up"),
        (&["--max-connections", "many"], "'many'", "from 1 up"),
        (&["-q", "-q"], "'--quiet'", "once is enough"),
        (&[""], "empty", "write ."),
    ];
    for (args, thing, remedy) in table {
        expect_failure(directory.path(), args, 2, thing, remedy);
    }
}

#[test]
fn start_errors_print_one_line_with_remedy_and_exit_1() {
    let directory = sample_directory();
    let table: &[(&[&str], &str, &str)] = &[
        (&["0", "missing"], "'missing'", "--root"),
        (&["0", "/dev/null"], "'/dev/null'", "--root"),
        (&["0", "a\nb"], "a\\nb", "--root"),
        (&["0", "site", "--access-log", "missing/log"], "'missing/log'", "--access-log"),
        (&["0", "site", "--access-log", "a\nb/log"], "a\\nb", "--access-log"),
        (&["0", "site", "--access-log", "site"], "'site'", "--access-log"),
        (&["0", "site", "--bind", "192.0.2.1"], "192.0.2.1", "--bind"),
    ];
    for (args, thing, remedy) in table {
        expect_failure(directory.path(), args, 1, thing, remedy);
    }
}

#[test]
fn port_in_use_prints_address_and_remedy() {
    let directory = sample_directory();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = taken.local_addr().expect("its address");
    let port = address.port().to_string();
    let thing = format!("{address}: the port is in use");
    expect_failure(directory.path(), &["site", &port], 1, &thing, "--port");
    expect_failure(directory.path(), &["site", "-p", &port, "-b", "127.0.0.1"], 1, &thing, "--port");
}

#[test]
fn unreadable_root_prints_remedy() {
    use std::os::unix::fs::PermissionsExt;
    if geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let directory = sample_directory();
    let locked = directory.path().join("locked");
    fs::create_dir(&locked).expect("a directory");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("its mode");
    expect_failure(directory.path(), &["0", "locked"], 1, "'locked'", "make it readable");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).expect("it can be removed");
}
