//! Partial uploads: files in a hidden directory that outlive a connection and a restart.
//!
//! `ID` has the data and `ID.head` the request that created it. An upload without data is complete: its file has the
//! target name.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, Dir, Mode, OFlags, fdatasync, fsync, ftruncate, mkdirat, openat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::link_name::HiddenName;
use super::{Upload, UploadError};
use crate::files::dir_sync::sync_directory;
use crate::files::path::PARTIALS_DIRECTORY;
use crate::files::root::FileStat;
use crate::files::source::{ContentSource, read_pieces};

/// Unfinished uploads of one directory.
const PARTIALS_MAX: usize = 1000;
/// A longer head is damaged: that of a request is shorter.
const HEAD_LEN_MAX: u64 = 128 * 1024;
/// Data without a head is the rest of a crash, unless it is this young: its head may come.
const ORPHAN_AGE_MIN: Duration = Duration::from_secs(600);

/// After completion: the time for a client that missed the response.
const COMPLETED_AGE_MAX: Duration = Duration::from_secs(60 * 60);

const DATA: &str = "";
const HEAD: &str = ".head";
const NEW_HEAD: &str = ".new";
/// Upload in one request, where files cannot be unnamed.
const WHOLE: &str = ".whole";

/// Random name of a partial upload, 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, derive_more::Display)]
#[display("{_0:032x}")]
pub struct PartialId(u128);

/// Partial upload on disk.
#[derive(Debug)]
pub struct PartialUpload {
    uploads: PartialUploads,
    id: PartialId,
    data: Option<File>,
    /// Stored with [`PartialUploads::create`].
    pub head: Vec<u8>,
    /// Synced length of the data; `None` if the upload is complete.
    pub offset: Option<u64>,
    /// Time until it expires.
    pub time_left: Duration,
}

/// Open directory of partial uploads.
#[derive(Clone, Debug)]
pub struct PartialUploads {
    dir: Arc<OwnedFd>,
    kept_for: Duration,
    is_synced: bool,
}

/// Latest request of each partial upload, for all workers.
#[derive(Debug, Default)]
pub struct PartialLeases(Mutex<HashMap<PartialId, Arc<Mutex<u64>>>>);

/// Right to change a partial upload, until a later request takes it.
#[derive(Debug)]
pub struct PartialLease {
    latest: Arc<Mutex<u64>>,
    number: u64,
}

impl PartialLeases {
    /// Takes the upload from an earlier request. Blocks while that one completes it.
    pub fn take(&self, id: PartialId) -> PartialLease {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leases.retain(|_, latest| Arc::strong_count(latest) > 1);
        let latest = Arc::clone(leases.entry(id).or_default());
        drop(leases);
        let mut number = latest.lock().unwrap_or_else(PoisonError::into_inner);
        *number += 1;
        PartialLease { number: *number, latest: Arc::clone(&latest) }
    }
}

impl PartialLease {
    /// Keeps the upload for one change; `None` if a later request has taken it, or does so now. Never blocks.
    pub fn keep(&self) -> Option<MutexGuard<'_, u64>> {
        self.latest.try_lock().ok().filter(|latest| **latest == self.number)
    }
}

impl PartialId {
    /// Random id.
    ///
    /// # Errors
    /// No random numbers.
    pub fn random() -> Result<Self, UploadError> {
        let mut bytes = [0; 16];
        getrandom(&mut bytes, GetRandomFlags::empty())?;
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    /// Parses the text that [`Display`](std::fmt::Display) writes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_hex = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32 && is_hex)?;
        u128::from_str_radix(text, 16).ok().map(Self)
    }

    fn name(self, suffix: &str) -> CString {
        CString::new(format!("{self}{suffix}")).unwrap_or_default()
    }
}

