//! Request body: a file by `sendfile`, data, or a chunked stream.
//!
//! Pipes and terminals never block: read if readable, one bounded piece per sent piece.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connection::BodyProgress;
use super::source::{Payload, Source, join_data};
use crate::http::{DigestAlgorithm, DigestHasher, DigestValue, chunk, chunk_size, end_head, field};
use crate::net::SendQueue;

/// Bytes per read of a stream: the capacity of a pipe.
const PIECE_LEN_MAX: usize = 64 * 1024;
/// Memory bound of `-d`; `-T` sends longer files unbuffered.
const DATA_LEN_MAX: u64 = 16 * 1024 * 1024;

pub(super) struct UploadBody {
    body: UploadContent,
    pub(super) queued_len: u64,
    /// Where a file is sent from.
    pub(super) start: u64,
    pub(super) digest: Option<DigestValue>,
}

enum UploadContent {
    File { file: Rc<File>, metadata: Metadata },
    Data(Vec<u8>),
    Stream { file: File, piece: Vec<u8>, hasher: Option<DigestHasher> },
}

impl UploadBody {
    pub(super) fn open(payload: &Payload, algorithm: Option<DigestAlgorithm>) -> io::Result<Self> {
        let hasher = algorithm.map(DigestHasher::new);
        let stream = |file| UploadContent::Stream { file, piece: vec![0; PIECE_LEN_MAX], hasher };
        let body = match payload {
            Payload::Data(data) => UploadContent::Data(join_data(data, read_data_file)?),
            Payload::Source(Source::Stdin) => stream(File::from(io::stdin().as_fd().try_clone_to_owned()?)),
            Payload::Source(Source::File(path)) => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                match (metadata.is_dir(), metadata.is_file()) {
                    (true, _) => return Err(io::ErrorKind::IsADirectory.into()),
                    (_, true) => UploadContent::File { file: Rc::new(file), metadata },
                    _ => stream(file),
                }
            }
        };
        Ok(Self { body, queued_len: 0, start: 0, digest: None })
    }

    /// Not of a stream.
    pub(super) fn compute_digest(&mut self, algorithm: DigestAlgorithm) -> io::Result<()> {
        let mut hasher = DigestHasher::new(algorithm);
        match &self.body {
            UploadContent::Stream { .. } => return Ok(()),
            UploadContent::Data(bytes) => hasher.update(bytes),
            UploadContent::File { file, metadata } => {
                let (mut buf, mut offset) = (vec![0; PIECE_LEN_MAX], 0);
                while offset < metadata.len() {
                    let read_len = file.read_at(&mut buf, offset)?;
                    let bytes = buf.get(..read_len).filter(|bytes| !bytes.is_empty());
                    hasher.update(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
                    offset += read_len as u64;
                }
            }
        }
        self.digest = Some(hasher.finish());
        Ok(())
    }

    pub(super) fn len(&self) -> Option<u64> {
        match &self.body {
            UploadContent::File { metadata, .. } => Some(metadata.len()),
            UploadContent::Data(bytes) => Some(bytes.len() as u64),
            UploadContent::Stream { .. } => None,
        }
    }

    pub(super) fn rewind(&mut self) -> bool {
        let is_whole = self.queued_len == 0 || self.len().is_some();
        self.queued_len = 0;
        is_whole
    }

    pub(super) fn stream_fd(&self) -> io::Result<Option<OwnedFd>> {
        match &self.body {
            UploadContent::File { .. } | UploadContent::Data(_) => Ok(None),
            UploadContent::Stream { file, .. } => file.as_fd().try_clone_to_owned().map(Some),
        }
    }

    pub(super) fn supply(&mut self, send_queue: &mut SendQueue) -> io::Result<BodyProgress> {
        match &mut self.body {
            UploadContent::File { file, metadata } => {
                if self.start > 0 && file.metadata()?.modified()? != metadata.modified()? {
                    return Err(io::Error::other("it was changed while it was sent"));
                }
                self.queued_len = metadata.len();
                send_queue.push_file(Rc::<File>::clone(file), self.start, self.queued_len - self.start);
            }
            UploadContent::Data(bytes) => {
                self.queued_len = bytes.len() as u64;
                send_queue.push_with(|out| out.extend_from_slice(bytes));
            }
            UploadContent::Stream { file, piece: buf, hasher } => {
                if !is_readable(file)? {
                    return Ok(BodyProgress::Pending);
                }
                let len = match file.read(buf) {
                    Err(error) if is_retryable(&error) => return Ok(BodyProgress::Pending),
                    result => result?,
                };
                let piece = buf.get(..len).unwrap_or_default();
                self.queued_len += len as u64;
                if len > 0 {
                    hasher.iter_mut().for_each(|hasher| hasher.update(piece));
                    send_queue.push_with(|out| chunk(out, piece));
                    return Ok(BodyProgress::Queued);
                }
                self.digest = hasher.take().map(DigestHasher::finish);
                send_queue.push_with(|out| {
                    chunk_size(out, 0);
                    if let Some(digest) = &self.digest {
                        field(out, "Repr-Digest", digest.to_string().as_bytes());
                    }
                    end_head(out);
                });
            }
        }
        Ok(BodyProgress::Complete)
    }
}

