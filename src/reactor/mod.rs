//! Event loop: readiness, run queue, timers, listeners, signals, helper threads.
//!
//! Owns connection slots and the order of ticks. Never moves bytes or knows a protocol: the [`App`] does.
//! Events only set [`Readiness`] and queue [`Key`]s. No connection is freed during dispatch.

mod app;
mod clock;
mod control;
mod event_loop;
mod helpers;
mod listeners;
mod readiness;
mod slots;
mod threads;
mod timer_wheel;
mod timerfd;
mod token;

pub use app::{App, EventSource, Next};
pub use clock::{Clock, CpuTime, Now};
pub use control::Control;
pub use event_loop::Reactor;
pub use helpers::{HelperPool, Helpers};
pub use listeners::{ConnectionLimit, LISTEN_BACKLOG, ListenerId};
pub use readiness::Readiness;
pub use threads::{ThreadEvent, available_cores, spawn_reactors};
pub use token::Key;
