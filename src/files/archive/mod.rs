//! Tar archive of a directory, generated while it is sent.
//!
//! Contains what is served: a symlink to a file as that file, none to a directory.

mod tar_header;
mod walk;

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::embedded::{self, EmbeddedPage};
use super::open_file::OpenFile;
use super::path::{RelativePath, beneath, join};
use super::root::LookupError;
use super::source::{ContentSource, read_at};
use tar_header::Kind;
use walk::Walk;

/// Members per slice: opening them by the longest paths and symlinks takes some ms.
const MEMBERS_PER_SLICE_MAX: usize = 16;
/// Bytes per slice, plus one file.
const TAR_SLICE_LEN_MAX: usize = 64 * 1024;
/// Maximum length of a copied file; longer files use `sendfile`.
const COPIED_LEN_MAX: u64 = 16 * 1024;
/// Bytes of a file in one slice.
const RANGE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Members found before the start, so that the archive length is known.
const MEMBERS_MAX: usize = 32 * 1024;
/// Bytes of paths; an archive then holds some 5 MiB.
const PATHS_LEN_MAX: usize = 2 * 1024 * 1024;

/// Data after the copied bytes.
#[derive(Clone, Debug)]
pub enum TarPayload {
    /// Part of a file.
    File {
        /// The file.
        file: Rc<OpenFile>,
        /// Start in bytes.
        offset: u64,
        /// Length in bytes.
        len: u64,
    },
    /// Embedded bytes.
    Static(&'static [u8]),
}

/// Rest of a slice.
#[derive(Debug)]
pub struct TarSlice {
    /// Data after the appended bytes.
    pub payload: Option<TarPayload>,
    /// True if another slice follows.
    pub has_more: bool,
}

impl TarPayload {
    pub(crate) fn len(&self) -> u64 {
        match self {
            TarPayload::File { len, .. } => *len,
            TarPayload::Static(bytes) => bytes.len() as u64,
        }
    }
}

/// Tar archive in progress.
///
/// Members found before the start are promised, with lengths. A larger directory is scanned while it is sent.
#[derive(Debug, Default)]
pub struct Archive {
    /// Directory name in the archive.
    pub name: Vec<u8>,
    /// An archive never mixes two roots.
    store: ContentSource,
    walk: Walk,
    members: Members,
    members_measured: usize,
    len: u64,
    is_len_known: bool,
    payload: Option<TarPayload>,
    padding_len: u64,
}

#[derive(Clone, Debug)]
struct Member {
    /// Below the archived directory; a directory ends in a slash.
    path: Box<[u8]>,
    modified_secs: i64,
    kind: Kind,
    page: Option<EmbeddedPage>,
}

#[derive(Debug, Default)]
struct Members {
    list: VecDeque<Member>,
    paths_len: usize,
}

impl Members {
    fn push(&mut self, path: &[u8], modified_secs: i64, kind: Kind, page: Option<EmbeddedPage>) {
        self.paths_len += path.len();
        self.list.push_back(Member { path: path.into(), modified_secs, kind, page });
    }

    fn is_full(&self) -> bool {
        self.list.len() >= MEMBERS_MAX || self.paths_len >= PATHS_LEN_MAX
    }
}

impl Archive {
    /// Begins the archive of `path`, stored as `name`, without the directory `left_out`.
    ///
    /// # Errors
    /// As [`ContentSource::lookup`], except `NoIndex`; `NotFound` if `path` is no directory.
    pub fn begin(
        store: &ContentSource,
        path: &RelativePath<'_>,
        name: &[u8],
        (hidden, left_out): (bool, Option<&[u8]>),
    ) -> Result<Archive, LookupError> {
        let directory = path.as_bytes();
        let mut members = Members::default();
        let mut walk = match store.root.as_ref() {
            Some(root) => Walk::begin(root, directory, &mut members)?,
            None if embedded::is_directory(directory) => {
                members.push(b"", 0, Kind::Directory, None);
                Walk::default()
            }
            None => return Err(LookupError::NotFound),
        };
        walk.hidden = hidden;
        walk.left_out = left_out.map(<[u8]>::to_vec);
        for (name, page) in store.embedded_pages() {
            if let Some(path) = beneath(directory, name.as_bytes()) {
                let kind = Kind::File { len: page.len(), is_executable: false };
                members.push(path, 0, kind, Some(page));
            }
        }
        Ok(Archive { name: name.to_vec(), store: store.clone(), walk, members, ..Archive::default() })
    }

    /// Directory path below the root.
    pub fn directory(&self) -> &[u8] {
        &self.walk.directory
    }

