//! The files that were served lately, and what their user made of each: never stale.
//!
//! What is asked for twice in a second is watched (`watch`): then a hit costs no system call at all, but for
//! one look a second, and no allocation. What is not watched, because inotify does not tell all about it or
//! it is asked for less often, costs that look (`openat2`, `statx`, `close`) for each hit, and what was found not to
//! be there is looked for anew; where an encoded variant of a file is wanted, `precompressed` says what that
//! costs. One function, [`Origin::holds`], decides whether what was loaded is still so.
//!
//! What changed so lately that a further change might not show in its times is kept only while it is
//! watched: nobody but inotify would tell. Of what is written through a memory map, the kernel tells when
//! the map is closed; before that, and where nothing is watched, it shows at most in the file's times.
//!
//! How many files are kept, and which go when there are too many, is the shelf's work.

use std::borrow::Cow;
use std::mem;
use std::rc::Rc;
use std::time::SystemTime;

use super::clock_cache::{CacheLimits, Cost, Shelf};
use super::entry::{Entry, Lookup, VariantRequest};
use super::gzip_jobs::Workshop;
use super::variants::Variants;
use crate::files::coding::Wanted;
use crate::files::file_version::has_settled;
use crate::files::media_type::MediaTypes;
use crate::files::path::RelativePath;
use crate::files::root::{Facts, LookupError};
use crate::files::source::{Content, Found, Resource, Store, file_name};
use crate::files::watch::{Standing, Ties, Watch, watch_paths};

/// What an entry takes beside its content and its names, about: what is known of the file, the head of its
/// answers, its place on the shelf.
const ENTRY_LEN: usize = 1024;

/// What the files were like at some moment, in one second: as long as it is the same, what was certain then
/// is certain still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// How much has changed on disk, and gone from the cache.
    changes: u64,
    unix_secs: u64,
}

/// Keeps files by their path, for one [`Store`] and one name of index files.
#[derive(Debug)]
pub struct FileCache<V> {
    shelf: Shelf<Kept<V>>,
    types: MediaTypes,
    workshop: Workshop,
    watch: Watch,
    /// Whether all that was found in this edition is certain, if anything was looked for.
    all_validated: Option<bool>,
}

#[derive(Debug)]
struct Kept<V> {
    /// None if there is no such file.
    entry: Option<Rc<Entry<V>>>,
    origin: Origin,
    /// What is known of its variants, once somebody has wanted one. It goes when the file changes.
    variants: Option<Box<Variants<V>>>,
    /// What the shelf has been told that it costs.
    cost: Cost,
}

/// What must still be so for an entry to be as good as a new one.
#[derive(Debug)]
enum Origin {
    /// A page of the binary, which does not change.
    Embedded,
    Disk {
        /// The name of the file, once directories and their indexes are resolved.
        name: Box<[u8]>,
        /// The facts of the file, if they tell it from all that may come after it.
        facts: Option<Facts>,
        /// What tells of changes.
        ties: Ties,
    },
}

impl<V> FileCache<V> {
    /// An empty cache. Limits of 0 make it keep nothing.
    pub fn new(limits: CacheLimits) -> Self {
        let (types, workshop) = (MediaTypes::default(), Workshop::default());
        let (shelf, watch) = (Shelf::new(limits), Watch::new(limits.entries_max > 0));
        FileCache { shelf, types, workshop, watch, all_validated: None }
    }

    /// The same, with media types that go before those that are known here.
    pub fn with_types(self, types: MediaTypes) -> Self {
        FileCache { types, ..self }
    }

    /// The same, without being told of changes: it looks at the file each time.
    pub fn unwatched(self) -> Self {
        FileCache { watch: Watch::new(false), ..self }
    }

    /// A request has come, or something was stored: what is found from now on must not be older.
    pub fn fall_behind(&mut self) {
        self.watch.fall_behind();
    }

