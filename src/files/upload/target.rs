//! Target of an upload: an open directory and a name in it.
//!
//! All steps stay below the root; a symlink that has the name is never followed.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags, mkdirat, openat, statx, unlinkat};
use rustix::io::Errno;

use super::UploadError;
use super::link_name::{mode_of, open_existing};
use crate::files::cache::is_usable;
use crate::files::coding::Coding;
use crate::files::open_file::{FileCloser, OpenFile};
use crate::files::path::{RelativePath, beneath, split_last};
use crate::files::root::{FileStat, LookupError, Root, open_beneath};
use crate::files::source::{ContentSource, Resource, load};

/// Missing directories that one upload makes: each costs system calls on the loop.
const DIRECTORIES_MADE_MAX: usize = 32;
/// Attempts to open directories that other requests make meanwhile.
const OPEN_RESTARTS_MAX: usize = 8;
/// Before the umask.
const NEW_DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);
/// `getdents` buffer: some entries, of at most 280 bytes each.
const DIR_BUFFER_LEN: usize = 1024;

/// File with the target name.
#[derive(Debug)]
pub enum ExistingFile {
    /// No file.
    Absent,
    /// Replaceable but not readable.
    Unreadable,
    /// Readable file.
    File(Box<Resource>),
}

/// Open directory and a name in it.
#[derive(Debug)]
pub struct UploadTarget {
    pub(super) dir: Arc<OwnedFd>,
    pub(super) name: CString,
    pub(super) closer: FileCloser,
    /// Directories below `dir` that `name` needs, the last one first.
    missing: Vec<CString>,
    pub(super) names_directory: bool,
}

/// True if the directory exists; empty for the root.
pub fn is_upload_directory(store: &ContentSource, upload_dir: &[u8]) -> bool {
    store
        .root
        .as_ref()
        .is_some_and(|root| root.stat(upload_dir).is_ok_and(|stat| stat.kind == FileType::Directory))
}

/// Whether `path` is a directory that takes uploads.
pub fn takes_uploads(store: &ContentSource, upload_dir: &[u8], path: &RelativePath<'_>) -> bool {
    let dir = path.as_bytes();
    let is_below = dir == upload_dir || beneath(upload_dir, dir).is_some();
    (dir.is_empty() || path.has_trailing_slash()) && is_below && is_upload_directory(store, dir)
}

impl UploadTarget {
    /// Opens the directory of `path`, below `upload_dir`. With `may_make`, it may be missing.
    pub fn open(
        store: &ContentSource,
        upload_dir: &[u8],
        path: &RelativePath<'_>,
        may_make: bool,
    ) -> Result<UploadTarget, UploadError> {
        let root = store.root.as_ref().ok_or(UploadError::Embedded)?;
        let is_directory_itself = path.as_bytes() == upload_dir;
        let outside = if is_directory_itself { UploadError::Directory } else { UploadError::Outside };
        let inner = beneath(upload_dir, path.as_bytes()).ok_or(outside)?;
        if store.embedded_page(path.as_bytes()).is_some() {
            return Err(UploadError::Embedded);
        }
        let (parent, name) = split_last(inner);
        // A `RelativePath` has no NUL.
        let name = CString::new(name).map_err(|_| UploadError::NoParent)?;
        let (dir, missing) = match (upload_dir, parent) {
            (b"", b"") => (root.shared_dir()?, Vec::new()),
            _ => open_parent(root, upload_dir, parent, may_make)?,
        };
        let (closer, names_directory) = (root.closer.clone(), path.has_trailing_slash());
        Ok(UploadTarget { dir, name, closer, missing, names_directory })
    }

