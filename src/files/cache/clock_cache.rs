//! CLOCK (second chance) eviction cache.
//!
//! An entry unused since insertion goes first: one scan of the site must not evict popular pages.

use std::collections::HashMap;
use std::mem;
use std::rc::Rc;

use derive_where::derive_where;
use foldhash::fast::RandomState;

/// Cache limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheLimits {
    /// Files.
    pub entries_max: usize,
    /// Bytes of content, names and overhead.
    pub bytes_max: usize,
    /// Descriptors, one per large file; connections have that many fewer.
    pub descriptors_max: usize,
}

impl CacheLimits {
    /// Limits for tens of thousands of pages.
    ///
    /// 1,000 of the largest small files, in memory that any server has. A quarter of the 1,024 descriptors
    /// that a process has at least.
    pub const DEFAULT: CacheLimits =
        CacheLimits { entries_max: 128 * 1024, bytes_max: 64 * 1024 * 1024, descriptors_max: 256 };

    /// No cache.
    pub const NONE: CacheLimits = CacheLimits { entries_max: 0, bytes_max: 0, descriptors_max: 0 };
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, derive_more::AddAssign)]
pub(super) struct Cost {
    pub(super) bytes: usize,
    pub(super) descriptors: usize,
}

#[derive(Debug)]
#[derive_where(Default)]
pub(super) struct ClockCache<T> {
    limits: CacheLimits,
    index: HashMap<Rc<[u8]>, usize, RandomState>,
    slots: Vec<Option<ClockSlot<T>>>,
    free_slots: Vec<usize>,
    hand: usize,
    total_cost: Cost,
    pub(super) evictions_total: u64,
}

#[derive(Debug)]
struct ClockSlot<T> {
    name: Rc<[u8]>,
    value: T,
    cost: Cost,
    used_since_hand: bool,
}

impl<T> ClockCache<T> {
    pub(super) fn new(limits: CacheLimits) -> Self {
        ClockCache { limits, ..Self::default() }
    }

