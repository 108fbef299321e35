//! The files that were served lately, and what their user made of each: never stale.
//!
//! What is asked for twice in a second is watched (`watcher`): then a hit costs no system call at all, but for
//! one look a second, and no allocation. What is not watched, because inotify does not tell all about it or
//! it is asked for less often, costs that look (`openat2`, `statx`, `close`) for each hit, and what was found not to
//! be there is looked for anew; where an encoded variant of a file is wanted, `precompressed` says what that
//! costs. One function, [`Validation::is_fresh`], decides whether what was loaded is still so.
//!
//! What changed so lately that a further change might not show in its times is kept only while it is
//! watched: nobody but inotify would tell. Of what is written through a memory map, the kernel tells when
//! the map is closed; before that, and where nothing is watched, it shows at most in the file's times.
//!
//! How many files are kept, and which go when there are too many, is the shelf's work.

use std::borrow::Cow;
use std::mem;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::clock_cache::{CacheLimits, ClockCache, Cost};
use super::entry::{CachedFile, Lookup, VariantRequest};
use super::gzip_jobs::GzipJobs;
use super::variants::Variants;
use crate::files::coding::EncodingPreferences;
use crate::files::file_version::times_are_stable;
use crate::files::media_type::{MediaTypes, is_compressible};
use crate::files::path::RelativePath;
use crate::files::root::{FileStat, LookupError};
use crate::files::source::{Content, ContentSource, FoundContent, Resource, file_name};
use crate::files::watch::{Dependencies, Freshness, InotifyWatcher, watch_paths};

/// What an entry takes beside its content and its names, about: what is known of the file, the head of its
/// answers, its place on the shelf.
const ENTRY_LEN: usize = 1024;

/// What the files were like at some moment, in one second: as long as it is the same, what was certain then
/// is certain still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheGeneration {
    /// How much has changed on disk, and gone from the cache.
    changes: u64,
    unix_secs: u64,
}

/// Look-ups in the cache since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheLookups {
    /// Look-ups that found a fresh entry.
    pub hits: u64,
    /// Look-ups that asked the disk.
    pub misses: u64,
}

/// Keeps files by their path, for one [`ContentSource`] and one name of index files.
#[derive(Debug)]
pub struct FileCache<V> {
    entries: ClockCache<CacheEntry<V>>,
    types: MediaTypes,
    gzip_jobs: GzipJobs,
    /// Counts the look-ups.
    pub lookups: CacheLookups,
    watcher: InotifyWatcher,
    /// Whether all that was found in this edition is certain, if anything was looked for.
    all_validated: Option<bool>,
}

#[derive(Debug)]
struct CacheEntry<V> {
    /// None if there is no such file.
    cached_file: Option<Rc<CachedFile<V>>>,
    validation: Validation,
    /// What tells of changes on disk.
    dependencies: Dependencies,
    /// What is known of its variants, once somebody has wanted one. It goes when the file changes.
    variants: Option<Box<Variants<V>>>,
    /// What the shelf has been told that it costs.
    cost: Cost,
}

/// What must still be so for an entry to be as good as a new one.
#[derive(Debug)]
enum Validation {
    /// A page of the binary, which does not change.
    Embedded,
    Disk {
        /// The name of the file, once directories and their indexes are resolved.
        name: Box<[u8]>,
        /// The facts of the file, if they tell it from all that may come after it.
        stat: Option<FileStat>,
    },
}

impl<V> FileCache<V> {
    /// An empty cache. Limits of 0 make it keep nothing.
    pub fn new(limits: CacheLimits) -> Self {
        let (types, gzip_jobs) = (MediaTypes::default(), GzipJobs::default());
        let (entries, watch) = (ClockCache::new(limits), InotifyWatcher::new(limits.entries_max > 0));
        let lookups = CacheLookups::default();
        FileCache { entries, types, gzip_jobs, lookups, watcher: watch, all_validated: None }
    }

    /// The same, with media types that go before those that are known here.
    pub fn with_types(self, types: MediaTypes) -> Self {
        FileCache { types, ..self }
    }

    /// The same, without being told of changes: it looks at the file each time.
    pub fn unwatched(self) -> Self {
        FileCache { watcher: InotifyWatcher::new(false), ..self }
    }

    /// A request has come, or something was stored: what is found from now on must not be older.
    pub fn mark_events_pending(&mut self) {
        self.watcher.events_pending = true;
    }

    /// The edition that there is now, or was at the last [`FileCache::mark_events_pending`], in this second.
    pub fn generation(&mut self, unix_secs: u64) -> CacheGeneration {
        self.watcher.drain_events();
        self.all_validated = None;
        CacheGeneration { changes: self.watcher.changes + self.entries.evictions_total, unix_secs }
    }

    /// Whether something was looked for since the edition was asked for, and would be found again, as often
    /// as there is no other edition.
    pub fn is_validated(&self) -> bool {
        self.all_validated == Some(true)
    }

    /// Finds what `path` stands for, as [`ContentSource::lookup`] would at this moment, or would have at the last
    /// [`FileCache::mark_events_pending`], and of its variants the one that suits `accepted` best.
    ///
    /// `store` and `index` are the same at every call. `now` is the time of day at or before this
    /// call; `make` derives the value from a file, or a variant of one, that was not at hand.
    ///
    /// # Errors
    /// As [`ContentSource::lookup`]; none is kept but that there is no such file.
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
                let name = || file_name(path, index);
                let found = entry.choose(name, request, &mut self.gzip_jobs, &mut self.watcher, &make);
                let is_validated = entry.is_validated(&request, &self.watcher);
                self.all_validated = Some(is_validated && self.all_validated != Some(false));
                // What has no variants costs what it did.
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

