//! Cached file, lookup outcome and variant request: values only.
//!
//! `file_cache` and `variants` decide what is cached and sent.

use std::borrow::Cow;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::SystemTime;

use super::clock_cache::Cost;
use crate::files::coding::EncodingPreferences;
use crate::files::root::FileStat;
use crate::files::source::{Content, ContentSource, Resource, read_pieces};

/// Returns `false` if the file has changed since its look-up.
pub(super) type ContentReader = Box<dyn FnOnce(&mut dyn FnMut(&[u8])) -> bool + Send>;

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

    /// Reader of all content, for another thread.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn reader(&self) -> io::Result<ContentReader> {
        let bytes = match &self.resource.content {
            Content::Static(bytes) => Cow::Borrowed(*bytes),
            Content::GzipPage(page) => Cow::Borrowed(page.plain()),
            Content::Memory(bytes) => Cow::Owned(bytes.to_vec()),
            Content::File(file) => {
                let (file, len, stat) =
                    (file.as_fd().try_clone_to_owned()?, self.resource.len, self.resource.stat);
                return Ok(Box::new(move |take| {
                    let read_len = read_pieces(&file, len, take);
                    read_len.is_ok_and(|read_len| read_len == len) && FileStat::of(&file).ok() == stat
                }));
            }
        };
        Ok(Box::new(move |take| {
            take(&bytes);
            true
        }))
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

/// Then it is loaded again, to be sent by `sendfile`.
pub(super) fn becomes_quiet<V>(file: &Option<Rc<CachedFile<V>>>, now: SystemTime) -> bool {
    file.as_ref().is_some_and(|file| !file.resource.is_quiet && file.resource.is_quiet_at(now))
}

/// Result of a cache lookup.
#[derive(Debug)]
pub enum Lookup<V> {
    /// File or index file, whole even after eviction.
    File(Rc<CachedFile<V>>),
    /// A variant is being generated: repeat in the next tick.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::source::load;
    use std::fs::{self, File};

    #[test]
    fn reader_passes_all_bytes_and_tells_of_a_change() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        for len in [0, 5, 65_536, 65_537, 262_144, 600_000] {
            let content = vec![b'x'; len];
            fs::write(&path, &content).expect("a file");
            let open = || {
                let file = File::open(&path).expect("opens");
                let stat = FileStat::of(&file).expect("its attributes");
                let resource = load(file.into(), stat, b"a").expect("loads");
                CachedFile::new(resource, &|_| ()).reader().expect("a descriptor")
            };
            let mut read = Vec::new();
            assert!(open()(&mut |piece| read.extend_from_slice(piece)));
            assert!(read == content, "{len}");
            let changed = open();
            let file = File::options().append(true).open(&path).expect("opens");
            file.set_len(len as u64 + 1).expect("room");
            // The bytes of a small file are held.
            assert_eq!(changed(&mut |_| ()), len <= 65_536, "{len}");
        }
    }
}
