//! Atomic uploads: a file gets its name only when complete.
//!
//! An unnamed file (`O_TMPFILE`) leaves nothing even if the process is killed. Without it, a hidden name is used. All
//! steps stay below the root; a symlink to the target is never followed.

mod error;
mod link_name;
mod writer;

pub use self::error::UploadError;
pub use self::writer::SpacePolicy;

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, RenameFlags, fchmod, openat, renameat, renameat_with};
use rustix::io::Errno;

use self::link_name::{
    LINK_ATTEMPTS_MAX, create_hidden, create_tmpfile, link, mode_of, open_existing, other_fs_is_stale,
    remove_hidden, retry_hidden,
};
use self::writer::UploadWriter;
use super::cache::is_usable;
use super::coding::Coding;
use super::file_version::{ContentHash, FileVersion};
use super::open_file::{FileCloser, OpenFile};
use super::path::{RelativePath, beneath, split_last};
use super::root::{FileKind, FileStat, LookupError};
use super::source::{ContentSource, Resource, SMALL_FILE_LEN_MAX, load};

/// Before the umask.
const NEW_FILE_MODE: u32 = 0o666;

/// Stored file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// True if the name was free.
    pub created: bool,
    /// `None` for a large file: its times are not stable yet.
    pub version: Option<FileVersion>,
}

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

/// Upload in progress; leaves nothing if dropped.
///
/// Extension points: resuming in [`Upload::begin`], digests in [`Upload::write`].
#[derive(Debug)]
pub struct Upload {
    path: RelativePath<'static>,
    dir: Arc<OwnedFd>,
    name: CString,
    file: UploadWriter,
    hidden_name: Option<CString>,
    hash: ContentHash,
    closer: FileCloser,
}

/// True if the directory exists; empty for the root.
pub fn is_upload_directory(store: &ContentSource, upload_dir: &[u8]) -> bool {
    store.root().is_some_and(|root| root.stat(upload_dir).is_ok_and(|stat| stat.kind == FileKind::Directory))
}

/// As [`Upload::begin`], except for permissions and space, which only an attempt shows.
pub fn may_store(store: &ContentSource, upload_dir: &[u8], path: &RelativePath<'_>) -> bool {
    open_parent(store, upload_dir, path).is_ok_and(|(dir, name)| mode_of(&dir, &name).is_ok())
}

fn open_parent(
    store: &ContentSource,
    upload_dir: &[u8],
    path: &RelativePath<'_>,
) -> Result<(OwnedFd, CString), UploadError> {
    let root = store.root().ok_or(UploadError::Embedded)?;
    let is_directory_itself = path.as_bytes() == upload_dir;
    let outside = if is_directory_itself { UploadError::Directory } else { UploadError::Outside };
    let inner = beneath(upload_dir, path.as_bytes()).ok_or(outside)?;
    if path.has_trailing_slash() {
        return Err(UploadError::Directory);
    }
    if store.is_embedded(path.as_bytes()) {
        return Err(UploadError::Embedded);
    }
    let (parent, name) = split_last(inner);
    // A `RelativePath` has no NUL.
    let name = CString::new(name).map_err(|_| UploadError::NoParent)?;
    Ok((root.open_directory(upload_dir, parent)?, name))
}

impl Upload {
    /// Open descriptors: file and directory.
    pub const DESCRIPTORS: u64 = 2;

