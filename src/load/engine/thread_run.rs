//! State shared by a thread's connections: requests, templates, metrics.
//!
//! Each result arrives here once, so [`Metrics`] balance sent, answered, failed and unfinished.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::connection_slots::{ConnectionSlots, LoadSlot};
use super::pacer::ThreadShare;
use super::scheduler::{InFlightRequest, Scheduler};
use crate::http::{LastHead, Method, ResponseReader};
use crate::load::plan::run_plan::{Plan, UrlOrder};
use crate::load::plan::template::RequestTemplate;
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::metrics::{Metrics, RequestTimes};
use crate::reactor::Clock;

/// Initial length.
const INTERVAL_LEN: Duration = Duration::from_secs(1);
/// Limit of failing connects, as people expect of a wrong address.
const FIRST_ATTEMPTS_LEN: Duration = Duration::from_secs(1);
/// Silence at the end of a closed loop that may be a hung server; shorter pauses are common.
const SILENCE_MIN: Duration = Duration::from_secs(1);
/// Age from which an unsent request is an error: a timer or response may take so long.
const UNSENT_AGE_MIN: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug)]
pub(super) struct ConnPolicy {
    pub(super) method: Method,
    pub(super) pipeline: usize,
    /// 1 without keep-alive.
    pub(super) requests_max: u64,
    pub(super) timeout: Duration,
}

/// Run of one thread.
#[derive(Debug)]
pub struct ThreadRun {
    pub(super) clock: Clock,
    pub(super) policy: ConnPolicy,
    pub(super) scheduler: Scheduler,
    pub(super) slots: ConnectionSlots,
    /// Metrics.
    pub metrics: Metrics,
    pub(super) last_head: LastHead,
    request: RequestTemplate,
    order: UrlOrder,
    random: Rng,
    /// Last bytes of any response, or the start.
    pub(super) last_byte: Instant,
    no_connection_since: Instant,
    has_timed_out: bool,
}

impl ThreadRun {
    /// Begins at `start`.
    ///
    /// # Errors
    /// The plan does not fit the addresses.
    pub fn new(
        plan: &Plan,
        addresses: &[Vec<SocketAddr>],
        share: ThreadShare,
        clock: Clock,
        start: Instant,
    ) -> io::Result<Self> {
        let requests_max = plan.requests_per_connection.filter(|_| plan.keep_alive);
        let requests_max = requests_max.unwrap_or(if plan.keep_alive { u64::MAX } else { 1 });
        Ok(Self {
            clock,
            policy: ConnPolicy {
                method: plan.method,
                pipeline: plan.pipeline.max(1),
                requests_max,
                timeout: plan.timeout,
            },
            scheduler: Scheduler::new(plan, share, start),
            slots: ConnectionSlots::new(plan, addresses, share, start)?,
            metrics: Metrics::new(plan.targets.len(), INTERVAL_LEN),
            last_head: LastHead::default(),
            request: plan.request.clone(),
            order: plan.order,
            random: Rng::with_seed(Rng::with_seed(plan.seed).u64(..) ^ share.index),
            last_byte: start,
            no_connection_since: start,
            has_timed_out: false,
        })
    }

