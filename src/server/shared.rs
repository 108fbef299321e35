//! State that all workers of the process share, whatever `--workers` is.
//!
//! It is touched when a connection is accepted or closed, and when an upload gets its name; never for a cached GET.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

/// What is promised for the process, not for each worker.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Connections that are open in all workers: `--max-connections` bounds them.
    pub(super) connections: Arc<AtomicUsize>,
    /// Held while an upload gets its name, so that its preconditions hold at that moment.
    pub(super) rename_lock: Mutex<()>,
}
