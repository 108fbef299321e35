//! Engine of a run: reactor application, connections, scheduler, threads.
//!
//! It reads no options and writes no report.

pub mod app;
pub mod connection;
pub(super) mod connection_slots;
pub mod interrupt;
pub mod pacer;
pub(super) mod scheduler;
pub mod thread_run;
pub mod threads;
