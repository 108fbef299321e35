//! Response body that is produced while it is sent.
//!
//! All framing of such bodies (RFC 9112 section 6.3) is here.

use crate::files::{TarPayload, TarSlice};
use crate::http::{Version, chunk, chunk_size, content_length, field};
use crate::net::{CloseReason, SendQueue};

#[derive(derive_more::Debug)]
pub(crate) struct StreamedBody {
    media_type: &'static str,
    // Derived `Debug` code of each source adds 25 kB to the program.
    #[debug(skip)]
    source: Box<dyn BodySource>,
    pub(super) framing: StreamFraming,
    /// Chunk sizes and line ends, which are no body.
    pub(crate) framing_len: u64,
}

pub(crate) trait BodySource {
    fn write_slice(&mut self, out: &mut Vec<u8>) -> Result<TarSlice, CloseReason>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamFraming {
    ContentLength(u64),
    Chunked,
    /// HTTP/1.0 has no other framing for an unknown length.
    UntilClose,
}

impl StreamedBody {
    pub(crate) fn new(media_type: &'static str, len: Option<u64>, source: Box<dyn BodySource>) -> Self {
        let framing = len.map_or(StreamFraming::Chunked, StreamFraming::ContentLength);
        Self { media_type, source, framing, framing_len: 0 }
    }

    pub(crate) fn choose_framing(&mut self, version: Version) -> StreamFraming {
        if self.framing == StreamFraming::Chunked && version == Version::Http10 {
            self.framing = StreamFraming::UntilClose;
        }
        self.framing
    }

    pub(super) fn write_fields(&self, out: &mut Vec<u8>) {
        field(out, "Content-Type", self.media_type.as_bytes());
        match self.framing {
            StreamFraming::ContentLength(len) => content_length(out, len),
            StreamFraming::Chunked => field(out, "Transfer-Encoding", b"chunked"),
            StreamFraming::UntilClose => {}
        }
    }

    /// Returns whether more follows.
    pub(crate) fn write_slice(
        &mut self,
        send_queue: &mut SendQueue,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, CloseReason> {
        scratch.clear();
        let TarSlice { payload, has_more } = self.source.write_slice(scratch)?;
        let len = scratch.len() as u64 + payload.as_ref().map_or(0, TarPayload::len);
        let in_chunks = self.framing == StreamFraming::Chunked && len > 0;
        if let StreamFraming::ContentLength(left) = &mut self.framing {
            // After a wrong length, the peer would take body bytes for the next head.
            match left.checked_sub(len) {
                Some(rest) if has_more || rest == 0 => *left = rest,
                _ => return Err(CloseReason::FileTruncated),
            }
        }
        let queued_before = send_queue.queued_total() + len;
        send_queue.push_with(|out| {
            if in_chunks {
                chunk_size(out, len);
            }
            out.extend_from_slice(scratch);
        });
        match payload {
            Some(TarPayload::File { file, offset, len }) => send_queue.push_file(file, offset, len),
            Some(TarPayload::Static(bytes)) => send_queue.push_static(bytes),
            None => {}
        }
        if in_chunks {
            send_queue.push_static(b"\r\n");
        }
        if !has_more && self.framing == StreamFraming::Chunked {
            send_queue.push_with(|out| chunk(out, b""));
        }
        self.framing_len += send_queue.queued_total() - queued_before;
        Ok(has_more)
    }
}
