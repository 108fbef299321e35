//! The server: where sockets, HTTP and files meet.
//!
//! [`start`] makes a [`Server`] of a [`Config`], one for each thread in `workers`. `connection` reads requests and
//! sends responses, `handlers` decide what a request gets, `response` is the response and its writer, and `rules`
//! are the operator's. `sum_room` is a second protocol on the same reactor.

mod app;
pub mod config;
mod connection;
mod context;
mod handlers;
mod limits;
mod response;
mod rules;
mod startup;
mod sum_room;
mod workers;

pub use app::Server;
pub use config::{Bind, CacheMode, Config, ErrorPage, RootChoice, SumConfig, Surroundings};
pub use connection::{Conn, Phase, ServerConnection, Site, TRANSITIONS};
pub use rules::{CacheRule, Glob, Header, Origin, Redirect};
pub use startup::{Bound, StartError, check, host_name, start};
