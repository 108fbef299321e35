//! Response body that is produced while it is sent.
//!
//! It is made in slices, of about a millisecond each, so that others have their turns between them. The
//! framing of such a body (RFC 9112 section 6.3) is decided and written here, in one place, whatever
//! makes the bytes. It knows no connection.

use std::fmt;

use crate::files::{ContentSource, TarPayload, TarSlice};
use crate::http::{Version, chunk, chunk_size, content_length, field};
use crate::net::{CloseReason, SendQueue};

/// A body that is produced while it is sent, and its framing.
#[derive(Debug)]
pub(in crate::server) struct StreamedBody {
    media_type: &'static str,
    source: Box<dyn BodySource>,
    pub(super) framing: StreamFraming,
}

/// What makes the body of a stream.
pub(in crate::server) trait BodySource {
    /// Appends the next slice of the body.
    fn write_slice(&mut self, store: &ContentSource, out: &mut Vec<u8>) -> Result<TarSlice, CloseReason>;
}

// By hand, and no supertrait: that would put the derived code of each type into the program, 25 kB of it.
impl fmt::Debug for dyn BodySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodySource")
    }
}

/// How the peer is told where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum StreamFraming {
    /// By its length; this much of it is left.
    ContentLength(u64),
    /// By its last chunk.
    Chunked,
    /// By the end of the connection, which is all that HTTP/1.0 has for a body of unknown length.
    UntilClose,
}

/// How far the body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum StreamProgress {
    More,
    /// Its last byte is queued.
    Complete,
    /// There will never be the rest.
    Failed(CloseReason),
}

impl StreamedBody {
    /// A body of this media type, and of this length if it is known.
    pub(in crate::server) fn new(
        media_type: &'static str,
        len: Option<u64>,
        source: Box<dyn BodySource>,
    ) -> Self {
        let framing = len.map_or(StreamFraming::Chunked, StreamFraming::ContentLength);
        Self { media_type, source, framing }
    }

    /// Decides how a peer of this version is told where the body ends.
    pub(in crate::server) fn choose_framing(&mut self, version: Version) -> StreamFraming {
        if self.framing == StreamFraming::Chunked && version == Version::Http10 {
            self.framing = StreamFraming::UntilClose;
        }
        self.framing
    }

    /// Writes the fields that describe the body.
    pub(super) fn write_fields(&self, out: &mut Vec<u8>) {
        field(out, "Content-Type", self.media_type.as_bytes());
        match self.framing {
            StreamFraming::ContentLength(len) => content_length(out, len),
            StreamFraming::Chunked => field(out, "Transfer-Encoding", b"chunked"),
            StreamFraming::UntilClose => {}
        }
    }

    /// Makes one slice of the body in `scratch` and queues it.
    pub(in crate::server) fn write_slice(
        &mut self,
        send_queue: &mut SendQueue,
        store: &ContentSource,
        scratch: &mut Vec<u8>,
    ) -> StreamProgress {
        scratch.clear();
        match self.source.write_slice(store, scratch) {
            Ok(slice) => self.queue_slice(send_queue, scratch, slice),
            Err(reason) => StreamProgress::Failed(reason),
        }
    }

    /// Queues a slice in the framing of the body.
    fn queue_slice(&mut self, send_queue: &mut SendQueue, bytes: &[u8], slice: TarSlice) -> StreamProgress {
        let TarSlice { payload, has_more: more } = slice;
        let len = bytes.len() as u64 + payload.as_ref().map_or(0, TarPayload::len);
        let in_chunks = self.framing == StreamFraming::Chunked && len > 0;
        if let StreamFraming::ContentLength(left) = &mut self.framing {
            // A promise of another length than that of the body would be taken for the next answer's head.
            match left.checked_sub(len) {
                Some(rest) if more || rest == 0 => *left = rest,
                _ => return StreamProgress::Failed(CloseReason::FileTruncated),
            }
        }
        send_queue.push_with(|out| {
            if in_chunks {
                chunk_size(out, len);
            }
            out.extend_from_slice(bytes);
        });
        match payload {
            Some(TarPayload::File(range)) => send_queue.push_file(range.file, range.offset, range.len),
            Some(TarPayload::Static(bytes)) => send_queue.push_static(bytes),
            None => {}
        }
        if in_chunks {
            send_queue.push_static(b"\r\n");
        }
        if !more && self.framing == StreamFraming::Chunked {
            send_queue.push_with(|out| chunk(out, b""));
        }
        if more { StreamProgress::More } else { StreamProgress::Complete }
    }
}
