//! What all connections of a server share: settings, files, log, the date, spare room.
//!
//! It is handed down by mutable reference, one connection at a time; nothing here is locked, but for the
//! moment in which an upload takes its name. It decides nothing.

use std::hash::RandomState;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::exchange::Batch;
use super::memo::Memo;
use super::reply::{FileHead, RenderedPage, Tails};
use super::rules::Rules;
use super::{CacheMode, Config};
use crate::access_log::AccessLog;
use crate::files::{FileCache, ListingBudget, Store};

/// Spare batches kept for reuse: as many connections as are usually in the middle of an answer.
const SPARE_BATCHES_MAX: usize = 64;

/// What a connection serves from.
pub struct Site {
    pub(super) config: Config,
    pub(super) rules: Rules,
    pub(super) store: Store,
    /// Each file with the head of its answers, rendered once.
    pub(super) cache: FileCache<FileHead>,
    /// What became of the requests that came lately.
    pub(super) memo: Memo,
    pub(super) log: AccessLog,
    /// What the heads of this second end with.
    pub(super) tails: Tails,
    /// The error that was answered last, rendered.
    pub(super) page: RenderedPage,
    /// Makes what stands between the parts of a body: nobody outside can guess it.
    pub(super) boundaries: RandomState,
    /// The server is shutting down.
    pub(super) draining: bool,
    spare_batches: Vec<Batch>,
    /// Held while an upload takes its name, so that its conditions hold at that moment whichever worker
    /// stores another.
    pub(super) naming: Arc<Mutex<()>>,
    /// Held by each archive that is being made, so that they can be counted.
    pub(super) archives: Rc<()>,
    /// The memory that all listings share.
    pub(super) listings: ListingBudget,
    /// Where bytes are made whose number must be known before they are queued.
    pub(super) scratch: Vec<u8>,
}

impl Site {
    /// A site that serves `store` and logs to `log`.
    pub fn new(config: Config, store: Store, log: AccessLog) -> Self {
        let cache = FileCache::new(config.cache_limits()).with_types(config.media_types.clone());
        Self {
            rules: Rules::new(&config),
            cache: if config.cache == CacheMode::Fresh { cache } else { cache.unwatched() },
            config,
            store,
            memo: Memo::default(),
            log,
            tails: Tails::default(),
            page: RenderedPage::default(),
            boundaries: RandomState::new(),
            draining: false,
            spare_batches: Vec::new(),
            naming: Arc::default(),
            archives: Rc::new(()),
            listings: ListingBudget::new(),
            scratch: Vec::new(),
        }
    }

    /// One whose uploads take their names in turn with those of other sites.
    pub(super) fn naming_by(mut self, naming: Arc<Mutex<()>>) -> Self {
        self.naming = naming;
        self
    }

    /// From now on no new requests are wanted: answers say `Connection: close`.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Gives room to a batch that has none: it is empty.
    pub(super) fn lease_for(&mut self, batch: &mut Batch) {
        if batch.is_empty() {
            *batch = self.spare_batches.pop().unwrap_or_default();
        }
    }

    pub(super) fn return_batch(&mut self, batch: Batch) {
        if self.spare_batches.len() < SPARE_BATCHES_MAX {
            self.spare_batches.push(batch);
        }
    }
}
