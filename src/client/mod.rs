//! HTTP client: command line, one request, response shown or saved.
//!
//! [`args`] parses a [`config::ClientConfig`]; [`fetch`] runs it; [`connection`] is the protocol.

pub mod args;
pub(super) mod blocking;
pub mod config;
pub mod connection;
mod fetch;
mod log;
pub(super) mod messages;
pub(super) mod options;
mod progress;
mod prompt;
pub(super) mod request;
mod response_check;
mod run_error;
mod session;
mod sink;
pub mod source;
pub mod target;
pub mod tls;
mod upload;
mod upload_queue;

pub use fetch::fetch;
pub use prompt::ask_password;
pub use run_error::RunError;
