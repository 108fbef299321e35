//! How many files this process may have open, raised as far as it may be: every connection is one.
//!
//! It counts none and opens none; how many connections fit is for whoever makes them to say.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What an unlimited limit is taken for: the kernel's own ceiling (`fs.nr_open`).
const UNLIMITED: u64 = 1 << 20;

/// Raises this process's limit on open descriptors as far as it may, and returns what it is now.
///
/// The soft limit of a shell is often 1024, for the sake of programs that use `select`; these do
/// not. A refusal is no error: the limit then stays as it is.
pub fn raise_nofile_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(UNLIMITED);
    let present = current.unwrap_or(UNLIMITED);
    if present >= wanted {
        return present;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(_) => present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raise_nofile_limit_reaches_the_hard_limit() {
        let raised = raise_nofile_limit();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current.unwrap_or(UNLIMITED), raised);
        assert_eq!(now.maximum.unwrap_or(UNLIMITED), raised);
        assert_eq!(raise_nofile_limit(), raised);
    }
}
