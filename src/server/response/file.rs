//! Files as answers: whole, in parts, or the news that they are unchanged.
//!
//! It owns the fields that describe a file, rendered once and kept with it, and the spelling of its
//! entity-tag. Which part of a file an answer carries has been decided before.

use std::rc::Rc;

use super::common_headers::{HeadEnd, queue_head};
use crate::files::{CachedFile, Coding, Content, FileVersion, OpenFile, Resource};
use crate::http::{
    ByteRange, ContentCoding, Multipart, Status, content_length, content_range, field, imf_fixdate,
    status_line,
};
use crate::net::SendQueue;

/// Bodies up to this length are copied behind their head, so that one segment and one `write` carry
/// both; longer ones are shared instead.
pub(super) const COPIED_LEN_MAX: usize = 4 * 1024;

/// The head of a file's answers, up to what changes from answer to answer.
#[derive(Debug, Clone)]
pub(in crate::server) struct FileHead {
    /// That of the whole file, rendered.
    whole: Box<[u8]>,
    /// Where in it the fields begin that 200 and 206 have in common ...
    described_start: u32,
    /// ... and those that 304 has too; they are the last.
    shared_start: u32,
    /// The value of its ETag.
    pub(in crate::server) entity_tag: Option<Box<str>>,
}

/// What of a file an answer carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum FilePart {
    /// 200: all of it.
    Whole,
    /// 304: nothing, for the client has it.
    NotModified,
    /// 206: these bytes.
    Range(ByteRange),
    /// 206: these, each with a head of its own.
    Ranges { ranges: Vec<ByteRange>, boundary: u64 },
    /// All of it, as the body of an error: without its validators.
    ErrorDocument,
}

impl FilePart {
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Whole | Self::ErrorDocument => Status::OK,
            Self::NotModified => Status::NOT_MODIFIED,
            Self::Range(_) | Self::Ranges { .. } => Status::PARTIAL_CONTENT,
        }
    }
}

/// Renders the head of a file's answers; `cache_control` says how long they keep, if a rule does.
pub(in crate::server) fn file_head(resource: &Resource, cache_control: Option<&[u8]>) -> FileHead {
    let coding = coding_of(resource);
    let entity_tag = resource.version.map(|version| entity_tag(version, coding).into_boxed_str());
    let mut head = Vec::with_capacity(256);
    status_line(&mut head, Status::OK);
    field(&mut head, "Content-Type", resource.media_type.as_bytes());
    content_length(&mut head, resource.len);
    let described_start = head.len() as u32;
    if let Some(coding) = coding {
        field(&mut head, "Content-Encoding", coding.as_bytes());
    }
    // What was made of a file comes whole or not at all: a part of it would fit no other.
    if !resource.is_generated() {
        field(&mut head, "Accept-Ranges", b"bytes");
    }
    last_modified(&mut head, resource);
    let shared_start = head.len() as u32;
    if let Some(value) = cache_control {
        field(&mut head, "Cache-Control", value);
    }
    if resource.is_negotiable {
        // Whatever was sent, another client may get the file in another encoding.
        field(&mut head, "Vary", b"Accept-Encoding");
    }
    if let Some(tag) = &entity_tag {
        field(&mut head, "ETag", tag.as_bytes());
    }
    FileHead { whole: head.into_boxed_slice(), described_start, shared_start, entity_tag }
}

impl FileHead {
    fn fields_from(&self, start: u32) -> &[u8] {
        self.whole.get(start as usize..).unwrap_or_default()
    }
}

/// A strong entity-tag (RFC 9110 section 8.8.3): other bytes have another one, and so have the same
/// bytes in another `coding`.
pub(in crate::server) fn entity_tag(version: FileVersion, coding: Option<&str>) -> String {
    let FileVersion { inode, len, modified_nanos, discriminator } = version;
    let (dash, coding) = coding.map_or(("", ""), |coding| ("-", coding));
    format!("\"{inode:x}-{len:x}-{modified_nanos:x}-{discriminator:x}{dash}{coding}\"")
}

/// What the content of a file is encoded with, as Content-Encoding says it (RFC 9110 section 8.4).
fn coding_of(resource: &Resource) -> Option<&'static str> {
    let coding = match resource.coding? {
        Coding::Brotli => ContentCoding::Brotli,
        Coding::Zstd => ContentCoding::Zstd,
        Coding::Gzip => ContentCoding::Gzip,
    };
    Some(coding.as_str())
}

/// When the file was modified, if nobody can have seen anything else with the same date: a file that
/// has changed within the last seconds may do so again (RFC 9110 section 8.8.2.2).
fn last_modified(head: &mut Vec<u8>, resource: &Resource) {
    let secs = resource.modified_secs.filter(|_| resource.mtime_is_stable);
    if let Some(secs) = secs.and_then(|secs| u64::try_from(secs).ok()) {
        field(head, "Last-Modified", &imf_fixdate(secs));
    }
}

