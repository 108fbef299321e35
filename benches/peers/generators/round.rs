//! One round: a generator is started, watched for a while, and ended.
//!
//! The server counts what it has answered, and the kernel what the generator has used, both at the two
//! ends of the same stretch of time. So nobody's own report is believed, and neither starting, connecting
//! nor reporting is in the figures.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::generator::Generator;
use crate::responder::Responder;
use crate::usage;

/// How long a generator is under way before it is watched.
const SETTLES: Duration = Duration::from_millis(500);

/// What is put on the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) is_tls: bool,
    /// How long it is watched.
    pub(crate) lasts: Duration,
}

/// What came of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Microseconds of the generator's processor time that a request took.
    pub(crate) cpu_us: f64,
    /// Requests a second.
    pub(crate) per_sec: f64,
    /// The share of its core that the generator used.
    pub(crate) busy: f64,
}

/// One moment of a round.
struct Moment {
    at: Instant,
    used: Duration,
    answered: u64,
}

impl Moment {
    fn now(child: &Child, responder: &Responder) -> io::Result<Self> {
        let used = usage::of(child.id())?;
        Ok(Self { at: Instant::now(), used, answered: responder.answered() })
    }

    fn until(&self, later: &Self) -> Sample {
        let wall = (later.at - self.at).as_secs_f64();
        let used = later.used.saturating_sub(self.used).as_secs_f64();
        let answered = (later.answered - self.answered) as f64;
        Sample { cpu_us: used * 1e6 / answered, per_sec: answered / wall, busy: used / wall }
    }
}

/// A process that does not outlive its round.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended by itself needs no ending.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs one round of this generator.
pub(crate) fn run(generator: Generator, responder: &Responder, load: &Load) -> io::Result<Sample> {
    let mut command = generator.command(load).ok_or(io::ErrorKind::NotFound)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Ended(command.spawn()?);
    let sample = watch(&mut child.0, responder, load);
    drop(child);
    responder.await_connections(0)?;
    sample
}

fn watch(child: &mut Child, responder: &Responder, load: &Load) -> io::Result<Sample> {
    let connected = responder.await_connections(load.connections);
    thread::sleep(SETTLES);
    let before = Moment::now(child, responder)?;
    thread::sleep(load.lasts);
    let after = Moment::now(child, responder)?;
    if let Some(status) = child.try_wait()? {
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        return Err(io::Error::other(format!("it ended too early, with {status}: {}", said.trim())));
    }
    connected?;
    if after.answered == before.answered {
        return Err(io::Error::other("it has sent nothing"));
    }
    Ok(before.until(&after))
}
