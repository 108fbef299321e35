//! One reactor per thread; no locks or shared counters, only a flag that each thread reads once.
//!
//! Each thread sends the caller its time series four times a second. Results are added at the end.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use mio::Waker;

use super::app::{RunPhase, RunResult, run_thread};
use super::interrupt::Interrupt;
use super::pacer::ThreadShare;
use crate::load::plan::run_plan::Plan;
use crate::load::stats::time_series::TimeSeries;
use crate::reactor::{ThreadEvent, spawn_reactors};

/// Two channels make the binary 16 kB larger than one.
enum ThreadMessage {
    Snapshot(TimeSeries, RunPhase),
    Ended(Box<io::Result<RunResult>>),
}

/// `addresses` has a list per target.
///
/// # Errors
/// The plan does not fit the addresses, an event loop fails, or a thread cannot start.
pub fn run(
    plan: &Plan,
    addresses: &[Vec<SocketAddr>],
    interrupt: &Interrupt,
    observer: &mut dyn FnMut(&TimeSeries, RunPhase),
) -> io::Result<RunResult> {
    let count = plan.threads.max(1);
    if count == 1 {
        return run_thread(plan, addresses, interrupt, ThreadShare { index: 0, of: 1 }, observer);
    }
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new((plan.clone(), addresses.to_vec(), interrupt.clone()));
    let job_sender = sender.clone();
    let jobs = (0..count).map(move |index| {
        let (shared, sender) = (Arc::clone(&shared), job_sender.clone());
        move |_: &dyn Fn(Arc<Waker>)| {
            let (plan, addresses, interrupt) = &*shared;
            // The receiver outlives all threads.
            let mut observer = |so_far: &TimeSeries, phase| {
                _ = sender.send((index, ThreadMessage::Snapshot(so_far.clone(), phase)));
            };
            let share = ThreadShare { index: index as u64, of: count as u64 };
            run_thread(plan, addresses, interrupt, share, &mut observer)
        }
    });
    spawn_reactors(jobs, move |index, event| {
        if let ThreadEvent::Ended(outcome) = event {
            let panicked = || Err(io::Error::other("a thread has panicked"));
            _ = sender.send((index, ThreadMessage::Ended(Box::new(outcome.unwrap_or_else(panicked)))));
        }
    })?;
    let mut results = Vec::new();
    let snapshots = receiver.iter().filter_map(|(index, message)| match message {
        ThreadMessage::Snapshot(snapshot, phase) => Some((index, snapshot, phase)),
        ThreadMessage::Ended(result) => {
            results.push((index, result));
            None
        }
    });
    observe_threads(snapshots, count, observer);
    results.sort_unstable_by_key(|(index, _)| *index);
    let all = results.into_iter().map(|(_, result)| *result).reduce(|whole, result| {
        let mut whole = whole?;
        whole.merge(&result?);
        Ok(whole)
    });
    all.unwrap_or_else(|| Err(io::Error::other("there is no thread")))
}

fn observe_threads(
    snapshots: impl IntoIterator<Item = (usize, TimeSeries, RunPhase)>,
    count: usize,
    observer: &mut dyn FnMut(&TimeSeries, RunPhase),
) {
    let mut latest: Vec<Option<TimeSeries>> = (0..count).map(|_| None).collect();
    let mut has_reported = vec![false; count];
    for (index, snapshot, phase) in snapshots {
        let reports_again = has_reported.get_mut(index).is_some_and(|reported| mem::replace(reported, true));
        if let Some(slot) = latest.get_mut(index) {
            *slot = Some(snapshot);
        }
        // Once per round: all have reported, or one reports again, because an ended thread reports nothing.
        let mut snapshots = latest.iter().flatten();
        if (reports_again || has_reported.iter().all(|reported| *reported))
            && let Some(mut sum) = snapshots.next().cloned()
        {
            has_reported.fill(false);
            if let (true, Some(reported)) = (reports_again, has_reported.get_mut(index)) {
                *reported = true;
            }
            snapshots.for_each(|snapshot| sum.merge(snapshot));
            observer(&sum, phase);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::stats::metrics::Metrics;

    #[test]
    fn observer_gets_sum_once_per_round_after_thread_ended() {
        let (sender, receiver) = mpsc::channel();
        let mut metrics = [0, 1].map(|_| Metrics::new(1, Duration::from_secs(1)));
        // Two rounds of both threads; then the first thread has ended.
        for (secs, index) in [(1, 0), (1, 1), (2, 1), (2, 0), (3, 1), (4, 1), (5, 1), (6, 1)] {
            metrics[index].record_sent(0);
            let phase = RunPhase::Measuring { elapsed: Duration::from_secs(secs) };
            sender.send((index, metrics[index].series.clone(), phase)).expect("it is heard");
        }
        drop(sender);
        let mut sums = Vec::new();
        observe_threads(&receiver, 2, &mut |sum, phase| {
            let RunPhase::Measuring { elapsed } = phase else { return };
            sums.push((elapsed.as_secs(), sum.totals.sent));
        });
        assert_eq!(sums, [(1, 2), (2, 4), (4, 6), (5, 7), (6, 8)]);
    }
}
