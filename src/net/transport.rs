//! The few system calls that move bytes, behind a trait.
//!
//! A socket is one transport; the tests' wires are another, and TLS would be a third. Nothing here
//! loops or decides: one call, one result.

use std::fs::File;
use std::io::{self, IoSlice};

use mio::net::TcpStream;

/// Something that takes and gives bytes without blocking.
pub trait Transport {
    /// Reads what is there: `Ok(0)` is the end of the peer's input.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet, else whatever the system says.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize>;

    /// Writes what fits of the slices, in order.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits, else whatever the system says.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Sends up to `len` bytes of a file from `offset` on, and moves `offset`: `Ok(0)` is the end
    /// of the file.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits, else whatever the system says.
    fn send_file(&mut self, file: &File, offset: &mut u64, len: usize) -> io::Result<usize>;
}

impl Transport for TcpStream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&*self, room)?)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            // One slice needs no list: `write` is the cheaper call.
            [one] => Ok(rustix::io::write(&*self, one)?),
            many => Ok(rustix::io::writev(&*self, many)?),
        }
    }

    fn send_file(&mut self, file: &File, offset: &mut u64, len: usize) -> io::Result<usize> {
        Ok(rustix::fs::sendfile(&*self, file, Some(offset), len)?)
    }
}
