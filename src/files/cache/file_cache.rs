//! File cache with strict freshness.
//!
//! A path requested twice in a second is watched: a hit then costs one check a second. Otherwise each hit costs one
//! (`openat2`, `statx`, `close`).
//!
//! A file whose times might not show its next change is kept only while watched: inotify reports memory-mapped writes
//! when the map closes.

use std::mem;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use derive_where::derive_where;

use super::clock_cache::{CacheLimits, ClockCache, Cost};
use super::entry::{CachedFile, Lookup, VariantRequest, becomes_quiet, is_unwritten};
use super::gzip_jobs::GzipJobs;
use super::variants::Variants;
use crate::files::coding::EncodingPreferences;
use crate::files::file_version::times_are_stable;
use crate::files::media_type::{MediaTypes, is_compressible};
use crate::files::path::RelativePath;
use crate::files::root::{FileStat, LookupError, Root};
use crate::files::source::{Content, ContentSource, Resource, file_name};
use crate::files::watch::{Dependencies, Freshness, InotifyWatcher, watch_paths, watch_root};

/// Approximate overhead of an entry: attributes, response head, slot.
const ENTRY_LEN: usize = 1024;

/// A full cache admits one small file of so many misses: to evict one costs more than to load it.
///
/// A file that is requested often is soon among them.
const ADMITTED_ONE_IN: u64 = 8;

/// State of all files in one second. Validated results are valid until it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheGeneration {
    /// Changes on disk plus evictions.
    changes: u64,
    unix_secs: u64,
}

/// Lookup counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, derive_more::Add)]
pub struct CacheLookups {
    /// Fresh entries found.
    pub hits: u64,
    /// Disk lookups.
    pub misses: u64,
}

/// Cache of files by path, for one source and index name.
#[derive(Debug)]
#[derive_where(Default)]
pub struct FileCache<V> {
    entries: ClockCache<CacheEntry<V>>,
    types: MediaTypes,
    gzip_jobs: GzipJobs,
    /// Lookup counters.
    pub lookups: CacheLookups,
    watcher: InotifyWatcher,
    root_watch: Dependencies,
    /// `None` before the first lookup of a generation.
    all_validated: Option<bool>,
}

#[derive(Debug)]
#[derive_where(Default)]
struct CacheEntry<V> {
    /// `None` if there is no such file.
    cached_file: Option<Rc<CachedFile<V>>>,
    /// `None` for an embedded page.
    name: Option<Box<[u8]>>,
    /// Set if certain to show the next change.
    stat: Option<FileStat>,
    dependencies: Dependencies,
    variants: Option<Box<Variants<V>>>,
    cost: Cost,
}

impl<V> FileCache<V> {
    /// Empty cache; limits of 0 disable it.
    pub fn new(limits: CacheLimits) -> Self {
        let (entries, watcher) = (ClockCache::new(limits), InotifyWatcher::new(limits.entries_max > 0));
        FileCache { entries, watcher, ..Self::default() }
    }

    /// Sets types that precede the built-in types.
    pub fn with_types(self, types: MediaTypes) -> Self {
        FileCache { types, ..self }
    }

    /// Disables inotify: each hit checks its file.
    pub fn unwatched(self) -> Self {
        FileCache { watcher: InotifyWatcher::new(false), ..self }
    }

    /// Announces a request or stored file: later results must not be older.
    pub fn mark_events_pending(&mut self) {
        self.watcher.events_pending = true;
    }

    /// Generation at the last [`FileCache::mark_events_pending`] or later.
    pub fn generation(&mut self, unix_secs: u64) -> CacheGeneration {
        self.watcher.drain_events();
        self.all_validated = None;
        CacheGeneration { changes: self.watcher.changes + self.entries.evictions_total, unix_secs }
    }