/// Queues a file, or the part of it that is meant, and returns where the body begins. Only an error document uses
/// `status` and `fields`: the head of a file is rendered.
pub(super) fn queue_file(
    send_queue: &mut SendQueue,
    entry: &CachedFile<FileHead>,
    part: &FilePart,
    (status, fields): (Status, &[u8]),
    head_only: bool,
    head_end: HeadEnd<'_>,
) -> u64 {
    let CachedFile { resource, value: head, .. } = entry;
    match part {
        FilePart::Whole => {
            // What is copied leaves in one piece with its head.
            let body = if head_only { None } else { copyable_bytes(resource) };
            send_queue.push_with(|out| {
                out.extend_from_slice(&head.whole);
                head_end.finish(out);
                out.extend_from_slice(body.unwrap_or_default());
            });
            let body_start = send_queue.queued_total() - body.map_or(0, |body| body.len() as u64);
            if !head_only && body.is_none() {
                queue_bytes(send_queue, resource, 0, resource.len);
            }
            body_start
        }
        FilePart::NotModified => queue_not_modified(send_queue, resource, head, head_end),
        FilePart::ErrorDocument => {
            let body_start = queue_head(send_queue, status, head_end, |out| {
                field(out, "Content-Type", resource.media_type.as_bytes());
                content_length(out, resource.len);
                out.extend_from_slice(fields);
            });
            if !head_only {
                queue_bytes(send_queue, resource, 0, resource.len);
            }
            body_start
        }
        FilePart::Range(range) => {
            let body_start = queue_partial_head(send_queue, head, head_end, |out| {
                field(out, "Content-Type", resource.media_type.as_bytes());
                content_length(out, range.content_len());
                content_range(out, *range, resource.len);
            });
            if !head_only {
                queue_bytes(send_queue, resource, range.first, range.content_len());
            }
            body_start
        }
        FilePart::Ranges { ranges, boundary } => {
            let multipart = multipart(resource, *boundary);
            let body_start = queue_partial_head(send_queue, head, head_end, |out| {
                field(out, "Content-Type", multipart.content_type().as_bytes());
                content_length(out, multipart.body_len(ranges));
            });
            if !head_only {
                queue_parts(send_queue, resource, &multipart, ranges);
            }
            body_start
        }
    }
}

/// How the parts of a file become one body.
pub(in crate::server) fn multipart(resource: &Resource, boundary: u64) -> Multipart<'_> {
    Multipart { boundary, media_type: resource.media_type.as_bytes(), complete_len: resource.len }
}

/// A 304 has what a cache needs to find and refresh what it keeps, and nothing that describes content
/// (RFC 9110 section 15.4.5): the date stands in only where there is no entity-tag.
fn queue_not_modified(
    send_queue: &mut SendQueue,
    resource: &Resource,
    head: &FileHead,
    head_end: HeadEnd<'_>,
) -> u64 {
    queue_head(send_queue, Status::NOT_MODIFIED, head_end, |out| {
        if head.entity_tag.is_none() {
            last_modified(out, resource);
        }
        out.extend_from_slice(head.fields_from(head.shared_start));
    })
}

/// Queues the head of a 206: what a 200 would say of the file (RFC 9110 section 15.3.7), and what these
/// bytes are. Nothing is left out for who has sent an If-Range: players look at the type every time.
fn queue_partial_head(
    send_queue: &mut SendQueue,
    head: &FileHead,
    head_end: HeadEnd<'_>,
    describe: impl FnOnce(&mut Vec<u8>),
) -> u64 {
    queue_head(send_queue, Status::PARTIAL_CONTENT, head_end, |out| {
        describe(out);
        out.extend_from_slice(head.fields_from(head.described_start));
    })
}

/// The bytes of a file that is small enough to be copied.
fn copyable_bytes(resource: &Resource) -> Option<&[u8]> {
    let bytes = match &resource.content {
        Content::Memory(bytes) => bytes,
        Content::Static(bytes) => *bytes,
        Content::File(_) | Content::GzipPage(_) => return None,
    };
    (bytes.len() <= COPIED_LEN_MAX).then_some(bytes)
}

/// Queues `len` bytes of a file, from `first` on.
fn queue_bytes(send_queue: &mut SendQueue, resource: &Resource, first: u64, len: u64) {
    // What is in memory has no more bytes than memory has.
    let range = first as usize..first.saturating_add(len) as usize;
    let copied =
        |send_queue: &mut SendQueue, bytes: &[u8]| send_queue.push_with(|out| out.extend_from_slice(bytes));
    let bytes: &'static [u8] = match &resource.content {
        Content::File(file) => return send_queue.push_file(Rc::<OpenFile>::clone(file), first, len),
        Content::Memory(bytes) if range.len() > COPIED_LEN_MAX => {
            return send_queue.push_shared(Rc::clone(bytes), range);
        }
        Content::Memory(bytes) => return copied(send_queue, bytes.get(range).unwrap_or_default()),
        Content::Static(bytes) => bytes,
        Content::GzipPage(page) => page.plain(),
    };
    match bytes.get(range).unwrap_or_default() {
        bytes if bytes.len() > COPIED_LEN_MAX => send_queue.push_static(bytes),
        bytes => copied(send_queue, bytes),
    }
}

fn queue_parts(
    send_queue: &mut SendQueue,
    resource: &Resource,
    multipart: &Multipart<'_>,
    ranges: &[ByteRange],
) {
    for (index, range) in ranges.iter().enumerate() {
        send_queue.push_with(|out| multipart.part_head(out, *range, index == 0));
        queue_bytes(send_queue, resource, range.first, range.content_len());
    }
    send_queue.push_with(|out| multipart.close(out));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tag_differs_by_content_coding() {
        let version = FileVersion { inode: 1, len: 16, modified_nanos: 255, discriminator: 0xabc };
        assert_eq!(entity_tag(version, None), "\"1-10-ff-abc\"");
        assert_eq!(entity_tag(version, Some("gzip")), "\"1-10-ff-abc-gzip\"");
    }
}
