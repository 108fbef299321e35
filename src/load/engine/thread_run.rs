//! What the connections of one thread share: the next request, its text, and the figures.
//!
//! Whatever happens to a request is told here, once, and goes to the [`Metrics`]: so the balance of
//! what was sent, answered, failed and unfinished is kept in one place. It owns no socket.

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

/// How long a slice of the series is at first.
const INTERVAL_LEN: Duration = Duration::from_secs(1);

/// How the connections behave.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnPolicy {
    pub(super) method: Method,
    pub(super) pipeline: usize,
    /// Requests on one connection; 1 when it is not kept.
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
    /// The figures so far.
    pub metrics: Metrics,
    pub(super) last_head: LastHead,
    request: RequestTemplate,
    order: UrlOrder,
    random: Random,
    /// Since when there has been no connection.
    no_connection_since: Instant,
}

impl ThreadRun {
    /// The part of a run that begins at `start`.
    ///
    /// # Errors
    /// When the plan cannot be followed with these addresses.
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

    /// The next request that is due, for a seat that has been able to send since `free_since`; its
    /// bytes are appended to what `send` is given.
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

    /// What was stranded with the last connection of this seat. It is the same request, sent when it
    /// was first sent, so its latency hides nothing; its time may be over by now.
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

    /// Whether another request may ever be sent: who has none to send needs no connection.
    pub(super) fn has_more_requests(&self) -> bool {
        self.slots.unanswered > 0 || self.scheduler.has_more()
    }

    /// The run has ended: nobody sends the stranded requests any more.
    pub(super) fn end(&mut self, at: Instant) {
        while let Some(request) = self.slots.pop_any_unanswered() {
            self.on_unfinished(request, at);
        }
    }

    /// A request has its whole answer.
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

    /// A request has failed. One that timed out has done so when its time was over, not when that was seen.
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

    /// The run has ended while this request was in flight.
    pub(super) fn on_unfinished(&mut self, request: InFlightRequest, at: Instant) {
        if request.is_counted {
            self.scheduler.ended();
            self.metrics.unfinished(at.saturating_duration_since(request.intended));
        }
    }

    /// A connection on which nothing was asked has brought bytes, and is closed.
    pub(super) fn on_unsolicited_bytes(&mut self, at: Instant) {
        if at >= self.scheduler.measured_from {
            self.metrics.unasked += 1;
        }
    }

    /// A connection is made. Most are made before measuring begins, and are told of all the same.
    pub(super) fn on_connected(&mut self, slot_index: usize, took: Duration) {
        self.metrics.connect.record(took);
        self.slots.on_connected(slot_index);
    }

    /// A connection could not be made.
    pub(super) fn on_connect_failed(&mut self, slot_index: usize, failure: LoadFailure, at: Instant) {
        self.metrics.connect_failed(failure, self.since(at));
        self.slots.failed(slot_index, at);
        // What is stranded there may wait no longer than on a connection.
        while let Some(request) = self.slots.first_unanswered(slot_index)
            && request.sent + self.policy.timeout <= at
            && let Some(request) = self.slots.pop_unanswered(slot_index)
        {
            self.failed(request, LoadFailure::TimedOut, at);
        }
    }

    /// A connection has ended.
    pub(super) fn left(&mut self, slot_index: usize, opened: Instant, was_used: bool, at: Instant) {
        self.slots.left(slot_index, opened, was_used, at);
        if self.slots.taken == 0 {
            self.no_connection_since = at;
        }
    }

    /// Gives up a run that would never end by itself: for as long as a request may take, nobody has
    /// taken a connection. The report is to tell why, so one attempt has come to its end.
    pub(super) fn abort_if_unreachable(&mut self, at: Instant) {
        let no_connection_for = at.saturating_duration_since(self.no_connection_since);
        let is_unreachable = self.slots.taken == 0 && no_connection_for >= self.policy.timeout;
        if is_unreachable && self.scheduler.ends_at.is_none() && self.metrics.connect_failures.total() > 0 {
            self.scheduler.is_cancelled = true;
        }
    }
}
