//! The glue: where sockets, HTTP and files meet.
//!
//! [`Conn`] is the state machine of one connection (its table is the first thing to read),
//! `route` decides what a request gets, `reply` turns that into bytes, [`Server`] is the
//! application that the reactor drives, and [`start`] builds it all from a [`Config`].

mod app;
pub mod args;
mod config;
mod conn;
mod default_documents;
mod error_page;
mod exchange;
mod limits;
mod receiving;
mod reply;
mod route;
mod site;
mod start;

pub use app::Server;
pub use config::{Bind, Config, ErrorPage, RootChoice};
pub use conn::{Conn, Phase, TRANSITIONS};
pub use site::Site;
pub use start::{Bound, StartError, start};
