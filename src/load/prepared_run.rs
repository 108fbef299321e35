//! Run preparation: reads the URL list and body, renders requests, resolves host names.
//!
//! It owns the limits of these inputs.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::cli::quote;
use crate::client::source::{Payload, Source, join_data};
use crate::client::target::{ClientTarget, KnownHost};
use crate::client::tls::ClientTls;
use crate::net::raise_nofile_limit;
use crate::reactor::Now;

use crate::load::args::{Settings, TargetSelection};
use crate::load::engine::app::Endpoints;
use crate::load::engine::interrupt::Interrupt;
use crate::load::engine::threads;
use crate::load::error::LoadError;
use crate::load::live::LiveDisplay;
use crate::load::output::read_bounded;
use crate::load::plan::run_plan::Plan;
use crate::load::plan::template::{RequestParts, RequestTemplate, Template};
use crate::load::plan::urls::{LIST_LEN_MAX, parse_list};
use crate::load::run_info::{LoadProfile, RunInfo, Setup};
use crate::load::saved::SavedRun;

/// Standard streams, signals, report and resolver.
const RESERVED_FDS: u64 = 32;
/// Epoll, waker, signals.
const FDS_PER_THREAD: u64 = 8;
/// Limit in bytes: each request in flight has a copy.
const BODY_LEN_MAX: u64 = 16 * 1024 * 1024;

pub(crate) struct PreparedRun<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) plan: Plan,
    pub(crate) setup: Setup,
    pub(crate) endpoints: Endpoints,
}

impl PreparedRun<'_> {
    pub(crate) fn run(&self, plan: &Plan) -> Result<SavedRun, LoadError> {
        let Settings { progress_interval, silent, .. } = *self.settings;
        let (mut live, interval) = LiveDisplay::on_stderr(plan, progress_interval, silent);
        let began = Now::read();
        let mut show = |so_far: &_, phase| live.show(so_far, phase);
        let result = threads::run(plan, &self.endpoints, self.interrupt, interval, &mut show);
        live.clear();
        let result = result.map_err(|error| LoadError::Failed(format!("the run failed: {error}")))?;
        let totals = result.metrics.series.totals;
        if result.was_interrupted && totals.sent == 0 {
            return Err(LoadError::NothingMeasured);
        }
        let (target, urls) = RunInfo::target_and_urls(plan, &self.setup.method);
        let info = RunInfo {
            target,
            urls,
            setup: self.setup.clone(),
            profile: LoadProfile { schedule: plan.schedule.clone(), stop: plan.stop, warmup: plan.warmup },
            due: plan.schedule.is_open_loop().then(|| totals.sent + totals.unsent + result.unsent),
            concurrency: plan.concurrency as u64,
            pipeline: plan.pipeline as u64,
            threads: plan.threads as u64,
            wall: result.wall,
            cpu_usage: result.cpu_usage,
            started_unix_secs: began.unix.as_secs(),
            was_interrupted: result.was_interrupted,
            gave_up: result.was_unreachable,
            merged: None,
        };
        Ok(SavedRun { metrics: result.metrics, info })
    }
}

pub(crate) fn build_plan(settings: &Settings) -> Result<(Plan, Setup), LoadError> {
    let targets = read_targets(&settings.target_selection)?;
    let body = read_body(settings.payload.as_ref())?;
    let parts = RequestParts {
        method: &settings.method,
        fields: &settings.fields,
        body: body.as_ref(),
        keep_alive: settings.plan.keep_alive,
    };
    let request = RequestTemplate::new(&targets, &parts).map_err(LoadError::Usage)?;
    let plan = Plan { targets, request, ..settings.plan.clone() };
    let setup = Setup::of(&plan, &parts);
    Ok((plan, setup))
}

pub(crate) fn find_endpoints(plan: &Plan) -> Result<Endpoints, LoadError> {
    let limit = raise_nofile_limit();
    check_fd_limit(limit, plan.concurrency, plan.threads).map_err(LoadError::Failed)?;
    let tls = plan.targets.iter().any(|target| target.is_tls);
    let tls = tls.then(|| ClientTls::open(&plan.tls, plan.tls_resumes)).transpose()?;
    Ok(Endpoints { addresses: resolve(&plan.targets, &plan.known_hosts)?, tls })
}

