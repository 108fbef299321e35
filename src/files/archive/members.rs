//! The members of an archive that have been found and not yet been sent.
//!
//! One buffer for all their paths, for there may be tens of thousands. It knows nothing of directories
//! or tar.

use super::tar_header::Kind;
use crate::files::embedded::EmbeddedPage;

/// So many are gathered before an archive begins, so that its length is known beforehand ...
const MEMBERS_MAX: usize = 32 * 1024;
/// ... and so many bytes of their paths: with that, an archive holds some 3 MiB.
const PATHS_LEN_MAX: usize = 2 * 1024 * 1024;

/// A member, and where its path ends in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    path_start: usize,
    path_end: usize,
    pub(super) modified_secs: i64,
    pub(super) kind: Kind,
    /// If it is a page of the binary.
    pub(super) page: Option<EmbeddedPage>,
}

/// The members, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Members {
    paths: Vec<u8>,
    list: Vec<Member>,
    taken: usize,
}

impl Members {
    /// Adds one; `path` is beneath the folder, with a slash at the end of a directory's. A `page` is built in.
    pub(super) fn push(&mut self, path: &[u8], modified_secs: i64, kind: Kind, page: Option<EmbeddedPage>) {
        let path_start = self.paths.len();
        self.paths.extend_from_slice(path);
        self.list.push(Member { path_start, path_end: self.paths.len(), modified_secs, kind, page });
    }

    /// Whether no more are gathered.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MEMBERS_MAX || self.paths.len() >= PATHS_LEN_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<Member> {
        self.list.get(index).copied()
    }

    /// The next one that was not taken.
    pub(super) fn next_member(&mut self) -> Option<Member> {
        let member = self.get(self.taken)?;
        self.taken += 1;
        Some(member)
    }

    pub(super) fn path(&self, member: &Member) -> &[u8] {
        self.paths.get(member.path_start..member.path_end).unwrap_or_default()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.paths.clear();
        self.list.clear();
        self.taken = 0;
    }
}
