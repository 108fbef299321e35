//! `RLIMIT_NOFILE`, raised as far as the system allows.
//!
//! Each connection needs a descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Value for no limit: the kernel's ceiling (`fs.nr_open`).
const UNLIMITED: u64 = 1 << 20;

/// Raises the soft limit to the hard limit and returns the result. A refusal is no error.
///
/// A shell often sets 1024, for programs that use `select`, unlike this one.
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
