//! What other processes have used: processor time and memory, as the kernel counts them.
//!
//! The scheduler counts time in nanoseconds for each thread, and brings it up to date whenever the thread
//! waits, and at the tick of the clock else: over seconds it is exact to some thousandths. It starts and
//! ends nothing.

use std::fs;
use std::io;
use std::time::Duration;

/// Generations of processes that a program may have started: a parent, its workers, and theirs.
const GENERATIONS_MAX: usize = 4;

/// What all threads of this process have used so far, in user mode and in the kernel.
pub(crate) fn of(pid: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path().join("schedstat");
        let text = fs::read_to_string(&path)?;
        let nanos = text.split(' ').next().and_then(|first| first.trim().parse().ok());
        let nanos = nanos.ok_or_else(|| io::Error::other(format!("{} has no times", path.display())))?;
        sum += Duration::from_nanos(nanos);
    }
    Ok(sum)
}

/// The bytes of this process that are in memory, shared ones included.
pub(crate) fn resident_len(pid: u32) -> io::Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path)?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix("kB"));
    let kilobytes = kilobytes.and_then(|number| number.trim().parse::<u64>().ok());
    kilobytes.map(|number| number * 1024).ok_or_else(|| io::Error::other(format!("{path} has no Rss")))
}

/// This process and all that come from it.
pub(crate) fn family(pid: u32) -> io::Result<Vec<u32>> {
    let parents = parents()?;
    let mut family = vec![pid];
    for _ in 0..GENERATIONS_MAX {
        let is_new = |(child, parent): &&(u32, u32)| family.contains(parent) && !family.contains(child);
        let children: Vec<u32> = parents.iter().filter(is_new).map(|(child, _)| *child).collect();
        family.extend(children);
    }
    Ok(family)
}

/// Each process that there is, with the one that started it.
fn parents() -> io::Result<Vec<(u32, u32)>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // One that has ended meanwhile is nobody's child.
    Ok(pids
        .filter_map(|pid| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect())
}

/// The fourth field; the second is a name in parentheses, which may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