fn read_targets(target_selection: &TargetSelection) -> Result<Vec<ClientTarget>, LoadError> {
    match target_selection {
        TargetSelection::One(target) => Ok(vec![target.clone()]),
        TargetSelection::List(list, overrides) => {
            let bytes = read(list, LIST_LEN_MAX)?;
            let usage = |error| LoadError::Usage(format!("{list}: {error}"));
            parse_list(&bytes, overrides).map_err(usage)
        }
    }
}

fn read_body(payload: Option<&Payload>) -> Result<Option<Template>, LoadError> {
    let read = |source: &Source| read(source, BODY_LEN_MAX);
    match payload {
        None => Ok(None),
        Some(Payload::Source(source)) => Ok(Some(Template::from_bytes(read(source)?))),
        Some(Payload::Data(data)) => {
            let text = join_data(data, read)?;
            let usage = |error| LoadError::Usage(format!("option '--data': {error}"));
            Template::parse(&text).map(Some).map_err(usage)
        }
    }
}

fn read(source: &Source, len_max: u64) -> Result<Vec<u8>, LoadError> {
    let bytes = match source {
        Source::Stdin => read_bounded(&mut io::stdin(), len_max),
        Source::File(path) => File::open(path).and_then(|mut file| read_bounded(&mut file, len_max)),
    };
    bytes.map_err(|error| LoadError::Failed(format!("cannot read {source}: {error}")))
}

/// Each name once.
fn resolve(targets: &[ClientTarget], known_hosts: &[KnownHost]) -> Result<Vec<Vec<SocketAddr>>, LoadError> {
    let mut known: HashMap<(&str, u16), Vec<SocketAddr>> = HashMap::new();
    for ClientTarget { host, port, .. } in targets {
        if !known.contains_key(&(host.as_str(), *port)) {
            let named = KnownHost::find(known_hosts, host, *port);
            known.insert((host, *port), if named.is_empty() { lookup_host(host, *port)? } else { named });
        }
    }
    Ok(targets.iter().filter_map(|target| known.get(&(target.host.as_str(), target.port)).cloned()).collect())
}

fn lookup_host(host: &str, port: u16) -> Result<Vec<SocketAddr>, LoadError> {
    let unknown = |reason: &str| LoadError::Failed(format!("cannot resolve {}: {reason}", quote(host)));
    let found: Vec<_> =
        (host, port).to_socket_addrs().map_err(|error| unknown(&error.to_string()))?.collect();
    if found.is_empty() { Err(unknown("it has no address")) } else { Ok(found) }
}

fn check_fd_limit(limit: u64, concurrency: usize, threads: usize) -> Result<(), String> {
    let concurrency = concurrency as u64;
    let reserved = RESERVED_FDS + FDS_PER_THREAD.saturating_mul(threads as u64);
    let needed = concurrency.saturating_add(reserved);
    if needed <= limit {
        return Ok(());
    }
    let or_less = match limit.saturating_sub(reserved) {
        0 => String::new(),
        concurrency_max => format!(", or ask for at most -c {concurrency_max}"),
    };
    Err(format!(
        "-c {concurrency} needs a limit of {needed} open files, and it is {limit}; \
         raise it with `ulimit -n {needed}`{or_less}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_gives_each_target_its_addresses() {
        let target = |host: &str, port| ClientTarget {
            host: host.to_owned(),
            port,
            is_tls: false,
            path: "/".to_owned(),
        };
        let targets = [target("127.0.0.1", 81), target("::1", 82), target("127.0.0.1", 81)];
        let found = resolve(&targets, &[]).expect("addresses");
        let text: Vec<_> = found.iter().flatten().map(SocketAddr::to_string).collect();
        assert_eq!(text, ["127.0.0.1:81", "[::1]:82", "127.0.0.1:81"]);
    }

    #[test]
    fn too_low_fd_limit_error_names_remedy() {
        assert_eq!(check_fd_limit(1024, 984, 1), Ok(()));
        let error = "-c 985 needs a limit of 1025 open files, and it is 1024; \
                     raise it with `ulimit -n 1025`, or ask for at most -c 984";
        assert_eq!(check_fd_limit(1024, 985, 1), Err(error.to_owned()));
        let error = "-c 5 needs a limit of 61 open files, and it is 40; raise it with `ulimit -n 61`";
        assert_eq!(check_fd_limit(40, 5, 3), Err(error.to_owned()));
    }
}
