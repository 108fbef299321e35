//! The response to a request, as a value.
//!
//! Handlers return these values, and the writer turns them into HTTP/1.1. Nothing here does I/O.

use std::rc::Rc;

use super::error::ErrorResponse;
use super::file::{FileHead, FilePart};
use super::stream::StreamedBody;
use crate::files::CachedFile;
use crate::http::{Status, Version};

/// The facts about a request that every response depends on.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct RequestFlags {
    pub(in crate::server) head_only: bool,
    pub(in crate::server) version: Version,
    pub(in crate::server) keep_alive: bool,
    /// The peer speaks HTTP/1.0 and has asked for a connection that persists.
    pub(in crate::server) http10_keep_alive: bool,
}

/// The response to a request.
#[derive(Debug)]
pub(in crate::server) struct Response {
    pub(in crate::server) status: Status,
    /// Whole field lines of this response's own. The writer adds those of the body and the common ones.
    pub(in crate::server) fields: Option<Rc<[u8]>>,
    pub(in crate::server) body: Body,
}

/// The body of a response, which knows its type and its length.
#[derive(Debug)]
pub(in crate::server) enum Body {
    /// No body. The response has a Content-Length only if `fields` has one.
    Empty,
    /// Bytes in memory.
    Bytes { media_type: &'static str, bytes: Rc<[u8]> },
    /// The page of an error. The writer renders it, unless it was the last one.
    ErrorPage(ErrorResponse),
    /// A file of the cache. Its rendered head is the writer's fast path.
    File(Rc<CachedFile<FileHead>>, FilePart),
    /// Bytes that are produced while they are sent.
    Stream(Box<StreamedBody>),
}

impl Response {
    /// A response without a body.
    pub(in crate::server) fn empty(status: Status, fields: Vec<u8>) -> Self {
        Self { status, fields: Some(fields.into()), body: Body::Empty }
    }

    /// A response with status 200 and `bytes` as its body.
    pub(in crate::server) fn bytes(media_type: &'static str, bytes: Vec<u8>, fields: Vec<u8>) -> Self {
        let body = Body::Bytes { media_type, bytes: bytes.into() };
        Self { status: Status::OK, fields: Some(fields.into()), body }
    }

    /// An error with its page as the body, and with `fields` beside those of its status.
    pub(in crate::server) fn error(error: ErrorResponse, fields: Vec<u8>) -> Self {
        Self { status: error.status, fields: Some(fields.into()), body: Body::ErrorPage(error) }
    }

    /// An error with a file of the site as its body. No cache may take one for the other, so the validators of
    /// the file are not sent.
    pub(in crate::server) fn error_document(error: &ErrorResponse, entry: Rc<CachedFile<FileHead>>) -> Self {
        let mut fields = Vec::new();
        error.append_fields(&mut fields);
        let body = Body::File(entry, FilePart::ErrorDocument);
        Self { status: error.status, fields: Some(fields.into()), body }
    }

    /// A file, or what a condition or a Range leaves of it.
    pub(in crate::server) fn file(entry: Rc<CachedFile<FileHead>>, part: FilePart) -> Self {
        Self { status: part.status(), fields: None, body: Body::File(entry, part) }
    }

    /// A response with status 200 whose body is produced while it is sent.
    pub(in crate::server) fn stream(body: StreamedBody, fields: Vec<u8>) -> Self {
        Self { status: Status::OK, fields: Some(fields.into()), body: Body::Stream(Box::new(body)) }
    }
}

impl From<ErrorResponse> for Response {
    fn from(error: ErrorResponse) -> Self {
        Self { status: error.status, fields: None, body: Body::ErrorPage(error) }
    }
}
