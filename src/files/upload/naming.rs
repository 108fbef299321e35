//! Naming of complete files, and the numbers of a drop box.
//!
//! A drop box replaces no file.

use std::ffi::CString;
use std::hash::{BuildHasher, RandomState};

use rustix::fs::{Mode, RenameFlags, fchmod, renameat_with};
use rustix::io::Errno;

use super::link_name::{LINK_ATTEMPTS_MAX, link, other_fs_is_stale, retry_hidden};
use super::{StoredFile, Upload, UploadError, UploadTarget};
use crate::files::path::{NAME_LEN_MAX, join, split_last};
use crate::files::root::FileStat;

/// Numbers that are tried in turn, a system call each; then the name gets a random one.
const NUMBERS_MAX: usize = 100;

/// Policy for the name of a complete file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// It replaces a file. Its directory exists.
    #[default]
    InDirectory,
    /// It replaces a file. Missing directories are made.
    MakesDirectories,
    /// Drop box: it replaces nothing. A taken name gets a number.
    KeepsExisting,
}

impl Upload {
    pub(super) fn name_if(
        &mut self,
        mut condition: impl FnMut(&UploadTarget) -> Result<(), UploadError>,
    ) -> Result<StoredFile, UploadError> {
        if self.naming == Naming::KeepsExisting {
            return self.name_beside();
        }
        for _ in 0..LINK_ATTEMPTS_MAX {
            let mode = self.target.mode()?;
            condition(&self.target)?;
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
            return self.stored(created);
        }
        Err(UploadError::Busy)
    }

    fn stored(&self, created: bool) -> Result<StoredFile, UploadError> {
        let stat = FileStat::of(&self.file)?;
        let path = join(split_last(self.path.as_bytes()).0, self.target.name.as_bytes());
        let version = self.hash.version(&stat);
        Ok(StoredFile { path, created, version, modified_secs: stat.modified_secs })
    }

    fn link_new(&mut self) -> Result<(), Errno> {
        let UploadTarget { dir, name, .. } = &self.target;
        let Some(hidden) = &mut self.hidden_name else { return link(&self.file, dir, name) };
        match renameat_with(&hidden.dir, &hidden.name, dir, name, RenameFlags::NOREPLACE) {
            // Not every file system supports this.
            Err(Errno::INVAL | Errno::NOSYS) => hidden.rename(dir, name)?,
            result => result.map_err(other_fs_is_stale)?,
        }
        hidden.is_kept = true;
        Ok(())
    }

    fn rename_over(&mut self) -> Result<(), Errno> {
        let UploadTarget { dir, name, .. } = &self.target;
        let hidden = match self.hidden_name.take() {
            Some(hidden) => hidden,
            None => retry_hidden(dir, |hidden| link(&self.file, dir, hidden))?.1,
        };
        let _old = self.target.keep_open();
        self.hidden_name.insert(hidden).rename(dir, name)
    }

    /// `a.txt`, or `a-2.txt` if that is taken.
    fn name_beside(&mut self) -> Result<StoredFile, UploadError> {
        for attempt in 1..=NUMBERS_MAX + LINK_ATTEMPTS_MAX {
            self.target.name = self.numbered(attempt)?;
            // The rename in `link_new` may replace.
            if !self.target.is_free()? {
                continue;
            }
            match self.link_new() {
                Err(Errno::EXIST) => continue,
                linked => linked?,
            }
            return self.stored(true);
        }
        Err(UploadError::Busy)
    }

    fn numbered(&self, attempt: usize) -> Result<CString, UploadError> {
        let name = split_last(self.path.as_bytes()).1;
        let dot = name.iter().rposition(|&byte| byte == b'.').filter(|at| *at > 0).unwrap_or(name.len());
        let (stem, extension) = name.split_at(dot);
        let number = match attempt {
            1 => String::new(),
            2..=NUMBERS_MAX => format!("-{attempt}"),
            _ => format!("-{:016x}", RandomState::new().hash_one(attempt)),
        };
        // A long name gets shorter, between two characters.
        let mut stem_len = stem.len().min(NAME_LEN_MAX.saturating_sub(number.len() + extension.len()));
        while stem_len > 0 && stem.get(stem_len).is_some_and(|byte| (0x80..0xc0).contains(byte)) {
            stem_len -= 1;
        }
        let stem = stem.get(..stem_len).unwrap_or_default();
        CString::new([stem, number.as_bytes(), extension].concat()).map_err(|_| UploadError::NoParent)
    }
}
