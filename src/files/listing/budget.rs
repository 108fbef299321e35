//! How much memory, and how many open directories, all listings together may have.
//!
//! A [`ListingBudget`] is shared by those that hold a [`Lease`] of it; what was leased is given back
//! when the lease is dropped, however the listing has ended. It measures nothing: whoever takes
//! memory says how much.

use std::cell::Cell;
use std::rc::Rc;

use super::ListingError;

/// The most that one listing may hold, in bytes: some half a million names of usual length.
pub const LISTING_LEN_MAX: usize = 32 * 1024 * 1024;

/// The most that all listings together may hold, in bytes: as much as the cache of files.
pub const LISTINGS_LEN_MAX: usize = 64 * 1024 * 1024;

/// Directories that are open to be read at a time, a descriptor each. More wait for their turn: a
/// directory is closed when it has been read, which no peer can hold up.
pub const DIRECTORIES_OPEN_MAX: usize = 16;

/// What a listing costs beside its entries, generously: it bounds their number, too.
const LISTING_LEN_BASE: usize = 4 * 1024;

/// What all listings of a server share.
#[derive(Clone, Debug, Default)]
pub struct ListingBudget {
    held: Rc<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: Cell<usize>,
    directories: Cell<usize>,
}

/// What one listing has of the budget.
#[derive(Debug)]
pub(super) struct Lease {
    held: Rc<Held>,
    bytes: usize,
    has_directory: bool,
}

impl ListingBudget {
    /// A budget of which nothing is taken.
    pub fn new() -> Self {
        ListingBudget::default()
    }

    /// What is taken, in bytes.
    pub fn held_len(&self) -> usize {
        self.held.bytes.get()
    }

    /// A lease of what a listing costs at the least.
    pub(super) fn lease(&self) -> Result<Lease, ListingError> {
        let mut lease = Lease { held: Rc::clone(&self.held), bytes: 0, has_directory: false };
        lease.grow(LISTING_LEN_BASE)?;
        Ok(lease)
    }
}

impl Lease {
    /// Takes so many bytes more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ListingError> {
        if self.bytes + bytes > LISTING_LEN_MAX {
            return Err(ListingError::TooLarge);
        }
        if self.held.bytes.get() + bytes > LISTINGS_LEN_MAX {
            return Err(ListingError::Busy);
        }
        self.set(self.bytes + bytes);
        Ok(())
    }

    /// Gives back all but so many bytes for entries.
    pub(super) fn shrink(&mut self, bytes: usize) {
        self.set(self.bytes.min(LISTING_LEN_BASE + bytes));
    }

    /// Whether it may open a directory now, or has one.
    pub(super) fn may_open_directory(&mut self) -> bool {
        let open = self.held.directories.get();
        if !self.has_directory && open < DIRECTORIES_OPEN_MAX {
            self.held.directories.set(open + 1);
            self.has_directory = true;
        }
        self.has_directory
    }

    /// The directory is closed.
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
    fn what_was_leased_is_given_back() {
        let budget = ListingBudget::new();
        let mut first = budget.lease().expect("room");
        first.grow(1000).expect("room");
        assert!(first.may_open_directory());
        let second = budget.lease().expect("room");
        assert_eq!(budget.held_len(), 2 * LISTING_LEN_BASE + 1000);
        first.shrink(10);
        first.shrink(500);
        assert_eq!(budget.held_len(), 2 * LISTING_LEN_BASE + 10);
        drop(second);
        drop(first);
        assert_eq!((budget.held_len(), budget.held.directories.get()), (0, 0));
    }

    #[test]
    fn one_may_not_be_too_large_and_all_together_may_not_either() {
        let budget = ListingBudget::new();
        let whole = LISTING_LEN_MAX - LISTING_LEN_BASE;
        let mut leases = Vec::new();
        for _ in 0..LISTINGS_LEN_MAX / LISTING_LEN_MAX {
            let mut lease = budget.lease().expect("room");
            lease.grow(whole).expect("room");
            assert!(matches!(lease.grow(1), Err(ListingError::TooLarge)));
            leases.push(lease);
        }
        assert!(matches!(budget.lease(), Err(ListingError::Busy)));
        assert_eq!(budget.held_len(), LISTINGS_LEN_MAX);
        leases.pop();
        assert!(budget.lease().is_ok());
    }

    #[test]
    fn directories_are_open_a_few_at_a_time() {
        let budget = ListingBudget::new();
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
