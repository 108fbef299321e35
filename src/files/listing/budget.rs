//! Memory budget of all listings.
//!
//! A dropped [`Lease`] is returned, however the listing ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ListingError;

/// Bytes of one listing: some 500,000 names of usual length.
pub const LISTING_LEN_MAX: usize = 32 * 1024 * 1024;

/// Bytes of all listings: equal to the file cache.
pub const LISTINGS_LEN_MAX: usize = 64 * 1024 * 1024;

/// Bytes for listings up to [`SMALL_LEN_MAX`]: large, slowly read listings must not block small directories.
const RESERVED_LEN: usize = 4 * 1024 * 1024;

/// Bytes for a few hundred names.
const SMALL_LEN_MAX: usize = 64 * 1024;

/// Generous bytes besides entries; also bounds the number of listings.
const LISTING_LEN_BASE: usize = 4 * 1024;

/// Budget shared by all listings.
#[derive(Clone, Debug, Default)]
pub struct ListingBudget {
    pub(super) held: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(super) struct Lease {
    held: Arc<AtomicUsize>,
    bytes: usize,
}

impl ListingBudget {
    pub(super) fn lease(&self) -> Result<Lease, ListingError> {
        let mut lease = Lease { held: Arc::clone(&self.held), bytes: 0 };
        lease.resize(0)?;
        Ok(lease)
    }
}

impl Lease {
    pub(super) fn resize(&mut self, entries_len: usize) -> Result<(), ListingError> {
        let bytes = LISTING_LEN_BASE + entries_len;
        if bytes > LISTING_LEN_MAX {
            return Err(ListingError::TooLarge);
        }
        let is_small = bytes <= SMALL_LEN_MAX;
        let len_max = if is_small { LISTINGS_LEN_MAX } else { LISTINGS_LEN_MAX - RESERVED_LEN };
        let resized = |held: usize| {
            let held = held - self.bytes + bytes;
            (held <= len_max || bytes <= self.bytes).then_some(held)
        };
        let outcome = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, resized);
        outcome.map_err(|_| ListingError::Busy)?;
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(budget: &ListingBudget) -> usize {
        budget.held.load(Ordering::Relaxed)
    }

    #[test]
    fn dropped_lease_returns_bytes() {
        let budget = ListingBudget::default();
        let mut first = budget.lease().expect("room");
        first.resize(1000).expect("room");
        let second = budget.lease().expect("room");
        assert_eq!(held(&budget), 2 * LISTING_LEN_BASE + 1000);
        first.resize(10).expect("less");
        assert_eq!(held(&budget), 2 * LISTING_LEN_BASE + 10);
        drop(second);
        drop(first);
        assert_eq!(held(&budget), 0);
    }

    #[test]
    fn lease_over_limit_is_too_large_or_busy() {
        let budget = ListingBudget::default();
        let mut largest = budget.lease().expect("room");
        largest.resize(LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        assert!(matches!(largest.resize(LISTING_LEN_MAX), Err(ListingError::TooLarge)));
        let mut second = budget.lease().expect("room");
        let rest = LISTINGS_LEN_MAX - RESERVED_LEN - held(&budget);
        assert!(matches!(second.resize(rest + 1), Err(ListingError::Busy)));
        second.resize(rest).expect("room");
        let mut small = Vec::new();
        while let Ok(lease) = budget.lease() {
            small.push(lease);
        }
        assert_eq!((small.len(), held(&budget)), (RESERVED_LEN / LISTING_LEN_BASE, LISTINGS_LEN_MAX));
        second.resize(rest - 1).expect("less");
        drop(largest);
        assert!(budget.lease().is_ok_and(|mut lease| lease.resize(SMALL_LEN_MAX).is_ok()));
    }

    #[test]
    fn large_leases_leave_reserve_for_small_ones() {
        let budget = ListingBudget::default();
        let mut large = budget.lease().expect("room");
        let mut larger = budget.lease().expect("room");
        larger.resize(LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        large.resize(LISTINGS_LEN_MAX - RESERVED_LEN - LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        let mut small = budget.lease().expect("room");
        small.resize(SMALL_LEN_MAX - LISTING_LEN_BASE).expect("room");
        assert!(matches!(small.resize(SMALL_LEN_MAX), Err(ListingError::Busy)), "it is small no longer");
    }
}
