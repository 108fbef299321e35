//! What all measurements share: the site, the cores, the load's program, and how a round is run.
//!
//! All servers of a table run at the same time, and one after the other is put under load: so each has its
//! caches warm and meets the same machine. Those that wait use no time worth the name, and what they do use
//! is counted as theirs. A server that cannot be run or does not do what is asked is left out with its reason.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reactor_http::files::QUIET_AGE;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::exchange::{self, Expected, MANY_REQUESTS, SOME_REQUESTS};
use super::load::Load;
use super::process::{Running, free_port};
use super::server::Server;
use super::settings::Setup;
use super::site::{SMALL, Site};
use super::tool::Tool;
use crate::cores::Cores;
use crate::options::Options;

/// How long a server may take to come up.
const COMES_UP_WITHIN: Duration = Duration::from_secs(10);
/// The end of a load's connections reaches the server within this time, and counts as well.
const SETTLES: Duration = Duration::from_millis(20);

/// What takes part: a server, as it is or changed in one thing.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) server: Server,
    change: fn(&mut Setup),
}

impl Entry {
    /// A server as it is.
    pub(crate) fn plain(server: Server) -> Self {
        Self { name: server.name().to_owned(), server, change: |_| () }
    }

    /// A server that is changed in this, and called so.
    pub(crate) fn changed(name: &str, server: Server, change: fn(&mut Setup)) -> Self {
        Self { name: name.to_owned(), server, change }
    }
}

/// What came of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Microseconds of the server's processor time that a request took.
    pub(crate) cpu_us: f64,
    /// Requests a second.
    pub(crate) per_sec: f64,
    /// The processors that the server used, and those that the load used: 1 is one whole core.
    pub(crate) busy: f64,
    pub(crate) load_busy: f64,
}

/// A server that runs, or the reason why it does not.
pub(crate) struct Lane {
    pub(crate) entry: Entry,
    pub(crate) state: Result<Running, String>,
    pub(crate) samples: Vec<Sample>,
}

impl Lane {
    /// Asks for each of the many files once.
    pub(crate) fn visit(&mut self, load: &Load, count: usize) {
        if let Ok(running) = &self.state
            && let Err(error) = exchange::visit(running.address(), load, count)
        {
            self.state = Err(error.to_string());
        }
    }
}

/// Everything that a measurement needs.
pub(crate) struct Bench {
    pub(crate) site: Site,
    pub(crate) tool: Tool,
    pub(crate) cores: Cores,
    /// All that this process may use.
    pub(crate) all_cores: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) round_lasts: Duration,
    pub(crate) is_quick: bool,
    only: Vec<String>,
    /// Those that have been seen to keep a connection for as many requests as there may be.
    kept: RefCell<Vec<String>>,
    interrupted: Arc<AtomicBool>,
}

