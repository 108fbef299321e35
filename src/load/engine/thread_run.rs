//! State shared by a thread's connections: requests, templates, metrics.
//!
//! Each result arrives here once, so [`Metrics`] balance sent, answered, failed and unfinished.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection_slots::ConnectionSlots;
use super::in_flight::InFlightRequest;
use super::pacer::ThreadShare;
use super::scheduler::Scheduler;
use crate::http::{LastHead, Method};
use crate::load::plan::random::Random;
use crate::load::plan::run_plan::{Plan, UrlOrder};
use crate::load::plan::template::RequestTemplate;
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::metrics::{FailureRecord, Metrics, ResponseRecord};
use crate::reactor::Clock;

/// Initial length of an interval.
const INTERVAL_LEN: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(super) struct ConnPolicy {
    pub(super) method: Method,
    pub(super) pipeline: usize,
    /// The value is 1 without keep-alive.
    pub(super) requests_max: u64,
    pub(super) timeout: Duration,
}

/// One thread's part of a run.
#[derive(Debug)]
pub struct ThreadRun {
    pub(super) clock: Clock,
    pub(super) policy: ConnPolicy,
    pub(super) scheduler: Scheduler,
    pub(super) slots: ConnectionSlots,
    /// Metrics so far.
    pub metrics: Metrics,
    pub(super) last_head: LastHead,
    request: RequestTemplate,
    order: UrlOrder,
    random: Random,
    no_connection_since: Instant,
}

impl ThreadRun {
    /// Part that begins at `start`.
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
            random: Random::for_thread(plan.seed, share.index),
            no_connection_since: start,
        })
    }

    fn since(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.scheduler.measured_from)
    }

    /// Renders the next due request of a slot that could send since `free_since`.
    pub(super) fn ask(
        &mut self,
        slot_index: usize,
        free_since: Instant,
        at: Instant,
        send: impl FnOnce(&mut dyn FnMut(&mut Vec<u8>)),
    ) -> Option<InFlightRequest> {
        let request = match self.take_unanswered(slot_index, at) {
            Some(request) => request,
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
        let mut request = self.scheduler.take(at)?;
        let Self { random, order, slots, .. } = self;
        request.url = slots.next_url(slot_index, |number, urls| match order {
            UrlOrder::Sequential => number % urls.max(1),
            UrlOrder::Random => random.below(urls),
        });
        if request.is_counted {
            self.metrics.record_sent(request.url);
            if self.scheduler.is_open_loop() {
                self.metrics.lag.record(at.saturating_duration_since(request.intended.max(free_since)));
            }
        }
        Some(request)
    }

    /// Request that the slot's last connection left unanswered. It keeps its first send time: its latency
    /// hides nothing, but it may have timed out.
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

    /// If false, no connection is opened.
    pub(super) fn has_more_requests(&self) -> bool {
        self.slots.unanswered > 0 || self.scheduler.has_more()
    }

    pub(super) fn end(&mut self, at: Instant) {
        while let Some(request) = self.slots.pop_any_unanswered() {
            self.on_unfinished(request, at);
        }
    }

    pub(super) fn answered(
        &mut self,
        request: InFlightRequest,
        status: u16,
        first_byte: Instant,
        done: Instant,
        len: u64,
    ) {
        if request.is_counted {
            self.scheduler.ended();
            self.metrics.answered(ResponseRecord {
                url: request.url,
                status,
                intended: self.since(request.intended),
                sent: self.since(request.sent),
                first_byte: self.since(first_byte),
                done: self.since(done),
                received_len: len,
            });
        }
    }

    /// A time-out counts from its deadline, not its detection.
    pub(super) fn failed(&mut self, request: InFlightRequest, failure: LoadFailure, at: Instant) {
        if request.is_counted {
            let at = if failure == LoadFailure::TimedOut { request.sent + self.policy.timeout } else { at };
            self.scheduler.ended();
            self.metrics.failed(FailureRecord {
                url: request.url,
                failure,
                intended: self.since(request.intended),
                sent: self.since(request.sent),
                at: self.since(at),
            });
        }
    }

    pub(super) fn on_unfinished(&mut self, request: InFlightRequest, at: Instant) {
        if request.is_counted {
            self.scheduler.ended();
            self.metrics.unfinished(at.saturating_duration_since(request.intended));
        }
    }

    /// Bytes without a request; the connection closes.
    pub(super) fn on_unsolicited_bytes(&mut self, at: Instant) {
        if at >= self.scheduler.measured_from {
            self.metrics.unasked += 1;
        }
    }

    /// Includes the warm-up, when most connects happen.
    pub(super) fn on_connected(&mut self, slot_index: usize, took: Duration) {
        self.metrics.connect.record(took);
        self.slots.on_connected(slot_index);
    }

    pub(super) fn on_connect_failed(&mut self, slot_index: usize, failure: LoadFailure, at: Instant) {
        self.metrics.connect_failed(failure, self.since(at));
        self.slots.failed(slot_index, at);
        // Unanswered requests of a slot time out without a connection too.
        while let Some(request) = self.slots.first_unanswered(slot_index)
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

    /// Aborts a run that would never end: no connection for a request time-out, and no end time. One connect
    /// must have failed, so that the report has a reason.
    pub(super) fn abort_if_unreachable(&mut self, at: Instant) {
        let no_connection_for = at.saturating_duration_since(self.no_connection_since);
        let is_unreachable = self.slots.taken == 0 && no_connection_for >= self.policy.timeout;
        if is_unreachable && self.scheduler.ends_at.is_none() && self.metrics.connect_failures.total() > 0 {
            self.scheduler.is_cancelled = true;
        }
    }
}
