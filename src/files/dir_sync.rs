//! Group commit of directories: one `fsync` for all names given before it began.
//!
//! One thread syncs; the others leave a callback and go on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags, fsync, openat, syncfs};
use rustix::io::Errno;

use super::root::FileStat;

type DirId = (u64, u64);
type OnSynced = Box<dyn FnOnce(Result<(), Errno>) + Send>;

/// Running syncs, each with the callbacks of the next one.
#[derive(Default)]
pub struct DirSync {
    running: Mutex<HashMap<DirId, Vec<OnSynced>>>,
}

impl DirSync {
    /// Syncs `dir`, which may be one of `O_PATH`, then calls `on_synced`, maybe on another thread. Blocks.
    ///
    /// An error is that of all names in the group, and no sync is repeated.
    pub fn sync(&self, dir: impl AsFd, on_synced: impl FnOnce(Result<(), Errno>) + Send + 'static) {
        match FileStat::of(&dir) {
            Ok(stat) => self.run((stat.device, stat.inode), Box::new(on_synced), || sync_directory(&dir)),
            Err(errno) => on_synced(Err(errno)),
        }
    }

    /// Syncs each of `dirs`.
    pub fn sync_all(self: Arc<Self>, mut dirs: Vec<Arc<OwnedFd>>, on_synced: OnSynced) {
        let Some(dir) = dirs.pop() else { return on_synced(Ok(())) };
        Arc::clone(&self).sync(dir, move |synced| match synced {
            Ok(()) => self.sync_all(dirs, on_synced),
            Err(_) => on_synced(synced),
        });
    }

    fn run(&self, id: DirId, on_synced: OnSynced, sync: impl Fn() -> Result<(), Errno>) {
        match self.running().entry(id) {
            Entry::Occupied(mut next) => return next.get_mut().push(on_synced),
            Entry::Vacant(next) => next.insert(Vec::new()),
        };
        let mut group = vec![on_synced];
        while !group.is_empty() {
            let result = sync();
            group.into_iter().for_each(|on_synced| on_synced(result));
            let mut running = self.running();
            group = running.get_mut(&id).map(mem::take).unwrap_or_default();
            if group.is_empty() {
                running.remove(&id);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<DirId, Vec<OnSynced>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A directory without read permission cannot be opened for `fsync`: syncs its file system.
pub(super) fn sync_directory(dir: impl AsFd) -> Result<(), Errno> {
    let open = |flags| openat(&dir, c".", flags | OFlags::CLOEXEC, Mode::RUSR);
    match open(OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(Errno::ACCESS) => syncfs(open(OFlags::WRONLY | OFlags::TMPFILE)?),
        dir => fsync::<OwnedFd>(dir?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::mpsc;

    #[test]
    fn waiters_of_a_running_sync_share_the_next_one() {
        let (syncs, runs) = (Arc::new(DirSync::default()), Cell::new(0));
        let (sender, results) = mpsc::channel();
        let done = |name: usize| {
            let sender = sender.clone();
            Box::new(move |result| sender.send((name, result)).expect("a receiver"))
        };
        syncs.run((1, 1), done(0), || {
            runs.set(runs.get() + 1);
            if runs.get() == 1 {
                for name in 1..10 {
                    let syncs = Arc::clone(&syncs);
                    let done = done(name);
                    let waiter = std::thread::spawn(move || {
                        syncs.run((1, 1), done, || unreachable!("the first thread syncs"));
                    });
                    waiter.join().expect("it does not wait");
                }
                assert!(results.try_recv().is_err(), "nothing is synced yet");
                return Ok(());
            }
            Err(Errno::IO)
        });
        assert_eq!(runs.get(), 2);
        let results: Vec<_> = results.try_iter().collect();
        assert_eq!(results[0], (0, Ok(())));
        assert_eq!(results[1..], (1..10).map(|name| (name, Err(Errno::IO))).collect::<Vec<_>>());
        assert!(syncs.running().is_empty());
    }

    #[test]
    fn sync_works_with_o_path_and_calls_back_here() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = super::super::Root::open(directory.path()).expect("a root");
        let dir = root.open_directory(b"", b"").expect("the directory");
        let (sender, result) = mpsc::channel();
        DirSync::default().sync(&dir, move |result| sender.send(result).expect("a receiver"));
        assert_eq!(result.try_recv(), Ok(Ok(())));
    }
}
