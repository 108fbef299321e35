//! Memory budget of all listings.
//!
//! A dropped [`Lease`] is returned, however the listing ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ListingError;

/// Bytes of one listing: some 500,000 names of usual length.
pub const LISTING_LEN_MAX: usize = 32 * 1024 * 1024;

/// Most bytes of all listings of a worker: equal to the file cache.
pub const LISTINGS_LEN_MAX: usize = 64 * 1024 * 1024;

/// Divisor of the budget for listings up to [`SMALL_LEN_MAX`]: large, slowly read listings must not block small directories.
const RESERVED_SHARES: usize = 16;

/// Bytes for a few hundred names.
const SMALL_LEN_MAX: usize = 64 * 1024;

/// Generous bytes besides entries; also bounds the number of listings.
const LISTING_LEN_BASE: usize = 4 * 1024;

/// Budget shared by all listings.
#[derive(Clone, Debug)]
pub struct ListingBudget {
    pub(super) held: Arc<AtomicUsize>,
    len_max: usize,
}

#[derive(Debug)]
pub(super) struct Lease {
    budget: ListingBudget,
    bytes: usize,
}

impl ListingBudget {
    /// A budget of `len_max` bytes.
    pub fn new(len_max: usize) -> Self {
        Self { held: Arc::default(), len_max }
    }

    pub(super) fn lease(&self) -> Result<Lease, ListingError> {
        let mut lease = Lease { budget: self.clone(), bytes: 0 };
        lease.resize(0)?;
        Ok(lease)
    }
}

impl Lease {
    pub(super) fn resize(&mut self, entries_len: usize) -> Result<(), ListingError> {
        let bytes = LISTING_LEN_BASE + entries_len;
        let ListingBudget { held, len_max } = &self.budget;
        let reserved = if bytes <= SMALL_LEN_MAX { 0 } else { len_max / RESERVED_SHARES };
        let len_max = len_max - reserved;
        if bytes > LISTING_LEN_MAX.min(len_max) {
            return Err(ListingError::TooLarge);
        }
        let resized = |held: usize| {
            let held = held - self.bytes + bytes;
            (held <= len_max || bytes <= self.bytes).then_some(held)
        };
        let outcome = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, resized);
        outcome.map_err(|_| ListingError::Busy)?;
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
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
        let budget = ListingBudget::new(LISTINGS_LEN_MAX);
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
        let budget = ListingBudget::new(LISTINGS_LEN_MAX);
        let mut largest = budget.lease().expect("room");
        largest.resize(LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        assert!(matches!(largest.resize(LISTING_LEN_MAX), Err(ListingError::TooLarge)));
        let mut second = budget.lease().expect("room");
        let rest = LISTINGS_LEN_MAX - LISTINGS_LEN_MAX / RESERVED_SHARES - held(&budget);
        assert!(matches!(second.resize(rest + 1), Err(ListingError::Busy)));
        second.resize(rest).expect("room");
        let mut small = Vec::new();
        while let Ok(lease) = budget.lease() {
            small.push(lease);
        }
        assert_eq!(
            (small.len(), held(&budget)),
            (LISTINGS_LEN_MAX / RESERVED_SHARES / LISTING_LEN_BASE, LISTINGS_LEN_MAX)
        );
        second.resize(rest - 1).expect("less");
        drop(largest);
        assert!(budget.lease().is_ok_and(|mut lease| lease.resize(SMALL_LEN_MAX).is_ok()));
    }

    #[test]
    fn large_leases_leave_reserve_for_small_ones() {
        let budget = ListingBudget::new(LISTINGS_LEN_MAX);
        let mut large = budget.lease().expect("room");
        let mut larger = budget.lease().expect("room");
        larger.resize(LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        large
            .resize(
                LISTINGS_LEN_MAX - LISTINGS_LEN_MAX / RESERVED_SHARES - LISTING_LEN_MAX - LISTING_LEN_BASE,
            )
            .expect("room");
        let mut small = budget.lease().expect("room");
        small.resize(SMALL_LEN_MAX - LISTING_LEN_BASE).expect("room");
        assert!(matches!(small.resize(SMALL_LEN_MAX), Err(ListingError::Busy)), "it is small no longer");
    }
}
