//! A run from its settings to its report and its exit code.
//!
//! It resolves, runs the engine, and hands what comes of it to whoever it is for. It makes no figure
//! of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};

use super::args::Settings;
use super::assertion::{self, Broken};
use super::compare::{Comparison, compare};
use super::descriptors;
use super::engine::Ran;
use super::find::find;
use super::interrupt::Interrupt;
use super::kept::read_run;
use super::live::Live;
use super::output::{Opened, Output};
use super::plan::Plan;
use super::prepare::prepare;
use super::regression::{self, Limits};
use super::report::Format;
use super::saved::SavedRun;
use super::setup::{Course, Setup};
use super::summary::{Conditions, Pacing, Summary};
use super::threads;
use super::validity;
use crate::cli::quote;
use crate::client::messages::say;
use crate::client::target::Target;
use crate::net::raise_nofile_limit;
use crate::reactor::Now;

/// Wrong usage.
const EXIT_USAGE: u8 = 2;
/// The run could not be made, or came to nothing.
const EXIT_FAILED: u8 = 1;

/// Why a run has not come to a good end. Displays as one line.
#[derive(Debug)]
pub enum LoadError {
    /// What was asked for makes no sense, which shows only now.
    Usage(String),
    /// The run could not be made.
    Failed(String),
    /// Nothing was answered: there are no figures.
    Unanswered,
    /// A signal ended the run before anything was measured.
    Unmeasured,
    /// The generator itself was what was measured.
    ClientBound,
    /// What the run was to come to, it has not.
    Broken(Vec<Broken>),
    /// Not even the lowest rate meets the objective.
    NotMet(String),
    /// The generator gave out before the server did.
    GaveOut(String),
    /// It is worse than the run before, by more than it may be.
    Regressed(Vec<Broken>),
}

impl LoadError {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::Failed(_) | Self::Unanswered | Self::Unmeasured => EXIT_FAILED,
            Self::ClientBound | Self::GaveOut(_) => validity::EXIT_CODE,
            Self::Broken(_) | Self::NotMet(_) => assertion::EXIT_CODE,
            Self::Regressed(_) => regression::EXIT_CODE,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Failed(what) | Self::NotMet(what) | Self::GaveOut(what) => {
                f.write_str(what)
            }
            Self::Unanswered => f.write_str("no request was answered; the report tells how they failed"),
            Self::Unmeasured => f.write_str("interrupted before anything was measured"),
            Self::ClientBound => f.write_str("INVALID: client-bound; the report tells by which figure"),
            Self::Broken(clauses) => write!(f, "assertion failed: {}", joined(clauses, Broken::describe)),
            Self::Regressed(clauses) => {
                let fired = |clause: &Broken| format!("{} ({})", clause.found, clause.clause);
                write!(f, "worse than before: {}", joined(clauses, fired))
            }
        }
    }
}

impl std::error::Error for LoadError {}

fn joined(clauses: &[Broken], describe: impl Fn(&Broken) -> String) -> String {
    clauses.iter().map(describe).collect::<Vec<_>>().join("; ")
}

/// Makes the run that the settings describe, and reports on it.
///
/// # Errors
/// Whatever keeps the run from being made, or from having come to what it should.
pub fn perform(settings: &Settings) -> Result<(), LoadError> {
    let interrupt = Interrupt::watch().map_err(unwatched)?;
    let Ready { task, before, out, save } =
        interrupt.during(|| Ready::of(settings)).ok_or(LoadError::Unmeasured)??;
    if let Some(search) = &settings.search {
        return find(settings, search, &task, &interrupt, out);
    }
    let run = run_once(settings, &task, &task.plan, &interrupt)?;
    heed_signals(&interrupt)?;
    let summary = run.summary();
    let comparison = before.map(|before| compare(&before.summary(), &summary, task.plan.seed));
    out.write(&settings.format.render_beside(&summary, comparison.as_ref()))?;
    if let Some(save) = save {
        save.write(&run.write())?;
    }
    if let Some(comparison) = &comparison
        && !settings.format.can_compare()
    {
        // Who has closed standard error does not want to know.
        let _ = io::stderr().lock().write_all(Format::Text.render_comparison(comparison).as_bytes());
    }
    judge(settings, &summary, comparison.as_ref())
}

