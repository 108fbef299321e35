//! A wire in memory: two pipes, and a transport that moves bytes through them in chunks of any size.
//!
//! It stands where a socket stands: it gives `WouldBlock` when a pipe is empty or full, `Ok(0)` after
//! the peer's end, and sends file ranges too. Nothing here is left to chance but by a seed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::mem;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use mio::net::TcpStream;
use reactor_http::net::Transport;
use rustix::io::Errno;

use crate::harness::secure::is_over_tls;

/// Pseudo-random numbers, the same for the same seed (splitmix64).
#[derive(Debug, Clone, Copy)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// How many bytes one call moves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// All that there are.
    Whole,
    /// So many at the most.
    AtMost(usize),
    /// From one to many, and sometimes none at all.
    Seeded(Random),
    /// The same; now and then a call is interrupted, and one in so many fails for good.
    Faulty(Random, u64),
}

/// Errors after which a connection can only end.
const FATAL: [Errno; 4] = [Errno::CONNRESET, Errno::PIPE, Errno::NOBUFS, Errno::TIMEDOUT];

impl Pace {
    fn of(&mut self, len: usize) -> io::Result<usize> {
        Ok(match self {
            Self::Whole => len,
            Self::AtMost(most) => len.min(*most),
            Self::Seeded(random) => seeded(random, len),
            Self::Faulty(random, one_in) => match (random.below(16), random.below(*one_in)) {
                (0, _) => return Err(Errno::INTR.into()),
                (_, 0) => return Err(FATAL[random.below(FATAL.len() as u64) as usize].into()),
                _ => seeded(random, len),
            },
        })
    }
}

fn seeded(random: &mut Random, len: usize) -> usize {
    // Once in four times the wire is not ready.
    let scale = random.below(17);
    let some = 1 + random.below(1 << scale) as usize;
    if random.below(4) == 0 { 0 } else { len.min(some) }
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    ended: bool,
}

impl Pipe {
    /// An open pipe that holds up to so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity, ended: false }
    }

    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Puts these bytes in, whatever the capacity.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Takes up to so many bytes out.
    pub(super) fn take(&mut self, most: usize) -> Vec<u8> {
        let len = most.min(self.bytes.len());
        self.bytes.drain(..len).collect()
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether all was taken and nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.bytes.is_empty()
    }
}

/// The pipes of one end, lent to its transport for a tick.
pub(super) struct Port<'a> {
    pub(super) incoming: &'a mut Pipe,
    pub(super) outgoing: &'a mut Pipe,
    pub(super) pace: &'a mut Pace,
}

impl Port<'_> {
    /// Exchanges the pipes for the wire's.
    pub(super) fn swap(&mut self, wire: &Wire) {
        let mut ends = wire.0.borrow_mut();
        mem::swap(self.incoming, &mut ends.incoming);
        mem::swap(self.outgoing, &mut ends.outgoing);
        mem::swap(self.pace, &mut ends.pace);
    }
}

/// A transport in memory. It has pipes only while a [`Port`] has lent them.
#[derive(Clone)]
pub(super) struct Wire(Rc<RefCell<Ends>>);

struct Ends {
    incoming: Pipe,
    outgoing: Pipe,
    pace: Pace,
    sent_total: u64,
}

impl Wire {
    pub(super) fn new() -> Self {
        let (incoming, outgoing) = (Pipe::new(0), Pipe::new(0));
        let ends = Ends { incoming, outgoing, pace: Pace::Whole, sent_total: 0 };
        Self(Rc::new(RefCell::new(ends)))
    }
}

impl Ends {
    /// How many of `len` bytes go out now.
    fn admit(&mut self, len: usize) -> io::Result<usize> {
        assert!(!self.outgoing.ended, "nothing is written after the end");
        assert!(len > 0, "a write of nothing is a wasted system call");
        let free = self.outgoing.capacity.saturating_sub(self.outgoing.bytes.len());
        match self.pace.of(len.min(free))? {
            0 => Err(ErrorKind::WouldBlock.into()),
            len => {
                self.sent_total += len as u64;
                Ok(len)
            }
        }
    }
}

impl Transport for Wire {
    fn is_drained(&self, _: usize, _: usize) -> bool {
        false
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Ends { incoming, pace, .. } = &mut *self.0.borrow_mut();
        if incoming.is_over() {
            return Ok(0);
        }
        let len = pace.of(room.len().min(incoming.bytes.len()))?;
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        room[..len].copy_from_slice(&incoming.take(len));
        Ok(len)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        let mut ends = self.0.borrow_mut();
        let len = ends.admit(slices.iter().map(|slice| slice.len()).sum())?;
        let mut left = len;
        for slice in slices {
            let some = left.min(slice.len());
            ends.outgoing.put(&slice[..some]);
            left -= some;
        }
        Ok(len)
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        let mut ends = self.0.borrow_mut();
        let mut bytes = vec![0; ends.admit(len)?];
        let read = rustix::io::pread(file, &mut bytes, *offset)?;
        ends.outgoing.put(&bytes[..read]);
        *offset += read as u64;
        Ok(read)
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().outgoing.end();
        Ok(())
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// As TCP tells TLS: what it has taken counts as taken by the peer.
    fn acked_total(&mut self) -> Option<u64> {
        is_over_tls().then(|| self.0.borrow().sent_total)
    }

    fn socket(&mut self) -> &mut TcpStream {
        unreachable!("it is never registered")
    }
}
