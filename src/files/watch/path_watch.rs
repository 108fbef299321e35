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

use super::inotify::{Tie, Watch};
use crate::files::root::Root;

/// Links that the kernel follows in one name, and steps that all of them together may have here: a name
/// has at most 2,048, and who makes 40 links of as many each is not worth a watch.
const LINKS_MAX: usize = 40;
const STEPS_MAX: usize = 4096;

/// A directory on the way.
struct Place {
    dir: OwnedFd,
    held: Rc<i32>,
}

/// Ties `ties` to all that `name` beneath `root` depends on, be there such a file or not.
///
/// # Errors
/// When something on the way cannot be watched, or is no file at its end.
pub(super) fn follow(
    root: &Root,
    name: &[u8],
    watch: &mut Watch,
    ties: &mut Vec<Tie>,
    secs: u64,
) -> Result<(), Errno> {
    let mut places = vec![Place::enter(step(root.dir(), b".")?, watch, ties, secs)?];
    let mut todo = steps(name);
    let mut links = 0;
    for _ in 0..STEPS_MAX {
        // A name that has no more steps, or leaves the root, depends on nothing more.
        let (Some(next), Some(place)) = (todo.pop(), places.last()) else { return Ok(()) };
        if next == b".." {
            places.pop();
            continue;
        }
        ties.push(watch.bind(&place.held, Some(&next)));
        let found = match step(&place.dir, &next) {
            // Whatever comes by this name is told of by the tie.
            Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(()),
            found => found?,
        };
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => places.push(Place::enter(found, watch, ties, secs)?),
            FileType::Symlink if links < LINKS_MAX => {
                links += 1;
                let target = readlinkat(&found, c"", Vec::new())?;
                if target.to_bytes().starts_with(b"/") {
                    return Ok(());
                }
                todo.append(&mut steps(target.to_bytes()));
            }
            FileType::RegularFile => {
                let held = watch.hold(&found, secs)?;
                ties.push(watch.bind(&held, None));
                return Ok(());
            }
            _ => return Err(Errno::INVAL),
        }
    }
    Err(Errno::NAMETOOLONG)
}

impl Place {
    fn enter(dir: OwnedFd, watch: &mut Watch, ties: &mut Vec<Tie>, secs: u64) -> Result<Place, Errno> {
        let held = watch.hold(&dir, secs)?;
        ties.push(watch.bind(&held, None));
        Ok(Place { dir, held })
    }
}

/// The steps of a path, the last one first.
fn steps(path: &[u8]) -> Vec<Vec<u8>> {
    let steps = path.split(|&byte| byte == b'/').filter(|step| !matches!(*step, b"" | b"."));
    steps.rev().map(<[u8]>::to_vec).collect()
}

/// What has this name in this directory, be it a link.
fn step(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}
