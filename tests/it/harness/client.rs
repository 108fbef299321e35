//! The real client as a process: run to its end, or watched while it runs, on pipes or on a terminal.
//!
//! Whatever it writes is recorded as it comes, so that a test can wait for a text. Every wait has
//! a deadline, after which the test fails.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{WAIT_MAX, wait};

/// What a client has left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output, unless that was a terminal.
    pub(crate) stdout: Vec<u8>,
    /// What it said on standard error.
    pub(crate) stderr: String,
}

/// A client under way. Dropping it kills the process.
pub(crate) struct Client {
    child: Option<Child>,
    keyboard: Option<File>,
    stdout: Tape,
    stderr: Tape,
}

/// Where a client's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// Both outputs are pipes.
    None,
    /// Standard error is a terminal, standard output a pipe.
    Stderr,
    /// The same, and the terminal has only 40 columns.
    Narrow,
    /// Both are one terminal; what appears there counts as standard error.
    Both,
    /// Standard input and standard error are a terminal, on which a test can type.
    Keyboard,
}

/// What a stream brings, recorded as it comes.
pub(crate) struct Tape {
    pieces: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

/// Runs the client with these arguments to its end.
pub(crate) fn client(args: &[&str]) -> Outcome {
    Client::start(args, Screen::None, |_| ()).finish()
}

/// The same, in this working directory.
pub(crate) fn client_in(folder: &Path, args: &[&str]) -> Outcome {
    Client::start_in(folder, args, Screen::None).finish()
}

impl Outcome {
    /// Asserts the exit code; if it is another, what was said tells why.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "on standard error: {}", self.stderr);
        self
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    /// The one line that says what went wrong; panics if there is none or another beside it.
    #[track_caller]
    pub(crate) fn complaint(&self) -> &str {
        let mut lines = self.stderr.lines().filter(|line| line.starts_with("reactor-client: "));
        let line = lines.next().unwrap_or_else(|| panic!("no complaint: {:?}", self.stderr));
        assert_eq!(lines.next(), None, "a second complaint");
        assert_eq!(self.stderr.lines().last(), Some(line), "the complaint comes last");
        line
    }
}

impl Client {
    /// Starts the client with these arguments and, as the last word, an adjustment of the command.
    pub(crate) fn start(args: &[&str], screen: Screen, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reactor-client"));
        command.args(args).env_remove("RUST_LOG").env("TERM", "xterm");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let columns = if screen == Screen::Narrow { 40 } else { 100 };
        let terminal = (screen != Screen::None).then(|| open_terminal(columns));
        let master = terminal.map(|(master, slave)| {
            let second = || slave.try_clone().expect("a second descriptor");
            match screen {
                Screen::Both => command.stdout(second()),
                Screen::Keyboard => command.stdin(second()),
                _ => &mut command,
            };
            command.stderr(slave);
            master
        });
        adjust(&mut command);
        let mut child = command.spawn().expect("the client starts");
        let stdout = child.stdout.take().map_or_else(Tape::empty, Tape::record);
        let stderr = child.stderr.take().map_or_else(Tape::empty, Tape::record);
        let keyboard = master.as_ref().map(|master: &File| master.try_clone().expect("a second descriptor"));
        Self { child: Some(child), keyboard, stdout, stderr: master.map_or(stderr, Tape::record) }
    }

    /// Starts the client in this working directory.
    pub(crate) fn start_in(folder: &Path, args: &[&str], screen: Screen) -> Self {
        Self::start(args, screen, |command| {
            command.current_dir(folder);
        })
    }

    /// Types on its terminal, which is returned.
    pub(crate) fn type_text(&self, text: &str) -> File {
        let mut keyboard = self.keyboard.as_ref().expect("a terminal").try_clone().expect("a descriptor");
        keyboard.write_all(text.as_bytes()).expect("the terminal takes it");
        keyboard
    }

    /// What it writes to standard output.
    pub(crate) fn stdout(&mut self) -> &mut Tape {
        &mut self.stdout
    }

    /// What it says on standard error, or shows on the terminal.
    pub(crate) fn stderr(&mut self) -> &mut Tape {
        &mut self.stderr
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the signal is sent");
    }

    /// Waits until it has ended.
    pub(crate) fn finish(mut self) -> Outcome {
        let status = wait(self.child.take().expect("it runs"));
        assert_eq!(status.signal(), None, "no signal ends it");
        let stderr = String::from_utf8_lossy(self.stderr.all()).into_owned();
        Outcome { code: status.code(), stdout: self.stdout.all().to_vec(), stderr }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Tape {
    /// Reads to the end in a thread of its own, so that a full pipe never stops the process.
    fn record(mut from: impl Read + Send + 'static) -> Self {
        let (tell, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            // A terminal whose last user has left answers with an error: that is its end.
            while let Ok(len @ 1..) = from.read(&mut piece) {
                if tell.send(piece[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { pieces, seen: Vec::new() }
    }

    /// A stream that brings nothing.
    fn empty() -> Self {
        Self::record(std::io::empty())
    }

    /// Waits until this text has come.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.seen.windows(text.len()).any(|window| window == text.as_bytes()) {
            match self.pieces.recv_timeout(WAIT_MAX) {
                Ok(piece) => self.seen.extend(piece),
                Err(_) => panic!("{text:?} never came, but {:?}", String::from_utf8_lossy(&self.seen)),
            }
        }
    }

    /// Everything, up to the end.
    fn all(&mut self) -> &[u8] {
        loop {
            match self.pieces.recv_timeout(WAIT_MAX) {
                Ok(piece) => self.seen.extend(piece),
                Err(mpsc::RecvTimeoutError::Disconnected) => return &self.seen,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the stream has no end"),
            }
        }
    }
}

/// A new terminal of so many columns: the side that reads what appears on it, and the client's side.
fn open_terminal(columns: u16) -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("access to it");
    unlockpt(&master).expect("its lock is opened");
    let name = ptsname(&master, Vec::new()).expect("its name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, Mode::empty()).expect("its other side");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&slave, size).expect("its size");
    (master.into(), slave)
}
