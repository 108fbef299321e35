//! FIFO of one connection's requests in flight.
//!
//! The oldest is inline: most runs have one in flight. With hundreds of connections, each further memory
//! access is a cache miss.

use std::collections::VecDeque;
use std::time::Instant;

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
pub(super) struct InFlightQueue {
    /// `None` only if the queue is empty.
    oldest: Option<InFlightRequest>,
    others: VecDeque<InFlightRequest>,
}

impl InFlightQueue {
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

    pub(super) fn drain(&mut self) -> impl Iterator<Item = InFlightRequest> + '_ {
        self.oldest.take().into_iter().chain(self.others.drain(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Now;

    impl InFlightRequest {
        /// Request that does not count.
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
