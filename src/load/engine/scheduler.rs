//! Request scheduler of one thread: schedule, quota and end of the run.
//!
//! It counts requests in flight.

use std::time::{Duration, Instant};

use super::pacer::{Schedule, ThreadShare};
use crate::load::plan::run_plan::Plan;

#[derive(Clone, Copy, Debug)]
pub(super) struct InFlightRequest {
    pub(super) url: u32,
    /// Due time; in a closed loop, `sent`.
    pub(super) intended: Instant,
    pub(super) sent: Instant,
    /// Number over all threads, from 0. The warm-up counts separately, so its length does not change measured
    /// requests.
    pub(super) number: u64,
    /// False in the warm-up.
    pub(super) is_counted: bool,
}

#[derive(Debug)]
pub(super) struct Scheduler {
    schedule: Schedule,
    share: ThreadShare,
    origin: Instant,
    /// Own requests since `origin`.
    taken: u64,
    /// `None` in a closed loop or after the end.
    next: Option<Instant>,
    measured_schedule: Option<Schedule>,
    pub(super) measured_from: Instant,
    pub(super) ends_at: Option<Instant>,
    /// Not before, even without requests: rates are over the whole schedule.
    schedule_ends_at: Option<Instant>,
    pub(super) quota: Option<u64>,
    /// Measured requests only.
    in_flight_count: u64,
    /// Requests without a result, warm-up included.
    pub(super) outstanding: u64,
    pub(super) is_cancelled: bool,
}

impl Scheduler {
    /// The warm-up begins at `start`.
    pub(super) fn new(plan: &Plan, share: ThreadShare, start: Instant) -> Self {
        let measured_from = start + plan.warmup;
        let (schedule, measured_schedule) = match plan.warmup {
            Duration::ZERO => (plan.schedule.clone(), None),
            _ => (warmup_schedule(&plan.schedule), Some(plan.schedule.clone())),
        };
        let mut scheduler = Self {
            schedule,
            share,
            origin: start,
            taken: 0,
            next: None,
            measured_schedule,
            measured_from,
            ends_at: plan.stop.duration.map(|duration| measured_from + duration),
            schedule_ends_at: plan.schedule.end(plan.stop.requests).map(|end| measured_from + end),
            quota: plan.stop.requests.map(|requests| share.own_count(requests)),
            in_flight_count: 0,
            outstanding: 0,
            is_cancelled: false,
        };
        scheduler.next = scheduler.intended_after(0);
        scheduler
    }

    pub(super) fn is_open_loop(&self) -> bool {
        self.schedule.is_open_loop()
    }

    pub(super) fn end_warmup_if_due(&mut self, at: Instant) {
        if at >= self.measured_from
            && let Some(schedule) = self.measured_schedule.take()
        {
            (self.schedule, self.origin, self.taken) = (schedule, self.measured_from, 0);
            self.next = self.intended_after(0);
        }
    }

    /// Next request due before the end. The caller sets the URL.
    pub(super) fn take(&mut self, at: Instant) -> Option<InFlightRequest> {
        self.end_warmup_if_due(at);
        if self.quota == Some(0) {
            return None;
        }
        let last_due = self.last_due(at);
        let intended =
            if self.is_open_loop() { self.next.filter(|next| *next <= last_due)? } else { last_due };
        let number = self.share.global_number(self.taken);
        self.taken += 1;
        self.next = self.intended_after(0);
        let is_counted = self.measured_schedule.is_none();
        self.outstanding += 1;
        if is_counted {
            self.in_flight_count += 1;
            self.quota = self.quota.map(|quota| quota.saturating_sub(1));
        }
        Some(InFlightRequest { url: 0, intended, sent: at, number, is_counted })
    }

    pub(super) fn may_send(&self, at: Instant) -> bool {
        !self.is_cancelled && self.ends_at.is_none_or(|ends_at| at < ends_at)
    }

    pub(super) fn has_more(&self) -> bool {
        let is_exhausted = self.is_open_loop() && self.next.is_none();
        !self.is_cancelled && self.quota != Some(0) && !is_exhausted
    }

