//! Where the entries of a listing are read: an open directory, or the table of pages in the binary.
//!
//! It asks for the facts of each name, follows links as serving would, and leaves out what is not
//! served. It reads a bounded slice at a time and sorts nothing.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, RawDir};

use super::runs::Run;
use super::{Entry, NameFilter};
use crate::files::path::{NAME_LEN_MAX, PATH_LEN_MAX, beneath, join};
use crate::files::root::{FileKind, FileStat, LookupError, Root};
use crate::files::source::ContentSource;

/// A slice ends with the stretch of names in which it has looked at so many. Each costs a system
/// call: some microseconds.
const SLICE_NAMES_MIN: usize = 128;

/// What the kernel is asked for in one go, in bytes. An entry takes 24 at the least and 280 at the
/// most, so that a slice has never more than some 300.
const DIR_BUFFER_LEN: usize = 4 * 1024;

/// So many links are followed in one slice. Each costs as much as the system lets it: forty links that
/// lead through one another by paths of four thousand bytes take it some milliseconds.
const SLICE_LINKS_MAX: usize = 4;

/// A directory that is open to be read.
#[derive(Debug)]
pub(super) struct DirReader {
    dir: OwnedFd,
    /// Names that may be links and have not been followed yet: those of one slice at the most.
    links: Vec<Vec<u8>>,
    is_at_end: bool,
    /// The path beneath the root.
    path: Vec<u8>,
}

impl DirReader {
    /// Opens the directory at `path`.
    pub(super) fn open(root: &Root, path: &[u8]) -> Result<DirReader, LookupError> {
        let dir = root.open_for_reading(path)?;
        Ok(DirReader { dir, links: Vec::new(), is_at_end: false, path: path.to_vec() })
    }

    /// Reads on: what the filter lets through, in no order, and whether there is no more to read.
    pub(super) fn read_slice(
        &mut self,
        store: &ContentSource,
        filter: &mut Option<NameFilter>,
    ) -> Result<(Run, bool), LookupError> {
        let mut run = Run::default();
        if self.links.is_empty() && !self.is_at_end {
            self.read_names(store, &mut run, filter)?;
        }
        self.follow_links(store, &mut run)?;
        Ok((run, self.is_at_end && self.links.is_empty()))
    }

    /// Reads names until they are enough for a slice, and puts the links among them aside.
    fn read_names(
        &mut self,
        store: &ContentSource,
        run: &mut Run,
        filter: &mut Option<NameFilter>,
    ) -> Result<(), LookupError> {
        let mut buffer = [MaybeUninit::uninit(); DIR_BUFFER_LEN];
        let mut reader = RawDir::new(&self.dir, &mut buffer);
        let mut names_seen: usize = 0;
        while let Some(found) = reader.next() {
            let found = found?;
            let name = found.file_name();
            let bytes = name.to_bytes();
            let path = join(&self.path, bytes);
            let is_hidden = bytes.starts_with(b".");
            let is_too_long = bytes.len() > NAME_LEN_MAX || path.len() > PATH_LEN_MAX;
            if !is_hidden && !is_too_long && !store.is_embedded(&path) && matches_filter(filter, bytes) {
                match found.file_type() {
                    FileType::RegularFile | FileType::Directory => {
                        let stat = FileStat::at(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW);
                        push_entry(run, bytes, stat.map_err(LookupError::from))?;
                    }
                    // Not every file system says what a name is.
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

    /// Finds out what serving some more of the links would find.
    fn follow_links(&mut self, store: &ContentSource, run: &mut Run) -> Result<(), LookupError> {
        let Some(root) = store.root() else { return Ok(()) };
        let left = self.links.len().saturating_sub(SLICE_LINKS_MAX);
        for name in self.links.drain(left..) {
            push_entry(run, &name, root.stat(&join(&self.path, &name)))?;
        }
        Ok(())
    }
}

fn matches_filter(filter: &mut Option<NameFilter>, name: &[u8]) -> bool {
    filter.as_mut().is_none_or(|filter| filter.matches(name))
}

/// Keeps what serving the name would find. What cannot be found out for the moment is an error.
fn push_entry(run: &mut Run, name: &[u8], stat: Result<FileStat, LookupError>) -> Result<(), LookupError> {
    let stat = match stat {
        Ok(stat) => stat,
        Err(LookupError::Busy) => return Err(LookupError::Busy),
        // Links that lead nowhere, and what has gone since: it is not served either.
        Err(_) => return Ok(()),
    };
    let is_directory = match stat.kind {
        FileKind::File => false,
        FileKind::Directory => true,
        FileKind::Other => return Ok(()),
    };
    run.push(&Entry { name, is_directory, len: stat.len, modified_secs: Some(stat.modified_secs) });
    Ok(())
}

/// The pages of the binary that stand in the directory at `path` of this store, in no order.
pub(super) fn embedded_pages(store: &ContentSource, path: &[u8], filter: &mut Option<NameFilter>) -> Run {
    let mut run = Run::default();
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
        run.push(&Entry { name, is_directory, len, modified_secs: None });
    }
    run
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
        let store = ContentSource::Disk(Root::open(dir.path()).expect("opens"));
        let root = store.root().expect("a root");
        let mut directory = DirReader::open(root, b"").expect("opens");
        let mut found = Vec::new();
        for _ in 0..COUNT {
            let (run, is_last) = directory.read_slice(&store, &mut None).expect("reads");
            assert!(run.len() <= SLICE_LINKS_MAX + 1, "{} in a slice", run.len());
            found.extend(run.entries().map(|entry| (entry.name.to_vec(), entry.len)));
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
