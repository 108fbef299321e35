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
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::clock_cache::{CacheLimits, Cost, Shelf};
use super::gzip_jobs::Workshop;
use super::variants::{Ask, Choice, Variants};
use crate::files::coding::Wanted;
use crate::files::media_type::MediaTypes;
use crate::files::path::RelativePath;
use crate::files::root::{Facts, LookupError};
use crate::files::source::{Content, Found, Resource, Store, content_cost, file_name};
use crate::files::watch::{Standing, Ties, Watch};

/// How long ago a file must have changed for its times to tell it from its next version. A file
/// that changes twice within one tick of its file system's clock keeps its times, and may keep
/// its length; the coarsest tick in use is that of FAT, 2 s.
pub const RACY_WINDOW: Duration = Duration::from_secs(2);

/// What an entry takes beside its content and its names, about: what is known of the file, the head of its
/// answers, its place on the shelf.
const ENTRY_LEN: usize = 1024;

/// A file, and what its user made of it.
#[derive(Debug)]
pub struct Entry<V> {
    /// The file.
    pub resource: Resource,
    /// What was made of it when it was loaded.
    pub value: V,
}

/// What a path stands for.
#[derive(Debug)]
pub enum Lookup<V> {
    /// A file, or the index file of a directory. It stays whole in the hands of who sends it,
    /// whether or not the cache still keeps it.
    File(Rc<Entry<V>>),
    /// A directory that was named without its trailing slash.
    Directory,
    /// A file of which a variant is being made: the same look in the next turn tells more. Nothing
    /// has to be remembered meanwhile, and nothing is held for who does not come back.
    Later,
}

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
    certainty: Certainty,
}

/// Whether all that was found in this edition is certain, if anything was looked for.
#[derive(Debug, Default)]
struct Certainty(Option<bool>);

