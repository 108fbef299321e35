//! A directory on its way to being a listing: read in slices, then cut down to the page wanted.
//!
//! It owns the order of the work and nothing of how it is done: reading is `read_dir`'s, sorting and
//! merging that of `runs`. What is kept of the directory is leased; a page that is picked out of it
//! is small, and the rest is let go as soon as the page is there.

use super::budget::Lease;
use super::read_dir::{DirReader, embedded_pages};
use super::runs::{Merge, Run};
use super::{Listing, ListingBudget, ListingError, ListingOptions, ListingTotals, Page};
use crate::files::path::RelativePath;
use crate::files::source::ContentSource;

/// How many entries are merged in one slice. Each costs a few comparisons of names for every
/// doubling of the number of runs: some 2 µs, if there are a hundred thousand entries.
const MERGED_PER_SLICE_MAX: usize = 256;

/// A directory on its way to being a [`Listing`].
#[derive(Debug)]
pub struct ListingBuilder {
    stage: BuildStage,
    options: ListingOptions,
    /// How much has been found so far.
    pub(super) totals: ListingTotals,
    merge: Merge,
    /// Whether it has been found to be more than can be read in one go.
    is_long: bool,
    lease: Lease,
}

/// What is still to do.
#[derive(Debug)]
enum BuildStage {
    /// The directory at this path is not open yet.
    Waiting(Vec<u8>),
    Reading(DirReader),
    /// Taking the entries of one page out of what was read.
    Merging {
        page: Page,
        skipped: usize,
        picked: Run,
    },
    Ready(Page),
}

impl ListingBuilder {
    /// Begins with the directory at `path`, and asks nothing of it yet.
    ///
    /// # Errors
    /// `Busy`, if there is no memory for one more listing.
    pub fn begin(
        path: &RelativePath<'_>,
        options: ListingOptions,
        budget: &ListingBudget,
    ) -> Result<ListingBuilder, ListingError> {
        let lease = budget.lease()?;
        let stage = BuildStage::Waiting(path.as_bytes().to_vec());
        let (totals, merge) = (ListingTotals::default(), Merge::default());
        Ok(ListingBuilder { stage, options, totals, merge, is_long: false, lease })
    }

    /// Does one slice of the work, which takes about a millisecond at the most. Says whether there is
    /// more to do; `store` is the same at every call.
    ///
    /// # Errors
    /// See [`ListingError`]; a path that is no directory is `NotFound`.
    pub fn build_slice(&mut self, store: &ContentSource) -> Result<bool, ListingError> {
        if let BuildStage::Waiting(path) = &self.stage {
            let path = path.clone();
            self.open(store, &path)?;
        }
        match &mut self.stage {
            BuildStage::Reading(directory) => {
                let (run, is_last) = directory.read_slice(store, &mut self.options.filter)?;
                self.add_run(run)?;
                if is_last {
                    self.finish_reading();
                }
            }
            BuildStage::Merging { .. } => self.merge_slice(),
            BuildStage::Waiting(_) | BuildStage::Ready(_) => {}
        }
        Ok(!matches!(self.stage, BuildStage::Ready(_)))
    }

    /// Opens the directory. If too many are open, it is read only as far as one slice goes, once: of most
    /// directories that is all, and who asks for one need not wait for those who read long ones. A long
    /// one waits until there is room, in one of the next turns.
    fn open(&mut self, store: &ContentSource, path: &[u8]) -> Result<(), ListingError> {
        let Some(root) = store.root() else {
            self.add_embedded_pages(store, path)?;
            self.finish_reading();
            return Ok(());
        };
        if self.lease.may_open_directory() {
            self.stage = BuildStage::Reading(DirReader::open(root, path)?);
            return self.add_embedded_pages(store, path);
        }
        if self.is_long {
            return Ok(());
        }
        let mut directory = DirReader::open(root, path)?;
        let (run, is_last) = directory.read_slice(store, &mut self.options.filter)?;
        self.is_long = !is_last;
        if is_last {
            self.add_embedded_pages(store, path)?;
            self.add_run(run)?;
            self.finish_reading();
        }
        Ok(())
    }

    /// Keeps the pages of the binary that stand in the directory at `path`.
    fn add_embedded_pages(&mut self, store: &ContentSource, path: &[u8]) -> Result<(), ListingError> {
        let pages = embedded_pages(store, path, &mut self.options.filter);
        self.add_run(pages)
    }

    /// The listing, once there is no more to do.
    pub fn finish(self) -> Listing {
        let page = match self.stage {
            BuildStage::Ready(page) | BuildStage::Merging { page, .. } => page,
            BuildStage::Waiting(_) | BuildStage::Reading(_) => Page::of(None, self.totals.entries()),
        };
        Listing { totals: self.totals, page, merge: self.merge, _lease: self.lease }
    }

    /// Keeps what was read, as one more run.
    fn add_run(&mut self, mut run: Run) -> Result<(), ListingError> {
        if run.len() == 0 {
            return Ok(());
        }
        run.entries().for_each(|entry| self.totals.add_entry(&entry));
        run.sort(self.options.order);
        self.lease.grow(run.cost())?;
        self.merge.push(run);
        Ok(())
    }

    /// All has been read: if it is more than a page, that page is to be picked.
    fn finish_reading(&mut self) {
        self.lease.close_directory();
        let entries = self.totals.entries();
        let page = Page::of(self.options.page, entries);
        self.stage = if page.len == entries {
            BuildStage::Ready(page)
        } else {
            BuildStage::Merging { page, skipped: 0, picked: Run::default() }
        };
    }

    fn merge_slice(&mut self) {
        let BuildStage::Merging { page, skipped, picked: page_run } = &mut self.stage else { return };
        let mut is_done = false;
        for _ in 0..MERGED_PER_SLICE_MAX {
            match self.merge.next_entry() {
                Some(_) if *skipped < page.skipped => *skipped += 1,
                Some(entry) => page_run.push(&entry),
                None => is_done = true,
            }
            is_done |= page_run.len() >= page.len;
            if is_done {
                break;
            }
        }
        if is_done {
            let page = *page;
            let run = std::mem::take(page_run);
            self.lease.shrink(run.cost());
            self.merge = Merge::default();
            self.merge.push(run);
            self.stage = BuildStage::Ready(page);
        }
    }
}
