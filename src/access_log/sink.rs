//! Where lines are written to: a file descriptor that is never allowed to block the loop.
//!
//! It owns the descriptor and knows what is behind it. A regular file takes everything at once. A
//! pipe, a terminal or a socket may have a reader that has stopped reading: there a write is small,
//! ends with a line where it can, and is made only if it cannot block. It never buffers or retries.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use memchr::memmem;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, OFlags};
use rustix::io::Errno;

/// The most that is written to a pipe at once. POSIX promises that PIPE_BUF bytes are written whole or
/// not at all, and Linux says "writable" only when that many fit.
const PIPE_WRITE_LEN_MAX: usize = 4096;

/// O_NOCTTY: a server must not make the terminal it logs to its own.
const NON_BLOCKING: i32 = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits().cast_signed();

/// Links that the system follows one after the other; more are a circle.
const LINKS_MAX: usize = 40;

/// What the buffered writer writes to.
pub(super) trait LogSink {
    /// Writes some of the bytes, at least one; `WouldBlock` if none can be taken now.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until bytes can be taken, for so long at most; says whether they can.
    fn wait_writable(&mut self, wait_time: Duration) -> io::Result<bool>;
}

/// A [`LogSink`] over a file descriptor.
#[derive(Debug)]
pub(super) struct FdSink {
    file: File,
    kind: DescriptorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DescriptorKind {
    /// A regular file: a write may take as long as the disk does, but never waits for a reader.
    Regular,
    /// Something else, whose description is ours alone and does not block.
    NonBlocking,
    /// Something else, whose description others use too: it must be left as it is and asked first.
    Blocking,
}

impl FdSink {
    /// Opens a file to append to; it is created if it is not there.
    pub(super) fn open_append(path: &Path) -> io::Result<Self> {
        let file = append_options().create(true).open(path).map_err(explain_fifo)?;
        let kind = match file.metadata()?.is_file() {
            true => DescriptorKind::Regular,
            false => DescriptorKind::NonBlocking,
        };
        Ok(Self { file, kind })
    }

    /// Looks whether [`append`](Self::append) would work: on what is there, or in the directory. A FIFO is
    /// not opened: its reader would take that for the beginning, and the end, of what it waits for.
    pub(super) fn check_open_append(path: &Path) -> io::Result<()> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => check_create(path),
            Ok(metadata) if metadata.file_type().is_fifo() => Ok(rustix::fs::access(path, Access::WRITE_OK)?),
            _ => append_options().open(path).map(drop).map_err(explain_fifo),
        }
    }

    /// Writes to a descriptor that other processes may share, such as standard output.
    pub(super) fn shared(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd();
        let file = File::from(fd.try_clone_to_owned()?);
        if file.metadata()?.is_file() {
            return Ok(Self { file, kind: DescriptorKind::Regular });
        }
        // O_NONBLOCK belongs to the open description, which standard output shares with the shell and its
        // other children; they would be surprised by it.
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        Ok(match OpenOptions::new().write(true).custom_flags(NON_BLOCKING).open(path) {
            Ok(file) => Self { file, kind: DescriptorKind::NonBlocking },
            // A socket, no /proc, or no permission any more.
            Err(_) => Self { file, kind: DescriptorKind::Blocking },
        })
    }

    /// Whether both write to one file, pipe or device.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        let device_and_inode =
            |sink: &Self| sink.file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        device_and_inode(self).is_some_and(|own| device_and_inode(other) == Some(own))
    }
}

impl LogSink for FdSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.kind == DescriptorKind::Regular {
            return self.file.write(bytes);
        }
        if self.kind == DescriptorKind::Blocking && !self.wait_writable(Duration::ZERO)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.file.write(whole_records(bytes))
    }

    fn wait_writable(&mut self, wait_time: Duration) -> io::Result<bool> {
        let wait_time = Timespec::try_from(wait_time).unwrap_or_default();
        let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
        Ok(poll(&mut fds, Some(&wait_time))? > 0)
    }
}

/// Looks whether a file could be made at `path`, where there is none: it may be a link that leads nowhere,
/// and then the file would be made where that leads.
fn check_create(path: &Path) -> io::Result<()> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { break };
        path.pop();
        path.push(target);
    }
    match path.as_os_str().as_bytes() {
        [.., b'/'] => return Err(Errno::ISDIR.into()),
        [.., b'/', b'.'] => return Err(Errno::NOENT.into()),
        _ => {}
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let access = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::access(parent.unwrap_or(Path::new(".")), access)?)
}