    fn since(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.scheduler.measured_from)
    }

    fn times(&self, request: &InFlightRequest, done: Instant) -> RequestTimes {
        let [intended, sent, done] = [request.intended, request.sent, done].map(|at| self.since(at));
        RequestTimes { url: request.url, intended, sent, done }
    }

    pub(super) fn ask(
        &mut self,
        slot_index: usize,
        free_since: Instant,
        at: Instant,
        send: impl FnOnce(&mut dyn FnMut(&mut Vec<u8>)),
    ) -> Option<InFlightRequest> {
        let request = match self.take_unanswered(slot_index, at) {
            Some(request) => request,
            None if !self.scheduler.may_send(at) => return None,
            None => self.take_new_request(slot_index, free_since, at)?,
        };
        send(&mut |out| self.request.render(out, request.url, request.number, &mut self.random));
        Some(request)
    }

    fn take_new_request(
        &mut self,
        slot_index: usize,
        free_since: Instant,
        at: Instant,
    ) -> Option<InFlightRequest> {
        let mut request = if self.has_one_host() {
            self.scheduler.take(at).map(|request| self.with_url(request))?
        } else {
            self.distribute(at);
            let host = self.slots.slots[slot_index].host_index;
            self.slots.hosts[host].waiting.pop_front()?
        };
        request.sent = at;
        if request.is_counted {
            self.metrics.record_sent(request.url);
            if self.scheduler.is_open_loop() {
                self.metrics.lag.record(at.saturating_duration_since(request.intended.max(free_since)));
            }
        }
        Some(request)
    }

    pub(super) fn has_one_host(&self) -> bool {
        self.slots.hosts.len() == 1
    }

    fn with_url(&mut self, request: InFlightRequest) -> InFlightRequest {
        let urls = self.slots.host_of.len() as u64;
        let url = match self.order {
            UrlOrder::Sequential => request.number % urls.max(1),
            UrlOrder::Random => self.random.u64(..urls.max(1)),
        };
        InFlightRequest { url: u32::try_from(url).unwrap_or(u32::MAX), ..request }
    }

    /// Gives due requests to their hosts, so that a slow host keeps its share.
    pub(super) fn distribute(&mut self, at: Instant) {
        let in_closed_loop = self.slots.taken.min(1) * self.slots.slots.len() * self.policy.pipeline;
        let limit = if self.scheduler.is_open_loop() { u64::MAX } else { in_closed_loop as u64 };
        while self.scheduler.outstanding < limit
            && let Some(request) = self.scheduler.take(at)
        {
            let request = self.with_url(request);
            if let Some(request) = self.slots.push_waiting(request) {
                self.on_unsent(request, at, true);
            }
        }
    }

    fn give_up_waiting(&mut self, host: usize, due_by: Instant, at: Instant) {
        while self.slots.hosts[host].waiting.front().is_some_and(|oldest| oldest.intended <= due_by)
            && let Some(request) = self.slots.hosts[host].waiting.pop_front()
        {
            self.on_unsent(request, at, !self.slots.hosts[host].is_refusing);
        }
    }

    fn fail_waiting(&mut self, host: usize, at: Instant) {
        if self.slots.hosts[host].is_refusing {
            self.distribute(at);
            self.give_up_waiting(host, at, at);
        }
    }

    /// Due but unsent requests are errors, except those that the next tick would send, or that a late
    /// generator left although a connection was idle: returns their count.
    pub(super) fn finish(&mut self, at: Instant) -> u64 {
        if self.scheduler.is_open_loop() {
            self.distribute(at);
            let due_by = at.checked_sub(UNSENT_AGE_MIN).unwrap_or(at);
            for host in 0..self.slots.hosts.len() {
                self.fail_waiting(host, at);
                let is_idle = |slot: &LoadSlot| slot.host_index == host && slot.can_send;
                if !self.slots.slots.iter().any(is_idle) {
                    self.give_up_waiting(host, due_by, at);
                }
            }
        }
        self.estimate_unsent(at, true);
        self.slots.hosts.iter().map(|host| host.waiting.len() as u64).sum()
    }

    /// Sets what a closed loop would have sent in the time that its slots lost, or that the server was silent.
    pub(super) fn estimate_unsent(&mut self, at: Instant, is_end: bool) {
        // Silent seconds are slices too.
        self.metrics.series.slice_at(self.since(self.scheduler.last_due(at)));
        if self.scheduler.is_open_loop() {
            return;
        }
        let slots = self.slots.slots.len() as f64;
        // With several hosts, requests of a refusing host are counted one by one.
        let mut lost = if self.has_one_host() { self.slots.lost_time(at).as_secs_f64() } else { 0.0 };
        let silence = at.saturating_duration_since(self.last_byte.max(self.scheduler.measured_from));
        let longest = Duration::from_micros(self.metrics.first_byte.quantile_us(1.0));
        if is_end && silence >= SILENCE_MIN.max(longest * 2) {
            lost = lost.max(silence.as_secs_f64() * slots);
        }
        let all = (self.since(at).as_secs_f64() * slots).max(1e-6);
        let totals = &mut self.metrics.series.totals;
        // A time-out counts as lost time.
        let timed_out = self.metrics.failures.of(LoadFailure::TimedOut);
        let ended = (totals.answered + totals.failed).saturating_sub(timed_out) as f64;
        // A rate of less than a thousandth of the time is chance. Each slot would have sent one.
        let unsent = lost * (ended / (all - lost).max(all / 1e3)).max(slots / all);
        let unsent = (unsent.ceil() as u64).min(self.scheduler.quota.unwrap_or(u64::MAX));
        totals.unsent = if self.slots.hosts.len() == 1 { unsent } else { totals.unsent.max(unsent) };
    }

    fn on_unsent(&mut self, request: InFlightRequest, at: Instant, has_waited: bool) {
        self.scheduler.ended(&request);
        if request.is_counted {
            let age = has_waited.then(|| at.saturating_duration_since(request.intended));
            self.metrics.unsent(request.url, age, self.since(at));
        }
    }

    /// Keeps its first send time: its latency hides nothing, but it may have timed out.
    fn take_unanswered(&mut self, slot_index: usize, at: Instant) -> Option<InFlightRequest> {
        while self.scheduler.may_send(at) {
            let request = self.slots.pop_unanswered(slot_index)?;
            if request.sent + self.policy.timeout > at {
                self.metrics.resent += u64::from(request.is_counted);
                return Some(request);
            }
            self.failed(request, LoadFailure::TimedOut, at);
        }
        None
    }

    pub(super) fn has_more_requests(&self) -> bool {
        let mut hosts = self.slots.hosts.iter();
        self.slots.unanswered > 0 || self.scheduler.has_more() || hosts.any(|host| !host.waiting.is_empty())
    }

    pub(super) fn end(&mut self, at: Instant) {
        for slot_index in 0..self.slots.slots.len() {
            while let Some(request) = self.slots.pop_unanswered(slot_index) {
                self.on_unfinished(request, at);
            }
        }
    }

    pub(super) fn answered(
        &mut self,
        request: InFlightRequest,
        response: &ResponseReader,
        first_byte: Instant,
        done: Instant,
    ) {
        self.scheduler.ended(&request);
        self.has_timed_out = false;
        if request.is_counted {
            let (times, first_byte) = (self.times(&request, done), self.since(first_byte));
            self.metrics.answered(times, response.status, first_byte, response.received_len);
        }
    }

    /// A time-out counts from its deadline, not its detection.
    pub(super) fn failed(&mut self, request: InFlightRequest, failure: LoadFailure, at: Instant) {
        self.scheduler.ended(&request);
        if failure == LoadFailure::TimedOut {
            // One slow request proves nothing.
            let is_repeated = std::mem::replace(&mut self.has_timed_out, true);
            let is_hung = is_repeated && self.last_byte + self.policy.timeout <= at;
            self.scheduler.is_cancelled |=
                is_hung && self.scheduler.ends_at.is_none() && self.scheduler.has_more();
        }
        if request.is_counted {
            let deadline = request.sent + self.policy.timeout;
            let at = if failure == LoadFailure::TimedOut { deadline.min(at) } else { at };
            self.metrics.failed(self.times(&request, at), failure);
        }
    }

    /// A request older than the time-out has failed, even if it was sent later.
    pub(super) fn on_unfinished(&mut self, request: InFlightRequest, at: Instant) {
        if request.intended + self.policy.timeout <= at {
            return self.failed(request, LoadFailure::TimedOut, at);
        }
        self.scheduler.ended(&request);
        if request.is_counted {
            let ages = [request.intended, request.sent].map(|since| at.saturating_duration_since(since));
            self.metrics.unfinished(ages);
        }
    }

    pub(super) fn on_unsolicited_bytes(&mut self, at: Instant) {
        if at >= self.scheduler.measured_from {
            self.metrics.unasked += 1;
        }
    }

    /// Includes the warm-up, when most connects happen.
    pub(super) fn on_connected(&mut self, slot_index: usize, took: Duration, at: Instant) {
        self.metrics.connect.record(took);
        self.fail_waiting(self.slots.slots[slot_index].host_index, at);
        self.slots.on_connected(slot_index, at);
    }

    pub(super) fn on_connect_failed(&mut self, slot_index: usize, failure: LoadFailure, at: Instant) {
        self.metrics.connect_failed(failure, self.since(at));
        self.slots.failed(slot_index, at);
        self.fail_waiting(self.slots.slots[slot_index].host_index, at);
        // Unanswered requests of a slot time out without a connection too.
        while let Some(request) = self.slots.slots[slot_index].unanswered.front()
            && request.sent + self.policy.timeout <= at
            && let Some(request) = self.slots.pop_unanswered(slot_index)
        {
            self.failed(request, LoadFailure::TimedOut, at);
        }
    }

    pub(super) fn left(&mut self, slot_index: usize, opened: Instant, was_used: bool, at: Instant) {
        self.slots.left(slot_index, opened, was_used, at);
        if self.slots.taken == 0 {
            self.no_connection_since = at;
        }
    }

    /// Aborts if no connect succeeded in the first second, or there is no end time and no connection for a request
    /// time-out.
    pub(super) fn abort_if_unreachable(&mut self, at: Instant) {
        let no_connection_for = at.saturating_duration_since(self.no_connection_since);
        let has_failed = self.metrics.series.connect_failures.total() > 0;
        if self.slots.taken > 0 || !has_failed || !self.has_more_requests() {
            return;
        }
        let is_timed_out = no_connection_for >= self.policy.timeout;
        self.scheduler.is_cancelled |= match self.metrics.connect.is_empty() {
            true if no_connection_for < FIRST_ATTEMPTS_LEN => false,
            true => is_timed_out || self.slots.hosts.iter().all(|host| host.is_refusing),
            false => is_timed_out && self.scheduler.ends_at.is_none(),
        };
    }
}
