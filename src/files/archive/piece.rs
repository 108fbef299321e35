//! What making an archive comes to, piece by piece: what follows the bytes that were copied, or why there
//! will be no more.
//!
//! Values only; `archive` makes them, the server sends them.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use super::super::root::LookupError;

/// A part of an open file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file. Read it at explicit offsets.
    pub file: Rc<File>,
    /// Where the part begins.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

/// What follows the bytes that were copied.
#[derive(Clone, Debug)]
pub enum Tail {
    /// A part of a file.
    File(FileRange),
    /// Bytes of the binary.
    Static(&'static [u8]),
}

/// What comes after the bytes that [`Archive::make`](super::Archive::make) has appended.
#[derive(Debug)]
pub struct Piece {
    /// What follows them, if something does.
    pub tail: Option<Tail>,
    /// Whether there is another piece.
    pub more: bool,
}

/// Why an archive breaks off.
#[derive(Debug)]
pub enum ArchiveError {
    /// A file is shorter than was promised.
    Shrank,
    /// A member, or a directory, cannot be read.
    Failed(LookupError),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Shrank => f.write_str("a file shrank"),
            ArchiveError::Failed(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<LookupError> for ArchiveError {
    fn from(fault: LookupError) -> Self {
        ArchiveError::Failed(fault)
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => ArchiveError::Shrank,
            _ => ArchiveError::Failed(LookupError::Failed(error)),
        }
    }
}

impl Tail {
    /// How long it is in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Tail::File(range) => range.len,
            Tail::Static(bytes) => bytes.len() as u64,
        }
    }

    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