impl Certainty {
    fn note(&mut self, is_certain: bool) {
        self.0 = Some(is_certain && self.0 != Some(false));
    }
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
        FileCache { shelf, types, workshop, watch, certainty: Certainty::default() }
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
        self.certainty = Certainty::default();
        Edition { changes: self.watch.changes() + self.shelf.gone_total(), unix_secs }
    }

    /// Whether something was looked for since the edition was asked for, and would be found again, as often
    /// as there is no other edition.
    pub fn is_certain(&self) -> bool {
        self.certainty.0 == Some(true)
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
        let ask = Ask::new(store, key, wanted, now);
        self.watch.catch_up();
        let mut ties = Ties::none(ask.secs);
        if let Some(kept) = self.shelf.get(key) {
            if kept.origin.holds(&ask, &mut self.watch) {
                let Kept { entry, origin, variants, .. } = kept;
                let found = entry.as_ref().ok_or(LookupError::NotFound).map(|entry| {
                    let name = || file_name(path, index);
                    let ask = Ask { is_settled: origin.is_settled(), is_watched: origin.is_watched(), ..ask };
                    choose(entry, variants, name, &ask, &mut (&mut self.workshop, &mut self.watch), &make)
                });
                self.certainty.note(kept.is_certain(&ask, &self.watch));
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
        self.load(&ask, (path, index), ties, make)
    }

    /// Finds what is not at hand, and keeps it; `ties` were there before.
    fn load(
        &mut self,
        ask: &Ask<'_>,
        (path, index): (&RelativePath<'_>, &str),
        ties: Ties,
        make: impl Fn(&Resource) -> V,
    ) -> Result<Lookup<V>, LookupError> {
        self.certainty.note(false);
        let name = || file_name(path, index);
        let mut resource = match ask.store.lookup(path, index) {
            Ok(Found::File(resource)) => resource.known_at(ask.now),
            Ok(Found::Directory) => return Ok(Lookup::Directory),
            Err(LookupError::NotFound) => {
                if self.watch.is_on() {
                    self.keep(ask.key, None, Origin::on_disk(name(), None, ties), None);
                }
                return Err(LookupError::NotFound);
            }
            Err(error) => return Err(error),
        };
        if let Some(media_type) = self.types.given(&name()) {
            resource = resource.of_type(media_type);
        }
        let origin = self.origin(name(), &resource, ties, ask.now);
        let is_settled = origin.as_ref().is_some_and(Origin::is_settled);
        let ask = Ask { is_settled, ..*ask };
        let entry = Rc::new(Entry { value: make(&resource), resource });
        let mut variants = None;
        let mut hands = (&mut self.workshop, &mut self.watch);
        let found = choose(&entry, &mut variants, name, &ask, &mut hands, &make);
        if let Some(origin) = origin {
            self.keep(ask.key, Some(entry), origin, variants);
        }
        Ok(found)
    }

    /// Where `resource` came from, if it may be kept.
    fn origin(
        &self,
        name: Cow<'_, [u8]>,
        resource: &Resource,
        ties: Ties,
        now: SystemTime,
    ) -> Option<Origin> {
        if let Content::Static(_) | Content::Packed(_) = resource.content {
            return Some(Origin::Embedded);
        }
        // What changes while it is read is not for keeping.
        let facts = resource.facts.as_ref()?;
        let settled = has_settled(facts, now).then_some(*facts);
        if settled.is_none() && !self.watch.is_on() {
            return None;
        }
        Some(Origin::on_disk(name, settled, ties))
    }

    fn keep(
        &mut self,
        key: &[u8],
        entry: Option<Rc<Entry<V>>>,
        origin: Origin,
        variants: Option<Box<Variants<V>>>,
    ) {
        let mut kept = Kept { entry, origin, variants, cost: Cost::default() };
        kept.cost = kept.present_cost();
        let cost = kept.cost;
        self.shelf.put(key, kept, cost);
    }
}

impl<V> Kept<V> {
    /// Whether what was just found in this would be found again without a look at the disk, for the rest of
    /// this second, unless news come.
    fn is_certain(&mut self, ask: &Ask<'_>, watch: &Watch) -> bool {
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
        cost += self.entry.as_ref().map_or(Cost::default(), |entry| content_cost(&entry.resource.content));
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
    fn holds(&mut self, ask: &Ask<'_>, watch: &mut Watch) -> bool {
        let (name, facts, ties, root) = match (self, ask.store) {
            (Origin::Disk { name, facts, ties }, Store::Disk(root) | Store::DiskWithSource(root)) => {
                (name, facts, ties, root)
            }
            (Origin::Embedded, store) => return !matches!(store, Store::Disk(_)),
            (Origin::Disk { .. }, Store::Embedded) => return false,
        };
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
            *ties = watch.tie(root, &[name], ask.secs);
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

/// The file, or the variant of it that suits. `name` is that of the file beneath the root.
fn choose<'n, V>(
    entry: &Rc<Entry<V>>,
    variants: &mut Option<Box<Variants<V>>>,
    name: impl FnOnce() -> Cow<'n, [u8]>,
    ask: &Ask<'_>,
    hands: &mut (&mut Workshop, &mut Watch),
    make: &impl Fn(&Resource) -> V,
) -> Lookup<V> {
    if ask.wanted.is_plain() || !entry.resource.varies {
        return Lookup::File(Rc::clone(entry));
    }
    let variants = variants.get_or_insert_with(|| Box::new(Variants::new(&name())));
    match variants.choose(&entry.resource, ask, hands, make) {
        Choice::Plain => Lookup::File(Rc::clone(entry)),
        Choice::Variant(variant) => Lookup::File(variant),
        Choice::Later => Lookup::Later,
    }
}

/// Whether the file's next change is sure to give it other times than it has `now`.
pub(crate) fn has_settled(facts: &Facts, now: SystemTime) -> bool {
    let Some(limit) = now.duration_since(UNIX_EPOCH).ok().and_then(|t| t.checked_sub(RACY_WINDOW)) else {
        return false;
    };
    let limit = (limit.as_secs().cast_signed(), limit.subsec_nanos());
    (facts.modified_secs, facts.modified_nanos) <= limit && (facts.changed_secs, facts.changed_nanos) <= limit
}

#[cfg(test)]
mod tests;
