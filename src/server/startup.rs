//! Server start: limits, root, log and sockets, in this order.
//!
//! Every start failure happens here and names a remedy.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use mio::Waker;
use mio::net::TcpListener;

use super::Confinement;
use super::app::{ControlMessage, ServerApp, signals};
use super::auth::Authenticator;
use super::confinement::parent;
use super::handlers::{error_documents, put};
use super::limits::{
    BACKGROUND_THREADS_MAX, DESCRIPTORS_RESERVED, HELPER_THREADS_MAX, LISTING_THREADS_MAX, cached_files_max,
    connections_max, connections_per_ip_max, default_memory, file_len_max,
};
use super::shared::{Shared, WorkerId};
use super::workers::{self, Supervisor};
use super::{RootChoice, ServerConfig, ServerTls, WorkerState};
use crate::access_log::{AccessLog, ConsoleLog, LogDestination};
use crate::cli::quote;
use crate::files::{ContentSource, FileCloser, Root, Upload};
use crate::net::{
    Bandwidth, ListenError, MemoryLimit, defer_accept, limit_bandwidth, listen_all, listen_on_same_port,
    raise_nofile_limit,
};
use crate::reactor::{ConnectionLimit, HelperPool, Helpers, Now, Reactor};
use crate::server::config::args::CONTENT_DIRECTORY;
use crate::sum::SumState;

/// Server that listens but does not run yet.
pub struct BoundServer {
    workers: Workers,
    /// HTTP addresses with actual ports.
    pub addresses: Vec<SocketAddr>,
    /// TLS addresses with actual ports.
    pub tls_addresses: Vec<SocketAddr>,
    /// Number exchange addresses with actual ports.
    pub sum_addresses: Vec<SocketAddr>,
    signals: Vec<i32>,
    /// User and sandbox, for a process that has no other thread.
    pub confinement: Confinement,
    /// About the self-signed certificate.
    pub tls_note: Option<String>,
}

enum Workers {
    CurrentThread(Box<Reactor<ServerApp>>),
    MultiThread(Box<Reactor<Supervisor>>, Vec<WorkerConfig>),
}

struct WorkerConfig {
    config: ServerConfig,
    store: ContentSource,
    log: AccessLog,
    http: Vec<TcpListener>,
    /// One number ends the exchange for all.
    sum: Vec<TcpListener>,
    limit: ConnectionLimit,
    worker_id: WorkerId,
    shared: Arc<Shared>,
    helper_pool: HelperPool,
    resource_pool: HelperPool,
    background_pool: HelperPool,
    now: Now,
}

/// Logs panics, each as one line.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log::error!("{}", panic.to_string().replace('\n', " "))));
}

/// Opens root, log and listeners. The kernel queues connections from now on.
///
/// `memory_used` counts the bytes that the process uses; without it, `memory_max` is not kept.
///
/// # Errors
/// Mistake and remedy.
pub fn start(
    mut config: ServerConfig,
    memory_used: Option<fn() -> usize>,
    now: Now,
) -> Result<BoundServer, String> {
    let count = workers::worker_count(&config);
    let (connections_max, mut shared) = prepare(&mut config, count as u64, false, now)?;
    let memory_max = config.memory_max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
    shared.memory = memory_used.map(|used| MemoryLimit { used, max: memory_max });
    shared.bandwidth = config.bandwidth_total.map(|rate| Arc::new(Bandwidth::new(rate)));
    let confinement = Confinement::new(&config)?;
    let tls_note = shared.tls.as_ref().and_then(|tls| tls.note());
    let logs = AccessLog::open_for_threads(&config.access_log, &config.log_style, count)
        .map_err(|error| log_error(&config.access_log, &error))?;
    let signals = signals(&config);
    let (http, tls_from, sum) = open_listeners(&config)?;
    let (mut addresses, sum_addresses) = (local_addresses(&http)?, local_addresses(&sum)?);
    let tls_addresses = addresses.split_off(tls_from);
    let https_port = config.tls.as_ref().filter(|tls| tls.redirects_http);
    shared.https_port = https_port.and_then(|_| tls_addresses.first()).map(SocketAddr::port);
    shared.tls_listeners = tls_from..http.len();
    let configs = worker_configs(config, connections_max, logs, (http, sum), Arc::new(shared), now)?;
    let workers = match <[WorkerConfig; 1]>::try_from(configs) {
        Ok([config]) => Workers::CurrentThread(Box::new(config.build().map_err(event_loop_error)?)),
        Err(configs) => {
            let supervisor = Reactor::new(Supervisor::default(), now).map_err(event_loop_error)?;
            Workers::MultiThread(Box::new(supervisor), configs)
        }
    };
    Ok(BoundServer { workers, addresses, tls_addresses, sum_addresses, signals, confinement, tls_note })
}

