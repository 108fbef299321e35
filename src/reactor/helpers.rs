//! Helper threads for calls that block, such as a resolver or the close of a large deleted file.
//!
//! A [`HelperPool`] runs jobs on a few threads, which start with the first job that finds none idle. [`Helpers`] is the
//! access of one reactor: a job goes in, and its completion wakes a connection by its [`Key`].

use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::nice;

use super::{Key, threads};

/// Jobs of one reactor that may be pending before it counts as full: 16 for each of four threads.
const PENDING_JOBS_MAX: usize = 64;
/// Niceness of background threads: beside an event loop that needs all of a core, they get 3.5 % of it.
///
/// At 0, write-back on the loop's core made the p99 of other responses 17 ms; at 10 it was 10 ms, at 15 5 ms.
const BACKGROUND_NICENESS: i32 = 15;

/// Whether the last start of a thread failed: the limit is of the process, and is reported once.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// A bounded pool of threads, which end when the last clone is dropped.
#[derive(Clone)]
pub struct HelperPool {
    jobs: Sender<Job>,
    threads: Arc<PoolThreads>,
    niceness: i32,
}

struct PoolThreads {
    threads_max: usize,
    started: AtomicUsize,
    unfinished: AtomicUsize,
    queue: Mutex<Receiver<Job>>,
}

type Job = Box<dyn FnOnce() + Send>;

struct Completions {
    keys: Mutex<Vec<Key>>,
    pending: AtomicUsize,
    /// Readable when a job has ended.
    eventfd: OwnedFd,
}

impl HelperPool {
    /// A pool of at most `threads_max` threads, 1 or more; none is started yet.
    pub fn new(threads_max: usize) -> Self {
        let (jobs, queue) = mpsc::channel();
        let (started, unfinished) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let threads = PoolThreads { threads_max, started, unfinished, queue: Mutex::new(queue) };
        Self { jobs, threads: Arc::new(threads), niceness: 0 }
    }

    /// A pool whose threads leave the processor to event loops.
    pub fn background(threads_max: usize) -> Self {
        Self { niceness: BACKGROUND_NICENESS, ..Self::new(threads_max) }
    }

    fn submit(&self, job: Job) {
        let unfinished = self.threads.unfinished.fetch_add(1, Ordering::Relaxed) + 1;
        // The receiver lives as long as this pool does.
        let _ = self.jobs.send(job);
        let limit = unfinished.min(self.threads.threads_max);
        let add_one = |started| (started < limit).then_some(started + 1);
        if let Ok(started) = self.threads.started.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add_one)
        {
            self.start_thread(started + 1);
        }
    }

    /// Starts one thread more. If the system gives none at all, the jobs run here: the loop stalls, and no job is
    /// lost.
    fn start_thread(&self, number: usize) {
        let (threads, niceness) = (Arc::clone(&self.threads), self.niceness);
        let run = move || {
            // Of this thread alone.
            let _ = nice(niceness);
            while threads.run_one() {}
        };
        let spawned = threads::spawn(format!("helper {number}"), run);
        let is_reported = HAS_FAILED.swap(spawned.is_err(), Ordering::Relaxed);
        if let Err(error) = spawned {
            if !is_reported {
                log::error!(
                    "cannot start a helper thread: {error}; its jobs wait for other threads, or run on the loop"
                );
            }
            if self.threads.started.fetch_sub(1, Ordering::Relaxed) == 1 {
                self.threads.run_queued();
            }
        }
    }
}

impl PoolThreads {
    /// Runs what is queued, unless a thread waits for it.
    fn run_queued(&self) {
        while let Some(job) = self.queue.try_lock().ok().and_then(|queue| queue.try_recv().ok()) {
            job();
        }
    }

    /// Returns `false` when the pool is gone.
    fn run_one(&self) -> bool {
        let job = self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        job.map(|job| job()).is_ok()
    }
}

impl Completions {
    fn push(&self, key: Option<Key>) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).extend(key);
    }

    fn wake_loop(&self) {
        if let Err(error) = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes()) {
            log::error!("cannot wake the event loop: {error}");
        }
    }
}

/// The access of one reactor to a pool.
#[derive(Clone)]
pub struct Helpers {
    pool: HelperPool,
    completions: Arc<Completions>,
}

