//! Send time of each request: a pure function of its number, and the inverse.
//!
//! No time depends on a previous one, so long runs do not drift.

use std::time::Duration;

const NANOS_PER_SEC: f64 = 1e9;

/// Request schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Sends after each response.
    Closed,
    /// Constant rate per second, above 0.
    Constant(f64),
    /// Rates per second and lengths.
    Steps(Vec<(f64, Duration)>),
    /// Linear change.
    Ramp {
        /// First, per second.
        from: f64,
        /// Last, per second.
        to: f64,
        /// Length.
        over: Duration,
    },
}

impl Schedule {
    /// Whether a clock, not responses, triggers requests.
    pub fn is_open_loop(&self) -> bool {
        *self != Self::Closed
    }

    /// Length; `None` if endless.
    pub fn len(&self) -> Option<Duration> {
        match self {
            Self::Closed | Self::Constant(_) => None,
            Self::Steps(steps) => Some(steps.iter().map(|(_, time)| *time).sum()),
            Self::Ramp { over, .. } => Some(*over),
        }
    }

    /// End of the last of so many requests' intervals, or of the schedule; `None` if endless.
    pub fn end(&self, requests: Option<u64>) -> Option<Duration> {
        requests.and_then(|requests| self.intended(requests)).or_else(|| self.len())
    }

    /// Send time of request `n`, in whole nanoseconds; monotonic. `None` if never due, or in a closed loop.
    pub fn intended(&self, n: u64) -> Option<Duration> {
        let nanos = match self {
            Self::Closed => return None,
            Self::Constant(per_sec) => Some(n as f64 * NANOS_PER_SEC / per_sec),
            Self::Steps(steps) => intended_in_steps(steps, n as f64),
            Self::Ramp { from, to, over } => intended_in_ramp(*from, *to, over.as_secs_f64(), n as f64),
        };
        // 2^64 nanoseconds are 584 years.
        let intended = nanos.filter(|nanos| *nanos < u64::MAX as f64)?;
        let intended = Duration::from_nanos(intended.round() as u64);
        self.len().is_none_or(|len| intended < len).then_some(intended)
    }

    /// Requests due after `elapsed`; unlimited in a closed loop.
    pub fn due(&self, elapsed: Duration) -> u64 {
        if !self.is_open_loop() {
            return u64::MAX;
        }
        let has_come = |n: u64| self.intended(n).is_some_and(|intended| intended <= elapsed);
        let mut count = self.estimate(elapsed.as_secs_f64()) as u64;
        // Rounding can put the estimate off by one or two.
        while count > 0 && !has_come(count - 1) {
            count -= 1;
        }
        while has_come(count) {
            count += 1;
        }
        count
    }

    /// Integral of the rate.
    fn estimate(&self, secs: f64) -> f64 {
        match self {
            Self::Closed => f64::INFINITY,
            Self::Constant(per_sec) => secs * per_sec,
            Self::Steps(steps) => {
                let mut left = secs;
                let mut area = 0.0;
                for (rate, time) in steps {
                    let here = left.min(time.as_secs_f64());
                    area += here * rate;
                    left -= here;
                }
                area
            }
            Self::Ramp { from, to, over } => {
                let duration = over.as_secs_f64();
                let secs = secs.min(duration);
                from * secs + (to - from) * secs * secs / (2.0 * duration)
            }
        }
    }
}

fn intended_in_steps(steps: &[(f64, Duration)], n: f64) -> Option<f64> {
    let (mut sent, mut began) = (0.0, 0.0);
    for (rate, time) in steps {
        let nanos = time.as_nanos() as f64;
        let at = began + (n - sent) * NANOS_PER_SEC / rate;
        if *rate > 0.0 && at < began + nanos {
            // Rounding can put it just before this step.
            return Some(at.max(began));
        }
        sent += rate * time.as_secs_f64();
        began += nanos;
    }
    None
}

/// Smaller root of `from·t + (to - from)/(2·over)·t² = n`, without cancellation.
fn intended_in_ramp(from: f64, to: f64, over_secs: f64, n: f64) -> Option<f64> {
    if n == 0.0 {
        return Some(0.0);
    }
    let discriminant = from * from + 2.0 * (to - from) / over_secs * n;
    let secs = 2.0 * n / (from + discriminant.max(0.0).sqrt());
    (discriminant >= 0.0 && secs.is_finite()).then_some(secs * NANOS_PER_SEC)
}

/// Every `of`-th request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadShare {
    /// Thread number, from 0.
    pub index: u64,
    /// Threads.
    pub of: u64,
}

impl ThreadShare {
    /// Global number of own request `n`.
    pub fn global_number(self, n: u64) -> u64 {
        n.saturating_mul(self.of).saturating_add(self.index)
    }

    /// Whether it has this global number.
    pub fn owns(self, number: u64) -> bool {
        number.checked_rem(self.of).is_some_and(|rest| rest == self.index)
    }

