//! The requests of one connection that are on the way, the oldest first.
//!
//! The oldest lies in the connection itself: with one request at a time, as nearly all runs have it, no other
//! memory is touched, and with hundreds of connections each touch is a wait for it. It judges nothing.

use std::collections::VecDeque;
use std::time::Instant;

/// A request that was sent and has come to no end.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlightRequest {
    pub(super) url: u32,
    /// When it was to be sent; without a schedule that is when it was.
    pub(super) intended: Instant,
    pub(super) sent: Instant,
    /// Its number in the run, over all threads, from 0. The warm-up has numbers of its own, also from 0:
    /// what is measured then asks for the same, however long the warm-up was.
    pub(super) number: u64,
    /// Whether it counts; requests of the warm-up do not.
    pub(super) is_counted: bool,
}

/// A queue whose front is at hand.
#[derive(Debug)]
pub(super) struct InFlightQueue {
    /// There is one if there are any.
    oldest: Option<InFlightRequest>,
    others: VecDeque<InFlightRequest>,
}

impl InFlightQueue {
    /// With room for so many.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self { oldest: None, others: VecDeque::with_capacity(count.saturating_sub(1)) }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.oldest.is_some()) + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.oldest.is_none()
    }

    pub(super) fn front(&self) -> Option<&InFlightRequest> {
        self.oldest.as_ref()
    }

    pub(super) fn push_back(&mut self, request: InFlightRequest) {
        match self.oldest {
            None => self.oldest = Some(request),
            Some(_) => self.others.push_back(request),
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<InFlightRequest> {
        std::mem::replace(&mut self.oldest, self.others.pop_front())
    }

    /// All of them; none is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = InFlightRequest> + '_ {
        self.oldest.take().into_iter().chain(self.others.drain(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Now;

    impl InFlightRequest {
        /// One that does not count.
        pub(in crate::load) fn for_test(url: u32, at: Instant) -> Self {
            Self { url, intended: at, sent: at, number: 0, is_counted: false }
        }
    }

    #[test]
    fn in_flight_queue_is_fifo() {
        let at = Now::read().instant;
        let mut in_flight = InFlightQueue::with_capacity(3);
        let urls =
            |request: Vec<InFlightRequest>| request.iter().map(|request| request.url).collect::<Vec<_>>();
        for round in 0..3 {
            (0..4).for_each(|url| in_flight.push_back(InFlightRequest::for_test(url, at)));
            assert_eq!(in_flight.front().map(|request| request.url), Some(0), "round {round}");
            assert_eq!(in_flight.pop_front().map(|request| request.url), Some(0));
            in_flight.push_back(InFlightRequest::for_test(4, at));
            assert_eq!(in_flight.len(), 4);
            assert_eq!(urls(in_flight.drain().collect()), [1, 2, 3, 4]);
            assert!(in_flight.is_empty() && in_flight.front().is_none() && in_flight.pop_front().is_none());
        }
    }
}
