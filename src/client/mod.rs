//! The client: from a command line to a request, over the same reactor and link as the server, to an
//! answer that is shown or saved.
//!
//! [`args`] makes a [`config::ClientConfig`] of words; [`fetch`] runs it; [`connection`] is the state machine of
//! one connection. It never uses `files` or `server`.

pub mod args;
pub(super) mod blocking;
pub mod config;
pub mod connection;
mod fetch;
mod log;
pub(super) mod messages;
pub(super) mod options;
mod progress;
pub(super) mod request;
mod run_error;
mod session;
mod sink;
pub mod source;
pub mod target;
mod upload;

pub use fetch::fetch;
pub use run_error::RunError;
