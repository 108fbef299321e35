//! Path walk that watches every dependency of a lookup.
//!
//! Dependencies: directories on the way, names looked up, the final file. Each directory is watched before a lookup in
//! it: a change comes before the lookup or after the watch.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::inotify::{Dependencies, Dependency, InotifyWatcher};
use crate::files::root::Root;

/// Symlinks that the kernel follows, and steps in total. A path has at most 2,048 steps; 40 such symlinks are
/// not worth a watch.
const LINKS_MAX: usize = 40;
const COMPONENTS_MAX: usize = 4096;

/// Watches all dependencies of `names`; none if any is unwatchable.
///
/// A lookup *after* this call is valid while they are unchanged.
pub(crate) fn watch_paths(
    watcher: &mut InotifyWatcher,
    root: &Root,
    names: &[&[u8]],
    secs: u64,
) -> Dependencies {
    let mut dependencies = Vec::new();
    let followed = names.iter().try_for_each(|name| {
        let start = open_component(root.dir()?, b".")?;
        watch_path((start, true), name, watcher, &mut dependencies, secs)
    });
    match followed {
        Ok(()) => dependencies.shrink_to_fit(),
        Err(Errno::OPNOTSUPP) if dependencies.is_empty() => {
            log::info!("the file system does not report all changes; each request checks its file");
            watcher.is_on = false;
        }
        Err(errno) => {
            log::debug!("cannot watch all directories of a path; each request checks its file: {errno}");
            dependencies.clear();
        }
    }
    Dependencies::new(dependencies, watcher, secs)
}

/// Watches the path of the root; nothing if a part is unwatchable.
pub(crate) fn watch_root(watcher: &mut InotifyWatcher, root: &Root, secs: u64) -> Dependencies {
    let mut dependencies = Vec::new();
    let start = if root.path().is_absolute() { b"/" } else { b"." };
    let followed = open_component(CWD, start).and_then(|start| {
        watch_path((start, false), root.path().as_os_str().as_bytes(), watcher, &mut dependencies, secs)
    });
    if let Err(errno) = followed {
        log::debug!("cannot watch all on the way to the root, so its path is looked at each second: {errno}");
        dependencies.clear();
    }
    Dependencies::new(dependencies, watcher, secs)
}

/// The file need not exist. If `is_beneath`, the path may not leave `start`.
fn watch_path(
    (start, is_beneath): (OwnedFd, bool),
    name: &[u8],
    watcher: &mut InotifyWatcher,
    dependencies: &mut Vec<Dependency>,
    secs: u64,
) -> Result<(), Errno> {
    let mut directories = vec![enter(start, watcher, dependencies, secs)?];
    let mut todo = components(name);
    let mut links = 0;
    for _ in 0..COMPONENTS_MAX {
        // After its end or outside the root, a path depends on nothing.
        let (Some(next), Some((directory, wd))) = (todo.pop(), directories.last()) else { return Ok(()) };
        if is_beneath && next == b".." {
            directories.pop();
            continue;
        }
        dependencies.push(watcher.depend_on(wd, Some(&next)));
        let found = match open_component(directory, &next) {
            // The dependency reports any later file of this name.
            Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(()),
            found => found?,
        };
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => directories.push(enter(found, watcher, dependencies, secs)?),
            FileType::Symlink if links < LINKS_MAX => {
                links += 1;
                let target = readlinkat(&found, c"", Vec::new())?;
                if target.to_bytes().starts_with(b"/") {
                    if is_beneath {
                        return Ok(());
                    }
                    directories.push(enter(open_component(CWD, b"/")?, watcher, dependencies, secs)?);
                }
                todo.append(&mut components(target.to_bytes()));
            }
            FileType::RegularFile => {
                let wd = watcher.add_watch(&found, secs)?;
                dependencies.push(watcher.depend_on(&wd, None));
                return Ok(());
            }
            _ => return Err(Errno::INVAL),
        }
    }
    Err(Errno::NAMETOOLONG)
}

fn enter(
    dir: OwnedFd,
    watcher: &mut InotifyWatcher,
    dependencies: &mut Vec<Dependency>,
    secs: u64,
) -> Result<(OwnedFd, Rc<i32>), Errno> {
    let wd = watcher.add_watch(&dir, secs)?;
    dependencies.push(watcher.depend_on(&wd, None));
    Ok((dir, wd))
}

fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let steps = path.split(|&byte| byte == b'/').filter(|step| !matches!(*step, b"" | b"."));
    steps.rev().map(<[u8]>::to_vec).collect()
}

fn open_component(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}