/// Checks everything for [`start`] except the addresses. Creates nothing.
///
/// # Errors
/// As for [`start`].
pub fn check(mut config: ServerConfig, now: Now) -> Result<(), String> {
    let count = workers::worker_count(&config);
    prepare(&mut config, count as u64, true, now)?;
    Confinement::new(&config)?;
    config.access_log.check_open().map_err(|error| log_error(&config.access_log, &error))
}

fn prepare(
    config: &mut ServerConfig,
    workers: u64,
    is_check: bool,
    now: Now,
) -> Result<(usize, Shared), String> {
    let nofile = raise_nofile_limit();
    let sends_files = config.http && config.root != RootChoice::Embedded;
    let fds_per_connection = match &config.upload {
        Some(_) => 1 + Upload::DESCRIPTORS,
        // Each may send a file of its own. A given number may count on idle connections.
        None if sends_files && config.connections_max.is_none() => 2,
        None => 1,
    };
    let reserved = |files: usize| (DESCRIPTORS_RESERVED + files as u64).saturating_mul(workers);
    let files_max = config.cache_limits().descriptors_max;
    config.cache_files_max = files_max.min(cached_files_max(nofile, workers));
    let usable = nofile.saturating_sub(reserved(config.cache_files_max)) / fds_per_connection;
    let requested = config.connections_max.unwrap_or(1) as u64;
    let needed = reserved(files_max).saturating_add(requested.saturating_mul(fds_per_connection));
    let connections_max = connections_max(nofile, config.connections_max, usable, needed)?;
    narrow_to_file(config)?;
    let store = open_content_source(config)?;
    error_documents::warn_of_missing(config, &store);
    put::check_upload_directory(config, &store)?;
    config.upload_len_max = config.upload_len_max.min(file_len_max());
    config.memory_max.get_or_insert_with(default_memory);
    config.workers = usize::try_from(workers).ok();
    let mut shared = Shared::default();
    let per_ip_max = config.connections_per_ip_max.unwrap_or(connections_per_ip_max(connections_max));
    shared.connections_per_ip_max = Some(per_ip_max);
    shared.authenticator = config.auth.as_ref().map(Authenticator::open).transpose()?;
    shared.tls = ServerTls::open(config, is_check, now)?;
    Ok((connections_max, shared))
}

fn narrow_to_file(config: &mut ServerConfig) -> Result<(), String> {
    let RootChoice::Directory(path) = &config.root else { return Ok(()) };
    if !config.http || !path.is_file() {
        return Ok(());
    }
    let error =
        |error: &str| format!("cannot serve {}: {error}; name its directory with --root", quote(path));
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or_else(|| error("its name is not UTF-8"))?;
    let mut pages = config.fallback.iter().chain(config.error_pages.iter().map(|page| &page.path));
    if config.upload.is_some() || pages.any(|page| page.as_bytes() != name.as_bytes()) {
        return Err(error("a file takes no --upload, and no other file as --fallback or --error-page"));
    }
    let parent = parent(path);
    let root = Root::open(parent).map_err(|cause| root_error(parent, &cause))?;
    root.open_file(name.as_bytes())
        .map_err(|cause| error(&format!("{cause}, or a link that leaves its directory")))?;
    (config.index, config.listing) = (name.to_owned(), Some(false));
    (config.one_file, config.hidden) = (true, true);
    config.root = RootChoice::Directory(parent.to_owned());
    Ok(())
}

