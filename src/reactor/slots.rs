//! The slab of connections, what the reactor keeps of each beside it, and the run queue.
//!
//! It finds a connection by its key and nobody by a stale one. It never drives any.
//! The run queue holds the keys of the connections that get a turn. The present queue is taken whole before
//! it is drained; a key that is queued meanwhile goes to the next one, so a turn always ends.

use std::mem;
use std::time::Instant;

use slab::Slab;

use super::token::{Generations, Key};
use super::{EventSource, Readiness};

/// One connection and the reactor's own notes on it.
#[derive(Debug)]
pub(super) struct Slot<C> {
    pub(super) connection: C,
    pub(super) ready: Readiness,
    /// For when the timer wheel holds its key.
    pub(super) timer: Option<Timer>,
    generation: u32,
    /// It stands in the run queue.
    pub(super) queued: bool,
    /// Its socket is registered with epoll.
    pub(super) registered: bool,
    /// It is over and waits for the end of the turn to be freed.
    closed: bool,
}

/// A key that the timer wheel holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timer {
    /// The tick at which it is looked at ...
    pub(super) tick: u64,
    /// ... which is not after the tick of this deadline, nor of any later one.
    pub(super) deadline: Instant,
}

/// All connections, and which of them have something to do.
#[derive(Debug)]
pub(super) struct Slots<C> {
    slab: Slab<Slot<C>>,
    generations: Generations,
    /// The run queue of the next turn. The flag of its slot keeps a key from standing here twice.
    run_queue: Vec<Key>,
    /// The drained queue of this turn, kept for its room.
    spare_queue: Vec<Key>,
    /// Those that are over and wait for the end of the turn.
    closed_keys: Vec<Key>,
}

impl<C: EventSource> Slots<C> {
    pub(super) fn new() -> Self {
        Self {
            slab: Slab::new(),
            generations: Generations::default(),
            run_queue: Vec::new(),
            spare_queue: Vec::new(),
            closed_keys: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn insert(&mut self, conn: C, ready: Readiness) -> Key {
        let generation = self.generations.next();
        let slot = Slot {
            connection: conn,
            ready,
            timer: None,
            generation,
            queued: false,
            registered: false,
            closed: false,
        };
        // A slot costs two descriptors' worth of kernel memory at least: 2^32 of them do not exist.
        Key { index: self.slab.insert(slot) as u32, generation }
    }

    /// The connection that the key names, unless it is gone or going.
    pub(super) fn get(&mut self, key: Key) -> Option<&mut Slot<C>> {
        find(&mut self.slab, key)
    }

    /// The same, queued for the next turn.
    pub(super) fn queue(&mut self, key: Key) -> Option<&mut Slot<C>> {
        let slot = find(&mut self.slab, key)?;
        if !mem::replace(&mut slot.queued, true) {
            self.run_queue.push(key);
        }
        Some(slot)
    }

    /// Whether any is queued.
    pub(super) fn has_queued(&self) -> bool {
        !self.run_queue.is_empty()
    }

    /// Takes all that is queued; what is queued from now on belongs to the turn after.
    pub(super) fn take_queued(&mut self) -> Vec<Key> {
        mem::replace(&mut self.run_queue, mem::take(&mut self.spare_queue))
    }

    /// Gives the room of the taken queue back.
    pub(super) fn return_queue(&mut self, mut keys: Vec<Key>) {
        keys.clear();
        self.spare_queue = keys;
    }

    /// A connection is over: its slot is freed at the end of the turn.
    pub(super) fn close(&mut self, key: Key) {
        if let Some(slot) = self.get(key) {
            slot.closed = true;
            self.closed_keys.push(key);
        }
    }

    /// Whether any waits to be freed.
    pub(super) fn has_closed(&self) -> bool {
        !self.closed_keys.is_empty()
    }

    /// The one place where a slot is freed. Dropping the connection closes its descriptor, and
    /// with that epoll forgets it: no system call of its own is needed to deregister.
    /// Returns how many were freed.
    pub(super) fn free_closed(&mut self) -> usize {
        let keys = self.closed_keys.drain(..);
        keys.filter_map(|key| self.slab.try_remove(key.index as usize)).count()
    }

    /// All connections that are not going, for the end of the loop.
    pub(super) fn into_connections(self) -> impl Iterator<Item = C> {
        self.slab.into_iter().filter(|(_, slot)| !slot.closed).map(|(_, slot)| slot.connection)
    }

    /// The keys of all connections that are not going.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.slab
            .iter()
            .filter(|(_, slot)| !slot.closed)
            .map(|(index, slot)| Key { index: index as u32, generation: slot.generation })
    }
}

fn find<C>(slab: &mut Slab<Slot<C>>, key: Key) -> Option<&mut Slot<C>> {
    let slot = slab.get_mut(key.index as usize)?;
    (slot.generation == key.generation && !slot.closed).then_some(slot)
}

#[cfg(test)]
mod tests {
    use mio::net::TcpStream;

    use super::*;

    struct NullSource;

    impl EventSource for NullSource {
        fn source(&mut self) -> &mut TcpStream {
            unreachable!("it is never registered")
        }

        fn deadline(&self) -> Option<Instant> {
            None
        }
    }

    #[test]
    fn key_queued_while_draining_waits_for_next_tick() {
        let mut slots = Slots::new();
        let [first, second] = [(); 2].map(|()| slots.insert(NullSource, Readiness::default()));
        slots.queue(first);
        slots.queue(first);
        let keys = slots.take_queued();
        slots.queue(second);
        assert_eq!(keys, [first], "a key is queued once");
        slots.return_queue(keys);
        assert_eq!(slots.take_queued(), [second]);
        assert!(!slots.has_queued());
    }
}
