//! The server: where sockets, HTTP and files meet.
//!
//! [`start`] makes a [`ServerApp`] of a [`ServerConfig`], one for each thread in `workers`. `connection` reads requests and
//! sends responses, `handlers` decide what a request gets, `response` is the response and its writer, and `rules`
//! are the operator's. [`crate::sum`] is a second protocol on the same reactor.

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
