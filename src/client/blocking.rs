//! Termination by signal while the sink blocks the event loop.
//!
//! A pipe or FIFO without a reader blocks the sink. A signal before or during that wait ends the
//! run; at other times the loop handles it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::flag::{register_conditional_shutdown, register_usize};

use super::run_error::RunError;

#[derive(Clone, Debug, Default)]
pub(crate) struct InterruptibleWait {
    is_waiting: Arc<AtomicBool>,
    /// Last signal, or 0.
    signal: Arc<AtomicUsize>,
}

impl InterruptibleWait {
    pub(crate) fn exit_on_signals(&self, signals: &[i32]) -> io::Result<()> {
        for &signal in signals {
            let number = usize::try_from(signal).unwrap_or_default();
            register_usize(signal, Arc::clone(&self.signal), number)?;
            let code = i32::from(RunError::Interrupted(signal).exit_code());
            register_conditional_shutdown(signal, code, Arc::clone(&self.is_waiting))?;
        }
        Ok(())
    }

    pub(crate) fn has_signal(&self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }

    pub(crate) fn run<T>(&self, wait: impl FnOnce() -> T) -> Result<T, RunError> {
        self.is_waiting.store(true, Ordering::SeqCst);
        // This order: later signals end the process, earlier ones are seen here.
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