    pub(super) fn ended(&mut self, request: &InFlightRequest) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.in_flight_count = self.in_flight_count.saturating_sub(u64::from(request.is_counted));
    }

    pub(super) fn unsent_count(&self, at: Instant) -> u64 {
        let last_due = self.last_due(at);
        if self.next.is_none_or(|next| next > last_due) {
            return 0;
        }
        let due = self.schedule.due(last_due.saturating_duration_since(self.origin));
        let unsent = self.share.own_count(due).saturating_sub(self.taken);
        self.quota.map_or(unsent, |quota| unsent.min(quota))
    }

    /// Requests due exactly at the end are not sent.
    pub(super) fn last_due(&self, at: Instant) -> Instant {
        let ends = [self.ends_at, self.schedule_ends_at].into_iter().flatten();
        let last = ends.min().and_then(|ends_at| ends_at.checked_sub(Duration::from_nanos(1)));
        last.map_or(at, |last| last.min(at))
    }

    fn intended_after(&self, others: u64) -> Option<Instant> {
        let number = self.share.global_number(self.taken.saturating_add(others));
        self.schedule.intended(number).map(|intended| self.origin + intended)
    }

    pub(super) fn due_after(&self, others: u64) -> Option<Instant> {
        self.intended_after(others).filter(|_| self.has_more())
    }

    pub(super) fn next_phase_change(&self, at: Instant) -> Option<Instant> {
        let changes = [Some(self.measured_from), self.schedule_ends_at, self.ends_at];
        changes.into_iter().flatten().filter(|change| *change > at).min()
    }

    pub(super) fn is_finished(&self, at: Instant) -> bool {
        let is_idle = !self.has_more() && self.in_flight_count == 0;
        !self.may_send(at) || (is_idle && self.schedule_ends_at.is_none_or(|ends_at| at >= ends_at))
    }
}

