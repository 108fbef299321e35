//! The glue: where sockets, HTTP and files meet.
//!
//! [`Conn`] is the state machine of one connection (its table is the first thing to read), `intake` makes a
//! request of what has come, with a `memo` of what came a moment ago, `route` decides what it gets, and
//! `reply` turns that into bytes. Between the two, `selection` is what conditions and
//! a Range make of a file, `codings` in which encoding it is wanted; `listing` and `archive` are what is
//! made of a folder, as a `stream` that works in slices; `rules` is what the operator has laid down for
//! answers. [`Server`] is the application that the reactor drives, and [`start`] builds it all from a
//! [`Config`], which `args` makes of the [`Surroundings`]. `sum_room` is the number exchange, the second
//! protocol on the same reactor. `workers` has several of all that, one in each thread.

mod allow;
mod app;
mod archive;
pub mod args;
mod config;
mod conn;
mod connection;
mod context;
mod default_documents;
mod exchange;
mod intake;
mod limits;
mod listing;
mod memo;
mod patience;
mod phase;
mod put;
mod receiving;
mod reply;
mod route;
mod rules;
mod selection;
mod site;
mod start;
mod static_file;
mod sum_room;
mod surroundings;
mod workers;

pub use app::Server;
pub use config::{Bind, CacheMode, Config, ErrorPage, RootChoice, SumConfig};
pub use conn::Conn;
pub use connection::Connection;
pub use phase::{Phase, TRANSITIONS};
pub use rules::{CacheRule, Glob, Header, Origin, Redirect};
pub use site::Site;
pub use start::{Bound, StartError, check, host_name, start};
pub use surroundings::Surroundings;
