//! Settings of the server as typed values; `args` owns the defaults.
//!
//! The types never read arguments, the environment or files.

pub mod args;
mod process_env;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::access_log::{LogDestination, LogStyle};
use crate::files::{CacheLimits, MediaTypes, Naming, PathError, RelativePath};
use crate::http::{BasicCredentials, Status};
use crate::net::ListenIp;
use crate::server::limits::MEMORY_SHARES;
use crate::server::rules::{CacheRule, Header, HostName, Network, Origin, RateLimit, Redirect};
use crate::sum::Name;

pub use process_env::ProcessEnv;

/// All settings. The default serves the working directory at 127.0.0.1:8080.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Listen addresses.
    pub bind: Vec<ListenIp>,
    /// Host names besides the server's own.
    pub hosts: Vec<HostName>,
    /// Proxies that name the client's address.
    pub trusted_proxies: Vec<Network>,
    /// Served content.
    pub root: RootChoice,
    /// Whether the root was a file and has only its index.
    pub one_file: bool,
    /// Index file: a plain name, neither empty nor hidden.
    pub index: String,
    /// File for a GET of a missing path.
    pub fallback: Option<RelativePath<'static>>,
    /// Error pages, at most one per status.
    pub error_pages: Vec<ErrorPage>,
    /// Overrides of the built-in types.
    pub media_types: MediaTypes,
    /// Whether dot names are served, listed and stored.
    pub hidden: bool,
    /// Whether a path may omit the extension `.html`.
    pub clean_urls: bool,
    /// Fields of every response, in order.
    pub headers: Vec<Header>,
    /// Cache-Control rules; the first match applies.
    pub cache_control: Vec<CacheRule>,
    /// Other origin whose pages may read responses.
    pub cors: Option<Origin>,
    /// Redirects without loops; the first match applies.
    pub redirects: Vec<Redirect>,
    /// Whether to compress files; precompressed ones are always sent.
    pub compress: bool,
    /// Destination of the access log.
    pub access_log: LogDestination,
    /// Format of the access log.
    pub log_style: LogStyle,
    /// Longest silence between requests.
    pub idle_timeout: Duration,
    /// Longest time from a head's first to last byte.
    pub header_timeout: Duration,
    /// Time for unfinished responses at shutdown.
    pub grace: Duration,
    /// Mode of the file cache.
    pub cache: CacheMode,
    /// Most bytes of cached files.
    pub cache_len_max: usize,
    /// Most files that the cache keeps open.
    pub cache_files_max: usize,
    /// Most connections; `None` follows the descriptor limit.
    pub connections_max: Option<usize>,
    /// Most connections of an IPv4 address or IPv6 /64.
    pub connections_per_ip_max: Option<usize>,
    /// Most requests of an IPv4 address or IPv6 /64.
    pub rate_limit: Option<RateLimit>,
    /// Bytes per second that a connection sends at most.
    pub bandwidth: Option<u64>,
    /// Bytes per second that all connections together send at most.
    pub bandwidth_total: Option<u64>,
    /// Bytes of memory above which nothing is read; `None` is a quarter of the machine's.
    pub memory_max: Option<u64>,
    /// Worker threads; `None` is one per core.
    pub workers: Option<usize>,
    /// Whether to omit the address lines.
    pub quiet: bool,
    /// Number exchange, if served.
    pub sum: Option<SumConfig>,
    /// Whether HTTP is served; else root, port and log are unused.
    pub http: bool,
    /// Whether to report connections.
    pub verbose: bool,
    /// Directory for PUT below the root; empty is the root, `None` is off.
    pub upload: Option<PathBuf>,
    /// Longest upload in bytes.
    pub upload_len_max: u64,
    /// Bytes that uploads leave free.
    pub free_min: u64,
    /// Sync before the response to a change.
    pub durability: Durability,
    /// Whether a change needs a condition.
    pub require_conditions: bool,
    /// Whether an upload needs a digest.
    pub require_digest: bool,
    /// Whether uploads replace no file.
    pub no_overwrite: bool,
    /// Whether DELETE is served.
    pub allow_delete: bool,
    /// Whether MKCOL is served, and PUT makes directories.
    pub allow_mkdir: bool,
    /// Whether uploads are taken and never shown.
    pub upload_only: bool,
    /// Login, if required.
    pub auth: Option<AuthConfig>,
    /// Time that an unfinished upload is kept.
    pub resumable_for: Duration,
    /// TLS, if served.
    pub tls: Option<TlsConfig>,
    /// User and group that the server runs as once it listens: `NAME[:GROUP]`.
    pub user: Option<String>,
    /// Whether the process is confined to its files.
    pub sandbox: SandboxMode,
    /// Further directories that it may read.
    pub sandbox_read: Vec<PathBuf>,
    /// Whether to list and archive directories. `None`: only on loopback and without fallback.
    pub listing: Option<bool>,
}