    /// Begins an upload below `upload_dir`, empty for the root.
    pub fn begin(
        store: &ContentSource,
        upload_dir: &[u8],
        path: &RelativePath<'_>,
        space: SpacePolicy,
    ) -> Result<Upload, UploadError> {
        let (dir, name) = open_parent(store, upload_dir, path)?;
        // Never more readable than the replaced file.
        let mode = mode_of(&dir, &name)?.unwrap_or(NEW_FILE_MODE);
        let (file, hidden) = match create_tmpfile(&dir, mode)? {
            Some(file) => (file, None),
            None => create_hidden(&dir, mode).map(|(file, hidden)| (file, Some(hidden)))?,
        };
        let closer = store.root().map(|root| root.closer.clone()).unwrap_or_default();
        let file = OpenFile::for_writing(file, closer.clone());
        let file = UploadWriter::new(file, closer.clone(), space)
            .inspect_err(|_| hidden.iter().for_each(|hidden| remove_hidden(&dir, hidden)))?;
        let hash = ContentHash::new(SMALL_FILE_LEN_MAX);
        let (path, dir) = (path.to_owned(), Arc::new(dir));
        Ok(Upload { path, closer, dir, name, file, hidden_name: hidden, hash })
    }

    /// Appends content.
    ///
    /// # Errors
    /// `Full`, `Busy` or `Failed`; the upload is useless then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.hash.update(bytes);
        self.file.write(bytes)
    }

    /// Makes the content durable. Blocks. Not to be repeated: a failed sync may have dropped the data.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub fn sync(&mut self) -> Result<(), UploadError> {
        self.file.sync()
    }

    /// For [`DirSync`](super::DirSync), once the file has its name.
    pub fn directory(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.dir)
    }

    /// File with the target name, or its precompressed file, with validators reliable at `now`.
    ///
    /// # Errors
    /// `Directory` or `NotRegular`; `Busy` or `Failed` if unreadable.
    pub fn existing(&self, coding: Option<Coding>, now: SystemTime) -> Result<ExistingFile, UploadError> {
        let name = [self.name.as_bytes(), coding.map_or("", Coding::suffix).as_bytes()].concat();
        let name = CString::new(name).map_err(|_| UploadError::NoParent)?;
        let file = match open_existing(&self.dir, &name) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(ExistingFile::Absent),
            Err(UploadError::Forbidden) => return Ok(ExistingFile::Unreadable),
            Err(error) => return Err(error),
        };
        let stat = FileStat::of(&file)?;
        if stat.kind != FileKind::File {
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

    /// Finds the directory anew: it may have been moved or replaced since the last time. True if it was not.
    ///
    /// # Errors
    /// `NoParent`, `Busy`; `Stale` without a root.
    pub fn follow_path(&mut self, store: &ContentSource, upload_dir: &[u8]) -> Result<bool, UploadError> {
        let (dir, _) = open_parent(store, upload_dir, &self.path)?;
        if let Some(hidden) = &self.hidden_name {
            renameat(&self.dir, hidden, &dir, hidden).map_err(other_fs_is_stale)?;
        }
        let old = std::mem::replace(&mut self.dir, Arc::new(dir));
        Ok(FileStat::of(&old)?.id() == FileStat::of(&self.dir)?.id())
    }

    /// Names the complete file, replacing any old file, if `condition` holds: checked again after each lost race.
    ///
    /// # Errors
    /// Every [`UploadError`] except `Outside`; an old file is unchanged.
    pub fn commit_if(
        &mut self,
        mut condition: impl FnMut(&Upload) -> Result<bool, UploadError>,
    ) -> Result<StoredFile, UploadError> {
        self.file.flush()?;
        for _ in 0..LINK_ATTEMPTS_MAX {
            let mode = mode_of(&self.dir, &self.name)?;
            if !condition(self)? {
                return Err(UploadError::PreconditionFailed);
            }
            let created = mode.is_none();
            match mode {
                Some(mode) => {
                    fchmod(&self.file, Mode::from_raw_mode(mode))?;
                    self.rename_over()?;
                }
                None => match self.link_new() {
                    Err(Errno::EXIST) => continue,
                    linked => linked?,
                },
            }
            let stat = FileStat::of(&self.file)?;
            return Ok(StoredFile { created, version: self.hash.version(&stat) });
        }
        Err(UploadError::Busy)
    }

    fn link_new(&mut self) -> Result<(), Errno> {
        let Some(hidden) = &self.hidden_name else { return link(&self.file, &self.dir, &self.name) };
        match renameat_with(&self.dir, hidden, &self.dir, &self.name, RenameFlags::NOREPLACE) {
            // Not every file system supports this.
            Err(Errno::INVAL | Errno::NOSYS) => renameat(&self.dir, hidden, &self.dir, &self.name)?,
            result => result?,
        }
        self.hidden_name = None;
        Ok(())
    }

    fn rename_over(&mut self) -> Result<(), Errno> {
        let hidden = match self.hidden_name.take() {
            Some(hidden) => hidden,
            None => retry_hidden(|hidden| link(&self.file, &self.dir, hidden))?.1,
        };
        let hidden = self.hidden_name.insert(hidden);
        // A rename over the last link of a file frees its blocks, unless the file is open.
        let old =
            openat(&self.dir, &self.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        renameat(&self.dir, &*hidden, &self.dir, &self.name)?;
        self.hidden_name = None;
        if let Ok(old) = old {
            self.closer.close(old);
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.hidden_name.iter().for_each(|hidden| remove_hidden(&self.dir, hidden));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use tempfile::TempDir;

    use super::super::Root;

    impl Upload {
        fn commit(mut self) -> Result<StoredFile, UploadError> {
            self.commit_if(|_| Ok(true))
        }
    }

    fn site() -> (TempDir, ContentSource) {
        let directory = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(directory.path().join("in/sub")).expect("folders");
        fs::write(directory.path().join("old"), "old").expect("a file");
        let root = Root::open(directory.path()).expect("a root");
        (directory, ContentSource::Disk(root))
    }

    fn begin(store: &ContentSource, upload_dir: &str, path: &str) -> Result<Upload, UploadError> {
        let path = RelativePath::parse(path.as_bytes()).expect("a path");
        Upload::begin(store, upload_dir.as_bytes(), &path, SpacePolicy::default())
    }

    /// Upload as on a file system without `O_TMPFILE`.
    fn begin_hidden(directory: &Path, name: &str) -> Upload {
        let root = Root::open(directory).expect("a root");
        let dir = root.open_directory(b"", b"").expect("the folder");
        let (file, hidden) = create_hidden(&dir, NEW_FILE_MODE).expect("a hidden file");
        let path = RelativePath::parse_plain(name.as_bytes()).expect("a path");
        let name = CString::new(name).expect("a name");
        let hash = ContentHash::new(SMALL_FILE_LEN_MAX);
        let closer = FileCloser::default();
        let file = UploadWriter::new(file.into(), closer.clone(), SpacePolicy::default()).expect("space");
        Upload { path, dir: Arc::new(dir), name, file, hidden_name: Some(hidden), hash, closer }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    #[test]
    fn upload_gets_its_name_only_at_commit() {
        let (directory, store) = site();
        for (path, created) in [("/new", true), ("/new", false), ("/old", false), ("/in/sub/new", true)] {
            let mut upload = begin(&store, "", path).expect("it begins");
            upload.write(b"con").expect("it takes it");
            upload.write(&[b'x'; 100_000]).expect("it takes it");
            assert!(!names(directory.path()).iter().any(|name| name.starts_with('.')));
            let before = fs::read(directory.path().join(&path[1..])).ok();
            assert!(before.is_none_or(|bytes| bytes.len() != 100_003 || !created));
            let stored = upload.commit().expect("it is stored");
            assert_eq!((stored.created, stored.version), (created, None), "{path}");
            assert_eq!(fs::read(directory.path().join(&path[1..])).expect("the file").len(), 100_003);
        }
        assert_eq!(names(directory.path()), ["in", "new", "old"]);
    }

    #[test]
    fn dropped_upload_leaves_no_file() {
        let (directory, store) = site();
        let mut upload = begin(&store, "", "/old").expect("it begins");
        upload.write(b"half").expect("it takes it");
        drop(upload);
        let mut upload = begin_hidden(directory.path(), "old");
        upload.write(b"half").expect("it takes it");
        assert_eq!(names(directory.path()).len(), 3, "it has a hidden name");
        drop(upload);
        assert_eq!(names(directory.path()), ["in", "old"]);
        assert_eq!(fs::read(directory.path().join("old")).expect("the file"), b"old");
    }
    #[test]
    fn commit_renames_hidden_file_and_keeps_old_mode() {
        let (directory, _store) = site();
        fs::set_permissions(directory.path().join("old"), fs::Permissions::from_mode(0o640)).expect("a mode");
        for (name, created) in [("new", true), ("old", false)] {
            let mut upload = begin_hidden(directory.path(), name);
            upload.write(b"content").expect("it takes it");
            assert_eq!(upload.commit().expect("it is stored").created, created);
            assert_eq!(fs::read(directory.path().join(name)).expect("the file"), b"content");
        }
        assert_eq!(names(directory.path()), ["in", "new", "old"]);
        let mode = fs::metadata(directory.path().join("old")).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn commit_depends_on_what_has_the_name_at_the_end() {
        let (directory, store) = site();
        let target = directory.path().join("x");
        let begun = || begin(&store, "", "/x").expect("it begins");
        let upload = begun();
        fs::write(&target, "quicker").expect("a file");
        assert!(!upload.commit().expect("it is stored").created);

        let upload = begun();
        fs::remove_file(&target).expect("it was there");
        assert!(upload.commit().expect("it is stored").created);

        fs::remove_file(&target).expect("it was there");
        let uploads = [begun(), begun()];
        fs::create_dir(&target).expect("a folder");
        let [first, second] = uploads;
        assert!(matches!(first.commit(), Err(UploadError::Directory)));
        fs::remove_dir(&target).expect("it is empty");
        symlink("old", &target).expect("a link");
        assert!(matches!(second.commit(), Err(UploadError::NotRegular)));
        assert_eq!(fs::read(directory.path().join("old")).expect("the file"), b"old");
        assert_eq!(names(directory.path()), ["in", "old", "x"]);
    }

    #[test]
    fn stored_version_equals_version_on_read() {
        let (_folder, store) = site();
        for content in ["", "content", "another content"] {
            let mut upload = begin(&store, "", "/old").expect("it begins");
            content.as_bytes().chunks(3).for_each(|piece| upload.write(piece).expect("it takes it"));
            let stored = upload.commit().expect("it is stored");
            let upload = begin(&store, "", "/old").expect("it begins");
            let Ok(ExistingFile::File(existing)) = upload.existing(None, SystemTime::UNIX_EPOCH) else {
                panic!("it is there")
            };
            assert!(stored.version.is_some() && stored.version == existing.version, "{content}");
        }
        let upload = begin(&store, "", "/new").expect("it begins");
        assert!(matches!(upload.existing(None, SystemTime::UNIX_EPOCH), Ok(ExistingFile::Absent)));
    }

    #[test]
    fn commit_if_rechecks_condition_after_race() {
        let (directory, store) = site();
        let target = directory.path().join("new");
        let nothing = |upload: &Upload| match upload.existing(None, SystemTime::UNIX_EPOCH)? {
            ExistingFile::Absent => Ok(true),
            ExistingFile::Unreadable | ExistingFile::File(_) => Ok(false),
        };
        let quicker = |upload: &Upload| {
            let condition = nothing(upload);
            fs::write(&target, "quicker").expect("a file");
            condition
        };
        let mut upload = begin(&store, "", "/new").expect("it begins");
        assert!(matches!(upload.commit_if(quicker), Err(UploadError::PreconditionFailed)));
        assert_eq!(fs::read(&target).expect("the file"), b"quicker");
        let mut upload = begin(&store, "", "/newer").expect("it begins");
        assert!(upload.commit_if(nothing).expect("it is stored").created);
        assert_eq!(names(directory.path()), ["in", "new", "newer", "old"]);
    }

    #[test]
    fn commit_into_removed_directory_gives_no_parent() {
        let (directory, store) = site();
        let upload = begin(&store, "", "/in/sub/x").expect("it begins");
        fs::remove_dir(directory.path().join("in/sub")).expect("it is empty");
        assert!(matches!(upload.commit(), Err(UploadError::NoParent)));
    }

    #[test]
    fn upload_follows_replaced_directory() {
        let (directory, mut store) = site();
        let inner = directory.path().join("in");
        let mut uploads = [begin(&store, "in", "/in/x").expect("it begins"), begin_hidden(&inner, "y")];
        uploads[1].path = RelativePath::parse_plain(b"in/y").expect("a path");
        for upload in &mut uploads {
            upload.write(b"content").expect("it takes it");
            upload.follow_path(&store, b"in").expect("the directory is there");
        }
        fs::rename(&inner, directory.path().join("gone")).expect("renames");
        for upload in &mut uploads {
            assert!(matches!(upload.follow_path(&store, b"in"), Err(UploadError::NoParent)));
        }
        fs::create_dir(&inner).expect("a directory");
        for mut upload in uploads {
            upload.follow_path(&store, b"in").expect("the directory is there");
            assert!(upload.commit_if(|_| Ok(true)).expect("it is stored").created);
            assert!(upload.follow_path(&store, b"in").expect("the directory is there"), "it is the same");
            fs::rename(&inner, directory.path().join("moved")).expect("renames");
            assert!(matches!(upload.follow_path(&store, b"in"), Err(UploadError::NoParent)));
            fs::create_dir(&inner).expect("a directory");
            assert!(!upload.follow_path(&store, b"in").expect("a directory is there"), "it is another");
            fs::remove_dir(&inner).expect("it is empty");
            fs::rename(directory.path().join("moved"), &inner).expect("renames");
        }
        assert_eq!(
            (names(&inner), names(&directory.path().join("gone"))),
            (vec!["x".into(), "y".into()], vec!["sub".into()])
        );
        let mut upload = begin(&store, "in", "/in/z").expect("it begins");
        fs::remove_dir_all(directory.path()).expect("removes");
        assert!(store.root_mut().expect("a root").follow_path().is_err());
        assert!(matches!(upload.follow_path(&store, b"in"), Err(UploadError::Stale)));
        assert!(matches!(begin(&store, "in", "/in/z"), Err(UploadError::Stale)));
    }

    #[test]
    fn begin_accepts_only_paths_below_upload_directory() {
        let (_folder, store) = site();
        for (upload_dir, path, expected) in [
            ("", "/x", ""),
            ("in", "/in/x", ""),
            ("in", "/in/sub/x", ""),
            ("in/sub", "/in/sub/x", ""),
            ("in", "/x", "Outside"),
            ("in", "/inx", "Outside"),
            ("in", "/in", "Directory"),
            ("in", "/in/", "Directory"),
            ("in/sub", "/in/x", "Outside"),
            ("", "/", "Directory"),
            ("", "/in", "Directory"),
            ("", "/none/x", "NoParent"),
            ("none", "/none/x", "NoParent"),
        ] {
            let error = begin(&store, upload_dir, path).err().map(|error| format!("{error:?}"));
            assert_eq!(error.unwrap_or_default(), expected, "{path} within {upload_dir:?}");
            let name = RelativePath::parse(path.as_bytes()).expect(path);
            assert_eq!(may_store(&store, upload_dir.as_bytes(), &name), expected.is_empty(), "{path}");
        }
        assert!(matches!(begin(&ContentSource::Embedded, "", "/x"), Err(UploadError::Embedded)));
        let ContentSource::Disk(root) = store else { panic!("it is a directory") };
        let store = ContentSource::DiskWithSource(root);
        assert!(matches!(begin(&store, "", "/server-code.html"), Err(UploadError::Embedded)));
        assert!(begin(&store, "", "/x").is_ok());
        assert!(is_upload_directory(&store, b"in/sub") && is_upload_directory(&store, b""));
        assert!(!is_upload_directory(&store, b"old") && !is_upload_directory(&store, b"none"));
    }
}