impl Bench {
    /// Lays out the site, and goes to the core of the load.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted)).map_err(text)?;
        }
        let allowed = sched_getaffinity(None).map_err(|error| error.to_string())?;
        let bench = Self {
            site: Site::lay_out().map_err(text)?,
            tool: Tool::choose(options.load.as_deref())?,
            cores: Cores::choose().map_err(text)?,
            all_cores: (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect(),
            rounds: options.rounds,
            round_lasts: options.round_lasts,
            is_quick: options.is_quick,
            only: options.only.clone(),
            kept: RefCell::default(),
            interrupted,
        };
        bench.go_to(&[bench.cores.generator])?;
        // Files that have only just changed are not kept.
        thread::sleep(QUIET_AGE);
        Ok(bench)
    }

    /// Whether a table of this name is asked for: no word of `--only` is a table's, or one is this one's.
    pub(crate) fn wants(&self, table: &str) -> bool {
        let names_server = |word: &String| Server::listed().iter().any(|server| server.name().contains(word));
        let mut words = self.only.iter().filter(|word| !names_server(word)).peekable();
        words.peek().is_none() || words.any(|word| table.to_lowercase().contains(word))
    }

    /// These servers, but of the peers only those that are asked for.
    pub(crate) fn entries(&self, servers: &[Server]) -> Vec<Entry> {
        let is_named = |server: &Server| self.only.iter().any(|word| server.name().contains(word));
        let any = Server::listed().iter().any(is_named);
        let wanted = servers.iter().filter(|server| !server.is_peer() || !any || is_named(server));
        wanted.map(|&server| Entry::plain(server)).collect()
    }

    /// An error once the benchmark is told to end.
    pub(crate) fn go_on(&self) -> Result<(), String> {
        if self.interrupted.load(Ordering::Relaxed) { Err("interrupted".to_owned()) } else { Ok(()) }
    }

    /// Keeps this thread and the loads that it starts on these cores.
    pub(crate) fn go_to(&self, cores: &[usize]) -> Result<(), String> {
        let mut allowed = CpuSet::new();
        cores.iter().for_each(|&core| allowed.set(core));
        sched_setaffinity(None, &allowed).map_err(|error| error.to_string())
    }

    /// A folder for this entry alone, and what is particular to it.
    pub(crate) fn setup(&self, entry: &Entry, load: &Load) -> io::Result<Setup> {
        let name = entry.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let folder = self.site.folder().join(name);
        fs::create_dir_all(&folder)?;
        let mut setup = Setup::new(&self.site, &folder);
        setup.port = free_port()?;
        setup.certificate = load.tls.map(|_| self.site.certificate()).transpose()?;
        (entry.change)(&mut setup);
        Ok(setup)
    }

    /// Starts a server on these cores.
    pub(crate) fn start(&self, entry: &Entry, setup: &Setup, cores: &[usize]) -> Result<Running, String> {
        let command = entry.server.command(setup)?;
        Running::start(&command, cores, setup.port, COMES_UP_WITHIN, &setup.folder)
    }

    /// Starts all of these on these cores, each once it does what this load asks. The floor answers with
    /// the very bytes of this project's server.
    pub(crate) fn line_up(
        &self,
        entries: Vec<Entry>,
        load: &Load,
        expected: &Expected,
        cores: &[usize],
    ) -> Result<Vec<Lane>, String> {
        let answer = self.answer(load, expected)?;
        let mut lanes = Vec::with_capacity(entries.len());
        for entry in entries {
            self.go_on()?;
            let state = self.bring_up(&entry, load, expected, &answer, cores);
            lanes.push(Lane { entry, state, samples: Vec::with_capacity(self.rounds) });
        }
        Ok(lanes)
    }

    /// What this project's server answers.
    pub(crate) fn answer(&self, load: &Load, expected: &Expected) -> Result<exchange::Answer, String> {
        let entry = Entry::plain(Server::Ours);
        let setup = self.setup(&entry, load).map_err(|error| error.to_string())?;
        let running = self.start(&entry, &setup, &[self.cores.server])?;
        exchange::check(running.address(), load, expected, SOME_REQUESTS)
    }

    fn bring_up(
        &self,
        entry: &Entry,
        load: &Load,
        expected: &Expected,
        answer: &exchange::Answer,
        cores: &[usize],
    ) -> Result<Running, String> {
        let text = |error: io::Error| error.to_string();
        let mut setup = self.setup(entry, load).map_err(text)?;
        if entry.server == Server::Floor {
            self.prepare_floor(&mut setup, load, answer).map_err(text)?;
        }
        let running = self.start(entry, &setup, cores)?;
        let is_kept = self.kept.borrow().contains(&entry.name);
        let requests = if is_kept { SOME_REQUESTS } else { MANY_REQUESTS };
        exchange::check(running.address(), load, expected, requests)?;
        if load.path == SMALL && !load.closes && load.tls.is_none() {
            self.kept.borrow_mut().push(entry.name.clone());
        }
        Ok(running)
    }

    /// Gives the floor its answer; a body that is a large file stays in it.
    pub(crate) fn prepare_floor(
        &self,
        setup: &mut Setup,
        load: &Load,
        answer: &exchange::Answer,
    ) -> io::Result<()> {
        setup.closes = load.closes;
        setup.sendfile = answer.is_large().then(|| -> PathBuf { self.site.file(load.path) });
        let body = if answer.is_large() { &[][..] } else { &answer.body };
        fs::write(&setup.answer, [&answer.head, body].concat())
    }

    /// One round of one server. One that fails is run once more: another program may have had both cores.
    pub(crate) fn round(&self, running: &Running, load: &Load, status: u16) -> Result<Sample, String> {
        self.try_round(running, load, status).or_else(|_| self.try_round(running, load, status))
    }

    fn try_round(&self, running: &Running, load: &Load, status: u16) -> Result<Sample, String> {
        let text = |error: io::Error| error.to_string();
        let before = running.used().map_err(text)?;
        let outcome = self.tool.run(load, running.address(), self.round_lasts, self.site.folder())?;
        thread::sleep(SETTLES);
        let used = running.used().map_err(text)?.saturating_sub(before);
        let refused = if status < 400 { 0 } else { outcome.answered };
        if outcome.answered == 0 || outcome.refused != refused || outcome.failed > 0 {
            return Err(format!(
                "under load it has answered {} requests, {} of them with an error, and {} failed",
                outcome.answered, outcome.refused, outcome.failed
            ));
        }
        if used.is_zero() {
            return Err("none of its processes has used any time".to_owned());
        }
        let cpu_us = used.as_secs_f64() * 1e6 / outcome.answered as f64;
        let busy = cpu_us * outcome.per_sec / 1e6;
        Ok(Sample { cpu_us, per_sec: outcome.per_sec, busy, load_busy: outcome.busy })
    }

    /// Each server once a round, beginning with another one each time: what changes on the machine in the
    /// meantime is spread over all of them. One that fails has no figures at all.
    pub(crate) fn rounds(&self, lanes: &mut [Lane], load: &Load, status: u16) -> Result<(), String> {
        let count = lanes.len();
        for round in 0..self.rounds {
            for turn in 0..count {
                self.go_on()?;
                let Lane { state, samples, .. } = &mut lanes[(round + turn) % count];
                let outcome = state
                    .as_ref()
                    .map_err(Clone::clone)
                    .and_then(|running| self.round(running, load, status));
                match outcome {
                    Ok(sample) => samples.push(sample),
                    Err(reason) => {
                        *state = Err(reason);
                        samples.clear();
                    }
                }
            }
        }
        // A round that an interruption has cut short is none.
        self.go_on()
    }
}