    /// Finds what is not at hand, and keeps it; `dependencies` were there before.
    fn load(
        &mut self,
        request: VariantRequest<'_>,
        (path, index): (&RelativePath<'_>, &str),
        dependencies: Dependencies,
        make: impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        self.all_validated = Some(false);
        self.lookups.misses += 1;
        let name = || file_name(path, index);
        let mut resource = match request.store.lookup(path, index) {
            Ok(FoundContent::File(resource)) => resource.with_validators_at(request.now),
            Ok(FoundContent::Directory) => return Ok(Lookup::Directory),
            Err(LookupError::NotFound) => {
                if self.watcher.is_on {
                    let validation = Validation::Disk { name: name().into(), stat: None };
                    self.insert(request.key, CacheEntry::new(None, validation, dependencies));
                }
                return Err(LookupError::NotFound);
            }
            Err(error) => return Err(error),
        };
        if let Some(media_type) = self.types.get(&name()) {
            resource.is_negotiable = is_compressible(media_type);
            resource.media_type = media_type.to_owned().into();
        }
        let stable_stat = resource.stat.filter(|stat| times_are_stable(stat, request.now));
        let (validation, may_cache) = match resource.content {
            Content::Static(_) | Content::GzipPage(_) => (Validation::Embedded, true),
            // What changes while it is read is not for keeping.
            Content::Memory(_) | Content::File(_) => {
                let may_cache = stable_stat.is_some() || (resource.stat.is_some() && self.watcher.is_on);
                (Validation::Disk { name: name().into(), stat: stable_stat }, may_cache)
            }
        };
        let mut entry = CacheEntry::new(Some(CachedFile::new(resource, &make)), validation, dependencies);
        let found = entry.choose(name, request, &mut self.gzip_jobs, &mut self.watcher, &make);
        if may_cache {
            self.insert(request.key, entry);
        }
        found
    }

    fn insert(&mut self, key: &[u8], mut entry: CacheEntry<V>) {
        entry.cost = entry.current_cost();
        let cost = entry.cost;
        self.entries.insert(key, entry, cost);
    }
}

impl<V> CacheEntry<V> {
    fn new(
        cached_file: Option<Rc<CachedFile<V>>>,
        validation: Validation,
        dependencies: Dependencies,
    ) -> CacheEntry<V> {
        CacheEntry { cached_file, validation, dependencies, variants: None, cost: Cost::default() }
    }

    /// The file, or the variant of it that suits. `name` is that of the file beneath the root.
    fn choose<'n>(
        &mut self,
        name: impl FnOnce() -> Cow<'n, [u8]>,
        request: VariantRequest<'_>,
        gzip_jobs: &mut GzipJobs,
        watch: &mut InotifyWatcher,
        make: &impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        let entry = self.cached_file.as_ref().ok_or(LookupError::NotFound)?;
        if request.accepted.is_plain() || !entry.resource.is_negotiable {
            return Ok(Lookup::File(Rc::clone(entry)));
        }
        let is_settled = !matches!(self.validation, Validation::Disk { stat: None, .. });
        let request = VariantRequest { mtime_is_stable: is_settled, ..request };
        let variants = self.variants.get_or_insert_with(|| Box::new(Variants::new(&name())));
        Ok(variants.choose(entry, &request, gzip_jobs, watch, make))
    }

    /// Whether what was just found in this would be found again without a look at the disk, for the rest of
    /// this second, unless news come.
    fn is_validated(&mut self, request: &VariantRequest<'_>, watch: &InotifyWatcher) -> bool {
        if matches!(self.validation, Validation::Embedded) {
            return true;
        }
        let variants = self.variants.as_mut().filter(|_| !request.accepted.is_plain());
        self.dependencies.freshness(watch, request.unix_secs) == Freshness::Fresh
            && variants.is_none_or(|variants| {
                let dependencies = &mut variants.precompressed.dependencies;
                dependencies.freshness(watch, request.unix_secs) == Freshness::Fresh
            })
    }

    fn current_cost(&self) -> Cost {
        let name_len = if let Validation::Disk { name, .. } = &self.validation { name.len() } else { 0 };
        let mut cost = Cost { bytes: ENTRY_LEN + name_len + self.dependencies.bytes(), descriptors: 0 };
        cost += self.cached_file.as_ref().map_or(Cost::default(), |entry| entry.cost());
        cost += self.variants.as_ref().map_or(Cost::default(), |variants| variants.cost());
        cost
    }

    /// Whether what was loaded from here is what a new look would find. If not, what is loaded now can
    /// be kept with the ties that are here then.
    fn is_fresh(&mut self, request: &VariantRequest<'_>, watch: &mut InotifyWatcher) -> bool {
        let Validation::Disk { name, stat } = &self.validation else {
            return !matches!(request.store, ContentSource::Disk(_));
        };
        let Some(root) = request.store.root() else { return false };
        let dependencies = &mut self.dependencies;
        let is_same = || stat.is_some_and(|stat| root.stat(name).is_ok_and(|present| present == stat));
        let freshness = dependencies.freshness(watch, request.unix_secs);
        match freshness {
            Freshness::Fresh => return true,
            Freshness::Revalidate if is_same() => {
                dependencies.checked_secs = request.unix_secs;
                return true;
            }
            Freshness::Revalidate | Freshness::Stale | Freshness::Unwatched => {}
        }
        // A look a second is needed even of what is watched, so who asks no more often gains nothing by it.
        let should_watch =
            freshness != Freshness::Unwatched || dependencies.are_used_again(request.unix_secs);
        if should_watch && dependencies.may_be_recorded(watch, request.unix_secs) {
            *dependencies = watch_paths(watch, root, &[name], request.unix_secs);
        }
        freshness == Freshness::Unwatched && is_same()
    }
}

#[cfg(test)]
mod tests;
