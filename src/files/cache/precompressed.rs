//! The twins of a file: `a.css.br`, `a.css.zst` and `a.css.gz`, which its owner has put beside `a.css`.
//!
//! A twin is used only while it is a regular file beneath the root, not empty and not older than its
//! original, to the nanosecond. Owns what is known of the twins of one version of one file, and when
//! that still holds; the original itself is the cache's to keep fresh.
//!
//! What that costs, once known: nothing while all three names are watched, as they are when the original
//! is. Else a look at the twin that is used, at each that is there and cannot be used, and at the
//! directory, however many are not there at all. That a name is not there is remembered with the
//! directory's own facts, which change when a name comes or goes. They are those of the directory that
//! was searched, so that a link in the path that turns elsewhere shows too; a name that is a link is
//! always looked at itself. What cannot be remembered (what changed lately, what cannot be opened) is
//! opened each time.

use std::rc::Rc;

use super::clock_cache::Cost;
use super::entry::{CachedFile, VariantRequest};
use crate::files::coding::Coding;
use crate::files::file_version::times_are_stable;
use crate::files::path::split_last;
use crate::files::root::{FileStat, OpenedPath, Root};
use crate::files::source::{Resource, load};
use crate::files::watch::{Dependencies, Freshness, InotifyWatcher, watch_paths};

/// What is known of the twins of one version of a file.
#[derive(Debug)]
pub(super) struct Precompressed<V> {
    /// The name of the original beneath the root, directories and their indexes resolved.
    name: Box<[u8]>,
    /// The facts of its directory when it was searched for what is [`Sidecar::Absent`].
    directory_stat: Option<FileStat>,
    sidecars: [Sidecar<V>; Coding::COUNT],
    /// What tells of changes of any of the three.
    pub(super) dependencies: Dependencies,
}

#[derive(Debug, Default)]
enum Sidecar<V> {
    #[default]
    Unknown,
    /// There was nothing of this name when the directory was searched.
    Absent,
    Present(FoundSidecar<V>),
}

#[derive(Debug)]
struct FoundSidecar<V> {
    name: Box<[u8]>,
    stat: FileStat,
    /// None if what has these facts cannot be used: it is older than the original, or empty.
    cached_file: Option<Rc<CachedFile<V>>>,
}

impl<V> FoundSidecar<V> {
    /// Whether what has this name is what it was.
    fn is_same(&self, root: &Root) -> bool {
        root.stat(&self.name).is_ok_and(|stat| stat == self.stat)
    }
}

/// The original, and where it was found.
pub(super) struct OriginalFile<'a> {
    pub(super) root: &'a Root,
    pub(super) resource: &'a Resource,
    pub(super) stat: &'a FileStat,
    /// Who asks for it.
    pub(super) request: &'a VariantRequest<'a>,
}

impl<V> Precompressed<V> {
    /// Nothing is known yet of the twins of the file of this name.
    pub(super) fn new(name: &[u8]) -> Self {
        Precompressed {
            name: name.into(),
            directory_stat: None,
            sidecars: Default::default(),
            dependencies: Dependencies::default(),
        }
    }

    /// The first twin, in the order that is wanted, that is good for `original` now.
    pub(super) fn find(
        &mut self,
        original: &OriginalFile<'_>,
        watch: &mut InotifyWatcher,
        make: &impl Fn(&Resource) -> V,
    ) -> Option<Rc<CachedFile<V>>> {
        let is_validated = original.request.is_watched && self.ensure_validated(original, watch);
        let mut is_searched = is_validated;
        for coding in original.request.accepted.accepted() {
            if let Sidecar::Present(found) = self.sidecar_mut(coding)
                && (is_validated || found.is_same(original.root))
            {
                match &found.cached_file {
                    Some(entry) => return Some(Rc::clone(entry)),
                    None => continue,
                }
            }
            if !is_searched {
                self.search(original, is_validated);
                is_searched = true;
            }
            if matches!(self.sidecar_mut(coding), Sidecar::Absent) {
                continue;
            }
            let (entry, sidecar) = self.open(coding, original, make);
            *self.sidecar_mut(coding) = sidecar;
            if entry.is_some() {
                return entry;
            }
        }
        None
    }

