//! The files that were served lately, and what their user made of each: never stale.
//!
//! A hit costs one `statx`, and no `open`, no `read`, no allocation; where an encoded variant of a
//! file is wanted, one `statx` more or two (`twins` says which). It is used only while everything that
//! the system knows about the file is as it was when it was loaded; one function, `is_fresh`, decides
//! that, and is the place for a cheaper way to know. What changed so lately that a further change might
//! not show is served, but not kept. Bytes that another process writes through a memory map show as late
//! as the kernel notes the time of such writes.
//!
//! How many files are kept, and which go when there are too many, is the shelf's work.

use std::borrow::Cow;
use std::ffi::CString;
use std::mem;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::coding::Wanted;
use super::media_type::MediaTypes;
use super::path::RelativePath;
use super::root::{Facts, LookupError};
use super::shelf::{CacheLimits, Cost, Shelf};
use super::store::{Content, Found, Resource, Store, content_cost, file_name};
use super::variants::{Ask, Choice, Variants};
use super::workshop::Workshop;

/// How long ago a file must have changed for its times to tell it from its next version. A file
/// that changes twice within one tick of its file system's clock keeps its times, and may keep
/// its length; the coarsest tick in use is that of FAT, 2 s.
pub const RACY_WINDOW: Duration = Duration::from_secs(2);

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

/// Keeps files by their path, for one [`Store`] and one name of index files.
#[derive(Debug)]
pub struct FileCache<V> {
    shelf: Shelf<Kept<V>>,
    types: MediaTypes,
    workshop: Workshop,
}

#[derive(Debug)]
struct Kept<V> {
    entry: Rc<Entry<V>>,
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
    /// The file that has this name, once directories and their indexes are resolved, has these
    /// facts.
    Disk { name: CString, facts: Facts },
}

impl<V> FileCache<V> {
    /// An empty cache. Limits of 0 make it keep nothing.
    pub fn new(limits: CacheLimits) -> Self {
        FileCache { shelf: Shelf::new(limits), types: MediaTypes::default(), workshop: Workshop::default() }
    }

    /// The same, with media types that go before those that are known here.
    pub fn with_types(self, types: MediaTypes) -> Self {
        FileCache { types, ..self }
    }

    /// Finds what `path` stands for, as [`Store::lookup`] would this moment, and of its variants the
    /// one that suits `wanted` best.
    ///
    /// `store` and `index` are the same at every call. `now` is the time of day at or before this
    /// call; `make` derives the value from a file, or a variant of one, that was not at hand.
    ///
    /// # Errors
    /// As [`Store::lookup`]; errors are not kept.
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
        let mut ask = Ask { store, key, is_settled: true, wanted, now };
        if let Some(kept) = self.shelf.get(key) {
            if is_fresh(store, &kept.origin) {
                let name = || file_name(path, index);
                let found = choose(&kept.entry, &mut kept.variants, name, &ask, &mut self.workshop, &make);
                // What has no variants costs what it did.
                if kept.variants.is_some() {
                    let cost = kept.present_cost();
                    if mem::replace(&mut kept.cost, cost) != cost {
                        self.shelf.reweigh(key, cost);
                    }
                }
                return Ok(found);
            }
            self.shelf.remove(key);
        }
        let mut resource = match store.lookup(path, index)? {
            Found::File(resource) => resource.known_at(now),
            Found::Directory => return Ok(Lookup::Directory),
        };
        if let Some(media_type) = self.types.given(&file_name(path, index)) {
            resource = resource.of_type(media_type);
        }
        let origin = origin(path, index, &resource, now);
        ask.is_settled = origin.is_some();
        let entry = Rc::new(Entry { value: make(&resource), resource });
        let mut variants = None;
        let name = || file_name(path, index);
        let found = choose(&entry, &mut variants, name, &ask, &mut self.workshop, &make);
        if let Some(origin) = origin {
            let mut kept = Kept { entry, origin, variants, cost: Cost::default() };
            kept.cost = kept.present_cost();
            let cost = kept.cost;
            self.shelf.put(key, kept, cost);
        }
        Ok(found)
    }
}

impl<V> Kept<V> {
    fn present_cost(&self) -> Cost {
        let name_len = match &self.origin {
            Origin::Embedded => 0,
            Origin::Disk { name, .. } => name.as_bytes_with_nul().len(),
        };
        let mut cost = Cost { bytes: name_len, descriptors: 0 };
        cost += content_cost(&self.entry.resource.content);
        cost += self.variants.as_ref().map_or(Cost::default(), |variants| variants.cost());
        cost
    }
}

/// The file, or the variant of it that suits. `name` is that of the file beneath the root.
fn choose<'n, V>(
    entry: &Rc<Entry<V>>,
    variants: &mut Option<Box<Variants<V>>>,
    name: impl FnOnce() -> Cow<'n, [u8]>,
    ask: &Ask<'_>,
    workshop: &mut Workshop,
    make: &impl Fn(&Resource) -> V,
) -> Lookup<V> {
    if ask.wanted.is_plain() || !entry.resource.varies {
        return Lookup::File(Rc::clone(entry));
    }
    let variants = variants.get_or_insert_with(|| Box::new(Variants::new(&name())));
    match variants.choose(&entry.resource, ask, workshop, make) {
        Choice::Plain => Lookup::File(Rc::clone(entry)),
        Choice::Variant(variant) => Lookup::File(variant),
        Choice::Later => Lookup::Later,
    }
}