/// A regular file does not mind O_NONBLOCK; opening a FIFO without it would wait for a reader.
fn append_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(NON_BLOCKING);
    options
}

fn explain_fifo(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(Errno::NXIO.raw_os_error()) {
        return error;
    }
    io::Error::new(error.kind(), "nobody reads it: start its reader first")
}

/// As many whole records, or at least lines, as one small write holds, or a piece of a longer line.
///
/// A write this small is atomic, so that diagnostics on the same pipe cannot land inside it.
fn whole_records(bytes: &[u8]) -> &[u8] {
    let Some(piece) = bytes.get(..PIPE_WRITE_LEN_MAX) else { return bytes };
    // Records of several lines end in an empty one.
    let end = memmem::rfind(piece, b"\n\n").map(|at| at + 1).or_else(|| memchr::memrchr(b'\n', piece));
    end.and_then(|end| piece.get(..=end)).unwrap_or(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// Writes 100-byte lines until the sink would block; returns how many bytes it took.
    fn fill(sink: &mut FdSink) -> usize {
        let lines = [[b'a'; 99].as_slice(), b"\n"].concat().repeat(100);
        let mut taken = 0;
        loop {
            match sink.write(&lines) {
                Ok(count) => {
                    assert!(0 < count && count <= PIPE_WRITE_LEN_MAX && count % 100 == 0);
                    taken += count;
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return taken;
                }
            }
        }
    }

    #[test]
    fn unread_pipe_never_blocks() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut sink = FdSink::shared(&writer).unwrap();
        assert_eq!(sink.kind, DescriptorKind::NonBlocking);
        let taken = fill(&mut sink);
        assert!(taken >= PIPE_WRITE_LEN_MAX);
        assert!(!sink.wait_writable(Duration::ZERO).unwrap());
        reader.read_exact(&mut vec![0; taken]).unwrap();
        assert!(sink.wait_writable(Duration::ZERO).unwrap());
        assert!(sink.write(b"line\n").is_ok());
    }

    #[test]
    fn blocking_pipe_is_polled_before_each_write() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut sink =
            FdSink { file: File::from(std::os::fd::OwnedFd::from(writer)), kind: DescriptorKind::Blocking };
        let taken = fill(&mut sink);
        reader.read_exact(&mut vec![0; taken]).unwrap();
        assert!(fill(&mut sink) > 0);
    }

    #[test]
    fn unread_socket_never_blocks() {
        let (_reader, writer) = UnixStream::pair().unwrap();
        let mut sink = FdSink::shared(&writer).unwrap();
        assert_eq!(sink.kind, DescriptorKind::Blocking);
        assert!(fill(&mut sink) >= PIPE_WRITE_LEN_MAX);
    }

    #[test]
    fn closed_reader_gives_broken_pipe_error() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sinks = [
            FdSink::shared(&writer).unwrap(),
            FdSink { file: File::from(std::os::fd::OwnedFd::from(writer)), kind: DescriptorKind::Blocking },
        ];
        drop(reader);
        for sink in &mut sinks {
            let error = sink.write(b"line\n").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn regular_file_write_is_not_split() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = vec![b'a'; 3 * PIPE_WRITE_LEN_MAX];
        let mut sinks = [FdSink::open_append(file.path()).unwrap(), FdSink::shared(file.as_file()).unwrap()];
        for sink in &mut sinks {
            assert_eq!(sink.kind, DescriptorKind::Regular);
            assert_eq!(sink.write(&bytes).unwrap(), bytes.len());
        }
    }

    #[test]
    fn fifo_without_reader_gives_error_with_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let error = FdSink::open_append(&path).unwrap_err();
        assert!(error.to_string().contains("start its reader first"), "{error}");
    }

    #[test]
    fn pipe_write_ends_at_a_record_or_line_boundary() {
        let long = vec![b'a'; 2 * PIPE_WRITE_LEN_MAX];
        let lines = [&long[..10], b"\n", &long].concat();
        assert_eq!(whole_records(b"a\nb"), b"a\nb");
        assert_eq!(whole_records(&lines).len(), 11);
        assert_eq!(whole_records(&[b"a\nb\n\n", &lines[..]].concat()).len(), 5);
        assert_eq!(whole_records(&long).len(), PIPE_WRITE_LEN_MAX);
    }
}