fn open_content_source(config: &ServerConfig) -> Result<ContentSource, String> {
    Ok(match &config.root {
        _ if !config.http => ContentSource::default(),
        RootChoice::Directory(path) => {
            let content = fs::canonicalize(CONTENT_DIRECTORY);
            let is_content =
                content.is_ok_and(|content| fs::canonicalize(path).is_ok_and(|path| path == content));
            let source = if is_content { ContentSource::disk_with_source } else { ContentSource::disk };
            source(Root::open(path).map_err(|error| root_error(path, &error))?)
        }
        RootChoice::Embedded => ContentSource::default(),
    })
}

/// HTTP listeners, the index of the first with TLS, and those of the number exchange.
fn open_listeners(config: &ServerConfig) -> Result<(Vec<TcpListener>, usize, Vec<TcpListener>), String> {
    let open = |port: Option<u16>, option| {
        let listeners = port.map(|port| listen_all(&config.bind, port)).transpose();
        listeners.map(Option::unwrap_or_default).map_err(|error| listen_error(&error, option))
    };
    let mut http = open(config.http.then_some(config.port), "--port")?;
    let sum = open(config.sum.as_ref().map(|sum| sum.port), "--sum-port")?;
    let tls_port = config.tls.as_ref().filter(|_| config.http).map(|tls| tls.port);
    let tls_from = if tls_port == Some(None) { 0 } else { http.len() };
    http.extend(open(tls_port.flatten(), "--tls-port")?);
    Ok((http, tls_from, sum))
}

