//! Room for the connections of a run among this process's open files.
//!
//! It says what to do when there is not enough; the limit is raised before, and elsewhere.

/// Descriptors for what is no connection: standard streams, signals, the report, the resolver.
const RESERVED: u64 = 32;
/// Descriptors that each reactor has for itself: epoll, its waker, signals.
const EACH_THREAD: u64 = 8;

/// Checks that so many connections have room below a limit.
///
/// # Errors
/// One line that says what is needed, and what to do.
pub(super) fn check(limit: u64, concurrency: usize, threads: usize) -> Result<(), String> {
    let concurrency = concurrency as u64;
    let reserve = RESERVED + EACH_THREAD.saturating_mul(threads as u64);
    let needed = concurrency.saturating_add(reserve);
    if needed <= limit {
        return Ok(());
    }
    let most = limit.saturating_sub(reserve);
    let or_less = if most == 0 { String::new() } else { format!(", or ask for at most -c {most}") };
    Err(format!(
        "-c {concurrency} needs a limit of {needed} open files, and it is {limit}; \
         raise it with `ulimit -n {needed}`{or_less}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_connections_are_told_with_the_remedy() {
        assert_eq!(check(1024, 984, 1), Ok(()));
        let error = "-c 985 needs a limit of 1025 open files, and it is 1024; \
                     raise it with `ulimit -n 1025`, or ask for at most -c 984";
        assert_eq!(check(1024, 985, 1), Err(error.to_owned()));
        let error = "-c 5 needs a limit of 61 open files, and it is 40; raise it with `ulimit -n 61`";
        assert_eq!(check(40, 5, 3), Err(error.to_owned()));
    }
}
