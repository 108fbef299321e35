//! Memory and open-directory budget of all listings.
//!
//! A dropped [`Lease`] is returned, however the listing ends. Callers state their bytes.

use std::cell::Cell;
use std::rc::Rc;

use super::ListingError;

/// Bytes of one listing: some 500,000 names of usual length.
pub const LISTING_LEN_MAX: usize = 32 * 1024 * 1024;

/// Bytes of all listings: equal to the file cache.
pub const LISTINGS_LEN_MAX: usize = 64 * 1024 * 1024;

/// Bytes for listings up to [`SMALL_LEN_MAX`]: large, slowly read listings must not block small directories.
const RESERVED_LEN: usize = 4 * 1024 * 1024;

/// Bytes for a few hundred names.
const SMALL_LEN_MAX: usize = 64 * 1024;

/// Directories read at a time. Each costs every tick about 1 ms, and fewer finish sooner. Others wait; no
/// peer can delay a read.
pub const DIRECTORIES_OPEN_MAX: usize = 4;

/// Generous bytes besides entries; also bounds the number of listings.
const LISTING_LEN_BASE: usize = 4 * 1024;

/// Budget shared by all listings.
#[derive(Clone, Debug, Default)]
pub struct ListingBudget {
    pub(super) held: Rc<BudgetUsage>,
}

#[derive(Debug, Default)]
pub(super) struct BudgetUsage {
    pub(super) bytes: Cell<usize>,
    directories: Cell<usize>,
}

#[derive(Debug)]
pub(super) struct Lease {
    held: Rc<BudgetUsage>,
    bytes: usize,
    has_directory: bool,
}

impl ListingBudget {
    pub(super) fn lease(&self) -> Result<Lease, ListingError> {
        let mut lease = Lease { held: Rc::clone(&self.held), bytes: 0, has_directory: false };
        lease.grow(LISTING_LEN_BASE)?;
        Ok(lease)
    }
}

impl Lease {
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ListingError> {
        if self.bytes + bytes > LISTING_LEN_MAX {
            return Err(ListingError::TooLarge);
        }
        let is_small = self.bytes + bytes <= SMALL_LEN_MAX;
        let len_max = if is_small { LISTINGS_LEN_MAX } else { LISTINGS_LEN_MAX - RESERVED_LEN };
        if self.held.bytes.get() + bytes > len_max {
            return Err(ListingError::Busy);
        }
        self.set(self.bytes + bytes);
        Ok(())
    }

    pub(super) fn shrink(&mut self, bytes: usize) {
        self.set(self.bytes.min(LISTING_LEN_BASE + bytes));
    }

    pub(super) fn may_open_directory(&mut self) -> bool {
        let open = self.held.directories.get();
        if !self.has_directory && open < DIRECTORIES_OPEN_MAX {
            self.held.directories.set(open + 1);
            self.has_directory = true;
        }
        self.has_directory
    }

    pub(super) fn close_directory(&mut self) {
        let open = self.held.directories.get();
        self.held.directories.set(open - usize::from(self.has_directory));
        self.has_directory = false;
    }

    fn set(&mut self, bytes: usize) {
        self.held.bytes.set(self.held.bytes.get() - self.bytes + bytes);
        self.bytes = bytes;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.set(0);
        self.close_directory();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lease_returns_bytes_and_directory() {
        let budget = ListingBudget::default();
        let mut first = budget.lease().expect("room");
        first.grow(1000).expect("room");
        assert!(first.may_open_directory());
        let second = budget.lease().expect("room");
        assert_eq!(budget.held.bytes.get(), 2 * LISTING_LEN_BASE + 1000);
        first.shrink(10);
        first.shrink(500);
        assert_eq!(budget.held.bytes.get(), 2 * LISTING_LEN_BASE + 10);
        drop(second);
        drop(first);
        assert_eq!((budget.held.bytes.get(), budget.held.directories.get()), (0, 0));
    }

    #[test]
    fn lease_over_limit_is_too_large_or_busy() {
        let budget = ListingBudget::default();
        let mut largest = budget.lease().expect("room");
        largest.grow(LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        assert!(matches!(largest.grow(1), Err(ListingError::TooLarge)));
        let mut second = budget.lease().expect("room");
        let rest = LISTINGS_LEN_MAX - RESERVED_LEN - budget.held.bytes.get();
        assert!(matches!(second.grow(rest + 1), Err(ListingError::Busy)));
        second.grow(rest).expect("room");
        assert!(matches!(second.grow(1), Err(ListingError::Busy)));
        let mut small = Vec::new();
        while let Ok(lease) = budget.lease() {
            small.push(lease);
        }
        assert_eq!(
            (small.len(), budget.held.bytes.get()),
            (RESERVED_LEN / LISTING_LEN_BASE, LISTINGS_LEN_MAX)
        );
        drop(largest);
        assert!(budget.lease().is_ok_and(|mut lease| lease.grow(SMALL_LEN_MAX).is_ok()));
    }

    #[test]
    fn large_leases_leave_reserve_for_small_ones() {
        let budget = ListingBudget::default();
        let mut large = budget.lease().expect("room");
        let mut larger = budget.lease().expect("room");
        larger.grow(LISTING_LEN_MAX - LISTING_LEN_BASE).expect("room");
        while large.grow(SMALL_LEN_MAX).is_ok() {}
        let mut small = budget.lease().expect("room");
        small.grow(SMALL_LEN_MAX - LISTING_LEN_BASE).expect("room");
        assert!(matches!(small.grow(1), Err(ListingError::Busy)), "it is small no longer");
    }

    #[test]
    fn lease_opens_at_most_directories_open_max() {
        let budget = ListingBudget::default();
        let mut leases: Vec<Lease> =
            (0..=DIRECTORIES_OPEN_MAX).map(|_| budget.lease().expect("room")).collect();
        let mut last = leases.pop().expect("one too many");
        for lease in &mut leases {
            assert!(lease.may_open_directory());
            assert!(lease.may_open_directory(), "it has one");
        }
        assert!(!last.may_open_directory());
        leases[0].close_directory();
        leases[0].close_directory();
        assert!(last.may_open_directory());
        assert_eq!(budget.held.directories.get(), DIRECTORIES_OPEN_MAX);
    }
}
