//! Limits of the process: workers, descriptors, memory, connections, file length.
//!
//! The reactor counts the connections.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use rustix::system::sysinfo;

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

/// Least `--memory`: some times what an idle server uses.
pub(super) const MEMORY_MIN: u64 = 16 * 1024 * 1024;

/// Divisor of memory: for the share of caches and of listings, and for the default of `--memory`.
pub(super) const MEMORY_SHARES: u64 = 4;

/// Default of `--memory`: a share of what the machine and the control groups (version 2 or 1) have.
pub(super) fn default_memory() -> u64 {
    let machine = sysinfo();
    let total = machine.totalram as u64 * u64::from(machine.mem_unit);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    (groups.lines().filter_map(group_memory).fold(total, u64::min) / MEMORY_SHARES).max(MEMORY_MIN)
}

/// The least limit of a group, `ID:CONTROLLERS:PATH`, and of those above it.
fn group_memory(group: &str) -> Option<u64> {
    let (controllers, path) = group.split_once(':')?.1.split_once(':')?;
    let (base, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let limit = |directory: &Path| fs::read_to_string(directory.join(file)).ok()?.trim_end().parse().ok();
    Path::new(&format!("{base}{path}")).ancestors().filter_map(limit).min()
}

/// Beyond it, the kernel sends SIGXFSZ.
pub(super) fn file_len_max() -> u64 {
    getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}

/// Least default of `--max-connections-per-ip`: a household behind one address, with browsers of 6 connections each.
const CONNECTIONS_PER_IP_MIN: usize = 64;

/// Default of `--max-connections-per-ip`: a quarter of all.
pub(super) fn connections_per_ip_max(connections_max: usize) -> usize {
    (connections_max / 4).max(CONNECTIONS_PER_IP_MIN)
}

/// A quarter of what is not reserved.
pub(super) fn cached_files_max(nofile: u64, workers: u64) -> usize {
    let unreserved = (nofile / workers.max(1)).saturating_sub(DESCRIPTORS_RESERVED);
    usize::try_from(unreserved / 4).unwrap_or(usize::MAX)
}

/// `nofile` descriptors are enough for `usable` connections, `needed` descriptors for `requested`.
///
/// `requested`, if it is usable; `None` is 90 % of `usable`.
pub(super) fn connections_max(
    nofile: u64,
    requested: Option<usize>,
    usable: u64,
    needed: u64,
) -> Result<usize, String> {
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
            Ok(requested.min(usable))
        }
        None => Ok(usable - usable / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_max_is_as_requested_or_nine_tenths_of_the_usable() {
        let cases = [
            // requested, usable, expected
            (None, 1000, 900),
            (None, 19_936, 17_943),
            (None, 1, 1),
            (None, 10, 9),
            (Some(300), 333, 300),
            (Some(1000), 1000, 1000),
            (Some(1001), 1000, 1000),
            (Some(1), 1000, 1),
        ];
        for (requested, usable, expected) in cases {
            assert_eq!(
                connections_max(1024, requested, usable, 1025),
                Ok(expected),
                "{requested:?} {usable}"
            );
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
    fn memory_by_default_is_at_most_a_quarter_of_the_machine() {
        let machine = sysinfo();
        let total = machine.totalram as u64 * u64::from(machine.mem_unit);
        assert!((MEMORY_MIN..=total / 4).contains(&default_memory()));
        // A group that is not there has no limit, and other controllers have none of memory.
        assert_eq!(group_memory("3:cpu:/"), None);
        assert_eq!(group_memory("4:memory"), None);
    }

    #[test]
    fn nofile_without_room_fails_with_remedy() {
        for requested in [None, Some(100)] {
            let expected = "a limit of 24 open files leaves no room for connections; \
                            raise it with `ulimit -n 125` or more";
            assert_eq!(connections_max(24, requested, 0, 125), Err(expected.to_owned()));
        }
    }
}
