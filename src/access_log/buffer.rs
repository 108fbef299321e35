//! Records that wait to be written: whole ones, of which the first may have been begun.
//!
//! It owns where one record ends and the next begins. A record that was written in part stays, for
//! the rest may have to go elsewhere, and then all of it does. It decides nothing of when.

use std::io;

use memchr::memmem;

use super::sink::Sink;

/// A queue of records as bytes.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// What every record ends with, and has nowhere else.
    record_end: &'static [u8],
    /// How much of the first record has been written already.
    begun_len: usize,
}

impl Buffer {
    /// An empty one for records that end like this, with room for so many bytes.
    pub(super) fn new(record_end: &'static [u8], capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), record_end, begun_len: 0 }
    }

    /// How many bytes the records have.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many of them are yet to be written.
    pub(super) fn left_len(&self) -> usize {
        self.bytes.len().saturating_sub(self.begun_len)
    }

    /// How many there is room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the record that `write` appends, unless all would be longer than this; says whether.
    pub(super) fn push_with(&mut self, len_max: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let fits = self.bytes.len() <= len_max;
        if !fits {
            self.bytes.truncate(start);
        }
        fits
    }

    /// Writes until nothing is left or the sink refuses.
    pub(super) fn write_to(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        let mut written_len = self.begun_len;
        let outcome = loop {
            let rest = self.bytes.get(written_len..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match sink.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written_len += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.forget(written_len.min(self.bytes.len()));
        outcome
    }

    /// Whether a record has been written in part.
    pub(super) fn has_begun(&self) -> bool {
        self.begun_len > 0
    }

    /// The record that has been begun is written from its beginning again.
    pub(super) fn begin_again(&mut self) {
        self.begun_len = 0;
    }

    /// Drops everything; says how many records that were.
    pub(super) fn drop_all(&mut self) -> u64 {
        let count = memmem::find_iter(&self.bytes, self.record_end).count();
        self.bytes.clear();
        self.begun_len = 0;
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Gives back memory beyond this capacity.
    pub(super) fn shrink_to(&mut self, capacity: usize) {
        self.bytes.shrink_to(capacity);
    }

    /// Forgets the records that are written whole.
    fn forget(&mut self, written_len: usize) {
        let written = self.bytes.get(..written_len).unwrap_or_default();
        let whole_len = match written_len == self.bytes.len() {
            true => written_len,
            false => memmem::rfind(written, self.record_end).map_or(0, |at| at + self.record_end.len()),
        };
        self.bytes.drain(..whole_len);
        self.begun_len = written_len - whole_len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    /// Takes so many bytes and then no more.
    struct Room(usize, Vec<u8>);

    impl Sink for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.0);
            self.0 -= len;
            self.1.extend_from_slice(&bytes[..len]);
            if len == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(len) }
        }

        fn wait(&mut self, _wait_time: Duration) -> bool {
            false
        }
    }

    #[test]
    fn a_record_that_is_begun_goes_on_or_begins_again() {
        const BLOCKS: &[u8] = b"a\nb\n\nc\nd\n\n";
        for room in 0..BLOCKS.len() {
            for again in [false, true] {
                let mut buffer = Buffer::new(b"\n\n", 0);
                assert!(buffer.push_with(100, |bytes| bytes.extend_from_slice(&BLOCKS[..5])));
                assert!(buffer.push_with(100, |bytes| bytes.extend_from_slice(&BLOCKS[5..])));
                assert!(!buffer.push_with(12, |bytes| bytes.extend_from_slice(b"too long")));
                assert!(buffer.write_to(&mut Room(room, Vec::new())).is_err());
                assert_eq!(buffer.left_len(), BLOCKS.len() - room);
                if again {
                    buffer.begin_again();
                }
                let mut rest = Room(100, Vec::new());
                assert!(buffer.write_to(&mut rest).is_ok() && buffer.len() == 0);
                let from = if again { room / 5 * 5 } else { room };
                assert_eq!(rest.1, BLOCKS[from..], "{room}");
            }
        }
    }

    #[test]
    fn records_that_are_dropped_are_counted_the_begun_one_too() {
        for (room, count) in [(0, 2), (4, 2), (5, 1), (9, 1)] {
            let mut buffer = Buffer::new(b"\n\n", 0);
            buffer.push_with(100, |bytes| bytes.extend_from_slice(b"a\nb\n\nc\nd\n\n"));
            assert!(buffer.write_to(&mut Room(room, Vec::new())).is_err());
            assert_eq!((buffer.drop_all(), buffer.len()), (count, 0));
        }
    }
}