/// Whether what was loaded from `origin` is what a new look at `store` would find.
fn is_fresh(store: &Store, origin: &Origin) -> bool {
    match (store, origin) {
        (Store::Disk(root) | Store::DiskWithSource(root), Origin::Disk { name, facts }) => {
            root.facts(name).is_ok_and(|present| present == *facts)
        }
        (Store::Embedded | Store::DiskWithSource(_), Origin::Embedded) => true,
        _ => false,
    }
}

/// Where `resource` came from, if it may be kept.
fn origin(path: &RelativePath<'_>, index: &str, resource: &Resource, now: SystemTime) -> Option<Origin> {
    match resource.content {
        Content::Static(_) => Some(Origin::Embedded),
        Content::Memory(_) | Content::File(_) => {
            let facts = resource.facts.filter(|facts| has_settled(facts, now))?;
            let name = CString::new(file_name(path, index)).ok()?;
            Some(Origin::Disk { name, facts })
        }
    }
}

/// Whether the file's next change is sure to give it other times than it has `now`.
pub(super) fn has_settled(facts: &Facts, now: SystemTime) -> bool {
    let Some(limit) = now.duration_since(UNIX_EPOCH).ok().and_then(|t| t.checked_sub(RACY_WINDOW)) else {
        return false;
    };
    let limit = (limit.as_secs().cast_signed(), limit.subsec_nanos());
    (facts.modified_secs, facts.modified_nanos) <= limit && (facts.changed_secs, facts.changed_nanos) <= limit
}

#[cfg(test)]
mod tests {
    use super::super::{Root, SMALL_FILE_LEN_MAX};
    use super::*;
    use std::cell::Cell;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// A site and its cache, whose values are the number of the load that made them.
    struct Bench {
        dir: TempDir,
        store: Store,
        cache: FileCache<u32>,
        loads: Cell<u32>,
        now: SystemTime,
    }

