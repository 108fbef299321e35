//! Cached file, lookup outcome and variant request: values only.
//!
//! `file_cache` and `variants` decide what is cached and sent.

use std::rc::Rc;
use std::time::SystemTime;

use super::clock_cache::Cost;
use crate::files::coding::EncodingPreferences;
use crate::files::root::FileStat;
use crate::files::source::{Content, ContentSource, Resource};

/// File and its derived value.
#[derive(Debug)]
pub struct CachedFile<V> {
    /// The file.
    pub resource: Resource,
    /// Value made at load time.
    pub value: V,
}

impl<V> CachedFile<V> {
    pub(super) fn new(resource: Resource, make: &impl Fn(&Resource) -> V) -> Rc<CachedFile<V>> {
        Rc::new(CachedFile { value: make(&resource), resource })
    }

    pub(super) fn cost(&self) -> Cost {
        match &self.resource.content {
            Content::Static(_) | Content::GzipPage(_) => Cost::default(),
            Content::Memory(bytes) => Cost { bytes: bytes.len(), descriptors: 0 },
            Content::File(_) => Cost { bytes: 0, descriptors: 1 },
        }
    }
}

/// A `write` changes ctime first, then the content. inotify reports it when all is written.
pub(super) fn is_unwritten<V>(file: &Option<Rc<CachedFile<V>>>) -> bool {
    file.as_ref().is_none_or(|file| match (&file.resource.content, file.resource.stat) {
        (Content::File(open), Some(stat)) => FileStat::of(&**open).is_ok_and(|present| present == stat),
        _ => true,
    })
}

/// Result of a cache lookup.
#[derive(Debug)]
pub enum Lookup<V> {
    /// File or index file. It stays whole while it is sent, even after eviction.
    File(Rc<CachedFile<V>>),
    /// Directory, requested without trailing slash.
    Directory,
    /// A variant is being generated: repeat in the next tick. Nothing is kept for the caller.
    Pending,
}

#[derive(Clone, Copy)]
pub(super) struct VariantRequest<'a> {
    pub(super) store: &'a ContentSource,
    pub(super) key: &'a [u8],
    /// True if the next change is certain to change the attributes.
    pub(super) mtime_is_stable: bool,
    pub(super) is_watched: bool,
    pub(super) accepted: &'a EncodingPreferences,
    pub(super) now: SystemTime,
    pub(super) unix_secs: u64,
}
