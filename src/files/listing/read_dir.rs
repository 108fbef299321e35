//! Reader of listing entries: a directory or the embedded pages.
//!
//! Follows symlinks as serving does, and omits what is not served.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, RawDir};

use super::entry_list::EntryList;
use super::{Entry, ListingOptions, NameFilter};
use crate::files::path::{NAME_LEN_MAX, PATH_LEN_MAX, beneath, is_left_out, join};
use crate::files::root::{FileStat, LookupError, Root};
use crate::files::source::ContentSource;

/// Names per slice, rounded up to a buffer: each costs a system call of some µs.
const SLICE_NAMES_MIN: usize = 128;

/// `getdents` buffer. An entry takes 24 to 280 bytes: at most some 300 per slice.
const DIR_BUFFER_LEN: usize = 4 * 1024;

/// Symlinks followed per slice: 40 nested symlinks with paths of 4,000 bytes take some ms.
const SLICE_LINKS_MAX: usize = 4;

pub(super) struct DirReader {
    root: Root,
    dir: OwnedFd,
    links: Vec<Vec<u8>>,
    is_at_end: bool,
    path: Vec<u8>,
}

impl DirReader {
    pub(super) fn open(root: &Root, path: &[u8]) -> Result<DirReader, LookupError> {
        let dir = root.open_for_reading(path)?;
        Ok(DirReader { root: root.clone(), dir, links: Vec::new(), is_at_end: false, path: path.to_vec() })
    }

    /// True at the end.
    pub(super) fn read_slice(
        &mut self,
        store: &ContentSource,
        options: &mut ListingOptions,
        entries: &mut EntryList,
    ) -> Result<bool, LookupError> {
        if self.links.is_empty() && !self.is_at_end {
            self.read_names(store, entries, options)?;
        }
        self.follow_links(entries)?;
        Ok(self.is_at_end && self.links.is_empty())
    }

    fn read_names(
        &mut self,
        store: &ContentSource,
        entries: &mut EntryList,
        options: &mut ListingOptions,
    ) -> Result<(), LookupError> {
        let ListingOptions { filter, hidden, .. } = options;
        let mut buffer = [MaybeUninit::uninit(); DIR_BUFFER_LEN];
        let mut reader = RawDir::new(&self.dir, &mut buffer);
        let mut names_seen: usize = 0;
        while let Some(found) = reader.next() {
            let found = found?;
            let name = found.file_name();
            let bytes = name.to_bytes();
            let path = join(&self.path, bytes);
            let is_hidden = is_left_out(bytes, *hidden);
            let is_too_long = bytes.len() > NAME_LEN_MAX || path.len() > PATH_LEN_MAX;
            if !is_hidden
                && !is_too_long
                && store.embedded_page(&path).is_none()
                && matches_filter(filter, bytes)
            {
                match found.file_type() {
                    FileType::RegularFile | FileType::Directory => {
                        let stat = FileStat::at(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW);
                        push_entry(entries, bytes, stat.map_err(LookupError::from))?;
                    }
                    // Some file systems report no type.
                    FileType::Symlink | FileType::Unknown => self.links.push(bytes.to_vec()),
                    _ => {}
                }
            }
            names_seen += 1;
            if names_seen >= SLICE_NAMES_MIN && reader.is_buffer_empty() {
                return Ok(());
            }
        }
        self.is_at_end = true;
        Ok(())
    }

    fn follow_links(&mut self, entries: &mut EntryList) -> Result<(), LookupError> {
        let left = self.links.len().saturating_sub(SLICE_LINKS_MAX);
        for name in self.links.drain(left..) {
            push_entry(entries, &name, self.root.stat(&join(&self.path, &name)))?;
        }
        Ok(())
    }
}

fn matches_filter(filter: &mut Option<NameFilter>, name: &[u8]) -> bool {
    filter.as_mut().is_none_or(|filter| filter.matches(name))
}

fn push_entry(
    entries: &mut EntryList,
    name: &[u8],
    stat: Result<FileStat, LookupError>,
) -> Result<(), LookupError> {
    let stat = match stat {
        Ok(stat) => stat,
        Err(LookupError::Busy) => return Err(LookupError::Busy),
        // Dangling symlinks and removed files are not served either.
        Err(_) => return Ok(()),
    };
    let is_directory = match stat.kind {
        FileType::RegularFile => false,
        FileType::Directory => true,
        _ => return Ok(()),
    };
    entries.push(&Entry { name, is_directory, len: stat.len, modified_secs: Some(stat.modified_secs) });
    Ok(())
}

pub(super) fn embedded_pages(
    store: &ContentSource,
    path: &[u8],
    filter: &mut Option<NameFilter>,
) -> EntryList {
    let mut entries = EntryList::default();
    let mut directories: Vec<&[u8]> = Vec::new();
    for (page_path, page) in store.embedded_pages() {
        let Some(rest) = beneath(path, page_path.as_bytes()) else { continue };
        let name = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
        let is_directory = name.len() < rest.len();
        if !matches_filter(filter, name) || directories.contains(&name) {
            continue;
        }
        if is_directory {
            directories.push(name);
        }
        let len = if is_directory { 0 } else { page.len() };
        entries.push(&Entry { name, is_directory, len, modified_secs: None });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn read_slice_limits_symlinks_followed() {
        const COUNT: usize = 1000;
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("file"), "four").expect("a file");
        for number in 0..COUNT {
            symlink("file", dir.path().join(format!("link-{number}"))).expect("a link");
        }
        let store = ContentSource::disk(Root::open(dir.path()).expect("opens"));
        let root = store.root.as_ref().expect("a root");
        let mut directory = DirReader::open(root, b"").expect("opens");
        let mut found = Vec::new();
        for _ in 0..COUNT {
            let mut entries = EntryList::default();
            let mut options = ListingOptions::default();
            let is_last = directory.read_slice(&store, &mut options, &mut entries).expect("reads");
            let slice: Vec<_> = entries.iter().map(|entry| (entry.name.to_vec(), entry.len)).collect();
            assert!(slice.len() <= SLICE_LINKS_MAX + 1, "{} in a slice", slice.len());
            found.extend(slice);
            if is_last {
                break;
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), COUNT + 1);
        assert!(found.iter().all(|(_, len)| *len == 4));
    }
}
