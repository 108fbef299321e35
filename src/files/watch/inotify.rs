//! News of changes on disk: inotify queues each inside the very system call that makes it.
//!
//! So *take the bytes of a request in, catch up once, then look up* never finds what is older than the
//! request, at the price of one read for all requests that came in together. A [`Dependencies`] is what one
//! look depended on; it breaks with the first change of any of that. Owns the inotify instance, and the
//! rule where it can be relied upon: on local file systems, while the kernel has room for watches.
//!
//! What was changed is not told apart further than by a hash: a tie may break without need, never
//! hold without right. Changes that inotify does not tell of (mounts, writes by `io_submit`, and those
//! through a memory map until it is closed) are why ties are only good for the second in which somebody
//! looked. It follows no names: that is `path_watch`.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use foldhash::fast::RandomState;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{FileType, Mode, OFlags, fstat, fstatfs, ioctl_getflags, openat};
use rustix::io::Errno;

/// Counters of changes, 16 KiB of them: enough for thousands of names to have one of their own, nearly.
const CHANGE_COUNTERS: u64 = 4096;
/// Files and directories that are watched. Each is some 1 KiB of kernel memory, for it stays there with
/// its inode; and only what is asked for more than once a second is watched.
const WATCHES_MAX: usize = 16 * 1024;
/// The fewest watches that are worth looking through for such as nobody needs any more.
const SWEEP_MIN: usize = 64;
/// Events that are read at once, as many as there are counters; a millisecond's work. Who changes more
/// between two turns has changed nearly all: then all counts as changed, and the rest is read next time.
const EVENTS_MAX: usize = CHANGE_COUNTERS as usize;
/// Bytes for one read of events: a dozen of the longest, a hundred of the usual.
const READ_LEN: usize = 4096;
/// A directory in which names that differ in case are one (`FS_CASEFOLD_FL`): events tell them as they
/// are written there, not as they are asked for.
const CASEFOLD: u32 = 0x4000_0000;

/// The file systems on which nothing changes but through this kernel, by the numbers of `statfs`: ext2 to
/// ext4, XFS, Btrfs, F2FS, bcachefs, tmpfs, ramfs, and SquashFS and EROFS, which do not change at all. Of
/// network file systems others write the files; an overlay tells of one layer only; ZFS rolls files back
/// without a word, and may take names for one that differ in case.
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

/// All that happens to what is in a file, and who may read it. That it is closed by who could write to it
/// ends what may have been written through a memory map.
const FILE_EVENTS: WatchFlags = WatchFlags::MODIFY.union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ATTRIB);
/// All that happens to the names in a directory, and who may search it. So where a file or a directory is
/// and whether it is there is told by the directories above, and need not be told by itself.
const DIRECTORY_EVENTS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB);

/// What is watched, and how often it has changed.
#[derive(Debug, Default)]
pub(crate) struct InotifyWatcher {
    /// If not, it watches nothing, and everything is unsure.
    pub(crate) is_on: bool,
    /// Opened for the first that is to be watched.
    inotify: Option<OwnedFd>,
    /// Whether requests have come since events were read.
    pub(crate) events_pending: bool,
    /// How often something has changed, as far as is known.
    pub(crate) changes: u64,
    change_counters: Vec<u32>,
    hasher: RandomState,
    watches: HashMap<i32, Rc<i32>, RandomState>,
    watches_max: usize,
    /// How many may be held before it is seen which are needed.
    sweep_at: usize,
    /// When it was seen that all were.
    full_secs: Option<u64>,
}

/// What a look depended on.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    /// None at all if it could not be watched, or nobody has tried.
    dependencies: Vec<Dependency>,
    /// The watch's count when they were last seen to hold.
    changes: u64,
    /// The second since 1970 of the look, or of the vain attempt to watch.
    pub(crate) checked_secs: u64,
    /// The second in which somebody has asked last without there being any.
    used_secs: u64,
}

/// One name in one directory, or one file or directory itself.
#[derive(Debug)]
pub(super) struct Dependency {
    counter_index: u16,
    seen: u32,
    /// Keeps it watched.
    _wd: Rc<i32>,
}

/// What is to be thought of an earlier look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It would find the same now.
    Fresh,
    /// The same, for all that inotify knows; but it is time to look.
    Revalidate,
    /// Something has changed, be it that the facts of the file do not show it: what is written through a
    /// memory map may leave them as they were.
    Stale,
    /// Nobody would know.
    Unwatched,
}

impl InotifyWatcher {
    /// Watches what it is told to, if it `is_on`; else everything is always unsure.
    pub(crate) fn new(is_on: bool) -> InotifyWatcher {
        InotifyWatcher { is_on, watches_max: WATCHES_MAX, sweep_at: SWEEP_MIN, ..InotifyWatcher::default() }
    }

    /// Takes note of all changes up to now, unless nobody has asked since the last time: one system call
    /// if there are none.
    pub(crate) fn drain_events(&mut self) {
        if mem::take(&mut self.events_pending) && self.inotify.is_some() {
            self.read_events();
        }
    }

