//! Threads: several reactors, each in a thread of its own, and the helper threads.
//!
//! It reports what becomes of a reactor's thread, a panic included. The only file that starts threads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use mio::Waker;

/// What becomes of a thread.
pub enum ThreadEvent<T> {
    /// Its reactor is ready, and this wakes it.
    Ready(Arc<Waker>),
    /// It has ended: with this outcome, or without any by a panic.
    Ended(Option<io::Result<T>>),
}

/// How many threads can run at once, as far as that is known.
pub fn available_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Starts a thread that runs `job`.
///
/// # Errors
/// If the system gives no thread.
pub(super) fn spawn(name: String, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name).spawn(job).map(drop)
}

/// Starts a thread for each job, named `worker 1` and so on. A job builds a reactor, passes on what wakes
/// it, and runs it. `report` is called in the thread, with its index; its last event is
/// [`Ended`](ThreadEvent::Ended).
///
/// # Errors
/// When a thread cannot be started.
pub fn spawn_reactors<J, T, R>(jobs: impl IntoIterator<Item = J>, report: R) -> io::Result<()>
where
    J: FnOnce(&dyn Fn(Arc<Waker>)) -> io::Result<T> + Send + 'static,
    R: Fn(usize, ThreadEvent<T>) + Clone + Send + 'static,
{
    for (index, job) in jobs.into_iter().enumerate() {
        let report = report.clone();
        spawn(format!("worker {}", index + 1), move || {
            let ready = |waker| report(index, ThreadEvent::Ready(waker));
            // Nothing of the job is used after a panic.
            let outcome = catch_unwind(AssertUnwindSafe(|| job(&ready)));
            report(index, ThreadEvent::Ended(outcome.ok()));
        })?;
    }
    Ok(())
}
