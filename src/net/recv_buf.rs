//! Receive buffer: input that the protocol has not consumed.
//!
//! It is one buffer, leased from the pool for a tick. Few bytes that remain move to a buffer of their length.

use super::Pool;

/// Part of a buffer that keeps it: a begun head, sent byte by byte, must not hold 16 KiB.
const KEPT_PART_MIN: usize = 8;

/// Unconsumed input.
#[derive(Debug, Default)]
pub struct RecvBuf {
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
    eof: bool,
}

impl RecvBuf {
    /// The unconsumed bytes.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.as_deref().and_then(|buffer| buffer.get(self.start..self.end)).unwrap_or_default()
    }

    /// Whether no bytes are left.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether the input has ended.
    pub fn is_eof(&self) -> bool {
        self.eof
    }

    /// Drops the first `len` bytes.
    pub fn consume(&mut self, len: usize) {
        debug_assert!(len <= self.end - self.start, "only what is there can be consumed");
        self.start = (self.start + len).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Free space. Moves the bytes to the front if less than half is free. Empty only if full.
    pub fn spare_capacity(&mut self, pool: &mut Pool) -> &mut [u8] {
        if self.buffer.as_ref().is_none_or(|buffer| buffer.len() < pool.recv_buf_len) {
            let (mut buffer, len) = (pool.lease_recv_buf(), self.bytes().len());
            buffer[..len].copy_from_slice(self.bytes());
            (self.buffer, self.start, self.end) = (Some(buffer), 0, len);
        }
        let Some(buffer) = &mut self.buffer else { return &mut [] };
        if self.start > 0 && buffer.len() - self.end < buffer.len() / 2 {
            buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut buffer[self.end..]
    }

    /// Adds `len` bytes of [`Self::spare_capacity`].
    pub fn commit(&mut self, len: usize) {
        self.end += len;
        debug_assert!(
            self.buffer.as_ref().is_some_and(|buffer| self.end <= buffer.len()),
            "filled beyond the room"
        );
    }

    /// Marks the end of the input.
    pub fn set_eof(&mut self) {
        self.eof = true;
    }

    /// Returns the buffer to the pool, unless many bytes are left in it.
    pub(super) fn release(&mut self, pool: &mut Pool) {
        let Some(buffer) = &self.buffer else { return };
        if self.bytes().len() > buffer.len() / KEPT_PART_MIN {
            return pool.on_kept();
        }
        let small = (!self.is_empty()).then(|| self.bytes().into());
        (self.start, self.end) = (0, self.bytes().len());
        if let Some(buffer) = std::mem::replace(&mut self.buffer, small) {
            pool.return_recv_buf(buffer);
        }
    }

    pub(super) fn discard(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(recv_buf: &mut RecvBuf, pool: &mut Pool, bytes: &[u8]) {
        let spare = recv_buf.spare_capacity(pool);
        spare[..bytes.len()].copy_from_slice(bytes);
        recv_buf.commit(bytes.len());
    }

    #[test]
    fn spare_capacity_moves_unread_bytes_to_the_front() {
        let mut pool = Pool::new(16, None);
        let mut recv_buf = RecvBuf::default();
        receive(&mut recv_buf, &mut pool, b"0123456789abcdef");
        assert!(recv_buf.spare_capacity(&mut pool).is_empty());
        recv_buf.consume(12);
        assert_eq!(recv_buf.spare_capacity(&mut pool).len(), 12);
        receive(&mut recv_buf, &mut pool, b"ghij");
        assert_eq!(recv_buf.bytes(), b"cdefghij");
    }

    #[test]
    fn empty_recv_buf_owns_no_buffer() {
        let mut pool = Pool::new(16, None);
        let mut recv_buf = RecvBuf::default();
        receive(&mut recv_buf, &mut pool, b"abc");
        recv_buf.release(&mut pool);
        assert_eq!(recv_buf.bytes(), b"abc", "a buffer with bytes in it stays");
        assert_eq!(recv_buf.buffer.as_ref().map(|buffer| buffer.len()), Some(16));
        recv_buf.consume(3);
        recv_buf.release(&mut pool);
        assert!(recv_buf.buffer.is_none());
    }

    #[test]
    fn few_bytes_left_move_to_a_small_buffer_and_back() {
        let mut pool = Pool::new(16, None);
        let mut recv_buf = RecvBuf::default();
        receive(&mut recv_buf, &mut pool, b"abcd");
        recv_buf.consume(2);
        for _ in 0..2 {
            recv_buf.release(&mut pool);
            assert_eq!(recv_buf.buffer.as_deref(), Some(&b"cd"[..]));
        }
        assert_eq!(recv_buf.spare_capacity(&mut pool).len(), 14);
        receive(&mut recv_buf, &mut pool, b"efgh");
        recv_buf.release(&mut pool);
        assert_eq!(recv_buf.bytes(), b"cdefgh");
        recv_buf.consume(6);
        recv_buf.release(&mut pool);
        assert!(recv_buf.buffer.is_none());
    }
}
