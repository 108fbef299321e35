//! Leases of partial uploads: one request at a time uses an upload, in all workers.
//!
//! A new request revokes the lease of a running append, which then ends, and is woken when it has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::PartialId;
use crate::reactor::{Helpers, Key};

/// Access to a connection of any worker.
type Waker = (Helpers, Key);

#[derive(Debug, Default)]
pub(super) struct UploadLeases(Mutex<HashMap<PartialId, LeaseState>>);

#[derive(Debug, Default)]
struct LeaseState {
    flags: Arc<LeaseFlags>,
    owner: Option<Waker>,
    waiting: Vec<Waker>,
}

#[derive(Debug, Default)]
pub(super) struct LeaseFlags {
    is_revoked: AtomicBool,
    pub(super) has_ended: AtomicBool,
}

/// Ends when dropped.
#[derive(Debug)]
pub(super) struct UploadLease {
    pub(super) id: PartialId,
    flags: Arc<LeaseFlags>,
    leases: Arc<UploadLeases>,
}

impl UploadLeases {
    /// If the upload is in use, revokes its lease: `waker` is woken when that has ended.
    pub(super) fn take(
        self: &Arc<Self>,
        id: PartialId,
        waker: Option<Waker>,
    ) -> Result<UploadLease, Arc<LeaseFlags>> {
        match self.states().entry(id) {
            Entry::Vacant(vacant) => {
                let state = vacant.insert(LeaseState { owner: waker, ..LeaseState::default() });
                Ok(UploadLease { id, flags: Arc::clone(&state.flags), leases: Arc::clone(self) })
            }
            Entry::Occupied(mut used) => {
                let state = used.get_mut();
                state.flags.is_revoked.store(true, Ordering::Relaxed);
                state.owner.iter().for_each(wake);
                state.waiting.extend(waker);
                Err(Arc::clone(&state.flags))
            }
        }
    }

    fn states(&self) -> MutexGuard<'_, HashMap<PartialId, LeaseState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake((helpers, key): &Waker) {
    helpers.wake(*key);
}

impl UploadLease {
    pub(super) fn is_revoked(&self) -> bool {
        self.flags.is_revoked.load(Ordering::Relaxed)
    }
}

impl Drop for UploadLease {
    fn drop(&mut self) {
        let state = self.leases.states().remove(&self.id).unwrap_or_default();
        state.flags.has_ended.store(true, Ordering::Release);
        state.waiting.iter().for_each(wake);
    }
}
