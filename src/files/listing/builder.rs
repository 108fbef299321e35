//! Listing builder: reads slices, then extracts the page.
//!
//! Memory is leased. A page is small; other entries are freed once it is complete.

use super::budget::Lease;
use super::read_dir::{DirReader, embedded_pages};
use super::runs::{Merge, Run};
use super::{Listing, ListingBudget, ListingError, ListingOptions, ListingTotals, Page};
use crate::files::path::RelativePath;
use crate::files::source::ContentSource;

/// Entries per slice. Each costs a few name comparisons per doubling of the runs: 2 µs at 100,000 entries.
const MERGED_PER_SLICE_MAX: usize = 256;

/// Listing in progress.
#[derive(Debug)]
pub struct ListingBuilder {
    stage: BuildStage,
    options: ListingOptions,
    pub(super) totals: ListingTotals,
    merge: Merge,
    is_long: bool,
    lease: Lease,
}

#[derive(Debug)]
enum BuildStage {
    Waiting(Vec<u8>),
    Reading(DirReader),
    Merging { page: Page, skipped: usize, picked: Run },
    Ready(Page),
}

impl ListingBuilder {
    /// Begins without disk access; `Busy` without memory budget.
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

    /// Does one slice, about 1 ms; true if work remains. `store` is equal in all calls.
    pub fn build_slice(&mut self, store: &ContentSource) -> Result<bool, ListingError> {
        if let BuildStage::Waiting(path) = &self.stage {
            let path = path.clone();
            self.open(store, &path)?;
        }
        match &mut self.stage {
            BuildStage::Reading(directory) => {
                let (run, is_last) = directory.read_slice(store, &mut self.options)?;
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

    /// If too many are open, reads one slice, once. Most directories are complete then and need not wait for
    /// long directories.
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
        let (run, is_last) = directory.read_slice(store, &mut self.options)?;
        self.is_long = !is_last;
        if is_last {
            self.add_embedded_pages(store, path)?;
            self.add_run(run)?;
            self.finish_reading();
        }
        Ok(())
    }

    fn add_embedded_pages(&mut self, store: &ContentSource, path: &[u8]) -> Result<(), ListingError> {
        let pages = embedded_pages(store, path, &mut self.options.filter);
        self.add_run(pages)
    }

    /// Listing, once no work remains.
    pub fn finish(self) -> Listing {
        let page = match self.stage {
            BuildStage::Ready(page) | BuildStage::Merging { page, .. } => page,
            BuildStage::Waiting(_) | BuildStage::Reading(_) => Page::of(None, self.totals.entries()),
        };
        Listing { totals: self.totals, page, merge: self.merge, _lease: self.lease }
    }

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
