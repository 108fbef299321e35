//! Context of request handlers: settings, files, state of one worker.
//!
//! Only the naming of an upload takes a lock.

use std::fs;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;

use super::response::FileHead;
use super::rules::{HostName, local_names};
use super::shared::Shared;
use super::{CacheMode, SandboxMode, ServerConfig};
use crate::cli::quote;
use crate::files::{ContentSource, FileCache, LISTINGS_LEN_MAX, ListingBudget};
use crate::http::{BasicCredentials, RequestHead, percent_encode_path};
use crate::reactor::{Helpers, Key, Now};

pub(crate) struct ServerContext {
    pub(super) config: ServerConfig,
    pub(super) store: ContentSource,
    pub(super) cache: FileCache<FileHead>,
    /// For unpredictable multipart boundaries.
    pub(super) boundary_hasher: RandomState,
    pub(super) shared: Arc<Shared>,
    /// Clones count the running archives.
    pub(super) archive_permits: Rc<()>,
    pub(super) listing_budget: ListingBudget,
    /// Long directories delay no upload.
    pub(super) listing_helpers: Option<Helpers>,
    /// `None` in tests without an event loop.
    pub(super) helpers: Option<Helpers>,
    /// For upload resources: such a job may wait for another request to compute a digest.
    pub(super) resource_helpers: Option<Helpers>,
    pub(super) key: Option<Key>,
    /// Of the tick.
    pub(super) now: Now,
    pub(super) host_names: Vec<HostName>,
    /// `Host` of the last request that passed the check.
    pub(super) answered_authority: Vec<u8>,
    /// By listener.
    pub(super) loopback_listeners: Vec<bool>,
}

impl ServerContext {
    pub(super) fn new(config: ServerConfig, store: ContentSource, now: Now) -> Self {
        let cache = FileCache::new(config.cache_limits()).with_types(config.media_types.clone());
        Self {
            cache: if config.cache == CacheMode::Fresh { cache } else { cache.unwatched() },
            answered_authority: Vec::new(),
            host_names: local_names().chain(config.hosts.iter().cloned()).collect(),
            loopback_listeners: Vec::new(),
            listing_budget: ListingBudget::new(LISTINGS_LEN_MAX.min(config.memory_share())),
            config,
            store,
            boundary_hasher: RandomState::new(),
            shared: Arc::default(),
            archive_permits: Rc::new(()),
            listing_helpers: None,
            helpers: None,
            resource_helpers: None,
            key: None,
            now,
        }
    }

    /// `must_look`: events are not enough.
    pub(super) fn follow_root(&mut self, must_look: bool) {
        let Some(root) = &mut self.store.root else { return };
        let is_current = self.cache.is_root_current(root, self.now.unix_secs());
        if is_current && !must_look && self.config.cache == CacheMode::Fresh {
            return;
        }
        let before = root.id();
        let followed = root.follow_path();
        if root.id() == before {
            return;
        }
        self.cache.clear();
        if !self.shared.is_first_to_find(root.id()) {
            return;
        }
        let path = quote(root.path());
        match followed {
            Ok(()) => {
                let target = fs::canonicalize(root.path()).map_or_else(|_| path.clone(), quote);
                log::warn!("the root {path} was replaced or is back: serving {target}");
            }
            Err(error) => {
                let is_off = self.config.sandbox == SandboxMode::Off;
                let remedy =
                    if is_off { "" } else { "; a new one needs --sandbox-read with a directory above it" };
                log::error!(
                    "cannot serve {path}: {error}; responses are 503 until it is a readable directory{remedy}"
                );
            }
        }
    }

    /// Percent-encoded; `None` without a login.
    pub(super) fn user(&self, head: &RequestHead<'_, '_>) -> Option<Vec<u8>> {
        self.shared.authenticator.as_ref()?;
        let credentials = BasicCredentials::from_field(head.fields.first("authorization")?)?;
        let mut user = Vec::new();
        percent_encode_path(&mut user, credentials.parts().0);
        Some(user)
    }

    /// If true, the running connection gets a tick when the queue has space.
    pub(super) fn waits_for_helpers(&self) -> bool {
        let (Some(helpers), Some(key)) = (&self.helpers, self.key) else { return false };
        let is_full = helpers.is_full();
        if is_full {
            helpers.wake_when_not_full(key);
        }
        is_full
    }
}

pub(super) fn run_job(helpers: Option<&Helpers>, key: Option<Key>, job: impl FnOnce() + Send + 'static) {
    match helpers {
        Some(helpers) => helpers.submit(key, job),
        None => job(),
    }
}