impl Helpers {
    /// An access to `pool`, for [`Reactor::use_helpers`](super::Reactor::use_helpers).
    pub fn new(pool: HelperPool) -> io::Result<Self> {
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (keys, pending) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Self { pool, completions: Arc::new(Completions { keys, pending, eventfd }) })
    }

    /// The same access to another pool.
    pub fn with_pool(&self, pool: HelperPool) -> Self {
        Self { pool, completions: Arc::clone(&self.completions) }
    }

    /// Runs `job` on a helper thread. The connection `key`, if any, gets a tick after that.
    ///
    /// The queue takes every job: a caller that can wait asks [`Self::is_full`] first.
    pub fn submit(&self, key: Option<Key>, job: impl FnOnce() + Send + 'static) {
        self.completions.pending.fetch_add(1, Ordering::Relaxed);
        let (threads, completions) = (Arc::clone(&self.pool.threads), Arc::clone(&self.completions));
        self.pool.submit(Box::new(move || {
            // A job that panics drops its channel, which the receiver sees.
            let _ = catch_unwind(AssertUnwindSafe(job));
            threads.unfinished.fetch_sub(1, Ordering::Relaxed);
            completions.push(key);
            completions.pending.fetch_sub(1, Ordering::Release);
            completions.wake_loop();
        }));
    }

    /// Whether a caller that can wait has to.
    pub fn is_full(&self) -> bool {
        self.pending() >= PENDING_JOBS_MAX
    }

    /// Gives the connection a tick when the next job has ended, or at once if the queue is not full any more.
    pub fn wake_when_not_full(&self, key: Key) {
        self.completions.push(Some(key));
        if !self.is_full() {
            self.completions.wake_loop();
        }
    }

    /// Gives the connection a tick: its result may come after its job.
    pub fn wake(&self, key: Key) {
        self.completions.push(Some(key));
        self.completions.wake_loop();
    }

    /// Jobs that have not ended.
    pub fn pending(&self) -> usize {
        self.completions.pending.load(Ordering::Acquire)
    }

    pub(super) fn eventfd(&self) -> &OwnedFd {
        &self.completions.eventfd
    }

    pub(super) fn take_completed(&self) -> Vec<Key> {
        // An eventfd is emptied by one read.
        let _ = rustix::io::read(&self.completions.eventfd, &mut [0_u8; 8]);
        std::mem::take(&mut self.completions.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    fn helpers(threads_max: usize) -> Helpers {
        Helpers::new(HelperPool::new(threads_max)).expect("an eventfd")
    }

    impl Helpers {
        /// Whether a connection waits for a completion.
        pub(crate) fn is_awaited(&self) -> bool {
            !self.completions.keys.lock().expect("no panic").is_empty()
        }

        pub(crate) fn wakes_loop(&self) -> bool {
            let now = rustix::event::Timespec::default();
            poll(&mut [PollFd::new(self.eventfd(), PollFlags::IN)], Some(&now)) == Ok(1)
        }
    }

    /// Waits for a wake-up of the loop and takes the completed keys.
    fn completed(helpers: &Helpers) -> Vec<Key> {
        poll(&mut [PollFd::new(helpers.eventfd(), PollFlags::IN)], None).expect("a completion");
        helpers.take_completed()
    }

    #[test]
    fn pool_runs_all_jobs_on_at_most_threads_max_threads() {
        let helpers = helpers(2);
        let (sender, names) = mpsc::channel();
        for _ in 0..100 {
            let sender = sender.clone();
            let name = || thread::current().name().map(str::to_owned);
            helpers.submit(None, move || sender.send(name()).expect("a receiver"));
        }
        drop(sender);
        let mut names: Vec<_> = names.iter().map(|name| name.expect("a name")).collect();
        assert_eq!(names.len(), 100);
        names.sort();
        names.dedup();
        assert!(names.iter().all(|name| ["helper 1", "helper 2"].contains(&name.as_str())), "{names:?}");
    }

    #[test]
    fn idle_thread_takes_the_next_job() {
        let helpers = helpers(4);
        for _ in 0..10 {
            helpers.submit(Some(Key::for_test(1)), || {});
            completed(&helpers);
        }
        assert_eq!(helpers.pool.threads.started.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn completion_names_connection_even_if_the_job_panics() {
        let helpers = helpers(1);
        let [first, second] = [1, 2].map(Key::for_test);
        helpers.submit(Some(first), || resume_unwind(Box::new("on purpose")));
        let mut keys = completed(&helpers);
        helpers.submit(Some(second), || {});
        keys.extend(completed(&helpers));
        assert_eq!((keys, helpers.pending()), (vec![first, second], 0));
    }

    #[test]
    fn full_queue_wakes_waiting_connection_when_a_job_ends() {
        let helpers = helpers(1);
        let (release, released) = mpsc::channel::<()>();
        helpers.submit(None, move || released.recv().expect("a release"));
        for _ in 1..PENDING_JOBS_MAX {
            assert!(!helpers.is_full());
            helpers.submit(None, || {});
        }
        assert!(helpers.is_full());
        helpers.wake_when_not_full(Key::for_test(1));
        release.send(()).expect("the job waits");
        assert_eq!(completed(&helpers), [Key::for_test(1)]);
        // Space that became free before the call is not missed.
        while helpers.is_full() {
            thread::yield_now();
        }
        helpers.wake_when_not_full(Key::for_test(2));
        assert!(completed(&helpers).contains(&Key::for_test(2)));
    }

    #[test]
    fn threads_end_with_the_last_clone_of_the_pool() {
        let helpers = helpers(1);
        let (sender, receiver) = mpsc::channel();
        helpers.submit(None, move || sender.send(()).expect("a receiver"));
        receiver.recv().expect("it has run");
        let threads = Arc::downgrade(&helpers.pool.threads);
        drop(helpers);
        while threads.upgrade().is_some() {
            thread::yield_now();
        }
    }
}
