//! Threads: several reactors, each in a thread of its own, and the helper threads.
//!
//! The only file that starts threads. It reports how a reactor's thread ended, a panic included.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{io, thread};

use mio::Waker;

/// Event of a reactor thread.
pub enum ThreadEvent<T> {
    /// Started; this wakes its reactor.
    Ready(Arc<Waker>),
    /// Ended; `None` after a panic.
    Ended(Option<io::Result<T>>),
}

/// Available cores; 1 if unknown.
pub fn available_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

pub(super) fn spawn(name: String, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name).spawn(job).map(drop)
}

/// Starts a thread per job, `worker 1` and so on. A job passes its waker on and runs a reactor.
///
/// `report` runs in the thread, with its index; [`Ended`](ThreadEvent::Ended) comes last.
pub fn spawn_reactors<J, T, R>(jobs: impl IntoIterator<Item = J>, report: R) -> io::Result<()>
where
    J: FnOnce(&dyn Fn(Arc<Waker>)) -> io::Result<T> + Send + 'static,
    R: Fn(usize, ThreadEvent<T>) + Clone + Send + 'static,
{
    for (index, job) in jobs.into_iter().enumerate() {
        let report = report.clone();
        spawn(format!("worker {}", index + 1), move || {
            let ready = |waker| report(index, ThreadEvent::Ready(waker));
            // The job is not used after a panic.
            let outcome = catch_unwind(AssertUnwindSafe(|| job(&ready)));
            report(index, ThreadEvent::Ended(outcome.ok()));
        })?;
    }
    Ok(())
}
