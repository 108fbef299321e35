//! HTTP file server: connections, handlers, responses and rules.
//!
//! [`start`] builds one [`ServerApp`] per worker.

mod app;
mod auth;
pub mod config;
mod confinement;
mod connection;
mod context;
mod handlers;
mod limits;
#[cfg(not(feature = "tls"))]
mod no_tls;
mod reload;
mod response;
mod rules;
mod shared;
mod startup;
mod stats;
#[cfg(feature = "tls")]
mod tls;
mod workers;

#[cfg(not(feature = "tls"))]
use no_tls::NoTls as ServerTls;
#[cfg(feature = "tls")]
use tls::ServerTls;

pub use app::ServerApp;
pub use config::{
    AuthConfig, CacheMode, Durability, ErrorPage, LOOPBACK, ProcessEnv, RootChoice, SandboxMode,
    ServerConfig, SumConfig, TlsConfig,
};
pub use confinement::Confinement;
pub use connection::{HttpServerProtocol, ServerConnection, ServerPhase, TRANSITIONS, WorkerState};
pub use rules::{CacheRule, Glob, Header, HostName, Network, Origin, RateLimit, Redirect};
pub use startup::{BoundServer, check, log_panics, start};