    /// Finds members; true when complete, or at the limit before the start.
    pub fn scan_slice(&mut self) -> Result<bool, LookupError> {
        self.walk.step(&self.store, &mut self.members)?;
        let mut header = Vec::new();
        for member in self.members.list.range(self.members_measured..) {
            header.clear();
            self.write_header(member, member.kind, &mut header);
            let len = member.kind.len();
            let with_header = header.len() as u64 + tar_header::padding_len(len);
            self.len = self.len.saturating_add(len).saturating_add(with_header);
        }
        self.members_measured = self.members.list.len();
        self.is_len_known = self.walk.is_done();
        Ok(self.is_len_known || self.members.is_full())
    }

    /// Length in bytes, if known and within `i64`. Sparse files may exceed it together.
    pub fn known_len(&self) -> Option<u64> {
        let len = self.len.saturating_add(tar_header::END.len() as u64);
        (self.is_len_known && i64::try_from(len).is_ok()).then_some(len)
    }

    /// Appends the next bytes to `out`; after an error, no slice follows.
    pub fn next_slice(&mut self, out: &mut Vec<u8>) -> Result<TarSlice, LookupError> {
        let out_len_max = out.len() + TAR_SLICE_LEN_MAX;
        for _ in 0..MEMBERS_PER_SLICE_MAX {
            if let Some(payload) = self.next_payload() {
                return Ok(TarSlice { payload: Some(payload), has_more: true });
            }
            out.resize(out.len() + std::mem::take(&mut self.padding_len) as usize, 0);
            if out.len() >= out_len_max {
                break;
            }
            let Some(member) = self.members.list.pop_front() else { return self.continue_walk(out) };
            self.write_member(&member, out)?;
        }
        Ok(TarSlice { payload: None, has_more: true })
    }

    fn next_payload(&mut self) -> Option<TarPayload> {
        let mut payload = self.payload.take()?;
        if let TarPayload::File { file, offset, len } = &mut payload
            && *len > RANGE_LEN_MAX
        {
            let (offset, rest) = (*offset + RANGE_LEN_MAX, *len - RANGE_LEN_MAX);
            *len = RANGE_LEN_MAX;
            self.payload = Some(TarPayload::File { file: Rc::clone(file), offset, len: rest });
        }
        Some(payload)
    }

    fn continue_walk(&mut self, out: &mut Vec<u8>) -> Result<TarSlice, LookupError> {
        let has_more = !self.walk.is_done();
        if has_more {
            self.walk.step(&self.store, &mut self.members)?;
        } else {
            out.extend_from_slice(tar_header::END);
        }
        Ok(TarSlice { payload: None, has_more })
    }

    fn write_header(&self, member: &Member, kind: Kind, out: &mut Vec<u8>) {
        let path = [&self.name, &b"/"[..], &member.path].concat();
        tar_header::write_header(out, &path, kind, member.modified_secs);
    }

    fn write_member(&mut self, member: &Member, out: &mut Vec<u8>) -> Result<(), LookupError> {
        let (Kind::File { len, is_executable }, None) = (member.kind, member.page) else {
            self.write_header(member, member.kind, out);
            self.payload = member.page.map(|page| TarPayload::Static(page.bytes()));
            self.padding_len = tar_header::padding_len(member.kind.len());
            return Ok(());
        };
        let (file, len) = match self.open_member(member, len) {
            // The member was not promised.
            Err(error) if error.is_unservable() && !self.is_len_known => return Ok(()),
            file => file?,
        };
        self.write_header(member, Kind::File { len, is_executable }, out);
        if len > COPIED_LEN_MAX {
            self.payload = Some(TarPayload::File { file: Rc::new(file), offset: 0, len });
            self.padding_len = tar_header::padding_len(len);
            return Ok(());
        }
        let start = out.len();
        out.resize(start + len as usize, 0);
        let read_len =
            read_at(&file, out.get_mut(start..).unwrap_or_default(), 0).map_err(LookupError::Failed)?;
        if read_len as u64 != len {
            return Err(shrank());
        }
        tar_header::pad(out, len);
        Ok(())
    }

    /// Returns the promised length, else all.
    fn open_member(&self, member: &Member, len: u64) -> Result<(OpenFile, u64), LookupError> {
        let path = join(&self.walk.directory, &member.path);
        let root = self.store.root.as_ref().ok_or(LookupError::NotFound)?;
        match root.open_file(&path) {
            Ok((_, stat)) if self.is_len_known && stat.len < len => Err(shrank()),
            Ok((file, stat)) => Ok((file, if self.is_len_known { len } else { stat.len })),
            Err(LookupError::Directory) => Err(LookupError::NotRegular),
            Err(error) => Err(error),
        }
    }
}

fn shrank() -> LookupError {
    LookupError::Failed(io::Error::new(io::ErrorKind::UnexpectedEof, "a file shrank"))
}

#[cfg(test)]
mod tests;