    /// Own requests among the first `count`.
    pub fn own_count(self, count: u64) -> u64 {
        count.saturating_sub(self.index).div_ceil(self.of.max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    #[test]
    fn intended_time_per_schedule_and_number() {
        let constant = |per_sec| Schedule::Constant(per_sec);
        let steps = Schedule::Steps(vec![(100.0, secs(2.0)), (0.0, secs(1.0)), (10.0, secs(1.0))]);
        let ramp = |from, to| Schedule::Ramp { from, to, over: secs(10.0) };
        for (schedule, n, intended) in [
            (Schedule::Closed, 0, None),
            (constant(10.0), 0, Some(0.0)),
            (constant(10.0), 25, Some(2.5)),
            (constant(0.5), 3, Some(6.0)),
            (constant(3.0), 1, Some(0.333_333_333)),
            (steps.clone(), 0, Some(0.0)),
            (steps.clone(), 199, Some(1.99)),
            (steps.clone(), 200, Some(3.0)),
            (steps.clone(), 209, Some(3.9)),
            (steps, 210, None),
            (ramp(0.0, 100.0), 0, Some(0.0)),
            (ramp(0.0, 100.0), 125, Some(5.0)),
            (ramp(0.0, 100.0), 499, Some(9.989_994_995)),
            (ramp(0.0, 100.0), 500, None),
            (ramp(100.0, 0.0), 375, Some(5.0)),
            (ramp(100.0, 0.0), 501, None),
            (ramp(50.0, 50.0), 100, Some(2.0)),
        ] {
            assert_eq!(schedule.intended(n), intended.map(secs), "{schedule:?} {n}");
        }
    }

    #[test]
    fn due_count_per_schedule_and_elapsed_time() {
        let constant = Schedule::Constant(1000.0);
        let steps = Schedule::Steps(vec![(100.0, secs(1.0)), (200.0, secs(1.0))]);
        let ramp = Schedule::Ramp { from: 0.0, to: 100.0, over: secs(10.0) };
        for (schedule, elapsed, due) in [
            (Schedule::Closed, 0.0, u64::MAX),
            (constant.clone(), 0.0, 1),
            (constant.clone(), 0.000_999, 1),
            (constant.clone(), 0.001, 2),
            (constant, 3600.0, 3_600_001),
            (steps.clone(), 1.0, 101),
            (steps.clone(), 1.999, 300),
            (steps, 60.0, 300),
            (ramp.clone(), 5.0, 126),
            (ramp, 1000.0, 500),
        ] {
            assert_eq!(schedule.due(secs(elapsed)), due, "{schedule:?} {elapsed}");
            // The correction takes one or two steps, even long after the end.
            let off = schedule.estimate(elapsed) - due as f64;
            assert!(!schedule.is_open_loop() || off.abs() <= 2.0, "{schedule:?} {elapsed}: {off}");
        }
    }

    #[test]
    fn constant_rate_after_a_year_has_no_drift() {
        let schedule = Schedule::Constant(7.0);
        let year_secs = 365 * 24 * 3600;
        let intended = schedule.intended(7 * year_secs);
        assert_eq!(intended, Some(Duration::from_secs(year_secs)));
    }

    #[test]
    fn thread_shares_partition_all_numbers() {
        for of in 1..5 {
            for count in 0..40 {
                let shares: Vec<_> = (0..of).map(|index| ThreadShare { index, of }).collect();
                assert_eq!(shares.iter().filter(|share| share.owns(count)).count(), 1);
                let own: u64 = shares.iter().map(|share| share.own_count(count)).sum();
                assert_eq!(own, count);
                for share in shares {
                    assert!(share.owns(share.global_number(count)));
                    let last = share.own_count(count).checked_sub(1).map(|n| share.global_number(n));
                    assert!(last.is_none_or(|last| last < count));
                    assert!(share.global_number(share.own_count(count)) >= count);
                }
            }
        }
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let rate = || 0.01..1e6;
        let time = || (1_u64..10_000).prop_map(Duration::from_millis);
        prop_oneof![
            rate().prop_map(Schedule::Constant),
            prop::collection::vec((prop_oneof![Just(0.0), rate()], time()), 1..5).prop_map(Schedule::Steps),
            (prop_oneof![Just(0.0), rate()], rate(), time()).prop_map(|(from, to, over)| Schedule::Ramp {
                from,
                to,
                over
            }),
            (rate(), time()).prop_map(|(from, over)| Schedule::Ramp { from, to: 0.0, over }),
        ]
    }

    proptest! {
        #[test]
        fn due_and_intended_are_inverse(schedule in any_schedule(), n in 0_u64..10_000_000) {
            let Some(intended) = schedule.intended(n) else { return Ok(()) };
            prop_assert!(schedule.due(intended) > n, "{n} is due at its moment");
            if let Some(before) = intended.checked_sub(Duration::from_nanos(1)) {
                prop_assert!(schedule.due(before) <= n, "{n} is not due before its moment");
            }
        }

        #[test]
        fn intended_time_is_monotonic(schedule in any_schedule(), n in 0_u64..10_000_000) {
            let (this, next) = (schedule.intended(n), schedule.intended(n + 1));
            prop_assert!(next.is_none() || this <= next, "{this:?} {next:?}");
        }

        #[test]
        fn due_count_matches_intended_times(schedule in any_schedule(), millis in 0_u64..20_000) {
            let elapsed = Duration::from_millis(millis);
            let due = schedule.due(elapsed);
            prop_assert!(due == 0 || schedule.intended(due - 1).is_some_and(|intended| intended <= elapsed));
            prop_assert!(schedule.intended(due).is_none_or(|intended| intended > elapsed));
        }
    }
}
