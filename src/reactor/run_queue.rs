//! Who has something to do: the keys of the connections that get a turn.
//!
//! The present queue is stolen whole before it is drained; whoever is queued while it is drained
//! goes to the next one, so a turn always ends.

use super::Key;

/// Two queues that swap: the present one and the next.
#[derive(Debug, Default)]
pub(super) struct RunQueue {
    next: Vec<Key>,
    /// The emptied present queue, kept for its room.
    spare: Vec<Key>,
}

impl RunQueue {
    /// Queues a key for the next turn. The slot's `queued` flag sees to it that nobody is here twice.
    pub(super) fn push(&mut self, key: Key) {
        self.next.push(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Takes all that is queued; what is pushed from now on belongs to the turn after.
    pub(super) fn steal(&mut self) -> Vec<Key> {
        std::mem::replace(&mut self.next, std::mem::take(&mut self.spare))
    }

    /// Gives the stolen queue's room back.
    pub(super) fn give_back(&mut self, mut stolen: Vec<Key>) {
        stolen.clear();
        self.spare = stolen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_while_draining_waits_for_the_next_turn() {
        let key = |index| Key { index, generation: 1 };
        let mut queue = RunQueue::default();
        queue.push(key(1));
        let stolen = queue.steal();
        queue.push(key(2));
        assert_eq!(stolen, [key(1)]);
        queue.give_back(stolen);
        assert_eq!(queue.steal(), [key(2)]);
        assert!(queue.is_empty());
    }
}
