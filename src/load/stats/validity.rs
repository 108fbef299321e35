//! Validity verdict: does a run measure the server or the generator?
//!
//! A pure function of [`ValidityInput`]; measures nothing.

use std::time::Duration;

use super::failure::{FailureCounts, LoadFailure};
use crate::load::run_info::{Merged, RunInfo};

/// Exit code of a client-bound run.
pub const EXIT_CODE: u8 = 97;

/// CPU share without time left to be punctual: most of the rest goes to wake-ups.
pub const CPU_SHARE_MAX: f64 = 0.95;
/// CPU share, used or waited for, from which a missed schedule is the generator's own fault.
pub const CPU_SHARE_BUSY: f64 = 0.85;
/// Shortest run with enough CPU clock ticks for a share.
pub const WALL_MIN: Duration = Duration::from_millis(500);
/// Limit of lag / p99: lag changes the p99 by no more.
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

/// Input of [`judge`].
#[derive(Clone, Debug, PartialEq)]
pub struct ValidityInput<'a> {
    /// Duration.
    pub wall: Duration,
    /// CPU share of the busiest thread.
    pub cpu_share: f64,
    /// Largest CPU use and wait of a thread.
    pub wanted_share: f64,
    /// CPU wait share, if known.
    pub waited_share: Option<f64>,
    /// Due requests; `None` in a closed loop.
    pub due: Option<u64>,
    /// Sent requests.
    pub sent: u64,
    /// Connections times pipeline depth: so many requests may be due and unsent.
    pub concurrency: u64,
    /// Lag p99; `None` in a closed loop.
    pub lag_p99_us: Option<u64>,
    /// Corrected p99.
    pub latency_p99_us: u64,
    /// Bias of the percentiles.
    pub unfinished: Option<UnfinishedBias>,
    /// Requests sent again.
    pub resent: u64,
    /// Connections closed for unsolicited bytes, with no failed request.
    pub unasked: u64,
    /// Failed requests.
    pub failures: &'a FailureCounts,
    /// Failed connections.
    pub connect_failures: &'a FailureCounts,
}

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
        /// Lag p99.
        p99_us: u64,
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
    /// Schedule missed: all connections waited for the server.
    RateNotReached {
        /// Unsent requests.
        missed: u64,
        /// Due requests.
        due: u64,
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

/// Judges a run.
pub fn judge(input: &ValidityInput) -> Validity {
    let mut verdict = Validity::default();
    let is_long = input.wall >= WALL_MIN;
    let (cpu_share, wanted_share) = (input.cpu_share, input.wanted_share);
    if is_long && cpu_share >= CPU_SHARE_MAX {
        verdict.reasons.push(ClientBound::Cpu { share: cpu_share });
    } else if is_long && wanted_share >= CPU_SHARE_MAX {
        verdict.reasons.push(ClientBound::CpuStarved { wanted_share, cpu_share });
    }
    if !is_long {
        verdict.warnings.push(Warning::TooShort);
    }
    match lag(input) {
        Some(reason) => verdict.reasons.push(reason),
        None => verdict.warnings.extend(lag_warning(input)),
    }
    match missed_requests(input) {
        Some((missed, due)) if is_long && is_short_of_cpu(input) => {
            verdict.reasons.push(ClientBound::ScheduleMissed { missed, due, cpu_share, wanted_share });
        }
        Some((missed, due)) => verdict.warnings.push(Warning::RateNotReached { missed, due }),
        None => {}
    }
    verdict.warnings.extend(other_warnings(input));
    for failure in LoadFailure::CLIENT_SIDE {
        let count = input.failures.of(failure) + input.connect_failures.of(failure);
        if count > 0 {
            verdict.reasons.push(ClientBound::Exhausted { failure, count });
        }
    }
    verdict
}

/// Unsent requests are then not only the server's fault.
fn is_short_of_cpu(input: &ValidityInput) -> bool {
    let is_pushed_aside = |waited: f64| waited >= CPU_WAIT_WARN_SHARE && waited >= input.cpu_share;
    input.wanted_share.max(input.cpu_share) >= CPU_SHARE_BUSY
        || input.waited_share.is_some_and(is_pushed_aside)
}

fn other_warnings(input: &ValidityInput) -> impl Iterator<Item = Warning> {
    let held_up = input.waited_share.filter(|share| input.wall >= WALL_MIN && *share >= CPU_WAIT_WARN_SHARE);
    let held_up = held_up.map(|waited_share| Warning::WaitedForCpu { waited_share });
    let flattering = input.unfinished.map(Warning::UnfinishedBias);
    let (requests, connections) = (input.resent, input.unasked);
    let resent = (requests > 0).then_some(Warning::Resent { requests });
    let unasked = (connections > 0).then_some(Warning::UnsolicitedBytes { connections });
    [held_up, flattering, resent, unasked].into_iter().flatten()
}

fn lag(input: &ValidityInput) -> Option<ClientBound> {
    let p99_us = input.lag_p99_us?;
    // At most an hour of microseconds, so the cast fits.
    let borne_us = (input.latency_p99_us as f64 * LAG_SHARE_MAX) as u64;
    let limit_us = borne_us.max(LAG_FLOOR_US);
    (p99_us > limit_us).then_some(ClientBound::Lag { p99_us, limit_us })
}

/// Warns if latency without lag is too small to rely on.
fn lag_warning(input: &ValidityInput) -> Option<Warning> {
    let (lag_p99_us, latency_p99_us) = (input.lag_p99_us?, input.latency_p99_us);
    let is_most = lag_p99_us >= LAG_WARN_US && lag_p99_us.saturating_mul(2) >= latency_p99_us;
    is_most.then_some(Warning::LagNearLatency { lag_p99_us, latency_p99_us })
}

/// Beyond those that may be unsent.
fn missed_requests(input: &ValidityInput) -> Option<(u64, u64)> {
    let due = input.due?;
    let missed = due.saturating_sub(input.sent);
    let is_much = missed > input.concurrency && missed as f64 > due as f64 * MISSED_SHARE_MAX;
    is_much.then_some((missed, due))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut ValidityInput);

    fn with(change: impl Fn(&mut ValidityInput)) -> Validity {
        let none = FailureCounts::default();
        let mut input = ValidityInput {
            wall: Duration::from_secs(10),
            cpu_share: 0.3,
            wanted_share: 0.35,
            waited_share: Some(0.05),
            due: Some(20_000),
            sent: 20_000,
            concurrency: 50,
            lag_p99_us: Some(300),
            latency_p99_us: 5_000,
            unfinished: None,
            resent: 0,
            unasked: 0,
            failures: &none,
            connect_failures: &none,
        };
        change(&mut input);
        judge(&input)
    }

    #[test]
    fn judge_gives_client_bound_reasons_by_metric() {
        let lag = |p99_us, limit_us| vec![ClientBound::Lag { p99_us, limit_us }];
        let rows: [(&str, Change, Vec<ClientBound>); 16] = [
            ("all is well", |_| (), vec![]),
            ("closed loop", |e| (e.due, e.lag_p99_us) = (None, None), vec![]),
            ("busy", |e| e.cpu_share = 0.94, vec![]),
            ("too busy", |e| e.cpu_share = 0.96, vec![ClientBound::Cpu { share: 0.96 }]),
            ("busy but brief", |e| (e.cpu_share, e.wall) = (1.0, Duration::from_millis(10)), vec![]),
            ("held up", |e| e.wanted_share = 0.94, vec![]),
            (
                "held up too much",
                |e| e.wanted_share = 0.96,
                vec![ClientBound::CpuStarved { wanted_share: 0.96, cpu_share: 0.3 }],
            ),
            ("held up but brief", |e| (e.wanted_share, e.wall) = (1.0, Duration::from_millis(10)), vec![]),
            (
                "busy, whatever it waited for",
                |e| (e.cpu_share, e.wanted_share) = (0.96, 1.0),
                vec![ClientBound::Cpu { share: 0.96 }],
            ),
            (
                "held up and behind",
                |e| (e.sent, e.wanted_share) = (19_000, 0.9),
                vec![ClientBound::ScheduleMissed {
                    missed: 1_000,
                    due: 20_000,
                    cpu_share: 0.3,
                    wanted_share: 0.9,
                }],
            ),
            (
                "pushed aside and behind",
                |e| (e.sent, e.cpu_share, e.wanted_share, e.waited_share) = (19_000, 0.1, 0.4, Some(0.3)),
                vec![ClientBound::ScheduleMissed {
                    missed: 1_000,
                    due: 20_000,
                    cpu_share: 0.1,
                    wanted_share: 0.4,
                }],
            ),
            ("late", |e| e.lag_p99_us = Some(2_001), lag(2_001, 2_000)),
            (
                "late beside slow answers",
                |e| (e.lag_p99_us, e.latency_p99_us) = (Some(9_000), 90_000),
                vec![],
            ),
            ("later still", |e| (e.lag_p99_us, e.latency_p99_us) = (Some(9_001), 90_000), lag(9_001, 9_000)),
            (
                "busy and behind",
                |e| (e.sent, e.cpu_share) = (19_000, 0.9),
                vec![ClientBound::ScheduleMissed {
                    missed: 1_000,
                    due: 20_000,
                    cpu_share: 0.9,
                    wanted_share: 0.35,
                }],
            ),
            ("nothing at all", |e| (e.due, e.sent, e.latency_p99_us) = (Some(0), 0, 0), vec![]),
        ];
        for (what, change, reasons) in rows {
            assert_eq!(with(change).reasons, reasons, "{what}");
        }
    }

    #[test]
    fn unreached_rate_or_short_run_is_a_warning() {
        let unreached = Warning::RateNotReached { missed: 1_000, due: 20_000 };
        assert_eq!(with(|e| e.sent = 19_000).warnings, std::slice::from_ref(&unreached));
        assert_eq!(with(|e| e.sent = 19_950).warnings, []);
        let brief =
            |e: &mut ValidityInput| (e.sent, e.cpu_share, e.wall) = (19_000, 1.0, Duration::from_millis(10));
        assert_eq!(with(brief).warnings, [Warning::TooShort, unreached]);
        assert_eq!(with(|e| (e.due, e.sent) = (Some(100), 60)).warnings, []);
        assert_eq!(with(|e| e.wall = Duration::from_millis(499)).warnings, [Warning::TooShort]);
    }

    #[test]
    fn unfinished_lag_waiting_resent_unsolicited_are_warnings() {
        let waiting =
            UnfinishedBias { count: 50, oldest_us: 4_000_000, percentile: "p99", least_us: 3_000_000 };
        assert_eq!(with(|e| e.unfinished = Some(waiting)).warnings, [Warning::UnfinishedBias(waiting)]);
        let late = |lag_us, latency_us| {
            with(move |e| (e.lag_p99_us, e.latency_p99_us) = (Some(lag_us), latency_us)).warnings
        };
        assert_eq!(
            late(1_000, 2_000),
            [Warning::LagNearLatency { lag_p99_us: 1_000, latency_p99_us: 2_000 }]
        );
        assert_eq!((late(1_000, 2_001), late(499, 600), late(2_001, 2_001)), (vec![], vec![], vec![]));
        let held_up = |share| with(move |e| e.waited_share = share).warnings;
        assert_eq!(held_up(Some(0.1)), [Warning::WaitedForCpu { waited_share: 0.1 }]);
        assert_eq!((held_up(Some(0.09)), held_up(None)), (vec![], vec![]));
        let brief = with(|e| (e.waited_share, e.wall) = (Some(0.9), Duration::from_millis(10))).warnings;
        assert_eq!(brief, [Warning::TooShort]);
        assert_eq!(with(|e| e.resent = 7).warnings, [Warning::Resent { requests: 7 }]);
        assert_eq!(with(|e| e.unasked = 3).warnings, [Warning::UnsolicitedBytes { connections: 3 }]);
    }

    #[test]
    fn exhausted_ports_make_a_run_client_bound() {
        let mut gone = FailureCounts::default();
        gone.add(LoadFailure::NoPort, 3);
        gone.add(LoadFailure::Refused, 9);
        let input = ValidityInput {
            wall: Duration::from_secs(1),
            cpu_share: 0.0,
            wanted_share: 0.0,
            waited_share: None,
            due: None,
            sent: 0,
            concurrency: 1,
            lag_p99_us: None,
            latency_p99_us: 0,
            unfinished: None,
            resent: 0,
            unasked: 0,
            failures: &gone,
            connect_failures: &gone,
        };
        let exhausted = ClientBound::Exhausted { failure: LoadFailure::NoPort, count: 6 };
        assert_eq!(judge(&input).reasons, [exhausted]);
        assert_eq!(LoadFailure::NoPort.to_string(), "no-port");
    }
}