    /// Watches the file or directory that is open here, from now on.
    ///
    /// # Errors
    /// When it cannot be watched, or inotify does not tell all about it.
    pub(super) fn add_watch(&mut self, file: &OwnedFd, secs: u64) -> Result<Rc<i32>, Errno> {
        if !is_watchable_fs(file)? {
            return Err(Errno::OPNOTSUPP);
        }
        self.make_room(secs)?;
        let is_directory = FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Directory;
        let events = if is_directory { DIRECTORY_EVENTS } else { FILE_EVENTS };
        // The file itself and none that has its name by now; and there is no other way to name it.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let number = inotify::add_watch(self.open()?, path, events)?;
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

    /// A tie to `name` in the directory that is held, or, without a name, to what is held itself.
    pub(super) fn depend_on(&self, held: &Rc<i32>, name: Option<&[u8]>) -> Dependency {
        let counter = counter_index(&self.hasher, **held, name);
        Dependency { counter_index: counter, seen: self.counter(counter), _wd: Rc::clone(held) }
    }

    fn counter(&self, counter: u16) -> u32 {
        self.change_counters.get(usize::from(counter)).copied().unwrap_or_default()
    }

    /// The inotify instance. Where there is none to be had, nothing is watched any more.
    fn open(&mut self) -> Result<&OwnedFd, Errno> {
        if self.inotify.is_none() {
            let opened = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
            self.inotify = Some(opened.inspect_err(|errno| {
                log::warn!("cannot watch files, so each is looked at for each request: {errno}");
                self.is_on = false;
            })?);
            self.change_counters = vec![0; CHANGE_COUNTERS as usize];
        }
        self.inotify.as_ref().ok_or(Errno::BADF)
    }

    /// Lets go of what nobody is tied to, when there is much; an error if there is no room all the same.
    fn make_room(&mut self, secs: u64) -> Result<(), Errno> {
        if self.watches.len() < self.sweep_at {
            return Ok(());
        }
        // To look through all of them is worth it once a second.
        if self.full_secs == Some(secs) {
            return Err(Errno::NOSPC);
        }
        let InotifyWatcher { watches: held, watches_max: held_max, inotify, .. } = self;
        held.retain(|number, held| {
            let is_needed = Rc::strong_count(held) > 1;
            if !is_needed && let Some(inotify) = inotify {
                // An error says that it is gone already.
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
                    log::error!("cannot learn what changes on disk: {errno}");
                    break;
                }
            };
            let name = event.file_name().map(|name| name.to_bytes());
            *changes += 1;
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                log::debug!("files change faster than the kernel can tell");
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
    /// These, of a look that begins in this second.
    pub(super) fn new(dependencies: Vec<Dependency>, watcher: &InotifyWatcher, secs: u64) -> Dependencies {
        Dependencies { dependencies, changes: watcher.changes, checked_secs: secs, used_secs: secs }
    }

    /// None yet, for what somebody asks for in this second.
    pub(crate) fn none(secs: u64) -> Dependencies {
        Dependencies { used_secs: secs, ..Dependencies::default() }
    }

    /// Somebody asks in this second; whether somebody has before.
    pub(crate) fn are_used_again(&mut self, secs: u64) -> bool {
        mem::replace(&mut self.used_secs, secs) == secs
    }

    /// Whether anything can be known by these; if not, all must be looked at each time.
    pub(crate) fn is_empty(&self) -> bool {
        self.dependencies.is_empty()
    }

    /// Whether it is worth trying to watch, in this second.
    pub(crate) fn may_be_recorded(&self, watcher: &InotifyWatcher, secs: u64) -> bool {
        watcher.is_on && !(self.is_empty() && self.checked_secs == secs)
    }

    /// What is to be thought, in this second, of the look that has these ties.
    pub(crate) fn freshness(&mut self, watcher: &InotifyWatcher, secs: u64) -> Freshness {
        let has_changes = mem::replace(&mut self.changes, watcher.changes) != watcher.changes;
        let has_changed =
            |dependency: &Dependency| watcher.counter(dependency.counter_index) != dependency.seen;
        if has_changes && self.dependencies.iter().any(has_changed) {
            self.dependencies.clear();
            // That is known now, and it is no vain attempt.
            self.checked_secs = 0;
            return Freshness::Stale;
        }
        match (self.dependencies.is_empty(), self.checked_secs == secs) {
            (true, _) => Freshness::Unwatched,
            (false, true) => Freshness::Fresh,
            (false, false) => Freshness::Revalidate,
        }
    }

    /// The memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.dependencies.len() * size_of::<Dependency>()
    }
}

/// Whether inotify tells of all that changes on the file system that this is on.
pub(crate) fn is_watchable_fs(file: impl AsFd) -> Result<bool, Errno> {
    // How wide the number is, and whether it has a sign, depends on the machine.
    let magic = fstatfs(file)?.f_type as u64 & u64::from(u32::MAX);
    Ok(WATCHABLE_FS_MAGIC.contains(&magic))
}

fn bump(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}

fn counter_index(hasher: &RandomState, number: i32, name: Option<&[u8]>) -> u16 {
    (hasher.hash_one((number, name)) % CHANGE_COUNTERS) as u16
}

/// Whether this directory is one where names that differ in case are one. Most file systems have none.
fn ignores_case(directory: &OwnedFd) -> Result<bool, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = openat(directory, c".", flags, Mode::empty())?;
    Ok(ioctl_getflags(readable).is_ok_and(|flags| flags.bits() & CASEFOLD != 0))
}

#[cfg(test)]
mod tests;
