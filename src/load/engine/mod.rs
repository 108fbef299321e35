//! The engine of a run: connections, their requests, and when each request is due.
//!
//! Owns the reactor's application, the connection's states, connection slots, the scheduler and the threads of
//! a run. It reads no options and writes no report.

pub mod app;
pub mod connection;
pub(super) mod connection_slots;
pub(super) mod in_flight;
pub mod interrupt;
pub mod pacer;
pub(super) mod scheduler;
pub mod thread_run;
pub mod threads;
