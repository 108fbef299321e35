//! Response to a request, as a value.
//!
//! Nothing here does I/O.

use std::rc::Rc;

use super::error::{ErrorPresentation, ErrorResponse};
use super::file::{FileHead, FilePart};
use super::stream::StreamedBody;
use crate::files::CachedFile;
use crate::http::{Status, Version};

#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFlags {
    pub(crate) head_only: bool,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) errors: ErrorPresentation,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    pub(crate) fields: Option<Rc<[u8]>>,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
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
    pub(crate) fn empty(status: Status, fields: Vec<u8>) -> Self {
        Self { status, fields: Some(fields.into()), body: Body::Empty }
    }

    pub(crate) fn bytes(media_type: &'static str, bytes: Vec<u8>, fields: Vec<u8>) -> Self {
        let body = Body::Bytes { media_type, bytes: bytes.into() };
        Self { status: Status::OK, fields: Some(fields.into()), body }
    }

    pub(crate) fn error(error: ErrorResponse, fields: Vec<u8>) -> Self {
        Self { status: error.status, fields: Some(fields.into()), body: Body::ErrorPage(error) }
    }

    /// Without the file's validators: no cache may confuse the two.
    pub(crate) fn error_document(error: &ErrorResponse, entry: Rc<CachedFile<FileHead>>) -> Self {
        let mut fields = Vec::new();
        error.append_fields(&mut fields);
        let body = Body::File(entry, FilePart::ErrorDocument);
        Self { status: error.status, fields: Some(fields.into()), body }
    }

    pub(crate) fn file(entry: Rc<CachedFile<FileHead>>, part: FilePart) -> Self {
        Self { status: part.status(), fields: None, body: Body::File(entry, part) }
    }

    pub(crate) fn stream(body: StreamedBody, fields: Vec<u8>) -> Self {
        Self { status: Status::OK, fields: Some(fields.into()), body: Body::Stream(Box::new(body)) }
    }
}

impl From<ErrorResponse> for Response {
    fn from(error: ErrorResponse) -> Self {
        Self { status: error.status, fields: None, body: Body::ErrorPage(error) }
    }
}
