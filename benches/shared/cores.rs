//! The cores that this process may use, and which of them a thread runs on.
//!
//! A load generator and its server get a core each, so that neither moves about and neither takes the
//! other's time. It starts nothing.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cores {
    /// Where the load comes from.
    pub(super) generator: usize,
    /// Where it goes to.
    pub(super) server: usize,
}

impl Cores {
    /// The first and the last that there are: one and the same if there is only one.
    pub(super) fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let first = cores.next().ok_or_else(|| io::Error::other("there is no core to run on"))?;
        Ok(Self { generator: cores.next_back().unwrap_or(first), server: first })
    }
}

/// Keeps this thread, and the threads and processes that it starts, on this core.
pub(super) fn pin(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
