//! A run from its settings to its report and its exit code.
//!
//! It resolves, runs the engine, and hands what comes of it to whoever it is for. It makes no figure
//! of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::Settings;
use super::assertion::{self, Broken};
use super::compare::{Comparison, compare};
use super::descriptors;
use super::engine::{self, Ran};
use super::find::find;
use super::kept::read_run;
use super::live::Live;
use super::output::{Opened, Output};
use super::plan::Plan;
use super::prepare::prepare;
use super::regression::{self, Limits};
use super::report::Format;
use super::saved::Run;
use super::summary::{Conditions, Pacing, Summary};
use super::validity;
use crate::client::target::Target;
use crate::client::words::say;
use crate::command_line::quote;
use crate::net::raise_descriptors;
use crate::reactor::Now;

/// The signals that end a run before its time; the report tells of what there is by then.
pub(super) const STOP_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

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
    OnlyWarmedUp,
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
            Self::Failed(_) | Self::Unanswered | Self::OnlyWarmedUp => EXIT_FAILED,
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
            Self::OnlyWarmedUp => f.write_str("ended in the warm-up, so nothing was measured yet"),
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
    let plan = prepare(settings)?;
    let before = settings.compare.as_deref().map(read_run).transpose()?;
    let out = Output::to(settings.out.as_deref())?;
    let save = settings.save.as_deref().map(Opened::open).transpose()?;
    let limit = raise_descriptors();
    descriptors::check(limit, plan.concurrency, plan.threads).map_err(LoadError::Failed)?;
    let addresses = resolve(&plan.targets)?;
    if let Some(search) = &settings.search {
        return find(settings, search, &plan, &addresses, out);
    }
    let run = run_once(settings, &plan, &addresses, &|| ())?;
    let summary = run.summary();
    let comparison = before.map(|before| compare(&before.summary(), &summary, plan.seed));
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

/// Runs the plan, and shows how it is going; `look` is called as often as it is shown.
///
/// # Errors
/// The event loop fails, or a signal has ended the run before anything was measured.
pub(super) fn run_once(
    settings: &Settings,
    plan: &Plan,
    addresses: &[Vec<SocketAddr>],
    look: &dyn Fn(),
) -> Result<Run, LoadError> {
    let mut live = Live::on_stderr(plan, settings.every, settings.silent);
    let began = Now::read();
    let ran = engine::run(plan, addresses, &STOP_SIGNALS, &mut |metrics, stage| {
        live.show(metrics, stage);
        look();
    });
    live.clear();
    let ran = ran.map_err(|error| LoadError::Failed(format!("the run failed: {error}")))?;
    if ran.only_warmed_up {
        return Err(LoadError::OnlyWarmedUp);
    }
    let conditions = conditions(plan, &settings.method, &ran, began);
    Ok(Run { metrics: ran.metrics, conditions })
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

fn conditions(plan: &Plan, method: &str, ran: &Ran, began: Now) -> Conditions {
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
        pacing,
        concurrency: plan.concurrency as u64,
        pipeline: plan.pipeline as u64,
        wall: ran.wall,
        threads: plan.threads as u64,
        cpu: ran.cpu,
        cpu_busiest: ran.cpu_busiest,
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
            (LoadError::OnlyWarmedUp, 1, "ended in the warm-up, so nothing was measured yet"),
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
