//! Limits of the process: workers, descriptors, connections, file length.
//!
//! The reactor counts the connections.

use rustix::process::{Resource, getrlimit};

use crate::reactor::Watermarks;

/// Most workers: more than the largest computers have cores.
pub(super) const WORKERS_MAX: usize = 256;
/// Most helper threads: one suffices, and three more continue if a disk hangs.
pub(super) const HELPER_THREADS_MAX: usize = 4;
/// Threads of a worker that read long directories: fewer finish sooner.
pub(super) const LISTING_THREADS_MAX: usize = 2;
/// Threads that write back and close files: the second continues if a disk hangs.
pub(super) const BACKGROUND_THREADS_MAX: usize = 2;

/// Descriptors reserved for everything except connections and cached files.
///
/// Some 20 are usual: standard streams (3), epoll, waker, helpers, signal pipe (6), inotify, root, log, listeners.
/// The rest: dozens of `--bind`, listings (16), archives (16), libraries (resolver, time zones).
/// The capacity of the file cache is added to it.
pub(super) const DESCRIPTORS_RESERVED: u64 = 64;

/// Beyond it, the kernel sends SIGXFSZ.
pub(super) fn file_len_max() -> u64 {
    getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}

/// A quarter of what is not reserved.
pub(super) fn cached_files_max(nofile: u64, workers: u64) -> usize {
    let unreserved = (nofile / workers.max(1)).saturating_sub(DESCRIPTORS_RESERVED);
    usize::try_from(unreserved / 4).unwrap_or(usize::MAX)
}

/// `nofile` descriptors are enough for `usable` connections, `needed` descriptors for `requested`.
///
/// Accepting stops at `requested`, if it is usable, and resumes at 8/9 of it. `None` is 90 % and 80 % of `usable`.
pub(super) fn connection_watermarks(
    nofile: u64,
    requested: Option<usize>,
    usable: u64,
    needed: u64,
) -> Result<Watermarks, String> {
    let usable = usize::try_from(usable).unwrap_or(usize::MAX);
    match requested {
        _ if usable == 0 => Err(format!(
            "a limit of {nofile} open files leaves no room for connections; \
             raise it with `ulimit -n {needed}` or more"
        )),
        Some(requested) => {
            if requested > usable {
                log::warn!(
                    "a limit of {nofile} open files allows {usable} connections, and --max-connections is \
                     {requested}; raise the limit with `ulimit -n {needed}`"
                );
            }
            let count = requested.min(usable);
            Ok(watermarks(count, fraction(count, 8, 9)))
        }
        None => Ok(watermarks(fraction(usable, 9, 10), fraction(usable, 8, 10))),
    }
}

/// Corrects rounding: stop at 1 or more, resume below.
fn watermarks(stop_at: usize, resume_at: usize) -> Watermarks {
    let stop_at = stop_at.max(1);
    Watermarks { stop_at, resume_at: resume_at.min(stop_at - 1) }
}

fn fraction(count: usize, part: usize, whole: usize) -> usize {
    count / whole * part + count % whole * part / whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watermarks_derive_from_nofile_or_requested_count() {
        let cases = [
            // requested, usable, stop_at, resume_at
            (None, 1000, 900, 800),
            (None, 19_936, 17_942, 15_948),
            (None, 1, 1, 0),
            (None, 10, 9, 8),
            (None, 1 << 20, 943_718, 838_860),
            (Some(300), 333, 300, 266),
            (Some(900), 1000, 900, 800),
            (Some(1000), 1000, 1000, 888),
            (Some(1001), 1000, 1000, 888),
            (Some(1), 1000, 1, 0),
            (Some(2), 1000, 2, 1),
            (Some(9), 1000, 9, 8),
            (Some(usize::MAX / 9 * 9), u64::MAX, usize::MAX / 9 * 9, usize::MAX / 9 * 8),
        ];
        for (requested, usable, stop_at, resume_at) in cases {
            let outcome = connection_watermarks(1024, requested, usable, 1025);
            assert_eq!(outcome, Ok(Watermarks { stop_at, resume_at }), "{requested:?} {usable}");
        }
    }

    #[test]
    fn cached_files_max_leaves_room_for_connections() {
        for (nofile, workers, expected) in
            [(100, 1, 9), (1000, 1, 234), (1000, 4, 46), (100, 4, 0), (64, 0, 0)]
        {
            assert_eq!(cached_files_max(nofile, workers), expected, "{nofile} {workers}");
        }
    }

    #[test]
    fn watermarks_resume_at_is_below_stop_at() {
        for count in 1..2000 {
            let marks = connection_watermarks(2000, None, count as u64, 0).unwrap();
            assert!(marks.resume_at < marks.stop_at, "{count}");
            let marks = connection_watermarks(2000, Some(count), 2000, 0).unwrap();
            assert!(marks.resume_at < marks.stop_at, "{count}");
        }
    }

    #[test]
    fn nofile_without_room_fails_with_remedy() {
        for requested in [None, Some(100)] {
            let expected = "a limit of 24 open files leaves no room for connections; \
                            raise it with `ulimit -n 125` or more";
            assert_eq!(connection_watermarks(24, requested, 0, 125), Err(expected.to_owned()));
        }
    }
}
