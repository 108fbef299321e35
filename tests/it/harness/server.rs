//! The real server as a process on a free port, serving a folder of its own.
//!
//! It learns the port from the line that the server prints, as a script would.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Raw, Reply, WAIT_MAX, secure};
use crate::deadlines::begin_long_waits;

/// A running server. Dropping it kills the process.
pub(crate) struct Server {
    child: Option<Child>,
    address: SocketAddr,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    folder: TempDir,
}

/// What a server has left behind.
pub(crate) struct Stopped {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its access log, if it was the file that the harness gives it.
    pub(crate) log: String,
    /// What it said on standard output after the first line.
    pub(crate) stdout: String,
    /// What it said on standard error.
    pub(crate) stderr: String,
}

/// The server, which shall not be told anything by the environment of the tests.
pub(crate) fn reactor_server() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reactor-server"));
    unset_settings(&mut command);
    command
}

/// Keeps settings in the environment of the tests from a program, but for those that it is given.
pub(crate) fn unset_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_given = command.get_envs().any(|(given, _)| given == name);
        if name.as_encoded_bytes().starts_with(b"REACTOR_") && !is_given {
            command.env_remove(name);
        }
    }
}

/// Whether strace is there and may trace.
pub(crate) fn can_trace() -> bool {
    let probe =
        Command::new("strace").args(["-D", "-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can_trace = probe.is_ok_and(|status| status.success());
    if !can_trace {
        eprintln!("skipped: strace is missing, or may not trace here");
    }
    can_trace
}

/// Has strace run the server. The tracer is a grandchild, so signals reach the server.
pub(crate) fn trace(command: &mut Command, calls: &Path, args: &[&str]) {
    let mut strace = Command::new("strace");
    strace
        .args(["-D", "-f", "-y", "-o"])
        .arg(calls)
        .args(args)
        .arg(command.get_program())
        .args(command.get_args());
    strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    *command = strace;
}

/// When the files that tests are given were last modified, as they say.
pub(crate) const LONG_AGO_DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

/// Writes these files below a folder, as of long ago: what is said of a file changes while it is young.
pub(crate) fn lay_out(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("the folders");
        fs::write(&path, bytes).expect("the file");
        make_old(&path);
    }
}

/// Has a file say that it was last modified at [`LONG_AGO_DATE`].
pub(crate) fn make_old(path: &Path) {
    let file = File::options().write(true).open(path).expect("the file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).expect("its time");
}

/// Reads to the end in a thread of its own, so that a full pipe never stops the process.
fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// The lines of a stream as they come, read in a thread of its own: wait for each with a deadline.
pub(crate) fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// Waits for the exit of a process that should end by itself; kills it and fails after [`WAIT_MAX`].
pub(crate) fn wait(mut child: Child) -> ExitStatus {
    let pid = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let status = child.wait().expect("a status");
        let _ = tell.send(());
        status
    });
    if told.recv_timeout(WAIT_MAX).is_err() {
        let _ = kill_process(pid, Signal::KILL);
        panic!("the process did not end by itself");
    }
    waiter.join().expect("the waiter")
}

impl Server {
    /// Serves these files with default settings.
    pub(crate) fn serving(files: &[(&str, &[u8])]) -> Self {
        Self::with(files, &[])
    }

    /// Serves these files with these options besides `--port 0`, `--bind 127.0.0.1`, `--root` and,
    /// unless it is given, an `--access-log` file outside the root.
    pub(crate) fn with(files: &[(&str, &[u8])], options: &[&str]) -> Self {
        Self::spawn(files, options, |_| ())
    }

    /// The same, with a last word on the command: its environment, its working directory.
    pub(crate) fn spawn(
        files: &[(&str, &[u8])],
        options: &[&str],
        adjust: impl FnOnce(&mut Command),
    ) -> Self {
        let (mut server, stdout) = Self::spawn_apart(files, options, adjust);
        server.stdout = Some(collect(stdout));
        server
    }

    /// The same, but what it writes to standard output after its address is the caller's to read,
    /// or not to read.
    pub(crate) fn spawn_apart(
        files: &[(&str, &[u8])],
        options: &[&str],
        adjust: impl FnOnce(&mut Command),
    ) -> (Self, BufReader<ChildStdout>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("root");
        fs::create_dir(&root).expect("the root");
        lay_out(&root, files);
        let mut command = reactor_server();
        command.args(["--port", "0", "--bind", "127.0.0.1"]).arg("--root").arg(&root);
        if !options.contains(&"--access-log") {
            command.arg("--access-log").arg(folder.path().join("access.log"));
        }
        command.args(options).args(secure::server_options());
        Self::launch(folder, command, adjust)
    }

