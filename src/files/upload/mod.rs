//! Atomic uploads: a file gets its name only when complete.
//!
//! An unnamed file (`O_TMPFILE`) leaves nothing even if the process is killed. Without it, a hidden name is used.

mod error;
mod link_name;
mod naming;
mod partial;
mod target;
mod writer;

pub use self::error::UploadError;
pub use self::naming::Naming;
pub use self::partial::{PartialId, PartialLease, PartialLeases, PartialUpload, PartialUploads};
pub use self::target::{ExistingFile, UploadTarget, is_upload_directory, takes_uploads};
pub use self::writer::SpacePolicy;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, unlinkat};

use self::link_name::{HiddenName, create_hidden, create_tmpfile};
use self::writer::UploadWriter;
use super::file_version::{ContentHash, FileVersion};
use super::open_file::OpenFile;
use super::path::RelativePath;
use super::root::FileStat;
use super::source::{ContentSource, SMALL_FILE_LEN_MAX, read_up_to};

/// Before the umask.
const NEW_FILE_MODE: u32 = 0o666;

/// Stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Path, whose name may have got a number.
    pub path: Vec<u8>,
    /// True if the name was free.
    pub created: bool,
    /// `None` for a large file: its times are not stable yet.
    pub version: Option<FileVersion>,
    /// mtime in Unix seconds.
    pub modified_secs: i64,
}

/// Upload in progress; leaves nothing if dropped.
#[derive(Debug)]
pub struct Upload {
    path: RelativePath<'static>,
    target: UploadTarget,
    naming: Naming,
    /// Removed before the file is closed, which frees its blocks.
    hidden_name: Option<HiddenName>,
    file: UploadWriter,
    hash: ContentHash,
    changed: Vec<Arc<OwnedFd>>,
}
impl Upload {
    /// Open descriptors: file and directory.
    pub const DESCRIPTORS: u64 = 2;

    /// Begins an upload below `upload_dir`, empty for the root, or appends to a partial one, which stays if this is
    /// dropped.
    ///
    /// # Errors
    /// For a partial one also `NoUpload`, `OtherFileSystem`.
    pub fn begin(
        store: &ContentSource,
        upload_dir: &[u8],
        path: &RelativePath<'_>,
        naming: Naming,
        space: SpacePolicy,
        partial: Option<&PartialUpload>,
    ) -> Result<Upload, UploadError> {
        let target = UploadTarget::open(store, upload_dir, path, naming == Naming::MakesDirectories)?;
        let mode = match naming {
            Naming::KeepsExisting if !target.names_directory => NEW_FILE_MODE,
            // Never more readable than the replaced file.
            _ => target.mode()?.unwrap_or(NEW_FILE_MODE),
        };
        let (file, hidden_name) = match partial {
            Some(partial) => partial.open_data(&target.dir)?,
            None => create_file(store, upload_dir, &target.dir, mode)?,
        };
        let file = OpenFile::for_writing(file, target.closer.clone());
        let file = UploadWriter::new(file, target.closer.clone(), space, partial.is_some())?;
        let mut hash = ContentHash::new(SMALL_FILE_LEN_MAX);
        if let Some(offset) = partial.and_then(|partial| partial.offset) {
            hash.update(&read_up_to(&file, 0, offset.min(SMALL_FILE_LEN_MAX + 1))?);
        }
        let (path, changed) = (path.to_owned(), Vec::new());
        Ok(Upload { path, target, naming, file, hidden_name, hash, changed })
    }

    /// Appends content.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.hash.update(bytes);
        self.file.write(bytes)
    }

    /// Makes the content durable, with this mtime in Unix seconds. Blocks. Not to be repeated: a failed sync may have
    /// dropped the data.
    pub fn sync(&mut self, modified_secs: Option<i64>) -> Result<(), UploadError> {
        self.file.sync(modified_secs)
    }

    /// Directories to sync once the file has its name.
    pub fn changed_directories(&mut self) -> Vec<Arc<OwnedFd>> {
        self.changed.push(self.target.directory());
        std::mem::take(&mut self.changed)
    }

    /// Target directory and name.
    pub fn target(&self) -> &UploadTarget {
        &self.target
    }

    /// Finds the directory anew; false if it was moved or replaced.
    pub fn follow_path(&mut self, store: &ContentSource, upload_dir: &[u8]) -> Result<bool, UploadError> {
        let may_make = self.naming == Naming::MakesDirectories;
        let target = UploadTarget::open(store, upload_dir, &self.path, may_make)?;
        let old = std::mem::replace(&mut self.target, target);
        // The root's directory is opened once.
        if Arc::ptr_eq(&old.dir, &self.target.dir) {
            return Ok(true);
        }
        Ok(FileStat::of(&old.dir)?.id() == FileStat::of(&self.target.dir)?.id())
    }

    /// Names the complete file, replacing any old file, if `condition` holds: checked again after each lost race.
    pub fn commit_if(
        &mut self,
        condition: impl FnMut(&UploadTarget) -> Result<(), UploadError>,
    ) -> Result<StoredFile, UploadError> {
        self.file.flush()?;
        let mut made = Vec::new();
        let made_all = self.target.make_missing(&mut made).map_err(UploadError::from);
        let stored = made_all.and_then(|()| self.name_if(condition));
        if stored.is_err() {
            for (dir, name) in made.drain(..).rev() {
                // Others may use it by now.
                let _ = unlinkat(dir, name, AtFlags::REMOVEDIR);
            }
        }
        self.changed.extend(made.into_iter().map(|(dir, _)| dir));
        stored
    }
}