    /// The edition that there is now, or was at the last [`FileCache::fall_behind`], in this second.
    pub fn edition(&mut self, unix_secs: u64) -> Edition {
        self.watch.catch_up();
        self.all_validated = None;
        Edition { changes: self.watch.changes() + self.shelf.gone_total(), unix_secs }
    }

    /// Whether something was looked for since the edition was asked for, and would be found again, as often
    /// as there is no other edition.
    pub fn is_certain(&self) -> bool {
        self.all_validated == Some(true)
    }

    /// Finds what `path` stands for, as [`Store::lookup`] would at this moment, or would have at the last
    /// [`FileCache::fall_behind`], and of its variants the one that suits `wanted` best.
    ///
    /// `store` and `index` are the same at every call. `now` is the time of day at or before this
    /// call; `make` derives the value from a file, or a variant of one, that was not at hand.
    ///
    /// # Errors
    /// As [`Store::lookup`]; none is kept but that there is no such file.
    pub fn find(
        &mut self,
        store: &Store,
        path: &RelativePath<'_>,
        index: &str,
        wanted: &Wanted,
        now: SystemTime,
        make: impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        let key = path.key();
        let ask = VariantRequest::new(store, key, wanted, now);
        self.watch.catch_up();
        let mut ties = Ties::none(ask.secs);
        if let Some(kept) = self.shelf.get(key) {
            if kept.origin.holds(&ask, &mut self.watch) {
                let ask = VariantRequest { is_watched: kept.origin.is_watched(), ..ask };
                let name = || file_name(path, index);
                let found = kept.choose(name, ask, &mut self.workshop, &mut self.watch, &make);
                let is_certain = kept.is_certain(&ask, &self.watch);
                self.all_validated = Some(is_certain && self.all_validated != Some(false));
                // What has no variants costs what it did.
                if kept.variants.is_some() {
                    let cost = kept.present_cost();
                    if mem::replace(&mut kept.cost, cost) != cost {
                        self.shelf.reweigh(key, cost);
                    }
                }
                return found;
            }
            ties = self.shelf.take(key).map(|kept| kept.origin.into_ties()).unwrap_or_default();
        }
        self.load(ask, (path, index), ties, make)
    }

    /// Finds what is not at hand, and keeps it; `ties` were there before.
    fn load(
        &mut self,
        ask: VariantRequest<'_>,
        (path, index): (&RelativePath<'_>, &str),
        ties: Ties,
        make: impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        self.all_validated = Some(false);
        let name = || file_name(path, index);
        let mut resource = match ask.store.lookup(path, index) {
            Ok(Found::File(resource)) => resource.known_at(ask.now),
            Ok(Found::Directory) => return Ok(Lookup::Directory),
            Err(LookupError::NotFound) => {
                if self.watch.is_on() {
                    self.keep(ask.key, Kept::new(None, Origin::on_disk(name(), None, ties)));
                }
                return Err(LookupError::NotFound);
            }
            Err(error) => return Err(error),
        };
        if let Some(media_type) = self.types.given(&name()) {
            resource = resource.of_type(media_type);
        }
        let settled = resource.facts.filter(|facts| has_settled(facts, ask.now));
        let (origin, may_keep) = match resource.content {
            Content::Static(_) | Content::Packed(_) => (Origin::Embedded, true),
            // What changes while it is read is not for keeping.
            Content::Memory(_) | Content::File(_) => {
                let may_keep = settled.is_some() || (resource.facts.is_some() && self.watch.is_on());
                (Origin::on_disk(name(), settled, ties), may_keep)
            }
        };
        let mut kept = Kept::new(Some(Entry::new(resource, &make)), origin);
        let found = kept.choose(name, ask, &mut self.workshop, &mut self.watch, &make);
        if may_keep {
            self.keep(ask.key, kept);
        }
        found
    }

    fn keep(&mut self, key: &[u8], mut kept: Kept<V>) {
        kept.cost = kept.present_cost();
        let cost = kept.cost;
        self.shelf.put(key, kept, cost);
    }
}

impl<V> Kept<V> {
    fn new(entry: Option<Rc<Entry<V>>>, origin: Origin) -> Kept<V> {
        Kept { entry, origin, variants: None, cost: Cost::default() }
    }

