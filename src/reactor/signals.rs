//! Signals as events of the loop: a handler writes to a pipe, the loop reads it.
//!
//! Which signals are watched and what they mean is the application's.

use std::ffi::c_int;
use std::io;

use mio::{Interest, Registry};
use signal_hook_mio::v1_0::Signals as Source;

use super::key::Addressee;

/// The watched signals, none until [`Signals::watch`].
#[derive(Default)]
pub(super) struct Signals(Option<Source>);

impl Signals {
    pub(super) fn watch(&mut self, registry: &Registry, numbers: &[c_int]) -> io::Result<()> {
        let mut source = Source::new(numbers)?;
        registry.register(&mut source, Addressee::Signals.token(), Interest::READABLE)?;
        self.0 = Some(source);
        Ok(())
    }

    /// Moves the numbers of the signals that have come to `received`.
    pub(super) fn take(&mut self, received: &mut Vec<c_int>) {
        if let Some(source) = &mut self.0 {
            received.extend(source.pending());
        }
    }
}
