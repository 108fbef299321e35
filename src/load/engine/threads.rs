//! Several reactors, each in a thread of its own: nothing is shared, and all is added at the end.
//!
//! The thread that called waits and tells the observer. What the threads send it four times a second are
//! copies of what is shown of their sums; there is no lock and no counter that two of them touch, but for a
//! flag that each reads once.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use mio::Waker;

use super::app::{RunPhase, RunResult, run_thread};
use super::interrupt::Interrupt;
use super::pacer::ThreadShare;
use crate::load::plan::run_plan::Plan;
use crate::load::stats::metrics::{LiveMetrics, RequestTotals};
use crate::load::stats::time_series::TimeSeries;
use crate::reactor::{ThreadEvent, spawn_reactors};

/// What a thread has to show.
#[derive(Clone)]
struct ThreadSnapshot {
    totals: RequestTotals,
    series: TimeSeries,
}

impl ThreadSnapshot {
    fn of(so_far: LiveMetrics<'_>) -> Self {
        Self { totals: *so_far.totals, series: so_far.series.clone() }
    }

    fn so_far(&self) -> LiveMetrics<'_> {
        LiveMetrics { totals: &self.totals, series: &self.series }
    }

    fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.series.merge(&other.series);
    }
}

/// Runs the plan. `addresses` are those of each target, in order; an interrupt ends the run before its
/// time. The observer is told four times a second what there is so far.
///
/// # Errors
/// When the plan cannot be followed with these addresses, an event loop fails, or a thread cannot be had.
pub fn run(
    plan: &Plan,
    addresses: &[Vec<SocketAddr>],
    interrupt: &Interrupt,
    observer: &mut dyn FnMut(LiveMetrics<'_>, RunPhase),
) -> io::Result<RunResult> {
    let count = plan.threads.max(1);
    if count == 1 {
        return run_thread(plan, addresses, interrupt, ThreadShare { index: 0, of: 1 }, observer);
    }
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let shared = Arc::new((plan.clone(), addresses.to_vec(), interrupt.clone()));
    let jobs = (0..count).map(|index| {
        let (shared, tell) = (Arc::clone(&shared), tell.clone());
        move |_: &dyn Fn(Arc<Waker>)| {
            let (plan, addresses, interrupt) = &*shared;
            // The receiver outlives all threads.
            let mut observer =
                |so_far: LiveMetrics<'_>, stage| _ = tell.send((index, ThreadSnapshot::of(so_far), stage));
            let share = ThreadShare { index: index as u64, of: count as u64 };
            run_thread(plan, addresses, interrupt, share, &mut observer)
        }
    });
    spawn_reactors(jobs, move |index, event| {
        if let ThreadEvent::Ended(outcome) = event {
            let panicked = || Err(io::Error::other("a thread has panicked"));
            _ = end.send((index, outcome.unwrap_or_else(panicked)));
        }
    })?;
    drop(tell);
    observe_threads(&told, count, observer);
    let mut ended: Vec<_> = ended.iter().collect();
    ended.sort_by_key(|(index, _)| *index);
    let all = ended.into_iter().map(|(_, ran)| ran).reduce(|whole, ran| {
        let mut whole = whole?;
        whole.merge(&ran?);
        Ok(whole)
    });
    all.unwrap_or_else(|| Err(io::Error::other("there is no thread")))
}

/// Tells the observer the sum of what was heard last of each thread, until all have ended.
fn observe_threads(
    told: &mpsc::Receiver<(usize, ThreadSnapshot, RunPhase)>,
    count: usize,
    observer: &mut dyn FnMut(LiveMetrics<'_>, RunPhase),
) {
    let mut latest: Vec<Option<ThreadSnapshot>> = (0..count).map(|_| None).collect();
    let mut has_spoken = vec![false; count];
    for (index, shown, stage) in told {
        let speaks_again = has_spoken.get_mut(index).is_some_and(|spoken| mem::replace(spoken, true));
        if let Some(place) = latest.get_mut(index) {
            *place = Some(shown);
        }
        // Once for all threads, when the last has had its say; one that has ended has no more to say, so
        // nobody waits for it longer than until another speaks again.
        let mut known = latest.iter().flatten();
        if (speaks_again || has_spoken.iter().all(|spoken| *spoken))
            && let Some(mut sum) = known.next().cloned()
        {
            has_spoken.fill(false);
            if let (true, Some(spoken)) = (speaks_again, has_spoken.get_mut(index)) {
                *spoken = true;
            }
            known.for_each(|shown| sum.merge(shown));
            observer(sum.so_far(), stage);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::stats::metrics::{Metrics, MetricsSettings};

    #[test]
    fn observer_gets_sum_once_per_round_after_thread_ended() {
        let (tell, told) = mpsc::channel();
        let mut metrics =
            [0, 1].map(|_| Metrics::new(MetricsSettings { urls: 1, slice_len: Duration::from_secs(1) }));
        // Two rounds of both threads; then the first has ended.
        for (secs, index) in [(1, 0), (1, 1), (2, 1), (2, 0), (3, 1), (4, 1), (5, 1), (6, 1)] {
            metrics[index].record_sent(0);
            let stage = RunPhase::Measuring { elapsed: Duration::from_secs(secs) };
            tell.send((index, ThreadSnapshot::of(metrics[index].live()), stage)).expect("it is heard");
        }
        drop(tell);
        let mut sums = Vec::new();
        observe_threads(&told, 2, &mut |sum, stage| {
            let RunPhase::Measuring { elapsed } = stage else { return };
            sums.push((elapsed.as_secs(), sum.totals.sent));
        });
        assert_eq!(sums, [(1, 2), (2, 4), (4, 6), (5, 7), (6, 8)]);
    }
}
