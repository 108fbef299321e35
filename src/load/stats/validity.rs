//! Validity verdict: does a run measure the server or the generator?
//!
//! Limits and findings. [`super::summary`] judges a run.

use std::time::Duration;

use super::failure::LoadFailure;
use crate::load::run_info::{Merged, RunInfo};

/// Exit code of a client-bound run.
pub const EXIT_CODE: u8 = 97;

/// CPU share without time left to be punctual: most of the rest goes to wake-ups.
pub const CPU_SHARE_MAX: f64 = 0.95;
/// CPU share, used or waited for, from which a missed schedule is the generator's own fault.
pub const CPU_SHARE_BUSY: f64 = 0.85;
/// Shortest run with enough CPU clock ticks for a share.
pub const WALL_MIN: Duration = Duration::from_millis(500);
/// Values needed above a percentile: fewer are single events.
pub const TAIL_COUNT_MIN: f64 = 10.0;
/// Limit of lag / latency at the judged percentile: lag changes that by no more.
pub const LAG_SHARE_MAX: f64 = 0.1;
/// Lag that is always accepted: on a busy host, a woken thread may wait this long for a CPU.
pub const LAG_FLOOR_US: u64 = 2_000;
/// As a share of the longest duration.
const WALL_DIFFERENCE_SHARE_MAX: f64 = 0.05;
/// Lowest lag with a warning, if half of the latency or more.
pub const LAG_WARN_US: u64 = 500;
/// CPU wait share that causes a warning: each latency includes it.
pub const CPU_WAIT_WARN_SHARE: f64 = 0.1;
/// Accepted share of missed requests.
pub const MISSED_SHARE_MAX: f64 = 0.01;

/// Requests in flight at the end that would raise a percentile.
///
/// Their latency is unknown, but longer than their wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfinishedBias {
    /// Count.
    pub count: u64,
    /// Longest wait.
    pub oldest_us: u64,
    /// Percentile that changes most.
    pub percentile: &'static str,
    /// Lower bound of the percentile.
    pub least_us: u64,
}

/// Reason of invalidity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClientBound {
    /// Hardly any CPU time left.
    Cpu {
        /// Used share, 0 to 1.
        share: f64,
    },
    /// Always runnable, with too little CPU.
    CpuStarved {
        /// Runnable share.
        wanted_share: f64,
        /// Busiest thread's share.
        cpu_share: f64,
    },
    /// Lag too large for the latencies.
    Lag {
        /// Judged percentile, or max.
        percentile: &'static str,
        /// Its lag.
        lag_us: u64,
        /// Accepted lag.
        limit_us: u64,
    },
    /// Schedule missed for lack of CPU.
    ScheduleMissed {
        /// Unsent requests.
        missed: u64,
        /// Due requests.
        due: u64,
        /// Used share.
        cpu_share: f64,
        /// Used and waiting share.
        wanted_share: f64,
    },
    /// Ports or file descriptors exhausted.
    Exhausted {
        /// Resource.
        failure: LoadFailure,
        /// Count.
        count: u64,
    },
    /// Invalid merged runs.
    Merged {
        /// Invalid runs.
        invalid_runs: u64,
        /// All runs.
        of: u64,
    },
}

/// Finding that leaves a run valid.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// Schedule missed.
    RateNotReached {
        /// Unsent requests.
        missed: u64,
        /// Due requests.
        due: u64,
        /// Whether all connections waited for a server that answers.
        were_busy: bool,
    },
    /// Run too short for CPU shares.
    TooShort,
    /// Merged runs of unequal duration; the rate uses the longest.
    UnequalDurations {
        /// Shortest.
        shortest: Duration,
        /// Longest.
        longest: Duration,
    },
    /// Different times.
    NotConcurrent {
        /// First start to last start.
        secs: u64,
    },
    /// Different settings.
    DifferentSettings {
        /// Setting and values.
        difference: String,
    },
    /// Accepted lag that is half of the latency or more.
    LagNearLatency {
        /// Lag p99.
        lag_p99_us: u64,
        /// Corrected p99, lag included.
        latency_p99_us: u64,
    },
    /// CPU wait, which may cause latency.
    WaitedForCpu {
        /// Waiting share.
        waited_share: f64,
    },
    /// Percentiles too low, as requests were unfinished.
    UnfinishedBias(UnfinishedBias),
    /// Pipelined requests sent again.
    Resent {
        /// Count.
        requests: u64,
    },
    /// Connections closed for unsolicited bytes.
    UnsolicitedBytes {
        /// Count.
        connections: u64,
    },
}

/// Verdict on a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validity {
    /// Reasons.
    pub reasons: Vec<ClientBound>,
    /// Other findings.
    pub warnings: Vec<Warning>,
}

impl Validity {
    /// Whether the results are the server's.
    pub fn is_valid(&self) -> bool {
        self.reasons.is_empty()
    }

    pub(super) fn add_merge_findings(&mut self, merged: &Merged, info: &RunInfo) {
        if merged.client_bound > 0 {
            self.reasons.push(ClientBound::Merged { invalid_runs: merged.client_bound, of: merged.runs });
        }
        let (shortest, longest) = (merged.wall_min, info.wall);
        if longest.saturating_sub(shortest).as_secs_f64() > longest.as_secs_f64() * WALL_DIFFERENCE_SHARE_MAX
        {
            self.warnings.push(Warning::UnequalDurations { shortest, longest });
        }
        let secs = merged.last_started_unix_secs.saturating_sub(info.started_unix_secs);
        if secs > 0 && secs >= longest.as_secs() {
            self.warnings.push(Warning::NotConcurrent { secs });
        }
        let differences = merged.differences.iter().cloned();
        self.warnings.extend(differences.map(|difference| Warning::DifferentSettings { difference }));
    }
}

#[cfg(test)]
mod tests;
