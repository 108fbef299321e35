//! Whether a run says something about the server, or only about the generator.
//!
//! A pure function of figures: how late the generator was, how much of its CPU time it used or had to
//! wait for, how much of the schedule it missed, and whether ports or descriptors ran out. It measures nothing.

use std::time::Duration;

use super::failure::{FailureCounts, LoadFailure};
use crate::load::run_info::{Merged, RunInfo};

/// The exit code of a run in which the generator was the bottleneck.
pub const EXIT_CODE: u8 = 97;

/// Above this share of its CPU time the generator has no time left to be on time: of the rest, most is
/// spent on coming back from waiting.
pub const CPU_SHARE_MAX: f64 = 0.95;
/// At this share of its time, used or waited for, a schedule that is not kept is the generator's own fault.
pub const CPU_SHARE_BUSY: f64 = 0.85;
/// Shorter runs than this use too few ticks of the clock of CPU time to tell a share.
pub const WALL_MIN: Duration = Duration::from_millis(500);
/// The lag may be this part of the p99 that is reported, for then it changes it by no more than that.
pub const LAG_SHARE_MAX: f64 = 0.1;
/// A lag below this is the machine's: so long may a thread that is woken wait for a processor, where there
/// is something else to do besides.
pub const LAG_FLOOR_US: u64 = 2_000;
/// Runs that are added up may take differently long by this share of the longest.
const WALL_DIFFERENCE_SHARE_MAX: f64 = 0.05;
/// A lag from here on is told if it may be most of what is reported: from half of it, that is.
pub const LAG_WARN_US: u64 = 500;
/// Who waits for a processor for this share of the time or more is told so: it is part of each latency.
pub const CPU_WAIT_WARN_SHARE: f64 = 0.1;
/// A schedule of which more than this is missed was not kept.
pub const MISSED_SHARE_MAX: f64 = 0.01;

/// What is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidityInput<'a> {
    /// How long the run took.
    pub wall: Duration,
    /// The share of its CPU time that the busiest thread used, 0 to 1.
    pub cpu_share: f64,
    /// The share of the time in which a thread, the one for which that is most, used a processor or
    /// waited for one.
    pub wanted_share: f64,
    /// The share of the time in which the threads waited for a processor; none if that is not known.
    pub waited_share: Option<f64>,
    /// Requests that the schedule wanted sent by the end; none in a closed loop.
    pub due: Option<u64>,
    /// Requests that were sent.
    pub sent: u64,
    /// Connections: as many requests may be due and not yet sent at any time.
    pub concurrency: u64,
    /// The lag below which 99 % of the requests were; nothing when there was no schedule.
    pub lag_p99_us: Option<u64>,
    /// The corrected latency below which 99 % of the requests were.
    pub latency_p99_us: u64,
    /// Requests that were unfinished at the end, if the latencies flatter without them.
    pub unfinished: Option<UnfinishedBias>,
    /// Requests that were sent again.
    pub resent: u64,
    /// Connections that brought bytes which nobody had asked for, beside those that made a request fail.
    pub unasked: u64,
    /// Requests and connections that failed.
    pub failures: &'a FailureCounts,
    /// Connections that did not come about.
    pub connect_failures: &'a FailureCounts,
}

/// Requests that were in flight when the run ended, and had waited for so long that the percentiles
/// flatter without them. What they would have taken is not known, but it is longer than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfinishedBias {
    /// How many were in flight.
    pub count: u64,
    /// How long the oldest had waited.
    pub oldest_us: u64,
    /// The percentile that they would change most.
    pub percentile: &'static str,
    /// What it would be at the least.
    pub least_us: u64,
}

