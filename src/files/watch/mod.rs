//! Notification of changes on disk: what is watched, and whether an earlier look at it still holds.
//!
//! Owns the inotify instance and the walk of a path that finds all that it depends on. It never reads a file
//! and keeps none.

mod inotify;
mod path_watch;

#[cfg(test)]
pub(super) use inotify::is_watchable_fs;
pub(super) use inotify::{Dependencies, Freshness, InotifyWatcher};
pub(super) use path_watch::watch_paths;