    impl Bench {
        fn new(limits: CacheLimits) -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::Disk(Root::open(dir.path()).expect("opens"));
            // In an hour, all that is written now has settled.
            let now = SystemTime::now() + Duration::from_secs(3600);
            Bench { dir, store, cache: FileCache::new(limits), loads: Cell::new(0), now }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.path(name), content).expect(name);
        }

        fn find(&mut self, raw: &str) -> Result<Lookup<u32>, LookupError> {
            let path = RelativePath::parse(raw.as_bytes()).expect(raw);
            let loads = &self.loads;
            self.cache.find(&self.store, &path, "index.html", &Wanted::PLAIN, self.now, |_| {
                loads.set(loads.get() + 1);
                loads.get()
            })
        }

        fn entry(&mut self, raw: &str) -> Rc<Entry<u32>> {
            match self.find(raw) {
                Ok(Lookup::File(entry)) => entry,
                other => panic!("{raw} gives {other:?}"),
            }
        }

        fn text(&mut self, raw: &str) -> String {
            match &self.entry(raw).resource.content {
                Content::Memory(bytes) => String::from_utf8(bytes.to_vec()).expect("text"),
                other => panic!("{raw} is {other:?}"),
            }
        }

        /// Whether `raw` is found without loading it.
        fn is_kept(&mut self, raw: &str) -> bool {
            let before = self.loads.get();
            self.entry(raw);
            self.loads.get() == before
        }
    }

    #[test]
    fn a_file_that_stays_the_same_is_loaded_once() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        bench.write("a.txt", "hello");
        let first = bench.entry("/a.txt");
        let second = bench.entry("/a.txt");
        assert!(Rc::ptr_eq(&first, &second));
        assert_eq!((second.value, bench.loads.get()), (1, 1));
        // The same file by another spelling of its path.
        assert!(Rc::ptr_eq(&first, &bench.entry("//x/../%61.txt")));
    }

    #[test]
    fn every_change_shows_at_the_next_look() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        bench.write("a.txt", "one");
        assert_eq!(bench.text("/a.txt"), "one");

        bench.write("a.txt", "longer");
        assert_eq!(bench.text("/a.txt"), "longer");

        bench.write("b.txt", "LONGER");
        fs::rename(bench.path("b.txt"), bench.path("a.txt")).expect("replaces");
        assert_eq!(bench.text("/a.txt"), "LONGER");

        let file = fs::File::options().write(true).open(bench.path("a.txt")).expect("opens");
        file.set_len(4).expect("truncates");
        assert_eq!(bench.text("/a.txt"), "LONG");

        fs::remove_file(bench.path("a.txt")).expect("removes");
        assert!(matches!(bench.find("/a.txt"), Err(LookupError::NotFound)));
        assert_eq!(bench.cache.shelf.len(), 0);

        fs::create_dir(bench.path("a.txt")).expect("a directory");
        assert!(matches!(bench.find("/a.txt"), Ok(Lookup::Directory)));
    }

    #[test]
    fn a_change_that_keeps_length_and_modification_time_shows() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        bench.write("a.txt", "one");
        let path = bench.path("a.txt");
        let before = bench.entry("/a.txt").resource.facts.expect("settled");
        let modified = fs::metadata(&path).and_then(|facts| facts.modified()).expect("a time");
        // Until the file system's clock has ticked: a few milliseconds at most.
        loop {
            fs::write(&path, "two").expect("writes");
            let file = fs::File::options().write(true).open(&path).expect("opens");
            file.set_modified(modified).expect("sets the time");
            let after = Facts::of(&file).expect("facts");
            assert_eq!(after.modified_nanos, before.modified_nanos);
            if after != before {
                break;
            }
        }
        assert_eq!(bench.text("/a.txt"), "two");
    }

    #[test]
    fn a_link_that_changes_its_target_shows() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        for name in ["v1", "v2"] {
            fs::create_dir(bench.path(name)).expect(name);
            bench.write(&format!("{name}/index.html"), name);
        }
        symlink("v1", bench.path("now")).expect("a link");
        assert_eq!(bench.text("/now/"), "v1");
        assert!(bench.is_kept("/now/"));
        symlink("v2", bench.path("next")).expect("a link");
        fs::rename(bench.path("next"), bench.path("now")).expect("replaces");
        assert_eq!(bench.text("/now/"), "v2");
    }

    #[test]
    fn an_index_and_its_directory_are_told_apart() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        fs::create_dir(bench.path("docs")).expect("docs");
        bench.write("docs/index.html", "docs");
        bench.write("index.html", "home");
        for _ in 0..2 {
            assert_eq!(bench.text("/docs/"), "docs");
            assert_eq!(bench.text("/"), "home");
            assert!(matches!(bench.find("/docs"), Ok(Lookup::Directory)));
            assert!(matches!(bench.find("/docs/index.html/"), Err(LookupError::NotFound)));
        }
        assert_eq!(bench.loads.get(), 2);
        fs::remove_file(bench.path("docs/index.html")).expect("removes");
        assert!(matches!(bench.find("/docs/"), Err(LookupError::NoIndex)));
    }

    #[test]
    fn what_changed_just_now_is_served_but_not_kept() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        bench.write("a.txt", "young");
        let changed = bench.entry("/a.txt").resource.facts.expect("settled");
        let changed_at = UNIX_EPOCH + Duration::new(changed.changed_secs as u64, changed.changed_nanos);
        let nano = Duration::from_nanos(1);
        for (now, is_kept) in [
            (UNIX_EPOCH, false),
            (changed_at, false),
            (changed_at + RACY_WINDOW - nano, false),
            (changed_at + RACY_WINDOW, true),
        ] {
            bench.cache = FileCache::new(CacheLimits::DEFAULT);
            bench.now = now;
            assert_eq!(bench.text("/a.txt"), "young");
            assert_eq!(bench.is_kept("/a.txt"), is_kept, "{now:?}");
        }
    }

    #[test]
    fn embedded_pages_are_kept_for_good() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        bench.store = Store::Embedded;
        bench.now = UNIX_EPOCH;
        assert!(!bench.is_kept("/"));
        assert!(bench.is_kept("/"));
    }

    #[test]
    fn source_pages_and_the_files_beneath_them_are_kept_side_by_side() {
        let mut bench = Bench::new(CacheLimits::DEFAULT);
        bench.store = Store::DiskWithSource(Root::open(bench.dir.path()).expect("opens"));
        bench.write("a.txt", "one");
        bench.write("server-code.html", "of another build");
        for path in ["/a.txt", "/server-code.html"] {
            assert!(!bench.is_kept(path) && bench.is_kept(path), "{path}");
        }
        let page = bench.entry("/server-code.html");
        assert!(matches!(page.resource.content, Content::Static(_)));
        bench.write("a.txt", "longer");
        assert_eq!(bench.text("/a.txt"), "longer");
    }

    #[test]
    fn the_descriptors_are_bounded_and_small_files_do_not_pay_for_them() {
        let mut bench = Bench::new(CacheLimits { descriptors_max: 2, ..CacheLimits::DEFAULT });
        bench.write("small", "small");
        bench.entry("/small");
        for number in 0..6 {
            let name = format!("large-{number}");
            bench.write(&name, "");
            let file = fs::File::options().write(true).open(bench.path(&name)).expect("opens");
            file.set_len(SMALL_FILE_LEN_MAX + 1).expect("grows");
            let entry = bench.entry(&format!("/{name}"));
            assert!(matches!(entry.resource.content, Content::File(_)));
        }
        assert!(bench.is_kept("/small") && bench.is_kept("/large-5") && !bench.is_kept("/large-0"));
    }

    #[test]
    fn a_cache_of_no_size_still_finds() {
        let none = CacheLimits { entries_max: 0, bytes_max: 0, descriptors_max: 0 };
        let mut bench = Bench::new(none);
        bench.write("a.txt", "found");
        assert_eq!(bench.text("/a.txt"), "found");
        assert!(!bench.is_kept("/a.txt"));
    }
}
