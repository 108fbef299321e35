//! What the server is told to do, as typed values.
//!
//! Owns the settings; their defaults are in the table of options. It never reads arguments, the environment or the file
//! system: `args` makes a `ServerConfig` of what a person wrote, tests make theirs by hand.

pub mod args;
mod process_env;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::access_log::{LogDestination, LogStyle};
use crate::files::{CacheLimits, MediaTypes, RelativePath};
use crate::http::Status;
use crate::net::ListenIp;
use crate::server::rules::{CacheRule, Header, Origin, Redirect};
use crate::sum::Name;

pub use process_env::ProcessEnv;

/// Everything that can be set. Its default serves the embedded pages at 127.0.0.1:8080.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The port of every address; 0 takes one that is free.
    pub port: u16,
    /// The addresses to listen on.
    pub bind: Bind,
    /// What is served.
    pub root: RootChoice,
    /// The file that stands for its directory: a plain name, neither empty nor hidden.
    pub index: String,
    /// The file that answers a GET for what is not there.
    pub fallback: Option<RelativePath<'static>>,
    /// The files that stand in for built-in error pages; no status is there twice.
    pub error_pages: Vec<ErrorPage>,
    /// The media types that go before those that are known.
    pub media_types: MediaTypes,
    /// Whether a path without the extension `.html` stands for the file with it.
    pub clean_urls: bool,
    /// Fields that go with every answer, in their order.
    pub headers: Vec<Header>,
    /// What is said of how long files keep; the first that fits decides.
    pub cache_control: Vec<CacheRule>,
    /// The origin whose pages may read what is served, if not only those of this server.
    pub cors: Option<Origin>,
    /// Paths that have moved; the first that fits decides, and none leads back to itself.
    pub redirects: Vec<Redirect>,
    /// Whether files are compressed as they are asked for. Twins that are there are sent either way.
    pub compress: bool,
    /// Where the access log goes.
    pub access_log: LogDestination,
    /// How it is written.
    pub log_style: LogStyle,
    /// How long a kept-alive connection may stay silent between requests.
    pub idle_timeout: Duration,
    /// How long a request head may take from its first byte to its last.
    pub header_timeout: Duration,
    /// How long what is in flight may take after the signal to stop; zero waits for nothing.
    pub grace: Duration,
    /// How files are kept in memory.
    pub cache: CacheMode,
    /// The bytes of files that are kept there at most.
    pub cache_len_max: usize,
    /// The most connections at a time; `None` follows from the descriptor limit.
    pub connections_max: Option<usize>,
    /// How many threads serve, each a whole server of its own; `None` is one for each core.
    pub workers: Option<usize>,
    /// Whether the address lines are left out.
    pub quiet: bool,
    /// The number exchange, if it is served.
    pub sum: Option<SumConfig>,
    /// Whether HTTP is served; if not, the root, the port and the access log are of no use.
    pub http: bool,
    /// Whether connections are told of on standard error.
    pub verbose: bool,
    /// Where files may be stored by PUT: nowhere, or below this directory beneath the root, which is
    /// the root itself if the path is empty.
    pub upload: Option<PathBuf>,
    /// The longest file that may be stored, in bytes.
    pub upload_len_max: u64,
    /// Whether directories may be listed and archived; `None` is whether only this machine can ask, and
    /// no file answers for what is not there.
    pub listing: Option<bool>,
}

/// How files are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMode {
    /// As long as the kernel tells of no change, where it tells of all.
    Fresh,
    /// As long as a look at each file, for each request, shows no change.
    Stat,
    /// Not at all.
    Off,
}

/// The number exchange, beside HTTP at the same addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumConfig {
    /// Its port at every address; 0 takes one that is free.
    pub port: u16,
    /// The server's name there; `None` is the name of the machine.
    pub name: Option<Name>,
    /// The server's number.
    pub number: i64,
}

/// The addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// This machine only: 127.0.0.1 and, where there is IPv6, ::1.
    Loopback,
    /// These, every one of which must work. None is named twice.
    Addresses(Vec<IpAddr>),
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootChoice {
    /// The files in and below this directory.
    Directory(PathBuf),
    /// The pages that are built into the binary.
    Embedded,
}

/// A file that is the body of an error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The status that stays.
    pub status: Status,
    /// The file beneath the root.
    pub path: RelativePath<'static>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        args::default_config()
    }
}

impl ServerConfig {
    /// Whether directories may be listed and archived.
    pub fn listings_enabled(&self) -> bool {
        let is_local = || self.bind.listen_ips().iter().all(|listen| listen.ip.is_loopback());
        self.listing.unwrap_or_else(|| self.fallback.is_none() && is_local())
    }

    /// How much is kept in memory.
    pub fn cache_limits(&self) -> CacheLimits {
        match self.cache {
            CacheMode::Off => CacheLimits::NONE,
            _ => CacheLimits { bytes_max: self.cache_len_max, ..CacheLimits::DEFAULT },
        }
    }
}

impl Bind {
    /// The addresses as `listen_all` takes them.
    pub fn listen_ips(&self) -> Vec<ListenIp> {
        match self {
            Bind::Loopback => vec![
                ListenIp { ip: Ipv4Addr::LOCALHOST.into(), optional: false },
                ListenIp { ip: Ipv6Addr::LOCALHOST.into(), optional: true },
            ],
            Bind::Addresses(ips) => ips.iter().map(|&ip| ListenIp { ip, optional: false }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_loopback_ipv6_optional_named_addresses_required() {
        let wanted = |bind: Bind| -> Vec<(String, bool)> {
            bind.listen_ips().iter().map(|listen| (listen.ip.to_string(), listen.optional)).collect()
        };
        assert_eq!(wanted(Bind::Loopback), [("127.0.0.1".to_owned(), false), ("::1".to_owned(), true)]);
        assert_eq!(wanted(Bind::Addresses(vec![Ipv6Addr::LOCALHOST.into()])), [("::1".to_owned(), false)]);
    }
}