    /// The file, or the variant of it that suits. `name` is that of the file beneath the root.
    fn choose<'n>(
        &mut self,
        name: impl FnOnce() -> Cow<'n, [u8]>,
        ask: VariantRequest<'_>,
        workshop: &mut Workshop,
        watch: &mut Watch,
        make: &impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        let entry = self.entry.as_ref().ok_or(LookupError::NotFound)?;
        if ask.wanted.is_plain() || !entry.resource.varies {
            return Ok(Lookup::File(Rc::clone(entry)));
        }
        let ask = VariantRequest { is_settled: self.origin.is_settled(), ..ask };
        let variants = self.variants.get_or_insert_with(|| Box::new(Variants::new(&name())));
        Ok(variants.choose(entry, &ask, workshop, watch, make))
    }

    /// Whether what was just found in this would be found again without a look at the disk, for the rest of
    /// this second, unless news come.
    fn is_certain(&mut self, ask: &VariantRequest<'_>, watch: &Watch) -> bool {
        let Origin::Disk { ties, .. } = &mut self.origin else { return true };
        let variants = self.variants.as_mut().filter(|_| !ask.wanted.is_plain());
        ties.standing(watch, ask.secs) == Standing::Holds
            && variants.is_none_or(|variants| variants.is_certain(watch, ask.secs))
    }

    fn present_cost(&self) -> Cost {
        let origin_len = match &self.origin {
            Origin::Embedded => 0,
            Origin::Disk { name, ties, .. } => name.len() + ties.bytes(),
        };
        let mut cost = Cost { bytes: ENTRY_LEN + origin_len, descriptors: 0 };
        cost += self.entry.as_ref().map_or(Cost::default(), |entry| entry.cost());
        cost += self.variants.as_ref().map_or(Cost::default(), |variants| variants.cost());
        cost
    }
}

impl Origin {
    fn on_disk(name: Cow<'_, [u8]>, facts: Option<Facts>, ties: Ties) -> Origin {
        Origin::Disk { name: name.into(), facts, ties }
    }

    /// Whether what was loaded from here is what a new look would find. If not, what is loaded now can
    /// be kept with the ties that are here then.
    fn holds(&mut self, ask: &VariantRequest<'_>, watch: &mut Watch) -> bool {
        let Origin::Disk { name, facts, ties } = self else { return !matches!(ask.store, Store::Disk(_)) };
        let Some(root) = ask.store.root() else { return false };
        let is_same = || facts.is_some_and(|facts| root.facts(name).is_ok_and(|present| present == facts));
        let standing = ties.standing(watch, ask.secs);
        match standing {
            Standing::Holds => return true,
            Standing::Due if is_same() => {
                ties.looked(ask.secs);
                return true;
            }
            Standing::Due | Standing::Broken | Standing::Unsure => {}
        }
        // A look a second is needed even of what is watched, so who asks no more often gains nothing by it.
        let is_worth_it = standing != Standing::Unsure || ties.are_asked_for_again(ask.secs);
        if is_worth_it && ties.may_be_made(watch, ask.secs) {
            *ties = watch_paths(watch, root, &[name], ask.secs);
        }
        standing == Standing::Unsure && is_same()
    }

    fn is_settled(&self) -> bool {
        !matches!(self, Origin::Disk { facts: None, .. })
    }

    fn is_watched(&self) -> bool {
        matches!(self, Origin::Disk { ties, .. } if !ties.is_empty())
    }

    fn into_ties(self) -> Ties {
        match self {
            Origin::Embedded => Ties::default(),
            Origin::Disk { ties, .. } => ties,
        }
    }
}

#[cfg(test)]
mod tests;
