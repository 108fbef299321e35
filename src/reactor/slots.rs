//! The slab of connections, and what the reactor keeps of each beside it.
//!
//! It finds a connection by its key and nobody by a stale one. It never drives or closes any.

use std::time::Instant;

use slab::Slab;

use super::key::{Generations, Key};
use super::{Connection, Readiness};

/// One connection and the reactor's own notes on it.
#[derive(Debug)]
pub(super) struct Slot<C> {
    pub(super) conn: C,
    pub(super) ready: Readiness,
    /// For when the timer wheel holds its key.
    pub(super) timer: Option<Timer>,
    generation: u32,
    /// It stands in the run queue.
    pub(super) queued: bool,
    /// Its socket is registered with epoll.
    pub(super) registered: bool,
    /// It is over and waits for the end of the turn to be freed.
    pub(super) closed: bool,
}

/// A key that the timer wheel holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timer {
    /// The tick at which it is looked at ...
    pub(super) tick: u64,
    /// ... which is not after the tick of this deadline, nor of any later one.
    pub(super) deadline: Instant,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Slots<C> {
    slab: Slab<Slot<C>>,
    generations: Generations,
}

impl<C: Connection> Slots<C> {
    pub(super) fn new() -> Self {
        Self { slab: Slab::new(), generations: Generations::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn insert(&mut self, conn: C, ready: Readiness) -> Key {
        let generation = self.generations.next();
        let slot =
            Slot { conn, ready, timer: None, generation, queued: false, registered: false, closed: false };
        // A slot costs two descriptors' worth of kernel memory at least: 2^32 of them do not exist.
        Key { index: self.slab.insert(slot) as u32, generation }
    }

    /// The connection that the key names, unless it is gone or going.
    pub(super) fn get(&mut self, key: Key) -> Option<&mut Slot<C>> {
        let slot = self.slab.get_mut(key.index as usize)?;
        (slot.generation == key.generation && !slot.closed).then_some(slot)
    }

    /// Frees a slot, dropping its connection and with it the socket.
    pub(super) fn free(&mut self, key: Key) {
        self.slab.try_remove(key.index as usize);
    }

    /// All connections that are not going, for the end of the loop.
    pub(super) fn into_conns(self) -> impl Iterator<Item = C> {
        self.slab.into_iter().filter(|(_, slot)| !slot.closed).map(|(_, slot)| slot.conn)
    }

    /// The keys of all connections that are not going.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.slab
            .iter()
            .filter(|(_, slot)| !slot.closed)
            .map(|(index, slot)| Key { index: index as u32, generation: slot.generation })
    }
}
