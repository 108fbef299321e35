//! Precompressed files (sidecars): `a.css.br`, `.zst` and `.gz` beside `a.css`.
//!
//! A sidecar is a non-empty regular file below the root, at least as new as its original, to the nanosecond.
//!
//! A lookup costs nothing while all three names are watched. Otherwise it costs one check each for the used sidecar,
//! unusable ones, and the directory, whose attributes show new names. Recently changed or unopenable files are opened
//! each time.

use std::rc::Rc;

use derive_where::derive_where;

use super::clock_cache::Cost;
use super::entry::{CachedFile, VariantRequest, is_unwritten};
use crate::files::coding::Coding;
use crate::files::file_version::times_are_stable;
use crate::files::path::split_last;
use crate::files::root::{FileStat, OpenedPath, Root};
use crate::files::source::{Resource, load};
use crate::files::watch::{Dependencies, Freshness, InotifyWatcher, watch_paths};

#[derive(Debug)]
#[derive_where(Default)]
pub(super) struct Precompressed<V> {
    name: Box<[u8]>,
    /// Attributes when [`Sidecar::Absent`] was found.
    directory_stat: Option<FileStat>,
    sidecars: [Sidecar<V>; Coding::COUNT],
    pub(super) dependencies: Dependencies,
}

#[derive(Debug, Default)]
enum Sidecar<V> {
    #[default]
    Unknown,
    Absent,
    Present(FoundSidecar<V>),
}

#[derive(Debug)]
struct FoundSidecar<V> {
    name: Box<[u8]>,
    stat: FileStat,
    cached_file: Option<Rc<CachedFile<V>>>,
}

impl<V> FoundSidecar<V> {
    fn is_same(&self, root: &Root) -> bool {
        root.stat(&self.name).is_ok_and(|stat| stat == self.stat)
    }
}

pub(super) struct OriginalFile<'a> {
    pub(super) root: &'a Root,
    pub(super) resource: &'a Resource,
    pub(super) stat: &'a FileStat,
    pub(super) request: &'a VariantRequest<'a>,
}

impl<V> Precompressed<V> {
    pub(super) fn new(name: &[u8]) -> Self {
        Precompressed { name: name.into(), ..Self::default() }
    }

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
                && (is_validated && is_unwritten(&found.cached_file) || found.is_same(original.root))
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

    /// True if the state needs no check. Watches first, then checks once more.
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

    /// Finds absent names. Attributes of an unwatched directory with unstable times would not show the next
    /// change.
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

    fn open(
        &self,
        coding: Coding,
        original: &OriginalFile<'_>,
        make: &impl Fn(&Resource) -> V,
    ) -> (Option<Rc<CachedFile<V>>>, Sidecar<V>) {
        let name = self.name_of(coding);
        // If it is unreadable for any reason, the original is sent.
        let Ok(OpenedPath::File(file, stat)) = original.root.open_file(&name) else {
            return (None, Sidecar::Unknown);
        };
        let (entry, stat) = if is_usable(&stat, original.stat) {
            let Ok(resource) = load(file, stat, &self.name) else { return (None, Sidecar::Unknown) };
            // It may have changed during the read; without attributes, it still changes.
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

/// The shortest gzip stream has 18 bytes: an empty file is unfinished.
pub(in crate::files) fn is_usable(sidecar: &FileStat, original: &FileStat) -> bool {
    let modified = |stat: &FileStat| (stat.modified_secs, stat.modified_nanos);
    sidecar.len > 0 && modified(sidecar) >= modified(original)
}

#[cfg(test)]
mod tests;
