//! Log output over a file descriptor.
//!
//! Never blocks on a stopped reader of a pipe, terminal or socket. Neither buffers nor retries.

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

/// Longest write to a pipe: POSIX writes PIPE_BUF bytes whole or not at all.
///
/// Linux reports "writable" only if they fit.
const PIPE_WRITE_LEN_MAX: usize = 4096;

/// O_NOCTTY: a terminal as log must not become the controlling terminal.
const NON_BLOCKING: i32 = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits().cast_signed();

/// Linux's bound on symbolic links; more are a loop.
const LINKS_MAX: usize = 40;

pub(super) trait LogSink {
    /// Writes at least one byte, else `WouldBlock`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    fn wait_writable(&mut self, wait_time: Duration) -> io::Result<bool>;
}

#[derive(Debug)]
pub(super) struct FdSink {
    file: File,
    kind: DescriptorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DescriptorKind {
    /// Waits for the disk, never for a reader.
    Regular,
    /// Own, non-blocking open file description.
    NonBlocking,
    /// Shared open file description: keep its flags, poll before writing.
    Blocking,
}

impl FdSink {
    pub(super) fn open_append(path: &Path) -> io::Result<Self> {
        let file = append_options().create(true).open(path).map_err(explain_fifo)?;
        let kind = match file.metadata()?.is_file() {
            true => DescriptorKind::Regular,
            false => DescriptorKind::NonBlocking,
        };
        Ok(Self { file, kind })
    }

    /// As `open_append`, but creates nothing.
    ///
    /// Does not open a FIFO: its reader would see a writer, then end of input.
    pub(super) fn check_open_append(path: &Path) -> io::Result<()> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => check_create(path),
            Ok(metadata) if metadata.file_type().is_fifo() => Ok(rustix::fs::access(path, Access::WRITE_OK)?),
            _ => append_options().open(path).map(drop).map_err(explain_fifo),
        }
    }

    /// For a possibly shared descriptor, such as standard output.
    pub(super) fn shared(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd();
        let file = File::from(fd.try_clone_to_owned()?);
        if file.metadata()?.is_file() {
            return Ok(Self { file, kind: DescriptorKind::Regular });
        }
        // O_NONBLOCK on a shared description would surprise the shell and its children: open a new
        // one.
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        Ok(match OpenOptions::new().write(true).custom_flags(NON_BLOCKING).open(path) {
            Ok(file) => Self { file, kind: DescriptorKind::NonBlocking },
            // A socket, no `/proc`, or no permission.
            Err(_) => Self { file, kind: DescriptorKind::Blocking },
        })
    }

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

/// Follows a dangling symbolic link: the file would be created at its target.
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

/// Without O_NONBLOCK, opening a FIFO waits for a reader. Regular files ignore it.
fn append_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(NON_BLOCKING);
    options
}

fn explain_fifo(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(Errno::NXIO.raw_os_error()) {
        return error;
    }
    io::Error::new(error.kind(), "it has no reader: start its reader first")
}

/// Whole records, or else lines, for one pipe write; splits longer lines.
///
/// Atomic at this size: diagnostics on the same pipe cannot land inside.
fn whole_records(bytes: &[u8]) -> &[u8] {
    let Some(piece) = bytes.get(..PIPE_WRITE_LEN_MAX) else { return bytes };
    // Multi-line records end with an empty line.
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