    /// Whether all that is known is so without a look. Where it was not, it is watched first if it can
    /// be, and then looked at once more.
    fn ensure_validated(&mut self, original: &OriginalFile<'_>, watch: &mut InotifyWatcher) -> bool {
        let OriginalFile { root, request, .. } = *original;
        match self.dependencies.freshness(watch, request.unix_secs) {
            Freshness::Fresh => return true,
            Freshness::Stale => (self.sidecars, self.directory_stat) = Default::default(),
            Freshness::Revalidate | Freshness::Unwatched => {}
        }
        if !self.dependencies.may_be_recorded(watch, request.unix_secs) {
            return false;
        }
        let names = Coding::ALL.map(|coding| self.name_of(coding));
        self.dependencies = watch_paths(watch, root, &names.each_ref().map(Vec::as_slice), request.unix_secs);
        if self.dependencies.is_empty() {
            return false;
        }
        for sidecar in &mut self.sidecars {
            if matches!(sidecar, Sidecar::Present(found) if !found.is_same(root)) {
                *sidecar = Sidecar::Unknown;
            }
        }
        self.search(original, true);
        true
    }

    fn sidecar_mut(&mut self, coding: Coding) -> &mut Sidecar<V> {
        &mut self.sidecars[coding as usize]
    }

    /// Finds out which names are not there, unless that is known. Directories that have not settled are
    /// not searched unless they are watched: their facts would not show the next change.
    fn search(&mut self, original: &OriginalFile<'_>, is_watched: bool) {
        let OriginalFile { root, request, .. } = *original;
        let (directory, _) = split_last(&self.name);
        if self.directory_stat.is_some_and(|seen| root.stat(directory).is_ok_and(|stat| stat == seen)) {
            return;
        }
        let directory = root.open_directory(b"", directory).ok();
        let stat = directory.as_ref().and_then(|directory| FileStat::of(directory).ok());
        self.directory_stat = stat.filter(|stat| times_are_stable(stat, request.now));
        let directory = directory.filter(|_| is_watched || self.directory_stat.is_some());
        for coding in Coding::ALL {
            let name = self.name_of(coding);
            let lacks_name = |directory| Root::is_absent(directory, split_last(&name).1);
            let is_absent = directory.as_ref().is_some_and(lacks_name);
            match self.sidecar_mut(coding) {
                sidecar if is_absent => *sidecar = Sidecar::Absent,
                sidecar @ Sidecar::Absent => *sidecar = Sidecar::Unknown,
                Sidecar::Unknown | Sidecar::Present(_) => {}
            }
        }
    }

    fn name_of(&self, coding: Coding) -> Vec<u8> {
        [&self.name, coding.suffix().as_bytes()].concat()
    }

    /// Looks at the twin itself: what there is to send of it, and what may be remembered.
    fn open(
        &self,
        coding: Coding,
        original: &OriginalFile<'_>,
        make: &impl Fn(&Resource) -> V,
    ) -> (Option<Rc<CachedFile<V>>>, Sidecar<V>) {
        let name = self.name_of(coding);
        // Whatever keeps a twin from being read, its original can be sent.
        let Ok(OpenedPath::File(file, stat)) = original.root.open_file(&name) else {
            return (None, Sidecar::Unknown);
        };
        let (entry, stat) = if is_usable(&stat, original.stat) {
            let Ok(resource) = load(file, stat, &self.name) else { return (None, Sidecar::Unknown) };
            // It may have changed while it was read; without facts, it still does.
            let Some(stat) = resource.stat else { return (None, Sidecar::Unknown) };
            let resource = Resource {
                media_type: original.resource.media_type.clone(),
                coding: Some(coding),
                is_negotiable: true,
                ..resource.with_validators_at(original.request.now)
            };
            let entry = is_usable(&stat, original.stat).then(|| CachedFile::new(resource, make));
            (entry, stat)
        } else {
            (None, stat)
        };
        if !times_are_stable(&stat, original.request.now) {
            return (entry, Sidecar::Unknown);
        }
        (entry.clone(), Sidecar::Present(FoundSidecar { name: name.into(), stat, cached_file: entry }))
    }

    /// What all that is held takes.
    pub(super) fn cost(&self) -> Cost {
        let mut cost = Cost { bytes: self.name.len() + self.dependencies.bytes(), descriptors: 0 };
        for sidecar in &self.sidecars {
            if let Sidecar::Present(found) = sidecar {
                cost.bytes += found.name.len();
                cost += found.cached_file.as_ref().map_or(Cost::default(), |entry| entry.cost());
            }
        }
        cost
    }
}

/// Whether a file with these facts can stand for its original: the shortest gzip stream has 18 bytes,
/// so an empty one is not finished, or not begun.
fn is_usable(sidecar: &FileStat, original: &FileStat) -> bool {
    let modified = |stat: &FileStat| (stat.modified_secs, stat.modified_nanos);
    sidecar.len > 0 && modified(sidecar) >= modified(original)
}

#[cfg(test)]
mod tests;
