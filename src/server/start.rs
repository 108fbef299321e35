//! From a configuration to a server that listens: limits, root, log, sockets, in this order.
//!
//! Everything that can fail at the start fails here, with an error that names the thing and the
//! remedy. It serves nothing itself.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use mio::Waker;
use mio::net::TcpListener;

use super::app::{Server, signals};
use super::args::CONTENT_DIRECTORY;
use super::default_documents;
use super::limits::{DESCRIPTORS_RESERVED, connections_max, file_len_max};
use super::sum_room::SumRoom;
use super::{Config, RootChoice, Site, put};
use crate::access_log::{AccessLog, Destination};
use crate::command_line::quote;
use crate::files::{CacheLimits, Root, Store, Upload};
use crate::net::{ListenError, listen_all, raise_descriptors};
use crate::reactor::{Now, Reactor, Watermarks};

/// Why a server cannot start: one line that names the thing and the remedy.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for StartError {}

/// A server that listens and has yet to run.
pub struct Bound {
    reactor: Reactor<Server>,
    addresses: Vec<SocketAddr>,
    sum_addresses: Vec<SocketAddr>,
    signals: Vec<i32>,
}

/// Opens all that the configuration names. Connections queue up in the kernel from now on.
///
/// # Errors
/// When the root, the log or an address cannot be had.
pub fn start(mut config: Config, now: Now) -> Result<Bound, StartError> {
    let (watermarks, store) = furnish(&mut config)?;
    let log = AccessLog::open_styled(&config.access_log, config.log_style.clone())
        .map_err(|error| log_error(&config.access_log, &error))?;
    let signals = signals(&config.access_log);
    let (http, sum) = open_listeners(&config)?;

    let system = |error: io::Error| StartError(format!("cannot set up the event loop: {error}"));
    // They are named in their order.
    let sum_ids = http.len()..http.len() + sum.len();
    let sum_room = config.sum.as_ref().map(|settings| SumRoom::open(&config, settings, sum_ids));
    let sum_room = sum_room.transpose().map_err(system)?;
    let server = Server::new(Site::new(config, store, log), sum_room);
    let mut reactor = Reactor::new(server, now).map_err(system)?;
    reactor.set_watermarks(watermarks);
    let addresses = listen(&mut reactor, http).map_err(system)?;
    let sum_addresses = listen(&mut reactor, sum).map_err(system)?;
    Ok(Bound { reactor, addresses, sum_addresses, signals })
}

/// Looks whether all is there that a start with this configuration needs, but for the addresses; it
/// makes nothing and leaves nothing behind.
///
/// # Errors
/// Those of [`start`].
pub fn check(mut config: Config) -> Result<(), StartError> {
    furnish(&mut config)?;
    config.access_log.check().map_err(|error| log_error(&config.access_log, &error))
}

/// What can be had without opening the log or an address: room for connections, and the files.
fn furnish(config: &mut Config) -> Result<(Watermarks, Store), StartError> {
    let reserved = DESCRIPTORS_RESERVED + CacheLimits::DEFAULT.descriptors_max as u64;
    let each = if config.upload.is_some() { 1 + Upload::DESCRIPTORS } else { 1 };
    let watermarks =
        connections_max(raise_descriptors(), config.connections_max, reserved, each).map_err(StartError)?;
    let store = match &config.root {
        _ if !config.http => Store::Embedded,
        RootChoice::Directory(path) => {
            let root = Root::open(path).map_err(|error| root_error(path, &error))?;
            if is_content(path) { Store::DiskWithSource(root) } else { Store::Disk(root) }
        }
        RootChoice::Embedded => Store::Embedded,
    };
    default_documents::warn_of_missing(config, &store);
    put::check(config, &store).map_err(StartError)?;
    config.upload_len_max = config.upload_len_max.min(file_len_max());
    Ok((watermarks, store))
}

/// Those of HTTP and those of the number exchange, none of what is not served.
fn open_listeners(config: &Config) -> Result<(Vec<TcpListener>, Vec<TcpListener>), StartError> {
    let open = |port: Option<u16>, option| match port {
        Some(port) => {
            listen_all(&config.bind.listen_ips(), port).map_err(|error| listen_error(&error, option))
        }
        None => Ok(Vec::new()),
    };
    let http = open(config.http.then_some(config.port), "--port")?;
    let sum = open(config.sum.as_ref().map(|sum| sum.port), "--sum-port")?;
    Ok((http, sum))
}

/// Hands these over to the reactor; gives their addresses.
fn listen(reactor: &mut Reactor<Server>, listeners: Vec<TcpListener>) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::with_capacity(listeners.len());
    for listener in listeners {
        addresses.push(listener.local_addr()?);
        reactor.listen(listener)?;
    }
    Ok(addresses)
}

impl Bound {
    /// The addresses that it listens on for HTTP, with their real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses that it listens on for the number exchange, with their real ports.
    pub fn sum_addresses(&self) -> &[SocketAddr] {
        &self.sum_addresses
    }

    /// Makes SIGINT and SIGTERM shut the server down in good order, and SIGHUP and SIGUSR1 open the
    /// access log anew.
    ///
    /// # Errors
    /// When a signal handler cannot be installed.
    pub fn heed_signals(&mut self) -> io::Result<()> {
        self.reactor.watch_signals(&self.signals)
    }

    /// What shuts the server down from another thread: the first wake-up like the first signal,
    /// the second like the second.
    pub fn stopper(&self) -> Arc<Waker> {
        self.reactor.waker()
    }

    /// Serves until told to stop.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn run(self) -> io::Result<Server> {
        self.reactor.run()
    }
}

/// The name that this machine goes by.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether this is the directory that is served when none is named, however it is named: the source
/// pages belong to it.
fn is_content(path: &Path) -> bool {
    fs::canonicalize(path)
        .is_ok_and(|path| fs::canonicalize(CONTENT_DIRECTORY).is_ok_and(|content| path == content))
}

fn root_error(path: &Path, error: &io::Error) -> StartError {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "create it, or name another directory with --root",
        ErrorKind::NotADirectory => "name the directory that holds it with --root",
        ErrorKind::PermissionDenied => "make it readable for this user, or name another with --root",
        _ => "name another directory with --root",
    };
    StartError(format!("cannot serve {}: {error}; {remedy}", quote(path)))
}

fn log_error(destination: &Destination, error: &io::Error) -> StartError {
    let name = match destination {
        Destination::File(path) => quote(path),
        Destination::Stdout => "stdout".to_owned(),
        Destination::Off => "off".to_owned(),
    };
    StartError(format!("cannot write the access log {name}: {error}; name another with --access-log, or off"))
}

/// `option` is the one that chooses the port.
fn listen_error(error: &ListenError, option: &str) -> StartError {
    let remedy = match error.source.kind() {
        ErrorKind::AddrInUse => {
            format!("stop what uses it, or choose another port with {option} (0 takes a free one)")
        }
        ErrorKind::AddrNotAvailable => "name an address of this machine with --bind".to_owned(),
        ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege; choose another with {option}")
        }
        _ => format!("choose another address with --bind or another port with {option}"),
    };
    StartError(format!("{error}; {remedy}"))
}
