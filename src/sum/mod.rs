//! The number exchange: a second, tiny line protocol on a listener of its own.
//!
//! A client sends `Client of NAME: N`, the server answers `Server of NAME: M` or `error: WHY`, and both
//! know the sum. It owns the lines, the two machines that speak them ([`SumServerProtocol`], [`SumClientProtocol`]),
//! the client's application ([`run_sum`]) and the server's service ([`SumService`]). It knows nothing of HTTP or
//! files, and is the proof that [`crate::net`] does not know of them either.

mod app;
pub mod args;
pub mod client;
mod line;
pub mod server;

use std::time::Duration;

pub use app::{SumError, SumOutcome, run_sum};
pub use client::{SumClientProtocol, SumExchange, SumFailure};
pub use line::{LINE_LEN_MAX, Name, SumLine, SumLineError, SumRole};
pub use server::{SumServerProtocol, SumService, SumState};

/// How long a line may take to come, and an answer to go: both fit into one packet, so a peer that
/// takes longer has lost interest.
pub const TIMEOUT: Duration = Duration::from_secs(10);
