//! Context of request handlers: settings, files, state of one worker.
//!
//! Only the naming of an upload takes a lock.

use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;

use super::response::FileHead;
use super::shared::Shared;
use super::{CacheMode, ServerConfig};
use crate::files::{ContentSource, FileCache, ListingBudget};
use crate::reactor::{Helpers, Key};

pub(super) struct ServerContext {
    pub(super) config: ServerConfig,
    pub(super) store: ContentSource,
    pub(super) cache: FileCache<FileHead>,
    /// Makes multipart boundaries unpredictable.
    pub(super) boundary_hasher: RandomState,
    pub(super) shared: Arc<Shared>,
    /// Cloned by each running archive, to count archives.
    pub(super) archive_permits: Rc<()>,
    pub(super) listing_budget: ListingBudget,
    /// Threads for blocking calls; `None` in tests without an event loop.
    pub(super) helpers: Option<Helpers>,
    /// Key of the running connection.
    pub(super) key: Option<Key>,
}

impl ServerContext {
    pub(super) fn new(config: ServerConfig, store: ContentSource) -> Self {
        let cache = FileCache::new(config.cache_limits()).with_types(config.media_types.clone());
        Self {
            cache: if config.cache == CacheMode::Fresh { cache } else { cache.unwatched() },
            config,
            store,
            boundary_hasher: RandomState::new(),
            shared: Arc::default(),
            archive_permits: Rc::new(()),
            listing_budget: ListingBudget::new(),
            helpers: None,
            key: None,
        }
    }

    /// Whether work that needs a helper thread must wait. If so, the running connection gets a tick
    /// when the queue has space.
    pub(super) fn waits_for_helpers(&self) -> bool {
        let (Some(helpers), Some(key)) = (&self.helpers, self.key) else { return false };
        let is_full = helpers.is_full();
        if is_full {
            helpers.wake_when_not_full(key);
        }
        is_full
    }
}