    /// True if the path of `root` still leads to its directory, as far as events tell. If false, the caller must look.
    pub fn is_root_current(&mut self, root: &Root, unix_secs: u64) -> bool {
        self.watcher.drain_events();
        let dependencies = &mut self.root_watch;
        let freshness = dependencies.freshness(&self.watcher, unix_secs);
        if dependencies.checked_secs == unix_secs && root.id().is_some() {
            return true;
        }
        let is_unwatched = matches!(freshness, Freshness::Stale | Freshness::Unwatched);
        if is_unwatched && dependencies.may_be_recorded(&self.watcher, unix_secs) {
            *dependencies = watch_root(&mut self.watcher, root, unix_secs);
        }
        dependencies.checked_secs = unix_secs;
        false
    }

    /// Drops all entries: the root is another directory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.root_watch = Dependencies::default();
    }

    /// True if the lookups since [`FileCache::generation`] are valid until the next generation.
    pub fn is_validated(&self) -> bool {
        self.all_validated == Some(true)
    }

    /// Finds the file and its best variant for `accepted`.
    ///
    /// Never older than the last [`FileCache::mark_events_pending`]. All calls pass equal `store` and
    /// `index`. `now` is not after the call.
    ///
    /// `NotFound` is the only error that is cached.
    pub fn find(
        &mut self,
        store: &ContentSource,
        path: &RelativePath<'_>,
        index: &str,
        accepted: &EncodingPreferences,
        now: SystemTime,
        make: impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        let key = path.key();
        let unix_secs = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (is_settled, is_watched) = (false, false);
        let request =
            VariantRequest { store, key, mtime_is_stable: is_settled, is_watched, accepted, now, unix_secs };
        self.watcher.drain_events();
        let mut dependencies = Dependencies::none(unix_secs);
        if let Some(entry) = self.entries.get(key) {
            if entry.is_fresh(&request, &mut self.watcher) {
                self.lookups.hits += 1;
                let request = VariantRequest { is_watched: !entry.dependencies.is_empty(), ..request };
                let found = entry.choose(request, &mut self.gzip_jobs, &mut self.watcher, &make);
                let is_validated = entry.is_validated(&request, &self.watcher);
                self.all_validated = Some(is_validated && self.all_validated != Some(false));
                if entry.variants.is_some() {
                    let cost = entry.current_cost();
                    if mem::replace(&mut entry.cost, cost) != cost {
                        self.entries.update_cost(key, cost);
                    }
                }
                return found;
            }
            dependencies = self.entries.remove(key).map(|stale| stale.dependencies).unwrap_or_default();
        }
        self.load(request, (path, index), dependencies, make)
    }

    fn load(
        &mut self,
        request: VariantRequest<'_>,
        (path, index): (&RelativePath<'_>, &str),
        dependencies: Dependencies,
        make: impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        self.all_validated = Some(false);
        self.lookups.misses += 1;
        let name = file_name(path, index);
        let mut resource = match request.store.lookup(path, index) {
            Ok(resource) => resource.with_validators_at(request.now),
            Err(LookupError::NotFound) => {
                if self.watcher.is_on {
                    let name = Some(name.into());
                    self.insert(request.key, CacheEntry { name, dependencies, ..CacheEntry::default() });
                }
                return Err(LookupError::NotFound);
            }
            Err(error) => return Err(error),
        };
        if let Some(media_type) = self.types.get(&name) {
            resource.is_negotiable = resource.coding.is_none() && is_compressible(media_type);
            resource.media_type = media_type.to_owned().into();
        }
        let stat = resource.stat.filter(|stat| times_are_stable(stat, request.now));
        let is_embedded = matches!(resource.content, Content::Static(_) | Content::GzipPage(_));
        // A file that changes during the read is not cached.
        let may_cache = is_embedded || stat.is_some() || (resource.stat.is_some() && self.watcher.is_on);
        let name = (!is_embedded).then(|| name.into());
        let cached_file = Some(CachedFile::new(resource, &make));
        let mut entry = CacheEntry { cached_file, name, stat, dependencies, ..CacheEntry::default() };
        let found = entry.choose(request, &mut self.gzip_jobs, &mut self.watcher, &make);
        if may_cache {
            self.insert(request.key, entry);
        }
        found
    }

    fn insert(&mut self, key: &[u8], mut entry: CacheEntry<V>) {
        entry.cost = entry.current_cost();
        let cost = entry.cost;
        // The golden ratio spreads the admitted misses over any cycle of paths.
        let is_admitted =
            self.lookups.misses.wrapping_mul(0x9e37_79b9_7f4a_7c15) < u64::MAX / ADMITTED_ONE_IN;
        // A large file keeps its descriptor. A variant that is being made needs its entry.
        let may_wait = cost.descriptors == 0 && entry.variants.is_none();
        if may_wait && !is_admitted && self.entries.is_full(1, cost) {
            return;
        }
        self.entries.insert(key, entry, cost);
    }
}