fn local_addresses(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, String> {
    listeners.iter().map(|listener| listener.local_addr().map_err(event_loop_error)).collect()
}

fn worker_configs(
    config: ServerConfig,
    connections_max: usize,
    logs: Vec<AccessLog>,
    (http, mut sum): (Vec<TcpListener>, Vec<TcpListener>),
    shared: Arc<Shared>,
    now: Now,
) -> Result<Vec<WorkerConfig>, String> {
    let worker_count = logs.len();
    let helper_pool = HelperPool::new(HELPER_THREADS_MAX);
    let resource_pool = HelperPool::new(HELPER_THREADS_MAX);
    let background_pool = HelperPool::background(BACKGROUND_THREADS_MAX);
    let limit = ConnectionLimit { max: connections_max, open: Arc::default() };
    let more_listeners = |_| listen_on_same_port(&http).map_err(|error| listen_error(&error, "--port"));
    let mut listeners = (1..worker_count).map(more_listeners).collect::<Result<Vec<_>, _>>()?;
    listeners.insert(0, http);
    listeners.iter().flatten().try_for_each(defer_accept).map_err(event_loop_error)?;
    if let Some(rate) = config.bandwidth {
        let mut all = listeners.iter().flatten();
        all.try_for_each(|listener| limit_bandwidth(listener, rate)).map_err(event_loop_error)?;
    }
    let workers = logs.into_iter().zip(listeners).enumerate();
    let configs = workers.map(|(index, (log, http))| {
        Ok(WorkerConfig {
            config: config.clone(),
            store: open_content_source(&config)?,
            log,
            http,
            sum: std::mem::take(&mut sum),
            limit: limit.clone(),
            worker_id: WorkerId { index, worker_count },
            shared: Arc::clone(&shared),
            helper_pool: helper_pool.clone(),
            resource_pool: resource_pool.clone(),
            background_pool: background_pool.clone(),
            now,
        })
    });
    configs.collect()
}

impl WorkerConfig {
    fn build(self) -> io::Result<Reactor<ServerApp>> {
        let Self { config, mut store, http, sum, now, .. } = self;
        // Ids follow the order of `listen` calls.
        let sum_ids = http.len()..http.len() + sum.len();
        let is_quiet = config.quiet || sum.is_empty();
        let console = if is_quiet { None } else { Some(ConsoleLog::stdout()?) };
        let sum_config = config.sum.clone();
        let (name, number) = sum_config.map(|config| (config.name, config.number)).unwrap_or_default();
        let helpers = Helpers::new(self.helper_pool)?;
        // Write-back and closes take much time of the processor, and nobody waits for them.
        let closing = helpers.with_pool(self.background_pool);
        store.close_files_with(FileCloser::new(move |job| closing.submit(None, job)));
        let mut worker = WorkerState::new(config, store, self.log, now);
        let is_loopback = |listener: &TcpListener| listener.local_addr().map(|addr| addr.ip().is_loopback());
        worker.context.loopback_listeners = http.iter().map(is_loopback).collect::<io::Result<_>>()?;
        worker.context.shared = self.shared;
        worker.context.resource_helpers = Some(helpers.with_pool(self.resource_pool));
        worker.context.helpers = Some(helpers.clone());
        worker.context.listing_helpers = Some(Helpers::new(HelperPool::new(LISTING_THREADS_MAX))?);
        let mut app = ServerApp::new(worker, SumState::new(name, number, sum_ids), self.worker_id);
        app.console = console;
        let mut reactor = Reactor::new(app, now)?;
        reactor.use_helpers(helpers)?;
        reactor.limit_connections(self.limit);
        for listener in http.into_iter().chain(sum) {
            reactor.listen(listener)?;
        }
        Ok(reactor)
    }

    fn run(self, messages: Receiver<ControlMessage>, ready: &dyn Fn(Arc<Waker>)) -> io::Result<()> {
        let mut reactor = self.build()?;
        reactor.app_mut().control_messages = Some(messages);
        ready(reactor.waker());
        reactor.run().map(drop)
    }
}

impl BoundServer {
    /// Watches the signals that the configuration needs.
    ///
    /// # Errors
    /// Failure to install a signal handler.
    pub fn watch_signals(&mut self) -> io::Result<()> {
        match &mut self.workers {
            Workers::CurrentThread(reactor) => reactor.watch_signals(&self.signals),
            Workers::MultiThread(supervisor, _) => supervisor.watch_signals(&self.signals),
        }
    }

    /// Waker that acts as the first signal, then as the second.
    pub fn shutdown_waker(&self) -> Arc<Waker> {
        match &self.workers {
            Workers::CurrentThread(reactor) => reactor.waker(),
            Workers::MultiThread(supervisor, _) => supervisor.waker(),
        }
    }

    /// Serves until stopped. Returns the signal that cut the shutdown short.
    ///
    /// # Errors
    /// Failure of epoll or of a worker.
    pub fn run(self) -> io::Result<Option<i32>> {
        match self.workers {
            Workers::CurrentThread(reactor) => reactor.run().map(|server| server.stopped_by),
            Workers::MultiThread(supervisor, configs) => workers::run(supervisor, configs, WorkerConfig::run),
        }
    }
}

fn event_loop_error(error: io::Error) -> String {
    format!("cannot set up the event loop: {error}")
}

fn root_error(path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "create it, or name another directory with --root",
        ErrorKind::NotADirectory => "name the directory that holds it with --root",
        ErrorKind::PermissionDenied => "make it readable for this user, or name another with --root",
        _ => "name another directory with --root",
    };
    format!("cannot serve {}: {error}; {remedy}", quote(path))
}

fn log_error(destination: &LogDestination, error: &io::Error) -> String {
    let name = match destination {
        LogDestination::File(path) => quote(path),
        LogDestination::Stdout | LogDestination::Off => "stdout".to_owned(),
    };
    format!("cannot write the access log {name}: {error}; name another with --access-log, or off")
}

fn listen_error(error: &ListenError, option: &str) -> String {
    let remedy = match error.source.kind() {
        ErrorKind::AddrInUse => format!(
            "stop the program that uses it, or choose another port with {option} (0 takes a free one)"
        ),
        ErrorKind::AddrNotAvailable => "name an address of this host with --bind".to_owned(),
        ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege; choose another with {option}")
        }
        _ => format!("choose another address with --bind or another port with {option}"),
    };
    format!("{error}; {remedy}")
}