fn read_data_file(source: &Source) -> io::Result<Vec<u8>> {
    let (mut bytes, limit) = (Vec::new(), DATA_LEN_MAX + 1);
    match source {
        Source::Stdin => io::stdin().take(limit).read_to_end(&mut bytes)?,
        Source::File(path) => File::open(path)?.take(limit).read_to_end(&mut bytes)?,
    };
    if bytes.len() as u64 > DATA_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long for -d; send it with -T"));
    }
    Ok(bytes)
}

fn is_readable(file: &File) -> io::Result<bool> {
    let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&no_wait)) {
        Ok(count) => Ok(count > 0),
        Err(errno) if is_retryable(&errno.into()) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Another reader may have emptied the pipe. Signals are handled elsewhere.
fn is_retryable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn stream() -> (io::PipeWriter, UploadBody) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let file = File::from(OwnedFd::from(reader));
        let body = UploadContent::Stream { file, piece: vec![0; 4], hasher: None };
        (writer, UploadBody { body, queued_len: 0, start: 0, digest: None })
    }

    #[test]
    fn stream_upload_never_blocks_and_ends_with_last_chunk() {
        let (mut writer, mut upload) = stream();
        let mut send_queue = SendQueue::default();
        assert_eq!(upload.len(), None);
        assert_eq!(upload.supply(&mut send_queue).expect("no fault"), BodyProgress::Pending);
        assert!(send_queue.is_empty());
        writer.write_all(b"hello").expect("a full pipe");
        assert_eq!(upload.supply(&mut send_queue).expect("no fault"), BodyProgress::Queued);
        assert_eq!(send_queue.len(), "4\r\nhell\r\n".len() as u64);
        assert_eq!(upload.supply(&mut send_queue).expect("no fault"), BodyProgress::Queued);
        assert_eq!(upload.supply(&mut send_queue).expect("no fault"), BodyProgress::Pending);
        drop(writer);
        assert_eq!(upload.supply(&mut send_queue).expect("no fault"), BodyProgress::Complete);
        assert_eq!(
            (upload.queued_len, send_queue.len()),
            (5, "4\r\nhell\r\n1\r\no\r\n0\r\n\r\n".len() as u64)
        );
    }

    #[test]
    fn file_upload_is_queued_whole_with_known_length() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join("file");
        std::fs::write(&path, "content").expect("a file");
        let open = |path: &Path| UploadBody::open(&Payload::Source(Source::File(path.to_owned())), None);
        let mut upload = open(&path).expect("it opens");
        let mut send_queue = SendQueue::default();
        assert_eq!(upload.len(), Some(7));
        assert_eq!(upload.supply(&mut send_queue).expect("no fault"), BodyProgress::Complete);
        assert_eq!((upload.queued_len, send_queue.len()), (7, 7));
        assert!(open(directory.path()).is_err(), "a directory");
    }
}