fn create_file(
    store: &ContentSource,
    upload_dir: &[u8],
    dir: &Arc<OwnedFd>,
    mode: u32,
) -> Result<(File, Option<HiddenName>), UploadError> {
    if let Some(file) = create_tmpfile(dir, mode)? {
        return Ok((file, None));
    }
    // Where leftovers of a crash are swept, unless that is on another file system.
    let device = FileStat::of(dir)?.device;
    let (file, hidden) = match PartialUploads::open(store, upload_dir, true, (Duration::ZERO, false)) {
        Ok(partials) if partials.device()? == device => partials.create_whole(mode)?,
        _ => create_hidden(dir, mode)?,
    };
    Ok((file, Some(hidden)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use tempfile::TempDir;

    use super::super::Root;
    use std::time::SystemTime;

    impl Upload {
        fn commit(mut self) -> Result<StoredFile, UploadError> {
            self.commit_if(|_| Ok(()))
        }
    }

    fn site() -> (TempDir, ContentSource) {
        let directory = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(directory.path().join("in/sub")).expect("folders");
        fs::write(directory.path().join("old"), "old").expect("a file");
        let root = Root::open(directory.path()).expect("a root");
        (directory, ContentSource::disk(root))
    }

    fn begin(store: &ContentSource, upload_dir: &str, path: &str) -> Result<Upload, UploadError> {
        let path = RelativePath::parse(path.as_bytes()).expect("a path");
        Upload::begin(store, upload_dir.as_bytes(), &path, Naming::default(), SpacePolicy::default(), None)
    }

    /// Upload as on a file system without `O_TMPFILE`.
    fn begin_hidden(directory: &Path, name: &str) -> Upload {
        let root = Root::open(directory).expect("a root");
        let dir = Arc::new(root.open_directory(b"", b"").expect("the folder"));
        let (file, hidden) = create_hidden(&dir, NEW_FILE_MODE).expect("a hidden file");
        let path = RelativePath::parse_plain(name.as_bytes()).expect("a path");
        let name = CString::new(name).expect("a name");
        let hash = ContentHash::new(SMALL_FILE_LEN_MAX);
        let target = UploadTarget::in_directory(dir, name);
        let file =
            UploadWriter::new(OpenFile::from(file), target.closer.clone(), SpacePolicy::default(), false)
                .expect("space");
        let (hidden_name, changed) = (Some(hidden), Vec::new());
        Upload { path, target, naming: Naming::default(), file, hidden_name, hash, changed }
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
    fn commit_moves_hidden_file_into_made_directories() {
        let (directory, store) = site();
        for (last, is_stored) in [("a/b/new", true), ("c/d/new", false)] {
            let mut upload = begin_hidden(directory.path(), "new");
            let path = RelativePath::parse_plain(last.as_bytes()).expect("a path");
            upload.target = UploadTarget::open(&store, b"", &path, true).expect("it may be made");
            let condition = || if is_stored { Ok(()) } else { Err(UploadError::PreconditionFailed) };
            assert_eq!(upload.commit_if(|_| condition()).is_ok(), is_stored);
            assert_eq!(upload.changed_directories().len(), if is_stored { 3 } else { 1 });
        }
        assert_eq!(names(&directory.path().join("a/b")), ["new"]);
        assert_eq!(names(directory.path()), ["a", "in", "old"]);
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
            let Ok(ExistingFile::File(existing)) = upload.target.existing(None, SystemTime::UNIX_EPOCH)
            else {
                panic!("it is there")
            };
            assert!(stored.version.is_some() && stored.version == existing.version, "{content}");
        }
        let upload = begin(&store, "", "/new").expect("it begins");
        assert!(matches!(upload.target.existing(None, SystemTime::UNIX_EPOCH), Ok(ExistingFile::Absent)));
    }

    #[test]
    fn commit_if_rechecks_condition_after_race() {
        let (directory, store) = site();
        let path = directory.path().join("new");
        let nothing = |target: &UploadTarget| match target.existing(None, SystemTime::UNIX_EPOCH)? {
            ExistingFile::Absent => Ok(()),
            ExistingFile::Unreadable | ExistingFile::File(_) => Err(UploadError::PreconditionFailed),
        };
        let quicker = |target: &UploadTarget| {
            let condition = nothing(target);
            fs::write(&path, "quicker").expect("a file");
            condition
        };
        let mut upload = begin(&store, "", "/new").expect("it begins");
        assert!(matches!(upload.commit_if(quicker), Err(UploadError::PreconditionFailed)));
        assert_eq!(fs::read(&path).expect("the file"), b"quicker");
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
            assert!(upload.commit_if(|_| Ok(())).expect("it is stored").created);
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
        assert!(store.root.as_mut().expect("a root").follow_path().is_err());
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
            let target = UploadTarget::open(&store, upload_dir.as_bytes(), &name, false);
            let may_store = target.is_ok_and(|target| target.may_store(true));
            assert_eq!(may_store, expected.is_empty(), "{path}");
        }
        assert!(matches!(begin(&ContentSource::default(), "", "/x"), Err(UploadError::Embedded)));
        let root = store.root.expect("it is a directory");
        let store = ContentSource::disk_with_source(root);
        assert!(matches!(begin(&store, "", "/server-code.html"), Err(UploadError::Embedded)));
        assert!(begin(&store, "", "/x").is_ok());
        assert!(is_upload_directory(&store, b"in/sub") && is_upload_directory(&store, b""));
        assert!(!is_upload_directory(&store, b"old") && !is_upload_directory(&store, b"none"));
    }
}
