//! Precompressed files (sidecars): `a.css.br`, `.zst` and `.gz` beside `a.css`.
//!
//! A sidecar is a non-empty regular file below the root, at least as new as its original, to the nanosecond.
//!
//! A lookup costs nothing while all three names are watched. Otherwise it costs a check per accepted name up to the
//! used one. Recently changed or unopenable files are opened each time.

use std::rc::Rc;

use derive_where::derive_where;

use super::clock_cache::Cost;
use super::entry::{CachedFile, VariantRequest, becomes_quiet, is_unwritten};
use crate::files::coding::Coding;
use crate::files::file_version::times_are_stable;
use crate::files::root::{FileStat, LookupError, Root};
use crate::files::source::{Resource, load};
use crate::files::watch::{Dependencies, Freshness, InotifyWatcher, watch_paths};

#[derive(Debug)]
#[derive_where(Default)]
pub(super) struct Precompressed<V> {
    /// `None` before the first lookup, and after one that must be repeated.
    sidecars: [Option<Sidecar<V>>; Coding::COUNT],
    pub(super) dependencies: Dependencies,
}

#[derive(Debug)]
#[derive_where(Default)]
struct Sidecar<V> {
    stat: Option<FileStat>,
    /// `None` if absent or unusable.
    cached_file: Option<Rc<CachedFile<V>>>,
}

pub(super) struct OriginalFile<'a> {
    pub(super) root: &'a Root,
    pub(super) name: &'a [u8],
    pub(super) resource: &'a Resource,
    pub(super) stat: &'a FileStat,
    pub(super) request: &'a VariantRequest<'a>,
}

impl OriginalFile<'_> {
    fn sidecar_name(&self, coding: Coding) -> Vec<u8> {
        [self.name, coding.suffix().as_bytes()].concat()
    }
}

impl<V> Precompressed<V> {
    pub(super) fn find(
        &mut self,
        original: &OriginalFile<'_>,
        watch: &mut InotifyWatcher,
        make: &impl Fn(&Resource) -> V,
    ) -> Option<Rc<CachedFile<V>>> {
        let is_validated = original.request.is_watched && self.ensure_validated(original, watch);
        for coding in original.request.accepted.accepted() {
            let is_current = |sidecar: &Sidecar<V>| {
                let is_unchanged = is_validated && is_unwritten(&sidecar.cached_file)
                    || original.root.is_unchanged(&original.sidecar_name(coding), sidecar.stat);
                is_unchanged && !becomes_quiet(&sidecar.cached_file, original.request.now)
            };
            if !self.sidecars[coding as usize].as_ref().is_some_and(is_current) {
                self.sidecars[coding as usize] = Self::open(coding, original, make);
            }
            if let Some(Sidecar { cached_file: Some(entry), .. }) = &self.sidecars[coding as usize] {
                return Some(Rc::clone(entry));
            }
        }
        None
    }

    /// True if the state needs no check. Watches first, then checks once more.
    fn ensure_validated(&mut self, original: &OriginalFile<'_>, watch: &mut InotifyWatcher) -> bool {
        let OriginalFile { root, request, .. } = *original;
        match self.dependencies.freshness(watch, request.unix_secs) {
            Freshness::Fresh => return true,
            Freshness::Stale => self.sidecars = Default::default(),
            Freshness::Revalidate | Freshness::Unwatched => {}
        }
        if !self.dependencies.may_be_recorded(watch, request.unix_secs) {
            return false;
        }
        let names = Coding::ALL.map(|coding| original.sidecar_name(coding));
        self.dependencies = watch_paths(watch, root, &names.each_ref().map(Vec::as_slice), request.unix_secs);
        if self.dependencies.is_empty() {
            return false;
        }
        for (sidecar, name) in self.sidecars.iter_mut().zip(&names) {
            sidecar.take_if(|sidecar| !root.is_unchanged(name, sidecar.stat));
        }
        true
    }

    /// If it is unreadable for any reason, the original is sent.
    fn open(
        coding: Coding,
        original: &OriginalFile<'_>,
        make: &impl Fn(&Resource) -> V,
    ) -> Option<Sidecar<V>> {
        let now = original.request.now;
        let known = |stat: FileStat, cached_file| {
            Some(Sidecar { stat: Some(stat).filter(|stat| times_are_stable(stat, now)), cached_file })
        };
        let (file, stat) = match original.root.open_file(&original.sidecar_name(coding)) {
            Ok(opened) => opened,
            Err(LookupError::NotFound) => return Some(Sidecar::default()),
            Err(_) => return None,
        };
        if !is_usable(&stat, original.stat) {
            return known(stat, None);
        }
        let resource = load(file, stat, original.name).ok()?;
        // It may have changed during the read; without attributes, it still changes.
        let stat = resource.stat?;
        let resource = Resource {
            media_type: original.resource.media_type.clone(),
            coding: Some(coding),
            is_negotiable: true,
            ..resource.with_validators_at(now)
        };
        known(stat, is_usable(&stat, original.stat).then(|| CachedFile::new(resource, make)))
    }

    pub(super) fn cost(&self) -> Cost {
        let mut cost = Cost { bytes: self.dependencies.bytes(), descriptors: 0 };
        for entry in self.sidecars.iter().flatten().filter_map(|sidecar| sidecar.cached_file.as_ref()) {
            cost += entry.cost();
        }
        cost
    }
}

/// The shortest gzip stream has 18 bytes: an empty file is unfinished.
pub(crate) fn is_usable(sidecar: &FileStat, original: &FileStat) -> bool {
    let modified = |stat: &FileStat| (stat.modified_secs, stat.modified_nanos);
    sidecar.len > 0 && modified(sidecar) >= modified(original)
}

#[cfg(test)]
mod tests;