    /// Serves what it finds in its working directory, which has these files; the options are all that
    /// it is told besides `--port 0`, `--bind 127.0.0.1` and an `--access-log` file.
    pub(crate) fn in_folder(files: &[(&str, &[u8])], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("root");
        fs::create_dir(&root).expect("the root");
        lay_out(&root, files);
        let mut command = reactor_server();
        command.args(["--port", "0", "--bind", "127.0.0.1", "--access-log"]);
        command.arg(folder.path().join("access.log")).args(options).current_dir(&root);
        let (mut server, stdout) = Self::launch(folder, command, |_| ());
        server.stdout = Some(collect(stdout));
        server
    }

    /// Starts the process and reads its address.
    fn launch(
        folder: TempDir,
        mut command: Command,
        adjust: impl FnOnce(&mut Command),
    ) -> (Self, BufReader<ChildStdout>) {
        begin_long_waits();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        adjust(&mut command);
        // Tests send any Host. A test of the default list removes this itself.
        if command.get_envs().all(|(name, _)| name != "REACTOR_HOST") {
            command.env("REACTOR_HOST", "*");
        }
        // Perhaps it is another command by now, such as a shell.
        unset_settings(&mut command);
        let mut child = command.spawn().expect("the server starts");
        let stderr = collect(child.stderr.take().expect("its stderr"));
        let mut stdout = BufReader::new(child.stdout.take().expect("its stdout"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line with its address");
        let url = line.trim_end();
        let address = url.strip_prefix("http://").or(url.strip_prefix("https://"));
        let address =
            address.and_then(|rest| rest.strip_suffix('/')).and_then(|address| address.parse().ok());
        let Some(address) = address else {
            panic!("no address line but {line:?}, and on stderr: {}", stderr.join().unwrap_or_default());
        };
        secure::set_server(address, url.starts_with("https://"));
        (Self { child: Some(child), address, stdout: None, stderr: Some(stderr), folder }, stdout)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it serves.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The access log that the harness gives it.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }

    /// A new connection to it.
    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.connect().get(path)
    }

    /// One GET of a file, as soon as it has an entity-tag: while it is young, a large one has none.
    pub(crate) fn get_tagged(&self, path: &str) -> Reply {
        /// It is time itself that is waited for.
        const PAUSE: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + WAIT_MAX;
        let mut client = self.connect();
        loop {
            let reply = client.get(path);
            if reply.field("ETag").is_some() {
                return reply;
            }
            assert!(Instant::now() < deadline, "{path} never has an entity-tag: {}", reply.head);
            thread::park_timeout(PAUSE);
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the signal is sent");
    }

    /// Kills it (SIGKILL) and serves the same folder with these options.
    pub(crate) fn killed_and_restarted(self, options: &[&str]) -> Self {
        self.relaunched("0", options)
    }

    /// The same, on the port that it had.
    pub(crate) fn killed_and_restarted_in_place(self, options: &[&str]) -> Self {
        let port = self.address.port().to_string();
        self.relaunched(&port, options)
    }

    fn relaunched(mut self, port: &str, options: &[&str]) -> Self {
        let mut child = self.take_child().expect("it runs");
        child.kill().expect("the signal is sent");
        child.wait().expect("a status");
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a temporary folder"));
        let mut command = reactor_server();
        command.args(["--port", port, "--bind", "127.0.0.1"]).arg("--root").arg(folder.path().join("root"));
        command.arg("--access-log").arg(folder.path().join("access.log"));
        command.args(options).args(secure::server_options());
        let (mut server, stdout) = Self::launch(folder, command, |_| ());
        server.stdout = Some(collect(stdout));
        server
    }

    /// Before it ends: the kernel may then give its port to a server without TLS.
    fn take_child(&mut self) -> Option<Child> {
        let child = self.child.take()?;
        secure::set_server(self.address, false);
        Some(child)
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub(crate) fn stop(self) -> Stopped {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until it has ended.
    pub(crate) fn wait(mut self) -> Stopped {
        let status = wait(self.take_child().expect("it runs"));
        let log = self.log_path();
        let text =
            |from: Option<JoinHandle<String>>| from.and_then(|thread| thread.join().ok()).unwrap_or_default();
        Stopped {
            status,
            log: fs::read_to_string(log).unwrap_or_default(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.take_child() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
