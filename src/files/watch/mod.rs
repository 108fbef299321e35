//! Change detection with inotify: which earlier lookups are still valid.
//!
//! Never reads or keeps files.

mod inotify;
mod path_watch;

#[cfg(test)]
pub(super) use inotify::is_watchable_fs;
pub(super) use inotify::{Dependencies, Freshness, InotifyWatcher};
pub(super) use path_watch::{watch_paths, watch_root};
