//! Several reactors, each in a thread of its own: nothing is shared, and all is added at the end.
//!
//! The thread that called waits and tells the observer. What the threads send it four times a second are
//! copies of their sums; there is no lock and no counter that two of them touch, but for a flag that each
//! reads once. The only file of the client that starts a thread.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use super::engine::{Ran, Stage, run_share};
use super::interrupt::Interrupt;
use super::metrics::Metrics;
use super::pacer::Share;
use super::plan::Plan;

/// Runs the plan in so many threads.
///
/// # Errors
/// What the first that failed had.
pub(super) fn run(
    plan: &Plan,
    addresses: &[Vec<SocketAddr>],
    interrupt: &Interrupt,
    count: usize,
    observer: &mut dyn FnMut(&Metrics, Stage),
) -> io::Result<Ran> {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let shares = (0..count as u64).map(|index| Share { index, of: count as u64 });
        let threads: Vec<_> = shares
            .map(|share| {
                let tell = tell.clone();
                scope.spawn(move || {
                    let mut observer = |metrics: &Metrics, stage| {
                        // The receiver outlives all threads.
                        let _ = tell.send((share.index as usize, metrics.clone(), stage));
                    };
                    run_share(plan, addresses, interrupt, share, &mut observer)
                })
            })
            .collect();
        drop(tell);
        watch(&told, count, observer);
        let mut whole: Option<Ran> = None;
        for thread in threads {
            let ran = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread has panicked")))?;
            match &mut whole {
                Some(whole) => whole.merge(&ran),
                None => whole = Some(ran),
            }
        }
        whole.ok_or_else(|| io::Error::other("there is no thread"))
    })
}

/// Tells the observer the sum of what was heard last of each thread, until all have ended.
fn watch(
    told: &mpsc::Receiver<(usize, Metrics, Stage)>,
    count: usize,
    observer: &mut dyn FnMut(&Metrics, Stage),
) {
    let mut latest: Vec<Option<Metrics>> = (0..count).map(|_| None).collect();
    for (index, metrics, stage) in told {
        if let Some(place) = latest.get_mut(index) {
            *place = Some(metrics);
        }
        // Once for all threads, when the first has its say.
        let mut known = latest.iter().flatten();
        if index == 0
            && let Some(mut sum) = known.next().cloned()
        {
            known.for_each(|metrics| sum.merge(metrics));
            observer(&sum, stage);
        }
    }
}
