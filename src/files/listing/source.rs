//! Where the entries of a listing are read: an open directory, or the table of pages in the binary.
//!
//! It asks for the facts of each name, follows links as serving would, and leaves out what is not
//! served. It reads a bounded slice at a time and sorts nothing.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, RawDir};

use super::Entry;
use super::runs::Run;
use crate::files::path::{NAME_LEN_MAX, PATH_LEN_MAX};
use crate::files::root::{Facts, Kind, LookupError, Root};
use crate::files::store::Store;

/// A slice ends with the stretch of names in which it has looked at so many. Each costs a system
/// call or, if it is a link, three: some microseconds.
const SLICE_NAMES_MIN: usize = 128;

/// What the kernel is asked for in one go, in bytes. An entry takes 24 at the least and 280 at the
/// most, so that a slice has never more than some 300.
const STRETCH_LEN: usize = 4 * 1024;

/// A directory that is open to be read.
#[derive(Debug)]
pub(super) struct Directory {
    dir: OwnedFd,
    /// The path beneath the root, and a slash unless that is the root itself.
    prefix: Vec<u8>,
}

/// What a slice of reading has found.
pub(super) struct Slice {
    /// In no order.
    pub(super) run: Run,
    /// Whether there is no more to read.
    pub(super) is_last: bool,
}

impl Directory {
    /// Opens the directory at `path`.
    pub(super) fn open(root: &Root, path: &[u8]) -> Result<Directory, LookupError> {
        Ok(Directory { dir: root.open_to_read(path)?, prefix: prefix(path) })
    }

    /// Reads on; `wants` says which names.
    pub(super) fn read_slice(
        &self,
        store: &Store,
        mut wants: impl FnMut(&[u8]) -> bool,
    ) -> Result<Slice, LookupError> {
        let mut room = [MaybeUninit::uninit(); STRETCH_LEN];
        let mut stretches = RawDir::new(&self.dir, &mut room);
        let mut run = Run::default();
        let mut seen: usize = 0;
        let mut path = self.prefix.clone();
        while let Some(found) = stretches.next() {
            let found = found?;
            let name = found.file_name();
            path.truncate(self.prefix.len());
            path.extend_from_slice(name.to_bytes());
            if may_be_served(name.to_bytes(), &path) && !store.is_built_in(&path) && wants(name.to_bytes()) {
                match self.facts(store, name, &path, found.file_type()) {
                    Ok(facts) => push(&mut run, name.to_bytes(), &facts),
                    // Links that lead nowhere, and what has gone since: it is not served either.
                    Err(LookupError::Busy) => return Err(LookupError::Busy),
                    Err(_) => {}
                }
            }
            seen += 1;
            if seen >= SLICE_NAMES_MIN && stretches.is_buffer_empty() {
                return Ok(Slice { run, is_last: false });
            }
        }
        Ok(Slice { run, is_last: true })
    }

    /// What serving the name would find.
    fn facts(&self, store: &Store, name: &CStr, path: &[u8], kind: FileType) -> Result<Facts, LookupError> {
        match (kind, store.root()) {
            (FileType::RegularFile | FileType::Directory, _) => {
                Ok(Facts::at(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?)
            }
            // Not every file system says what a name is.
            (FileType::Symlink | FileType::Unknown, Some(root)) => root.facts_beneath(path),
            _ => Err(LookupError::NotRegular),
        }
    }
}

fn may_be_served(name: &[u8], path: &[u8]) -> bool {
    !name.starts_with(b".") && name.len() <= NAME_LEN_MAX && path.len() <= PATH_LEN_MAX
}

fn push(run: &mut Run, name: &[u8], facts: &Facts) {
    let is_directory = match facts.kind {
        Kind::File => false,
        Kind::Directory => true,
        Kind::Other => return,
    };
    run.push(&Entry { name, is_directory, len: facts.len, modified_secs: Some(facts.modified_secs) });
}

fn prefix(path: &[u8]) -> Vec<u8> {
    let mut prefix = path.to_vec();
    if !prefix.is_empty() {
        prefix.push(b'/');
    }
    prefix
}

/// The pages of the binary that stand in the directory at `path` of this store, in no order.
pub(super) fn embedded_pages(store: &Store, path: &[u8], mut wants: impl FnMut(&[u8]) -> bool) -> Run {
    let prefix = prefix(path);
    let mut run = Run::default();
    let mut directories: Vec<&[u8]> = Vec::new();
    for (page, bytes) in store.built_in() {
        let Some(rest) = page.as_bytes().strip_prefix(prefix.as_slice()) else { continue };
        let name = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
        let is_directory = name.len() < rest.len();
        if !wants(name) || directories.contains(&name) {
            continue;
        }
        if is_directory {
            directories.push(name);
        }
        let len = if is_directory { 0 } else { bytes.len() as u64 };
        run.push(&Entry { name, is_directory, len, modified_secs: None });
    }
    run
}
