//! Response to a request, as a value.
//!
//! Nothing here does I/O.

use std::rc::Rc;

use super::error::ErrorResponse;
use super::file::{FileHead, FilePart};
use super::stream::StreamedBody;
use crate::files::CachedFile;
use crate::http::{Status, Version};

#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct RequestFlags {
    pub(in crate::server) head_only: bool,
    pub(in crate::server) version: Version,
    pub(in crate::server) keep_alive: bool,
    pub(in crate::server) http10_keep_alive: bool,
}

#[derive(Debug)]
pub(in crate::server) struct Response {
    pub(in crate::server) status: Status,
    pub(in crate::server) fields: Option<Rc<[u8]>>,
    pub(in crate::server) body: Body,
}

#[derive(Debug)]
pub(in crate::server) enum Body {
    /// Content-Length is sent only if `fields` has one.
    Empty,
    Bytes {
        media_type: &'static str,
        bytes: Rc<[u8]>,
    },
    ErrorPage(ErrorResponse),
    /// Its rendered head is the writer's fast path.
    File(Rc<CachedFile<FileHead>>, FilePart),
    Stream(Box<StreamedBody>),
}

impl Response {
    pub(in crate::server) fn empty(status: Status, fields: Vec<u8>) -> Self {
        Self { status, fields: Some(fields.into()), body: Body::Empty }
    }

    pub(in crate::server) fn bytes(media_type: &'static str, bytes: Vec<u8>, fields: Vec<u8>) -> Self {
        let body = Body::Bytes { media_type, bytes: bytes.into() };
        Self { status: Status::OK, fields: Some(fields.into()), body }
    }

    pub(in crate::server) fn error(error: ErrorResponse, fields: Vec<u8>) -> Self {
        Self { status: error.status, fields: Some(fields.into()), body: Body::ErrorPage(error) }
    }

    /// Without the file's validators: no cache may confuse the two.
    pub(in crate::server) fn error_document(error: &ErrorResponse, entry: Rc<CachedFile<FileHead>>) -> Self {
        let mut fields = Vec::new();
        error.append_fields(&mut fields);
        let body = Body::File(entry, FilePart::ErrorDocument);
        Self { status: error.status, fields: Some(fields.into()), body }
    }

    pub(in crate::server) fn file(entry: Rc<CachedFile<FileHead>>, part: FilePart) -> Self {
        Self { status: part.status(), fields: None, body: Body::File(entry, part) }
    }

    pub(in crate::server) fn stream(body: StreamedBody, fields: Vec<u8>) -> Self {
        Self { status: Status::OK, fields: Some(fields.into()), body: Body::Stream(Box::new(body)) }
    }
}

impl From<ErrorResponse> for Response {
    fn from(error: ErrorResponse) -> Self {
        Self { status: error.status, fields: None, body: Body::ErrorPage(error) }
    }
}
