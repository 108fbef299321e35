//! Directory listing, sorted and paged.
//!
//! [`ListingBudget`] bounds memory. Lists only what is served.

mod budget;
mod entry_list;
mod natural_order;
mod read_dir;

use std::cmp::Ordering;

use super::root::LookupError;
use super::source::ContentSource;
use budget::Lease;
use entry_list::EntryList;
use read_dir::{DirReader, embedded_pages};

pub use budget::{LISTING_LEN_MAX, LISTINGS_LEN_MAX, ListingBudget};
pub use natural_order::NameFilter;

/// Directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Any bytes but NUL and `/`.
    pub name: &'a [u8],
    /// False for a regular file.
    pub is_directory: bool,
    /// Bytes of a file; meaningless for a directory.
    pub len: u64,
    /// mtime in Unix seconds; embedded pages have none.
    pub modified_secs: Option<i64>,
}

/// Sort key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// Case-insensitive, `file2` before `file10`.
    #[default]
    Name,
    /// Length; directories by name.
    Size,
    /// Modification time.
    Time,
}

/// Sort order, directories first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortOrder {
    /// Sort key; ties by name, always A to Z.
    pub key: SortKey,
    /// True for greatest first.
    pub descending: bool,
}

/// Listing options.
#[derive(Clone, Debug, Default)]
pub struct ListingOptions {
    /// Sort order.
    pub order: SortOrder,
    /// Name filter.
    pub filter: Option<NameFilter>,
    /// Includes names with a leading dot.
    pub hidden: bool,
    /// All entries if `None`.
    pub page: Option<PageRequest>,
}

/// Page request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Page number, from 1.
    pub number: usize,
    /// True for people: the last page replaces any page beyond it. A program that counts up needs an empty
    /// page.
    pub clamp_to_last_page: bool,
    /// Entries per page, at least 1.
    pub len: usize,
}

/// Page of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Page number, from 1.
    pub number: usize,
    /// Number of pages, at least 1.
    pub count: usize,
    /// Entries before this page.
    pub skipped: usize,
    /// Entries on this page.
    pub len: usize,
}

/// Totals of all pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListingTotals {
    /// Directories.
    pub directories: usize,
    /// Regular files.
    pub files: usize,
    /// Bytes of all files.
    pub files_len: u64,
}

/// Listing error.
#[derive(Debug, derive_more::From)]
pub enum ListingError {
    /// Unreadable directory.
    #[from]
    Lookup(LookupError),
    /// Budget exhausted: retry later.
    Busy,
    /// Above [`LISTING_LEN_MAX`]; a filter may help.
    TooLarge,
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

/// Snapshot of directory entries, in order.
#[derive(Debug)]
pub struct Listing {
    /// Totals of all pages.
    pub totals: ListingTotals,
    /// Page of this listing.
    pub page: Page,
    entries: EntryList,
    next: usize,
    _lease: Lease,
}

impl Listing {
    /// Reads the directory `path` in slices of about 1 ms; `None` if `goes_on` ends it before the next slice.
    ///
    /// # Errors
    /// Unreadable directory, or too many entries for the budget.
    pub fn read(
        store: &ContentSource,
        path: &[u8],
        mut options: ListingOptions,
        budget: &ListingBudget,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<Option<Listing>, ListingError> {
        let mut lease = budget.lease()?;
        let mut entries = embedded_pages(store, path, &mut options.filter);
        if let Some(root) = store.root.as_ref() {
            let mut directory = DirReader::open(root, path)?;
            while !directory.read_slice(store, &mut options, &mut entries)? {
                lease.resize(entries.cost())?;
                if !goes_on() {
                    return Ok(None);
                }
            }
        }
        lease.resize(entries.cost())?;
        Ok(Some(Listing::of(entries, options, lease)))
    }

    fn of(mut entries: EntryList, options: ListingOptions, mut lease: Lease) -> Listing {
        entries.sort(options.order);
        let mut totals = ListingTotals::default();
        entries.iter().for_each(|entry| totals.add_entry(&entry));
        let page = Page::of(options.page, totals.entries());
        if page.len < totals.entries() {
            let mut page_entries = EntryList::default();
            entries.iter().skip(page.skipped).take(page.len).for_each(|entry| page_entries.push(&entry));
            entries = page_entries;
            // Less than before.
            let _ = lease.resize(entries.cost());
        }
        Listing { totals, page, entries, next: 0, _lease: lease }
    }

    /// Next entry.
    pub fn next_entry(&mut self) -> Option<Entry<'_>> {
        self.next += 1;
        self.entries.get(self.next - 1)
    }
}

#[cfg(test)]
mod tests;