impl PartialUploads {
    /// Opens the directory below `upload_dir`; `is_synced`: changes are.
    ///
    /// # Errors
    /// `NoParent` if it is missing and not to be made, `Forbidden`, `Busy`, `Failed`.
    pub fn open(
        store: &ContentSource,
        upload_dir: &[u8],
        may_make: bool,
        (kept_for, is_synced): (Duration, bool),
    ) -> Result<Self, UploadError> {
        let parent = store.root.as_ref().ok_or(UploadError::Embedded)?.open_directory(upload_dir, b"")?;
        if may_make && mkdirat(&parent, PARTIALS_DIRECTORY, Mode::RWXU).is_ok() && is_synced {
            sync_directory(&parent)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(&parent, PARTIALS_DIRECTORY, flags, Mode::empty())?;
        Ok(Self { dir: dir.into(), kept_for, is_synced })
    }

    /// Stores the head and an empty file.
    ///
    /// # Errors
    /// `TooMany`, `Full`, `Busy`, `Failed`.
    pub fn create(&self, id: PartialId, head: &[u8]) -> Result<(), UploadError> {
        let is_data = |name: &&CString| !name.as_bytes().contains(&b'.');
        if self.names()?.iter().filter(is_data).count() >= PARTIALS_MAX {
            return Err(UploadError::TooMany);
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        // Before the umask; the directory is for the server alone.
        openat(&self.dir, id.name(DATA), flags, Mode::from_raw_mode(super::NEW_FILE_MODE))?;
        self.write_head(id, head).inspect_err(|_| _ = self.remove(id))
    }

    pub(super) fn device(&self) -> Result<u64, Errno> {
        Ok(FileStat::of(&self.dir)?.device)
    }

    pub(super) fn create_whole(&self, mode: u32) -> Result<(File, HiddenName), UploadError> {
        let (dir, name) = (Arc::clone(&self.dir), PartialId::random()?.name(WHOLE));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&self.dir, &name, flags, Mode::from_raw_mode(mode))?;
        Ok((file.into(), HiddenName { dir, name, is_kept: false }))
    }

    fn write_head(&self, id: PartialId, head: &[u8]) -> Result<(), UploadError> {
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.dir, id.name(NEW_HEAD), flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(head)?;
        if self.is_synced {
            fsync(&file)?;
        }
        renameat(&self.dir, id.name(NEW_HEAD), &self.dir, id.name(HEAD))?;
        self.sync()
    }

    /// Finds an upload that has not expired, and syncs its data. After a failed sync the data may be lost, so the upload
    /// ends.
    ///
    /// # Errors
    /// `NoUpload`, `Busy`, `Failed`.
    pub fn find(&self, id: PartialId, now: SystemTime) -> Result<PartialUpload, UploadError> {
        let time_left = self.time_left(id, now)?.ok_or(UploadError::NoUpload)?;
        let mut head = Vec::new();
        let file = self.open_file(id.name(HEAD), OFlags::RDONLY)?.ok_or(UploadError::NoUpload)?;
        file.take(HEAD_LEN_MAX).read_to_end(&mut head)?;
        let data = self.open_file(id.name(DATA), OFlags::RDWR | OFlags::APPEND)?;
        // First, because a later request may append meanwhile.
        let offset = data.as_ref().map(|data| Ok::<_, Errno>(FileStat::of(data)?.len)).transpose()?;
        if let Some(data) = data.as_ref().filter(|_| self.is_synced) {
            fdatasync(data).inspect_err(|_| _ = self.remove(id))?;
        }
        Ok(PartialUpload { uploads: self.clone(), id, data, head, offset, time_left })
    }

    fn open_file(&self, name: CString, flags: OFlags) -> Result<Option<File>, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(&self.dir, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => Ok(None),
            file => Ok(Some(file?.into())),
        }
    }

