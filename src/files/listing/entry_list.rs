//! Entries of a directory: records and a name buffer.
//!
//! A large directory has 100,000.

use std::mem;

use super::{Entry, SortOrder};

#[derive(Debug, Default)]
pub(super) struct EntryList {
    records: Vec<EntryRecord>,
    names: Vec<u8>,
}

/// 24 bytes.
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

impl EntryList {
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

    pub(super) fn get(&self, index: usize) -> Option<Entry<'_>> {
        self.records.get(index).map(|record| record.entry(&self.names))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.records.iter().map(|record| record.entry(&self.names))
    }

    pub(super) fn sort(&mut self, order: SortOrder) {
        let names = &self.names;
        self.records.sort_unstable_by(|left, right| order.compare(&left.entry(names), &right.entry(names)));
    }

    pub(super) fn cost(&self) -> usize {
        self.names.capacity() + self.records.capacity() * mem::size_of::<EntryRecord>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_name_is_omitted() {
        let mut entries = EntryList::default();
        entries.push(&Entry { name: &[b'a'; 256], is_directory: false, len: 0, modified_secs: None });
        assert_eq!(entries.get(0), None);
    }

    #[test]
    fn entry_record_is_24_bytes() {
        assert_eq!(mem::size_of::<EntryRecord>(), 24);
    }
}
