//! Reload of changed files.
//!
//! The caller reads them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::access_log::Diagnostics;
use crate::cli::quote;

pub(super) struct FileReload {
    content: &'static str,
    paths: Vec<PathBuf>,
    state: Mutex<ReloadState>,
}

struct ReloadState {
    stamps: Vec<Option<FileStamp>>,
    error: Option<String>,
}

/// Device, inode, length and ctime: a new file has another.
type FileStamp = (u64, u64, u64, i64, i64);

impl FileReload {
    /// Before the files are read; `content` is a plural.
    pub(super) fn new(content: &'static str, paths: Vec<PathBuf>) -> Self {
        let state = ReloadState { stamps: stamps(&paths), error: None };
        Self { content, paths, state: Mutex::new(state) }
    }

    /// Loads changed files; if `is_asked`, all. An error is told once.
    pub(super) fn reload(&self, is_asked: bool, load: impl FnOnce() -> Result<(), String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.paths);
        if stamps == state.stamps && !is_asked {
            return;
        }
        state.stamps = stamps;
        let (loaded, content) = (load(), self.content);
        match &loaded {
            Ok(()) => log::info!("the {content} were loaded anew"),
            Err(error) if state.error.as_ref() == Some(error) => {}
            Err(error) => {
                Diagnostics::say(&format!("reactor-server: {error}; the loaded {content} stay in use"))
            }
        }
        state.error = loaded.err();
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<FileStamp>> {
    let stamp = |meta: Metadata| (meta.dev(), meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec());
    paths.iter().map(|path| fs::metadata(path).ok().map(stamp)).collect()
}

/// A FIFO would stop the event loop, a device has no end.
pub(super) fn read_regular_file(path: &Path, kind: &str) -> Result<Vec<u8>, String> {
    let content = match fs::metadata(path).map(|meta| meta.is_file()) {
        Ok(false) => Err(io::Error::other("it is not a regular file")),
        _ => fs::read(path),
    };
    content.map_err(|error| format!("cannot read the {kind} {}: {error}", quote(path)))
}

pub(super) fn warn_if_readable_by_others(path: &Path, kind: &str) {
    if fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o077 != 0) {
        log::warn!("other users can read the {kind} {0}; forbid it with chmod 600 {0}", quote(path));
    }
}
