//! Signals that end a run early, watched before the first thread starts.
//!
//! While the program blocks before the run (DNS, a FIFO without writer), a signal ends it.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_default;

use crate::client::blocking::InterruptibleWait;

pub(crate) const STOP_SIGNALS: [c_int; 2] = [SIGINT, SIGTERM];

/// Signal state; the default watches none.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    pub(super) signals: &'static [c_int],
    pub(crate) blocking_wait: InterruptibleWait,
}

impl Interrupt {
    pub(crate) fn watch(signals: &'static [c_int]) -> io::Result<Self> {
        let blocking_wait = InterruptibleWait::default();
        blocking_wait.exit_on_signals(signals)?;
        Ok(Self { signals, blocking_wait })
    }

    pub(crate) fn restore_default_action(&self) -> io::Result<()> {
        let always = Arc::new(AtomicBool::new(true));
        let restore = |&signal| register_conditional_default(signal, Arc::clone(&always)).map(drop);
        self.signals.iter().try_for_each(restore)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use signal_hook::consts::{SIGURG, SIGWINCH};
    use signal_hook::low_level::raise;

    use super::*;
    use crate::load::engine::app::Endpoints;
    use crate::load::engine::threads;
    use crate::load::prepared_run::build_plan;
    use crate::load::run_info::tests::settings;

    #[test]
    fn interrupt_after_signal_stays_set() {
        let interrupt = Interrupt::watch(&[SIGWINCH]).expect("handlers");
        let wait = &interrupt.blocking_wait;
        assert_eq!((wait.has_signal(), wait.run(|| 7).ok()), (false, Some(7)));
        raise(SIGWINCH).expect("the signal");
        assert!(wait.has_signal() && wait.has_signal());
        assert_eq!(wait.run(|| 7).ok(), None);
        let none = Interrupt::default();
        assert!(!none.blocking_wait.has_signal() && none.signals.is_empty());
    }

    #[test]
    fn run_after_early_signal_sends_nothing() {
        let interrupt = Interrupt::watch(&[SIGURG]).expect("handlers");
        raise(SIGURG).expect("the signal");
        for threads in ["1", "2"] {
            let (plan, _) =
                build_plan(&settings(&format!("-c|2|-z|20s|--threads|{threads}|/"))).expect("a plan");
            // No request is sent, so no server is needed.
            let addresses = vec![vec![SocketAddr::from(([127, 0, 0, 1], 9))]];
            let endpoints = Endpoints { addresses, tls: None };
            let result =
                threads::run(&plan, &endpoints, &interrupt, Duration::MAX, &mut |_, _| ()).expect("it runs");
            assert!(result.was_interrupted && result.metrics.series.totals.sent == 0, "{result:?}");
        }
    }
}
