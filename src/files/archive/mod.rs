//! A folder as one tar file, made in pieces while it is sent.
//!
//! An [`Archive`] has what would be served of the folder: regular files that may be read, no hidden
//! names, nothing that leads out of the root. A link to a file is that file; a link to a directory is
//! left out, for it could lead round in circles. What is found beforehand is promised, length and all;
//! of a folder too large for that, what is there when its turn comes. One member is open at a time, and
//! one directory. It never writes to anything but the buffer that it is given.

mod members;
mod tar_header;
mod walk;

use std::fmt;
use std::io;
use std::rc::Rc;

use super::embedded;
use super::open_file::OpenFile;
use super::path::{RelativePath, beneath, join};
use super::root::{LookupError, OpenedPath};
use super::source::{ContentSource, read_at};
use members::{Member, Members};
use tar_header::Kind;
use walk::Walk;

/// A piece is made of so many members at most, each of which may have to be opened: through the longest
/// paths, links among them, that takes some milliseconds ...
const MEMBERS_PER_SLICE_MAX: usize = 16;
/// ... and of so many bytes, and one file.
const TAR_SLICE_LEN_MAX: usize = 64 * 1024;
/// Files up to this length are copied into the piece; longer ones are for `sendfile`.
const COPIED_LEN_MAX: u64 = 16 * 1024;
/// The longest part of a file that goes with one piece.
const RANGE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// A part of an open file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file. Read it at explicit offsets.
    pub file: Rc<OpenFile>,
    /// Where the part begins.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

/// What follows the bytes that were copied.
#[derive(Clone, Debug)]
pub enum TarPayload {
    /// A part of a file.
    File(FileRange),
    /// Bytes of the binary.
    Static(&'static [u8]),
}

/// What comes after the bytes that [`Archive::next_slice`] has appended.
#[derive(Debug)]
pub struct TarSlice {
    /// What follows them, if something does.
    pub payload: Option<TarPayload>,
    /// Whether there is another piece.
    pub has_more: bool,
}

/// Why an archive breaks off.
#[derive(Debug)]
pub enum ArchiveError {
    /// A file is shorter than was promised.
    Shrank,
    /// A member, or a directory, cannot be read.
    Failed(LookupError),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Shrank => f.write_str("a file shrank"),
            ArchiveError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<LookupError> for ArchiveError {
    fn from(error: LookupError) -> Self {
        ArchiveError::Failed(error)
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        ArchiveError::Failed(LookupError::Failed(error))
    }
}

impl TarPayload {
    /// How long it is in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            TarPayload::File(range) => range.len,
            TarPayload::Static(bytes) => bytes.len() as u64,
        }
    }
}

/// A folder on its way into a tar file.
#[derive(Debug, Default)]
pub struct Archive {
    /// What the folder is called in the archive.
    name: Vec<u8>,
    walk: Walk,
    members: Members,
    /// How many of those found are counted in `len`, while all are being gathered.
    members_measured: usize,
    len: u64,
    /// Whether all members were found before the first was sent, so that their lengths are promised.
    is_len_known: bool,
    /// What is left of the member that is being sent, if it is not copied.
    payload: Option<TarPayload>,
    /// What is to follow it so that its last block is full.
    padding_len: u64,
}

impl Archive {
    /// Begins the archive of the folder at `path`, all of whose members are in a folder `name` there.
    ///
    /// # Errors
    /// As [`ContentSource::lookup`], but `NoIndex`; `NotFound` also for what is no folder.
    pub fn begin(
        store: &ContentSource,
        path: &RelativePath<'_>,
        name: &[u8],
    ) -> Result<Archive, LookupError> {
        let directory = path.as_bytes();
        let mut members = Members::default();
        let walk = match store.root() {
            Some(root) => Walk::begin(root, directory, &mut members)?,
            None if embedded::is_directory(directory) => {
                members.push(b"", 0, Kind::Directory, None);
                Walk::default()
            }
            None => return Err(LookupError::NotFound),
        };
        for (name, page) in store.embedded_pages() {
            if let Some(path) = beneath(directory, name.as_bytes()) {
                let kind = Kind::File { len: page.len(), is_executable: false };
                members.push(path, 0, kind, Some(page));
            }
        }
        Ok(Archive { name: name.to_vec(), walk, members, ..Archive::default() })
    }

    /// What the folder is called in the archive.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The folder's path beneath the root.
    pub fn directory(&self) -> &[u8] {
        &self.walk.directory
    }

    /// Finds some more members; whether these are all, or as many as are found before the archive begins.
    ///
    /// # Errors
    /// A directory cannot be read to its end.
    pub fn scan_slice(&mut self, store: &ContentSource) -> Result<bool, LookupError> {
        self.walk.step(store, &mut self.members)?;
        let mut header = Vec::new();
        for index in self.members_measured..self.members.len() {
            let Some(member) = self.members.get(index) else { break };
            header.clear();
            self.write_header(&member, &mut header);
            let len = member.kind.len();
            let with_header = header.len() as u64 + tar_header::padding_len(len);
            self.len = self.len.saturating_add(len).saturating_add(with_header);
        }
        self.members_measured = self.members.len();
        self.is_len_known = self.walk.is_done();
        Ok(self.is_len_known || self.members.is_full())
    }

