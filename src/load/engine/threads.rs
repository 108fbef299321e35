//! One reactor per thread; no locks or shared counters.
//!
//! Each thread sends the caller its time series. Results are added at the end.

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mio::Waker;

use super::app::{Endpoints, RunPhase, RunResult, run_thread};
use super::interrupt::Interrupt;
use super::pacer::ThreadShare;
use crate::load::plan::run_plan::Plan;
use crate::load::stats::time_series::TimeSeries;
use crate::reactor::{ThreadEvent, spawn_reactors};

/// An interval of [`Duration::MAX`] needs no observer.
///
/// # Errors
/// The plan does not fit the addresses, an event loop fails, or a thread cannot start.
pub fn run(
    plan: &Plan,
    endpoints: &Endpoints,
    interrupt: &Interrupt,
    observe_interval: Duration,
    observer: &mut dyn FnMut(&TimeSeries, RunPhase),
) -> io::Result<RunResult> {
    let count = plan.threads.max(1);
    if count == 1 {
        let share = ThreadShare { index: 0, of: 1 };
        return run_thread(plan, endpoints, interrupt, share, observe_interval, observer);
    }
    // An error is the end. Two channels make the binary 16 kB larger than one.
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new((plan.clone(), endpoints.clone(), interrupt.clone()));
    let job_sender = sender.clone();
    let jobs = (0..count).map(move |index| {
        let (shared, sender) = (Arc::clone(&shared), job_sender.clone());
        move |_: &dyn Fn(Arc<Waker>)| {
            let (plan, endpoints, interrupt) = &*shared;
            // The receiver outlives all threads.
            let mut observer = |so_far: &TimeSeries, phase| {
                _ = sender.send((index, Ok((so_far.snapshot(), phase))));
            };
            let share = ThreadShare { index: index as u64, of: count as u64 };
            run_thread(plan, endpoints, interrupt, share, observe_interval, &mut observer)
        }
    });
    spawn_reactors(jobs, move |index, event| {
        if let ThreadEvent::Ended(outcome) = event {
            let panicked = || Err(io::Error::other("a thread has panicked"));
            _ = sender.send((index, Err(Box::new(outcome.unwrap_or_else(panicked)))));
        }
    })?;
    let mut results = Vec::new();
    let snapshots = receiver.iter().map(|(index, message)| match message {
        Ok((snapshot, phase)) => (index, snapshot, Some(phase)),
        Err(result) => {
            let last = (*result).as_ref().map(|result| result.metrics.series.snapshot()).unwrap_or_default();
            results.push((index, result));
            (index, last, None)
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

/// Once per round: each thread has reported, or has ended, which has no phase.
fn observe_threads(
    snapshots: impl IntoIterator<Item = (usize, TimeSeries, Option<RunPhase>)>,
    count: usize,
    observer: &mut dyn FnMut(&TimeSeries, RunPhase),
) {
    let mut latest = vec![TimeSeries::default(); count];
    let (mut reports, mut shown, mut last_phase) = (vec![0; count], 0, None);
    for (index, snapshot, phase) in snapshots {
        latest[index] = snapshot;
        reports[index] = if phase.is_some() { reports[index] + 1 } else { u64::MAX };
        last_phase = phase.or(last_phase);
        let fewest = reports.iter().copied().min().unwrap_or_default();
        if fewest > shown
            && let Some(phase) = last_phase
        {
            shown = fewest;
            let mut sum = TimeSeries::default();
            latest.iter().for_each(|snapshot| sum.merge(snapshot));
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
        // Two rounds of both threads; then the first thread ends, in the third round.
        let rows = [(1, 0), (1, 1), (2, 1), (2, 0), (3, 1), (0, 0), (4, 1), (5, 1), (0, 1)];
        for (secs, index) in rows {
            metrics[index].record_sent(0);
            let phase = RunPhase::Measuring(Duration::from_secs(secs));
            let phase = Some(phase).filter(|_| secs > 0);
            sender.send((index, metrics[index].series.clone(), phase)).expect("it is heard");
        }
        drop(sender);
        let mut sums = Vec::new();
        observe_threads(&receiver, 2, &mut |sum, phase| {
            let RunPhase::Measuring(elapsed) = phase else { return };
            sums.push((elapsed.as_secs(), sum.totals.sent));
        });
        assert_eq!(sums, [(1, 2), (2, 4), (3, 6), (4, 7), (5, 8), (5, 9)]);
    }
}
