//! Cached file, the outcome of a look-up, and the request for a variant of a file.
//!
//! Values only. `file_cache` and `variants` decide what is kept and which variant is sent.

use std::rc::Rc;
use std::time::SystemTime;

use super::clock_cache::Cost;
use crate::files::coding::EncodingPreferences;
use crate::files::source::{Content, ContentSource, Resource};

/// A file, and what its user made of it.
#[derive(Debug)]
pub struct CachedFile<V> {
    /// The file.
    pub resource: Resource,
    /// What was made of it when it was loaded.
    pub value: V,
}

impl<V> CachedFile<V> {
    pub(super) fn new(resource: Resource, make: &impl Fn(&Resource) -> V) -> Rc<CachedFile<V>> {
        Rc::new(CachedFile { value: make(&resource), resource })
    }

    /// What holding its content takes.
    pub(super) fn cost(&self) -> Cost {
        match &self.resource.content {
            Content::Static(_) | Content::GzipPage(_) => Cost::default(),
            Content::Memory(bytes) => Cost { bytes: bytes.len(), descriptors: 0 },
            Content::File(_) => Cost { bytes: 0, descriptors: 1 },
        }
    }
}

/// What a path stands for.
#[derive(Debug)]
pub enum Lookup<V> {
    /// A file, or the index file of a directory. It stays whole in the hands of who sends it,
    /// whether or not the cache still keeps it.
    File(Rc<CachedFile<V>>),
    /// A directory that was named without its trailing slash.
    Directory,
    /// A file of which a variant is being made: the same look in the next turn tells more. Nothing
    /// has to be remembered meanwhile, and nothing is held for who does not come back.
    Pending,
}

/// One request for a file, as far as its variants are concerned.
#[derive(Clone, Copy)]
pub(super) struct VariantRequest<'a> {
    pub(super) store: &'a ContentSource,
    /// The path that was asked for.
    pub(super) key: &'a [u8],
    /// Whether the next change of the original is sure to change its facts.
    pub(super) mtime_is_stable: bool,
    /// Whether the original is watched, for it was asked for twice in a second.
    pub(super) is_watched: bool,
    pub(super) accepted: &'a EncodingPreferences,
    /// The time of day, and the same in seconds since 1970.
    pub(super) now: SystemTime,
    pub(super) unix_secs: u64,
}