impl<V> CacheEntry<V> {
    fn choose(
        &mut self,
        request: VariantRequest<'_>,
        gzip_jobs: &mut GzipJobs,
        watch: &mut InotifyWatcher,
        make: &impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        let entry = self.cached_file.as_ref().ok_or(LookupError::NotFound)?;
        if request.accepted.is_plain() || !entry.resource.is_negotiable {
            return Ok(Lookup::File(Rc::clone(entry)));
        }
        let mtime_is_stable = self.name.is_none() || self.stat.is_some();
        let request = VariantRequest { mtime_is_stable, ..request };
        let variants = self.variants.get_or_insert_default();
        Ok(variants.choose((entry, self.name.as_deref()), &request, gzip_jobs, watch, make))
    }

    /// True if the result needs no disk access this second, or until an event. A large file needs a `statx`.
    fn is_validated(&mut self, request: &VariantRequest<'_>, watch: &InotifyWatcher) -> bool {
        if self.name.is_none() {
            return true;
        }
        let variants = self.variants.as_mut().filter(|_| !request.accepted.is_plain());
        self.cached_file.as_ref().is_none_or(|file| file.cost().descriptors == 0)
            && self.dependencies.freshness(watch, request.unix_secs) == Freshness::Fresh
            && variants.is_none_or(|variants| {
                let dependencies = &mut variants.precompressed.dependencies;
                dependencies.freshness(watch, request.unix_secs) == Freshness::Fresh
            })
    }

    fn current_cost(&self) -> Cost {
        let name_len = self.name.as_ref().map_or(0, |name| name.len());
        let mut cost = Cost { bytes: ENTRY_LEN + name_len + self.dependencies.bytes(), descriptors: 0 };
        cost += self.cached_file.as_ref().map_or(Cost::default(), |entry| entry.cost());
        cost += self.variants.as_ref().map_or(Cost::default(), |variants| variants.cost());
        cost
    }

    /// On `false`, `self.dependencies` are ready for the new entry.
    fn is_fresh(&mut self, request: &VariantRequest<'_>, watch: &mut InotifyWatcher) -> bool {
        let Some(name) = &self.name else { return true };
        let Some(root) = request.store.root.as_ref() else { return false };
        let dependencies = &mut self.dependencies;
        let freshness = dependencies.freshness(watch, request.unix_secs);
        let is_unwatched = freshness == Freshness::Unwatched;
        let is_current = !becomes_quiet(&self.cached_file, request.now);
        match freshness {
            Freshness::Fresh if is_current && is_unwritten(&self.cached_file) => return true,
            Freshness::Revalidate if is_current && root.is_unchanged(name, self.stat) => {
                dependencies.checked_secs = request.unix_secs;
                return true;
            }
            Freshness::Fresh | Freshness::Revalidate | Freshness::Stale | Freshness::Unwatched => {}
        }
        // A watched file needs a check each second too: a watch pays only from two requests a second.
        let should_watch = !is_unwatched || dependencies.are_used_again(request.unix_secs);
        if should_watch && dependencies.may_be_recorded(watch, request.unix_secs) {
            *dependencies = watch_paths(watch, root, &[name], request.unix_secs);
        }
        is_unwatched && is_current && root.is_unchanged(name, self.stat)
    }
}

#[cfg(test)]
mod tests;
