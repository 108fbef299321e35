//! Sorted runs of entries, and their merge.
//!
//! A run is one slice: records and a name buffer. [`Merge`] keeps runs in a heap by next entry.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::mem;

use super::{Entry, SortOrder};

#[derive(Debug, Default)]
pub(super) struct Run {
    records: Vec<EntryRecord>,
    names: Vec<u8>,
    taken: usize,
    order: SortOrder,
}

/// 24 bytes, as a large directory has 100,000.
#[derive(Clone, Copy, Debug)]
struct EntryRecord {
    len: u64,
    modified_secs: i64,
    name_start: u32,
    name_len: u8,
    is_directory: bool,
}

/// Unknown: no file is that old. An `Option` would make records a third larger.
const NO_TIME: i64 = i64::MIN;

impl EntryRecord {
    fn entry<'a>(&self, names: &'a [u8]) -> Entry<'a> {
        let start = self.name_start as usize;
        Entry {
            name: names.get(start..start + usize::from(self.name_len)).unwrap_or_default(),
            is_directory: self.is_directory,
            len: self.len,
            modified_secs: Some(self.modified_secs).filter(|&secs| secs != NO_TIME),
        }
    }
}

impl Run {
    /// Omits impossible names: over 255 bytes, or beyond 4 GiB in total.
    pub(super) fn push(&mut self, entry: &Entry<'_>) {
        let (Ok(name_start), Ok(name_len)) =
            (u32::try_from(self.names.len()), u8::try_from(entry.name.len()))
        else {
            return;
        };
        self.names.extend_from_slice(entry.name);
        self.records.push(EntryRecord {
            len: entry.len,
            modified_secs: entry.modified_secs.unwrap_or(NO_TIME),
            name_start,
            name_len,
            is_directory: entry.is_directory,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.records.iter().map(|record| record.entry(&self.names))
    }

    pub(super) fn sort(&mut self, order: SortOrder) {
        self.order = order;
        let names = &self.names;
        self.records.sort_unstable_by(|left, right| order.compare(&left.entry(names), &right.entry(names)));
        self.records.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    pub(super) fn cost(&self) -> usize {
        mem::size_of::<Run>()
            + self.names.capacity()
            + self.records.capacity() * mem::size_of::<EntryRecord>()
    }

    fn peek(&self) -> Option<Entry<'_>> {
        Some(self.records.get(self.taken)?.entry(&self.names))
    }
}

/// Heap order: the run whose next entry comes first is greatest.
impl Ord for Run {
    fn cmp(&self, other: &Run) -> Ordering {
        match (self.peek(), other.peek()) {
            (Some(next), Some(other)) => self.order.compare(&other, &next),
            (next, other) => next.is_some().cmp(&other.is_some()),
        }
    }
}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Run) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Run {}

impl PartialEq for Run {
    fn eq(&self, other: &Run) -> bool {
        self.cmp(other).is_eq()
    }
}

#[derive(Debug, Default)]
pub(super) struct Merge {
    heap: BinaryHeap<Run>,
    is_top_taken: bool,
}

impl Merge {
    /// Requires equal order, and no entry taken yet.
    pub(super) fn push(&mut self, run: Run) {
        if run.peek().is_some() {
            self.heap.push(run);
        }
    }

    pub(super) fn next_entry(&mut self) -> Option<Entry<'_>> {
        if mem::replace(&mut self.is_top_taken, true)
            && let Some(mut top) = self.heap.peek_mut()
        {
            top.taken += 1;
            if top.peek().is_none() {
                PeekMut::pop(top);
            }
        }
        self.heap.peek()?.peek()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SortKey;
    use super::*;
    use proptest::prelude::*;

    type Plain = (Vec<u8>, bool, u64, Option<i64>);

    fn entry((name, is_directory, len, modified_secs): &Plain) -> Entry<'_> {
        Entry { name, is_directory: *is_directory, len: *len, modified_secs: *modified_secs }
    }

    fn plain(entry: &Entry<'_>) -> Plain {
        (entry.name.to_vec(), entry.is_directory, entry.len, entry.modified_secs)
    }

    /// Splits the entries into runs and merges them.
    fn merged(entries: &[Plain], run_len: usize, order: SortOrder) -> Vec<Plain> {
        let mut merge = Merge::default();
        for chunk in entries.chunks(run_len) {
            let mut run = Run::default();
            chunk.iter().for_each(|plain| run.push(&entry(plain)));
            run.sort(order);
            merge.push(run);
        }
        let mut taken = Vec::new();
        while let Some(entry) = merge.next_entry() {
            taken.push(plain(&entry));
        }
        assert!(merge.next_entry().is_none());
        taken
    }

    fn orders() -> impl Iterator<Item = SortOrder> {
        let keys = [SortKey::Name, SortKey::Size, SortKey::Time].into_iter();
        keys.flat_map(|key| [false, true].map(|descending| SortOrder { key, descending }))
    }

    #[test]
    fn empty_merge_and_overlong_name_yield_nothing() {
        let empty = Merge::default().next_entry().is_none();
        assert!(empty);
        let mut merge = Merge::default();
        merge.push(Run::default());
        assert!(merge.next_entry().is_none());
        let mut run = Run::default();
        run.push(&Entry { name: &[b'a'; 256], is_directory: false, len: 0, modified_secs: None });
        assert_eq!(run.len(), 0);
    }

    #[test]
    fn entry_record_is_24_bytes() {
        assert_eq!(mem::size_of::<EntryRecord>(), 24);
    }

    fn any_entry() -> impl Strategy<Value = Plain> {
        let name = "[ab01]{0,3}".prop_map(String::into_bytes);
        (name, any::<bool>(), 0..4u64, proptest::option::of(-2..3i64))
    }

    proptest! {
        #[test]
        fn merge_of_runs_equals_sort(
            entries in proptest::collection::vec(any_entry(), 0..60),
            run_len in 1..20usize,
        ) {
            for order in orders() {
                let mut sorted = entries.clone();
                sorted.sort_by(|left, right| order.compare(&entry(left), &entry(right)));
                let taken = merged(&entries, run_len, order);
                // Entries that are equal in the order may differ in other fields.
                prop_assert_eq!(taken.len(), sorted.len());
                for (taken, sorted) in taken.iter().zip(&sorted) {
                    prop_assert!(order.compare(&entry(taken), &entry(sorted)).is_eq());
                }
                let (mut taken, mut given) = (taken, entries.clone());
                taken.sort();
                given.sort();
                prop_assert_eq!(taken, given);
            }
        }
    }
}
