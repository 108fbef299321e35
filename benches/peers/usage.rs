//! The processor time that another process has used.
//!
//! The scheduler counts it in nanoseconds for each thread, and brings it up to date whenever the thread
//! waits, and at the tick of the clock else: over seconds it is exact to some thousandths.

use std::fs;
use std::io;
use std::time::Duration;

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
