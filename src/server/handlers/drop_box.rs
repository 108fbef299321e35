//! Drop box: a directory that takes files and shows none.
//!
//! Nothing tells whether a name is taken, but the number that a stored file gets.

use crate::server::ServerConfig;

pub(super) fn directory(config: &ServerConfig) -> Option<&[u8]> {
    config.upload_only.then(|| config.upload_dir())
}

/// Some file systems ignore case.
pub(super) fn contains(path: &[u8], config: &ServerConfig) -> bool {
    let Some(directory) = directory(config) else { return false };
    let Some((start, rest)) = path.split_at_checked(directory.len()) else { return false };
    start.eq_ignore_ascii_case(directory) && (start.is_empty() || rest.is_empty() || rest.starts_with(b"/"))
}

/// Nothing is stored in a directory below the drop box.
pub(super) fn contains_directory_of(path: &[u8], config: &ServerConfig) -> bool {
    let parent_len = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    contains(path, config) && parent_len > config.upload_dir().len()
}
