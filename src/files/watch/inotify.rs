//! inotify watcher: change counters and dependencies of lookups.
//!
//! The kernel queues an event inside the system call that makes the change. So *receive a request, drain once, look up*
//! never finds older state.
//!
//! Counters are hashed: a collision may end freshness early, never extend it. inotify misses mounts, `io_submit`
//! writes, and memory-mapped writes until the map closes. So dependencies are valid only in the second of a check.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use foldhash::fast::RandomState;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{FileType, Mode, OFlags, fstat, fstatfs, ioctl_getflags, openat};
use rustix::io::Errno;

/// Change counters, 16 KiB: almost one per name for thousands of names.
const CHANGE_COUNTERS: u64 = 4096;
/// Most watches: each costs 1 KiB of kernel memory, as it pins its inode.
///
/// Only paths requested twice in a second are watched.
const WATCHES_MAX: usize = 16 * 1024;
/// Fewest watches for which a sweep for unneeded watches pays.
const SWEEP_MIN: usize = 64;
/// Events per drain: 1 ms of work. More would change nearly all counters: all are incremented, the rest is
/// read next time.
const EVENTS_MAX: usize = CHANGE_COUNTERS as usize;
/// Bytes per read: a dozen of the longest events, or a hundred usual events.
const READ_LEN: usize = 4096;
/// `FS_CASEFOLD_FL`, case-insensitive: events carry the stored spelling instead of the requested spelling.
const CASEFOLD: u32 = 0x4000_0000;

/// `statfs` magic of file systems that change only through this kernel.
///
/// ext2 to ext4, XFS, Btrfs, F2FS, bcachefs, tmpfs, ramfs; SquashFS and EROFS, which never change. Excluded:
/// network file systems (other hosts write), overlayfs (events of one layer), ZFS (silent rollback, maybe
/// case-insensitive).
const WATCHABLE_FS_MAGIC: &[u64] = &[
    0xEF53,
    0x5846_5342,
    0x9123_683E,
    0xF2F5_2010,
    0xCA45_1A4E,
    0x0102_1994,
    0x8584_58F6,
    0x7371_7368,
    0xE0F5_E1E2,
];

/// Content and permissions. `CLOSE_WRITE` ends memory-mapped writes.
const FILE_EVENTS: WatchFlags = WatchFlags::MODIFY.union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ATTRIB);
/// Names and search permission. They cover creation, move and removal of each entry.
const DIRECTORY_EVENTS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB);

#[derive(Debug, Default)]
pub(crate) struct InotifyWatcher {
    pub(crate) is_on: bool,
    inotify: Option<OwnedFd>,
    pub(crate) events_pending: bool,
    pub(crate) changes: u64,
    change_counters: Vec<u32>,
    hasher: RandomState,
    watches: HashMap<i32, Rc<i32>, RandomState>,
    watches_max: usize,
    sweep_at: usize,
    /// Second in which a sweep found all in use.
    full_secs: Option<u64>,
    is_shortage_logged: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    /// Empty if untried or unwatchable.
    dependencies: Vec<Dependency>,
    changes: u64,
    /// Unix second of the last check or failed watch.
    pub(crate) checked_secs: u64,
    used_secs: u64,
}

#[derive(Debug)]
pub(super) struct Dependency {
    counter_index: u16,
    seen: u32,
    _wd: Rc<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// No event, but a check is due.
    Revalidate,
    /// The attributes may be equal, after a memory-mapped write.
    Stale,
    /// Changes would be missed.
    Unwatched,
}

impl InotifyWatcher {
    pub(crate) fn new(is_on: bool) -> InotifyWatcher {
        InotifyWatcher { is_on, watches_max: WATCHES_MAX, sweep_at: SWEEP_MIN, ..InotifyWatcher::default() }
    }

    /// Counts pending changes: one system call if there are none.
    pub(crate) fn drain_events(&mut self) {
        if mem::take(&mut self.events_pending) && self.inotify.is_some() {
            self.read_events();
        }
    }

    /// Fails with `OPNOTSUPP` where inotify is incomplete.
    pub(super) fn add_watch(&mut self, file: &OwnedFd, secs: u64) -> Result<Rc<i32>, Errno> {
        if !is_watchable_fs(file)? {
            return Err(Errno::OPNOTSUPP);
        }
        self.make_room(secs)?;
        let is_directory = FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Directory;
        let events = if is_directory { DIRECTORY_EVENTS } else { FILE_EVENTS };
        // Names the open file, not a later file of its path. inotify takes no descriptor.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let added = inotify::add_watch(self.open()?, path, events);
        if added == Err(Errno::NOSPC) && !mem::replace(&mut self.is_shortage_logged, true) {
            log::warn!(
                "cannot watch more files, so requests check theirs; raise fs.inotify.max_user_watches"
            );
        }
        let number = added?;
        if let Some(held) = self.watches.get(&number) {
            return Ok(Rc::clone(held));
        }
        if is_directory && ignores_case(file)? {
            inotify::remove_watch(self.open()?, number)?;
            return Err(Errno::OPNOTSUPP);
        }
        let held = Rc::new(number);
        self.watches.insert(number, Rc::clone(&held));
        Ok(held)
    }

