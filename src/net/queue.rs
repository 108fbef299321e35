//! The segments of one outbox, and how they leave and go away.
//!
//! It owns the buffer of the bytes that are its own, which is leased from the pool, and takes care that
//! it stays as small as what waits in it. It counts nothing and never decides when to send: that is the
//! outbox.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IoSlice;
use std::rc::Rc;

use super::Transport;

/// Slices handed to one `writev`. Sixteen pipelined answers are two segments each.
const SLICES_MAX: usize = 32;

/// What is to be sent in one piece.
#[derive(Debug)]
pub(super) enum Segment {
    /// The next bytes of the queue's own buffer.
    Own { len: usize },
    /// Bytes that live as long as the program.
    Static { bytes: &'static [u8] },
    /// Bytes that others may be sending too, from one position up to another.
    Shared { bytes: Rc<[u8]>, from: usize, to: usize },
    /// Bytes of a file.
    File { file: Rc<File>, offset: u64, len: u64 },
}

/// The segments of one outbox, and the buffer of its own bytes: what is leased from the pool.
#[derive(Debug, Default)]
pub(super) struct Queue {
    segments: VecDeque<Segment>,
    own: Vec<u8>,
    /// How much of `own` has been sent.
    own_sent: usize,
}

impl Queue {
    pub(super) fn capacity(&self) -> usize {
        self.own.capacity()
    }

    /// Its own bytes, those too that have been sent and are not dropped yet.
    pub(super) fn own(&self) -> &[u8] {
        &self.own
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Segment> {
        self.segments.front_mut()
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.segments.push_back(segment);
    }

    /// Takes in what `write` appends to the buffer that it is given, and says how much that is.
    pub(super) fn push_own(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        self.reclaim();
        let before = self.own.len();
        write(&mut self.own);
        let added = self.own.len().saturating_sub(before);
        match self.segments.back_mut() {
            Some(Segment::Own { len }) => *len += added,
            _ if added > 0 => self.segments.push_back(Segment::Own { len: added }),
            _ => {}
        }
        added
    }

    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.own.clear();
        self.own_sent = 0;
    }

    /// Writes the bytes at the front, up to the first file range, in one call.
    pub(super) fn write(&self, to: &mut impl Transport) -> std::io::Result<usize> {
        let mut own = self.own.get(self.own_sent..).unwrap_or_default();
        // Nearly always, and then there is no list to be made.
        if let Some(Segment::Own { len }) = self.segments.front()
            && self.segments.len() == 1
        {
            return to.write(&[IoSlice::new(own.get(..*len).unwrap_or(own))]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, segment) in slices.iter_mut().zip(&self.segments) {
            *slice = IoSlice::new(match segment {
                Segment::Own { len } => {
                    let (this, rest) = own.split_at((*len).min(own.len()));
                    own = rest;
                    this
                }
                Segment::Static { bytes } => bytes,
                Segment::Shared { bytes, from, to } => bytes.get(*from..*to).unwrap_or_default(),
                Segment::File { .. } => break,
            });
            count += 1;
        }
        to.write(&slices[..count])
    }

    /// Drops what has been sent once it is half of the buffer: a queue that is always written to and
    /// never empty stays as small as what waits in it.
    pub(super) fn reclaim(&mut self) {
        if self.own_sent > 0 && self.own_sent >= self.own.len() - self.own_sent {
            self.own.drain(..self.own_sent);
            self.own_sent = 0;
        }
    }

    /// Drops the first `sent` bytes.
    pub(super) fn sent(&mut self, mut sent: u64) {
        while sent > 0
            && let Some(front) = self.segments.front_mut()
        {
            let left = match front {
                Segment::Own { len } => *len as u64,
                Segment::Static { bytes } => bytes.len() as u64,
                Segment::Shared { from, to, .. } => (*to - *from) as u64,
                Segment::File { len, .. } => *len,
            };
            let now = sent.min(left);
            sent -= now;
            // `sendfile` has moved the file's offset itself.
            match front {
                Segment::Own { len } => {
                    *len -= now as usize;
                    self.own_sent += now as usize;
                }
                Segment::Static { bytes } => *bytes = bytes.get(now as usize..).unwrap_or_default(),
                Segment::Shared { from, .. } => *from += now as usize,
                Segment::File { len, .. } => *len -= now,
            }
            if now == left {
                self.segments.pop_front();
            }
        }
        if self.segments.is_empty() {
            self.clear();
        }
    }
}