    /// `None` if it has expired.
    fn time_left(&self, id: PartialId, now: SystemTime) -> Result<Option<Duration>, Errno> {
        let stat = |suffix| match FileStat::at(&self.dir, id.name(suffix), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            stat => stat.map(Some),
        };
        let (head, data, whole) = (stat(HEAD)?, stat(DATA)?, stat(WHOLE)?);
        let kept_for = match (&head, &data) {
            (Some(_), Some(_)) => self.kept_for,
            (Some(_), None) => self.kept_for.min(COMPLETED_AGE_MAX),
            (None, _) => self.kept_for.min(ORPHAN_AGE_MIN),
        };
        // mtime may be the one that the file is to have.
        let changed = [head, data, whole].iter().flatten().map(|stat| stat.changed_secs).max().unwrap_or(0);
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(changed.try_into().unwrap_or(0));
        let left = kept_for.saturating_sub(now.duration_since(changed).unwrap_or_default());
        Ok(Some(left).filter(|left| !left.is_zero()))
    }

    fn remove(&self, id: PartialId) -> Result<(), UploadError> {
        // Data without a head is a rest, so the head goes first.
        for name in [HEAD, NEW_HEAD, DATA, WHOLE].map(|suffix| id.name(suffix)) {
            match unlinkat(&self.dir, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.sync()
    }

    fn sync(&self) -> Result<(), UploadError> {
        if self.is_synced { Ok(fsync(&self.dir)?) } else { Ok(()) }
    }

    fn names(&self) -> Result<Vec<CString>, Errno> {
        Dir::read_from(&self.dir)?.map(|entry| Ok(entry?.file_name().to_owned())).collect()
    }

    /// Removes what has expired. Names of others stay.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn sweep(&self, now: SystemTime, leases: &PartialLeases) -> Result<(), UploadError> {
        for name in self.names()? {
            let stem = name.as_bytes().split(|&byte| byte == b'.').next();
            let Some(id) = stem.and_then(PartialId::parse) else { continue };
            if self.time_left(id, now)?.is_none() {
                leases.take(id);
                self.remove(id)
                    .unwrap_or_else(|error| log::error!("cannot remove the expired upload {id}: {error:?}"));
            }
        }
        Ok(())
    }
}

impl PartialUpload {
    /// Replaces the stored head by the changed one.
    ///
    /// # Errors
    /// `Full`, `Busy`, `Failed`; then the old one stays.
    pub fn write_head(&self) -> Result<(), UploadError> {
        self.uploads.write_head(self.id, &self.head)
    }

    /// Removes it.
    ///
    /// # Errors
    /// `Forbidden`, `Failed`.
    pub fn remove(&self) -> Result<(), UploadError> {
        self.uploads.remove(self.id)
    }

    /// Drops the data from `len` on.
    ///
    /// # Errors
    /// `Failed`.
    pub fn truncate(&mut self, len: u64) -> Result<(), UploadError> {
        if let Some(data) = &self.data {
            ftruncate(data, len)?;
            fdatasync(data)?;
            self.offset = Some(len);
        }
        Ok(())
    }

    pub(super) fn open_data(&self, target_dir: &OwnedFd) -> Result<(File, Option<HiddenName>), UploadError> {
        let data = self.data.as_ref().ok_or(UploadError::NoUpload)?.try_clone()?;
        if FileStat::of(target_dir)?.device != FileStat::of(&data)?.device {
            return Err(UploadError::OtherFileSystem);
        }
        let (dir, name) = (Arc::clone(&self.uploads.dir), self.id.name(DATA));
        Ok((data, Some(HiddenName { dir, name, is_kept: true })))
    }
}

impl Upload {
    /// Reads the content from its start. Blocks.
    ///
    /// # Errors
    /// `Failed`.
    pub fn read_back(&self, take: impl FnMut(&[u8])) -> Result<(), UploadError> {
        Ok(read_pieces(&self.file, u64::MAX, take).map(drop)?)
    }

    /// Drops the content from `len` on.
    ///
    /// # Errors
    /// `Failed`.
    pub fn truncate(&self, len: u64) -> Result<(), UploadError> {
        Ok(ftruncate(&self.file, len)?)
    }
}
