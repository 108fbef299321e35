//! Slab of connections, and the run queue.
//!
//! A stale key finds no connection. A tick takes the whole run queue before it drains it. A key that is queued
//! meanwhile belongs to the next tick, so each tick ends.

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use derive_where::derive_where;
use slab::Slab;

use super::token::{Generations, Key};
use super::{EventSource, Readiness};

/// Free slots that stay: a crowd that comes and goes allocates nothing.
const SPARE_SLOTS_MAX: usize = 256;
/// Connections of a sample: a look at each of many would delay a tick.
const SAMPLE_LEN_MAX: usize = 1024;

pub(super) struct Slot<C> {
    pub(super) connection: C,
    pub(super) ready: Readiness,
    pub(super) timer: Option<Timer>,
    generation: u32,
    pub(super) queued: bool,
    held: bool,
    pub(super) registered: bool,
    closed: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Timer {
    pub(super) tick: u64,
    /// The wheel checks the slot no later than this deadline.
    pub(super) deadline: Instant,
}

#[derive_where(Default)]
pub(super) struct Slots<C> {
    slab: Slab<Slot<C>>,
    generations: Generations,
    /// `Slot::queued` prevents duplicates.
    run_queue: Vec<Key>,
    spare_queue: Vec<Key>,
    /// `Slot::held` prevents duplicates.
    held: VecDeque<Key>,
    closed_keys: Vec<Key>,
    sample_start: usize,
}

impl<C: EventSource> Slots<C> {
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
            held: false,
            registered: false,
            closed: false,
        };
        // A slot costs the kernel memory of two descriptors: memory ends long before 2^32 slots.
        Key { index: self.slab.insert(slot) as u32, generation }
    }

    pub(super) fn get(&mut self, key: Key) -> Option<&mut Slot<C>> {
        find(&mut self.slab, key)
    }

    pub(super) fn queue(&mut self, key: Key) -> Option<&mut Slot<C>> {
        let slot = find(&mut self.slab, key)?;
        if !mem::replace(&mut slot.queued, true) {
            self.run_queue.push(key);
        }
        Some(slot)
    }

    pub(super) fn hold(&mut self, key: Key) {
        if let Some(slot) = find(&mut self.slab, key)
            && !mem::replace(&mut slot.held, true)
        {
            self.held.push_back(key);
        }
    }

    /// The key that was held first.
    pub(super) fn release_held(&mut self) -> Option<Key> {
        let key = self.held.pop_front()?;
        if let Some(slot) = find(&mut self.slab, key) {
            slot.held = false;
        }
        Some(key)
    }

    pub(super) fn held_len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.run_queue.is_empty()
    }

    pub(super) fn take_queued(&mut self) -> Vec<Key> {
        mem::replace(&mut self.run_queue, mem::take(&mut self.spare_queue))
    }

    pub(super) fn return_queue(&mut self, mut keys: Vec<Key>) {
        keys.clear();
        self.spare_queue = keys;
    }

    pub(super) fn close(&mut self, key: Key) {
        if let Some(slot) = self.get(key) {
            slot.closed = true;
            self.closed_keys.push(key);
        }
    }

    pub(super) fn has_closed(&self) -> bool {
        !self.closed_keys.is_empty()
    }

    /// The only place that frees a slot. The drop closes the descriptor, which also removes it from epoll.
    pub(super) fn free_closed(&mut self) -> usize {
        let keys = mem::take(&mut self.closed_keys).into_iter();
        let freed = keys.filter_map(|key| self.slab.try_remove(key.index as usize)).count();
        if self.slab.capacity() > SPARE_SLOTS_MAX + 4 * self.slab.len() {
            self.slab.shrink_to_fit();
        }
        freed
    }

    pub(super) fn into_connections(self) -> impl Iterator<Item = C> {
        self.slab.into_iter().filter(|(_, slot)| !slot.closed).map(|(_, slot)| slot.connection)
    }

    /// At most [`SAMPLE_LEN_MAX`] connections, other ones at each call.
    pub(super) fn sample(&mut self) -> impl Iterator<Item = (Key, &mut C)> {
        let start = self.sample_start;
        self.sample_start = (start + SAMPLE_LEN_MAX) % self.slab.len().max(1);
        let slots = self.slab.iter_mut().skip(start).take(SAMPLE_LEN_MAX).filter(|(_, slot)| !slot.closed);
        slots.map(|(index, slot)| {
            (Key { index: index as u32, generation: slot.generation }, &mut slot.connection)
        })
    }

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
    fn slab_shrinks_after_most_connections_have_closed() {
        let mut slots = Slots::default();
        let keys: Vec<Key> = (0..10_000).map(|_| slots.insert(NullSource, Readiness::default())).collect();
        let (staying, leaving) = keys.split_at(10);
        leaving.iter().for_each(|&key| slots.close(key));
        assert_eq!(slots.free_closed(), leaving.len());
        assert!(slots.slab.capacity() <= SPARE_SLOTS_MAX, "{}", slots.slab.capacity());
        assert!(staying.iter().all(|&key| slots.get(key).is_some()));
        assert!(leaving.iter().all(|&key| slots.get(key).is_none()));
    }

    #[test]
    fn key_queued_while_draining_waits_for_next_tick() {
        let mut slots = Slots::default();
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
