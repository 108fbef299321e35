//! What a signal does while the loop cannot hear of it, for the sink waits for another process: a
//! pipe that nobody reads, a FIFO that nobody opens.
//!
//! It owns two flags that signal handlers share. Whether the signal comes before the wait or during
//! it, the run ends; while nothing waits, the loop hears of the signal as of any other event.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::flag::{register_conditional_shutdown, register_usize};

use super::run_error::RunError;

/// Ends the run on a signal that comes while the program is held up.
#[derive(Clone, Debug, Default)]
pub(crate) struct InterruptibleWait {
    is_waiting: Arc<AtomicBool>,
    /// The last signal that has come, or 0.
    signal: Arc<AtomicUsize>,
}

impl InterruptibleWait {
    /// Makes these signals end the program in the middle of what it waits for.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub(crate) fn exit_on_signals(&self, signals: &[i32]) -> io::Result<()> {
        for &signal in signals {
            let number = usize::try_from(signal).unwrap_or_default();
            register_usize(signal, Arc::clone(&self.signal), number)?;
            let code = i32::from(RunError::Interrupted(signal).exit_code());
            register_conditional_shutdown(signal, code, Arc::clone(&self.is_waiting))?;
        }
        Ok(())
    }

    /// Whether a signal has come so far.
    pub(crate) fn has_signal(&self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }

    /// Does what may wait for ever, unless a signal has come that nobody has heard of yet.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] in that case.
    pub(crate) fn run<T>(&self, wait: impl FnOnce() -> T) -> Result<T, RunError> {
        self.is_waiting.store(true, Ordering::SeqCst);
        // In this order: a signal from now on ends the program, and one before is seen here.
        let outcome = match self.signal.load(Ordering::SeqCst) {
            0 => Ok(wait()),
            signal => Err(RunError::Interrupted(i32::try_from(signal).unwrap_or_default())),
        };
        self.is_waiting.store(false, Ordering::SeqCst);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::SIGUSR1;
    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn blocking_wait_after_signal_is_not_started() {
        let blocking_wait = InterruptibleWait::default();
        blocking_wait.exit_on_signals(&[SIGUSR1]).expect("handlers");
        assert_eq!(blocking_wait.run(|| 7).expect("no signal yet"), 7);
        raise(SIGUSR1).expect("the signal");
        let outcome = blocking_wait.run(|| panic!("it waits"));
        assert!(matches!(outcome, Err(RunError::Interrupted(SIGUSR1))));
    }
}