/// Why a run is invalid, with the figure that shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClientBound {
    /// The generator had hardly any CPU time left.
    Cpu {
        /// What it used, 0 to 1.
        share: f64,
    },
    /// The generator was ready to run all the time, and did not get the processor that it needed.
    CpuStarved {
        /// How much of the time it was ready to run, 0 to 1.
        wanted_share: f64,
        /// How much of the time its busiest thread did run.
        cpu_share: f64,
    },
    /// The generator was late by more than the latencies can bear.
    Lag {
        /// By how much.
        p99_us: u64,
        /// How much would have been borne.
        limit_us: u64,
    },
    /// The schedule was not kept, and the generator was busy, or waiting to be.
    ScheduleMissed {
        /// Requests that were not sent.
        missed: u64,
        /// Of how many.
        due: u64,
        /// The CPU time it used, 0 to 1.
        cpu_share: f64,
        /// The same, and what it waited for.
        wanted_share: f64,
    },
    /// Ports or file descriptors ran out.
    Exhausted {
        /// Which.
        failure: LoadFailure,
        /// How often.
        count: u64,
    },
    /// Runs that were added up were invalid by themselves.
    Merged {
        /// How many.
        invalid_runs: u64,
        /// Of how many.
        of: u64,
    },
}

/// What is worth knowing about a run that is valid all the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The schedule was not kept, for all connections were waiting for the server.
    RateNotReached {
        /// Requests that were not sent.
        missed: u64,
        /// Of how many.
        due: u64,
    },
    /// Too short a run to tell how busy the generator was.
    TooShort,
    /// Runs that were added up took differently long: the rate is over the longest.
    UnequalDurations {
        /// The shortest.
        shortest: Duration,
        /// The longest.
        longest: Duration,
    },
    /// Runs that were added up did not run at the same time.
    NotConcurrent {
        /// From the beginning of the first to that of the last.
        secs: u64,
    },
    /// Runs that were added up were set up differently.
    DifferentSettings {
        /// In what, and how, in words.
        difference: String,
    },
    /// The generator was late by what it may be, but the latencies are no longer than twice that.
    LagNearLatency {
        /// By how much.
        lag_p99_us: u64,
        /// The corrected latency that this is part of.
        latency_p99_us: u64,
    },
    /// The generator waited for a processor: what takes up the time may be that, not the server.
    WaitedForCpu {
        /// For how much of the time, 0 to 1.
        waited_share: f64,
    },
    /// The percentiles flatter, for requests were unfinished.
    UnfinishedBias(UnfinishedBias),
    /// Connections ended while requests were pipelined whose turn had not come.
    Resent {
        /// Requests that were sent again.
        requests: u64,
    },
    /// Connections were closed for bytes that nobody had asked for.
    UnsolicitedBytes {
        /// How many.
        connections: u64,
    },
}

/// The verdict: no reason against it, and the run is valid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validity {
    /// What speaks against the run.
    pub reasons: Vec<ClientBound>,
    /// What should be known.
    pub warnings: Vec<Warning>,
}

impl Validity {
    /// Whether the figures are the server's.
    pub fn is_valid(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Adds what is to be said of a sum of runs.
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

/// Whether the generator had little time left, or waited for a processor for longer than it used one: what
/// it did not send then is not the server's fault alone.
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
    // A float of an integer that is at most an hour of microseconds goes back into an integer.
    let borne_us = (input.latency_p99_us as f64 * LAG_SHARE_MAX) as u64;
    let limit_us = borne_us.max(LAG_FLOOR_US);
    (p99_us > limit_us).then_some(ClientBound::Lag { p99_us, limit_us })
}

/// What is left of the latencies without the lag is nothing to rely on.
fn lag_warning(input: &ValidityInput) -> Option<Warning> {
    let (lag_p99_us, latency_p99_us) = (input.lag_p99_us?, input.latency_p99_us);
    let is_most = lag_p99_us >= LAG_WARN_US && lag_p99_us.saturating_mul(2) >= latency_p99_us;
    is_most.then_some(Warning::LagNearLatency { lag_p99_us, latency_p99_us })
}

/// How many requests of the schedule were not sent, if they are more than may be on their way.
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
