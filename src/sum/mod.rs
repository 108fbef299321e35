//! Number exchange: a second, tiny line protocol on its own listener.
//!
//! Both sides can add the numbers. Never uses HTTP or files, which proves [`crate::net`] independent of them.

mod app;
pub mod args;
pub mod client;
mod line;
pub mod server;

use std::time::Duration;

pub use app::{SumError, SumOutcome, run_sum};
pub use client::{SumClientProtocol, SumExchange, SumFailure};
pub use line::{LINE_LEN_MAX, Name, SumLine, SumLineError, SumRole};
pub use server::{SumServerProtocol, SumState};

/// Time limit per line: it fits one packet, so a slower peer is probably gone.
pub const TIMEOUT: Duration = Duration::from_secs(10);
