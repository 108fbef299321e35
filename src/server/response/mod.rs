//! Responses: the values that handlers return, and the one writer that turns them into HTTP/1.1.
//!
//! It owns the fields of a response and their order, the built-in error pages, and the framing of bodies. It never
//! chooses what a request gets, and knows no connection.

mod common_headers;
mod error;
mod file;
mod stream;
mod types;
mod write;

pub(super) use error::{Allow, ErrorResponse, lookup_error, path_error};
pub(super) use file::{FileHead, FilePart, entity_tag, file_head, multipart};
pub(super) use stream::{BodySource, StreamFraming, StreamProgress, StreamedBody};
pub(super) use types::{Body, RequestFlags, Response};
pub(super) use write::{ResponseSpan, ResponseWriter, queue_continue};
