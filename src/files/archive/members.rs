//! Archive members not sent yet.
//!
//! One buffer for all paths: there may be tens of thousands.

use super::tar_header::Kind;
use crate::files::embedded::EmbeddedPage;

/// Members found before the start, so that the archive length is known.
const MEMBERS_MAX: usize = 32 * 1024;
/// Bytes of paths; an archive then holds some 3 MiB.
const PATHS_LEN_MAX: usize = 2 * 1024 * 1024;

#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    path_start: usize,
    path_end: usize,
    pub(super) modified_secs: i64,
    pub(super) kind: Kind,
    pub(super) page: Option<EmbeddedPage>,
}

#[derive(Debug, Default)]
pub(super) struct Members {
    paths: Vec<u8>,
    list: Vec<Member>,
    taken: usize,
}

impl Members {
    /// `path` is below the archived directory; a directory ends in a slash.
    pub(super) fn push(&mut self, path: &[u8], modified_secs: i64, kind: Kind, page: Option<EmbeddedPage>) {
        let path_start = self.paths.len();
        self.paths.extend_from_slice(path);
        self.list.push(Member { path_start, path_end: self.paths.len(), modified_secs, kind, page });
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MEMBERS_MAX || self.paths.len() >= PATHS_LEN_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<Member> {
        self.list.get(index).copied()
    }

    pub(super) fn next_member(&mut self) -> Option<Member> {
        let member = self.get(self.taken)?;
        self.taken += 1;
        Some(member)
    }

    pub(super) fn path(&self, member: &Member) -> &[u8] {
        self.paths.get(member.path_start..member.path_end).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.paths.clear();
        self.list.clear();
        self.taken = 0;
    }
}