    /// The length of the archive in bytes, if all its members are known and it is a length at all:
    /// sparse files, which cost nothing, can come to more together than a file can be long.
    pub fn known_len(&self) -> Option<u64> {
        let len = self.len.saturating_add(tar_header::END.len() as u64);
        (self.is_len_known && i64::try_from(len).is_ok()).then_some(len)
    }

    /// Appends the next bytes of the archive to `out`, and says what follows them.
    ///
    /// # Errors
    /// What was promised cannot be kept, or a directory cannot be read. There is no next piece then.
    pub fn next_slice(&mut self, store: &ContentSource, out: &mut Vec<u8>) -> Result<TarSlice, ArchiveError> {
        let out_len_max = out.len() + TAR_SLICE_LEN_MAX;
        for _ in 0..MEMBERS_PER_SLICE_MAX {
            if let Some(payload) = self.next_payload() {
                return Ok(TarSlice { payload: Some(payload), has_more: true });
            }
            out.resize(out.len() + std::mem::take(&mut self.padding_len) as usize, 0);
            if out.len() >= out_len_max {
                break;
            }
            let Some(member) = self.members.next_member() else { return self.continue_walk(store, out) };
            self.write_member(&member, store, out)?;
        }
        Ok(TarSlice { payload: None, has_more: true })
    }

    /// The next part of the member that is being sent.
    fn next_payload(&mut self) -> Option<TarPayload> {
        let mut payload = self.payload.take()?;
        if let TarPayload::File(range) = &mut payload
            && range.len > RANGE_LEN_MAX
        {
            let (offset, len) = (range.offset + RANGE_LEN_MAX, range.len - RANGE_LEN_MAX);
            range.len = RANGE_LEN_MAX;
            self.payload = Some(TarPayload::File(FileRange { file: Rc::clone(&range.file), offset, len }));
        }
        Some(payload)
    }

    /// What was found has been sent: finds more, or ends the archive.
    fn continue_walk(&mut self, store: &ContentSource, out: &mut Vec<u8>) -> Result<TarSlice, ArchiveError> {
        let has_more = !self.walk.is_done();
        if has_more {
            self.members.clear();
            self.walk.step(store, &mut self.members)?;
        } else {
            out.extend_from_slice(tar_header::END);
        }
        Ok(TarSlice { payload: None, has_more })
    }

    fn write_header(&self, member: &Member, out: &mut Vec<u8>) {
        let path = [&self.name, &b"/"[..], self.members.path(member)].concat();
        tar_header::write_header(out, &path, member.kind, member.modified_secs);
    }

    fn write_member(
        &mut self,
        member: &Member,
        store: &ContentSource,
        out: &mut Vec<u8>,
    ) -> Result<(), ArchiveError> {
        let (Kind::File { len, is_executable }, None) = (member.kind, member.page) else {
            self.write_header(member, out);
            self.payload = member.page.map(|page| TarPayload::Static(page.bytes()));
            self.padding_len = tar_header::padding_len(member.kind.len());
            return Ok(());
        };
        let (file, len) = match self.open_member(member, len, store) {
            // Nobody was told that it would come.
            Err(ArchiveError::Failed(error)) if error.is_unservable() && !self.is_len_known => return Ok(()),
            file => file?,
        };
        let mut as_sent = *member;
        as_sent.kind = Kind::File { len, is_executable };
        self.write_header(&as_sent, out);
        if len > COPIED_LEN_MAX {
            self.payload = Some(TarPayload::File(FileRange { file: Rc::new(file), offset: 0, len }));
            self.padding_len = tar_header::padding_len(len);
            return Ok(());
        }
        let start = out.len();
        out.resize(start + len as usize, 0);
        let read_len = read_at(&file, out.get_mut(start..).unwrap_or_default(), 0)?;
        if read_len as u64 != len {
            return Err(ArchiveError::Shrank);
        }
        tar_header::pad(out, len);
        Ok(())
    }

    /// Opens a file, and says how much of it is sent: what was promised of it, however long it is now,
    /// or all.
    fn open_member(
        &self,
        member: &Member,
        len: u64,
        store: &ContentSource,
    ) -> Result<(OpenFile, u64), ArchiveError> {
        let path = join(&self.walk.directory, self.members.path(member));
        let root = store.root().ok_or(LookupError::NotFound)?;
        match root.open_file(&path)? {
            OpenedPath::File(_, stat) if self.is_len_known && stat.len < len => Err(ArchiveError::Shrank),
            OpenedPath::File(file, stat) => Ok((file, if self.is_len_known { len } else { stat.len })),
            OpenedPath::Directory => Err(LookupError::NotRegular.into()),
        }
    }
}

#[cfg(test)]
mod tests;
