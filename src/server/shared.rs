//! State that all workers of the process share, whatever `--workers` is.
//!
//! It is touched when a connection is accepted or closed, and when an upload gets its name; never for a cached GET.

use std::ops::Add;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use super::stats::Stats;

/// What is promised for the process, not for each worker.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Connections that are open in all workers: `--max-connections` bounds them.
    pub(super) connections: Arc<AtomicUsize>,
    /// Held while an upload gets its name, so that its preconditions hold at that moment.
    pub(super) rename_lock: Mutex<()>,
    /// The counters of the workers that have reported since SIGUSR2, by the worker's index.
    reports: Mutex<Vec<Option<Stats>>>,
}

impl Shared {
    /// Takes the counters of a worker. Returns the sum if all workers have reported.
    pub(super) fn report(&self, worker_id: WorkerId, stats: Stats) -> Option<Stats> {
        // A worker that panics leaves whole counters.
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.resize(worker_id.worker_count, None);
        if let Some(slot) = reports.get_mut(worker_id.index) {
            *slot = Some(stats);
        }
        let all: Option<Vec<Stats>> = reports.iter().copied().collect();
        all.map(|all| {
            reports.clear();
            all.into_iter().fold(Stats::default(), Stats::add)
        })
    }
}

/// Which of how many workers one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkerId {
    /// From 0.
    pub(super) index: usize,
    pub(super) worker_count: usize,
}

impl WorkerId {
    /// The number of its connection that is the `count`th, from 1: no other worker has it.
    pub(super) fn connection_number(self, count: u64) -> u64 {
        count.saturating_sub(1).saturating_mul(self.worker_count as u64).saturating_add(self.index as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_numbers_of_two_workers_are_distinct() {
        let numbers =
            |index| (1..=3).map(move |count| WorkerId { index, worker_count: 2 }.connection_number(count));
        assert_eq!(numbers(0).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(numbers(1).collect::<Vec<_>>(), [2, 4, 6]);
    }
}