/// What is to be done, as far as it is the same for each run of a search.
pub(super) struct Task {
    pub(super) plan: Plan,
    pub(super) setup: Setup,
    addresses: Vec<Vec<SocketAddr>>,
}

/// All that a run needs from elsewhere.
struct Ready {
    task: Task,
    before: Option<SavedRun>,
    out: Output,
    save: Option<Opened>,
}

impl Ready {
    /// Reads, opens and resolves; each of those may wait for others.
    fn of(settings: &Settings) -> Result<Self, LoadError> {
        let (plan, sent) = prepare(settings)?;
        let before = settings.compare.as_deref().map(read_run).transpose()?;
        let limit = raise_nofile_limit();
        descriptors::check(limit, plan.concurrency, plan.threads).map_err(LoadError::Failed)?;
        let addresses = resolve(&plan.targets)?;
        let out = Output::to(settings.out.as_deref())?;
        settings.compare.iter().try_for_each(|file| out.spare("--compare", file))?;
        let save = out.and_saved(settings.save.as_deref())?;
        let setup = Setup::of(&plan, sent);
        Ok(Self { task: Task { plan, setup, addresses }, before, out, save })
    }
}

/// From here on a signal ends the program: the report may wait for somebody who never reads it.
///
/// # Errors
/// Signals cannot be watched for.
pub(super) fn heed_signals(interrupt: &Interrupt) -> Result<(), LoadError> {
    interrupt.let_go().map_err(unwatched)
}

fn unwatched(error: io::Error) -> LoadError {
    LoadError::Failed(format!("cannot watch for signals: {error}"))
}

/// Runs this plan of a task, and shows how it is going.
///
/// # Errors
/// The event loop fails, or a signal has ended the run before anything was measured.
pub(super) fn run_once(
    settings: &Settings,
    task: &Task,
    plan: &Plan,
    interrupt: &Interrupt,
) -> Result<SavedRun, LoadError> {
    let mut live = Live::on_stderr(plan, settings.every, settings.silent);
    let began = Now::read();
    let ran = threads::run(plan, &task.addresses, interrupt, &mut |so_far, stage| live.show(so_far, stage));
    live.clear();
    let ran = ran.map_err(|error| LoadError::Failed(format!("the run failed: {error}")))?;
    if ran.only_warmed_up || (ran.interrupted && ran.metrics.totals().sent == 0) {
        return Err(LoadError::Unmeasured);
    }
    let conditions = conditions(plan, &task.setup, &ran, began);
    Ok(SavedRun { metrics: ran.metrics, conditions })
}

/// The addresses of each target; each name is looked up once.
fn resolve(targets: &[Target]) -> Result<Vec<Vec<SocketAddr>>, LoadError> {
    let mut known: HashMap<(&str, u16), Vec<SocketAddr>> = HashMap::new();
    let mut all = Vec::with_capacity(targets.len());
    for Target { host, port, .. } in targets {
        let found = match known.entry((host, *port)) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(look_up(host, *port)?),
        };
        all.push(found.clone());
    }
    Ok(all)
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, LoadError> {
    let unknown = |reason: &str| LoadError::Failed(format!("cannot resolve {}: {reason}", quote(host)));
    let found: Vec<_> =
        (host, port).to_socket_addrs().map_err(|error| unknown(&error.to_string()))?.collect();
    if found.is_empty() { Err(unknown("it has no address")) } else { Ok(found) }
}