    /// Directory of the name.
    pub fn directory(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.dir)
    }

    pub(super) fn mode(&self) -> Result<Option<u32>, UploadError> {
        match self.names_directory {
            true => Err(UploadError::Directory),
            false if self.missing.is_empty() => mode_of(&self.dir, &self.name),
            false => Ok(None),
        }
    }

    fn kind(&self) -> Result<Option<FileType>, Errno> {
        if !self.missing.is_empty() {
            return Ok(None);
        }
        match statx(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE) {
            Err(Errno::NOENT) => Ok(None),
            stat => Ok(Some(FileType::from_raw_mode(stat?.stx_mode.into()))),
        }
    }

    pub(super) fn is_free(&self) -> Result<bool, Errno> {
        Ok(self.kind()?.is_none())
    }

    /// Whether a PUT may succeed: permissions and space show only when it is tried.
    pub fn may_store(&self, may_replace: bool) -> bool {
        self.mode().is_ok_and(|mode| mode.is_none() || may_replace)
    }

    /// Whether [`Self::make_directory`] may succeed.
    pub fn may_make_directory(&self) -> bool {
        self.missing.is_empty() && matches!(self.kind(), Ok(None))
    }

    /// Whether [`Self::remove`] may succeed.
    pub fn may_remove(&self) -> bool {
        match self.kind() {
            Ok(Some(FileType::RegularFile | FileType::Symlink)) => !self.names_directory,
            Ok(Some(FileType::Directory)) => self.is_empty_directory().unwrap_or(false),
            _ => false,
        }
    }

    fn is_empty_directory(&self) -> Result<bool, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(&self.dir, &self.name, flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); DIR_BUFFER_LEN];
        let mut reader = RawDir::new(&dir, &mut buffer);
        while let Some(entry) = reader.next() {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes a file or an empty directory; of a symlink, the link itself.
    pub fn remove(&self) -> Result<(), UploadError> {
        let flags = match self.kind()?.ok_or(UploadError::Absent)? {
            FileType::Directory => AtFlags::REMOVEDIR,
            FileType::RegularFile | FileType::Symlink if self.names_directory => {
                return Err(UploadError::Absent);
            }
            FileType::RegularFile | FileType::Symlink => AtFlags::empty(),
            _ => return Err(UploadError::NotRegular),
        };
        let _old = self.keep_open();
        match unlinkat(&self.dir, &self.name, flags) {
            Err(Errno::NOENT) => Err(UploadError::Absent),
            Err(Errno::EXIST) => Err(UploadError::NotEmpty),
            removed => Ok(removed?),
        }
    }

    /// The last link of a file frees its blocks, unless the file is open: another thread closes it.
    pub(super) fn keep_open(&self) -> Option<OpenFile> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let old = openat(&self.dir, &self.name, flags, Mode::empty()).ok()?;
        Some(OpenFile::new(old.into(), u64::MAX, &self.closer))
    }

    /// Makes the directory.
    pub fn make_directory(&self) -> Result<(), UploadError> {
        match mkdirat(&self.dir, &self.name, NEW_DIRECTORY_MODE) {
            Err(Errno::EXIST) => Err(UploadError::Directory),
            made => Ok(made?),
        }
    }

    /// Adds the new directories to `made`, by parent and name, even if one fails.
    pub(super) fn make_missing(&mut self, made: &mut Vec<(Arc<OwnedFd>, CString)>) -> Result<(), Errno> {
        let mut dir = Arc::clone(&self.dir);
        while let Some(name) = self.missing.pop() {
            match mkdirat(&dir, &name, NEW_DIRECTORY_MODE) {
                Ok(()) => made.push((Arc::clone(&dir), name.clone())),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            dir = open_beneath(&dir, name.as_bytes(), flags)?.into();
        }
        self.dir = dir;
        Ok(())
    }

    /// File with the target name, or its precompressed file, with validators reliable at `now`.
    pub fn existing(&self, coding: Option<Coding>, now: SystemTime) -> Result<ExistingFile, UploadError> {
        let name = [self.name.as_bytes(), coding.map_or("", Coding::suffix).as_bytes()].concat();
        let name = CString::new(name).map_err(|_| UploadError::NoParent)?;
        let file = match open_existing(&self.dir, &name) {
            _ if !self.missing.is_empty() => return Ok(ExistingFile::Absent),
            Ok(Some(file)) => file,
            Ok(None) => return Ok(ExistingFile::Absent),
            Err(UploadError::Forbidden) => return Ok(ExistingFile::Unreadable),
            Err(error) => return Err(error),
        };
        let stat = FileStat::of(&file)?;
        if stat.kind != FileType::RegularFile {
            return Err(UploadError::NotRegular);
        }
        match load(OpenFile::new(file, stat.len, &self.closer), stat, name.as_bytes()) {
            Ok(resource) => Ok(ExistingFile::File(Box::new(resource.with_validators_at(now)))),
            Err(LookupError::Failed(error)) => Err(error.into()),
            Err(_) => Err(UploadError::Busy),
        }
    }

    /// Files that a GET may get in place of `original`: precompressed, or with a generated gzip.
    pub fn encoded_files(&self, original: &Resource, now: SystemTime) -> impl Iterator<Item = Resource> {
        let precompressed = move |coding| match self.existing(Some(coding), now) {
            Ok(ExistingFile::File(file)) if is_usable(&file.stat?, &original.stat?) => {
                Some(Resource { coding: Some(coding), ..*file })
            }
            _ => None,
        };
        let gzip = Resource { coding: Some(Coding::Gzip), ..original.clone() };
        Coding::ALL.into_iter().filter_map(precompressed).chain([gzip])
    }
}

/// Opens the closest existing directory; returns the missing names too.
fn open_parent(
    root: &Root,
    upload_dir: &[u8],
    path: &[u8],
    may_make: bool,
) -> Result<(Arc<OwnedFd>, Vec<CString>), UploadError> {
    let (mut parent, mut missing, mut restarts) = (path, Vec::<CString>::new(), 0);
    loop {
        match root.open_directory(upload_dir, parent) {
            Err(Errno::NOENT) if may_make && !parent.is_empty() && missing.len() < DIRECTORIES_MADE_MAX => {
                let (above, name) = split_last(parent);
                missing.push(CString::new(name).map_err(|_| UploadError::NoParent)?);
                parent = above;
            }
            Ok(dir) if missing.last().is_some_and(|name| !Root::is_absent(&dir, name.as_bytes())) => {
                // Another request has just made it, or a dangling symlink has the name.
                restarts += 1;
                if restarts > OPEN_RESTARTS_MAX {
                    return Err(UploadError::NoParent);
                }
                (parent, missing) = (path, Vec::new());
            }
            dir => return Ok((Arc::new(dir?), missing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl UploadTarget {
        pub(crate) fn in_directory(dir: Arc<OwnedFd>, name: CString) -> Self {
            let (closer, missing) = (FileCloser::default(), Vec::new());
            Self { dir, name, closer, missing, names_directory: false }
        }
    }
}