/// Warm-up rate: first rate above 0, or the mean of a ramp.
fn warmup_schedule(schedule: &Schedule) -> Schedule {
    match schedule {
        Schedule::Closed | Schedule::Constant(_) => schedule.clone(),
        Schedule::Steps(steps) => {
            let first = steps.iter().map(|(rate, _)| *rate).find(|rate| *rate > 0.0);
            Schedule::Constant(first.unwrap_or(1.0))
        }
        Schedule::Ramp { from, to, .. } => Schedule::Constant((from + to) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::run_plan::Stop;

    use crate::reactor::Now;

    const SINGLE_THREAD: ThreadShare = ThreadShare { index: 0, of: 1 };

    fn plan(schedule: Schedule, warmup_ms: u64, requests: Option<u64>, millis: Option<u64>) -> Plan {
        let stop = Stop { requests, duration: millis.map(Duration::from_millis) };
        Plan { stop, schedule, warmup: Duration::from_millis(warmup_ms), ..Plan::default() }
    }

    #[test]
    fn request_numbers_restart_at_zero_after_warmup() {
        for schedule in [Schedule::Closed, Schedule::Constant(1000.0)] {
            for share in [SINGLE_THREAD, ThreadShare { index: 1, of: 3 }] {
                let start = Now::read().instant;
                let mut scheduler =
                    Scheduler::new(&plan(schedule.clone(), 100, Some(30), None), share, start);
                let mut numbers = |millis| {
                    let at = start + Duration::from_millis(millis);
                    [0; 3].map(|_| scheduler.take(at).map(|request| (request.number, request.is_counted)))
                };
                let of = |is_counted| [0, 1, 2].map(|n| Some((share.global_number(n), is_counted)));
                assert_eq!(numbers(50), of(false));
                assert_eq!(numbers(100 + 50), of(true));
            }
        }
    }

    #[test]
    fn take_stops_at_quota_end_time_or_cancel() {
        let start = Now::read().instant;
        let after = |millis| start + Duration::from_millis(millis);
        let mut few = Scheduler::new(&plan(Schedule::Closed, 0, Some(2), None), SINGLE_THREAD, start);
        let taken = [0; 2].map(|_| few.take(start).expect("two may be sent"));
        assert!(few.take(start).is_none() && !few.has_more() && !few.is_finished(start));
        taken.iter().for_each(|request| few.ended(request));
        assert!(few.is_finished(start));

        let mut brief = Scheduler::new(&plan(Schedule::Closed, 0, None, Some(10)), SINGLE_THREAD, start);
        assert!(brief.take(after(9)).is_some());
        assert!(!brief.is_finished(after(9)) && brief.is_finished(after(10)));
        assert!(brief.may_send(after(9)) && !brief.may_send(after(10)));

        let mut interrupted =
            Scheduler::new(&plan(Schedule::Closed, 0, None, Some(10)), SINGLE_THREAD, start);
        interrupted.is_cancelled = true;
        assert!(!interrupted.may_send(start) && interrupted.is_finished(start));
    }

    #[test]
    fn unsent_count_excludes_requests_due_at_end_time() {
        let start = Now::read().instant;
        let after = |millis| start + Duration::from_millis(millis);
        let schedule = Schedule::Constant(100.0);
        let mut scheduler = Scheduler::new(&plan(schedule, 0, None, Some(100)), SINGLE_THREAD, start);
        assert_eq!(
            [after(0), after(95), after(100), after(500)].map(|at| scheduler.unsent_count(at)),
            [1, 10, 10, 10]
        );
        assert_eq!(scheduler.take(after(35)).map(|request| request.intended), Some(start));
        assert_eq!((scheduler.unsent_count(after(35)), scheduler.due_after(3)), (3, Some(after(40))));
        let late = (0..20).filter_map(|_| scheduler.take(after(500))).count();
        assert_eq!(late, 9, "those due at the end or later never come");
    }

    #[test]
    fn open_loop_ends_with_its_schedule_or_last_response() {
        let start = Now::read().instant;
        let after = |millis| start + Duration::from_millis(millis);
        let steps =
            Schedule::Steps(vec![(10.0, Duration::from_millis(200)), (0.0, Duration::from_millis(300))]);
        for (schedule, requests, end) in
            [(Schedule::Constant(10.0), Some(2), 200), (steps.clone(), Some(2), 500), (steps, None, 500)]
        {
            let mut scheduler = Scheduler::new(&plan(schedule, 0, requests, None), SINGLE_THREAD, start);
            let taken = [0, 100].map(|at| scheduler.take(after(at)).expect("it is due"));
            scheduler.ended(&taken[0]);
            assert!(!scheduler.is_finished(after(end)), "one is in flight");
            scheduler.ended(&taken[1]);
            assert!(!scheduler.is_finished(after(end - 1)) && scheduler.is_finished(after(end)));
            assert_eq!(scheduler.next_phase_change(start), Some(after(end)));
            assert_eq!(scheduler.next_phase_change(after(end)), None);
        }
    }

    #[test]
    fn duration_counts_from_end_of_warmup() {
        let start = Now::read().instant;
        let after = |millis| start + Duration::from_millis(millis);
        let mut scheduler =
            Scheduler::new(&plan(Schedule::Closed, 50, None, Some(100)), SINGLE_THREAD, start);
        assert_eq!(
            (scheduler.measured_from, scheduler.next_phase_change(start)),
            (after(50), Some(after(50)))
        );
        scheduler.end_warmup_if_due(after(50));
        assert_eq!(scheduler.next_phase_change(after(50)), Some(after(150)));
        assert!(scheduler.may_send(after(149)) && !scheduler.may_send(after(150)));
    }

    #[test]
    fn quota_is_divided_over_threads() {
        let start = Now::read().instant;
        let taken = [0, 1, 2].map(|index| {
            let share = ThreadShare { index, of: 3 };
            let mut scheduler = Scheduler::new(&plan(Schedule::Closed, 0, Some(10), None), share, start);
            (0..20).filter_map(|_| scheduler.take(start)).count()
        });
        assert_eq!(taken, [4, 3, 3]);
    }

    #[test]
    fn unsent_and_due_requests_are_limited_by_quota() {
        let start = Now::read().instant;
        let late = start + Duration::from_secs(1);
        let schedule = Schedule::Constant(100.0);
        let mut scheduler = Scheduler::new(&plan(schedule, 0, Some(2), None), SINGLE_THREAD, start);
        assert_eq!(scheduler.unsent_count(late), 2);
        assert!(scheduler.take(late).is_some() && scheduler.due_after(0).is_some());
        assert!(scheduler.take(late).is_some() && scheduler.due_after(0).is_none());
        assert_eq!(scheduler.unsent_count(late), 0);
    }

    #[test]
    fn warmup_uses_first_nonzero_rate_or_mean_of_ramp() {
        let second = Duration::from_secs(1);
        for (schedule, per_sec) in [
            (Schedule::Constant(7.0), 7.0),
            (Schedule::Steps(vec![(0.0, second), (5.0, second), (9.0, second)]), 5.0),
            (Schedule::Ramp { from: 10.0, to: 30.0, over: second }, 20.0),
        ] {
            assert_eq!(warmup_schedule(&schedule), Schedule::Constant(per_sec));
        }
        assert_eq!(warmup_schedule(&Schedule::Closed), Schedule::Closed);
    }
}
