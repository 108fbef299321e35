//! HTTP file server: connections, handlers, responses and rules.
//!
//! [`start`] builds one [`ServerApp`] per worker. [`crate::sum`] is a second protocol on the same reactor.
//! The server never uses `client` or `load`.

mod app;
pub mod config;
mod connection;
mod context;
mod handlers;
mod limits;
mod response;
mod rules;
mod shared;
mod startup;
mod stats;
mod workers;

pub use app::ServerApp;
pub use config::{Bind, CacheMode, ErrorPage, ProcessEnv, RootChoice, ServerConfig, SumConfig};
pub use connection::{HttpServerProtocol, ServerConnection, ServerPhase, TRANSITIONS, WorkerState};
pub use rules::{CacheRule, Glob, Header, Origin, Redirect};
pub use startup::{BoundServer, check, start};
