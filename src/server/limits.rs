//! Limits of the process: workers, descriptors, connections, file length.
//!
//! The reactor counts the connections.

use rustix::process::{Resource, getrlimit};

use crate::reactor::Watermarks;

/// Most workers: more than the largest computers have cores.
pub(super) const WORKERS_MAX: usize = 256;
/// Most helper threads: one suffices to close files, and three more continue if a disk hangs.
pub(super) const HELPER_THREADS_MAX: usize = 4;
/// Descriptors reserved for everything except connections and cached files.
///
/// Some 20 are usual: standard streams (3), epoll, waker, helpers, signal pipe (6), inotify, root, log, listeners.
/// The rest: dozens of `--bind`, listings (16), archives (16), libraries (resolver, time zones).
/// Callers of [`connection_watermarks`] add the capacity of the file cache.
pub(super) const DESCRIPTORS_RESERVED: u64 = 64;

/// Longest file that this process may write: beyond it, the kernel sends SIGXFSZ.
pub(super) fn file_len_max() -> u64 {
    getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}

/// Most files that the cache of each worker keeps open: a quarter of what is not reserved.
pub(super) fn cached_files_max(nofile: u64, workers: u64) -> usize {
    let unreserved = (nofile / workers.max(1)).saturating_sub(DESCRIPTORS_RESERVED);
    usize::try_from(unreserved / 4).unwrap_or(usize::MAX)
}

/// Watermarks for `nofile` descriptors, `reserved` of which are for other uses.
///
/// Each connection may hold `fds_per_connection`, at least one. Accepting stops at `requested` and resumes at
/// 8/9 of it. `None` is 90 % and 80 % of the rest.
///
/// # Errors
/// One line, if the limit is too low or `requested` is 0.
pub(super) fn connection_watermarks(
    nofile: u64,
    requested: Option<usize>,
    reserved: u64,
    fds_per_connection: u64,
) -> Result<Watermarks, String> {
    let usable = usize::try_from(nofile.saturating_sub(reserved) / fds_per_connection).unwrap_or(usize::MAX);
    let needed =
        reserved.saturating_add(fds_per_connection.saturating_mul(requested.unwrap_or(1).max(1) as u64));
    match requested {
        _ if usable == 0 => Err(format!(
            "a limit of {nofile} open files leaves no room for connections; \
             raise it with `ulimit -n {needed}` or more"
        )),
        Some(0) => Err("the most connections cannot be 0; ask for at least 1".to_owned()),
        Some(requested) if requested > usable => Err(format!(
            "{requested} connections need a limit of {needed} open files, and it is {nofile}; \
             raise it with `ulimit -n {needed}`, or ask for at most {usable}"
        )),
        Some(requested) => Ok(watermarks(requested, fraction(requested, 8, 9))),
        None => Ok(watermarks(fraction(usable, 9, 10), fraction(usable, 8, 10))),
    }
}

/// Corrects rounding: stop at 1 or more, resume below.
fn watermarks(stop_at: usize, resume_at: usize) -> Watermarks {
    let stop_at = stop_at.max(1);
    Watermarks { stop_at, resume_at: resume_at.min(stop_at - 1) }
}

/// Rounded down, without overflow.
fn fraction(count: usize, part: usize, whole: usize) -> usize {
    count / whole * part + count % whole * part / whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watermarks_derive_from_nofile_or_requested_count() {
        let cases = [
            // nofile, requested, reserved, per connection, stop_at, resume_at
            (1024, None, 24, 1, 900, 800),
            (20_000, None, 64, 1, 17_942, 15_948),
            (25, None, 24, 1, 1, 0),
            (1024, None, 24, 2, 450, 400),
            (1024, None, 24, 3, 299, 266),
            (1024, Some(300), 24, 3, 300, 266),
            (26, None, 24, 1, 1, 0),
            (34, None, 24, 1, 9, 8),
            (1 << 20, None, 0, 1, 943_718, 838_860),
            (1024, Some(900), 24, 1, 900, 800),
            (1024, Some(1000), 24, 1, 1000, 888),
            (1024, Some(1), 24, 1, 1, 0),
            (1024, Some(2), 24, 1, 2, 1),
            (1024, Some(9), 24, 1, 9, 8),
            (u64::MAX, Some(usize::MAX / 9 * 9), 0, 1, usize::MAX / 9 * 9, usize::MAX / 9 * 8),
        ];
        for (nofile, requested, reserved, fds_per_connection, stop_at, resume_at) in cases {
            let expected = Watermarks { stop_at, resume_at };
            let outcome = connection_watermarks(nofile, requested, reserved, fds_per_connection);
            assert_eq!(outcome, Ok(expected), "{nofile} {requested:?} {reserved} {fds_per_connection}");
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
            let marks = connection_watermarks(count as u64, None, 0, 1).unwrap();
            assert!(marks.resume_at < marks.stop_at, "{count}");
            let marks = connection_watermarks(2000, Some(count), 0, 1).unwrap();
            assert!(marks.resume_at < marks.stop_at, "{count}");
        }
    }

    #[test]
    fn connections_beyond_nofile_fail_with_remedy() {
        let cases = [
            (
                1024,
                Some(1001),
                1,
                "1001 connections need a limit of 1025 open files, and it is 1024; \
                 raise it with `ulimit -n 1025`, or ask for at most 1000",
            ),
            (
                1024,
                Some(334),
                3,
                "334 connections need a limit of 1026 open files, and it is 1024; \
                 raise it with `ulimit -n 1026`, or ask for at most 333",
            ),
            (
                24,
                None,
                1,
                "a limit of 24 open files leaves no room for connections; \
                 raise it with `ulimit -n 25` or more",
            ),
            (
                10,
                Some(100),
                1,
                "a limit of 10 open files leaves no room for connections; \
                 raise it with `ulimit -n 124` or more",
            ),
            (1024, Some(0), 1, "the most connections cannot be 0; ask for at least 1"),
        ];
        for (nofile, requested, fds_per_connection, expected) in cases {
            let outcome = connection_watermarks(nofile, requested, 24, fds_per_connection);
            assert_eq!(outcome, Err(expected.to_owned()));
        }
    }
}