fn conditions(plan: &Plan, setup: &Setup, ran: &Ran, began: Now) -> Conditions {
    let method = &setup.sent.method;
    let url = |target: &Target| format!("http://{}{}", target.authority(), target.path);
    let first = plan.targets.first().map(url).unwrap_or_default();
    let target = match plan.targets.len() {
        0 | 1 => format!("{method} {first}"),
        count => format!("{method} {first} and {} more", count - 1),
    };
    let pacing = match plan.schedule.is_open() {
        true => Pacing::Open { due: ran.metrics.totals().sent + ran.unsent },
        false => Pacing::Closed,
    };
    Conditions {
        target,
        urls: if plan.targets.len() > 1 { plan.targets.iter().map(url).collect() } else { Vec::new() },
        setup: setup.clone(),
        course: Course::of(plan),
        pacing,
        concurrency: plan.concurrency as u64,
        pipeline: plan.pipeline as u64,
        wall: ran.wall,
        threads: plan.threads as u64,
        effort: ran.effort,
        started_unix_secs: began.unix.as_secs(),
        was_interrupted: ran.interrupted,
        merged: None,
    }
}

/// A run that says nothing of the server is not judged by what it should come to.
fn judge(settings: &Settings, summary: &Summary, comparison: Option<&Comparison>) -> Result<(), LoadError> {
    if !summary.validity.is_valid() {
        return Err(LoadError::ClientBound);
    }
    if let Some(assertion) = &settings.assertion {
        let broken = assertion.judge(summary);
        if !broken.is_empty() {
            return Err(LoadError::Broken(broken));
        }
    }
    if let (Some(limits), Some(comparison)) = (&settings.limits, comparison) {
        keep(limits, comparison)?;
    }
    match summary.totals.answered {
        0 => Err(LoadError::Unanswered),
        _ => Ok(()),
    }
}

/// Checks that a run is not much worse than the one before; says which clauses could not be judged.
///
/// # Errors
/// One of the runs is invalid, or a clause fires.
pub(super) fn keep(limits: &Limits, comparison: &Comparison) -> Result<(), LoadError> {
    if comparison.sides.iter().any(|side| !side.is_valid) {
        return Err(LoadError::ClientBound);
    }
    for line in limits.open(comparison) {
        say(format_args!("{line}"));
    }
    match limits.judge(comparison) {
        fired if fired.is_empty() => Ok(()),
        fired => Err(LoadError::Regressed(fired)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_code_and_its_line() {
        let broken = |clause: &str| Broken { clause: clause.to_owned(), found: "p99 is 12 ms".to_owned() };
        let clauses = vec![broken("p99<10ms"), broken("p99<11ms")];
        for (error, code, line) in [
            (LoadError::Usage("u".to_owned()), 2, "u"),
            (LoadError::Failed("f".to_owned()), 1, "f"),
            (LoadError::Unanswered, 1, "no request was answered; the report tells how they failed"),
            (LoadError::Unmeasured, 1, "interrupted before anything was measured"),
            (LoadError::ClientBound, 97, "INVALID: client-bound; the report tells by which figure"),
            (LoadError::GaveOut("g".to_owned()), 97, "g"),
            (LoadError::NotMet("n".to_owned()), 99, "n"),
            (
                LoadError::Regressed(clauses.clone()),
                98,
                "worse than before: p99 is 12 ms (p99<10ms); p99 is 12 ms (p99<11ms)",
            ),
            (
                LoadError::Broken(clauses),
                99,
                "assertion failed: p99<10ms does not hold: p99 is 12 ms; p99<11ms does not hold: p99 is 12 ms",
            ),
        ] {
            assert_eq!((error.exit_code(), error.to_string().as_str()), (code, line));
        }
    }

    #[test]
    fn each_target_has_the_addresses_of_its_name() {
        let target = |host: &str, port| Target { host: host.to_owned(), port, path: "/".to_owned() };
        let targets = [target("127.0.0.1", 81), target("::1", 82), target("127.0.0.1", 81)];
        let found = resolve(&targets).expect("addresses");
        let text: Vec<_> = found.iter().flatten().map(SocketAddr::to_string).collect();
        assert_eq!(text, ["127.0.0.1:81", "[::1]:82", "127.0.0.1:81"]);
    }
}
