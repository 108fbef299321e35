//! A server that runs: started on its core, watched by what the kernel counts, ended with all its workers.
//!
//! It has a process group of its own, so that what it has started ends with it. What it says on its
//! standard error is in a file, of which the end is told if it does not come up.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::guard;
use crate::usage;

/// How long one may take to end when it is told to, before it is made to.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether something has come about.
const LOOKS_EVERY: Duration = Duration::from_millis(5);
/// How much of what a server has said is told.
const SAID_MAX: usize = 300;

/// One that answers.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts a server that listens on this port, on these cores, and waits until it can be connected to.
    pub(crate) fn start(
        server: &Command,
        cores: &[usize],
        port: u16,
        within: Duration,
        folder: &Path,
    ) -> Result<Self, String> {
        let said = folder.join("said");
        let text = |error: io::Error| error.to_string();
        let cores: Vec<String> = cores.iter().map(ToString::to_string).collect();
        let mut command = Command::new(std::env::current_exe().map_err(text)?);
        command.arg(guard::OPTION).arg(cores.join(",")).arg(server.get_program()).args(server.get_args());
        command.current_dir(folder).env("HOME", folder).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&said).map_err(text)?);
        let child = command.spawn().map_err(text)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut running = Self { child, address };
        running.await_listening(within).map_err(|error| {
            let said = fs::read_to_string(&said).unwrap_or_default();
            format!("{error}; it says: {}", tail(&said))
        })?;
        Ok(running)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processor time of all its processes so far.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        usage::family(self.child.id())?.into_iter().map(usage::of).sum()
    }

    /// The memory of all its processes.
    pub(crate) fn resident_len(&self) -> io::Result<u64> {
        usage::family(self.child.id())?.into_iter().map(usage::resident_len).sum()
    }

    /// Tells it to end, and waits for that; whether it has ended by itself in that time.
    pub(crate) fn end(mut self, within: Duration) -> bool {
        self.tell(Signal::TERM);
        self.await_end(within)
    }

    fn await_listening(&mut self, within: Duration) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < within {
            match TcpStream::connect(self.address) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.to_string()),
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it has ended, with {status}"));
            }
            thread::sleep(LOOKS_EVERY);
        }
        Err(format!("it does not listen after {within:?}"))
    }

    fn await_end(&mut self, within: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < within {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(LOOKS_EVERY);
        }
        false
    }

    /// A group that is gone needs no telling.
    fn tell(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell(Signal::TERM);
        self.await_end(ENDS_WITHIN);
        self.tell(Signal::KILL);
        // It is ended; only its status is fetched.
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The end of it, in one line.
fn tail(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    let line = words.join(" ");
    let skipped = line.chars().count().saturating_sub(SAID_MAX);
    line.chars().skip(skipped).collect()
}
