//! The event loop: readiness, tokens, the run queue, timers, listeners, wake-ups and signals.
//!
//! It owns the slots in which connections live and decides whose turn it is. It knows nothing of
//! bytes, HTTP or files: what a connection is, and what it does with its turn, is the [`App`]'s.
//!
//! Events only set bits ([`Readiness`]) and queue keys ([`Key`]); work is done from the run queue,
//! one turn at a time ([`Reactor::run`]). No connection is freed while a batch of events is walked.

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
pub use listeners::{ConnectionLimit, ListenerId, Watermarks};
pub use readiness::Readiness;
pub use threads::{ThreadEvent, available_cores, spawn_reactors};
pub use token::Key;
