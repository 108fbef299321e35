//! What is in a directory, in the order that was asked for.
//!
//! A directory may hold a hundred thousand names, and one loop serves everybody: so a [`ListingBuilder`]
//! reads in slices of a few hundred entries, each sorted as a run of its own, and the [`Listing`]
//! that comes of it merges the runs only as far as entries are taken. No call here takes longer
//! than about a millisecond, and memory is leased from a [`ListingBudget`] for all listings together.
//!
//! Listed is what is served: files, directories, and links to them that stay beneath the root;
//! neither hidden names nor FIFOs, sockets and devices. Nothing here is kept for the next time.

mod budget;
mod builder;
mod natural_order;
mod read_dir;
mod runs;

use std::cmp::Ordering;

use super::root::LookupError;
use budget::Lease;
use runs::Merge;

pub use budget::{DIRECTORIES_OPEN_MAX, LISTING_LEN_MAX, LISTINGS_LEN_MAX, ListingBudget};
pub use builder::ListingBuilder;
pub use natural_order::NameFilter;

/// One thing in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name: any bytes but NUL and `/`, not beginning with a dot.
    pub name: &'a [u8],
    /// Whether it is a directory; it is a regular file otherwise.
    pub is_directory: bool,
    /// The length of the file in bytes; of a directory, nothing that means anything.
    pub len: u64,
    /// When the content last changed, in seconds since 1970. Embedded pages do not know.
    pub modified_secs: Option<i64>,
}

/// What a listing is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// As people read names: whatever the case of letters, and `file2` before `file10`.
    #[default]
    Name,
    /// The length; directories have none and are sorted by name.
    Size,
    /// The time of modification.
    Time,
}

/// The order of a listing. Directories come before files in every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortOrder {
    /// What decides. Names break ties, from A to Z whatever the direction.
    pub key: SortKey,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Which entries, in which order.
#[derive(Debug, Default)]
pub struct ListingOptions {
    /// The order.
    pub order: SortOrder,
    /// Only names that this one lets through.
    pub filter: Option<NameFilter>,
    /// Only the entries of one page; all of them if there is none.
    pub page: Option<PageRequest>,
}

/// One page of a listing that is cut into such of `len` entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The number of the page, from 1 on.
    pub number: usize,
    /// Whether the last page stands in for one beyond it. For a person it should; a program that counts
    /// pages up has to come to an empty one.
    pub clamp_to_last_page: bool,
    /// How many entries a page has, 1 at least.
    pub len: usize,
}

/// Where the entries of a listing stand among all that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of the page, from 1 on.
    pub number: usize,
    /// How many pages there are, 1 at least.
    pub count: usize,
    /// How many entries stand before the first of this page.
    pub skipped: usize,
    /// How many entries this page has.
    pub len: usize,
}

/// How much was found, on all pages together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListingTotals {
    /// Directories.
    pub directories: usize,
    /// Regular files.
    pub files: usize,
    /// The lengths of these files together.
    pub files_len: u64,
}

/// Why there is no listing.
#[derive(Debug)]
pub enum ListingError {
    /// The directory cannot be read.
    Lookup(LookupError),
    /// Too much is being listed at the moment: later will do.
    Busy,
    /// It has more entries than fit in [`LISTING_LEN_MAX`]. A filter may help.
    TooLarge,
}

impl From<LookupError> for ListingError {
    fn from(error: LookupError) -> Self {
        ListingError::Lookup(error)
    }
}

impl SortOrder {
    fn compare(self, left: &Entry<'_>, right: &Entry<'_>) -> Ordering {
        let by_key = match self.key {
            SortKey::Name => natural_order::compare(left.name, right.name),
            SortKey::Size if left.is_directory => Ordering::Equal,
            SortKey::Size => left.len.cmp(&right.len),
            SortKey::Time => left.modified_secs.cmp(&right.modified_secs),
        };
        let by_key = if self.descending { by_key.reverse() } else { by_key };
        let directories_first = right.is_directory.cmp(&left.is_directory);
        directories_first.then(by_key).then_with(|| natural_order::compare(left.name, right.name))
    }
}

impl Page {
    /// The page that is meant by `request` where there are so many `entries`.
    fn of(request: Option<PageRequest>, entries: usize) -> Page {
        let Some(PageRequest { number, clamp_to_last_page, len }) = request else {
            return Page { number: 1, count: 1, skipped: 0, len: entries };
        };
        let len = len.max(1);
        let count = entries.div_ceil(len).max(1);
        if number > count && !clamp_to_last_page {
            return Page { number, count, skipped: entries, len: 0 };
        }
        let number = number.clamp(1, count);
        let skipped = (number - 1) * len;
        Page { number, count, skipped, len: (entries - skipped).min(len) }
    }
}

impl ListingTotals {
    /// Directories and files.
    pub fn entries(&self) -> usize {
        self.directories + self.files
    }

    fn add_entry(&mut self, entry: &Entry<'_>) {
        if entry.is_directory {
            self.directories += 1;
        } else {
            self.files += 1;
            self.files_len = self.files_len.saturating_add(entry.len);
        }
    }
}

/// The entries of a directory, taken one after the other in their order.
///
/// It is of the time when it was gathered; what has changed since does not show.
#[derive(Debug)]
pub struct Listing {
    totals: ListingTotals,
    page: Page,
    merge: Merge,
    /// Given back when the listing is dropped.
    _lease: Lease,
}

impl Listing {
    /// How much was found, on all pages together.
    pub fn totals(&self) -> ListingTotals {
        self.totals
    }

    /// Which of it this listing has.
    pub fn page(&self) -> Page {
        self.page
    }

    /// The next entry. Of a large directory each costs a few comparisons of names: a microsecond.
    pub fn next_entry(&mut self) -> Option<Entry<'_>> {
        self.merge.next_entry()
    }
}

#[cfg(test)]
mod tests;
