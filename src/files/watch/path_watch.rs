//! The trail of a name: every directory that it leads through, every name that is looked up on the way,
//! and the file that it ends at, each of which it is tied to.
//!
//! Takes the steps that the kernel takes, links included, one by one, and watches each place before it
//! looks a name up in it: a change comes either before the look, or after the watch. It finds out nothing
//! but what to watch; what a name stands for is for `root` to say, once the trail is known.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::inotify::{Dependencies, Dependency, InotifyWatcher};
use crate::files::root::Root;

/// Links that the kernel follows in one name, and steps that all of them together may have here: a name
/// has at most 2,048, and who makes 40 links of as many each is not worth a watch.
const LINKS_MAX: usize = 40;
const COMPONENTS_MAX: usize = 4096;

/// Watches all that `names` beneath `root` depend on. What is found by them *after* this call stays so
/// for as long as the ties hold. There are none if not everything can be watched.
pub(crate) fn watch_paths(
    watcher: &mut InotifyWatcher,
    root: &Root,
    names: &[&[u8]],
    secs: u64,
) -> Dependencies {
    let mut dependencies = Vec::new();
    let followed = names.iter().try_for_each(|name| watch_path(root, name, watcher, &mut dependencies, secs));
    match followed {
        Ok(()) => dependencies.shrink_to_fit(),
        Err(Errno::OPNOTSUPP) if dependencies.is_empty() => {
            log::info!("the file system does not tell of all changes, so each request looks at its file");
            watcher.is_on = false;
        }
        Err(errno) => {
            log::debug!("cannot watch all on the way to a file, so it is looked at each time: {errno}");
            dependencies.clear();
        }
    }
    Dependencies::new(dependencies, watcher, secs)
}

/// Ties `dependencies` to all that `name` beneath `root` depends on, be there such a file or not.
///
/// # Errors
/// When something on the way cannot be watched, or is no file at its end.
fn watch_path(
    root: &Root,
    name: &[u8],
    watcher: &mut InotifyWatcher,
    dependencies: &mut Vec<Dependency>,
    secs: u64,
) -> Result<(), Errno> {
    let mut directories = vec![enter(open_component(&root.dir, b".")?, watcher, dependencies, secs)?];
    let mut todo = components(name);
    let mut links = 0;
    for _ in 0..COMPONENTS_MAX {
        // A name that has no more steps, or leaves the root, depends on nothing more.
        let (Some(next), Some((directory, wd))) = (todo.pop(), directories.last()) else { return Ok(()) };
        if next == b".." {
            directories.pop();
            continue;
        }
        dependencies.push(watcher.depend_on(wd, Some(&next)));
        let found = match open_component(directory, &next) {
            // Whatever comes by this name is told of by the tie.
            Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(()),
            found => found?,
        };
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => directories.push(enter(found, watcher, dependencies, secs)?),
            FileType::Symlink if links < LINKS_MAX => {
                links += 1;
                let target = readlinkat(&found, c"", Vec::new())?;
                if target.to_bytes().starts_with(b"/") {
                    return Ok(());
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

/// A directory on the way, which is watched from now on, and its watch.
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

/// The steps of a path, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let steps = path.split(|&byte| byte == b'/').filter(|step| !matches!(*step, b"" | b"."));
    steps.rev().map(<[u8]>::to_vec).collect()
}

/// What has this name in this directory, be it a link.
fn open_component(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}