/// Data that is synced before the response to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Content and name.
    Full,
    /// Content.
    File,
    /// Nothing.
    None,
}

/// Confinement by Landlock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxMode {
    /// As far as the kernel can.
    #[default]
    Auto,
    /// No start without it.
    Require,
    /// None.
    Off,
}

/// Mode of the file cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMode {
    /// Fresh until inotify reports a change, where it reports all changes.
    Fresh,
    /// Checked on disk for each request.
    Stat,
    /// No cache.
    Off,
}

/// Login by user and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthConfig {
    /// Users with their passwords.
    pub credentials: Vec<BasicCredentials>,
    /// Password file.
    pub file: Option<PathBuf>,
    /// Whether GET, HEAD and OPTIONS need no login.
    pub writes_only: bool,
}

/// TLS at the listen addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Files of certificate chains and their keys, in PEM. If empty, the certificate is self-signed.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// Directory of the self-signed certificate, if the environment names one.
    pub state_directory: Option<PathBuf>,
    /// Port beside the plain port; `None` speaks TLS on the plain port.
    pub port: Option<u16>,
    /// Whether the plain port redirects to the other.
    pub redirects_http: bool,
    /// `max-age` of Strict-Transport-Security, in seconds (RFC 6797 section 6.1.1).
    pub hsts: Option<u64>,
    /// File of the authorities of client certificates, which are then required.
    pub client_ca: Option<PathBuf>,
}

/// Number exchange at the HTTP addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumConfig {
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Server name; `None` is the host name.
    pub name: Option<Name>,
    /// Server number.
    pub number: i64,
}

/// 127.0.0.1 and, if available, ::1.
pub const LOOPBACK: [ListenIp; 2] = [
    ListenIp { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), optional: false },
    ListenIp { ip: IpAddr::V6(Ipv6Addr::LOCALHOST), optional: true },
];

/// Served content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootChoice {
    /// Directory, or one file alone.
    Directory(PathBuf),
    /// Pages embedded in the binary.
    Embedded,
}

/// Error page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// Status.
    pub status: Status,
    /// File below the root.
    pub path: RelativePath<'static>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        args::default_config()
    }
}

impl ServerConfig {
    /// Whether directories are listed and archived.
    pub fn listings_enabled(&self) -> bool {
        self.listing.unwrap_or_else(|| self.fallback.is_none() && self.is_local())
    }

    /// Whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        self.bind.iter().all(|listen| listen.ip.is_loopback())
    }

    /// Whether a listener is for known host names only.
    pub fn checks_host(&self, is_loopback: bool) -> bool {
        !self.hosts.is_empty() || is_loopback && self.trusted_proxies.is_empty()
    }

    /// Path of a GET.
    pub fn parse_path<'a>(&self, raw: &'a [u8]) -> Result<RelativePath<'a>, PathError> {
        if self.hidden { RelativePath::parse_with_hidden(raw) } else { RelativePath::parse(raw) }
    }

    /// Path of a PUT. A well-known file would speak for the whole host.
    pub fn parse_upload_path<'a>(&self, raw: &'a [u8]) -> Result<RelativePath<'a>, PathError> {
        let path = self.parse_path(raw)?;
        if path.as_bytes().starts_with(b".") && !self.hidden { Err(PathError::Hidden) } else { Ok(path) }
    }

    /// Directory of uploads below the root; empty for the root.
    pub fn upload_dir(&self) -> &[u8] {
        self.upload.as_ref().map(|directory| directory.as_os_str().as_bytes()).unwrap_or_default()
    }

    /// How uploads get their names.
    pub fn naming(&self) -> Naming {
        match (self.upload_only, self.allow_mkdir) {
            (true, _) => Naming::KeepsExisting,
            (false, true) => Naming::MakesDirectories,
            (false, false) => Naming::InDirectory,
        }
    }

    /// Most bytes of the cache of a worker, and of its listings.
    pub fn memory_share(&self) -> usize {
        let shares = MEMORY_SHARES * self.workers.unwrap_or(1) as u64;
        self.memory_max.and_then(|memory| usize::try_from(memory / shares).ok()).unwrap_or(usize::MAX)
    }

    /// Limits of the file cache.
    pub fn cache_limits(&self) -> CacheLimits {
        match self.cache {
            CacheMode::Off => CacheLimits::NONE,
            _ => CacheLimits {
                bytes_max: self.cache_len_max.min(self.memory_share()),
                descriptors_max: self.cache_files_max,
                ..CacheLimits::DEFAULT
            },
        }
    }
}