    /// Without `name`, depends on the watched file itself.
    pub(super) fn depend_on(&self, held: &Rc<i32>, name: Option<&[u8]>) -> Dependency {
        let counter = counter_index(&self.hasher, **held, name);
        Dependency { counter_index: counter, seen: self.counter(counter), _wd: Rc::clone(held) }
    }

    fn counter(&self, counter: u16) -> u32 {
        self.change_counters.get(usize::from(counter)).copied().unwrap_or_default()
    }

    fn open(&mut self) -> Result<&OwnedFd, Errno> {
        if self.inotify.is_none() {
            let opened = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
            self.inotify = Some(opened.inspect_err(|errno| {
                log::warn!("cannot watch files, so requests check theirs; raise fs.inotify.max_user_instances: {errno}");
                self.is_on = false;
            })?);
            self.change_counters = vec![0; CHANGE_COUNTERS as usize];
        }
        self.inotify.as_ref().ok_or(Errno::BADF)
    }

    fn make_room(&mut self, secs: u64) -> Result<(), Errno> {
        if self.watches.len() < self.sweep_at {
            return Ok(());
        }
        // A sweep pays once a second.
        if self.full_secs == Some(secs) {
            return Err(Errno::NOSPC);
        }
        let InotifyWatcher { watches: held, watches_max: held_max, inotify, .. } = self;
        held.retain(|number, held| {
            let is_needed = Rc::strong_count(held) > 1;
            if !is_needed && let Some(inotify) = inotify {
                // Fails if the watch is already gone.
                let _ = inotify::remove_watch(inotify, *number);
            }
            is_needed
        });
        if held.len() >= *held_max {
            self.full_secs = Some(secs);
            return Err(Errno::NOSPC);
        }
        self.full_secs = None;
        self.sweep_at = (2 * held.len()).max(SWEEP_MIN).min(*held_max);
        Ok(())
    }

    fn read_events(&mut self) {
        let InotifyWatcher { inotify: Some(inotify), change_counters, hasher, watches, changes, .. } = self
        else {
            return;
        };
        let mut buffer = [MaybeUninit::uninit(); READ_LEN];
        let mut reader = inotify::Reader::new(inotify.as_fd(), &mut buffer);
        for _ in 0..EVENTS_MAX {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return,
                Err(errno) => {
                    log::error!("cannot read inotify events: {errno}");
                    break;
                }
            };
            let name = event.file_name().map(|name| name.to_bytes());
            *changes += 1;
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                log::debug!("inotify queue overflow");
                change_counters.iter_mut().for_each(bump);
                continue;
            }
            if event.events().contains(ReadFlags::IGNORED) {
                watches.remove(&event.wd());
            }
            let counter = counter_index(hasher, event.wd(), name);
            change_counters.get_mut(usize::from(counter)).into_iter().for_each(bump);
        }
        change_counters.iter_mut().for_each(bump);
        *changes += 1;
    }
}

impl Dependencies {
    pub(super) fn new(dependencies: Vec<Dependency>, watcher: &InotifyWatcher, secs: u64) -> Dependencies {
        Dependencies { dependencies, changes: watcher.changes, checked_secs: secs, used_secs: secs }
    }

    pub(crate) fn none(secs: u64) -> Dependencies {
        Dependencies { used_secs: secs, ..Dependencies::default() }
    }

    pub(crate) fn are_used_again(&mut self, secs: u64) -> bool {
        mem::replace(&mut self.used_secs, secs) == secs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.dependencies.is_empty()
    }

    /// Allows one failed attempt a second.
    pub(crate) fn may_be_recorded(&self, watcher: &InotifyWatcher, secs: u64) -> bool {
        watcher.is_on && !(self.is_empty() && self.checked_secs == secs)
    }

    pub(crate) fn freshness(&mut self, watcher: &InotifyWatcher, secs: u64) -> Freshness {
        let has_changes = mem::replace(&mut self.changes, watcher.changes) != watcher.changes;
        let has_changed =
            |dependency: &Dependency| watcher.counter(dependency.counter_index) != dependency.seen;
        if has_changes && self.dependencies.iter().any(has_changed) {
            self.dependencies.clear();
            // A known change, not a failed attempt.
            self.checked_secs = 0;
            return Freshness::Stale;
        }
        match (self.dependencies.is_empty(), self.checked_secs == secs) {
            (true, _) => Freshness::Unwatched,
            (false, true) => Freshness::Fresh,
            (false, false) => Freshness::Revalidate,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.dependencies.len() * size_of::<Dependency>()
    }
}

pub(crate) fn is_watchable_fs(file: impl AsFd) -> Result<bool, Errno> {
    // Width and sign of `f_type` depend on the architecture.
    let magic = fstatfs(file)?.f_type as u64 & u64::from(u32::MAX);
    Ok(WATCHABLE_FS_MAGIC.contains(&magic))
}

fn bump(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}

fn counter_index(hasher: &RandomState, number: i32, name: Option<&[u8]>) -> u16 {
    (hasher.hash_one((number, name)) % CHANGE_COUNTERS) as u16
}

/// Most file systems have no such directories. One that may not be read, such as a parent of the root outside the
/// sandbox, counts as usual: if it is not, the look once a second finds a change under another spelling.
fn ignores_case(directory: &OwnedFd) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(directory, c".", flags, Mode::empty()) {
        Ok(readable) => Ok(ioctl_getflags(readable).is_ok_and(|flags| flags.bits() & CASEFOLD != 0)),
        Err(Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests;