    pub(super) fn clear(&mut self) {
        *self = ClockCache { evictions_total: self.evictions_total + 1, ..Self::new(self.limits) };
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn get(&mut self, name: &[u8]) -> Option<&mut T> {
        let index = *self.index.get(name)?;
        let slot = self.slots.get_mut(index)?.as_mut()?;
        slot.used_since_hand = true;
        Some(&mut slot.value)
    }

    pub(super) fn update_cost(&mut self, name: &[u8], mut cost: Cost) {
        cost.bytes += name.len();
        let index = self.index.get(name).copied();
        let Some(slot) = index.and_then(|index| self.slots.get_mut(index)?.as_mut()) else {
            return;
        };
        let before = mem::replace(&mut slot.cost, cost);
        self.total_cost.bytes = self.total_cost.bytes - before.bytes + cost.bytes;
        self.total_cost.descriptors = self.total_cost.descriptors - before.descriptors + cost.descriptors;
        if !self.fits(cost) {
            self.remove(name);
            return;
        }
        self.evict_at(0, Cost::default());
    }

    pub(super) fn insert(&mut self, name: &[u8], value: T, mut cost: Cost) {
        self.remove(name);
        cost.bytes += name.len();
        if self.limits.entries_max == 0 || !self.fits(cost) {
            return;
        }
        self.evict_at(1, cost);
        let name: Rc<[u8]> = name.into();
        let slot = Some(ClockSlot { name: Rc::clone(&name), value, cost, used_since_hand: false });
        // The slot freed last is just behind the hand, so visited last.
        let index = self.free_slots.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(index) {
            Some(vacant) => *vacant = slot,
            None => self.slots.push(slot),
        }
        self.index.insert(name, index);
        self.total_cost += cost;
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<T> {
        self.remove_at(*self.index.get(name)?)
    }

    fn remove_at(&mut self, index: usize) -> Option<T> {
        let slot = self.slots.get_mut(index).and_then(Option::take)?;
        self.index.remove(&slot.name);
        self.free_slots.push(index);
        self.evictions_total += 1;
        self.total_cost.bytes -= slot.cost.bytes;
        self.total_cost.descriptors -= slot.cost.descriptors;
        Some(slot.value)
    }

    /// Whether `entries` more, of `cost` in all, evict others.
    pub(super) fn is_full(&self, entries: usize, cost: Cost) -> bool {
        let CacheLimits { entries_max, bytes_max, .. } = self.limits;
        self.len() + entries > entries_max || self.total_cost.bytes + cost.bytes > bytes_max
    }

    fn fits(&self, cost: Cost) -> bool {
        cost.bytes <= self.limits.bytes_max && cost.descriptors <= self.limits.descriptors_max
    }

    fn evict_at(&mut self, entries: usize, cost: Cost) {
        while self.total_cost.descriptors + cost.descriptors > self.limits.descriptors_max {
            self.evict_unused(|cost| cost.descriptors > 0);
        }
        while self.is_full(entries, cost) {
            self.evict_unused(|_| true);
        }
    }

    /// A candidate exists: the caller found a limit exceeded.
    fn evict_unused(&mut self, is_candidate: impl Fn(Cost) -> bool) {
        // All may be used in the first round, none in the second.
        for _ in 0..2 * self.slots.len() {
            let index = self.hand;
            self.hand = (index + 1) % self.slots.len();
            let Some(Some(slot)) = self.slots.get_mut(index) else {
                continue;
            };
            if is_candidate(slot.cost) && !mem::take(&mut slot.used_since_hand) {
                self.remove_at(index);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FREE: Cost = Cost { bytes: 0, descriptors: 0 };

    fn cache(entries_max: usize, bytes_max: usize, descriptors_max: usize) -> ClockCache<usize> {
        ClockCache::new(CacheLimits { entries_max, bytes_max, descriptors_max })
    }

    /// Names in the cache; does not mark them as used.
    fn names(cache: &ClockCache<usize>) -> Vec<&str> {
        let mut names: Vec<_> =
            cache.index.keys().map(|name| std::str::from_utf8(name).expect("text")).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn get_finds_inserted_value_until_removed() {
        let mut cache = cache(8, 100, 8);
        cache.insert(b"a", 1, FREE);
        cache.insert(b"", 2, FREE);
        for (name, value) in [(&b"a"[..], Some(1)), (b"", Some(2)), (b"b", None)] {
            assert_eq!(cache.get(name).copied(), value);
        }
        cache.insert(b"a", 3, FREE);
        assert_eq!(cache.get(b"a"), Some(&mut 3));
        assert_eq!(cache.len(), 2);
        cache.remove(b"a");
        cache.remove(b"a");
        assert_eq!(cache.get(b"a"), None);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn used_entry_survives_eviction_of_unused() {
        let mut cache = cache(4, 100, 8);
        cache.insert(b"hot", 0, FREE);
        for turn in 0..40 {
            assert_eq!(cache.get(b"hot"), Some(&mut 0), "turn {turn}");
            cache.insert(format!("cold-{turn}").as_bytes(), turn, FREE);
            assert!(cache.len() <= 4);
        }
        assert_eq!(names(&cache), ["cold-37", "cold-38", "cold-39", "hot"]);
    }

    #[test]
    fn insert_evicts_one_when_all_were_used() {
        let mut cache = cache(3, 100, 8);
        for name in [b"a", b"b", b"c"] {
            cache.insert(name, 0, FREE);
            cache.get(name);
        }
        cache.insert(b"d", 0, FREE);
        assert_eq!(names(&cache), ["b", "c", "d"]);
    }

    #[test]
    fn names_count_as_bytes_and_oversized_entry_evicts_none() {
        let mut cache = cache(8, 100, 8);
        cache.insert(b"a", 0, Cost { bytes: 49, descriptors: 0 });
        cache.insert(b"b", 0, Cost { bytes: 49, descriptors: 0 });
        cache.insert(b"c", 0, Cost { bytes: 100, descriptors: 0 });
        assert_eq!(names(&cache), ["a", "b"]);
        cache.insert(b"d", 0, Cost { bytes: 0, descriptors: 0 });
        assert_eq!(names(&cache), ["b", "d"]);
    }

    #[test]
    fn descriptor_limit_evicts_only_descriptor_holders() {
        let one = Cost { bytes: 0, descriptors: 1 };
        let mut cache = cache(8, 100, 2);
        for (name, cost) in [(b"a", FREE), (b"b", one), (b"c", FREE), (b"d", one), (b"e", one)] {
            cache.insert(name, 0, cost);
        }
        assert_eq!(names(&cache), ["a", "c", "d", "e"]);
    }

    #[test]
    fn update_cost_evicts_others_or_the_oversized_entry() {
        let mut cache = cache(3, 100, 2);
        for name in [b"a", b"b", b"c"] {
            cache.insert(name, 0, Cost { bytes: 29, descriptors: 0 });
        }
        cache.get(b"a");
        cache.update_cost(b"a", Cost { bytes: 39, descriptors: 1 });
        assert_eq!(names(&cache), ["a", "b", "c"], "there is room for just that");
        cache.get(b"a");
        cache.update_cost(b"a", Cost { bytes: 40, descriptors: 1 });
        assert_eq!(cache.len(), 2);
        assert!(names(&cache).contains(&"a"));
        cache.update_cost(b"a", Cost { bytes: 100, descriptors: 0 });
        cache.update_cost(b"gone", Cost { bytes: 100, descriptors: 0 });
        assert_eq!((cache.len(), cache.total_cost.descriptors), (1, 0));
        assert!(!names(&cache).contains(&"a"));
    }

    #[test]
    fn cache_of_size_zero_stores_nothing() {
        let mut cache = cache(0, 0, 0);
        cache.insert(b"", 0, FREE);
        assert_eq!(cache.len(), 0);
    }

    proptest! {
        #[test]
        fn any_operations_keep_limits_and_cost_sums(
            events in proptest::collection::vec((0..5u8, 0..12u8, 0..40usize, 0..2usize), 0..200)
        ) {
            let mut cache = cache(6, 100, 3);
            for (action, name, bytes, descriptors) in events {
                match action {
                    0 => drop(cache.remove(&[name])),
                    1 => {
                        cache.get(&[name]);
                    }
                    2 => cache.update_cost(&[name], Cost { bytes: bytes * 3, descriptors: descriptors * 4 }),
                    _ => {
                        cache.insert(&[name], 0, Cost { bytes, descriptors });
                        prop_assert!(cache.index.contains_key(&[name][..]));
                    }
                }
                let slots = || cache.slots.iter().flatten();
                let bytes: usize = slots().map(|slot| slot.cost.bytes).sum();
                let descriptors: usize = slots().map(|slot| slot.cost.descriptors).sum();
                prop_assert_eq!(cache.total_cost, Cost { bytes, descriptors });
                prop_assert!(cache.len() <= 6 && bytes <= 100 && descriptors <= 3);
                prop_assert_eq!(cache.len(), slots().count());
                prop_assert!(cache.slots.len() <= 6);
            }
        }
    }
}
